// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"
#include "core/wire/reasoning_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

using Thinking = ModelTraits::Thinking;

Error cannot(std::string what, std::string remedy)
{
    return Error(ErrorCode::Unsupported, std::move(what), std::move(remedy));
}

bool goodToolName(std::string_view name)
{
    constexpr std::size_t nameMax = 128;
    return !name.empty() && name.size() <= nameMax
        && std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                   || c == '_' || c == '-';
           });
}

/// Other protocols' names of the web search that their provider runs.
bool searchesWeb(std::string_view type)
{
    return type.substr(0, 10) == "web_search" || type == "googleSearch" || type == "google_search";
}

class RequestWriter {
public:
    RequestWriter(const Conversation& from, const WriteOptions& options, Losses& losses)
        : m_from(from),
          m_options(options),
          m_losses(losses),
          m_same(from.source == Dialect::Anthropic),
          m_traits(traitsOf(options.model.empty() ? from.model : options.model))
    {
        const json::value* extra = from.extra.of(Dialect::Anthropic);
        m_extra = extra != nullptr ? extra->if_object() : nullptr;
    }

    Result<std::string> write()
    {
        if (Result<void> checked = check(); !checked) {
            return checked.error();
        }
        m_root["model"] = m_options.model.empty() ? m_from.model : m_options.model;
        m_root["max_tokens"] = m_ceiling;
        if (Result<void> turns = m_same ? ownTurns() : foreignTurns(); !turns) {
            return turns.error();
        }
        if (Result<void> tools = writeTools(); !tools) {
            return tools.error();
        }
        writeToolChoice();
        writeThinking();
        writeFormat();
        writeSampling();
        writeIdentity();
        if (m_options.stream) {
            m_root["stream"] = true;
        }
        addExtra();
        return dom::write(m_root);
    }

private:
    [[nodiscard]] const json::object* extraObject(std::string_view name) const
    {
        return m_extra != nullptr ? dom::objectAt(*m_extra, name) : nullptr;
    }
    void lose(std::string what) { addLoss(m_losses, std::move(what)); }

    Result<void> check()
    {
        const auto ceiling = m_options.outputCeiling ? m_options.outputCeiling : m_from.maxOutput;
        if (!ceiling) {
            return cannot("Anthropic wants max_tokens, and no output ceiling is known.",
                "Ask for max_tokens, or give the model an output limit in the catalog.");
        }
        m_ceiling = *ceiling;
        if (m_from.n > 1) {
            return cannot(
                "Anthropic gives one answer a request, not " + std::to_string(m_from.n) + ".",
                "Leave n out, or name a model of another provider.");
        }
        for (const std::string& modality : m_from.modalities) {
            if (modality != "text") {
                return cannot("Anthropic's models put out no " + modality + ".",
                    "Ask for text only, or name a model of another provider.");
            }
        }
        if (!m_from.previousResponseId.empty()) {
            return cannot("The response " + m_from.previousResponseId
                    + " is kept by another provider, so it cannot be gone on with here.",
                "Send the whole conversation, or name a model of that provider.");
        }
        return {};
    }

    // --- messages

    /// As they were read: nothing is merged or moved.
    Result<void> ownTurns()
    {
        json::array messages;
        for (std::size_t i = 0; i < m_from.turns.size(); ++i) {
            const Turn& turn = m_from.turns[i];
            const bool system = turn.role == Role::System || turn.role == Role::Developer;
            if (i == 0 && system) {
                m_root["system"] = writeContent(turn.parts);
                continue;
            }
            json::object message;
            message["role"] = system           ? "system"
                : turn.role == Role::Assistant ? "assistant"
                                               : "user";
            message["content"] = ownContent(turn);
            if (message["content"].is_null()) {
                continue;
            }
            if (const json::value* native = turn.native.of(Dialect::Anthropic)) {
                dom::addMissing(message, *native);
            }
            messages.push_back(std::move(message));
        }
        m_root["messages"] = std::move(messages);
        return {};
    }

    /// Thinking that went to the client from another provider came back in this dialect. Null:
    /// nothing else was in the turn, and the API refuses empty content.
    json::value ownContent(const Turn& turn)
    {
        const auto foreign = [](const Part& part) {
            return part.kind == Part::Kind::Thinking && part.signedBy != Dialect::Anthropic;
        };
        const auto calls = [](const Part& part) { return part.kind == Part::Kind::ToolCall; };
        const bool drops = std::any_of(turn.parts.begin(), turn.parts.end(), foreign);
        if (turn.role == Role::Assistant) {
            // Of the last answer only.
            m_toolLoopWithoutThinking
                = drops && std::any_of(turn.parts.begin(), turn.parts.end(), calls);
        }
        if (!drops) {
            return writeContent(turn.parts);
        }
        lose("thinking that another provider signed, or nobody");
        std::vector<Part> parts;
        std::remove_copy_if(
            turn.parts.begin(), turn.parts.end(), std::back_inserter(parts), foreign);
        return parts.empty() ? json::value() : writeContent(parts);
    }

    Result<void> foreignTurns()
    {
        Result<Turns> made = turnsOf(m_from, m_losses);
        if (!made) {
            return made.error();
        }
        Turns turns = std::move(made).value();
        if (turns.messages.empty()) {
            return cannot("There is no message with content.", "Send at least one message.");
        }
        if (!turns.system.empty()) {
            m_root["system"] = std::move(turns.system);
        }
        m_root["messages"] = std::move(turns.messages);
        m_toolLoopWithoutThinking = turns.toolLoopWithoutThinking;
        return {};
    }

    // --- tools

    Result<void> writeTools()
    {
        json::array tools;
        for (const Tool& tool : m_from.tools) {
            const json::value* native = tool.native.of(Dialect::Anthropic);
            if (tool.hosted && native == nullptr && searchesWeb(tool.name)) {
                tools.push_back(webSearch(tool));
                continue;
            }
            if (tool.hosted && native == nullptr) {
                lose("the hosted tool " + tool.name + ": another provider runs it");
                continue;
            }
            if (tool.hosted) {
                tools.push_back(*native);
                continue;
            }
            if (!m_same && !goodToolName(tool.name)) {
                return cannot("Anthropic takes no tool of the name \"" + tool.name + "\".",
                    "Use letters, digits, _ and - only.");
            }
            tools.push_back(writeTool(tool, native));
        }
        m_hasTools = !tools.empty();
        if (m_hasTools) {
            m_root["tools"] = std::move(tools);
        }
        return {};
    }

    /// The web search of another provider, with what both can say of it.
    json::object webSearch(const Tool& tool)
    {
        json::object out{{"type", "web_search_20250305"}, {"name", "web_search"}};
        const json::object* given = tool.native.value.if_object();
        if (given == nullptr) {
            return out;
        }
        if (const json::object* place = dom::objectAt(*given, "user_location")) {
            out["user_location"] = *place;
            out["user_location"].get_object()["type"] = "approximate";
        }
        const json::object* filters = dom::objectAt(*given, "filters");
        if (const json::array* domains
            = filters != nullptr ? dom::arrayAt(*filters, "allowed_domains") : nullptr) {
            out["allowed_domains"] = *domains;
        }
        if (const auto uses = dom::wholeAt(*given, "max_uses")) {
            out["max_uses"] = *uses; // no field of those dialects: set where a limit is needed
        }
        if (dom::find(*given, "search_context_size") != nullptr) {
            lose("the search_context_size of the hosted tool web search");
        }
        return out;
    }

    json::object writeTool(const Tool& tool, const json::value* native)
    {
        json::object out;
        out["name"] = tool.name;
        if (!tool.description.empty()) {
            out["description"] = tool.description;
        }
        out["input_schema"] = tool.custom ? freeTextSchema(tool) : inputSchema(tool);
        if (tool.strict && (m_same || *tool.strict)) {
            writeStrict(tool, out);
        }
        if (tool.cacheControl) {
            json::object control{{"type", "ephemeral"}};
            if (!tool.cacheTtl.empty()) {
                control["ttl"] = tool.cacheTtl;
            }
            out["cache_control"] = std::move(control);
        }
        if (native != nullptr) {
            dom::addMissing(out, *native);
        }
        return out;
    }

    void writeStrict(const Tool& tool, json::object& out)
    {
        out["strict"] = *tool.strict;
        if (!m_same) {
            std::set<std::string> removed;
            out["input_schema"] = adaptSchema(out["input_schema"], removed);
            nameRemoved(removed);
        }
    }

    json::value freeTextSchema(const Tool& tool)
    {
        lose("the free text input of the tool " + tool.name + ": it comes as {\"input\": text}");
        if (tool.native.present()) {
            lose("the grammar of the tool " + tool.name);
        }
        return json::object{{"type", "object"},
            {"properties", json::object{{"input", json::object{{"type", "string"}}}}},
            {"required", json::array{"input"}}};
    }

    [[nodiscard]] json::value inputSchema(const Tool& tool) const
    {
        const json::object* schema = tool.parameters.if_object();
        if (m_same && !tool.parameters.is_null()) {
            return tool.parameters;
        }
        json::object out = schema != nullptr ? *schema : json::object();
        if (!out.contains("type")) {
            out["type"] = "object"; // the API refuses a schema without it
        }
        if (schema == nullptr) {
            out["properties"] = json::object();
        }
        return out;
    }

    void writeToolChoice()
    {
        const ToolChoice& choice = m_from.toolChoice;
        const json::value* native = choice.native.of(Dialect::Anthropic);
        const json::object* fields = native != nullptr ? native->if_object() : nullptr;
        if (fields != nullptr && fields->contains("type")) {
            m_root["tool_choice"] = *native;
            return;
        }
        if (choice.native.present() && native == nullptr) {
            lose("a tool_choice that only another protocol knows");
        }
        json::object out;
        const bool serial = choice.parallel && !*choice.parallel;
        switch (choice.kind) {
        case ToolChoice::Kind::Unset:
            if (!serial) {
                return;
            }
            out["type"] = "auto";
            break;
        case ToolChoice::Kind::Auto:
            out["type"] = "auto";
            break;
        case ToolChoice::Kind::None:
            out["type"] = "none";
            break;
        case ToolChoice::Kind::Required:
            out["type"] = "any";
            break;
        case ToolChoice::Kind::Named:
            named(out);
            break;
        }
        if (!m_same && !m_hasTools) {
            return; // the API refuses a choice without tools
        }
        m_forcesTool
            = choice.kind == ToolChoice::Kind::Required || choice.kind == ToolChoice::Kind::Named;
        if (choice.parallel && (m_same || (serial && choice.kind != ToolChoice::Kind::None))) {
            out["disable_parallel_tool_use"] = serial;
        }
        if (native != nullptr) {
            dom::addMissing(out, *native);
        }
        m_root["tool_choice"] = std::move(out);
    }

    void named(json::object& out)
    {
        const std::vector<std::string>& names = m_from.toolChoice.names;
        if (names.size() == 1) {
            out["type"] = "tool";
            out["name"] = names.front();
            return;
        }
        lose("a choice among some of the tools: Anthropic knows one or any");
        out["type"] = "any";
    }

    // --- thinking and effort

    void writeThinking()
    {
        const Reasoning& reasoning = m_from.reasoning;
        json::object thinking;
        std::string effort = reasoning.effort;
        if (m_same) {
            ownThinking(thinking);
        } else if (reasoning.asked()) {
            effort = foreignThinking(thinking);
        }
        fitBudget(thinking);
        if (!thinking.empty()) {
            const std::string_view type = dom::stringAt(thinking, "type");
            m_thinks = type == "enabled" || type == "adaptive";
            m_root["thinking"] = std::move(thinking);
        }
        json::object config;
        if (!effort.empty()) {
            config["effort"] = effort;
        }
        if (const json::object* rest = extraObject("output_config")) {
            dom::addMissing(config, *rest);
        }
        if (!config.empty()) {
            m_root["output_config"] = std::move(config);
        }
    }

    void ownThinking(json::object& thinking)
    {
        const Reasoning& reasoning = m_from.reasoning;
        if (reasoning.disabled) {
            thinking["type"] = "disabled";
        } else if (reasoning.adaptive) {
            thinking["type"] = "adaptive";
        } else if (reasoning.budgetTokens) {
            thinking["type"] = "enabled";
            thinking["budget_tokens"] = *reasoning.budgetTokens;
        }
        if (const json::object* rest = extraObject("thinking")) {
            dom::addMissing(thinking, *rest);
        }
        if (m_toolLoopWithoutThinking && dom::stringAt(thinking, "type") == "enabled") {
            lose("thinking: the tools being answered were called without Anthropic's thinking");
            thinking = json::object{{"type", "disabled"}};
        }
    }

    /// Fills `thinking`, returns the effort for output_config (empty: none).
    std::string foreignThinking(json::object& thinking)
    {
        const Reasoning& reasoning = m_from.reasoning;
        const bool off = reasoning.disabled || reasoning.effort == "none"
            || (reasoning.budgetTokens && *reasoning.budgetTokens == 0);
        if (off) {
            if (m_traits.canDisable) {
                thinking["type"] = "disabled";
            } else if (m_traits.thinking != Thinking::None) {
                lose("reasoning off: this model always thinks");
            }
            return {};
        }
        if (m_traits.thinking == Thinking::None) {
            lose("reasoning: this model does not think");
            return {};
        }
        if (m_forcesTool) {
            lose("reasoning: Anthropic's models do not think when a tool is forced");
            return {};
        }
        return m_traits.thinking == Thinking::Adaptive ? adaptive(thinking) : budget(thinking);
    }

    std::string adaptive(json::object& thinking)
    {
        const Reasoning& reasoning = m_from.reasoning;
        thinking["type"] = "adaptive";
        if (!reasoning.summary.empty()) {
            thinking["display"] = "summarized";
        }
        std::string effort = reasoning.effort;
        if (effort.empty() && reasoning.budgetTokens && *reasoning.budgetTokens > 0) {
            effort = effortOfBudget(*reasoning.budgetTokens);
            lose("the thinking budget became an effort");
        }
        if (effort == "minimal") {
            lose("the effort minimal became low");
            return "low";
        }
        if (effort == "xhigh" && !m_traits.xhigh) {
            lose("the effort xhigh became high");
            return "high";
        }
        return effort;
    }

    std::string budget(json::object& thinking)
    {
        if (m_toolLoopWithoutThinking) {
            lose("thinking: the tools being answered were called without Anthropic's thinking");
            return {};
        }
        const Reasoning& reasoning = m_from.reasoning;
        std::int64_t tokens = reasoning.budgetTokens.value_or(-1);
        if (tokens < 0) {
            tokens = budgetOfEffort(reasoning.effort)
                         .value_or(budgetOfEffort("medium").value_or(thinkingBudgetMin));
            // A word of effort asks for an answer, too: it gets half of the ceiling at least.
            tokens = std::max(thinkingBudgetMin, std::min(tokens, m_ceiling / 2));
        }
        thinking["type"] = "enabled";
        thinking["budget_tokens"] = std::max(thinkingBudgetMin, tokens);
        return {};
    }

    /// The budget must be below max_tokens; one that the client itself put above its own ceiling
    /// (it may, with interleaved thinking) stays as it is.
    void fitBudget(json::object& thinking)
    {
        const auto tokens = dom::wholeAt(thinking, "budget_tokens");
        const bool meant = m_same && tokens && m_from.maxOutput && *tokens >= *m_from.maxOutput;
        if (!tokens || *tokens < m_ceiling || meant) {
            return;
        }
        if (m_ceiling <= thinkingBudgetMin) {
            lose("thinking: its least budget does not fit below max_tokens");
            thinking = json::object{{"type", "disabled"}};
            return;
        }
        lose("the thinking budget was cut to fit below max_tokens");
        thinking["budget_tokens"] = m_ceiling - 1;
    }

    // --- the rest

    void writeFormat()
    {
        const AnswerFormat& format = m_from.format;
        if (format.kind == AnswerFormat::Kind::JsonObject) {
            // Who asks for it has to say so in the prompt as well, which the model still reads.
            lose("response_format json_object: Anthropic knows schemas only");
        }
        if (format.kind != AnswerFormat::Kind::JsonSchema) {
            return;
        }
        json::object out{{"type", "json_schema"}};
        if (m_same) {
            out["schema"] = format.schema;
        } else {
            std::set<std::string> removed;
            out["schema"] = adaptSchema(format.schema, removed);
            nameRemoved(removed);
        }
        if (m_extra != nullptr && m_extra->contains("output_format")) {
            m_root["output_format"] = std::move(out);
            return;
        }
        json::value& config = m_root["output_config"];
        if (!config.is_object()) {
            config = json::object();
        }
        json::object& fields = config.get_object();
        if (const json::object* rest = dom::objectAt(fields, "format")) {
            dom::addMissing(out, *rest);
        }
        fields["format"] = std::move(out);
    }

    void nameRemoved(const std::set<std::string>& removed)
    {
        for (const std::string& keyword : removed) {
            lose("the schema keyword " + keyword + ": it is only described");
        }
    }

    void writeSampling()
    {
        if (m_same) {
            put("temperature", m_from.temperature);
            put("top_p", m_from.topP);
            put("top_k", m_from.topK);
        } else {
            foreignSampling();
        }
        json::array stops;
        for (const std::string& stop : m_from.stop) {
            if (!m_same && isBlank(stop)) {
                lose("a stop sequence of white space: the API refuses it");
                continue;
            }
            stops.push_back(json::value(stop));
        }
        if (!stops.empty()) {
            m_root["stop_sequences"] = std::move(stops);
        }
    }

    template <typename T>
    void put(const char* name, const std::optional<T>& value)
    {
        if (value) {
            m_root[name] = *value;
        }
    }

    void foreignSampling()
    {
        const bool refuses = m_options.reasoningModel || !m_traits.sampling || m_thinks;
        if (refuses && (m_from.temperature || m_from.topP || m_from.topK)) {
            lose("temperature, top_p, top_k: this model does not take them"
                + std::string(m_thinks ? " while it thinks" : ""));
        } else if (!refuses) {
            std::optional<double> temperature = m_from.temperature;
            if (temperature && *temperature > 1.0) {
                lose("a temperature above 1 became 1");
                temperature = 1.0;
            }
            put("temperature", temperature);
            if (m_from.topK && *m_from.topK > 0) { // elsewhere zero and less stand for no limit
                put("top_k", m_from.topK);
            }
            if (temperature && m_from.topP && !m_traits.bothSampling) {
                lose("top_p beside temperature: this model takes one of them");
            } else {
                put("top_p", m_from.topP);
            }
        }
        loseUnknownSettings();
    }

    void loseUnknownSettings()
    {
        const std::pair<bool, const char*> unknown[]{
            {m_from.presencePenalty && *m_from.presencePenalty != 0, "presence_penalty"},
            {m_from.frequencyPenalty && *m_from.frequencyPenalty != 0, "frequency_penalty"},
            {m_from.seed.has_value(), "seed"},
            {m_from.logprobs.value_or(false) || m_from.topLogprobs.value_or(0) > 0, "logprobs"},
            {!m_from.verbosity.empty(), "verbosity"},
            {!m_from.metadata.empty(), "metadata"},
        };
        if (!m_from.promptCacheKey.empty()) {
            lose("the prompt cache key: Anthropic caches where it is told to");
        }
        for (const auto& [given, name] : unknown) {
            if (given) {
                lose(std::string(name) + ": Anthropic has no such setting");
            }
        }
    }

    void writeIdentity()
    {
        const std::string& user = m_from.user.empty() ? m_from.safetyIdentifier : m_from.user;
        json::object metadata;
        if (!user.empty()) {
            metadata["user_id"] = user;
        }
        if (m_same) {
            dom::addMissing(metadata, m_from.metadata);
        }
        if (!metadata.empty()) {
            m_root["metadata"] = std::move(metadata);
        }
        if (m_from.serviceTier.empty()) {
            return;
        }
        if (m_same || m_from.serviceTier == "auto") {
            m_root["service_tier"] = m_from.serviceTier;
        } else if (m_from.serviceTier == "default") {
            m_root["service_tier"] = "standard_only";
        } else {
            lose("service_tier " + m_from.serviceTier);
        }
    }

    void addExtra()
    {
        const json::object* foreign = m_from.extra.value.if_object();
        if (m_extra == nullptr && foreign != nullptr) {
            for (const auto& member : *foreign) {
                lose(std::string(member.key()) + ": only the "
                    + std::string(dialectName(m_from.extra.dialect)) + " protocol knows it");
            }
        }
        if (m_extra == nullptr) {
            return;
        }
        for (const auto& member : *m_extra) {
            const std::string_view name(member.key().data(), member.key().size());
            // An empty output_format only says where the format was.
            const json::object* format
                = name == "output_format" ? member.value().if_object() : nullptr;
            const bool used = name == "thinking" || name == "output_config"
                || (format != nullptr && format->empty());
            if (!used && !m_root.contains(member.key())) {
                m_root.emplace(member.key(), member.value());
            }
        }
    }

    const Conversation& m_from;
    const WriteOptions& m_options;
    Losses& m_losses;
    const bool m_same; ///< read from this dialect: written back as it was
    const ModelTraits m_traits;
    const json::object* m_extra = nullptr;
    std::int64_t m_ceiling = 0;
    bool m_hasTools = false;
    bool m_forcesTool = false;
    bool m_thinks = false;
    bool m_toolLoopWithoutThinking = false;
    json::object m_root;
};

} // namespace

Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses)
{
    return RequestWriter(conversation, options, losses).write();
}

} // namespace headgate::wire::anthropic
