// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/rules.h"

#include <algorithm>
#include <limits>

namespace headgate::ledger {

namespace {

const std::string& identityValue(ScopeKind kind, const Identity& identity)
{
    switch (kind) {
    case ScopeKind::Team:
        return identity.team;
    case ScopeKind::User:
        return identity.user;
    case ScopeKind::Key:
        return identity.key;
    default:
        return identity.session;
    }
}

bool reachesTier(const std::string& wanted, int tier)
{
    // Scope::parse lets one digit through; anything else must rather be covered than be free.
    return wanted.size() != 1 || tier >= wanted[0] - '0';
}

/// Saturation is safe here: amounts that far apart are decided the same way.
Money least(Money a, Money b)
{
    return std::min(a, b);
}

} // namespace

Money BudgetLine::available() const
{
    if (frozen) {
        return {};
    }
    return std::max(Money(), cap.minusSaturated(settled).minusSaturated(held));
}

std::optional<Money> BudgetView::tightest() const
{
    std::optional<Money> tightest;
    for (const BudgetLine& line : lines) {
        if (line.hard) {
            tightest = tightest ? least(*tightest, line.available()) : line.available();
        }
    }
    return tightest;
}

bool BudgetView::hasHardPool() const
{
    return std::any_of(
        lines.begin(), lines.end(), [](const BudgetLine& line) { return line.hard; });
}

const char* denialReasonName(DenialReason reason)
{
    switch (reason) {
    case DenialReason::CapReached:
        return "cap_reached";
    case DenialReason::InFlight:
        return "in_flight";
    case DenialReason::Frozen:
        return "frozen";
    case DenialReason::RequestCeiling:
        return "request_ceiling";
    case DenialReason::LedgerUnavailable:
        return "ledger_unavailable";
    case DenialReason::Duplicate:
        return "duplicate";
    }
    return "ledger_unavailable";
}

bool isPerRequest(const Pool& pool)
{
    return pool.scope.kind == ScopeKind::Request || pool.window.kind == WindowKind::Request;
}

bool matches(const Pool& pool, const Identity& identity, const Target& target)
{
    if (pool.archived) {
        return false;
    }
    const Scope& scope = pool.scope;
    switch (scope.kind) {
    case ScopeKind::Org:
    case ScopeKind::Request:
        return true;
    case ScopeKind::Tag:
        return std::find(identity.tags.begin(), identity.tags.end(), scope.value)
            != identity.tags.end();
    case ScopeKind::Tier:
        return reachesTier(scope.value, target.tier);
    case ScopeKind::Model:
        return target.model == scope.value;
    case ScopeKind::Provider:
        return target.provider == scope.value;
    default:
        return scope.each || identityValue(scope.kind, identity) == scope.value;
    }
}

std::string accountValue(const Pool& pool, const Identity& identity, const Target& /*target*/)
{
    const Scope& scope = pool.scope;
    if (scope.kind == ScopeKind::Org || scope.kind == ScopeKind::Request) {
        return {};
    }
    return scope.each ? identityValue(scope.kind, identity) : scope.value;
}

Result<Span> windowAt(const Pool& pool, TimeUs at, TimeUs lastStartUs)
{
    if (isPerRequest(pool) || pool.window.kind != WindowKind::Fixed) {
        return Span{0, std::numeric_limits<TimeUs>::max()};
    }
    auto span = periodContaining(pool.window.period, at, pool.zone, pool.fiscalStartDay);
    if (span && span->startUs < lastStartUs) {
        span = periodContaining(pool.window.period, lastStartUs, pool.zone, pool.fiscalStartDay);
    }
    return span;
}

Result<Money> limitFor(const Pool& pool, Money toppedUp, Priority priority)
{
    const auto full = pool.cap.plus(toppedUp);
    if (!full || priority == Priority::High || pool.reservePercent == 0) {
        return full;
    }
    const auto reserve = mulDivUp(full->nano(), pool.reservePercent, 100);
    if (!reserve) {
        return reserve.error();
    }
    return full->minus(Money::fromNano(*reserve));
}

std::optional<Denial> check(
    const Pool& pool, const AccountView& account, Money amount, Priority priority)
{
    const Balance& balance = account.balance;
    const auto limit = limitFor(pool, balance.toppedUp, priority);
    Denial denial;
    denial.pool = pool.id;
    denial.poolName = pool.name;
    denial.accountValue = account.key.value;
    denial.cap = limit ? *limit : Money();
    denial.settled = balance.settled;
    denial.held = balance.held;
    denial.asked = amount;
    denial.resetsAtUs = account.resetsAtUs;
    denial.zone = pool.zone;
    if (pool.frozen || (pool.hard && balance.frozen)) {
        denial.reason = DenialReason::Frozen; // an operator's freeze stops watch-only pools too
        return denial;
    }
    if (!pool.hard) {
        return {};
    }
    // Any sum that does not fit into Money is more than any cap: it denies.
    const auto settled = balance.settled.plus(amount);
    const auto total = settled ? settled->plus(balance.held) : settled;
    if (limit && !amount.isNegative() && total && *total <= *limit) {
        return {};
    }
    if (isPerRequest(pool)) {
        denial.reason = DenialReason::RequestCeiling;
    } else if (limit && !amount.isNegative() && settled && *settled <= *limit) {
        denial.reason = DenialReason::InFlight;
    }
    return denial;
}

namespace {

int severity(DenialReason reason)
{
    switch (reason) {
    case DenialReason::Frozen:
        return 3;
    case DenialReason::CapReached:
    case DenialReason::RequestCeiling:
        return 2;
    default:
        return 1;
    }
}

Money room(const Denial& denial)
{
    const Money left = denial.cap.minusSaturated(denial.settled);
    return denial.reason == DenialReason::InFlight ? left.minusSaturated(denial.held) : left;
}

} // namespace

bool isWorse(const Denial& a, const Denial& b)
{
    if (severity(a.reason) != severity(b.reason)) {
        return severity(a.reason) > severity(b.reason);
    }
    return room(a) < room(b);
}

} // namespace headgate::ledger
