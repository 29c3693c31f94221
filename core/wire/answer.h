// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// An answer in no dialect: as a series of events (streams) or whole, and what the meter needs to
// know of it. Values only: no I/O, any thread.

#include "core/catalog/catalog.h"
#include "core/wire/conversation.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace headgate::wire {

enum class StopReason {
    None, ///< not ended yet
    End, ///< of its own accord
    Length, ///< the output ceiling or the context
    StopSequence,
    ToolCall,
    Refusal, ///< the model or a filter declined
    Pause, ///< Anthropic pause_turn: send it back to go on
    Other
};
[[nodiscard]] const char* stopReasonName(StopReason reason); ///< "end", "length", …

/// What happens next in an answer. Readers guarantee: Start first and once; a block's BlockStart
/// before its deltas and one BlockEnd after them; blocks of a choice numbered 0, 1, 2 … in the
/// order they start; one Finish a choice; then nothing but Usage. Deltas of several open blocks may
/// alternate (parallel tool calls in chat). A delta of an Image, Audio or File block says so in
/// `part.kind` (base64 is no text to count) and carries an Audio's transcript in `part.text`.
/// Citations come as `annotations`, never in BlockEnd's `native`; AnswerBuilder collects them in
/// the part's `native` under "annotations" ("citations" for Anthropic), eventsOf() takes them out
/// again.
struct AnswerEvent {
    enum class Kind { Start, BlockStart, Delta, BlockEnd, Finish, Usage, Error };
    Kind kind = Kind::Delta;
    int choice = 0;
    int block = 0;
    /// BlockStart: kind, id, name, mime … with no text yet. BlockEnd: fields known only at the end
    /// (signature, native); a ToolCall's `arguments` is empty here, they came as deltas.
    Part part;
    std::string text; ///< Delta: more text, arguments or base64; Error: its message
    boost::json::value logprobs; ///< Delta: chat's array of {token, logprob, bytes, top_logprobs}
    boost::json::value annotations; ///< Delta: citations of the dialect `annotationsBy`
    Dialect annotationsBy = Dialect::Chat;
    StopReason stop = StopReason::None; ///< Finish
    std::string stopText; ///< Finish: the provider's own word; Error: its type or code
    std::string stopSequence; ///< Finish: the sequence that was hit
    std::string id; ///< Start
    std::string model; ///< Start: as served
    std::int64_t createdS = 0; ///< Start; 0: the dialect does not say
    catalog::Usage usage; ///< Usage: so far, in full; the last one wins
    Native native; ///< Start, Finish: further fields that a writer of the same dialect repeats
};

/// A whole answer.
struct Answer {
    struct Choice {
        std::vector<Part> parts;
        StopReason stop = StopReason::None;
        std::string stopText;
        std::string stopSequence;
        boost::json::value logprobs; ///< array or null
        Native native;
    };
    std::string id;
    std::string model;
    std::int64_t createdS = 0;
    std::vector<Choice> choices;
    std::optional<catalog::Usage> usage;
    std::string error; ///< of an answer that failed; its message
    std::string errorType;
    Native native; ///< further fields of the root
};

/// Adds events up to an answer.
class AnswerBuilder {
public:
    void add(const AnswerEvent& event);
    [[nodiscard]] const Answer& answer() const { return m_answer; }
    [[nodiscard]] Answer take() { return std::move(m_answer); }

private:
    Answer m_answer;
};
/// The events that build this answer, one delta a block.
[[nodiscard]] std::vector<AnswerEvent> eventsOf(const Answer& answer);

/// What the meter keeps of an answer.
struct AnswerFacts {
    std::optional<catalog::Usage> usage; ///< the last usage object seen wins
    std::string text; ///< delivered text and tool-call arguments (for estimates), capped at 4 MB
    std::int64_t textBytes = 0; ///< all of it, also beyond the cap
    std::string model; ///< as served
    std::string finishReason; ///< of the first choice
    std::string providerRequestId; ///< "id" of the answer
    bool done = false; ///< a whole body was read, or the stream's own end mark was seen
    bool refusal = false;
    std::string error; ///< the message of an error object inside the answer; empty when none
};
/// Adds what an event says to the facts ("done" is the reader's to say).
void addFacts(AnswerFacts& facts, const AnswerEvent& event);
/// The facts of a whole answer; it is done.
[[nodiscard]] AnswerFacts factsOf(const Answer& answer);

} // namespace headgate::wire
