// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The command line: a tree of verbs whose words are a contract with scripts. Each verb turns its
// options into JSON fields of the same names and hands them to core/service/control.h, or runs here
// when it needs no state. Main thread only. Knows no rule of money or routing itself.

#include "app/output.h"
#include "core/base/result.h"

#include <CLI/App.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace headgate::app {

/// Reads an option's text; an error is a wrong usage (exit code 2).
using Reader = std::function<Result<boost::json::value>(const std::string&)>;

[[nodiscard]] Result<boost::json::value> readText(const std::string& text);
[[nodiscard]] Result<boost::json::value> readMoney(const std::string& text); ///< exact dollars
[[nodiscard]] Result<boost::json::value> readPrice(const std::string& text); ///< dollars a million
[[nodiscard]] Result<boost::json::value> readCount(const std::string& text); ///< whole, ≥ 0
[[nodiscard]] Result<boost::json::value> readPercent(const std::string& text); ///< "20%" → 20
[[nodiscard]] Result<boost::json::value> readScope(const std::string& text);
[[nodiscard]] Result<boost::json::value> readWindow(const std::string& text);
[[nodiscard]] Result<boost::json::value> readDate(const std::string& text); ///< YYYY-MM-DD[…]
/// One of the words.
[[nodiscard]] Reader readWord(std::vector<std::string> words);

/// One verb: its options and what happens with them.
class Command {
public:
    Command(CLI::App* app, std::string verb);

    /// A word without dashes, required, in order.
    Command& positional(
        const std::string& field, const std::string& help, Reader reader = readText);
    Command& optionalPositional(const std::string& field, const std::string& help);
    /// "--max-output" becomes the field "max_output".
    Command& option(const std::string& flag, const std::string& help, Reader reader = readText);
    Command& required(const std::string& flag, const std::string& help, Reader reader = readText);
    Command& repeated(const std::string& flag, const std::string& help); ///< a list of texts
    Command& flag(const std::string& flag, const std::string& help);
    /// The last option's field is sent under another name.
    Command& as(const std::string& field);
    Command& layout(Layout layout);
    /// Changes the fields before they are sent: files, environment, standard input.
    using Prepare = std::function<Result<void>(boost::json::object&)>;
    Command& prepare(Prepare prepare);
    /// Runs here instead of through the service. Returns the exit code.
    using Local = std::function<int(const boost::json::object&, bool json)>;
    Command& local(Local local);
    /// For people: what is shown of a row that came back; returns the exit code.
    using Show = std::function<int(const boost::json::object&)>;
    Command& show(Show show);
    /// Prints every row itself, whatever --json says. False: nobody reads any more.
    using Raw = std::function<bool(const boost::json::object&)>;
    Command& raw(Raw raw);

    [[nodiscard]] bool chosen() const { return m_app->parsed(); }
    [[nodiscard]] int run() const;
    CLI::App* cli() { return m_app; }

private:
    struct Field {
        std::string name;
        CLI::Option* option = nullptr;
        std::shared_ptr<std::vector<std::string>> values;
        Reader reader;
        bool list = false;
        bool isFlag = false;
    };
    CLI::Option* add(const std::string& flag, const std::string& help, Field field);
    [[nodiscard]] Result<boost::json::object> fields() const;
    [[nodiscard]] int runRemote(const boost::json::object& args) const;

    CLI::App* m_app;
    std::string m_verb;
    std::shared_ptr<bool> m_json = std::make_shared<bool>(false);
    std::vector<Field> m_fields;
    Layout m_layout;
    Prepare m_prepare;
    Local m_local;
    Show m_show;
    Raw m_raw;
};

/// All verbs below `root`.
[[nodiscard]] std::vector<std::unique_ptr<Command>> addVerbs(CLI::App& root);

/// Parses and runs. Empty: no verb was given, the console is asked for.
struct ConsoleRequest {
    bool wanted = false;
    bool attach = false;
    std::string screenshotsDir; ///< not empty: only draw pictures of the pages
};
int runCommandLine(int argc, char** argv, ConsoleRequest& console);

} // namespace headgate::app
