// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One protocol: how its requests, answers, streams and errors are read and written. Stateless and
// safe on any thread, but for the readers and writers of one stream, which belong to one thread.
// No I/O. Chat, Responses, Anthropic, Gemini and Ollama have one file each.

#include "core/base/result.h"
#include "core/wire/answer.h"
#include "core/wire/conversation.h"
#include "core/wire/refusal.h"
#include "core/wire/request_view.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

/// What the path of a request says beside its body (Gemini's model and method, Ollama's route).
struct RequestPath {
    std::string model; ///< Gemini: from the path
    bool stream = false; ///< Gemini: streamGenerateContent
    bool generate = false; ///< Ollama: /api/generate
};

/// How a request is written for a provider.
struct WriteOptions {
    std::string model; ///< what the provider is asked for
    std::optional<std::int64_t> outputCeiling; ///< per choice; replaces the client's own
    bool stream = false;
    bool injectUsage = true; ///< chat streams: stream_options.include_usage
    /// Chat: "max_completion_tokens" or, for servers that do not know it, "max_tokens".
    std::string ceilingField = "max_completion_tokens";
    bool reasoningModel = false; ///< refuses temperature, top_p, penalties and logprobs
};

/// What an answer's writer has to know of the request it answers.
struct AnswerContext {
    std::string model; ///< to be named in the answer
    std::string id; ///< of the decision, for dialects whose answers need an id of their own
    std::int64_t nowS = 0; ///< for "created" where the provider does not say
    bool includeUsage = true; ///< chat streams: the client asked for the usage chunk
    bool generate = false; ///< Ollama: /api/generate
    /// Gemini streams: the client did not ask with alt=sse, so its events form one JSON array.
    bool jsonArray = false;
    std::int64_t inputTokens = 0; ///< estimate, for message_start, where usage is not known yet
    const Conversation* request = nullptr; ///< Responses repeats fields of it; may be null
};

/// A provider's error in no dialect.
struct ErrorText {
    std::string message;
    std::string type; ///< the provider's word
    std::string code;
    std::string param;
};

/// Reads the events of one stream.
class EventReader {
public:
    virtual ~EventReader() = default;
    /// One event of SSE (`name` may be empty) or one line of NDJSON. Appends what it means. Events
    /// of unknown type mean nothing and are no error. Errors: not JSON, or not of this protocol.
    [[nodiscard]] virtual Result<void> read(
        std::string_view name, std::string_view data, std::vector<AnswerEvent>& out)
        = 0;
    /// The provider has closed the stream: appends what had to wait for that. Gemini has no end
    /// mark and may name a finish reason more than once, so its Finish comes only here.
    virtual void finish(std::vector<AnswerEvent>& /*out*/) { }
    /// The stream's own end mark was seen ([DONE], message_stop, response.completed, done: true).
    [[nodiscard]] virtual bool done() const = 0;
    /// The event just read only carries usage that the client may not have asked for (chat).
    [[nodiscard]] virtual bool lastWasUsageOnly() const { return false; }
};

/// Writes the events of one stream.
class EventWriter {
public:
    virtual ~EventWriter() = default;
    /// Appends bytes for the client; may be none.
    virtual void write(const AnswerEvent& event, std::string& out) = 0;
    /// The answer is complete: closes what is open and writes the protocol's end.
    virtual void end(std::string& out) = 0;
    /// Stops a stream with an error, in whatever state it is: never a silent close.
    virtual void fail(const Refusal& refusal, std::string& out) = 0;
};

class Codec {
public:
    virtual ~Codec() = default;
    [[nodiscard]] virtual Dialect dialect() const = 0;
    /// "text/event-stream; charset=utf-8" or "application/x-ndjson".
    [[nodiscard]] virtual const char* streamType() const = 0;

    /// What Headgate has to know of a request, with the ranges to edit. Errors (InvalidArgument)
    /// name the field and the remedy.
    [[nodiscard]] virtual Result<RequestView> readView(
        std::string_view body, const RequestPath& path) const = 0;
    /// The client's bytes with model, ceiling and usage flag spliced in: same dialect only.
    [[nodiscard]] virtual Result<std::string> edit(
        std::string_view body, const RequestView& view, const RequestEdits& edits) const = 0;

    [[nodiscard]] virtual Result<Conversation> readRequest(
        std::string_view body, const RequestPath& path) const = 0;
    /// Errors: something that must not be dropped in silence cannot be said in this dialect.
    [[nodiscard]] virtual Result<std::string> writeRequest(
        const Conversation& conversation, const WriteOptions& options, Losses& losses) const = 0;

    [[nodiscard]] virtual Result<Answer> readAnswer(std::string_view body) const = 0;
    [[nodiscard]] virtual std::string writeAnswer(
        const Answer& answer, const AnswerContext& context) const = 0;
    [[nodiscard]] virtual std::unique_ptr<EventReader> eventReader() const = 0;
    [[nodiscard]] virtual std::unique_ptr<EventWriter> eventWriter(
        const AnswerContext& context) const = 0;

    [[nodiscard]] virtual RefusalReply writeRefusal(const Refusal& refusal) const = 0;
    /// What ends a relayed (not translated) stream of this dialect that must stop.
    [[nodiscard]] virtual std::string writeStreamError(const Refusal& refusal) const = 0;
    /// The text of a provider's error body; anything unreadable becomes its first bytes.
    [[nodiscard]] virtual ErrorText readError(std::string_view body) const = 0;
    /// A provider's error for a client of this dialect, whatever dialect it came in.
    [[nodiscard]] virtual std::string writeError(int status, const ErrorText& error) const = 0;
};

[[nodiscard]] const Codec& codecOf(Dialect dialect);

// one file each
[[nodiscard]] const Codec& chatCodec();
[[nodiscard]] const Codec& responsesCodec();
[[nodiscard]] const Codec& anthropicCodec();
[[nodiscard]] const Codec& geminiCodec();
[[nodiscard]] const Codec& ollamaCodec();

} // namespace headgate::wire
