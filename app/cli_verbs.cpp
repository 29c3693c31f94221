// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/cli.h"
#include "app/demo.h"
#include "app/local_verbs.h"
#include "app/serve.h"

#include <QString>
#include <boost/json/serialize.hpp>

#include <cstdio>
#include <iostream>

namespace headgate::app {

namespace {

using Verbs = std::vector<std::unique_ptr<Command>>;

CLI::App* group(CLI::App& root, const std::string& name, const std::string& help)
{
    auto* app = root.add_subcommand(name, help);
    app->require_subcommand(1);
    return app;
}

Command& verb(Verbs& verbs, CLI::App* parent, const std::string& words, const std::string& help)
{
    const auto dot = words.rfind('.');
    const std::string name = dot == std::string::npos ? words : words.substr(dot + 1);
    verbs.push_back(std::make_unique<Command>(parent->add_subcommand(name, help), words));
    return *verbs.back();
}

Layout table(std::vector<std::string> columns, std::string emptyText)
{
    return {true, std::move(columns), std::move(emptyText)};
}

/// A verb of the contract whose feature comes later: any words are taken, the answer is honest.
void later(Verbs& verbs, CLI::App* parent, const std::string& words)
{
    Command& command = verb(verbs, parent, words, "(not in this version)");
    command.cli()->allow_extras();
    command.local([words](const boost::json::object&, bool) {
        std::string said = words;
        if (const auto dot = said.find('.'); dot != std::string::npos) {
            said[dot] = ' ';
        }
        return fail(
            Error(ErrorCode::Unsupported, "\"" + said + "\" is not in this version of Headgate."));
    });
}

/// Replaces the field "file" by `field` with the file's text.
Command::Prepare fileInto(const std::string& field)
{
    return [field](boost::json::object& args) -> Result<void> {
        const auto text = readFile(std::string(args.at("file").as_string()));
        if (!text) {
            return text.error();
        }
        args.erase("file");
        args[field] = *text;
        return {};
    };
}

/// A file's text goes along; an address is fetched by the program that serves.
Result<void> takePriceList(boost::json::object& args)
{
    const std::string list(args.at("list").as_string());
    args.erase("list");
    if (list.starts_with("https://") || list.starts_with("http://")) {
        args["url"] = list;
        return {};
    }
    auto text = readFile(list);
    if (!text) {
        return text.error();
    }
    const auto slash = list.rfind('/');
    args["origin"] = slash == std::string::npos ? list : list.substr(slash + 1);
    args["text"] = *text;
    return {};
}

/// --key-env and --key-stdin keep the key out of the process list.
Result<void> takeProviderKey(boost::json::object& args)
{
    const bool fromStdin = args.erase("key_stdin") > 0;
    const auto* name = args.if_contains("key_env");
    if (fromStdin && name != nullptr) {
        return Error(ErrorCode::InvalidArgument, "Use --key-env or --key-stdin, not both.");
    }
    std::string key;
    if (fromStdin) {
        std::getline(std::cin, key);
    } else if (name != nullptr) {
        const std::string variable(name->as_string());
        const std::string value = qEnvironmentVariable(variable.c_str()).toStdString();
        if (value.empty()) {
            return Error(ErrorCode::NotFound, "The environment variable " + variable + " is empty.",
                "Set it to the provider's key.");
        }
        key = value;
        args.erase("key_env");
    } else {
        return {};
    }
    while (!key.empty() && (key.back() == '\r' || key.back() == '\n' || key.back() == ' ')) {
        key.pop_back();
    }
    if (key.empty()) {
        return Error(ErrorCode::InvalidArgument, "No key came on standard input.");
    }
    args["key"] = key;
    return {};
}

Result<void> takeProviderSecrets(boost::json::object& args)
{
    if (const auto* name = args.if_contains("proxy_auth_env")) {
        const std::string variable(name->as_string());
        const auto value = qEnvironmentVariable(variable.c_str()).toStdString();
        if (value.empty()) {
            return Error(ErrorCode::NotFound, "The environment variable " + variable + " is empty.",
                "Set it to user:password of the proxy.");
        }
        args.erase("proxy_auth_env");
        args["proxy_auth"] = value;
    }
    return takeProviderKey(args);
}

Result<boost::json::value> readYesNo(const std::string& text)
{
    if (text != "yes" && text != "no") {
        return Error(ErrorCode::InvalidArgument, "\"" + text + "\" is neither yes nor no.");
    }
    return boost::json::value(text == "yes");
}

/// The key alone on standard output, so that KEY=$(headgate keys create …) works.
int showNewKey(const boost::json::object& row)
{
    const auto* key = row.if_contains("key");
    if (key == nullptr) {
        return exitFailed;
    }
    std::fprintf(stderr, "Keep this key now; it is not shown again.\n");
    std::printf("%s\n", plainText(*key).c_str());
    return exitDone;
}

/// CSV comes as ready lines, JSON as rows.
bool printExported(const boost::json::object& row)
{
    const auto* line = row.if_contains("line");
    const std::string text
        = (line != nullptr ? std::string(line->as_string()) : boost::json::serialize(row)) + "\n";
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
}

void addRunning(Verbs& verbs, CLI::App& root)
{
    verb(verbs, &root, "serve", "Serve without the console until a signal; drains, then ends")
        .option("--listen", "HOST:PORT, default 127.0.0.1:4141; port 0 takes a free one")
        .local([](const boost::json::object& args, bool json) {
            const auto* listen = args.if_contains("listen");
            const auto address
                = parseListen(listen != nullptr ? std::string(listen->as_string()) : defaultListen);
            if (!address) {
                return failUsage(address.error().text());
            }
            return serve({*address, json});
        });
    verb(verbs, &root, "demo", "Realistic simulated traffic against the running proxy")
        .option("--rate", "Requests a second, 1 to 10000 (default 2)", readCount)
        .option("--seconds", "How long (default: until Ctrl+C)", readCount)
        .local(runDemo);
    verb(verbs, &root, "status", "What runs, what is held, what was spent today");
    verb(verbs, &root, "pause", "Stop admitting requests");
    verb(verbs, &root, "resume", "Admit requests again");
}

constexpr const char* scopeHelp
    = "org | team=X | each-team | user=X | each-user | key=X | each-key | session=X | "
      "each-session | request | tag=k:v | tier>=N | model=X | provider=X";
constexpr const char* windowHelp
    = "hour | day | week | month | quarter | year | sliding:24h | bucket:CAPACITY/RATE-per-hour | "
      "lifetime | session:30m | request";

void addPoolEdits(Verbs& verbs, CLI::App* pools)
{
    verb(verbs, pools, "pools.add", "Add a pool")
        .required("--name", "Unique name")
        .required("--scope", scopeHelp, readScope)
        .required("--window", windowHelp, readWindow)
        .option("--cap", "Dollars, exact: 5.00 (a bucket's is its capacity)", readMoney)
        .option("--zone", "Time zone of the window, e.g. Europe/Berlin")
        .option("--fiscal-day", "First day of month, quarter and year, 1 to 28", readCount)
        .option("--reserve", "Share for high priority only, e.g. 20%", readPercent)
        .flag("--watch", "Only watch, never refuse");
    verb(verbs, pools, "pools.set", "Change a pool; nothing that was spent is forgotten")
        .positional("name", "The pool")
        .option("--cap", "Dollars, exact: 5.00", readMoney)
        .option("--window", windowHelp, readWindow)
        .option("--reserve", "Share for high priority only, e.g. 20%", readPercent)
        .option("--zone", "Time zone of the window")
        .option("--fiscal-day", "First day of month, quarter and year, 1 to 28", readCount)
        .option("--new-name", "Rename it")
        .flag("--watch", "Only watch, never refuse")
        .flag("--hard", "Refuse at the cap")
        .prepare([](boost::json::object& args) -> Result<void> {
            if (args.contains("watch") && args.contains("hard")) {
                return Error(ErrorCode::InvalidArgument, "Use --watch or --hard, not both.");
            }
            if (args.size() < 2) {
                return Error(ErrorCode::InvalidArgument, "Nothing to change was named.");
            }
            return {};
        });
    verb(verbs, pools, "pools.duplicate", "Add a pool like another one")
        .positional("name", "The pool to copy")
        .required("--name", "Name of the new one")
        .as("new_name");
}

void addPools(Verbs& verbs, CLI::App& root)
{
    auto* pools = group(root, "pools", "Pools of money and their caps");
    verb(verbs, pools, "pools.list", "All pools with what is settled, held and left")
        .flag("--all", "Archived ones too")
        .layout(table({"name", "scope", "window", "cap_usd", "settled_usd", "held_usd",
                          "available_usd", "state", "hard", "renews"},
            "No limit is set. Requests pass unmetered until you add one."));
    verb(verbs, pools, "pools.show", "One pool with its accounts").positional("name", "The pool");
    addPoolEdits(verbs, pools);
    for (const char* words : {"pools.top-up", "pools.adjust"}) {
        const bool topUp = std::string(words) == "pools.top-up";
        verb(verbs, pools, words,
            topUp ? "Add money to the current window" : "Correct the books by an amount")
            .positional("name", "The pool")
            .positional("amount", "Dollars, exact; adjust takes negative ones too", readMoney)
            .required("--reason", "Why, for the journal")
            .option("--value", "Which account of a pool with one for each value");
    }
    verb(verbs, pools, "pools.freeze", "Refuse everything under this pool")
        .positional("name", "The pool");
    verb(verbs, pools, "pools.unfreeze", "Let requests pass again").positional("name", "The pool");
    verb(verbs, pools, "pools.archive", "Take a pool out of use; its history stays")
        .positional("name", "The pool");
    verb(verbs, pools, "pools.restore", "Take a pool back into use").positional("name", "The pool");
    verb(verbs, pools, "pools.history", "Who changed what of a pool, or of all")
        .optionalPositional("name", "The pool (default: all)")
        .option("--limit", "At most so many (default 50)", readCount)
        .layout(table({"at", "actor", "summary", "change", "reason", "revision", "entry", "undone"},
            "Nothing was changed yet."));
    verb(verbs, pools, "pools.undo",
        "Take the last change back: caps by restoring, money by a correcting entry");
}

void addKeys(Verbs& verbs, CLI::App& root)
{
    auto* keys = group(root, "keys", "Client keys");
    verb(verbs, keys, "keys.create", "Create a key and print it, this once")
        .required("--name", "Unique name")
        .option("--team", "Team it counts for")
        .option("--user", "User it counts for")
        .repeated("--tag", "Tag k:v it counts for; may be repeated")
        .option("--expires", "Until when it works, e.g. 2027-01-31", readDate)
        .show(showNewKey);
    verb(verbs, keys, "keys.list", "All keys, without the keys themselves")
        .layout(
            table({"name", "hint", "team", "user", "tags", "created_at", "last_used_at", "revoked"},
                "No keys yet. Make one: headgate keys create --name NAME"));
    verb(verbs, keys, "keys.revoke", "Revoke a key at once").positional("name", "The key");
}

void providerOptions(Command& command)
{
    command.option("--key-env", "Environment variable that holds the key")
        .flag("--key-stdin", "Read the key from standard input")
        .option("--key-rotation", "failover | round-robin", readWord({"failover", "round-robin"}))
        .option("--concurrency", "Calls at once; more wait in line", readCount)
        .option("--connect-timeout", "Milliseconds", readCount)
        .option("--first-byte-timeout", "Milliseconds", readCount)
        .option("--idle-timeout", "Milliseconds", readCount)
        .option("--proxy", "http://host:port, env or none")
        .option("--proxy-auth-env", "Environment variable that holds user:password of the proxy")
        .option("--ca-file", "PEM file of further authorities")
        .option("--responses", "It serves /responses: yes | no", readYesNo)
        .option("--stream-options", "It understands stream_options: yes | no", readYesNo)
        .option("--ceiling-field", "max_tokens | max_completion_tokens",
            readWord({"max_tokens", "max_completion_tokens"}))
        .option("--needs-key", "yes | no", readYesNo)
        .prepare(takeProviderSecrets);
}

void addProviders(Verbs& verbs, CLI::App& root)
{
    auto* providers = group(root, "providers", "Where requests can go");
    auto& add
        = verb(verbs, providers, "providers.add", "Add a provider; a known name needs no URL");
    add.required("--name", "Unique name, lower case; groq, anthropic, ollama, … are known")
        .option("--dialect", "openai | anthropic | gemini | ollama",
            readWord({"openai", "anthropic", "gemini", "ollama"}))
        .option("--url", "Base URL, e.g. https://api.openai.com/v1");
    providerOptions(add);
    auto& set = verb(verbs, providers, "providers.set", "Change a provider or its key");
    set.positional("name", "Which")
        .option("--url", "Base URL")
        .option("--discount", "Taken off every bill, for instance 5%");
    providerOptions(set);
    verb(verbs, providers, "providers.add-key", "Another key that takes turns with the first")
        .positional("name", "Provider")
        .option("--key-env", "Environment variable that holds the key")
        .flag("--key-stdin", "Read the key from standard input")
        .option("--label", "What to call it")
        .prepare(takeProviderKey);
    verb(verbs, providers, "providers.remove-key", "Remove one of several keys")
        .positional("name", "Provider")
        .positional("label", "Which key; \"key\" is the first one");
    verb(verbs, providers, "providers.clear", "Forget failures, pauses and exhaustion")
        .positional("name", "Which");
    verb(verbs, providers, "providers.list", "All providers")
        .layout(table(
            {"name", "dialect", "url", "has_key", "enabled", "models", "health", "health_until"},
            "No providers."));
    verb(verbs, providers, "providers.test", "Reach it without spending")
        .positional("name", "Which");
    verb(verbs, providers, "providers.remove", "Remove it and its models")
        .positional("name", "Which");
}

void addModels(Verbs& verbs, CLI::App& root)
{
    auto* models = group(root, "models", "Models and their prices");
    verb(verbs, models, "models.add", "Add a model, or a new price of one")
        .required("--provider", "Its provider")
        .required("--name", "What the provider calls it")
        .required("--tier", "1 (cheapest) to 4 (strongest)", readWord({"1", "2", "3", "4"}))
        .required("--input", "Dollars per million tokens", readPrice)
        .required("--output", "Dollars per million tokens", readPrice)
        .option("--cache-read", "Dollars per million tokens", readPrice)
        .option("--cache-write", "Dollars per million tokens", readPrice)
        .option("--cache-write-1h", "Dollars per million tokens", readPrice)
        .option("--audio-in", "Dollars per million tokens", readPrice)
        .option("--audio-out", "Dollars per million tokens", readPrice)
        .option("--image-out", "Dollars per million tokens", readPrice)
        .option("--web-search", "Dollars for each search of the hosted tool")
        .flag("--embeddings", "It makes embeddings, not answers; --output is 0 then")
        .option("--tokenizer", "o200k_base, cl100k_base, or a family such as claude, llama3")
        .option("--context", "Tokens of input and output together", readCount)
        .option("--max-output", "Tokens of output", readCount)
        .option("--effective", "From when the price holds, e.g. 2026-01-01", readDate)
        .prepare([](boost::json::object& args) -> Result<void> {
            args["tier"] = args.at("tier").as_string().front() - '0';
            return {};
        });
    verb(verbs, models, "models.set", "Change what stands in for a model, what it makes, a fee")
        .positional("name", "Which, as provider/name")
        .option("--fallback", "Models in the order of their turn, A,B; or none")
        .option("--embeddings", "It makes embeddings, not answers: yes | no", readYesNo)
        .option("--web-search", "Dollars for each search of the hosted tool, from now on");
    verb(verbs, models, "models.list", "All models with tier and prices")
        .layout(table({"id", "tier", "input_usd_per_million", "output_usd_per_million",
                          "cache_read_usd_per_million", "context_tokens", "max_output_tokens",
                          "price_age", "enabled"},
            "No models."));
    verb(verbs, models, "models.import", "Compare a price list with the catalog, and apply it")
        .positional("list", "LiteLLM, models.dev, genai-prices or Headgate book: file or https URL")
        .option("--provider", "Only models of this provider")
        .flag("--all", "Show also providers that are not set up")
        .flag("--only-known", "No new models, only prices of those in the catalog")
        .flag("--skipped", "Name the entries that cannot be used")
        .flag("--apply", "Apply what is shown; without it nothing changes")
        .flag("--accept-large-changes", "Also prices that move by more than 100 times")
        .prepare(takePriceList)
        .layout(table({"change", "model", "price", "before", "after", "percent", "note"},
            "Nothing in the list concerns the catalog."));
    verb(verbs, models, "models.estimates", "How far token estimates were off, by model and script")
        .option("--model", "Only of this one, as provider/name")
        .layout(table({"model", "script", "requests", "median", "p95", "worst", "margin",
                          "overruns", "exact"},
            "Nothing has been observed yet."));
}

void addPolicy(Verbs& verbs, CLI::App& root)
{
    auto* policy = group(root, "policy", "Routing rules");
    verb(verbs, policy, "policy.show", "The rules in force, as JSON")
        .show([](const boost::json::object& row) { return showJson(row); });
    verb(verbs, policy, "policy.set", "Replace the rules")
        .positional("file", "JSON file, - for standard input")
        .prepare(fileInto("policy"));
    verb(verbs, policy, "policy.dry-run", "What would happen to a request; nothing is spent")
        .positional("file", "A chat request body, - for standard input")
        .prepare(fileInto("body"));
    verb(verbs, policy, "policy.rollback", "Take an earlier revision of the configuration back")
        .positional("revision", "Its number", readCount);
}

void addSettings(Verbs& verbs, CLI::App& root)
{
    auto* settings = group(root, "settings", "What holds for everything");
    verb(verbs, settings, "settings.show", "All settings, as JSON")
        .show([](const boost::json::object& row) { return showJson(row); });
    verb(verbs, settings, "settings.set", "Change some of them")
        .option("--loops", "on or off: stop agents that go round in circles")
        .option(
            "--loop-repeats", "Answers to the same request of a session (default 20)", readCount)
        .option("--loop-within", "Within so many seconds (default 120)", readCount)
        .option("--loop-tool-calls", "The same tool call in a row (default 8)", readCount)
        .option("--loop-without-session", "on or off: also requests that name no session")
        .show([](const boost::json::object& row) { return showJson(row); });
}

void addHistory(Verbs& verbs, CLI::App& root)
{
    auto* decisions = group(root, "decisions", "What was decided, and why");
    verb(verbs, decisions, "decisions.list", "The newest decisions")
        .option("--since", "Only of the last 30m, 1h, 7d, …")
        .option("--limit", "At most so many (default 100)", readCount)
        .repeated("--filter", "field=value; may be repeated")
        .layout(table({"at", "id", "key", "team", "task", "asked_model", "model", "status",
                          "input_tokens", "output_tokens", "cost_usd", "reason"},
            "Nothing matches."));
    verb(verbs, decisions, "decisions.show", "One decision with all its reasons")
        .positional("id", "Its id")
        .show([](const boost::json::object& row) { return showJson(row); });
    verb(verbs, decisions, "decisions.export", "All matching decisions, oldest first")
        .required("--format", "csv | json | focus", readWord({"csv", "json", "focus"}))
        .option("--since", "Only of the last 30m, 1h, 7d, …")
        .repeated("--filter", "field=value; may be repeated")
        .raw(printExported);

    auto* report = group(root, "report", "Sums over the log");
    verb(verbs, report, "report.spend", "Spending by model, team, user, key, tier or task")
        .required("--by", "model | team | user | key | tier | task",
            readWord({"model", "team", "user", "key", "tier", "task"}))
        .option("--from", "First day or time, e.g. 2026-01-01", readDate)
        .option("--to", "Up to, not including", readDate)
        .option("--rollup", "hour | day | month", readWord({"hour", "day", "month"}))
        .layout(table({"bucket", "group", "requests", "refused", "downgraded", "failed",
                          "input_tokens", "output_tokens", "cost_usd", "saved_usd"},
            "Nothing was spent in that time."));

    auto* ledger = group(root, "ledger", "The books");
    verb(verbs, ledger, "ledger.verify", "Recompute every balance; exit code 1 when one is wrong");
    verb(verbs, ledger, "ledger.explain", "The story of a number")
        .positional("what", "A hold's number, a request id, a pool, or POOL/VALUE")
        .show(showStory);
    verb(verbs, ledger, "ledger.accept", "End the warning about a restored older ledger.db");

    auto* config = group(root, "config", "Revisions of the configuration");
    verb(verbs, config, "config.revisions", "Who changed what, newest first")
        .option("--limit", "At most so many (default 100)", readCount)
        .layout(table({"revision", "at", "actor", "summary"}, "No revisions."));
    verb(verbs, config, "config.restore", "Make an earlier revision the newest one")
        .positional("revision", "Its number", readCount);

    auto* sim = group(root, "sim", "The simulated provider's own books");
    verb(verbs, sim, "sim.bill", "What it has billed");
    verb(verbs, sim, "sim.reset", "Start a new bill");
}

void addLocal(Verbs& verbs, CLI::App& root)
{
    verb(verbs, &root, "tokens", "Count tokens of JSON lines {\"id\",\"text\"}")
        .positional("file", "JSON lines, - for standard input")
        .required("--encoding", "o200k_base | cl100k_base", readWord({"o200k_base", "cl100k_base"}))
        .local(countTokens);
    verb(verbs, &root, "price",
        "Price JSON lines {\"id\",\"provider\",\"flavor\",\"model\",\"raw_usage\"}")
        .positional("file", "JSON lines, - for standard input")
        .option("--book", "A price-list file instead of the catalog")
        .local(priceUsages);
    auto* routing = group(root, "routing", "Routing classifier");
    verb(verbs, routing, "routing.bench",
        "Measure routing scores on prompts whose outcomes are known; without a pair, the table")
        .required("--train", "Prompts with outcomes, JSON lines, plain or packed with gzip")
        .option("--test", "Prompts to report on; without, four folds by stem")
        .option("--pair", "CHEAP,STRONG")
        .option("--src", "Only prompts of this source")
        .option("--labels", "Learn from so many labelled prompts", readCount)
        .option("--scores-out", "Write the classifier's {\"id\",\"score\"} a line")
        .option("--answers", "Recorded answers for the table's cascades")
        .option("--prices", "Dollars per million tokens: {\"model\":[input, output]}")
        .local(benchRouting);
    for (const char* words : {"routing.train", "routing.status"}) {
        later(verbs, routing, words);
    }
    auto* wire = group(root, "wire", "Captured payloads of providers");
    verb(verbs, wire, "wire.check",
        "Read, write, slice and translate captured cases; exit code 1 when one is not ok")
        .positional("dir", "Folder of cases: CASE/DIALECT/*.json")
        .local(checkWire);
}

} // namespace

std::vector<std::unique_ptr<Command>> addVerbs(CLI::App& root)
{
    Verbs verbs;
    addRunning(verbs, root);
    addPools(verbs, root);
    addKeys(verbs, root);
    addProviders(verbs, root);
    addModels(verbs, root);
    addPolicy(verbs, root);
    addSettings(verbs, root);
    addHistory(verbs, root);
    addLocal(verbs, root);
    return verbs;
}

} // namespace headgate::app
