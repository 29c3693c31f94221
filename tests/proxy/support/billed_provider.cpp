// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "support/billed_provider.h"

#include "core/tokens/tokens.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace headgate::testing {

namespace {

constexpr std::int64_t inputNanoPerToken = 1'000;
constexpr std::int64_t outputNanoPerToken = 10'000;
/// What it makes when nobody names a ceiling.
constexpr std::int64_t outputTokensUsual = 200;

std::int64_t countOf(const boost::json::value& content)
{
    static const auto* encoding = *tokens::Encoding::named("o200k_base");
    if (content.is_string()) {
        return encoding->count(std::string_view(content.as_string()));
    }
    std::int64_t total = 0;
    if (content.is_array()) {
        for (const auto& part : content.as_array()) {
            const auto* text = part.is_object() ? part.as_object().if_contains("text") : nullptr;
            total += text != nullptr ? countOf(*text) : 0;
        }
    }
    return total;
}

std::int64_t numberAt(const boost::json::object& body, const char* name)
{
    const auto* value = body.if_contains(name);
    return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

BilledCall readCall(const ScriptRequest& request)
{
    BilledCall call;
    call.head = request.head;
    call.body = request.body;
    const auto parsed = boost::json::parse(request.body);
    const auto& body = parsed.as_object();
    call.promptTokens = 3;
    for (const auto& message : body.at("messages").as_array()) {
        call.promptTokens += 3 + countOf(message.at("content"));
    }
    call.ceiling = std::max(numberAt(body, "max_tokens"), numberAt(body, "max_completion_tokens"));
    if (const auto* options = body.if_contains("stream_options")) {
        const auto* asked = options->as_object().if_contains("include_usage");
        call.usageAsked = asked != nullptr && asked->is_bool() && asked->as_bool();
    }
    return call;
}

bool isStream(const BilledCall& call)
{
    const auto parsed = boost::json::parse(call.body);
    const auto* stream = parsed.as_object().if_contains("stream");
    return stream != nullptr && stream->is_bool() && stream->as_bool();
}

/// Exactly `tokens` tokens of o200k_base.
std::string textOf(std::int64_t tokens)
{
    std::string text;
    for (std::int64_t i = 0; i < tokens; ++i) {
        text += i == 0 ? "the" : " the";
    }
    return text;
}

std::string usageText(const BilledCall& call, const Manner& manner)
{
    return fmt::format(R"("usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                       R"("prompt_tokens_details":{{"cached_tokens":{}}}}})",
        call.promptTokens, call.completionTokens, call.promptTokens + call.completionTokens,
        manner.cachedTokens);
}

} // namespace

BilledProvider::BilledProvider(Chooser choose) : m_choose(std::move(choose))
{
    m_server = std::make_unique<ScriptServer>(
        [this](const ScriptRequest& request, ScriptLink& link) { return serve(request, link); });
}

std::vector<BilledCall> BilledProvider::calls() const
{
    const std::scoped_lock lock(m_mutex);
    return m_calls;
}

Money BilledProvider::billed() const
{
    Money total;
    for (const BilledCall& call : calls()) {
        total = total.plusSaturated(call.billed);
    }
    return total;
}

void BilledProvider::book(const BilledCall& call)
{
    const std::scoped_lock lock(m_mutex);
    m_calls.push_back(call);
}

bool BilledProvider::serve(const ScriptRequest& request, ScriptLink& link)
{
    BilledCall call = readCall(request);
    const Manner manner = m_choose ? m_choose(call, request.number) : Manner();
    call.promptTokens
        = (call.promptTokens * manner.inputPermille + 999) / 1'000 + manner.hiddenInputTokens;
    if (manner.status != 200) {
        if (manner.billsErrors) {
            call.billed = Money::fromNano(call.promptTokens * inputNanoPerToken);
        }
        book(call);
        return link.write(httpReply(manner.status, R"({"error":{"message":"it does not work"}})"));
    }
    const auto allowed = call.ceiling > 0 ? call.ceiling : outputTokensUsual;
    call.completionTokens
        = manner.outputTokens >= 0 ? std::min(manner.outputTokens, allowed) : allowed;
    call.completionTokens *= manner.ignoresCeiling ? 2 : 1;
    call.completionTokens = manner.reset ? 0 : call.completionTokens;
    call.completionTokens /= manner.cut ? 2 : 1;
    call.billed = Money::fromNano(
        call.promptTokens * inputNanoPerToken + call.completionTokens * outputNanoPerToken);
    book(call); // before anything is handed over: a client that leaves has been billed
    if (manner.before) {
        manner.before();
    }
    if (manner.reset) {
        link.reset();
        return false;
    }
    return isStream(call) ? stream(call, manner, link) : answer(call, manner, link);
}

bool BilledProvider::answer(const BilledCall& call, const Manner& manner, ScriptLink& link)
{
    const auto body = fmt::format(
        R"({{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,)"
        R"("message":{{"role":"assistant","content":"{}"}},"finish_reason":"stop"}}]{}}})",
        textOf(call.completionTokens), manner.usage ? "," + usageText(call, manner) : "");
    return link.write(httpReply(200, body));
}

bool BilledProvider::stream(const BilledCall& call, const Manner& manner, ScriptLink& link)
{
    if (!link.write(streamHead())) {
        return false;
    }
    for (std::int64_t i = 0; i < call.completionTokens; ++i) {
        if (!link.write(chunk(deltaEvent(i == 0 ? "the" : " the")))) {
            return false;
        }
    }
    if (manner.cut) {
        return false;
    }
    std::string end = finishEvent();
    if (manner.usage && call.usageAsked) {
        end += fmt::format(R"(data: {{"id":"c1","object":"chat.completion.chunk","created":1,)"
                           R"("model":"m","choices":[],{}}})",
                   usageText(call, manner))
            + "\n\n";
    }
    end += "data: [DONE]\n\n";
    return link.write(chunk(end) + "0\r\n\r\n");
}

} // namespace headgate::testing
