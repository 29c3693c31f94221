// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the people of the demo ask: prompts of every task type from templates, easy and hard, and
// follow-ups. Pure functions of a random source.

#include "core/base/rng.h"
#include "core/service/demo_traffic.h"

#include <string>

namespace headgate::service {

struct DemoPrompt {
    std::string task; ///< "code_fix", …
    std::string system;
    std::string user;
    int maxTokens = 0; ///< 0: not said
    bool tools = false;
    bool json = false;
};

/// A first message as a person of that team would write it.
[[nodiscard]] DemoPrompt demoPrompt(const std::string& team, Rng& rng);
/// What comes after an answer to a prompt of that task.
[[nodiscard]] std::string demoFollowUp(const std::string& task, Rng& rng);

} // namespace headgate::service
