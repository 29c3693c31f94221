// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sim_text.h"

#include "core/base/rng.h"
#include "core/tokens/tokens.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace headgate::proxy {

namespace {

namespace json = boost::json;

constexpr std::string_view generalText[] = {
    "Here is a short answer to your question.",
    " The main point is that small steps are easier to check than large ones.",
    " First, write down what you know and what you still need to find out.",
    " Then compare the options side by side and look at the cost of each.",
    " In most cases the simple choice is good enough and much cheaper to keep.",
    " A common mistake is to measure too late, when the result can no longer be changed.",
    " It helps to agree on one number that everybody can see.",
    " If the numbers do not match, trust the source that is closest to the event.",
    " You can start with the part that is used most often and leave the rest for later.",
    " When two teams share one budget, each should see what the other has spent.",
    " The second point concerns time: a late answer is often worth less than a rough one.",
    " Keep a record of each decision and the reason behind it.",
    " That record will save you more time than any meeting about the past.",
    " As a rule, review the plan once a week and change one thing at a time.",
    " Finally, tell people early when a limit is near, so that nobody is surprised.",
    " Let me know which part you would like to see in more detail.",
};

constexpr std::string_view codeText[] = {
    "The function below reads the rows once and keeps a running total.\n\n",
    ("```python\ndef total(rows):\n    result = 0\n    for row in rows:\n"
     "        result += row.amount\n    return result\n```\n"),
    "It works in one pass and needs no extra memory.",
    " Rows without an amount should be filtered before the call.",
    " Add a test for the empty list, because that is where such code fails first.",
    "\n\n```python\ndef test_empty():\n    assert total([]) == 0\n```\n",
    "If the input can be very large, pass a generator instead of a list.",
    " The result stays exact as long as the amounts are whole numbers.",
    " The name of the parameter says what it holds, so no comment is needed.\n\n",
};

constexpr std::string_view summaryText[] = {
    "In short: the team reached its goal, but it took longer than planned.",
    " Three things stand out.",
    " Sales rose in the north and fell slightly in the south.",
    " Costs stayed flat because two projects were moved to the next quarter.",
    " The new tool is used every day by most of the staff.",
    " Open questions remain about support, training and the final price.",
    " The next review is set for the end of the month.",
};

constexpr std::string_view reasoningText[] = {
    "Let us go through this step by step.",
    " Suppose that the statement is true for some number.",
    " Then the next number follows from the same rule, because only one term changes.",
    " The sum on the left grows by exactly that term, and so does the side on the right.",
    " The first case can be checked by hand.",
    " Therefore the statement holds for all numbers from one upwards.",
    " Note that we used the order of the terms only once.",
    " Without that assumption the argument would fail at the second step.",
    " An independent check with small values gives the same result.",
    " So the answer is confirmed in two different ways.",
};

bool containsAny(std::string_view text, std::initializer_list<std::string_view> words)
{
    return std::any_of(words.begin(), words.end(),
        [text](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

const wire::Message* lastUserMessage(const wire::RequestView& request)
{
    for (auto it = request.messages.rbegin(); it != request.messages.rend(); ++it) {
        if (it->role == wire::Role::User) {
            return &*it;
        }
    }
    return nullptr;
}

enum class Topic { General, Code, Summary, Reasoning };

Topic topicOf(const wire::RequestView& request)
{
    const auto* message = lastUserMessage(request);
    if (message == nullptr) {
        return Topic::General;
    }
    const std::string_view text = message->text;
    if (containsAny(text, {"```", "function", "code", "def ", "class ", "bug", "compile", "SQL"})) {
        return Topic::Code;
    }
    if (containsAny(text, {"ummar", "shorten", "key points", "minutes of"})) {
        return Topic::Summary;
    }
    if (containsAny(
            text, {"prove", "Prove", "why", "Why", "derive", "step by step", "trade-off"})) {
        return Topic::Reasoning;
    }
    return Topic::General;
}

template <std::size_t N>
std::vector<SimPiece> bankPieces(const std::string_view (&sentences)[N])
{
    std::string text; // joined first: a tokenizer joins across sentences, too
    for (const auto sentence : sentences) {
        text += sentence;
    }
    return splitIntoPieces(text);
}

/// Cut once: counting the same sentences for every answer would cost more than the answer.
const std::vector<SimPiece>& bankFor(Topic topic)
{
    static const std::array<std::vector<SimPiece>, 4> banks{bankPieces(generalText),
        bankPieces(codeText), bankPieces(summaryText), bankPieces(reasoningText)};
    return banks.at(static_cast<std::size_t>(topic));
}

std::vector<SimPiece> prosePieces(Topic topic, std::uint64_t seed, std::int64_t tokensWanted)
{
    const auto& bank = bankFor(topic);
    const SimPiece filler{" so", 1}; // joins with nothing before it
    std::vector<SimPiece> out;
    std::int64_t total = 0;
    // Where a text starts differs by seed, at a sentence's beginning.
    std::vector<std::size_t> starts{0};
    for (std::size_t i = 0; i + 1 < bank.size(); ++i) {
        if (bank[i].text == ".") {
            starts.push_back(i + 1);
        }
    }
    std::size_t at = topic == Topic::Code ? 0 : starts[Rng(seed).below(starts.size())];
    while (total < tokensWanted) {
        SimPiece piece = bank[at];
        if (out.empty() && piece.text.size() > 1 && piece.text.front() == ' ') {
            piece.text.erase(0, 1);
            piece.tokens = tokens::countText("o200k_base", piece.text).tokens;
        }
        if (total + piece.tokens > tokensWanted) {
            piece = filler;
        }
        total += piece.tokens;
        out.push_back(std::move(piece));
        at = at + 1 == bank.size() ? (topic == Topic::Code ? 0 : starts.at(1)) : at + 1;
    }
    return out;
}

json::value sampleFor(const json::value& schema, int depth);

json::value sampleObject(const json::object& schema, int depth)
{
    json::object out;
    const auto* properties = schema.if_contains("properties");
    if (properties == nullptr || !properties->is_object()) {
        return out;
    }
    const auto* required = schema.if_contains("required");
    for (const auto& [name, property] : properties->as_object()) {
        bool wanted = required == nullptr || !required->is_array();
        if (!wanted) {
            const auto& names = required->as_array();
            wanted = std::any_of(names.begin(), names.end(), [&name](const json::value& value) {
                return value.is_string() && value.as_string() == name;
            });
        }
        if (wanted) {
            out[name] = sampleFor(property, depth + 1);
        }
    }
    return out;
}

/// A value that a simple JSON schema accepts.
json::value sampleFor(const json::value& schemaValue, int depth)
{
    if (!schemaValue.is_object() || depth > 8) {
        return json::object();
    }
    const auto& schema = schemaValue.as_object();
    if (const auto* values = schema.if_contains("enum");
        values != nullptr && values->is_array() && !values->as_array().empty()) {
        return values->as_array().front();
    }
    if (const auto* constant = schema.if_contains("const")) {
        return *constant;
    }
    std::string_view type = "object";
    if (const auto* named = schema.if_contains("type")) {
        if (named->is_string()) {
            type = named->as_string();
        } else if (named->is_array() && !named->as_array().empty()
            && named->as_array().front().is_string()) {
            type = named->as_array().front().as_string();
        }
    }
    if (type == "string") {
        return "sample";
    }
    if (type == "integer" || type == "number") {
        const auto* least = schema.if_contains("minimum");
        return least != nullptr ? *least : json::value(1);
    }
    if (type == "boolean") {
        return true;
    }
    if (type == "null") {
        return nullptr;
    }
    if (type == "array") {
        const auto* items = schema.if_contains("items");
        json::array one;
        one.push_back(items != nullptr ? sampleFor(*items, depth + 1) : json::value("sample"));
        return one;
    }
    return sampleObject(schema, depth);
}

struct Tool {
    std::string name;
    json::value parameters;
};

std::vector<Tool> readTools(const std::string& toolsText)
{
    std::vector<Tool> tools;
    boost::system::error_code ec;
    const auto parsed = json::parse(toolsText, ec);
    if (ec || !parsed.is_array()) {
        return tools;
    }
    for (const auto& item : parsed.as_array()) {
        if (!item.is_object()) {
            continue;
        }
        const auto* function = item.as_object().if_contains("function");
        const auto& object = function != nullptr && function->is_object() ? function->as_object()
                                                                          : item.as_object();
        const auto* name = object.if_contains("name");
        if (name == nullptr || !name->is_string()) {
            continue;
        }
        const auto* parameters = object.if_contains("parameters");
        tools.push_back({std::string(name->as_string()),
            parameters != nullptr ? *parameters : json::value(json::object())});
    }
    return tools;
}

/// The tool that the prompt is about: its name, or a word of its name, occurs in it.
const Tool* wantedTool(const wire::RequestView& request, const std::vector<Tool>& tools)
{
    if (tools.empty() || request.messages.empty()
        || request.messages.back().role == wire::Role::Tool) {
        return nullptr;
    }
    const auto* message = lastUserMessage(request);
    const std::string_view text = message != nullptr ? message->text : std::string_view();
    for (const Tool& tool : tools) {
        std::string_view rest = tool.name;
        while (!rest.empty()) {
            const auto end = rest.find_first_of("_-.");
            const auto word = rest.substr(0, end);
            if (word.size() > 3 && text.find(word) != std::string_view::npos) {
                return &tool;
            }
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        }
    }
    const bool asked = text.find("tool") != std::string_view::npos;
    return request.forcesTool || asked ? &tools.front() : nullptr;
}

std::vector<SimPiece> jsonPieces(const wire::RequestView& request)
{
    json::value answer = json::object{{"answer", "sample"}, {"confidence", 1}};
    if (request.jsonSchema && !request.schemaText.empty()) {
        boost::system::error_code ec;
        const auto parsed = json::parse(request.schemaText, ec);
        if (!ec && parsed.is_object()) {
            const auto* schema = parsed.as_object().if_contains("schema");
            answer = sampleFor(schema != nullptr ? *schema : parsed, 0);
        }
    }
    return splitIntoPieces(json::serialize(answer));
}

enum class CharClass { Letter, Digit, Space, LineEnd, Other };

CharClass classOf(char c)
{
    const auto u = static_cast<unsigned char>(c);
    if ((u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u >= 0x80U) {
        return CharClass::Letter;
    }
    if (u >= '0' && u <= '9') {
        return CharClass::Digit;
    }
    if (u == '\n' || u == '\r') {
        return CharClass::LineEnd;
    }
    return u == ' ' || u == '\t' ? CharClass::Space : CharClass::Other;
}

std::size_t pieceEnd(std::string_view text, std::size_t at)
{
    const auto classAt = [text](std::size_t i) { return classOf(text[i]); };
    std::size_t i = at;
    if (classAt(i) == CharClass::Space) {
        std::size_t spaces = i;
        while (spaces < text.size() && classAt(spaces) == CharClass::Space) {
            ++spaces;
        }
        const auto run = spaces - i;
        if (run > 1) {
            return spaces == text.size() ? spaces : spaces - 1; // the last one leads a word
        }
        i = spaces;
        if (i == text.size() || classAt(i) == CharClass::Digit) {
            return i;
        }
    }
    if (i == at && i + 1 < text.size() && classAt(i) == CharClass::Other
        && classAt(i + 1) == CharClass::Letter) {
        ++i; // one sign before a word belongs to the word
    }
    const auto kind = classAt(i);
    const std::size_t most = kind == CharClass::Digit ? 3 : text.size();
    std::size_t taken = 0;
    while (i < text.size() && classAt(i) == kind && taken < most) {
        ++i;
        ++taken;
    }
    if (kind == CharClass::Other) { // the tokenizer lets punctuation take the line ends after it
        while (i < text.size() && classAt(i) == CharClass::LineEnd) {
            ++i;
        }
    }
    return i;
}

} // namespace

std::vector<SimPiece> splitIntoPieces(std::string_view text)
{
    std::vector<SimPiece> pieces;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::max(pieceEnd(text, at), at + 1);
        SimPiece piece;
        piece.text = std::string(text.substr(at, end - at));
        piece.tokens = tokens::countText("o200k_base", piece.text).tokens;
        pieces.push_back(std::move(piece));
        at = end;
    }
    return pieces;
}

std::int64_t simAnswerLength(const wire::RequestView& request, int tier, std::uint64_t seed)
{
    Rng rng(seed ^ 0x5EEDULL);
    // The mean of four dice is bell shaped; as an exponent (powers of 1.25, in permille) it makes
    // the long right tail that answer lengths have.
    constexpr std::array<std::int64_t, 13> factorPermille{
        262, 328, 410, 512, 640, 800, 1'000, 1'250, 1'563, 1'953, 2'441, 3'052, 3'815};
    std::uint64_t dice = 0;
    for (int i = 0; i < 4; ++i) {
        dice += rng.below(4);
    }
    std::int64_t base = 60 + 30 * tier;
    switch (topicOf(request)) {
    case Topic::Code:
        base += 40;
        break;
    case Topic::Reasoning:
        base += 60;
        break;
    case Topic::Summary:
    case Topic::General:
        break;
    }
    const auto jitter = rng.between(900, 1'100);
    const auto length = base * factorPermille.at(dice) / 1'000 * jitter / 1'000;
    return std::clamp<std::int64_t>(length, 20, 400);
}

SimAnswer makeSimAnswer(
    const wire::RequestView& request, std::uint64_t seed, std::int64_t tokensWanted)
{
    SimAnswer answer;
    const auto tools = request.tools > 0 ? readTools(request.toolsText) : std::vector<Tool>();
    if (const Tool* tool = wantedTool(request, tools)) {
        answer.kind = SimAnswerKind::ToolCall;
        answer.toolName = tool->name;
        answer.overheadTokens = tokens::countText("o200k_base", tool->name).tokens;
        answer.pieces = splitIntoPieces(json::serialize(sampleFor(tool->parameters, 0)));
        return answer;
    }
    if (request.jsonObject || request.jsonSchema) {
        answer.kind = SimAnswerKind::Json;
        answer.pieces = jsonPieces(request);
        return answer;
    }
    answer.pieces = prosePieces(topicOf(request), seed, tokensWanted);
    return answer;
}

} // namespace headgate::proxy
