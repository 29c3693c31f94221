// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Reading an OpenAI chat-completions answer, whole or streamed, for what the meter needs: usage,
// delivered text, how it ended. Streams are relayed as bytes; only the usage-only chunk may be
// taken out. No I/O; one object per answer, used from one thread.

#include "core/wire/answer.h"

#include <string>
#include <string_view>

namespace headgate::wire {

/// Reads a complete JSON body. Errors: not JSON, not an object.
[[nodiscard]] Result<AnswerFacts> readChatAnswer(std::string_view body);

/// Meters a stream whatever way its bytes are sliced.
class ChatStreamMeter {
public:
    /// stripUsage: take out the chunk that only carries usage (choices: []), because the client did
    /// not ask for it; a "usage": null field in other chunks is left alone.
    explicit ChatStreamMeter(bool stripUsage);
    ~ChatStreamMeter();
    ChatStreamMeter(const ChatStreamMeter&) = delete;
    ChatStreamMeter& operator=(const ChatStreamMeter&) = delete;

    /// Takes upstream bytes, appends to `out` what may go to the client now: whole events only.
    /// Errors: a line above limits::sseLineBytesMax.
    [[nodiscard]] Result<void> feed(std::string_view bytes, std::string& out);
    /// The upstream ended: hands over what is left of an unfinished event.
    void finish(std::string& out);
    [[nodiscard]] const AnswerFacts& facts() const;

private:
    struct Impl;
    Impl* m_impl;
};

} // namespace headgate::wire
