// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/losses.h"

#include <algorithm>
#include <utility>

namespace headgate::wire {

const std::vector<LossClass>& lossClasses()
{
    // The first class with a matching phrase counts, so narrow ones come first.
    static const std::vector<LossClass> classes{
        {"hosted-tools", {"hosted tool"}},
        {"native-content", {"content that only", "A part that only", "Further fields of messages"}},
        {"foreign-thinking",
            {"thinking that another provider", "thinking of another provider",
                "thinking that only its own provider", "Thinking of earlier turns",
                "Thinking without a signature", "Thinking signed by another provider",
                "the signature of a tool call", "the thinking behind tool calls",
                "called without Anthropic's thinking"}},
        {"thinking-level",
            {"effort", "thinking budget", "reasoning off", "reasoning:", "turning thinking off",
                "how much to think", "wish for thinking", "summaries of thinking",
                "Thinking cannot be switched off", "thinking: its least budget"}},
        {"tool-form",
            {"Further fields of the tool", "ree text", "free-text", "grammar of the tool",
                "strict tool arguments", "the schema keyword"}},
        {"tool-choice",
            {"tool_choice", "choice of tools", "one tool call at a time", "demand for a tool call",
                "choice among some of the tools"}},
        {"answer-format", {"response_format"}},
        {"system-place",
            {"system message amid", "place of a system text", "role of a system text",
                "system messages alone", "parts of a system message", "content of a system text"}},
        {"first-turn", {"put before a conversation"}},
        {"speaker-names", {"names of speakers", "name of a speaker", "have no names"}},
        {"cache-marks", {"cache control", "Marks for the prompt cache", "prompt cache key"}},
        {"media",
            {"plain document", "of a tool result are sent", "audio and files of an assistant",
                "detail of an image", "answers in ", "file that only its own provider",
                "file without content"}},
        {"error-mark", {"mark a tool result as an error"}},
        {"sampling",
            {"Reasoning models", "emperature", "top_k", "top_p", "stop sequence",
                "has no such setting", "Responses has no"}},
        {"identity-and-tier",
            {"user id", "end user's id", "metadata", "service tier", "service_tier", "verbosity"}},
        {"own-fields", {"he field ", "Further fields that only", ": only the "}},
    };
    return classes;
}

std::string_view lossClassOf(std::string_view sentence)
{
    for (const LossClass& one : lossClasses()) {
        for (const std::string_view phrase : one.phrases) {
            if (sentence.find(phrase) != std::string_view::npos) {
                return one.name;
            }
        }
    }
    return {};
}

void addLoss(Losses& losses, std::string loss)
{
    if (std::find(losses.begin(), losses.end(), loss) == losses.end()) {
        losses.push_back(std::move(loss));
    }
}

} // namespace headgate::wire
