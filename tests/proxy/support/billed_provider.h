// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A provider over real sockets that keeps a bill of its own: $1 a million input tokens, $10 a
// million output tokens, counted by itself from the bytes it got. What it does with a call is
// chosen by the test; what it bills is what it did. It knows nothing of Headgate. For tests.

#include "core/base/money.h"
#include "support/script_server.h"

#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace headgate::testing {

/// What the provider does with one call.
struct Manner {
    int status = 200; ///< another one: an error, billed for its input only if `billsErrors`
    bool billsErrors = false;
    bool usage = true; ///< tells its usage
    bool reset = false; ///< bills the input, then breaks the connection without a byte
    bool cut = false; ///< streams half of its answer, then breaks off
    bool ignoresCeiling = false; ///< makes twice as many tokens as it was allowed
    std::int64_t outputTokens = -1; ///< -1: as many as it may
    std::int64_t hiddenInputTokens = 0; ///< what it adds to every prompt, and bills
    std::int64_t inputPermille = 1'000; ///< its tokenizer beside o200k_base
    std::int64_t cachedTokens = 0; ///< of the input, told as cached and billed at the full price
    std::function<void()> before; ///< runs before the answer's first byte
};

struct BilledCall {
    std::string head;
    std::string body;
    std::int64_t promptTokens = 0;
    std::int64_t completionTokens = 0;
    std::int64_t ceiling = 0; ///< max_completion_tokens or max_tokens as written; 0: none
    bool usageAsked = false; ///< stream_options.include_usage
    Money billed;
};

class BilledProvider {
public:
    using Chooser = std::function<Manner(const BilledCall&, int number)>;
    explicit BilledProvider(Chooser choose = {});

    [[nodiscard]] std::string url() const { return m_server->url(); }
    [[nodiscard]] std::vector<BilledCall> calls() const;
    [[nodiscard]] int requests() const { return m_server->requests(); }
    [[nodiscard]] Money billed() const;

private:
    bool serve(const ScriptRequest& request, ScriptLink& link);
    bool answer(const BilledCall& call, const Manner& manner, ScriptLink& link);
    bool stream(const BilledCall& call, const Manner& manner, ScriptLink& link);
    void book(const BilledCall& call);

    Chooser m_choose;
    mutable std::mutex m_mutex;
    std::vector<BilledCall> m_calls;
    std::unique_ptr<ScriptServer> m_server; ///< last: its threads end first
};

} // namespace headgate::testing
