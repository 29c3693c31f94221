// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Where a stateful response came from: a request that goes on from it (previous_response_id) must
// go to the same provider, and is billed for the whole context again. A provider would let any of
// its account's users go on from it, so each is known to the key that made it only. Kept in memory
// under hashes, bounded, the least recently used forgotten first; its owner may keep the changes on
// disk. Safe on any thread; no I/O.

#include "core/base/clock.h"
#include "core/base/ids.h"

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace headgate::proxy {

/// OpenAI keeps responses for thirty days.
inline constexpr TimeUs responsePinAgeUs = 30LL * 24 * 3'600 * usPerSecond;

struct ResponsePin {
    std::int64_t owner = 0; ///< id of the key whose it is
    std::string provider;
    std::string model; ///< id
    /// Of its whole context: input and output. -1: not known, then it is bounded by the model's.
    std::int64_t tokens = -1;
    TimeUs atUs = 0; ///< when it was made, or a conversation went on
};
/// By the name that responseName() or conversationName() made.
using NamedPins = std::vector<std::pair<std::string, ResponsePin>>;

/// A hash: what is kept says neither the id nor the key. Another key has another name for the same
/// id, so that what is foreign to it is as unknown as what never was.
[[nodiscard]] std::string responseName(KeyId owner, std::string_view responseId);
/// The same for all keys: a conversation is made outside of Headgate and belongs to who uses it
/// first.
[[nodiscard]] std::string conversationName(std::string_view conversationId);

class ResponsePins {
public:
    void remember(const std::string& name, ResponsePin pin);
    [[nodiscard]] std::optional<ResponsePin> find(const std::string& name, TimeUs nowUs);

    // for who keeps them over a restart
    void restore(const std::string& name, ResponsePin pin);
    /// What was remembered since the last call.
    [[nodiscard]] NamedPins takeChanges();
    /// They could not be written: the next takeChanges() has them again.
    void changedAgain(const NamedPins& pins);

private:
    using Order = std::list<std::pair<std::string, ResponsePin>>;
    void put(const std::string& name, ResponsePin pin);
    std::mutex m_mutex;
    Order m_order; ///< the last used first
    std::unordered_map<std::string, Order::iterator> m_byName;
    std::unordered_set<std::string> m_changed;
};

} // namespace headgate::proxy
