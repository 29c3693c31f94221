// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A provider's stream on its way to the client: cut into events whatever way its bytes are sliced,
// metered, and handed on byte for byte (same dialect) or written anew (another one). No I/O; one
// object a stream, used from one thread.

#include "core/wire/codec.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace headgate::wire {

struct RelayOptions {
    Dialect upstream = Dialect::Chat;
    Dialect client = Dialect::Chat;
    /// Same dialect: take out the chunk that only carries usage, because the client did not ask.
    bool stripUsage = false;
    /// Another dialect: for its writer. Same dialect: only `jsonArray` is looked at.
    AnswerContext context;
    /// Another dialect: asked before a complete stream is closed; what to tell the client in place
    /// of a usage that the provider did not give. Never becomes part of the facts.
    std::function<std::optional<catalog::Usage>(const AnswerFacts&)> missingUsage = {};
};

class StreamRelay {
public:
    explicit StreamRelay(RelayOptions options);
    ~StreamRelay();
    StreamRelay(const StreamRelay&) = delete;
    StreamRelay& operator=(const StreamRelay&) = delete;

    /// Takes upstream bytes, appends to `out` what may go to the client now: whole events only.
    /// Errors: an event above limits::sseLineBytesMax; an event to translate that is not of the
    /// dialect (one that is only handed on is the client's to judge: its usage is missed later).
    [[nodiscard]] Result<void> feed(std::string_view bytes, std::string& out);
    /// The upstream ended: hands over what is left, and a translated stream's own end when the
    /// provider's answer was complete.
    void finish(std::string& out);
    /// The bytes that stop the client's stream with an error.
    void fail(const Refusal& refusal, std::string& out);
    [[nodiscard]] const AnswerFacts& facts() const;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// Cuts SSE or NDJSON into events, in time linear in the bytes whatever way they are sliced.
class StreamSplitter {
public:
    enum class Framing { Sse, Ndjson };
    explicit StreamSplitter(Framing framing);
    struct Event {
        std::string_view raw; ///< all its bytes, with the blank line that ends it
        std::string_view name;
        std::string_view data; ///< data lines joined by "\n"; empty: a comment or a blank line
        /// Only the LF of a CRLF whose CR already ended the event before: it belongs to that one.
        bool late = false;
    };
    /// Appends bytes. Errors: an event above limits::sseLineBytesMax.
    [[nodiscard]] Result<void> feed(std::string_view bytes);
    /// The next whole event; its views live until the next call. False: more bytes are needed.
    [[nodiscard]] bool next(Event& event);
    /// The bytes are over: what is left of an unfinished event. False: nothing.
    [[nodiscard]] bool last(Event& event);

private:
    struct Range {
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    [[nodiscard]] bool tooLarge() const;
    void takeLine(std::string_view line);
    void deliver(Event& event, std::size_t size);
    [[nodiscard]] std::string_view unread() const
    {
        return std::string_view(m_buffer).substr(m_at);
    }

    Framing m_framing;
    std::string m_buffer;
    std::size_t m_at = 0; ///< begin of the event being read; what follows counts from here
    std::size_t m_seen = 0; ///< looked at so far
    std::size_t m_line = 0; ///< begin of the line being read
    Range m_name;
    Range m_one; ///< the first data line
    std::size_t m_lines = 0; ///< data lines
    std::string m_data; ///< when an event has several data lines
    bool m_afterCr = false; ///< the last line ended with CR: an LF now belongs to it
    bool m_first = true; ///< no line was read yet: a byte order mark may come
};

} // namespace headgate::wire
