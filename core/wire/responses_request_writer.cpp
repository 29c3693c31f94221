// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include "core/wire/reasoning_table.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace headgate::wire::responses {

namespace {

/// What OpenAI takes as an identifier of a user.
constexpr std::size_t userBytesMax = 64;
constexpr std::string_view logprobsInclude = "message.output_text.logprobs";

const char* roleName(Role role)
{
    switch (role) {
    case Role::System:
        return "system";
    case Role::Developer:
        return "developer";
    case Role::Assistant:
        return "assistant";
    default:
        return "user";
    }
}

/// Writes one request.
class RequestWriter {
public:
    RequestWriter(const Conversation& from, const WriteOptions& options, Losses& losses)
        : m_from(from),
          m_options(options),
          m_losses(losses),
          m_own(from.source == Dialect::Responses)
    {
    }
    [[nodiscard]] Result<std::string> write();

private:
    void writeInput();
    [[nodiscard]] bool isHeld() const;
    void writeTurn(const Turn& turn);
    void writeMessage(const Turn& turn);
    void writeToolTurn(const Turn& turn);
    void writeTools();
    void writeText();
    void writeReasoning();
    void writeSampling();
    void writeIdentity();
    [[nodiscard]] std::string tierToWrite();
    [[nodiscard]] std::string userToWrite();
    void nameLosses();
    void lose(std::string what) { m_losses.push_back(std::move(what)); }

    const Conversation& m_from;
    const WriteOptions& m_options;
    Losses& m_losses;
    bool m_own;
    json::object m_out;
    json::array m_items;
    std::string m_instructions;
    std::set<std::string> m_customCalls;
};

std::string joined(const std::vector<Part>& parts)
{
    std::string text;
    for (const Part& part : parts) {
        if (part.kind == Part::Kind::Text) {
            text += (text.empty() ? "" : "\n\n") + part.text;
        }
    }
    return text;
}

void RequestWriter::writeMessage(const Turn& turn)
{
    const json::object* own = nativeOf(turn.native);
    json::object item;
    item["role"] = roleName(turn.role);
    if (!turn.name.empty()) {
        lose("The name of a speaker is left out.");
    }
    const bool oneText = turn.parts.size() == 1 && turn.parts.front().kind == Part::Kind::Text
        && !turn.parts.front().native.present();
    const bool asString = m_own ? own != nullptr && trueAt(*own, stringNote) : oneText;
    if (asString) {
        item["content"] = turn.parts.empty() ? std::string() : turn.parts.front().text;
    } else {
        json::array content;
        for (const Part& part : turn.parts) {
            if (part.kind == Part::Kind::ToolResult) {
                continue; // an item of its own
            }
            json::value written = contentOf(part, false, m_losses);
            if (!written.is_null()) {
                content.push_back(std::move(written));
            }
        }
        if (content.empty() && own == nullptr) {
            return;
        }
        item["content"] = std::move(content);
    }
    if (own != nullptr) {
        if (const json::value* role = find(*own, "role")) {
            item["role"] = *role;
        }
        addMissing(item, *own);
    }
    m_items.push_back(std::move(item));
}

void RequestWriter::writeToolTurn(const Turn& turn)
{
    for (const Part& part : turn.parts) {
        Part copy;
        const Part* written = &part;
        if (part.kind == Part::Kind::ToolResult && !part.custom
            && m_customCalls.contains(part.id)) {
            copy = part;
            copy.custom = true;
            written = &copy;
        }
        json::value item = itemOf(*written, m_losses);
        if (!item.is_null()) {
            m_items.push_back(std::move(item));
        }
    }
}

void RequestWriter::writeTurn(const Turn& turn)
{
    const json::object* own = nativeOf(turn.native);
    const bool instructions = own != nullptr
        ? trueAt(*own, instructionsNote)
        : !m_own && turn.role == Role::System && m_items.empty();
    if (instructions) {
        m_instructions += (m_instructions.empty() ? "" : "\n\n") + joined(turn.parts);
        return;
    }
    if (turn.role == Role::Assistant) {
        for (const Part& part : turn.parts) {
            if (part.kind == Part::Kind::ToolCall && part.custom) {
                m_customCalls.insert(part.id);
            }
        }
        for (json::value& item : itemsOf(turn.parts, m_losses)) {
            m_items.push_back(std::move(item));
        }
        return;
    }
    const bool nativeItems = own == nullptr && turn.role == Role::Developer && !turn.parts.empty()
        && turn.parts.front().kind == Part::Kind::Native;
    if (turn.role == Role::Tool || nativeItems) {
        writeToolTurn(turn);
        return;
    }
    const auto isResult = [](const Part& part) { return part.kind == Part::Kind::ToolResult; };
    if (std::any_of(turn.parts.begin(), turn.parts.end(), isResult)) { // Anthropic's way
        Turn results;
        std::copy_if(
            turn.parts.begin(), turn.parts.end(), std::back_inserter(results.parts), isResult);
        writeToolTurn(results);
        if (results.parts.size() == turn.parts.size()) {
            return;
        }
    }
    writeMessage(turn);
}

/// The provider keeps what is asked: a request without input is whole.
bool RequestWriter::isHeld() const
{
    const json::object* extra = nativeOf(m_from.extra);
    return !m_from.previousResponseId.empty()
        || (extra != nullptr && (extra->contains("prompt") || extra->contains("conversation")));
}

void RequestWriter::writeInput()
{
    for (const Turn& turn : m_from.turns) {
        const json::object* own = nativeOf(turn.native);
        if (own != nullptr && own->contains("@input") && &turn == &m_from.turns.back()) {
            m_out["input"] = turn.parts.empty() ? std::string() : turn.parts.front().text;
            break;
        }
        writeTurn(turn);
    }
    if (!m_instructions.empty()) {
        m_out["instructions"] = m_instructions;
    }
    if (!m_out.contains("input") && !(m_items.empty() && isHeld())) {
        m_out["input"] = std::move(m_items);
    }
}

void RequestWriter::writeTools()
{
    json::array tools = responses::writeTools(m_from.tools, m_own, m_losses);
    const bool any = !tools.empty();
    if (any) {
        m_out["tools"] = std::move(tools);
    }
    json::value choice = writeToolChoice(m_from.toolChoice, m_from.tools, m_losses);
    if (!choice.is_null() && (any || m_own)) {
        m_out["tool_choice"] = std::move(choice);
    }
    if (m_from.toolChoice.parallel && (any || m_own)) {
        m_out["parallel_tool_calls"] = *m_from.toolChoice.parallel;
    }
}

void RequestWriter::writeText()
{
    json::object text;
    if (const json::object* own = nativeOf(m_from.format.native)) {
        text["format"] = *own;
    } else if (json::value format = writeFormat(m_from.format); !format.is_null()) {
        text["format"] = std::move(format);
    }
    if (!m_from.verbosity.empty()) {
        text["verbosity"] = m_from.verbosity;
    }
    if (!text.empty()) {
        m_out["text"] = std::move(text);
    }
}

void RequestWriter::writeReasoning()
{
    const Reasoning& reasoning = m_from.reasoning;
    if (const json::object* own = nativeOf(reasoning.native)) {
        m_out["reasoning"] = *own;
        return;
    }
    json::object out;
    if (!reasoning.effort.empty()) {
        out["effort"] = reasoning.effort;
    } else if (reasoning.disabled && m_options.reasoningModel) {
        out["effort"] = "none";
    } else if (reasoning.budgetTokens) {
        out["effort"] = effortOfBudget(*reasoning.budgetTokens);
        lose("A thinking budget in tokens becomes a word of effort.");
    }
    const bool thinks = !reasoning.disabled && (reasoning.budgetTokens || reasoning.adaptive);
    if (!reasoning.summary.empty()) {
        out["summary"] = reasoning.summary;
    } else if (thinks) {
        out["summary"] = "auto"; // the client shows thinking
    }
    if (!out.empty()) {
        m_out["reasoning"] = std::move(out);
    }
}

void RequestWriter::writeSampling()
{
    const bool drop = !m_own && m_options.reasoningModel;
    if (drop && (m_from.temperature || m_from.topP || m_from.logprobs || m_from.topLogprobs)) {
        lose("Reasoning models take no temperature, top_p or logprobs; they are left out.");
    }
    if (!drop && m_from.temperature) {
        m_out["temperature"] = numberOf(*m_from.temperature);
    }
    if (!drop && m_from.topP) {
        m_out["top_p"] = numberOf(*m_from.topP);
    }
    if (!drop && m_from.topLogprobs) {
        m_out["top_logprobs"] = *m_from.topLogprobs;
    }
    if (!drop && !m_own && m_from.logprobs.value_or(false)) {
        m_out["include"] = json::array{logprobsInclude};
    }
    if (m_own && m_from.presencePenalty) {
        m_out["presence_penalty"] = numberOf(*m_from.presencePenalty);
    }
    if (m_own && m_from.frequencyPenalty) {
        m_out["frequency_penalty"] = numberOf(*m_from.frequencyPenalty);
    }
    const std::optional<std::int64_t> ceiling
        = m_options.outputCeiling ? m_options.outputCeiling : m_from.maxOutput;
    if (ceiling) {
        m_out["max_output_tokens"] = *ceiling;
    }
}

/// Other dialects have tiers of other names, which would be refused.
std::string RequestWriter::tierToWrite()
{
    const std::string& tier = m_from.serviceTier;
    if (m_own || tier.empty()) {
        return tier;
    }
    if (tier == "standard" || tier == "standard_only") {
        return "default";
    }
    for (const std::string_view known : {"auto", "default", "flex", "priority"}) {
        if (tier == known) {
            return tier;
        }
    }
    lose("The service tier " + tier + " does not exist in responses.");
    return {};
}

/// Claude Code sends a blob of ids where others name a user.
std::string RequestWriter::userToWrite()
{
    const std::string& user = m_from.user;
    if (m_own || (user.size() <= userBytesMax && !user.starts_with('{'))) {
        return user;
    }
    lose("The end user's id is no plain word; it is left out.");
    return {};
}

void RequestWriter::writeIdentity()
{
    const std::string tier = tierToWrite();
    const std::string user = userToWrite();
    const std::array<std::pair<const char*, const std::string*>, 5> fields{{
        {"service_tier", &tier},
        {"user", &user},
        {"safety_identifier", &m_from.safetyIdentifier},
        {"prompt_cache_key", &m_from.promptCacheKey},
        {"previous_response_id", &m_from.previousResponseId},
    }};
    for (const auto& [key, value] : fields) {
        if (!value->empty()) {
            m_out[key] = *value;
        }
    }
    if (!m_from.metadata.empty()) {
        m_out["metadata"] = m_from.metadata;
    }
    if (m_options.stream) {
        m_out["stream"] = true;
    }
    if (!m_own) {
        m_out["store"] = false; // what other dialects' clients expect
        json::array include;
        if (const json::array* already = arrayAt(m_out, "include")) {
            include = *already;
        }
        if (m_options.reasoningModel) {
            include.push_back("reasoning.encrypted_content");
        }
        if (!include.empty()) {
            m_out["include"] = std::move(include);
        }
    }
}

void RequestWriter::nameLosses()
{
    if (m_own) {
        return;
    }
    const std::array<std::pair<bool, const char*>, 6> gone{{
        {!m_from.stop.empty(), "stop sequences"},
        {m_from.seed.has_value(), "seed"},
        {m_from.topK.has_value(), "top_k"},
        {m_from.presencePenalty.has_value(), "presence_penalty"},
        {m_from.frequencyPenalty.has_value(), "frequency_penalty"},
        {std::any_of(m_from.modalities.begin(), m_from.modalities.end(),
             [](const std::string& wanted) { return wanted != "text"; }),
            "outputs other than text"},
    }};
    for (const auto& [lost, what] : gone) {
        if (lost) {
            lose(std::string("Responses has no ") + what + ".");
        }
    }
    const json::object* extra = m_from.extra.value.if_object();
    if (extra != nullptr) {
        for (const auto& entry : *extra) {
            if (!entry.key().empty() && entry.key().front() != '@') {
                lose("The field \"" + std::string(entry.key()) + "\" of "
                    + dialectName(m_from.source) + " is left out.");
            }
        }
    }
}

Result<std::string> RequestWriter::write()
{
    if (m_from.n > 1) {
        return Error(ErrorCode::Unsupported, "The responses protocol gives one answer a request.",
            "Ask for one answer, or choose a model that is served over chat completions.");
    }
    m_out["model"] = m_options.model.empty() ? m_from.model : m_options.model;
    writeInput();
    writeTools();
    writeText();
    writeReasoning();
    writeSampling();
    writeIdentity();
    nameLosses();
    if (const json::object* extra = nativeOf(m_from.extra)) {
        if (const json::object* left = objectAt(*extra, "text")) {
            json::object merged;
            if (const json::object* text = objectAt(m_out, "text")) {
                merged = *text;
            }
            addMissing(merged, *left);
            m_out["text"] = std::move(merged);
        }
        addMissing(m_out, *extra);
    }
    return json::serialize(m_out);
}

} // namespace

Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses)
{
    return RequestWriter(conversation, options, losses).write();
}

} // namespace headgate::wire::responses
