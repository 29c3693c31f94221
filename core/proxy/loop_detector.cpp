// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/loop_detector.h"

#include "core/base/limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::proxy {

namespace {

/// FNV-1a over text with runs of white space as one space. No defence is needed against made-up
/// collisions: a client could only have its own request refused.
class Hasher {
public:
    void add(std::string_view text)
    {
        bool space = false;
        for (const char c : text) {
            if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
                space = true;
                continue;
            }
            if (space) {
                byte(' ');
                space = false;
            }
            byte(c);
        }
        byte('\0'); // a field's end: "ab","c" is not "a","bc"
    }
    void number(int value) { add(std::to_string(value)); }
    [[nodiscard]] std::uint64_t value() const { return m_value; }

private:
    void byte(char c) { m_value = (m_value ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL; }
    std::uint64_t m_value = 0xCBF29CE484222325ULL;
};

/// A step of an agent: what it called and what it got.
struct Step {
    std::uint64_t hash = 0;
    std::size_t begin = 0; ///< index of the message with the calls
};

/// The step that ends at `end` (exclusive); nothing when the messages there are none.
std::optional<Step> stepBefore(const std::vector<wire::Message>& messages, std::size_t end)
{
    std::size_t at = end;
    while (at > 0 && messages[at - 1].role == wire::Role::Tool) {
        --at;
    }
    if (at == end || at == 0 || !messages[at - 1].hasToolCalls) {
        return std::nullopt;
    }
    Hasher hasher;
    hasher.add(messages[at - 1].toolCallText);
    for (std::size_t i = at; i < end; ++i) {
        hasher.add(messages[i].text);
    }
    return Step{hasher.value(), at - 1};
}

constexpr const char* operatorHint
    = "An operator can change or switch off the loop detector in the console under Settings, or "
      "with \"headgate settings set\".";

} // namespace

int repeatedToolCalls(const wire::RequestView& request)
{
    const auto& messages = request.messages;
    const auto last = stepBefore(messages, messages.size());
    if (!last) {
        return 0;
    }
    int count = 1;
    for (std::size_t end = last->begin;;) {
        const auto step = stepBefore(messages, end);
        if (!step || step->hash != last->hash) {
            return count;
        }
        ++count;
        end = step->begin;
    }
}

std::uint64_t requestHash(const wire::RequestView& request)
{
    Hasher hasher;
    hasher.add(request.model);
    for (const wire::Message& message : request.messages) {
        hasher.number(static_cast<int>(message.role));
        hasher.add(message.text);
        hasher.add(message.toolCallText);
        hasher.number(message.imageParts + message.audioParts + message.fileParts);
    }
    hasher.add(request.toolsText);
    hasher.add(request.schemaText);
    return hasher.value();
}

LoopDetector::Session& LoopDetector::sessionAt(const std::string& place)
{
    const auto [it, fresh] = m_sessions.try_emplace(place);
    if (fresh) {
        m_order.push_back(place);
        it->second.place = std::prev(m_order.end());
        if (m_sessions.size() > limits::loopSessionsMax) {
            m_sessions.erase(m_order.front());
            m_order.pop_front();
        }
    } else {
        m_order.splice(m_order.end(), m_order, it->second.place);
    }
    return it->second;
}

std::optional<LoopDetector::Found> LoopDetector::toolLoop(
    const LoopRules& rules, const std::string& place, const wire::RequestView& request)
{
    const int calls = repeatedToolCalls(request);
    if (calls < rules.toolRepeats) {
        return std::nullopt;
    }
    const std::uint64_t hash = stepBefore(request.messages, request.messages.size())->hash;
    const std::scoped_lock lock(m_mutex);
    Session& session = sessionAt(place);
    Found found;
    found.first = session.toldToolCall != hash;
    session.toldToolCall = hash;
    found.text = fmt::format(
        "This conversation goes round in circles: the same tool call with the same arguments gave "
        "the same result {} times in a row. Nothing was spent on this request. To go on, add a "
        "message, or let the agent do something else. {}",
        calls, operatorHint);
    return found;
}

LoopDetector::Asked LoopDetector::ask(const LoopRules& rules, const std::string& place,
    bool hasSession, const wire::RequestView& request, std::int64_t nowUs)
{
    Asked asked;
    if (!rules.on) {
        return asked;
    }
    if ((asked.found = toolLoop(rules, place, request))) {
        return asked;
    }
    if (!hasSession && !rules.withoutSession) {
        return asked;
    }
    asked.watch = {place, requestHash(request), nowUs};
    const std::scoped_lock lock(m_mutex);
    const auto session = m_sessions.find(place);
    if (session == m_sessions.end()) {
        return asked;
    }
    auto& requests = session->second.requests;
    const auto repeats = std::find_if(requests.begin(), requests.end(),
        [&](const Repeats& one) { return one.hash == asked.watch.hash; });
    if (repeats == requests.end()) {
        return asked;
    }
    const std::int64_t fromUs = nowUs - rules.withinSeconds * usPerSecond;
    const auto count = std::count_if(repeats->answersUs.begin(), repeats->answersUs.end(),
        [fromUs](std::int64_t at) { return at >= fromUs; });
    if (count < rules.repeats) {
        repeats->told = false;
        return asked;
    }
    Found found;
    found.first = !std::exchange(repeats->told, true);
    found.text = fmt::format(
        "This session goes round in circles: the same request was answered {} times within {} "
        "seconds. Nothing was spent on this one. To go on, change the request, or wait until the "
        "{} seconds are over. {}",
        count, rules.withinSeconds, rules.withinSeconds, operatorHint);
    asked.found = std::move(found);
    return asked;
}

void LoopDetector::answered(const LoopRules& rules, const Watch& watch, std::int64_t atUs)
{
    if (watch.place.empty() || !rules.on) {
        return;
    }
    const std::scoped_lock lock(m_mutex);
    auto& requests = sessionAt(watch.place).requests;
    auto repeats = std::find_if(requests.begin(), requests.end(),
        [&](const Repeats& one) { return one.hash == watch.hash; });
    if (repeats == requests.end()) {
        if (requests.size() >= limits::loopRequestsPerSessionMax) {
            requests.erase(requests.begin());
        }
        requests.push_back({watch.hash, {}, false});
        repeats = std::prev(requests.end());
    }
    auto& answers = repeats->answersUs;
    // Sent before the last answer came: one of several at once, which is no loop.
    if (!answers.empty() && watch.sentUs < answers.back()) {
        return;
    }
    answers.push_back(atUs);
    if (answers.size() > static_cast<std::size_t>(rules.repeats)) {
        answers.erase(answers.begin(), answers.end() - static_cast<std::ptrdiff_t>(rules.repeats));
    }
    std::rotate(repeats, std::next(repeats), requests.end()); // newest last
}

} // namespace headgate::proxy
