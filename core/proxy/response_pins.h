// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Where a stateful response came from: a request that goes on from it (previous_response_id) must
// go to the same provider, and is billed for the whole context again. Kept in memory, bounded, the
// least recently used forgotten first: a forgotten one is bounded by the model's whole context.
// Safe on any thread.

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace headgate::proxy {

struct ResponsePin {
    std::string provider;
    std::string model; ///< id
    std::int64_t tokens = 0; ///< of its whole context: input and output
};

class ResponsePins {
public:
    void remember(const std::string& responseId, ResponsePin pin);
    [[nodiscard]] std::optional<ResponsePin> find(const std::string& responseId);

private:
    using Order = std::list<std::pair<std::string, ResponsePin>>;
    std::mutex m_mutex;
    Order m_order; ///< the last used first
    std::unordered_map<std::string, Order::iterator> m_byId;
};

} // namespace headgate::proxy
