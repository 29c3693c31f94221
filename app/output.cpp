// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/output.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace headgate::app {

namespace {

/// Columns are aligned by characters, not bytes. Good enough for names; combining marks are rare.
std::size_t widthOf(const std::string& text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(),
        [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Text from clients and files may hold terminal escapes; they are shown, not obeyed.
std::string printable(std::string text)
{
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            c = '?';
        }
    }
    return text;
}

std::string title(const std::string& field)
{
    std::string text = field;
    constexpr std::string_view perMillion = "_usd_per_million";
    constexpr std::string_view dollars = "_usd";
    if (text.ends_with(perMillion)) {
        text.replace(text.size() - perMillion.size(), perMillion.size(), " $/M");
    } else if (text.ends_with(dollars)) {
        text.replace(text.size() - dollars.size(), dollars.size(), " $");
    }
    std::replace(text.begin(), text.end(), '_', ' ');
    return text;
}

std::string cell(const boost::json::object& row, const std::string& field)
{
    const auto* value = row.if_contains(field);
    return value == nullptr ? std::string() : plainText(*value);
}

std::string padded(const std::string& text, std::size_t width)
{
    const std::size_t have = widthOf(text);
    return have >= width ? text : text + std::string(width - have, ' ');
}

/// Programs get every field; people need neither a time twice nor a name without a value.
bool isForPeople(std::string_view field, const boost::json::value& value)
{
    const bool empty = value.is_null() || (value.is_string() && value.get_string().empty())
        || (value.is_array() && value.get_array().empty());
    return !empty && !field.ends_with("_us");
}

bool isNested(const boost::json::value& value)
{
    return value.is_array()
        && std::any_of(value.get_array().begin(), value.get_array().end(),
            [](const boost::json::value& item) { return item.is_structured(); });
}

/// "x: settled $ 0.00, held $ 0.00": the fields of one nested object, without what says nothing.
std::string shortLine(const boost::json::object& object)
{
    std::string line;
    for (const auto& member : object) {
        const auto& value = member.value();
        const bool off = value.is_bool() && !value.get_bool();
        if (off || member.key() == "value" || !isForPeople(member.key(), value)) {
            continue;
        }
        line += (line.empty() ? "" : ", ") + title(std::string(member.key())) + " "
            + plainText(value);
    }
    // A sentence says it all; the fields beside it are for programs.
    if (const auto* text = object.if_contains("text"); text != nullptr && text->is_string()) {
        return plainText(*text);
    }
    const std::string name = cell(object, "value");
    return name.empty() ? line : name + ": " + line;
}

} // namespace

std::string plainText(const boost::json::value& value)
{
    if (value.is_null()) {
        return "-";
    }
    if (value.is_string()) {
        return printable(std::string(value.get_string().c_str(), value.get_string().size()));
    }
    if (value.is_bool()) {
        return value.get_bool() ? "yes" : "no";
    }
    if (value.is_array()) {
        std::string joined;
        for (const auto& item : value.get_array()) {
            joined += (joined.empty() ? "" : ", ") + plainText(item);
        }
        return joined;
    }
    return printable(boost::json::serialize(value));
}

bool Output::row(const boost::json::object& row)
{
    ++m_count;
    if (!m_json) {
        m_rows.push_back(row);
        return true;
    }
    const std::string line = boost::json::serialize(row) + "\n";
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size()
        && std::fflush(stdout) == 0;
}

void Output::finish()
{
    if (m_json) {
        return;
    }
    if (m_rows.empty()) {
        if (!m_layout.emptyText.empty()) {
            std::fprintf(stderr, "%s\n", m_layout.emptyText.c_str());
        }
    } else if (m_layout.table) {
        printTable();
    } else {
        for (const auto& row : m_rows) {
            printFields(row);
        }
    }
    std::fflush(stdout);
    m_rows.clear();
}

void Output::printTable() const
{
    std::vector<std::string> columns = m_layout.columns;
    std::erase_if(columns, [&](const std::string& column) {
        return std::none_of(m_rows.begin(), m_rows.end(),
            [&](const boost::json::object& row) { return row.contains(column); });
    });
    if (columns.empty()) {
        for (const auto& member : m_rows.front()) {
            columns.emplace_back(member.key());
        }
    }
    std::vector<std::vector<std::string>> lines(1);
    for (const auto& column : columns) {
        lines.front().push_back(title(column));
    }
    for (const auto& row : m_rows) {
        auto& line = lines.emplace_back();
        for (const auto& column : columns) {
            line.push_back(cell(row, column));
        }
    }
    for (std::size_t c = 0; c + 1 < columns.size(); ++c) {
        std::size_t width = 0;
        for (const auto& line : lines) {
            width = std::max(width, widthOf(line[c]));
        }
        for (auto& line : lines) {
            line[c] = padded(line[c], width + 2);
        }
    }
    for (const auto& line : lines) {
        std::string text;
        for (const auto& part : line) {
            text += part;
        }
        std::printf("%s\n", text.substr(0, text.find_last_not_of(' ') + 1).c_str());
    }
}

void Output::printFields(const boost::json::object& row) const
{
    std::size_t width = 0;
    for (const auto& member : row) {
        width = isForPeople(member.key(), member.value())
            ? std::max(width, widthOf(title(std::string(member.key()))))
            : width;
    }
    for (const auto& member : row) {
        const auto& value = member.value();
        if (!isForPeople(member.key(), value)) {
            continue;
        }
        const std::string name = title(std::string(member.key()));
        if (!isNested(value)) {
            std::printf("%s%s\n", padded(name, width + 2).c_str(), plainText(value).c_str());
            continue;
        }
        std::printf("%s\n", name.c_str());
        for (const auto& item : value.get_array()) {
            std::printf("  %s\n",
                item.is_object() ? shortLine(item.get_object()).c_str() : plainText(item).c_str());
        }
    }
}

int showStory(const boost::json::object& row)
{
    std::printf("%s\n", cell(row, "title").c_str());
    if (const auto* story = row.if_contains("story"); story != nullptr && story->is_array()) {
        for (const auto& sentence : story->get_array()) {
            std::printf("  %s\n", plainText(sentence).c_str());
        }
    }
    std::size_t width = 0;
    const auto* facts = row.if_contains("facts");
    if (facts != nullptr && facts->is_array()) {
        for (const auto& fact : facts->get_array()) {
            width = std::max(width, widthOf(cell(fact.as_object(), "label")));
        }
        std::printf("\n");
        for (const auto& fact : facts->get_array()) {
            std::printf("  %s%s\n", padded(cell(fact.as_object(), "label"), width + 2).c_str(),
                cell(fact.as_object(), "value").c_str());
        }
    }
    Output lines(false,
        {true, {"at", "what", "held_usd", "settled_usd", "topped_up_usd", "where", "reason"}, ""});
    if (const auto* journal = row.if_contains("lines"); journal != nullptr && journal->is_array()) {
        for (const auto& line : journal->get_array()) {
            static_cast<void>(lines.row(line.as_object()));
        }
    }
    std::printf("\n");
    lines.finish();
    std::printf("\n");
    const auto* ok = row.if_contains("ok");
    return ok != nullptr && ok->is_bool() && !ok->get_bool() ? exitFailed : exitDone;
}

int fail(const Error& error, int exitCode)
{
    std::fflush(stdout);
    std::fprintf(stderr, "headgate: %s\n", error.text().c_str());
    return exitCode;
}

int failUsage(const std::string& message)
{
    std::fprintf(stderr, "headgate: %s\nTry: headgate --help\n", message.c_str());
    return exitUsage;
}

} // namespace headgate::app
