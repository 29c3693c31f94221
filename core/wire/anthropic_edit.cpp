// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"
#include "core/wire/body_edit.h"

#include <algorithm>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

using Thinking = ModelTraits::Thinking;

bool isSystem(const Turn& turn)
{
    return turn.role == Role::System || turn.role == Role::Developer;
}

bool hasForeignThinking(const Conversation& conversation)
{
    const auto foreign = [](const Part& part) {
        return part.kind == Part::Kind::Thinking && part.signedBy != Dialect::Anthropic;
    };
    return std::any_of(conversation.turns.begin(), conversation.turns.end(), [&](const Turn& turn) {
        return std::any_of(turn.parts.begin(), turn.parts.end(), foreign);
    });
}

bool hasSystemAmid(const Conversation& conversation)
{
    return conversation.turns.size() > 1
        && std::any_of(conversation.turns.begin() + 1, conversation.turns.end(), isSystem);
}

/// All system texts in one turn at the front, where every model takes them.
void gatherSystem(Conversation& conversation)
{
    Turn system;
    system.role = Role::System;
    std::vector<Turn> rest;
    for (Turn& turn : conversation.turns) {
        if (!isSystem(turn)) {
            rest.push_back(std::move(turn));
            continue;
        }
        std::move(turn.parts.begin(), turn.parts.end(), std::back_inserter(system.parts));
    }
    rest.insert(rest.begin(), std::move(system));
    conversation.turns = std::move(rest);
}

bool onlyClearsThinking(const json::object& management)
{
    const json::array* edits = dom::arrayAt(management, "edits");
    return edits != nullptr
        && std::all_of(edits->begin(), edits->end(), [](const json::value& edit) {
               const json::object* fields = edit.if_object();
               return fields != nullptr
                   && dom::stringAt(*fields, "type").substr(0, 14) == "clear_thinking";
           });
}

/// What another model than the one the client named would refuse of its request.
class Adaptation {
public:
    Adaptation(const Conversation& conversation, std::string_view model)
        : m_from(conversation),
          m_traits(traitsOf(model))
    {
        thinking();
        effort();
        if (!m_traits.sampling) {
            remove("temperature", m_from.temperature.has_value());
            remove("top_p", m_from.topP.has_value());
            remove("top_k", m_from.topK.has_value());
        } else if (!m_traits.bothSampling && m_from.temperature) {
            remove("top_p", m_from.topP.has_value());
        }
    }

    [[nodiscard]] std::vector<FieldEdit> take() { return std::move(m_edits); }
    [[nodiscard]] bool setsThinking() const { return m_setsThinking; }
    [[nodiscard]] const ModelTraits& traits() const { return m_traits; }

private:
    void remove(const char* path, bool given)
    {
        if (given) {
            m_edits.push_back({path, std::nullopt});
        }
    }

    void thinking()
    {
        const Reasoning& asked = m_from.reasoning;
        const bool knowsNone = m_traits.thinking == Thinking::None;
        const bool given = asked.adaptive || asked.disabled || asked.budgetTokens;
        const bool off = (given && knowsNone)
            || (asked.adaptive && m_traits.thinking != Thinking::Adaptive)
            || (asked.disabled && !m_traits.canDisable);
        if (off) {
            m_setsThinking = true;
            remove("thinking", true);
            const json::object* extra = m_from.extra.value.if_object();
            const json::object* management
                = extra != nullptr ? dom::objectAt(*extra, "context_management") : nullptr;
            remove("context_management", management != nullptr && onlyClearsThinking(*management));
        } else if (asked.budgetTokens && !m_traits.budgetToo) {
            m_setsThinking = true;
            m_edits.push_back({"thinking", R"({"type":"adaptive"})"});
        }
    }

    void effort()
    {
        const std::string& word = m_from.reasoning.effort;
        if (word.empty()) {
            return;
        }
        if (m_traits.thinking != Thinking::Adaptive) {
            remove("output_config.effort", true);
        } else if (word == "xhigh" && !m_traits.xhigh) {
            m_edits.push_back({"output_config.effort", "\"high\""});
        }
    }

    const Conversation& m_from;
    const ModelTraits m_traits;
    std::vector<FieldEdit> m_edits;
    bool m_setsThinking = false;
};

/// The edits of model and ceiling, with the thinking budget kept below it.
std::vector<FieldEdit> plainEdits(
    const RequestView& view, const RequestEdits& edits, bool setsThinking)
{
    std::vector<FieldEdit> fields;
    fields.push_back({"model", dom::write(json::value(edits.model))});
    const std::optional<std::int64_t> ceiling = edits.outputCeiling;
    if (!ceiling) {
        return fields;
    }
    fields.push_back({"max_tokens", std::to_string(*ceiling)});
    // A budget above the ceiling is refused; one that the client itself put above its own ceiling
    // (it may, with interleaved thinking) is refused or not without us.
    const bool lowered = view.thinkingBudget && *view.thinkingBudget >= *ceiling
        && *view.thinkingBudget < view.maxTokens.value_or(*view.thinkingBudget + 1);
    if (!lowered || setsThinking) {
        return fields;
    }
    if (*ceiling > thinkingBudgetMin) {
        fields.push_back({"thinking.budget_tokens", std::to_string(*ceiling - 1)});
    } else {
        fields.push_back({"thinking", R"({"type":"disabled"})"});
    }
    return fields;
}

/// The same request written anew, for what no splice can do: thinking of other providers taken out
/// (it would be refused as a forged signature), system messages moved.
Result<std::string> rewritten(Conversation conversation, const RequestEdits& edits, bool gathers)
{
    if (gathers) {
        gatherSystem(conversation);
    }
    WriteOptions options;
    options.model = edits.model;
    options.outputCeiling = edits.outputCeiling;
    options.stream = conversation.stream;
    Losses losses;
    return writeRequest(conversation, options, losses);
}

} // namespace

Result<std::string> edit(std::string_view body, const RequestView& view, const RequestEdits& edits)
{
    const bool otherModel = edits.model != view.model;
    const std::string mark = "\"" + std::string(signatureWrapping);
    const bool marked = body.find(mark) != std::string_view::npos;
    if (!otherModel && !marked) {
        return editBody(body, plainEdits(view, edits, false));
    }
    const Result<Conversation> conversation = readRequest(body);
    if (!conversation) {
        return conversation.error();
    }
    std::vector<FieldEdit> more;
    bool gathers = false;
    bool setsThinking = false;
    if (otherModel) {
        Adaptation adaptation(*conversation, edits.model);
        gathers = !adaptation.traits().systemAmid && hasSystemAmid(*conversation);
        setsThinking = adaptation.setsThinking();
        more = adaptation.take();
    }
    std::vector<FieldEdit> fields = plainEdits(view, edits, setsThinking);
    std::move(more.begin(), more.end(), std::back_inserter(fields));
    const bool ceilingKnown = edits.outputCeiling || conversation->maxOutput;
    if (!ceilingKnown || (!gathers && !hasForeignThinking(*conversation))) {
        return editBody(body, fields);
    }
    const Result<std::string> anew = rewritten(*conversation, edits, gathers);
    if (!anew) {
        return anew;
    }
    // What was written has its ceiling and a budget that fits; the rest is still to be done.
    fields.erase(std::remove_if(fields.begin(), fields.end(),
                     [&](const FieldEdit& field) {
                         return field.path == "thinking.budget_tokens"
                             || (field.path == "thinking" && !setsThinking);
                     }),
        fields.end());
    return editBody(*anew, fields);
}

} // namespace headgate::wire::anthropic
