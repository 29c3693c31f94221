// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A provider's stream on its way to the client: cut into events whatever way its bytes are sliced,
// metered, and handed on byte for byte (same dialect) or written anew (another one). No I/O; one
// object a stream, used from one thread.

#include "core/wire/codec.h"

#include <memory>
#include <string>
#include <string_view>

namespace headgate::wire {

struct RelayOptions {
    Dialect upstream = Dialect::Chat;
    Dialect client = Dialect::Chat;
    /// Same dialect: take out the chunk that only carries usage, because the client did not ask.
    bool stripUsage = false;
    AnswerContext context; ///< another dialect: for its writer
};

class StreamRelay {
public:
    explicit StreamRelay(RelayOptions options);
    ~StreamRelay();
    StreamRelay(const StreamRelay&) = delete;
    StreamRelay& operator=(const StreamRelay&) = delete;

    /// Takes upstream bytes, appends to `out` what may go to the client now: whole events only.
    /// Errors: a line above limits::sseLineBytesMax; an event that is not of the dialect.
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

/// Calls `event(name, data)` for each whole event of a text of SSE or NDJSON; false stops.
class StreamSplitter {
public:
    enum class Framing { Sse, Ndjson };
    explicit StreamSplitter(Framing framing);
    struct Event {
        std::string_view raw; ///< all its bytes, with the blank line that ends it
        std::string_view name;
        std::string_view data; ///< data lines joined by "\n"
    };
    /// Appends bytes. Errors: a line above limits::sseLineBytesMax.
    [[nodiscard]] Result<void> feed(std::string_view bytes);
    /// The next whole event; its views live until the next call. False: more bytes are needed.
    [[nodiscard]] bool next(Event& event);
    /// What is left of an unfinished event.
    [[nodiscard]] std::string_view rest() const;

private:
    Framing m_framing;
    std::string m_buffer;
    std::size_t m_at = 0; ///< begin of the event being read
    std::size_t m_seen = 0; ///< looked at so far
    std::string m_data; ///< when an event has several data lines
};

} // namespace headgate::wire
