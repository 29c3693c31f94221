// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Writes an answer as the events of a responses stream, or (quietly) only its final object: both
// come out of the same steps, so they agree. One object an answer, one thread.

#include "core/wire/responses_internal.h"

#include <map>
#include <string>
#include <vector>

namespace headgate::wire::responses {

class ResponsesWriter final : public EventWriter {
public:
    explicit ResponsesWriter(const AnswerContext& context);

    void write(const AnswerEvent& event, std::string& out) override;
    void end(std::string& out) override;
    void fail(const Refusal& refusal, std::string& out) override;

    /// No event texts: only the object counts.
    void beQuiet() { m_quiet = true; }
    [[nodiscard]] const json::object& response() const { return m_response; }

private:
    struct Block {
        Part part; ///< as begun, then as ended
        std::string text; ///< delivered so far
        json::array annotations;
        json::array logprobs;
        std::size_t item = 0; ///< output index
        std::size_t content = 0; ///< index inside its message
        bool begun = false; ///< its item was announced
        bool wrapped = false; ///< a custom call's input inside an object, given at the end
        bool open = true;
    };

    void start(const AnswerEvent& event);
    void startBlock(int number, const Part& part);
    void startText(Block& block);
    void startCall(Block& block);
    void startThinking(Block& block);
    void startNative(Block& block);
    void delta(const AnswerEvent& event);
    void annotate(Block& block, const AnswerEvent& event);
    void endBlock(Block& block, const Part& end);
    void endText(Block& block);
    void endCall(Block& block);
    void endThinking(Block& block);
    void endMedia(Block& block);
    void endNative(Block& block);
    void closeMessage();
    void closeAll();
    void finish();
    void failWith(json::object error);
    void setUsage();

    /// Adds an item to the output and announces it; its output index.
    std::size_t addItem(json::object item);
    void itemDone(std::size_t index);
    [[nodiscard]] std::string newId(const char* prefix);
    [[nodiscard]] json::object& item(std::size_t index);
    [[nodiscard]] json::object about(const Block& block) const;
    /// Writes an event with the next sequence number.
    void emit(std::string_view type, json::object data);
    void emitResponse(std::string_view type);

    json::object m_response;
    CallNames m_names;
    std::string m_model;
    std::int64_t m_inputEstimate = 0;
    std::int64_t m_outputBytes = 0;
    std::map<int, Block> m_blocks;
    std::optional<std::size_t> m_message; ///< output index of the message still open
    AnswerEvent m_finish;
    std::optional<catalog::Usage> m_usage;
    std::string* m_out = nullptr;
    std::int64_t m_sequence = 0;
    std::int64_t m_idsGiven = 0;
    bool m_refused = false;
    bool m_started = false;
    bool m_ended = false;
    bool m_quiet = false;
};

} // namespace headgate::wire::responses
