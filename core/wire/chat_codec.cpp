// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/codec.h"

#include "core/wire/chat_parts.h"
#include "core/wire/chat_request.h"
#include "core/wire/json_dom.h"
#include "core/wire/refusal_parts.h"

namespace headgate::wire {

namespace {

namespace json = boost::json;

/// Of an unreadable error body: enough to see what it is, little enough for a log.
constexpr std::size_t errorBytesShown = 500;

const char* errorTypeFor(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 429:
        return "rate_limit_error";
    default:
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

/// A string, or a number as its digits.
std::string wordAt(const json::object& object, std::string_view name)
{
    const std::optional<std::int64_t> number = dom::wholeAt(object, name);
    return number ? std::to_string(*number) : std::string(dom::stringAt(object, name));
}

ErrorText errorIn(const json::object& root)
{
    ErrorText out;
    const json::object* inner = dom::objectAt(root, "error");
    const json::object& from = inner != nullptr ? *inner : root;
    out.message = dom::stringAt(from, "message");
    out.type = wordAt(from, "type");
    out.code = wordAt(from, "code");
    out.param = wordAt(from, "param");
    // Servers that only resemble the API: {"error": "…"} and {"detail": "…"}.
    if (out.message.empty()) {
        out.message = dom::stringAt(root, inner == nullptr ? "error" : "message");
    }
    if (out.message.empty()) {
        if (const json::value* detail = dom::find(root, "detail")) {
            out.message = detail->is_string() ? std::string(dom::textOf(*detail))
                                              : dom::write(*detail).substr(0, errorBytesShown);
        }
    }
    return out;
}

class ChatCodec final : public Codec {
public:
    [[nodiscard]] Dialect dialect() const override { return Dialect::Chat; }
    [[nodiscard]] const char* streamType() const override
    {
        return "text/event-stream; charset=utf-8";
    }
    [[nodiscard]] Result<RequestView> readView(
        std::string_view body, const RequestPath& /*path*/) const override
    {
        return readChatRequest(body);
    }
    [[nodiscard]] Result<std::string> edit(
        std::string_view body, const RequestView& view, const RequestEdits& edits) const override
    {
        return editChatRequest(body, view, edits);
    }
    [[nodiscard]] Result<Conversation> readRequest(
        std::string_view body, const RequestPath& /*path*/) const override
    {
        return chat::readRequest(body);
    }
    [[nodiscard]] Result<std::string> writeRequest(const Conversation& conversation,
        const WriteOptions& options, Losses& losses) const override
    {
        return chat::writeRequest(conversation, options, losses);
    }
    [[nodiscard]] Result<Answer> readAnswer(std::string_view body) const override
    {
        return chat::readAnswer(body);
    }
    [[nodiscard]] std::string writeAnswer(
        const Answer& answer, const AnswerContext& context) const override
    {
        return chat::writeAnswer(answer, context);
    }
    [[nodiscard]] std::unique_ptr<EventReader> eventReader() const override
    {
        return chat::eventReader();
    }
    [[nodiscard]] std::unique_ptr<EventWriter> eventWriter(
        const AnswerContext& context) const override
    {
        return chat::eventWriter(context);
    }
    [[nodiscard]] RefusalReply writeRefusal(const Refusal& refusal) const override
    {
        return writeChatRefusal(refusal);
    }
    [[nodiscard]] std::string writeStreamError(const Refusal& refusal) const override
    {
        return writeChatStreamError(refusal);
    }
    [[nodiscard]] ErrorText readError(std::string_view body) const override
    {
        ErrorText out;
        if (const Result<json::object> root = dom::parseObject(body, "The error")) {
            out = errorIn(*root);
        }
        if (out.message.empty()) {
            out.message = cleanText(body.substr(0, errorBytesShown));
        }
        return out;
    }
    [[nodiscard]] std::string writeError(int status, const ErrorText& error) const override
    {
        json::object inner;
        inner["message"] = cleanText(error.message);
        inner["type"] = error.type.empty() ? errorTypeFor(status) : error.type;
        inner["param"]
            = error.param.empty() ? json::value(nullptr) : json::value(json::string(error.param));
        inner["code"]
            = error.code.empty() ? json::value(nullptr) : json::value(json::string(error.code));
        json::object out;
        out["error"] = std::move(inner);
        return dom::write(out);
    }
};

} // namespace

const Codec& chatCodec()
{
    static const ChatCodec codec;
    return codec;
}

} // namespace headgate::wire
