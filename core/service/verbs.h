// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The inside of runVerb(): each group of verbs has a source file of its own. Verbs read loosely
// typed arguments (texts as typed on the command line) and answer with rows.

#include "core/service/control.h"
#include "core/service/service.h"

#include <boost/json/array.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace headgate::service {

/// One running verb.
struct VerbCall {
    Service& service;
    const boost::json::object& args;
    const RowSink& row;
};

using Verb = std::function<Result<void>(const VerbCall&)>;
using VerbTable = std::map<std::string, Verb>;

void addPoolVerbs(VerbTable& table);
void addKeyVerbs(VerbTable& table);
void addCatalogVerbs(VerbTable& table);
void addPriceVerbs(VerbTable& table);
/// `discount` of providers.set, "12.5%"; stays as it is when absent.
[[nodiscard]] Result<void> readDiscount(const boost::json::object& args, int& permille);
void addActivityVerbs(VerbTable& table);
void addGeneralVerbs(VerbTable& table);
void addLedgerVerbs(VerbTable& table);

/// Waits for the callback of a query that answers on another thread.
template <typename T, typename Start>
[[nodiscard]] Result<T> answerOf(Start&& start)
{
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto answer = promise->get_future();
    start([promise](Result<T> result) { promise->set_value(std::move(result)); });
    if (answer.wait_for(std::chrono::minutes(10)) != std::future_status::ready) {
        return Error(ErrorCode::Unavailable, "There was no answer within ten minutes.",
            "Is the disk busy? Try again.");
    }
    return answer.get();
}

// --- arguments; errors name the argument
[[nodiscard]] bool hasArg(const boost::json::object& args, const char* name);
/// A text or number as text; empty when absent.
[[nodiscard]] std::string textArg(const boost::json::object& args, const char* name);
[[nodiscard]] Result<std::string> neededArg(const boost::json::object& args, const char* name);
[[nodiscard]] Result<std::int64_t> intArg(
    const boost::json::object& args, const char* name, std::int64_t otherwise);
/// A flag, or `otherwise` when absent.
[[nodiscard]] bool flagArg(const boost::json::object& args, const char* name, bool otherwise);
/// A list of texts, or one text.
[[nodiscard]] std::vector<std::string> listArg(const boost::json::object& args, const char* name);
/// "20%", "20".
[[nodiscard]] Result<int> percentArg(const boost::json::object& args, const char* name);
/// "1h", "30m", "7d" before now; "2026-11-01", "2026-11-01T12:00:00Z"; 0 when absent.
[[nodiscard]] Result<TimeUs> timeArg(const boost::json::object& args, const char* name);
[[nodiscard]] Result<TimeUs> parseTime(const std::string& text, TimeUs nowUs);
/// "k=v" pairs of `filter`.
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> filterArg(
    const boost::json::object& args);
/// Who is named in the revision: "cli" unless the caller says otherwise.
[[nodiscard]] std::string actorArg(const boost::json::object& args);

// --- rows
/// Adds `name` (ISO 8601) and `name`_us; null when 0.
void putTime(boost::json::object& row, const std::string& name, TimeUs at);
[[nodiscard]] boost::json::array textsJson(const std::vector<std::string>& list);
/// Hands one row over; an error when the receiver is gone.
[[nodiscard]] Result<void> send(const VerbCall& call, const boost::json::object& row);

} // namespace headgate::service
