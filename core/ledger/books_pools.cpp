// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

#include "core/base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace headgate::ledger {

namespace {

Error invalid(const Pool& pool, std::string_view why, std::string remedy = {})
{
    return Error(ErrorCode::InvalidArgument, fmt::format("Pool \"{}\": {}.", pool.name, why),
        std::move(remedy));
}

Result<void> validateWindow(const Pool& pool)
{
    /// A second's ring would be rows for nothing; who wants that limits the rate.
    constexpr std::int64_t slidingLeastUs = 60 * usPerSecond;
    constexpr std::int64_t fillTimeMaxUs = 3'660 * usPerDay;
    const Window& window = pool.window;
    if (window.kind == WindowKind::Sliding && window.durationUs < slidingLeastUs) {
        return invalid(pool, "a sliding window is at least 60 s long", "Use sliding:1m or more.");
    }
    if (window.kind == WindowKind::Session && window.durationUs < usPerSecond) {
        return invalid(pool, "a session's idle time is at least 1 s", "Use session:30m.");
    }
    if (window.kind != WindowKind::Bucket) {
        return {};
    }
    if (window.bucketCapacity <= Money() || window.bucketRefillPerHour <= Money()) {
        return invalid(pool, "a bucket's capacity and refill are above zero",
            "Use bucket:CAPACITY/RATE-per-hour.");
    }
    if (fillTimeUs(window) > fillTimeMaxUs) {
        return invalid(pool, "this bucket takes more than ten years to fill",
            "Raise its refill, or use a lifetime pool with top-ups.");
    }
    return {};
}

Result<void> validatePool(const Pool& pool)
{
    if (!pool.id || pool.id.value < 0) {
        return invalid(pool, "it has no id");
    }
    if (pool.name.empty() || pool.name.size() > limits::nameBytesMax) {
        return invalid(pool, fmt::format("a name has 1 to {} bytes", limits::nameBytesMax));
    }
    if (pool.cap.isNegative()) {
        return invalid(pool, "a cap cannot be negative");
    }
    if (pool.reservePercent < 0 || pool.reservePercent > 100) {
        return invalid(pool, "a reserve is 0 to 100 percent");
    }
    if (pool.fiscalStartDay < 1 || pool.fiscalStartDay > 28) {
        return invalid(pool, "a fiscal start day must be between 1 and 28");
    }
    if (!isKnownZone(pool.zone)) {
        return invalid(pool, fmt::format("the time zone \"{}\" is not known", pool.zone),
            "Use an IANA name such as UTC or Europe/Berlin.");
    }
    const auto scope = Scope::parse(pool.scope.text());
    const auto window = Window::parse(pool.window.text());
    if (!scope || !window) {
        return !scope ? scope.error() : window.error();
    }
    if (*scope != pool.scope || *window != pool.window) {
        return invalid(pool, "its scope or window cannot be written down exactly",
            "Use whole seconds for sliding and session windows.");
    }
    if (!pool.archived && !isEnforced(pool.scope, pool.window)) {
        return Error(ErrorCode::Unsupported,
            fmt::format("Pool \"{}\": the window \"{}\" is not enforced by this version.",
                pool.name, pool.window.text()));
    }
    return validateWindow(pool);
}

Result<void> validateAll(const std::vector<Pool>& pools)
{
    if (pools.size() > limits::poolsMax) {
        return Error(
            ErrorCode::OutOfRange, fmt::format("There can be at most {} pools.", limits::poolsMax));
    }
    std::set<PoolId> ids;
    std::set<std::string> names;
    for (const Pool& pool : pools) {
        if (auto done = validatePool(pool); !done) {
            return done;
        }
        if (!ids.insert(pool.id).second) {
            return invalid(pool, "its id is used twice");
        }
        if (!pool.archived && !names.insert(pool.name).second) {
            return Error(ErrorCode::AlreadyExists,
                fmt::format("There is already a pool \"{}\".", pool.name), "Choose another name.");
        }
    }
    return {};
}

} // namespace

Result<void> Books::load(const StoredState& state)
{
    const std::scoped_lock lock(m_mutex);
    m_lastSequence = state.lastSequence;
    m_lastHold = state.lastHold;
    m_lastAccount = state.lastAccount;
    m_lastSet = state.lastSet;
    m_lastAtUs = state.lastAtUs;
    for (const StoredPool& stored : state.pools) {
        auto entry = std::make_unique<PoolEntry>();
        entry->pool = stored.pool;
        entry->lifetime = stored.lifetimeSettled;
        m_pools.emplace(stored.pool.id, std::move(entry));
    }
    indexPools();
    if (auto done = loadAccounts(state); !done) {
        return done;
    }
    loadHolds(state);
    m_rollAtUs = 0;
    endBatch();
    return {};
}

Result<void> Books::loadAccounts(const StoredState& state)
{
    for (const AccountRow& row : state.busyAccounts) {
        // A foreign key guarantees the pool.
        if (const auto adopted = adopt(*m_pools.at(row.key.pool), row); !adopted) {
            return adopted.error();
        }
    }
    for (const auto& [id, entry] : m_pools) {
        if (entry->pool.archived) {
            continue;
        }
        if (auto done = loadCurrent(*entry, currentTime()); !done) {
            return done;
        }
    }
    return {};
}

/// Views and pages read memory only, so what is current must be there.
Result<void> Books::loadCurrent(PoolEntry& entry, TimeUs at)
{
    const auto span = spanOf(entry, at);
    if (!span) {
        return span.error();
    }
    const auto rows = hasSessions(entry.pool)
        ? m_store.loadSessions(
            entry.pool.id, at - entry.pool.window.durationUs, limits::accountsLoadedMax)
        : m_store.loadAccounts(entry.pool.id, (*span).startUs, limits::accountsLoadedMax);
    if (!rows) {
        return rows.error();
    }
    for (const AccountRow& row : *rows) {
        if (const auto adopted = adopt(entry, row); !adopted) {
            return adopted.error();
        }
    }
    return {};
}

void Books::loadHolds(const StoredState& state)
{
    std::unordered_map<std::int64_t, Account*> byId;
    for (const AccountRow& row : state.busyAccounts) {
        byId.emplace(row.id, findInMemory(row.key));
    }
    for (std::size_t i = 0; i < state.openHolds.size(); ++i) {
        auto hold = std::make_unique<HoldRecord>();
        hold->row = state.openHolds[i];
        hold->sinceMonotonicUs = m_clock.monotonicUs();
        for (const std::int64_t id : state.openHoldAccounts[i]) {
            Account* account = byId.at(id); // the store lists accounts of open holds as busy
            ++account->openHolds;
            hold->accounts.push_back(account);
        }
        m_operations[hold->row.requestId].push_back(hold.get());
        ++m_openHolds;
        m_heldTotal = m_heldTotal.plusSaturated(hold->row.amount);
        m_holds.emplace(hold->row.id, std::move(hold));
    }
    for (const HoldRow& row : state.recentHolds) {
        auto hold = std::make_unique<HoldRecord>();
        hold->row = row;
        hold->overrun = row.charged > row.amount;
        m_operations[row.requestId].push_back(hold.get());
        m_ended.push_back(row.id);
        m_recent.emplace(row.id, std::move(hold));
    }
}

Result<void> Books::setPools(std::vector<Pool> wanted)
{
    const std::scoped_lock lock(m_mutex);
    for (Pool& pool : wanted) {
        const auto known = m_pools.find(pool.id);
        if (auto done = fitBucket(pool, known == m_pools.end() ? nullptr : &known->second->pool);
            !done) {
            return done;
        }
    }
    if (auto done = validateAll(wanted); !done) {
        return done;
    }
    std::set<PoolId> named;
    for (const Pool& pool : wanted) {
        named.insert(pool.id);
    }
    for (const auto& [id, entry] : m_pools) {
        if (!named.contains(id) && !entry->pool.archived) {
            wanted.push_back(entry->pool);
            wanted.back().archived = true;
        }
    }
    m_rollAtUs = 0; // whatever changes: look at all open holds again
    const TimeUs at = nextTime();
    if (auto done = rollOver(at); !done) {
        return done;
    }
    for (const Pool& pool : wanted) {
        if (auto done = applyPool(pool, at); !done) {
            return done;
        }
    }
    indexPools();
    m_rollAtUs = 0;
    return {};
}

std::vector<Books::HoldRecord*> Books::openHoldsInOrder() const
{
    std::vector<HoldRecord*> open;
    for (const auto& [id, hold] : m_holds) {
        if (hold->isOpen()) {
            open.push_back(hold.get());
        }
    }
    std::sort(open.begin(), open.end(),
        [](const HoldRecord* a, const HoldRecord* b) { return a->row.id < b->row.id; });
    return open;
}

Result<Books::PoolEntry*> Books::usablePool(PoolId id)
{
    const auto found = m_pools.find(id);
    if (found == m_pools.end() || found->second->pool.archived) {
        return Error(ErrorCode::NotFound, fmt::format("There is no pool {}.", id.value));
    }
    if (isPerRequest(found->second->pool)) {
        return Error(ErrorCode::Unsupported,
            fmt::format(
                "Pool \"{}\" limits single requests: it has no balance.", found->second->pool.name),
            "Change its cap instead.");
    }
    return found->second.get();
}

/// The current account, with everything written down that has left or was refilled.
Result<Books::Account*> Books::accountToCorrect(const Adjustment& adjustment)
{
    const auto entry = usablePool(adjustment.pool);
    if (!entry) {
        return entry.error();
    }
    const Pool& pool = (*entry)->pool;
    if (adjustment.value.size() > limits::scopeValueBytesMax) {
        return invalid(pool, "the name of the account is too long");
    }
    const std::string value = pool.scope.each ? adjustment.value : accountValue(pool, {}, {});
    const TimeUs at = nextTime();
    if (auto rolled = rollOver(at); !rolled) {
        return rolled.error();
    }
    const auto account = openCurrent(**entry, value, at);
    if (account) {
        bringUpToDate(**account, Freshness::Exactly);
        touch(**account);
    }
    return account;
}

Result<void> Books::topUp(const Adjustment& adjustment)
{
    const std::scoped_lock lock(m_mutex);
    if (adjustment.amount.isZero()) {
        return Error(ErrorCode::InvalidArgument, "A top-up is an amount other than zero.");
    }
    const auto found = accountToCorrect(adjustment);
    if (!found) {
        return found.error();
    }
    Account& account = **found;
    const Pool& pool = account.pool->pool;
    const auto toppedUp = account.balance.toppedUp.plus(adjustment.amount);
    const Money sum = toppedUp ? *toppedUp : Money();
    if (!toppedUp || !pool.cap.plus(sum)) {
        return Error(ErrorCode::OutOfRange, "Cap and top-ups do not fit into an amount of money.");
    }
    if (sum.isNegative()) {
        return Error(ErrorCode::InvalidArgument,
            fmt::format("Pool \"{}\" was topped up by {}: no more than that can be taken back.",
                pool.name, account.balance.toppedUp.toDisplay()));
    }
    account.balance.toppedUp = sum;
    account.mayExceed
        = account.mayExceed || adjustment.amount.isNegative(); // what was spent of it stays spent
    EntryRow& line = addEntry(EntryKind::TopUp, nextTime());
    line.setId = internSet({&account});
    line.toppedUp = adjustment.amount;
    line.actor = adjustment.actor;
    line.reason = adjustment.reason;
    if (account.state && pool.window.kind == WindowKind::Sliding) {
        topUpSlots(pool.window, account.state->slots, m_lastAtUs, adjustment.amount);
    }
    return {};
}

Result<void> Books::adjust(const Adjustment& adjustment)
{
    const std::scoped_lock lock(m_mutex);
    const auto found = accountToCorrect(adjustment);
    if (!found) {
        return found.error();
    }
    Account& account = **found;
    const auto settled = account.balance.settled.plus(adjustment.amount);
    if (!settled || settled->isNegative()) {
        return Error(ErrorCode::InvalidArgument,
            fmt::format("Pool \"{}\" has spent {}: no more than that can be given back.",
                account.pool->pool.name, account.balance.settled.toDisplay()));
    }
    EntryRow& line = addEntry(EntryKind::Adjust, nextTime());
    line.setId = internSet({&account});
    line.settled = adjustment.amount;
    line.actor = adjustment.actor;
    line.reason = adjustment.reason;
    account.mayExceed = true; // an operator's correction states what happened
    addCharge(account, adjustment.amount, m_lastAtUs);
    return {};
}

Result<void> Books::unfreezeAccounts(PoolId pool, const std::string& actor)
{
    const std::scoped_lock lock(m_mutex);
    const auto entry = usablePool(pool);
    if (!entry) {
        return entry.error();
    }
    std::vector<Account*> frozen;
    for (const auto& [key, account] : m_accounts) {
        if (key.pool == pool && account->balance.frozen) {
            frozen.push_back(account.get());
        }
    }
    for (Account* account : frozen) {
        touch(*account);
        account->balance.frozen = false;
    }
    if (!frozen.empty()) {
        EntryRow& line = addEntry(EntryKind::Unfreeze, nextTime());
        line.setId = internSet(frozen);
        line.actor = actor;
    }
    return {};
}

} // namespace headgate::ledger
