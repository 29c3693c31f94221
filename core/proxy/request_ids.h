// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Requests that name themselves (x-headgate-request-id, idempotency-key): the same name again gets
// the first decision. Kept in memory, bounded, oldest forgotten first; across a restart the ledger
// remembers the name. Safe on any thread.

#include "core/wire/refusal.h"

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace headgate::proxy {

class RequestIds {
public:
    struct First {
        bool fresh = false; ///< nobody used the name before: go on
        std::optional<wire::RefusalReply> refusal; ///< what the first one was told, if refused
    };
    [[nodiscard]] First claim(const std::string& name);
    void refused(const std::string& name, const wire::RefusalReply& reply);

private:
    std::mutex m_mutex;
    std::unordered_map<std::string, std::optional<wire::RefusalReply>> m_byName;
    std::deque<std::string> m_order;
};

} // namespace headgate::proxy
