// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/demo_prompts.h"

#include <array>
#include <span>
#include <string_view>

namespace headgate::service {

namespace {

using Texts = std::span<const std::string_view>;

constexpr std::array<std::string_view, 10> topics{"a delayed parcel",
    "a double charge on an invoice", "a broken login after the last update",
    "the cancellation of a yearly plan", "a search that returns no results",
    "slow page loads in the evening", "a missing confirmation mail", "the export of account data",
    "a damaged device", "an unclear bill from March"};
constexpr std::array<std::string_view, 10> nouns{"wireless headphones", "a standing desk",
    "an electric kettle", "a rain jacket", "a graphics tablet", "trail running shoes",
    "a mechanical keyboard", "a folding bicycle", "a baby monitor", "an espresso machine"};
constexpr std::array<std::string_view, 8> subjects{"HTTP caching", "database transactions",
    "the TLS handshake", "vector search", "consistent hashing", "garbage collection",
    "eventual consistency", "rate limiting"};
constexpr std::array<std::string_view, 8> functions{"parseDuration", "mergeIntervals",
    "retryWithBackoff", "topKFrequent", "validateIban", "chunkText", "normaliseAddress",
    "diffSnapshots"};
constexpr std::array<std::string_view, 5> languages{"Python", "TypeScript", "Go", "C++", "SQL"};
constexpr std::array<std::string_view, 6> tongues{
    "German", "French", "Spanish", "Dutch", "Polish", "Japanese"};
constexpr std::array<std::string_view, 6> names{
    "Amira Haddad", "Jonas Weber", "Lucía Torres", "Mei Tanaka", "Oluwaseun Ade", "Piotr Nowak"};

constexpr std::array<std::string_view, 3> classification{
    "Classify the sentiment of this review as positive, neutral or negative. Answer with one "
    "word.\n\n"
    "\"Bought {noun} two weeks ago. Setup was easy, but it stopped working yesterday.\"",
    "Which of these queues does the message belong to: billing, shipping, technical, other?\n\n"
    "\"Hello, I am writing because of {topic}. Please help.\"",
    "Is the following search query navigational, informational or transactional? Query: {noun} "
    "under {n}",
};
constexpr std::array<std::string_view, 3> extraction{
    "Extract name, order number and problem as JSON from: \"{name} here, order {n}{n}, I have "
    "{topic}.\"",
    "List every product, quantity and price in this text as JSON:\n\n3 x {noun} at 49.90, 1 x "
    "{noun2} at "
    "{n}.00, delivered to {name}.",
    "Extract all dates and amounts from this note: on 3 March {name} paid {n} EUR, on 9 April the "
    "rest of "
    "{n} EUR for {noun}.",
};
constexpr std::array<std::string_view, 2> formatting{
    "Turn this into a Markdown table with the columns product, stock, "
    "price:\n{noun};12;{n}.00\n{noun2};3;79.50\n"
    "a desk lamp;0;24.90",
    "Rewrite these headings in title case, one per line, nothing else:\nhow we use {subject}\nwhat "
    "went wrong "
    "with {noun}\nnext steps for {name}",
};
constexpr std::array<std::string_view, 3> translation{
    "Translate to {tongue}: \"Thank you for your patience. We are sorry about {topic} and will get "
    "back to "
    "you within {n} hours.\"",
    "Translate this product title and description to {tongue}.\n\nTitle: {noun}\nLight, robust and "
    "ready "
    "in seconds. Two years of warranty.",
    "Put this notice into plain {tongue}: maintenance on Sunday from 2 to 4, {subject} will be "
    "unavailable.",
};
constexpr std::array<std::string_view, 2> summarisation{
    "Summarise this conversation in three bullet points for the next agent.\n\nCustomer: I have "
    "had {topic} "
    "since Monday. I called twice.\nAgent: I am sorry. Did you restart the app?\nCustomer: Yes, "
    "and I "
    "reinstalled it. I also bought {noun} on the same account and it is not listed.\nAgent: I can "
    "see the "
    "order. It was placed as a guest.\nCustomer: Then please merge it. I need the invoice by "
    "Friday, my "
    "company {name} Consulting asks for it.\nAgent: I will forward that and send you a mail.",
    "Give me the gist of our incident notes in two sentences: at 14:0{d} latency rose from 80 ms "
    "to {n}0 ms. "
    "The cause was {subject}: one node held a stale view. We drained it, warmed the cache and "
    "added an "
    "alarm. About {n} customers saw errors, mostly about {topic}.",
};
constexpr std::array<std::string_view, 4> questions{
    "What does the return policy say about {noun} that was used once?",
    "In one paragraph: what is {subject}?",
    "Which of our help articles explains {topic}?",
    "How long does shipping of {noun} to the islands take?",
};
constexpr std::array<std::string_view, 3> writing{
    "Write a friendly reply to {name} about {topic}. At most 120 words, offer a voucher of {n} "
    "EUR.",
    "Draft a short announcement for our users: we improved search for {noun}. Avoid superlatives.",
    "Write a product description for {noun} in a calm, factual tone, 80 words, exactly three "
    "features.",
};
constexpr std::array<std::string_view, 3> codeGeneration{
    "Write a {language} function {function} with unit tests. It must handle empty input, be linear "
    "in time "
    "and only use the standard library.",
    "Implement {function} in {language}. Include type hints or types, documentation and three "
    "examples.",
    "Write a {language} query or function that returns the {d} customers with the largest growth "
    "month over "
    "month from orders(customer_id, at, amount), ties included.",
};
constexpr std::array<std::string_view, 2> codeExplanation{
    "Explain what this does and where it may fail:\n```{language}\ndef {function}(items, k={d}):\n "
    "   seen = "
    "{}\n    for i, x in enumerate(items):\n        seen.setdefault(x, []).append(i)\n    return "
    "sorted(seen, "
    "key=lambda x: -len(seen[x]))[:k]\n```",
    "Review this for concurrency problems:\n```go\nvar cache = map[string]int{}\n\nfunc "
    "{function}(k string) "
    "int {\n    if v, ok := cache[k]; ok {\n        return v\n    }\n    v := len(k) * {n}\n    "
    "cache[k] = v\n    "
    "return v\n}\n```",
};
constexpr std::array<std::string_view, 2> codeFix{
    "This fails since the upgrade, please fix it:\n```python\ndef {function}(rows):\n    total = "
    "0\n    for r in "
    "rows:\n        total += r['amount'] / r['count']\n    return round(total, 2)\n```\nTraceback "
    "(most recent "
    "call last):\n  File \"report.py\", line {n}, in <module>\n    print({function}(load()))\n  "
    "File "
    "\"report.py\", line 4, in {function}\n    total += r['amount'] / "
    "r['count']\nZeroDivisionError: division "
    "by zero",
    "The test still fails with this diff, what is wrong?\n```diff\n--- a/{function}.ts\n+++ "
    "b/{function}.ts\n@@ -10,7 +10,7 @@\n-  for (let i = 0; i <= xs.length; i++) {\n+  for (let i "
    "= 1; i <= "
    "xs.length; i++) {\n     sum += xs[i].value;\n   }\n```\nTypeError: Cannot read properties of "
    "undefined "
    "(reading 'value')",
};
constexpr std::array<std::string_view, 3> maths{
    "A subscription costs {n} EUR a month, 20 % less when paid yearly. After how many months does "
    "the yearly "
    "plan pay off when one cancels with probability 3 % each month? Show each step.",
    "Compute the compound annual growth rate from {n}00 to {n}50 in {d} years and explain the "
    "formula.",
    "Prove that the sum of the first n odd numbers is a square, then use it to derive the sum of "
    "the first n "
    "even numbers.",
};
constexpr std::array<std::string_view, 3> reasoning{
    "Compare three designs for {subject} in a service with {n} nodes and two regions. Discuss the "
    "trade-offs "
    "step by step, name the failure modes of each, and recommend exactly one under the constraint "
    "that at "
    "most {d} minutes of data may be lost. Explain why the others lose.",
    "Our conversion fell by {d} % after we changed the ranking of {noun}. Traffic from mobile grew "
    "at the same "
    "time. Reason step by step about confounders, design an experiment that separates them, and "
    "compute the "
    "sample size for a power of 80 %.",
    "Analyse the root cause: after {topic} rose, the queue grew although the number of workers "
    "doubled. What "
    "evidence would prove or refute each of your hypotheses? Think carefully before you answer.",
};
constexpr std::array<std::string_view, 2> toolRouting{
    "What is the status of order {n}{n} and when will {noun} arrive at {name}?",
    "Restart the worker that handles {function} and tell me how deep its queue is.",
};
constexpr std::array<std::string_view, 3> chat{
    "Hi! Can you help me with {topic}?",
    "Thanks. One more thing: is {noun} worth it?",
    "Good morning, what can you do for me?",
};

struct Task {
    const char* name;
    Texts texts;
    int maxTokens; ///< what such clients usually ask for; 0: nothing
};

const std::array<Task, 14> tasks{{
    {"classification", classification, 16},
    {"extraction", extraction, 256},
    {"formatting", formatting, 256},
    {"translation", translation, 400},
    {"summarisation", summarisation, 300},
    {"question_answering", questions, 300},
    {"writing", writing, 500},
    {"code_generation", codeGeneration, 1'200},
    {"code_explanation", codeExplanation, 700},
    {"code_fix", codeFix, 900},
    {"maths", maths, 800},
    {"reasoning", reasoning, 1'600},
    {"tool_routing", toolRouting, 200},
    {"chat", chat, 0},
}};

/// How often each team asks for each task, in the order above.
struct Habit {
    std::string_view team;
    std::array<int, 14> weights;
};
constexpr std::array<Habit, 4> habits{{
    {"search", {26, 14, 4, 10, 4, 22, 6, 2, 2, 1, 1, 3, 2, 3}},
    {"support", {16, 8, 2, 12, 16, 14, 14, 0, 0, 0, 1, 2, 8, 7}},
    {"data", {6, 18, 10, 1, 6, 6, 2, 18, 8, 8, 8, 8, 0, 1}},
    {"platform", {2, 4, 3, 0, 6, 6, 3, 24, 14, 18, 3, 10, 5, 2}},
}};

std::string pick(Texts texts, Rng& rng)
{
    return std::string(texts[rng.below(texts.size())]);
}

std::string valueOf(std::string_view slot, Rng& rng)
{
    if (slot == "topic") {
        return pick(topics, rng);
    }
    if (slot == "noun" || slot == "noun2") {
        return pick(nouns, rng);
    }
    if (slot == "subject") {
        return pick(subjects, rng);
    }
    if (slot == "function") {
        return pick(functions, rng);
    }
    if (slot == "language") {
        return pick(languages, rng);
    }
    if (slot == "tongue") {
        return pick(tongues, rng);
    }
    if (slot == "name") {
        return pick(names, rng);
    }
    if (slot == "n") {
        return std::to_string(rng.between(11, 99));
    }
    if (slot == "d") {
        return std::to_string(rng.between(2, 9));
    }
    return "{" + std::string(slot) + "}"; // braces of code
}

std::string filled(std::string_view text, Rng& rng)
{
    std::string out;
    while (!text.empty()) {
        const auto open = text.find('{');
        const auto close = open == std::string_view::npos ? open : text.find('}', open);
        if (close == std::string_view::npos) {
            break;
        }
        out += text.substr(0, open);
        const auto slot = text.substr(open + 1, close - open - 1);
        if (slot.empty()
            || slot.find_first_not_of("abcdefghijklmnopqrstuvwxyz2") != std::string_view::npos) {
            out += '{';
            text.remove_prefix(open + 1);
            continue;
        }
        out += valueOf(slot, rng);
        text.remove_prefix(close + 1);
    }
    return out + std::string(text);
}

const Task& taskFor(const std::string& team, Rng& rng)
{
    const Habit* habit = &habits.front();
    for (const auto& known : habits) {
        habit = known.team == team ? &known : habit;
    }
    int total = 0;
    for (const int weight : habit->weights) {
        total += weight;
    }
    auto left = static_cast<int>(rng.below(static_cast<std::uint64_t>(total)));
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        left -= habit->weights.at(i);
        if (left < 0) {
            return tasks.at(i);
        }
    }
    return tasks.back();
}

std::string systemOf(const std::string& team)
{
    if (team == "support") {
        return "You are the assistant of a customer support desk. Be brief, polite and exact.";
    }
    if (team == "search") {
        return "You label and answer search queries for an online shop. Only use what you are "
               "given.";
    }
    if (team == "platform") {
        return "You are a senior engineer in the platform team. Prefer small, tested changes.";
    }
    return "You help analysts with data. State assumptions and keep numbers exact.";
}

} // namespace

const std::vector<DemoPersona>& demoPersonas()
{
    static const std::vector<DemoPersona> all{
        {"search", "ana"},
        {"search", "ravi"},
        {"search", "indexer"},
        {"support", "chloe"},
        {"support", "desk-bot"},
        {"data", "farid"},
        {"data", "nightly-report"},
        {"platform", "greta"},
        {"platform", "tomas"},
        {"platform", "ci"},
    };
    return all;
}

DemoPrompt demoPrompt(const std::string& team, Rng& rng)
{
    const Task& task = taskFor(team, rng);
    DemoPrompt out;
    out.task = task.name;
    out.system = systemOf(team);
    out.user = filled(pick(task.texts, rng), rng);
    out.tools = out.task == "tool_routing";
    out.json = out.task == "extraction" && rng.chancePermille(500);
    if (rng.chancePermille(30)) {
        out.maxTokens = 8'000; // someone always asks for far too much
    } else if (rng.chancePermille(700)) {
        out.maxTokens = task.maxTokens;
    }
    return out;
}

std::string demoFollowUp(const std::string& task, Rng& rng)
{
    static constexpr std::array<std::string_view, 5> general{"Thanks. Can you make it shorter?",
        "Now the same for {noun}.", "Why? Please explain the second point.",
        "Put that into a table with exactly three columns.", "And what about {topic}?"};
    static constexpr std::array<std::string_view, 4> code{
        "It still fails for empty input, please fix it.",
        "Add a test for the edge case with {n} items.", "Now write it in {language}.",
        "That is wrong: the order must be stable. Why did you sort?"};
    const bool isCode = task.starts_with("code");
    return filled(pick(isCode ? Texts(code) : Texts(general), rng), rng);
}

} // namespace headgate::service
