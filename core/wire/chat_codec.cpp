// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/codec.h"

#include "core/wire/chat_request.h"

namespace headgate::wire {

namespace {

Error unwritten()
{
    return Error(ErrorCode::Unsupported, "The dialect chat is not written yet.");
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
        std::string_view /*body*/, const RequestPath& /*path*/) const override
    {
        return unwritten();
    }
    [[nodiscard]] Result<std::string> writeRequest(const Conversation& /*conversation*/,
        const WriteOptions& /*options*/, Losses& /*losses*/) const override
    {
        return unwritten();
    }
    [[nodiscard]] Result<Answer> readAnswer(std::string_view /*body*/) const override
    {
        return unwritten();
    }
    [[nodiscard]] std::string writeAnswer(
        const Answer& /*answer*/, const AnswerContext& /*context*/) const override
    {
        return {};
    }
    [[nodiscard]] std::unique_ptr<EventReader> eventReader() const override { return nullptr; }
    [[nodiscard]] std::unique_ptr<EventWriter> eventWriter(
        const AnswerContext& /*context*/) const override
    {
        return nullptr;
    }
    [[nodiscard]] RefusalReply writeRefusal(const Refusal& refusal) const override
    {
        return writeChatRefusal(refusal);
    }
    [[nodiscard]] std::string writeStreamError(const Refusal& refusal) const override
    {
        return writeChatStreamError(refusal);
    }
    [[nodiscard]] ErrorText readError(std::string_view /*body*/) const override { return {}; }
    [[nodiscard]] std::string writeError(int /*status*/, const ErrorText& /*error*/) const override
    {
        return {};
    }
};

} // namespace

const Codec& chatCodec()
{
    static const ChatCodec codec;
    return codec;
}

} // namespace headgate::wire
