# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The Headgate authors
"""Seeded bugs. Each is one small change to one file of the product, of a kind that reviews miss.

`find` must occur exactly once in the file. When production code changes so that it no longer does,
the run fails: adapt the mutant, do not drop it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    name: str
    kind: str
    file: str
    find: str
    replace: str


MUTANTS = [
    # --- deciding
    Mutant("cap-check-skipped", "a check skipped", "core/ledger/rules.cpp",
           "if (limit && !amount.isNegative() && total && *total <= *limit) {",
           "if (limit && !amount.isNegative()) {"),
    Mutant("held-not-counted", "concurrent requests share one remainder", "core/ledger/rules.cpp",
           "const auto total = settled ? settled->plus(balance.held) : settled;",
           "const auto total = settled;"),
    Mutant("reserve-ignored", "priority reserve eaten", "core/ledger/rules.cpp",
           "if (!full || priority == Priority::High || pool.reservePercent == 0) {",
           "if (!full || pool.reservePercent >= 0) {"),
    Mutant("first-of-each-unmetered", "first request of an unknown value free",
           "core/ledger/books.cpp",
           "    for (Candidate& candidate : candidates) {\n        Account& account",
           "    for (Candidate& candidate : candidates) {\n"
           "        if (candidate.pool->pool.scope.each && candidate.account == nullptr\n"
           "            && m_lastHold % 2 == 0) {\n"
           "            static_cast<void>(create(*candidate.pool, candidate.view.key));\n"
           "            continue;\n"
           "        }\n"
           "        Account& account"),
    Mutant("repeated-id-granted-again", "idempotency lost", "core/ledger/books.cpp",
           "    if (const HoldRecord* known = findRepeated(ask)) {",
           "    if (const HoldRecord* known = findRepeated(ask); known != nullptr && known->isOpen()) {"),
    Mutant("time-goes-back", "the clock moves a window back", "core/ledger/books.cpp",
           "return std::max({m_lastAtUs + 1, m_clock.nowUs(), m_newestStartUs});",
           "return m_clock.nowUs();"),
    # --- ending holds
    Mutant("hold-freed-at-dispatch", "a hold released early", "core/ledger/books.cpp",
           "    hold.row.state = HoldState::Dispatched;\n    const TimeUs at = nextTime();",
           "    for (Account* account : hold.accounts) {\n"
           "        touch(*account);\n"
           "        account->balance.held = account->balance.held.minus(hold.row.amount).value();\n"
           "    }\n"
           "    m_heldTotal = m_heldTotal.minusSaturated(hold.row.amount);\n"
           "    hold.row.amount = Money();\n"
           "    hold.row.state = HoldState::Dispatched;\n    const TimeUs at = nextTime();"),
    Mutant("dispatched-holds-expire", "a hold released early", "core/ledger/books.cpp",
           "found->second->row.state == HoldState::Held) {\n            expired",
           "found->second->isOpen()) {\n            expired"),
    Mutant("overrun-cut-to-hold", "a charge above its hold is lost", "core/ledger/books.cpp",
           "        return endHold(hold, {HoldState::Settled, settle.actual, {}});",
           "        return endHold(\n"
           "            hold, {HoldState::Settled, std::min(settle.actual, hold.row.amount), {}});"),
    Mutant("window-reset-races-settle", "a window's end forgets what is held",
           "core/ledger/books_windows.cpp",
           "            if (account.key.windowStartUs == (*span).startUs) {\n                continue;",
           "            if (account.key.windowStartUs <= (*span).startUs) {\n                continue;"),
    # --- the operator
    Mutant("edit-zeroes-usage", "an edit of a limit zeroes usage", "core/ledger/books_edits.cpp",
           "carryTo(**account, std::max(used.settled, (*account)->balance.settled));",
           "carryTo(**account, (*account)->balance.settled);"),
    Mutant("cap-edit-zeroes-usage", "an edit of a limit zeroes usage", "core/ledger/books_edits.cpp",
           "    if (!isRewindowed) {\n",
           "    if (!isRewindowed && entry.pool.cap != edit.old.cap) {\n"
           "        for (const auto& [key, account] : m_accounts) {\n"
           "            if (account->pool == &entry && account->balance.settled > Money()) {\n"
           "                touch(*account);\n"
           "                EntryRow& line = addEntry(EntryKind::Adjust, nextTime());\n"
           "                line.setId = internSet({account.get()});\n"
           "                line.carry = true;\n"
           "                line.settled = Money().minusSaturated(account->balance.settled);\n"
           "                account->balance.settled = Money();\n"
           "            }\n"
           "        }\n"
           "    }\n"
           "    if (!isRewindowed) {\n"),
    # --- windows without a calendar
    Mutant("sliding-leaves-early", "sliding expiry too early", "core/ledger/windows.cpp",
           "return startUs + slotLengthUs(window) + window.durationUs;",
           "return startUs + slotLengthUs(window) + window.durationUs / 50;"),
    Mutant("bucket-refills-double", "a bucket refills twice as fast", "core/ledger/windows.cpp",
           "= Wide{window.bucketRefillPerHour.nano()} * (refill.anchorUs - state.anchorUs)",
           "= Wide{2} * window.bucketRefillPerHour.nano() * (refill.anchorUs - state.anchorUs)"),
    Mutant("session-ends-while-held", "a session ends while a call is under way",
           "core/ledger/windows.cpp",
           "return !hasOpenHolds && at - lastUseUs >= window.durationUs;",
           "return at - lastUseUs >= window.durationUs;"),
    # --- commit and recovery
    Mutant("answer-without-commit", "the commit's result ignored", "core/ledger/engine.cpp",
           "    if (!written) {\n        m_books.rollback();\n        storeFailed(written.error());\n"
           "        return false;\n    }",
           ""),
    Mutant("answer-before-commit", "not durable when answered", "core/ledger/sqlite_store.cpp",
           "{.path = path, .powerSafe = powerSafe,", "{.path = path, .powerSafe = false,"),
    Mutant("unknown-released-at-start", "restart forgets what was under way",
           "core/ledger/engine.cpp",
           "const bool wasHeld = open.state == HoldState::Held;", "const bool wasHeld = true;"),
    Mutant("settle-lost-on-full-disk", "a charge that the store refused is dropped",
           "core/ledger/engine.cpp",
           "        if (mustHappen(one.op)) {\n            m_retained.push_back(std::move(one.op));",
           "        if (mustHappen(one.op)) {\n            refuse(one.op, why);"),
    Mutant("owed-settles-kept", "settle twice", "core/ledger/engine.cpp",
           "std::deque<LedgerOp> owed = std::exchange(m_retained, {});",
           "std::deque<LedgerOp> owed = m_retained;"),
    # --- the Exchange
    Mutant("ceiling-not-written", "output ceiling not written upstream",
           "core/proxy/exchange_wire.cpp",
           "    if (m_plan.outputCeiling > 0) {\n        edits.outputCeiling",
           "    if (m_plan.outputCeiling < 0) {\n        edits.outputCeiling"),
    Mutant("bound-halved", "the hold is smaller than the bound", "core/proxy/exchange_hold.cpp",
           "    ask.amount = m_plan.bound;",
           "    ask.amount = Money::fromNano(m_plan.bound.nano() / 2);"),
    Mutant("disconnect-refunds-all", "disconnect refunds the whole hold",
           "core/proxy/exchange_call.cpp",
           "    co_await settle(std::move(charged));\n    // A translated",
           "    if (m_left) {\n        charged = chargeNothing();\n    }\n"
           "    co_await settle(std::move(charged));\n    // A translated"),
    Mutant("failed-call-is-free", "unknown outcome released", "core/proxy/exchange_call.cpp",
           "    auto charge = chargeInFull();\n    co_await settle(std::move(charge));\n"
           "    Refusal refusal;",
           "    auto charge = chargeNothing();\n    co_await settle(std::move(charge));\n"
           "    Refusal refusal;"),
    Mutant("hold-leaked-on-connect", "hold leaked before the first byte",
           "core/proxy/exchange_hold.cpp",
           "            co_await release(\"connect failed\");", ""),
    Mutant("sent-before-dispatch", "bytes leave under a held hold", "core/proxy/exchange_hold.cpp",
           "    const auto dispatched = co_await dispatchHold(m_env.ledger, m_hold);",
           "    const Result<void> dispatched;"),
    Mutant("missing-usage-is-free", "stream without usage counted as $0",
           "core/proxy/settlement.cpp",
           "    if (!hasUsage(facts)) {\n        return std::nullopt;",
           "    if (!hasUsage(facts)) {\n        return chargeNothing();"),
    Mutant("cut-charged-for-delivered-only", "a stalled stream charged for what was seen",
           "core/proxy/exchange_call.cpp",
           "const bool providerMayGoOn = m_timedOut || m_drainExpired || m_shutdown;",
           "const bool providerMayGoOn = false;"),
    # --- the plan
    Mutant("margin-dropped", "input counted without its margin", "core/proxy/exchange_hold.cpp",
           "return {count.tokens, m_margins->inputAtMost(model.id(), count, scriptOf(count))};",
           "return {count.tokens, count.tokens};"),
    Mutant("choices-not-multiplied", "n answers held as one", "core/routing/candidates.cpp",
           "        choices * ceiling, *option.sheet,", "        ceiling, *option.sheet,"),
]
