// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "support/dialect_provider.h"

#include "support/script_server.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <functional>

namespace headgate::testing {

namespace json = boost::json;
using wire::Dialect;

namespace {

std::string event(const std::string& data)
{
    return "data: " + data + "\n\n";
}

std::string named(const std::string& name, const std::string& fields)
{
    return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + fields + "}\n\n";
}

const char* const responseUsage
    = R"("usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":0},"output_tokens":7,)"
      R"("output_tokens_details":{"reasoning_tokens":0},"total_tokens":18})";
const char* const responseItem
    = R"({"type":"message","id":"msg_1","status":"completed","role":"assistant","content":)"
      R"([{"type":"output_text","text":"hello there","annotations":[]}]})";

std::string response(const std::string& status, const std::string& output, const std::string& usage)
{
    return fmt::format(R"({{"id":"resp_1","object":"response","created_at":1,"status":"{}",)"
                       R"("error":null,"incomplete_details":null,"model":"m","output":[{}]{}}})",
        status, output, usage.empty() ? "" : "," + usage);
}

/// Takes the usage of this text out unless it is wanted. What Anthropic says of it in
/// message_start stays: a provider that forgets the end has said that.
std::string told(bool usage, std::string text)
{
    for (const std::string_view part :
        {R"(,"usage":{"input_tokens":11,"output_tokens":7})",
            R"(,"usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":7,"totalTokenCount":18})",
            R"(,"usageMetadata":{"promptTokenCount":11,"totalTokenCount":11})",
            R"(,"prompt_eval_count":11,"eval_count":7)"}) {
        if (const auto found = text.find(part); !usage && found != std::string::npos) {
            text.erase(found, part.size());
        }
    }
    return text;
}

json::value parsed(const std::string& text)
{
    boost::system::error_code ec;
    auto value = json::parse(text, ec);
    return ec ? json::value() : value;
}

/// A value by a path of keys and indices, "choices.0.delta.content"; null when absent.
json::value at(json::value value, std::string path)
{
    while (!path.empty()) {
        const auto dot = path.find('.');
        const auto key = path.substr(0, dot);
        path = dot == std::string::npos ? std::string() : path.substr(dot + 1);
        if (const auto* object = value.if_object()) {
            const auto* found = object->if_contains(key);
            value = found != nullptr ? json::value(*found) : json::value();
        } else if (const auto* array = value.if_array()) {
            const auto index = static_cast<std::size_t>(std::stoi(key));
            value = index < array->size() ? json::value((*array)[index]) : json::value();
        } else {
            return {};
        }
    }
    return value;
}

std::string textAt(const json::value& value, const std::string& path)
{
    const auto found = at(value, path);
    return found.is_string() ? std::string(found.as_string()) : std::string();
}

/// Each object of a stream: data of SSE, lines of NDJSON.
void eachObject(
    Dialect dialect, const std::string& body, const std::function<void(const json::value&)>& take)
{
    std::size_t begin = 0;
    while (begin < body.size()) {
        const auto end = std::min(body.find('\n', begin), body.size());
        auto line = body.substr(begin, end - begin);
        begin = end + 1;
        if (dialect != Dialect::Ollama) {
            if (!line.starts_with("data: ")) {
                continue;
            }
            line.erase(0, 6);
        }
        if (const auto value = parsed(line); value.is_object()) {
            take(value);
        }
    }
}

struct Paths {
    std::string wholeText;
    std::string deltaText;
    std::string wholeUsageIn;
    std::string wholeUsageOut;
    std::string streamUsageIn;
    std::string streamUsageOut;
};

Paths pathsOf(Dialect dialect)
{
    switch (dialect) {
    case Dialect::Responses:
        return {"output.0.content.0.text", "delta", "usage.input_tokens", "usage.output_tokens",
            "response.usage.input_tokens", "response.usage.output_tokens"};
    case Dialect::Anthropic:
        return {"content.0.text", "delta.text", "usage.input_tokens", "usage.output_tokens",
            "usage.input_tokens", "usage.output_tokens"};
    case Dialect::Gemini:
        return {"candidates.0.content.parts.0.text", "candidates.0.content.parts.0.text",
            "usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount",
            "usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount"};
    case Dialect::Ollama:
        return {"message.content", "message.content", "prompt_eval_count", "eval_count",
            "prompt_eval_count", "eval_count"};
    case Dialect::Chat:
        break;
    }
    return {"choices.0.message.content", "choices.0.delta.content", "usage.prompt_tokens",
        "usage.completion_tokens", "usage.prompt_tokens", "usage.completion_tokens"};
}

} // namespace

std::string wholeAnswer(Dialect dialect, bool usage)
{
    switch (dialect) {
    case Dialect::Responses:
        return httpReply(200, response("completed", responseItem, usage ? responseUsage : ""));
    case Dialect::Anthropic:
        return httpReply(200,
            told(usage,
                R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":)"
                R"([{"type":"text","text":"hello there"}],"stop_reason":"end_turn",)"
                R"("stop_sequence":null,"usage":{"input_tokens":11,"output_tokens":7}})"));
    case Dialect::Gemini:
        return httpReply(200,
            told(usage,
                R"({"candidates":[{"content":{"parts":[{"text":"hello there"}],"role":"model"},)"
                R"("finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":11,)"
                R"("candidatesTokenCount":7,"totalTokenCount":18},"modelVersion":"m",)"
                R"("responseId":"r1"})"));
    case Dialect::Ollama:
        return httpReply(200,
            told(usage,
                R"({"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant",)"
                R"("content":"hello there"},"done":true,"done_reason":"stop","prompt_eval_count":11,)"
                R"("eval_count":7})"));
    case Dialect::Chat:
        break;
    }
    return httpReply(
        200, completion(providerInputTokens, usage ? providerOutputTokens : -1, providerText));
}

std::string streamBegin(Dialect dialect)
{
    return fmt::format("HTTP/1.1 200 OK\r\ncontent-type: {}\r\nx-request-id: up-1\r\n"
                       "transfer-encoding: chunked\r\n\r\n",
        dialect == Dialect::Ollama ? "application/x-ndjson" : "text/event-stream");
}

std::string streamText(Dialect dialect, bool usage)
{
    switch (dialect) {
    case Dialect::Responses:
        return chunk(named("response.created",
                         ",\"sequence_number\":0,\"response\":" + response("in_progress", "", ""))
            + named("response.output_item.added",
                R"(,"sequence_number":1,"output_index":0,"item":{"type":"message","id":"msg_1",)"
                R"("status":"in_progress","role":"assistant","content":[]})")
            + named("response.content_part.added",
                R"(,"sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,)"
                R"("part":{"type":"output_text","text":"","annotations":[]})")
            + named("response.output_text.delta",
                R"(,"sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,)"
                R"("delta":"hello there")"));
    case Dialect::Anthropic:
        return chunk(named("message_start",
                         R"(,"message":{"id":"msg_1","type":"message","role":"assistant",)"
                         R"("model":"m","content":[],"stop_reason":null,"stop_sequence":null,)"
                         R"("usage":{"input_tokens":11,"output_tokens":1}})")
            + named(
                "content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})")
            + named("content_block_delta",
                R"(,"index":0,"delta":{"type":"text_delta","text":"hello there"})"));
    case Dialect::Gemini:
        return chunk(told(usage,
            event(R"({"candidates":[{"content":{"parts":[{"text":"hello there"}],"role":"model"},)"
                  R"("index":0}],"usageMetadata":{"promptTokenCount":11,"totalTokenCount":11},)"
                  R"("modelVersion":"m","responseId":"r1"})")));
    case Dialect::Ollama:
        return chunk(R"({"model":"m","created_at":"2026-01-01T00:00:00Z","message":)"
                     R"({"role":"assistant","content":"hello there"},"done":false})"
                     "\n");
    case Dialect::Chat:
        break;
    }
    return chunk(deltaEvent(providerText));
}

std::string streamEnd(Dialect dialect, bool usage)
{
    switch (dialect) {
    case Dialect::Responses:
        return chunk(named("response.output_text.done",
                         R"(,"sequence_number":4,"item_id":"msg_1","output_index":0,)"
                         R"("content_index":0,"text":"hello there")")
                   + named("response.output_item.done",
                       std::string(R"(,"sequence_number":5,"output_index":0,"item":)")
                           + responseItem)
                   + named("response.completed",
                       ",\"sequence_number\":6,\"response\":"
                           + response("completed", responseItem, usage ? responseUsage : "")))
            + "0\r\n\r\n";
    case Dialect::Anthropic:
        return chunk(told(usage,
                   named("content_block_stop", R"(,"index":0)")
                       + named("message_delta",
                           R"(,"delta":{"stop_reason":"end_turn","stop_sequence":null},)"
                           R"("usage":{"input_tokens":11,"output_tokens":7})")
                       + named("message_stop", "")))
            + "0\r\n\r\n";
    case Dialect::Gemini:
        return chunk(told(usage,
                   event(R"({"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},)"
                         R"("finishReason":"STOP","index":0}],"usageMetadata":)"
                         R"({"promptTokenCount":11,"candidatesTokenCount":7,)"
                         R"("totalTokenCount":18},"modelVersion":"m","responseId":"r1"})")))
            + "0\r\n\r\n";
    case Dialect::Ollama:
        return chunk(told(usage,
                   R"({"model":"m","created_at":"2026-01-01T00:00:00Z","message":)"
                   R"({"role":"assistant","content":""},"done":true,"done_reason":"stop",)"
                   R"("prompt_eval_count":11,"eval_count":7})"
                   "\n"))
            + "0\r\n\r\n";
    case Dialect::Chat:
        break;
    }
    return chunk(finishEvent()
               + (usage ? usageEvent(providerInputTokens, providerOutputTokens) : std::string())
               + "data: [DONE]\n\n")
        + "0\r\n\r\n";
}

std::string errorAnswer(Dialect dialect)
{
    switch (dialect) {
    case Dialect::Anthropic:
        return httpReply(400,
            R"({"type":"error","error":{"type":"invalid_request_error","message":"bad thing"}})");
    case Dialect::Gemini:
        return httpReply(
            400, R"({"error":{"code":400,"message":"bad thing","status":"INVALID_ARGUMENT"}})");
    case Dialect::Ollama:
        return httpReply(400, R"({"error":"bad thing"})");
    case Dialect::Chat:
    case Dialect::Responses:
        break;
    }
    return httpReply(400,
        R"({"error":{"message":"bad thing","type":"invalid_request_error","param":null,)"
        R"("code":null}})");
}

std::string askedDialect(const std::string& head)
{
    const auto path = head.substr(0, head.find("\r\n"));
    for (const auto& [part, name] : {std::pair{"/chat/completions ", "chat"},
             std::pair{"/responses ", "responses"}, std::pair{"/v1/messages ", "anthropic"},
             std::pair{"/v1beta/models/m:generateContent ", "gemini"},
             std::pair{"/v1beta/models/m:streamGenerateContent?alt=sse ", "gemini"},
             std::pair{"/api/chat ", "ollama"}}) {
        if (path.find(part) != std::string::npos) {
            return name;
        }
    }
    return {};
}

RawRequest clientRequest(
    Dialect dialect, const std::string& model, bool stream, const std::string& text)
{
    RawRequest out;
    const char* flag = stream ? "true" : "false";
    switch (dialect) {
    case Dialect::Responses:
        out.target = "/v1/responses";
        out.body
            = fmt::format(R"({{"model":"{}","input":"{}","max_output_tokens":50,"stream":{}}})",
                model, text, flag);
        return out;
    case Dialect::Anthropic:
        out.target = "/v1/messages";
        out.extraHeaders = "anthropic-version: 2023-06-01\r\n";
        out.body = fmt::format(R"({{"model":"{}","max_tokens":50,"stream":{},"messages":)"
                               R"([{{"role":"user","content":"{}"}}]}})",
            model, flag, text);
        return out;
    case Dialect::Gemini:
        out.target = fmt::format("/v1beta/models/{}:{}", model,
            stream ? "streamGenerateContent?alt=sse" : "generateContent");
        out.body = fmt::format(R"({{"contents":[{{"role":"user","parts":[{{"text":"{}"}}]}}],)"
                               R"("generationConfig":{{"maxOutputTokens":50}}}})",
            text);
        return out;
    case Dialect::Ollama:
        out.target = "/api/chat";
        out.body = fmt::format(R"({{"model":"{}","stream":{},"messages":)"
                               R"([{{"role":"user","content":"{}"}}],)"
                               R"("options":{{"num_predict":50}}}})",
            model, flag, text);
        return out;
    case Dialect::Chat:
        break;
    }
    out.body = fmt::format(R"({{"model":"{}","max_tokens":50,"stream":{},)"
                           R"("stream_options":{{"include_usage":true}},)"
                           R"("messages":[{{"role":"user","content":"{}"}}]}})",
        model, flag, text);
    if (!stream) {
        out.body = fmt::format(R"({{"model":"{}","max_tokens":50,)"
                               R"("messages":[{{"role":"user","content":"{}"}}]}})",
            model, text);
    }
    return out;
}

std::string shownText(Dialect dialect, bool stream, const std::string& body)
{
    const auto paths = pathsOf(dialect);
    if (!stream) {
        return textAt(parsed(body), paths.wholeText);
    }
    std::string out;
    eachObject(dialect, body, [&](const json::value& value) {
        if (dialect == Dialect::Responses
            && textAt(value, "type") != "response.output_text.delta") {
            return;
        }
        out += textAt(value, paths.deltaText);
    });
    return out;
}

std::string shownError(Dialect dialect, bool stream, const std::string& body)
{
    const auto messageOf = [dialect](const json::value& value) {
        if (dialect == Dialect::Ollama) {
            return textAt(value, "error");
        }
        auto message = textAt(value, "error.message");
        if (message.empty() && dialect == Dialect::Responses) {
            message = textAt(value, "response.error.message");
        }
        return message;
    };
    if (!stream) {
        return messageOf(parsed(body));
    }
    std::string last;
    eachObject(dialect, body, [&](const json::value& value) {
        if (auto message = messageOf(value); !message.empty()) {
            last = std::move(message);
        }
    });
    return last;
}

std::string shownUsage(Dialect dialect, bool stream, const std::string& body)
{
    const auto paths = pathsOf(dialect);
    std::string last;
    const auto take = [&](const json::value& value, const std::string& in, const std::string& out) {
        const auto input = at(value, in);
        const auto output = at(value, out);
        if (input.is_int64() && output.is_int64()) {
            last = fmt::format("{}/{}", input.as_int64(), output.as_int64());
        }
    };
    if (!stream) {
        take(parsed(body), paths.wholeUsageIn, paths.wholeUsageOut);
    } else {
        eachObject(dialect, body, [&](const json::value& value) {
            take(value, paths.streamUsageIn, paths.streamUsageOut);
        });
    }
    return last;
}

bool endsProperly(Dialect dialect, const std::string& body)
{
    const auto has = [&body](const char* part) { return body.find(part) != std::string::npos; };
    switch (dialect) {
    case Dialect::Responses:
        return has("\"type\":\"response.completed\"") && !has("[DONE]");
    case Dialect::Anthropic:
        return has("\"type\":\"message_stop\"");
    case Dialect::Gemini:
        return has("\"finishReason\":\"STOP\"") && !has("[DONE]");
    case Dialect::Ollama:
        return has("\"done\":true");
    case Dialect::Chat:
        break;
    }
    return body.ends_with("data: [DONE]\n\n");
}

} // namespace headgate::testing
