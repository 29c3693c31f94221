// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/body_edit.h"
#include "core/wire/refusal_parts.h"
#include "core/wire/responses_internal.h"

#include <boost/json/serialize.hpp>

#include <utility>

namespace headgate::wire {

namespace {

namespace json = boost::json;

/// Codex sends a request again six times after 402, and not once after 400.
constexpr int capStatus = 400;
/// As OpenAI answers for a response it does not have: clients then send the conversation in full.
constexpr int unknownResponseStatus = 400;
/// A relayed stream's own numbers are not known here; they stay far below this one.
constexpr std::int64_t lastSequenceNumber = 1'000'000'000;
/// Of an error body that nobody understands, so much is shown.
constexpr std::size_t errorBytesShown = 500;

std::string quotedJson(std::string_view text)
{
    return json::serialize(json::string(text.data(), text.size()));
}

class ResponsesCodec final : public Codec {
public:
    [[nodiscard]] Dialect dialect() const override { return Dialect::Responses; }
    [[nodiscard]] const char* streamType() const override
    {
        return "text/event-stream; charset=utf-8";
    }
    [[nodiscard]] Result<RequestView> readView(
        std::string_view body, const RequestPath& /*path*/) const override
    {
        return responses::readView(body);
    }
    [[nodiscard]] Result<std::string> edit(std::string_view body, const RequestView& /*view*/,
        const RequestEdits& edits) const override
    {
        std::vector<FieldEdit> fields;
        fields.push_back({"model", quotedJson(edits.model)});
        if (edits.outputCeiling) {
            fields.push_back({"max_output_tokens", std::to_string(*edits.outputCeiling)});
        }
        if (std::optional<std::string> input = responses::withoutSealed(body)) {
            fields.push_back({"input", std::move(*input)});
        }
        return editBody(body, fields);
    }
    [[nodiscard]] Result<Conversation> readRequest(
        std::string_view body, const RequestPath& /*path*/) const override
    {
        return responses::readRequest(body);
    }
    [[nodiscard]] Result<std::string> writeRequest(const Conversation& conversation,
        const WriteOptions& options, Losses& losses) const override
    {
        return responses::writeRequest(conversation, options, losses);
    }
    [[nodiscard]] Result<Answer> readAnswer(std::string_view body) const override
    {
        return responses::readAnswer(body);
    }
    [[nodiscard]] std::string writeAnswer(
        const Answer& answer, const AnswerContext& context) const override
    {
        return responses::writeAnswer(answer, context);
    }
    [[nodiscard]] std::unique_ptr<EventReader> eventReader() const override
    {
        return responses::eventReader();
    }
    [[nodiscard]] std::unique_ptr<EventWriter> eventWriter(
        const AnswerContext& context) const override
    {
        return responses::eventWriter(context);
    }
    [[nodiscard]] RefusalReply writeRefusal(const Refusal& refusal) const override
    {
        RefusalReply reply = writeChatRefusal(refusal);
        if (refusal.kind == RefusalKind::BudgetExceeded) {
            reply.status = capStatus;
        } else if (refusal.kind == RefusalKind::NotFound && refusal.param == responseParam) {
            reply.status = unknownResponseStatus;
        }
        return reply;
    }
    [[nodiscard]] std::string writeStreamError(const Refusal& refusal) const override;
    [[nodiscard]] ErrorText readError(std::string_view body) const override;
    [[nodiscard]] std::string writeError(int status, const ErrorText& error) const override;
};

std::string ResponsesCodec::writeStreamError(const Refusal& refusal) const
{
    json::object response = responses::responseObject({});
    response["status"] = "failed";
    response["error"] = responses::failureOf(refusal);
    json::object event;
    event["type"] = "response.failed";
    event["response"] = std::move(response);
    event["sequence_number"] = lastSequenceNumber;
    return responses::eventText("response.failed", event);
}

ErrorText ResponsesCodec::readError(std::string_view body) const
{
    ErrorText out;
    const Result<json::object> root = dom::parseObject(body, "The error");
    const json::object* response = root ? dom::objectAt(*root, "response") : nullptr;
    const json::object* holder = response != nullptr ? response : (root ? &*root : nullptr);
    const json::object* error = holder != nullptr ? dom::objectAt(*holder, "error") : nullptr;
    if (error == nullptr && holder != nullptr && dom::find(*holder, "message") != nullptr) {
        error = holder;
    }
    if (error != nullptr) {
        out.message = cleanText(dom::stringAt(*error, "message"));
        out.type = dom::stringAt(*error, "type");
        out.code = dom::stringAt(*error, "code");
        out.param = dom::stringAt(*error, "param");
    } else if (holder != nullptr) {
        out.message = cleanText(dom::stringAt(*holder, "error"));
    }
    if (out.message.empty()) {
        out.message = cleanText(body.substr(0, errorBytesShown));
    }
    return out;
}

std::string ResponsesCodec::writeError(int status, const ErrorText& error) const
{
    const auto orNull = [](const std::string& text) {
        return text.empty() ? json::value() : json::value(cleanText(text));
    };
    json::object inner;
    inner["message"] = cleanText(error.message);
    inner["type"] = error.type.empty() ? (status >= 500 ? "server_error" : "invalid_request_error")
                                       : cleanText(error.type);
    inner["param"] = orNull(error.param);
    inner["code"] = orNull(error.code);
    return json::serialize(json::object{{"error", std::move(inner)}});
}

} // namespace

const Codec& responsesCodec()
{
    static const ResponsesCodec codec;
    return codec;
}

} // namespace headgate::wire
