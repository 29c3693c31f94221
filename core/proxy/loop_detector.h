// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Notices agents that go round in circles before they burn the cap they share with others (T24).
// Memory is bounded, oldest forgotten first. Safe on any thread; keeps hashes, never text.

#include "core/base/clock.h"
#include "core/proxy/loop_rules.h"
#include "core/wire/chat_request.h"

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace headgate::proxy {

/// How often the conversation ends with the same tool call, arguments and result in a row; 0 when
/// it does not end with a tool's result. Pure.
[[nodiscard]] int repeatedToolCalls(const wire::RequestView& request);

/// Model, messages and tools; ids of tool calls and the amount of white space do not count. Pure.
[[nodiscard]] std::uint64_t requestHash(const wire::RequestView& request);

class LoopDetector {
public:
    /// One request on its way; tells its answer when it ends.
    struct Watch {
        std::string place; ///< key and session; empty: not watched
        std::uint64_t hash = 0;
        std::int64_t sentUs = 0;
    };
    struct Found {
        std::string text; ///< what was seen, and what to do
        bool first = false; ///< of this loop: somebody should be told
    };
    struct Asked {
        Watch watch;
        std::optional<Found> found; ///< refuse it
    };
    /// `place` names key and session ("7/abc"); `session` may be empty. Monotonic time.
    [[nodiscard]] Asked ask(const LoopRules& rules, const std::string& place, bool hasSession,
        const wire::RequestView& request, std::int64_t nowUs);
    /// The request was answered well; `atUs` is when its answer began. Only then a repeat says
    /// anything: clients repeat what failed.
    void answered(const LoopRules& rules, const Watch& watch, std::int64_t atUs);

private:
    struct Repeats {
        std::uint64_t hash = 0;
        std::vector<std::int64_t> answersUs; ///< oldest first, as many as the rule asks for
        bool told = false;
    };
    struct Session {
        std::vector<Repeats> requests; ///< newest last
        std::uint64_t toldToolCall = 0; ///< the last conversation that was refused for its tools
        std::list<std::string>::iterator place;
    };
    Session& sessionAt(const std::string& place);
    [[nodiscard]] std::optional<Found> toolLoop(
        const LoopRules& rules, const std::string& place, const wire::RequestView& request);

    std::mutex m_mutex;
    std::unordered_map<std::string, Session> m_sessions;
    std::list<std::string> m_order; ///< least recently used first
};

} // namespace headgate::proxy
