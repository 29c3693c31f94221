// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/cli.h"

#include "core/base/money.h"
#include "core/ledger/pool.h"
#include "core/service/control.h"
#include "core/service/service.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace headgate::app {

namespace {

/// CLI11 takes "-1.50" for an option; amounts may be negative. A real minus sign passes through.
constexpr const char* minusSign = "\u2212";

std::string fieldName(const std::string& flag)
{
    std::string name = flag.substr(flag.find_first_not_of('-'));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

std::vector<std::string> protectNegativeNumbers(int argc, char** argv)
{
    std::vector<std::string> args;
    for (int i = argc - 1; i > 0; --i) { // CLI11 wants them in reverse
        std::string arg = argv[i];
        if (arg.size() > 1 && arg[0] == '-'
            && (arg[1] == '.' || (arg[1] >= '0' && arg[1] <= '9'))) {
            arg = minusSign + arg.substr(1);
        }
        args.push_back(std::move(arg));
    }
    return args;
}

std::string restoreMinus(std::string text)
{
    const std::string sign = minusSign;
    if (text.starts_with(sign)) {
        text = "-" + text.substr(sign.size());
    }
    return text;
}

} // namespace

Result<boost::json::value> readText(const std::string& text)
{
    return boost::json::value(text);
}

Result<boost::json::value> readMoney(const std::string& text)
{
    const auto money = Money::parse(text);
    if (!money) {
        return money.error();
    }
    return boost::json::value(money->toDecimal());
}

Result<boost::json::value> readPrice(const std::string& text)
{
    const auto price = Price::parsePerMillion(text);
    if (!price) {
        return price.error();
    }
    return boost::json::value(price->toPerMillion());
}

Result<boost::json::value> readCount(const std::string& text)
{
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || value < 0) {
        return Error(ErrorCode::InvalidArgument, "\"" + text + "\" is not a whole number.");
    }
    return boost::json::value(value);
}

Result<boost::json::value> readPercent(const std::string& text)
{
    const std::string digits = text.ends_with('%') ? text.substr(0, text.size() - 1) : text;
    auto value = readCount(digits);
    if (!value || value->get_int64() > 100) {
        return Error(ErrorCode::InvalidArgument,
            "\"" + text + "\" is not a whole percentage from 0% to 100%.");
    }
    return value;
}

Result<boost::json::value> readScope(const std::string& text)
{
    const auto scope = ledger::Scope::parse(text);
    return scope ? readText(text) : Result<boost::json::value>(scope.error());
}

Result<boost::json::value> readWindow(const std::string& text)
{
    const auto window = ledger::Window::parse(text);
    return window ? readText(text) : Result<boost::json::value>(window.error());
}

Result<boost::json::value> readDate(const std::string& text)
{
    static const std::string form = "0000-00-00";
    bool good = text.size() >= form.size();
    for (std::size_t i = 0; good && i < form.size(); ++i) {
        good = form[i] == '-' ? text[i] == '-' : (text[i] >= '0' && text[i] <= '9');
    }
    if (!good) {
        return Error(ErrorCode::InvalidArgument,
            "\"" + text + "\" is not a date like 2026-01-31 (a time may follow: T14:00:00Z).");
    }
    return boost::json::value(text);
}

Reader readWord(std::vector<std::string> words)
{
    return [words = std::move(words)](const std::string& text) -> Result<boost::json::value> {
        if (std::find(words.begin(), words.end(), text) != words.end()) {
            return boost::json::value(text);
        }
        std::string all;
        for (const auto& word : words) {
            all += (all.empty() ? "" : ", ") + word;
        }
        return Error(ErrorCode::InvalidArgument, "\"" + text + "\" is none of: " + all + ".");
    };
}

Command::Command(CLI::App* app, std::string verb) : m_app(app), m_verb(std::move(verb))
{
    m_app->add_flag("--json", *m_json, "One JSON object, or one a line, on standard output");
}

CLI::Option* Command::add(const std::string& flag, const std::string& help, Field field)
{
    field.values = std::make_shared<std::vector<std::string>>();
    auto* option = m_app->add_option(flag, *field.values, help)->type_name("");
    option->expected(1)->multi_option_policy(
        field.list ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::Throw);
    option->allow_extra_args(false);
    field.option = option;
    m_fields.push_back(std::move(field));
    return option;
}

Command& Command::positional(const std::string& field, const std::string& help, Reader reader)
{
    add(field, help, {field, nullptr, nullptr, std::move(reader), false, false})->required();
    return *this;
}

Command& Command::optionalPositional(const std::string& field, const std::string& help)
{
    add(field, help, {field, nullptr, nullptr, readText, false, false});
    return *this;
}

Command& Command::option(const std::string& flag, const std::string& help, Reader reader)
{
    add(flag, help, {fieldName(flag), nullptr, nullptr, std::move(reader), false, false});
    return *this;
}

Command& Command::required(const std::string& flag, const std::string& help, Reader reader)
{
    option(flag, help, std::move(reader));
    m_fields.back().option->required();
    return *this;
}

Command& Command::repeated(const std::string& flag, const std::string& help)
{
    add(flag, help, {fieldName(flag), nullptr, nullptr, readText, true, false});
    return *this;
}

Command& Command::flag(const std::string& flag, const std::string& help)
{
    Field field;
    field.name = fieldName(flag);
    field.isFlag = true;
    field.option = m_app->add_flag(flag, help);
    m_fields.push_back(std::move(field));
    return *this;
}

Command& Command::as(const std::string& field)
{
    m_fields.back().name = field;
    return *this;
}

Command& Command::layout(Layout layout)
{
    m_layout = std::move(layout);
    return *this;
}

Command& Command::prepare(Prepare prepare)
{
    m_prepare = std::move(prepare);
    return *this;
}

Command& Command::local(Local local)
{
    m_local = std::move(local);
    return *this;
}

Command& Command::show(Show show)
{
    m_show = std::move(show);
    return *this;
}

Command& Command::raw(Raw raw)
{
    m_raw = std::move(raw);
    return *this;
}

Result<boost::json::object> Command::fields() const
{
    boost::json::object args;
    for (const Field& field : m_fields) {
        if (field.option->count() == 0) {
            continue;
        }
        if (field.isFlag) {
            args[field.name] = true;
            continue;
        }
        boost::json::array list;
        for (const std::string& raw : *field.values) {
            const auto value = field.reader(restoreMinus(raw));
            if (!value) {
                return Error(value.error().code,
                    field.option->get_name() + ": " + value.error().message, value.error().remedy);
            }
            list.push_back(*value);
        }
        if (field.list) {
            args[field.name] = std::move(list);
        } else {
            args[field.name] = list.front();
        }
    }
    return args;
}

int Command::run() const
{
    auto args = fields();
    if (!args) {
        return failUsage(args.error().text());
    }
    if (m_prepare) {
        if (const auto prepared = m_prepare(*args); !prepared) {
            const bool usage = prepared.error().code == ErrorCode::InvalidArgument;
            return usage ? failUsage(prepared.error().text()) : fail(prepared.error());
        }
    }
    return m_local ? m_local(*args, *m_json) : runRemote(*args);
}

int Command::runRemote(const boost::json::object& args) const
{
    Output output(*m_json, m_layout);
    int shown = exitDone;
    bool bad = false;
    const auto done = service::runVerbAt(
        service::defaultHome(), m_verb, args, [&](const boost::json::object& row) {
            const auto* ok = row.if_contains("ok");
            bad = bad || (ok != nullptr && ok->is_bool() && !ok->get_bool());
            if (m_raw) {
                return m_raw(row);
            }
            if (m_show && !*m_json) {
                shown = std::max(shown, m_show(row));
                return true;
            }
            return output.row(row);
        });
    output.finish();
    if (!done) {
        return fail(done.error());
    }
    return bad ? exitFailed : shown;
}

int runCommandLine(int argc, char** argv, ConsoleRequest& console)
{
    CLI::App root("Headgate: a local LLM routing proxy with hard dollar caps.\n"
                  "Without a verb it opens the console. State lives under $HEADGATE_HOME.",
        "headgate");
    root.set_version_flag("--version", std::string("headgate ") + HEADGATE_VERSION);
    root.require_subcommand(0, 1);
    root.add_flag(
        "--attach", console.attach, "Open the console for a Headgate that runs elsewhere");
    root.add_option("--screenshots", console.screenshotsDir)->group("");
    const auto verbs = addVerbs(root);
    try {
        root.parse(protectNegativeNumbers(argc, argv));
    } catch (const CLI::ParseError& error) {
        return root.exit(error) == 0 ? exitDone : exitUsage;
    }
    for (const auto& verb : verbs) {
        if (verb->chosen()) {
            return verb->run();
        }
    }
    console.wanted = true;
    return exitDone;
}

} // namespace headgate::app
