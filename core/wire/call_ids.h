// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Ids of tool calls for protocols that may give none (Gemini, Ollama): made up for others to refer
// to, and known again by their prefix when they come back. One object a request or answer.

#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

class CallIds {
public:
    /// Made-up ids begin with `prefix`; `tag` (of the answer) keeps those of different answers
    /// apart.
    explicit CallIds(std::string_view prefix, std::string_view tag = {});
    /// The id itself, or a made-up one where it is empty.
    [[nodiscard]] std::string ofCall(std::string_view name, std::string id);
    /// A result without an id belongs to the first open call of its name; one without a name, too,
    /// to the first open call.
    [[nodiscard]] std::string ofResult(std::string_view name, std::string id);

private:
    struct Open {
        std::string id;
        std::string name;
    };
    std::string m_prefix;
    int m_next = 0;
    std::vector<Open> m_open;
};

} // namespace headgate::wire
