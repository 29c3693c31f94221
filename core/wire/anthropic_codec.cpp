// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/codec.h"

#include "core/wire/anthropic_wire.h"

namespace headgate::wire {

namespace {

class AnthropicCodec final : public Codec {
public:
    [[nodiscard]] Dialect dialect() const override { return Dialect::Anthropic; }
    [[nodiscard]] const char* streamType() const override
    {
        return "text/event-stream; charset=utf-8";
    }
    [[nodiscard]] Result<RequestView> readView(
        std::string_view body, const RequestPath& /*path*/) const override
    {
        return anthropic::readView(body);
    }
    [[nodiscard]] Result<std::string> edit(
        std::string_view body, const RequestView& view, const RequestEdits& edits) const override
    {
        return anthropic::edit(body, view, edits);
    }
    [[nodiscard]] Result<Conversation> readRequest(
        std::string_view body, const RequestPath& /*path*/) const override
    {
        return anthropic::readRequest(body);
    }
    [[nodiscard]] Result<std::string> writeRequest(const Conversation& conversation,
        const WriteOptions& options, Losses& losses) const override
    {
        return anthropic::writeRequest(conversation, options, losses);
    }
    [[nodiscard]] Result<Answer> readAnswer(std::string_view body) const override
    {
        return anthropic::readAnswer(body);
    }
    [[nodiscard]] std::string writeAnswer(
        const Answer& answer, const AnswerContext& context) const override
    {
        return anthropic::writeAnswer(answer, context);
    }
    [[nodiscard]] std::unique_ptr<EventReader> eventReader() const override
    {
        return anthropic::eventReader();
    }
    [[nodiscard]] std::unique_ptr<EventWriter> eventWriter(
        const AnswerContext& context) const override
    {
        return anthropic::eventWriter(context);
    }
    [[nodiscard]] RefusalReply writeRefusal(const Refusal& refusal) const override
    {
        return anthropic::writeRefusal(refusal);
    }
    [[nodiscard]] std::string writeStreamError(const Refusal& refusal) const override
    {
        return anthropic::streamError(refusal);
    }
    [[nodiscard]] ErrorText readError(std::string_view body) const override
    {
        return anthropic::readError(body);
    }
    [[nodiscard]] std::string writeError(int status, const ErrorText& error) const override
    {
        return anthropic::writeError(status, error);
    }
};

} // namespace

const Codec& anthropicCodec()
{
    static const AnthropicCodec codec;
    return codec;
}

} // namespace headgate::wire
