// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/gemini_parts.h"
#include "core/wire/reasoning_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace headgate::wire::gemini {

namespace json = boost::json;

namespace {

constexpr std::size_t stopSequencesMax = 5; ///< the API refuses more

/// The most that all models of Gemini 2.5 may think.
constexpr std::int64_t thinkingBudgetMax = 24'576;
/// The least that Gemini 2.5 Pro thinks; it cannot be turned off.
constexpr std::int64_t proBudgetMin = 128;

bool contains(std::string_view text, std::string_view what)
{
    return text.find(what) != std::string_view::npos;
}

/// Moves the parts that are results of calls, or those that are not.
void moveParts(json::array& from, json::array& to, bool results)
{
    for (json::value& part : from) {
        const json::object* object = part.if_object();
        if (object != nullptr && object->contains("functionResponse") == results) {
            to.push_back(std::move(part));
            part = nullptr;
        }
    }
}

class Writer {
public:
    Writer(const Conversation& conversation, const WriteOptions& options, Losses& losses)
        : m_conversation(conversation),
          m_options(options),
          m_losses(losses),
          m_same(conversation.source == Dialect::Gemini)
    {
    }

    Result<std::string> write();

private:
    void nameCalls();
    void writeTurns();
    void writeTurn(const Turn& turn);
    void append(std::string_view role, json::array parts, const Native& native);
    json::array partsOf(const Turn& turn);
    void signCalls(json::array& parts);
    void writeSystem(const Turn& turn);
    void writeTools();
    json::object declarationOf(const Tool& tool);
    void writeHosted(const Tool& tool);
    void writeToolConfig();
    void writeGenerationConfig();
    void writeThinking(json::object& config);
    void writeEffort(json::object& thinking, bool levels);
    void writeFormat(json::object& config);
    void writeTier();
    void nameLosses();
    void lose(std::string what) { addLoss(m_losses, std::move(what)); }
    const json::object* extra() const
    {
        const json::value* value = m_conversation.extra.of(Dialect::Gemini);
        return value != nullptr ? value->if_object() : nullptr;
    }

    const Conversation& m_conversation;
    const WriteOptions& m_options;
    Losses& m_losses;
    const bool m_same;
    std::map<std::string, std::string> m_names; ///< of tools, by call id
    json::object m_root;
    json::array m_contents;
    json::array m_system;
    bool m_begun = false; ///< a turn other than the system's was written
};

void Writer::nameCalls()
{
    for (const Turn& turn : m_conversation.turns) {
        for (const Part& part : turn.parts) {
            if (part.kind == Part::Kind::ToolCall && !part.id.empty()) {
                m_names[part.id] = part.name;
            }
        }
    }
}

void Writer::writeSystem(const Turn& turn)
{
    if (m_begun) {
        lose("the place of a system text in the middle (Gemini has one system instruction)");
    }
    for (const Part& part : turn.parts) {
        if (part.kind != Part::Kind::Text && !m_same) {
            lose("content of a system text that is no text");
            continue;
        }
        json::value written = writePart(part, m_losses);
        if (!written.is_null()) {
            m_system.push_back(std::move(written));
        }
    }
    if (const json::value* more = turn.native.of(Dialect::Gemini); more && more->is_object()) {
        m_root["systemInstruction"] = *more;
    }
}

json::array Writer::partsOf(const Turn& turn)
{
    json::array out;
    const auto add = [&](const Part& part) {
        json::value written;
        if (part.kind == Part::Kind::ToolResult) {
            Part named = part;
            const auto found = m_names.find(part.id);
            named.name = found != m_names.end() ? found->second : part.name;
            named.name = named.name.empty() ? "tool" : named.name;
            written = writePart(named, m_losses);
        } else if (part.kind == Part::Kind::Text && part.text.empty() && part.signature.empty()
            && !m_same) {
            return; // refused by the API
        } else {
            written = writePart(part, m_losses);
        }
        if (!written.is_null()) {
            out.push_back(std::move(written));
        }
    };
    const std::vector<Part> parts = m_same ? turn.parts : withoutSeals(turn.parts, Thoughts::Drop);
    // The answers to calls come first: Gemini wants them next to the calls.
    for (const Part& part : parts) {
        if (m_same || part.kind == Part::Kind::ToolResult) {
            add(part);
        }
    }
    for (const Part& part : parts) {
        if (!m_same && part.kind != Part::Kind::ToolResult) {
            add(part);
        }
    }
    return out;
}

/// Gemini 3 wants the first call of each step signed; calls made elsewhere are not.
void Writer::signCalls(json::array& parts)
{
    constexpr int checksSignatures = 3;
    const int generation = generationOf(m_options.model);
    if (m_same || (generation > 0 && generation < checksSignatures)) {
        return;
    }
    for (json::value& part : parts) {
        json::object* object = part.if_object();
        if (object == nullptr || !object->contains("functionCall")) {
            continue;
        }
        if (!object->contains("thoughtSignature")) {
            (*object)["thoughtSignature"] = std::string(placeholderSignature);
            lose("the thinking behind tool calls (Google's placeholder stands for its signature)");
        }
        return;
    }
}

void Writer::append(std::string_view role, json::array parts, const Native& native)
{
    json::object* last = m_contents.empty() ? nullptr : m_contents.back().if_object();
    const bool joins
        = !m_same && last != nullptr && std::string(dom::stringAt(*last, "role")) == role;
    if (joins) {
        // Parallel results must all come before any text of the same turn.
        json::array& there = (*last)["parts"].as_array();
        json::array merged;
        moveParts(there, merged, true);
        moveParts(parts, merged, true);
        moveParts(there, merged, false);
        moveParts(parts, merged, false);
        there = std::move(merged);
        return;
    }
    json::object content;
    content["role"] = std::string(role);
    if (!parts.empty()) {
        content["parts"] = std::move(parts);
    }
    if (const json::value* more = native.of(Dialect::Gemini)) {
        if (const json::object* fields = more->if_object()) {
            if (const json::value* other = fields->if_contains("role")) {
                content["role"] = *other; // a role that is not known here
            }
            dom::mergeMissing(content, *fields);
        }
    }
    m_contents.push_back(std::move(content));
}

void Writer::writeTurn(const Turn& turn)
{
    if (turn.role == Role::System || turn.role == Role::Developer) {
        writeSystem(turn);
        return;
    }
    m_begun = true;
    json::array parts = partsOf(turn);
    if (parts.empty() && !m_same) {
        return;
    }
    if (turn.role == Role::Assistant) {
        signCalls(parts);
        append("model", std::move(parts), turn.native);
        return;
    }
    if (!turn.name.empty()) {
        lose("names of speakers");
    }
    const bool function = m_same && turn.role == Role::Tool;
    append(function ? "function" : "user", std::move(parts), turn.native);
}

void Writer::writeTurns()
{
    for (const Turn& turn : m_conversation.turns) {
        writeTurn(turn);
    }
    if (m_contents.empty() && !m_system.empty()) {
        // The API refuses a request without contents.
        append("user", std::exchange(m_system, {}), {});
        lose("the role of a system text that stands alone");
    }
    m_root["contents"] = std::move(m_contents);
    if (!m_system.empty()) {
        json::object system;
        if (const json::object* more = dom::objectAt(m_root, "systemInstruction")) {
            system = *more;
        }
        system["parts"] = std::move(m_system);
        m_root["systemInstruction"] = std::move(system);
    }
}

json::object Writer::declarationOf(const Tool& tool)
{
    json::object out;
    out["name"] = tool.name;
    if (!tool.description.empty()) {
        out["description"] = tool.description;
    }
    const json::value* value = tool.native.of(Dialect::Gemini);
    const json::object* native = value != nullptr ? value->if_object() : nullptr;
    const bool kept = native != nullptr
        && (native->contains("parameters")
            || !fieldsOf(*native).spelled("parametersJsonSchema").empty());
    const json::object* schema = tool.parameters.if_object();
    const json::object* properties
        = schema != nullptr ? dom::objectAt(*schema, "properties") : nullptr;
    const bool empty = schema != nullptr && (properties == nullptr || properties->empty())
        && std::string(dom::stringAt(*schema, "type")) == "object" && !m_same;
    if (tool.custom) {
        json::object text{{"type", "STRING"}};
        json::object input{{"input", std::move(text)}};
        out["parameters"] = json::object{{"type", "OBJECT"}, {"properties", std::move(input)},
            {"required", json::array{"input"}}};
        lose("tools with free-text input (they take it as {\"input\": …})");
    } else if (!kept && !tool.parameters.is_null() && !empty) {
        json::value subset = toOpenApi(tool.parameters);
        if (subset.is_null()) {
            out["parametersJsonSchema"] = tool.parameters;
        } else {
            out["parameters"] = std::move(subset);
        }
    }
    if (native != nullptr) {
        dom::mergeMissing(out, *native);
    }
    if (tool.strict.value_or(false)) {
        lose("strict tool arguments");
    }
    return out;
}

/// Searches, page reading and code are hosted by several providers under names of their own.
void Writer::writeHosted(const Tool& tool)
{
    json::array& tools = m_root["tools"].as_array();
    if (const json::value* whole = tool.native.of(Dialect::Gemini)) {
        tools.push_back(*whole);
        return;
    }
    const char* ours = nullptr;
    if (contains(tool.name, "web_search")) {
        ours = "googleSearch";
    } else if (contains(tool.name, "web_fetch")) {
        ours = "urlContext";
    } else if (contains(tool.name, "code_interpreter") || contains(tool.name, "code_execution")) {
        ours = "codeExecution";
    }
    if (ours == nullptr) {
        lose("the hosted tool " + tool.name);
        return;
    }
    tools.push_back(json::object{{ours, json::object()}});
    lose("the settings of the hosted tool " + tool.name + " (" + ours + " stands for it)");
}

void Writer::writeTools()
{
    if (m_conversation.tools.empty()) {
        return;
    }
    m_root["tools"] = json::array();
    json::array declarations;
    const auto flush = [&] {
        if (!declarations.empty()) {
            json::object group{{"functionDeclarations", std::exchange(declarations, {})}};
            m_root["tools"].as_array().push_back(std::move(group));
        }
    };
    for (const Tool& tool : m_conversation.tools) {
        if (!tool.hosted) {
            declarations.push_back(declarationOf(tool));
        } else {
            flush();
            writeHosted(tool);
        }
    }
    flush();
    if (m_root["tools"].as_array().empty()) {
        m_root.erase("tools");
    }
}

void Writer::writeToolConfig()
{
    const ToolChoice& choice = m_conversation.toolChoice;
    json::object calling;
    if (const json::value* native = choice.native.of(Dialect::Gemini)) {
        if (const json::object* object = native->if_object()) {
            calling = *object;
        }
    } else if (choice.kind != ToolChoice::Kind::Unset) {
        const bool none = choice.kind == ToolChoice::Kind::None;
        const bool any
            = choice.kind == ToolChoice::Kind::Required || choice.kind == ToolChoice::Kind::Named;
        calling["mode"] = none ? "NONE" : any ? "ANY" : "AUTO";
        if (!choice.names.empty()) {
            json::array names;
            for (const std::string& name : choice.names) {
                names.emplace_back(name);
            }
            calling["allowedFunctionNames"] = std::move(names);
        }
        if (choice.native.present()) {
            lose("a choice of tools that only its own protocol has");
        }
    }
    if (choice.parallel && !*choice.parallel) {
        lose("the wish for one tool call at a time");
    }
    json::object config;
    if (!calling.empty() && (m_same || m_root.contains("tools"))) {
        config["functionCallingConfig"] = std::move(calling);
    }
    if (extra() != nullptr) {
        if (const json::object* more = dom::objectAt(*extra(), "toolConfig")) {
            dom::mergeMissing(config, *more);
        }
    }
    if (!config.empty()) {
        m_root["toolConfig"] = std::move(config);
    }
}

void Writer::writeEffort(json::object& thinking, bool levels)
{
    const std::string& effort = m_conversation.reasoning.effort;
    const std::optional<std::int64_t> budget = budgetOfEffort(effort);
    if (!budget) {
        lose("the effort \"" + effort + "\"");
        return;
    }
    if (!levels) {
        thinking["thinkingBudget"] = std::min(*budget, thinkingBudgetMax);
        return;
    }
    const bool least = effort == "minimal" && contains(m_options.model, "pro");
    const bool most = effort == "xhigh" || effort == "max";
    thinking["thinkingLevel"] = least ? std::string("low") : most ? std::string("high") : effort;
    if (most) {
        lose("effort above \"high\"");
    }
}

void Writer::writeThinking(json::object& config)
{
    const Reasoning& reasoning = m_conversation.reasoning;
    if (const json::value* native = reasoning.native.of(Dialect::Gemini)) {
        config["thinkingConfig"] = *native;
        return;
    }
    if (!reasoning.asked()) {
        return;
    }
    const int generation = generationOf(m_options.model);
    constexpr int thinksInLevels = 3;
    const bool levels = generation == 0 || generation >= thinksInLevels;
    const bool pro = contains(m_options.model, "pro");
    json::object thinking;
    if (reasoning.disabled || reasoning.effort == "none") {
        if (levels) {
            thinking["thinkingLevel"] = pro ? "low" : "minimal";
            lose("turning thinking off (Gemini 3 thinks a little)");
        } else {
            thinking["thinkingBudget"] = pro ? proBudgetMin : 0;
        }
    } else if (reasoning.budgetTokens) {
        thinking["thinkingBudget"] = *reasoning.budgetTokens;
    } else if (!reasoning.effort.empty()) {
        writeEffort(thinking, levels);
    } else if (reasoning.adaptive && !levels) {
        thinking["thinkingBudget"] = -1;
    }
    const bool shown = !reasoning.summary.empty()
        || (m_conversation.source == Dialect::Anthropic && !reasoning.disabled);
    if (shown) {
        thinking["includeThoughts"] = true;
    }
    if (!thinking.empty()) {
        config["thinkingConfig"] = std::move(thinking);
    }
}

void Writer::writeFormat(json::object& config)
{
    const AnswerFormat& format = m_conversation.format;
    if (const json::value* native = format.native.of(Dialect::Gemini)) {
        if (const json::object* object = native->if_object()) {
            dom::mergeMissing(config, *object);
        }
        return;
    }
    if (format.kind != AnswerFormat::Kind::JsonObject
        && format.kind != AnswerFormat::Kind::JsonSchema) {
        return;
    }
    config["responseMimeType"] = "application/json";
    if (format.kind == AnswerFormat::Kind::JsonSchema && !format.schema.is_null()) {
        json::value subset = toOpenApi(format.schema);
        if (subset.is_null()) {
            config["responseJsonSchema"] = format.schema;
        } else {
            config["responseSchema"] = std::move(subset);
        }
    }
}

void put(json::object& object, const char* name, const std::optional<std::int64_t>& value)
{
    if (value) {
        object[name] = *value;
    }
}

void put(json::object& object, const char* name, const std::optional<double>& value)
{
    if (value) {
        object[name] = dom::plainNumber(*value);
    }
}

void Writer::writeGenerationConfig()
{
    const Conversation& from = m_conversation;
    json::object config;
    put(config, "maxOutputTokens",
        m_options.outputCeiling ? m_options.outputCeiling : from.maxOutput);
    put(config, "temperature", from.temperature);
    put(config, "topP", from.topP);
    put(config, "topK", from.topK);
    if (from.n != 1) {
        config["candidateCount"] = from.n;
    }
    if (!from.stop.empty()) {
        json::array stops;
        for (const std::string& stop : from.stop) {
            if (stops.size() < stopSequencesMax || m_same) {
                stops.emplace_back(stop);
            } else {
                lose("stop sequences beyond five");
            }
        }
        config["stopSequences"] = std::move(stops);
    }
    put(config, "presencePenalty", from.presencePenalty);
    put(config, "frequencyPenalty", from.frequencyPenalty);
    put(config, "seed", from.seed);
    if (from.logprobs) {
        config["responseLogprobs"] = *from.logprobs;
    }
    put(config, "logprobs", from.topLogprobs);
    writeFormat(config);
    json::array modalities;
    for (const std::string& modality : from.modalities) {
        std::string name = modality;
        std::transform(name.begin(), name.end(), name.begin(),
            [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
        modalities.emplace_back(name);
    }
    const json::object* kept
        = extra() != nullptr ? dom::objectAt(*extra(), "generationConfig") : nullptr;
    const bool keptWish = kept != nullptr && !fieldsOf(*kept).spelled("responseModalities").empty();
    if (!modalities.empty() && !keptWish) {
        config["responseModalities"] = std::move(modalities);
    }
    writeThinking(config);
    if (kept != nullptr) {
        dom::mergeMissing(config, *kept);
    }
    if (!config.empty()) {
        m_root["generationConfig"] = std::move(config);
    }
}

void Writer::writeTier()
{
    const std::string& tier = m_conversation.serviceTier;
    if (tier.empty() || tier == "auto") {
        return;
    }
    if (m_same || tier == "flex" || tier == "priority" || tier == "standard") {
        m_root["serviceTier"] = tier;
    } else if (tier == "default" || tier == "standard_only") {
        m_root["serviceTier"] = "standard";
    } else {
        lose("the service tier \"" + tier + "\"");
    }
}

void Writer::nameLosses()
{
    const Conversation& from = m_conversation;
    if (!from.verbosity.empty()) {
        lose("verbosity");
    }
    if (!from.user.empty() || !from.safetyIdentifier.empty()) {
        lose("the end user's id");
    }
    if (!from.promptCacheKey.empty()) {
        lose("the prompt cache key");
    }
    if (!from.metadata.empty()) {
        lose("metadata");
    }
    if (from.extra.present() && from.extra.dialect != Dialect::Gemini) {
        if (const json::object* fields = from.extra.value.if_object()) {
            for (const auto& member : *fields) {
                lose("the field " + std::string(member.key().data(), member.key().size()) + " of "
                    + dialectName(from.extra.dialect));
            }
        }
    }
}

Result<std::string> Writer::write()
{
    if (!m_conversation.previousResponseId.empty()) {
        return Error(ErrorCode::InvalidArgument,
            "The request goes on from a response that another provider keeps.",
            "Send the whole conversation, or ask for a model of that provider.");
    }
    nameCalls();
    writeTurns();
    writeTools();
    writeToolConfig();
    writeGenerationConfig();
    writeTier();
    nameLosses();
    if (extra() != nullptr) {
        for (const auto& member : *extra()) {
            if (!m_root.contains(member.key())) {
                m_root[member.key()] = member.value();
            }
        }
    }
    return json::serialize(m_root);
}

} // namespace

Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses)
{
    return Writer(conversation, options, losses).write();
}

} // namespace headgate::wire::gemini
