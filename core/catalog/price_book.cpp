// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_book.h"

#include "core/catalog/embedded_book.h"
#include "core/catalog/price_names.h"
#include "core/catalog/price_text.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace headgate::catalog {

namespace {

/// Reads members of one row; the first bad one is kept and the rest read as empty.
class Row {
public:
    explicit Row(const JsonText& node) : m_node(node) { }

    std::optional<Price> price(std::string_view key) { return priceIn(m_node, key); }
    std::optional<Price> priceIn(const JsonText& node, std::string_view key)
    {
        const JsonText* text = present(node, key, JsonText::Kind::String);
        if (text == nullptr) {
            return std::nullopt;
        }
        const Result<Price> value = Price::parsePerMillion(text->text);
        if (!value) {
            fail(key, value.error().message);
            return std::nullopt;
        }
        return *value;
    }
    Money money(std::string_view key)
    {
        const JsonText* text = present(m_node, key, JsonText::Kind::String);
        if (text == nullptr) {
            return {};
        }
        const Result<Money> value = Money::parse(text->text);
        if (!value || value->isNegative()) {
            fail(key, value ? "an amount is negative" : value.error().message);
            return {};
        }
        return *value;
    }
    std::int64_t count(std::string_view key)
    {
        const JsonText* text = present(m_node, key, JsonText::Kind::Number);
        if (text == nullptr) {
            return 0;
        }
        const Result<std::int64_t> value = scaledDecimalUp(text->text, 0);
        const bool whole = text->text.find_first_not_of("0123456789") == std::string::npos;
        if (!value || !whole) {
            fail(key, "it is not a whole number");
            return 0;
        }
        return *value;
    }
    std::string text(std::string_view key, bool required)
    {
        const JsonText* found = present(m_node, key, JsonText::Kind::String);
        if (required && (found == nullptr || found->text.empty())) {
            fail(key, "it is missing");
        }
        return found != nullptr ? found->text : std::string();
    }
    TimeUs date(std::string_view key)
    {
        const std::string value = text(key, false);
        if (value.empty()) {
            return 0;
        }
        const auto at = dateUs(value);
        if (!at) {
            fail(key, "it is not a date such as 2026-09-28");
        }
        return at.value_or(0);
    }
    void fail(std::string_view key, const std::string& why)
    {
        if (m_error.empty()) {
            m_error = "\"" + std::string(key) + "\": " + why;
        }
    }
    [[nodiscard]] const std::string& error() const { return m_error; }

private:
    const JsonText* present(const JsonText& node, std::string_view key, JsonText::Kind kind)
    {
        const JsonText* found = node.find(key);
        if (found == nullptr || found->kind == JsonText::Kind::Null) {
            return nullptr;
        }
        if (found->kind != kind) {
            fail(key,
                kind == JsonText::Kind::String ? "it must be text in quotes"
                                               : "it must be a number");
            return nullptr;
        }
        return found;
    }

    const JsonText& m_node;
    std::string m_error;
};

PriceSheet readSheet(Row& row, const JsonText& node)
{
    PriceSheet sheet;
    sheet.validFrom = row.date("validFrom");
    sheet.input = row.price("input");
    sheet.output = row.price("output");
    sheet.cacheRead = row.price("cacheRead");
    sheet.cacheWrite5m = row.price("cacheWrite5m");
    sheet.cacheWrite1h = row.price("cacheWrite1h");
    sheet.inputAudio = row.price("inputAudio");
    sheet.outputAudio = row.price("outputAudio");
    sheet.perCall = row.money("perCall");
    sheet.perWebSearch = row.money("perWebSearch");
    sheet.tierAbove = row.count("tierAbove");
    sheet.tierInput = row.price("tierInput");
    sheet.tierOutput = row.price("tierOutput");
    sheet.tierCacheRead = row.price("tierCacheRead");
    sheet.tierCacheWrite = row.price("tierCacheWrite");
    sheet.tierCacheWrite1h = row.price("tierCacheWrite1h");
    sheet.source = row.text("source", false);
    if (const JsonText* services = node.find("serviceTiers")) {
        for (const auto& [name, prices] : services->members) {
            sheet.serviceTiers[name] = {row.priceIn(prices, "input"), row.priceIn(prices, "output"),
                row.priceIn(prices, "cacheRead"), row.priceIn(prices, "cacheWrite")};
        }
    }
    if (!sheet.input || !sheet.output) {
        row.fail("input", "input and output prices are needed");
    }
    return sheet;
}

Capabilities readCapabilities(const JsonText* node)
{
    Capabilities can;
    if (node != nullptr) {
        can.tools = node->boolean("tools", can.tools);
        can.images = node->boolean("images", can.images);
        can.audio = node->boolean("audio", can.audio);
        can.jsonSchema = node->boolean("jsonSchema", can.jsonSchema);
        can.reasoning = node->boolean("reasoning", can.reasoning);
        can.logprobs = node->boolean("logprobs", can.logprobs);
    }
    return can;
}

/// Adds the row's price sheets; the reason when one of them is bad.
std::string addSheets(Model& model, const JsonText& node)
{
    const JsonText* prices = node.find("prices");
    if (prices == nullptr || !prices->isArray() || prices->members.empty()) {
        return "\"prices\": at least one price list is needed";
    }
    for (const auto& entry : prices->members) {
        Row row(entry.second);
        model.prices.push_back(readSheet(row, entry.second));
        if (!row.error().empty()) {
            return row.error();
        }
    }
    std::stable_sort(model.prices.begin(), model.prices.end(),
        [](const PriceSheet& a, const PriceSheet& b) { return a.validFrom < b.validFrom; });
    return {};
}

Result<Model> readModel(const JsonText& node)
{
    Row row(node);
    Model model;
    model.provider = row.text("provider", true);
    model.name = row.text("name", true);
    model.displayName = row.text("displayName", false);
    model.contextTokens = row.count("context");
    model.maxOutputTokens = row.count("maxOutput");
    model.tokenizer = row.text("tokenizer", false);
    model.embedding = node.boolean("embedding", false);
    model.can = readCapabilities(node.find("can"));
    const std::int64_t tier = row.count("tier");
    if (tier < 1 || tier > 4) {
        row.fail("tier", "it must be 1, 2, 3 or 4");
    }
    model.tier = static_cast<int>(tier);
    std::string bad = row.error();
    if (bad.empty()) {
        bad = addSheets(model, node);
    }
    if (!bad.empty()) {
        return Error(
            ErrorCode::InvalidArgument, model.provider + "/" + model.name + ": " + bad + ".");
    }
    return model;
}

} // namespace

const Model* PriceBook::find(std::string_view provider, std::string_view model) const
{
    const Model* best = nullptr;
    for (const Model& candidate : models) {
        if (candidate.provider != provider) {
            continue;
        }
        if (candidate.name == model) {
            return &candidate;
        }
        if (extendsByVersion(model, candidate.name)
            && (best == nullptr || candidate.name.size() > best->name.size())) {
            best = &candidate;
        }
    }
    return best;
}

const PriceBook& defaultBook()
{
    static const PriceBook book = [] {
        Result<PriceBook> read = parseBook(embeddedBook());
        if (!read) {
            throw std::logic_error("the price book compiled in is bad: " + read.error().message);
        }
        return std::move(*read);
    }();
    return book;
}

Result<PriceBook> parseBook(std::string_view json)
{
    const Result<JsonText> root = parseJsonText(json);
    if (!root) {
        return Error(root.error().code, "The price book cannot be read. " + root.error().message);
    }
    const JsonText* format = root->find("format");
    const JsonText* models = root->find("models");
    if (format == nullptr || format->text != "1" || models == nullptr || !models->isArray()) {
        return Error(ErrorCode::InvalidArgument,
            "The price book needs \"format\": 1 and a list \"models\".",
            "The format is described in resources/prices/README.md.");
    }
    PriceBook book;
    book.date = std::string(root->string("date"));
    book.sources = std::string(root->string("sources"));
    std::set<std::string> seen;
    std::size_t number = 0;
    for (const auto& entry : models->members) {
        ++number;
        const std::string where = "Row " + std::to_string(number) + " of the price book is bad: ";
        Result<Model> model = readModel(entry.second);
        if (!model) {
            return Error(ErrorCode::InvalidArgument, where + model.error().message,
                "Nothing of the book was taken over.");
        }
        if (!seen.insert(model->id()).second) {
            return Error(ErrorCode::AlreadyExists, where + model->id() + " is listed twice.",
                "Nothing of the book was taken over.");
        }
        book.models.push_back(std::move(*model));
    }
    return book;
}

} // namespace headgate::catalog
