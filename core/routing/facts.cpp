// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/facts.h"

#include "core/base/limits.h"
#include "core/routing/text_scan.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace headgate::routing {

namespace {

struct TaskInfo {
    TaskType type;
    const char* name;
    int tier;
    int difficulty; ///< where the score starts
};

constexpr std::array<TaskInfo, taskTypeCount> taskInfos{{
    {TaskType::Classification, "classification", 1, 60},
    {TaskType::Extraction, "extraction", 1, 90},
    {TaskType::Formatting, "formatting", 1, 70},
    {TaskType::Translation, "translation", 1, 120},
    {TaskType::Summarisation, "summarisation", 1, 130},
    {TaskType::QuestionAnswering, "question_answering", 1, 170},
    {TaskType::Writing, "writing", 1, 200},
    {TaskType::CodeGeneration, "code_generation", 2, 360},
    {TaskType::CodeExplanation, "code_explanation", 2, 280},
    {TaskType::CodeFix, "code_fix", 2, 400},
    {TaskType::Maths, "maths", 2, 400},
    {TaskType::Reasoning, "reasoning", 2, 440},
    {TaskType::ToolRouting, "tool_routing", 1, 240},
    {TaskType::Chat, "chat", 1, 80},
}};

const TaskInfo& infoOf(TaskType type)
{
    return taskInfos[static_cast<std::size_t>(type)];
}

/// An agent's system prompt is a book that mentions every task; a short one states its own.
constexpr std::size_t taskSystemBytesMax = 4'000;
constexpr std::size_t contradictionBytesMax = 300;

/// 16 hex digits over the bytes, eight at a time; only equality matters, not strength.
std::string hashText(std::string_view text)
{
    std::uint64_t hash = 0x9e3779b97f4a7c15ULL ^ text.size();
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
        hash ^= hash >> 32;
    }
    for (; at < text.size(); ++at) {
        hash = (hash ^ static_cast<unsigned char>(text[at])) * 0x100000001b3ULL;
    }
    hash ^= hash >> 29;
    std::string out(16, '0');
    for (std::size_t i = 16; i-- > 0; hash >>= 4) {
        out[i] = "0123456789abcdef"[hash & 0xF];
    }
    return out;
}

std::string_view trimmed(std::string_view text)
{
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::int64_t tokensOf(std::string_view text)
{
    return text.empty() ? 0 : tokens::countTextCached("o200k_base", text).tokens;
}

int count(const TextScan& scan, WordKind kind)
{
    return scan.kinds[static_cast<std::size_t>(kind)];
}

std::string firstWord(const TextScan& scan, WordKind kind)
{
    const Lexeme* const lexeme = scan.firstOfKind[static_cast<std::size_t>(kind)];
    return lexeme == nullptr ? std::string() : "\"" + std::string(lexeme->text) + "\"";
}

struct Texts {
    const wire::Message* lastUser = nullptr;
    std::string system; ///< all system and developer text
};

Texts gather(const wire::RequestView& request, Facts& facts)
{
    Texts texts;
    for (const wire::Message& message : request.messages) {
        const bool isSystem
            = message.role == wire::Role::System || message.role == wire::Role::Developer;
        if (isSystem) {
            texts.system += texts.system.empty() ? "" : "\n";
            texts.system += message.text;
        }
        if (message.role == wire::Role::User) {
            ++facts.turns;
            texts.lastUser = &message;
        }
        facts.toolResults = facts.toolResults || message.role == wire::Role::Tool;
        facts.images += message.imageParts;
        facts.audio += message.audioParts;
        facts.files += message.fileParts;
    }
    return texts;
}

bool contradicts(std::string_view text)
{
    const TextScan scan = scanText(text.substr(0, contradictionBytesMax));
    return count(scan, WordKind::Contradiction) > 0 || count(scan, WordKind::Fix) > 1;
}

bool repeats(const wire::RequestView& request, const wire::Message& last)
{
    const std::string_view text = trimmed(last.text);
    return !text.empty()
        && std::any_of(
            request.messages.begin(), request.messages.end(), [&](const wire::Message& message) {
                return &message != &last && message.role == wire::Role::User
                    && trimmed(message.text) == text;
            });
}

std::string scriptName(const TextScan& scan)
{
    constexpr std::array names{"latin", "cjk", "cyrillic", "arabic", "devanagari", "other"};
    const auto most = std::max_element(scan.letters.begin(), scan.letters.end());
    return *most == 0 ? "other" : names[static_cast<std::size_t>(most - scan.letters.begin())];
}

void copyScan(const TextScan& scan, Facts& facts)
{
    facts.codeBlocks = scan.codeFences + (scan.codeFences == 0 && scan.codeLines >= 3 ? 1 : 0);
    facts.codeLines = scan.codeLines;
    facts.stackTrace = scan.stackTrace;
    facts.diff = scan.diff;
    facts.mathMarks = scan.mathMarks;
    facts.tableLines = scan.tableLines;
    facts.listItems = scan.listItems;
    facts.urls = scan.urls;
    facts.numbers = scan.numbers;
    facts.questionMarks = scan.questionMarks;
    facts.constraintWords = count(scan, WordKind::Constraint);
    facts.reasoningWords = count(scan, WordKind::Reasoning);
    facts.nonAsciiPercent
        = scan.bytes == 0 ? 0 : static_cast<int>(scan.nonAscii * 100 / scan.bytes);
    facts.script = scriptName(scan);
}

/// Votes for a task with the words that speak for it.
struct Votes {
    std::array<int, taskTypeCount> score{};
    std::array<std::string, taskTypeCount> why;
    void add(TaskType task, int points, std::string reason)
    {
        const auto index = static_cast<std::size_t>(task);
        if (points > 0 && why[index].empty()) {
            why[index] = std::move(reason);
        }
        score[index] += points;
    }
};

void voteWords(const TextScan& scan, int percent, const std::string& where, Votes& votes)
{
    for (std::size_t i = 0; i < taskTypeCount; ++i) {
        if (scan.evidence[i] != nullptr) {
            votes.add(static_cast<TaskType>(i), scan.taskScore[i] * percent / 100,
                where + " says \"" + std::string(scan.evidence[i]->text) + "\"");
        }
    }
}

void voteCode(const TextScan& scan, const Facts& facts, Votes& votes)
{
    const bool code = facts.codeBlocks > 0 || facts.codeLines >= 3;
    const int fix = std::min(count(scan, WordKind::Fix), 3);
    const int nouns = std::min(count(scan, WordKind::CodeNoun), 3);
    if (facts.stackTrace) {
        votes.add(
            TaskType::CodeFix, code || fix > 0 || nouns > 0 ? 14 : 8, "there is a stack trace");
    }
    if (fix > 0 && (code || nouns > 0)) {
        votes.add(TaskType::CodeFix, 5 + 4 * fix + (code ? 4 : 0),
            firstWord(scan, WordKind::Fix) + " beside code");
    }
    if (facts.diff) {
        votes.add(TaskType::CodeExplanation, 6, "there is a diff");
    }
    if (count(scan, WordKind::Make) > 0 && nouns > 0) {
        votes.add(TaskType::CodeGeneration, 8 + 3 * nouns + (code ? 2 : 0),
            firstWord(scan, WordKind::Make) + " with " + firstWord(scan, WordKind::CodeNoun));
    } else if (count(scan, WordKind::Make) > 0 && code) {
        votes.add(TaskType::CodeGeneration, 8, firstWord(scan, WordKind::Make) + " beside code");
    }
    if (count(scan, WordKind::Explain) > 0 && (code || nouns > 0)) {
        votes.add(TaskType::CodeExplanation, 7 + (code ? 6 : 0),
            firstWord(scan, WordKind::Explain) + " beside code");
    } else if (code) {
        votes.add(TaskType::CodeExplanation, 5, "the message is mostly code");
    }
}

void voteProse(const TextScan& scan, const Facts& facts, Votes& votes)
{
    const int textNouns = std::min(count(scan, WordKind::TextNoun), 3);
    if (count(scan, WordKind::Make) > 0 && textNouns > 0) {
        votes.add(TaskType::Writing, 9 + 3 * textNouns,
            firstWord(scan, WordKind::Make) + " with " + firstWord(scan, WordKind::TextNoun));
    } else if (count(scan, WordKind::Make) > 0 && count(scan, WordKind::CodeNoun) == 0) {
        votes.add(TaskType::Writing, 5, firstWord(scan, WordKind::Make) + " without code");
    }
    if (count(scan, WordKind::Explain) > 0) {
        votes.add(TaskType::QuestionAnswering, 6, firstWord(scan, WordKind::Explain));
    }
    if (scan.startsWithQuestion) {
        votes.add(TaskType::QuestionAnswering, 5,
            "it begins with " + firstWord(scan, WordKind::Question));
    }
    if (facts.questionMarks > 0) {
        votes.add(TaskType::QuestionAnswering, 3, "it asks a question");
    }
    // Code is full of "=": marks count for mathematics only where there is none.
    if (facts.mathMarks >= 3 && facts.codeLines < 3) {
        votes.add(TaskType::Maths, std::min(facts.mathMarks, 6) + 4,
            std::to_string(facts.mathMarks) + " mathematical marks");
    }
    if (scan.startsWithGreeting && scan.words <= 8) {
        votes.add(TaskType::Chat, 6, "it is a greeting");
    }
}

void voteTools(const wire::RequestView& request, const Facts& facts, Votes& votes)
{
    if (request.forcesTool) {
        votes.add(TaskType::ToolRouting, 12, "the client forces a tool call");
    } else if (facts.tools > 0) {
        votes.add(TaskType::ToolRouting, 4, std::to_string(facts.tools) + " tools are offered");
    }
    if (facts.jsonSchema) {
        votes.add(TaskType::Extraction, 4, "the answer must follow a JSON schema");
    }
}

void chooseTask(const Votes& votes, Facts& facts)
{
    if (const std::optional<TaskType> tagged = taskTypeFromName(facts.taskTag)) {
        facts.task = *tagged;
        facts.taskReason = "the client tagged it " + std::string(taskTypeName(*tagged));
        return;
    }
    std::size_t best = static_cast<std::size_t>(TaskType::Chat);
    for (std::size_t i = 0; i < taskTypeCount; ++i) {
        best = votes.score[i] > votes.score[best] ? i : best;
    }
    if (votes.score[best] < 3) {
        facts.task = TaskType::Chat;
        facts.taskReason = "nothing in it names a task";
        return;
    }
    facts.task = static_cast<TaskType>(best);
    facts.taskReason = votes.why[best];
}

class Difficulty {
public:
    void add(int points, std::string why)
    {
        if (points != 0) {
            m_total += points;
            m_parts.emplace_back(points, std::move(why));
        }
    }
    void finish(Facts& facts)
    {
        std::stable_sort(m_parts.begin(), m_parts.end(),
            [](const auto& a, const auto& b) { return std::abs(a.first) > std::abs(b.first); });
        facts.difficulty = std::clamp(m_total, 0, 1000);
        for (const auto& [points, why] : m_parts) {
            facts.difficultyReasons.push_back(
                (points > 0 ? "+" : "") + std::to_string(points) + " " + why);
        }
    }

private:
    int m_total = 0;
    std::vector<std::pair<int, std::string>> m_parts;
};

int lengthPoints(std::int64_t tokens)
{
    constexpr std::array<std::pair<std::int64_t, int>, 6> steps{
        {{10'000, 180}, {3'000, 140}, {1'000, 100}, {400, 70}, {150, 40}, {60, 20}}};
    for (const auto& [least, points] : steps) {
        if (tokens >= least) {
            return points;
        }
    }
    return 0;
}

/// Tasks whose work grows with the text but whose difficulty hardly does.
bool isMechanical(TaskType task)
{
    return task == TaskType::Classification || task == TaskType::Extraction
        || task == TaskType::Formatting || task == TaskType::Translation
        || task == TaskType::Summarisation;
}

void scoreContent(const Facts& facts, Difficulty& score)
{
    const bool mechanical = isMechanical(facts.task);
    score.add(lengthPoints(facts.lastUserTokens) / (mechanical ? 2 : 1), "length of the request");
    score.add(facts.inputTokens >= 32'000 ? 80
            : facts.inputTokens >= 8'000  ? 40
                                          : 0,
        "long context");
    score.add(facts.stackTrace ? 60 : 0, "stack trace");
    score.add(facts.diff ? 30 : 0, "diff");
    score.add(facts.codeLines > 400 ? 100
            : facts.codeLines > 100 ? 60
            : facts.codeLines > 30  ? 30
                                    : 0,
        "much code");
    if (facts.codeLines < 3) {
        score.add(std::min(facts.mathMarks, 12) * 8, "mathematical marks");
    }
    score.add(
        std::min(facts.reasoningWords, 4) * (mechanical ? 15 : 50), "words that ask for reasoning");
    score.add(std::min(std::max(facts.constraintWords - 1, 0), 8) * 15, "constraints");
    score.add(std::min(std::max(facts.listItems - 3, 0), 8) * 10, "many steps");
    score.add(facts.images > 0 ? 50 : 0, "images");
    score.add(facts.questionMarks > 3 ? 40 : 0, "several questions");
}

void scoreConversation(const Facts& facts, const TextScan& scan, Difficulty& score)
{
    score.add(facts.tools > 10 ? 60 : facts.tools > 0 ? 25 : 0, "tools");
    score.add(facts.toolSchemaBytes > 8'192 ? 40 : 0, "large tool schemas");
    score.add(facts.jsonSchema ? 30 : facts.jsonObject ? 10 : 0, "structured output");
    score.add(facts.toolResults ? 30 : 0, "tool results to interpret");
    score.add(facts.followUpContradicts ? 140 : 0, "the user says the last answer was wrong");
    score.add(facts.followUpRepeats ? 100 : 0, "the user repeats the request");
    score.add(facts.turns > 6 ? 40 : 0, "long conversation");
    score.add(facts.requestedOutputTokens > 8'000 ? 40 : 0, "long answer asked for");
    score.add(facts.requestedOutputTokens > 0 && facts.requestedOutputTokens <= 16 ? -60 : 0,
        "only a few tokens asked for");
    score.add(-std::min(count(scan, WordKind::Simple), 2) * 40, "asks for something short");
    if (facts.requestClass == "auxiliary") {
        score.add(-250, "auxiliary request of the client");
    } else if (facts.requestClass == "compaction") {
        score.add(-120, "the client compacts its context");
    } else if (facts.requestClass == "subagent") {
        score.add(-40, "subagent");
    }
}

std::string boundedWord(std::string_view text, std::size_t most)
{
    const std::size_t end = std::min({text.find(' '), text.size(), most});
    return std::string(text.substr(0, end));
}

} // namespace

const char* taskTypeName(TaskType type)
{
    return infoOf(type).name;
}

std::optional<TaskType> taskTypeFromName(std::string_view name)
{
    std::string word(trimmed(name));
    for (char& c : word) {
        c = c == '-' || c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }
    if (word == "summarization") {
        word = "summarisation";
    } else if (word == "math" || word == "mathematics") {
        word = "maths";
    }
    for (const TaskInfo& info : taskInfos) {
        if (word == info.name) {
            return info.type;
        }
    }
    return std::nullopt;
}

int defaultTier(TaskType type)
{
    return infoOf(type).tier;
}

tokens::Count countInput(const wire::RequestView& request, std::string_view family)
{
    tokens::Count total;
    total.exact = true;
    const auto add = [&](std::string_view text) {
        if (text.empty()) {
            return;
        }
        const tokens::Count part = tokens::countTextCached(family, text);
        total.tokens += part.tokens;
        total.atMost += part.atMost;
        total.exact = total.exact && part.exact;
    };
    std::int64_t framing = tokens::tokensPerReply;
    for (const wire::Message& message : request.messages) {
        add(message.text);
        add(message.toolCallText);
        // The role is a token of its own beside the framing.
        framing += tokens::tokensPerMessage + 1 + (message.hasName ? tokens::tokensPerName : 0);
    }
    add(request.toolsText);
    add(request.schemaText);
    add(request.outputText);
    total.tokens += framing;
    total.atMost += framing;
    return total;
}

Facts extractFacts(const wire::RequestView& request, const RequestHints& hints)
{
    Facts facts;
    facts.taskTag = hints.taskTag.substr(0, limits::nameBytesMax);
    facts.requestClass = hints.requestClass.substr(0, limits::nameBytesMax);
    facts.client = boundedWord(hints.userAgent, 64);
    facts.messages = static_cast<int>(request.messages.size());
    facts.tools = request.tools;
    facts.toolSchemaBytes = static_cast<int>(request.toolsText.size());
    facts.jsonObject = request.jsonObject;
    facts.jsonSchema = request.jsonSchema;
    facts.stream = request.stream;
    facts.requestedOutputTokens = request.maxTokens.value_or(0);

    const Texts texts = gather(request, facts);
    const std::string_view userText
        = texts.lastUser == nullptr ? std::string_view() : std::string_view(texts.lastUser->text);
    facts.inputTokens = countInput(request, "o200k_base").tokens;
    facts.lastUserTokens = tokensOf(userText);
    for (const wire::Message& message : request.messages) {
        if (message.role == wire::Role::System || message.role == wire::Role::Developer) {
            facts.systemTokens += tokensOf(message.text);
        }
    }
    facts.systemHash = texts.system.empty() ? std::string() : hashText(texts.system);
    facts.toolsHash = request.toolsText.empty() ? std::string() : hashText(request.toolsText);
    if (texts.lastUser != nullptr && facts.turns > 1) {
        facts.followUpContradicts = contradicts(userText);
        facts.followUpRepeats = repeats(request, *texts.lastUser);
    }

    const TextScan scan = scanText(userText);
    copyScan(scan, facts);
    Votes votes;
    voteWords(scan, 100, "the request", votes);
    if (!texts.system.empty() && texts.system.size() <= taskSystemBytesMax) {
        voteWords(scanText(texts.system), 60, "the system prompt", votes);
    }
    voteCode(scan, facts, votes);
    voteProse(scan, facts, votes);
    voteTools(request, facts, votes);
    chooseTask(votes, facts);

    Difficulty score;
    score.add(infoOf(facts.task).difficulty, taskTypeName(facts.task));
    scoreContent(facts, score);
    scoreConversation(facts, scan, score);
    score.finish(facts);
    return facts;
}

} // namespace headgate::routing
