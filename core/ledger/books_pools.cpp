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
    if (!pool.archived && !isEnforced(pool.scope, pool.window)) {
        return Error(ErrorCode::Unsupported,
            fmt::format("Pool \"{}\": the window \"{}\" is not enforced by this version.",
                pool.name, pool.window.text()),
            "Choose hour, day, week, month, quarter, year, lifetime or request.");
    }
    return {};
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

bool hasOtherWindow(const Pool& a, const Pool& b)
{
    return a.window != b.window || a.zone != b.zone || a.fiscalStartDay != b.fiscalStartDay
        || isPerRequest(a) != isPerRequest(b);
}

bool hasOtherLimit(const Pool& a, const Pool& b)
{
    return a.cap != b.cap || a.hard != b.hard || isPerRequest(a) != isPerRequest(b);
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
        adopt(*m_pools.at(row.key.pool), row); // a foreign key guarantees the pool
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
    const auto rows
        = m_store.loadAccounts(entry.pool.id, (*span).startUs, limits::accountsLoadedMax);
    if (!rows) {
        return rows.error();
    }
    for (const AccountRow& row : *rows) {
        adopt(entry, row);
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
    if (auto done = rollOver(); !done) {
        return done;
    }
    const TimeUs at = nextTime();
    for (const Pool& pool : wanted) {
        if (auto done = applyPool(pool, at); !done) {
            return done;
        }
    }
    indexPools();
    m_rollAtUs = 0;
    return {};
}

Result<void> Books::applyPool(const Pool& wanted, TimeUs at)
{
    auto& place = m_pools[wanted.id];
    if (!place) {
        place = std::make_unique<PoolEntry>();
        place->pool = wanted;
        m_newPools.push_back(wanted.id);
        m_rows.pools.push_back({wanted, false});
        return {};
    }
    PoolEntry& entry = *place;
    if (entry.pool == wanted) {
        return {};
    }
    m_poolsBefore.emplace_back(&entry, entry);
    const Pool old = std::exchange(entry.pool, wanted);
    m_rows.pools.push_back({wanted, hasOtherLimit(old, wanted)});
    if (!hasOtherWindow(old, wanted)) {
        return old.archived && !wanted.archived ? loadCurrent(entry, at) : Result<void>();
    }
    return carryOver(entry, old, at);
}

/// The account of the edited window starts with what was spent since that window began, and open
/// holds move to it: an edit never makes money reappear.
Result<void> Books::carryOver(PoolEntry& entry, const Pool& old, TimeUs at)
{
    const auto oldSpan = windowAt(old, at, entry.span.startUs);
    entry.span = {};
    const auto span = spanOf(entry, at);
    if (!oldSpan || !span) {
        return !span ? span.error() : oldSpan.error();
    }
    if (isPerRequest(entry.pool)) {
        return {}; // its account only shows totals; operations are added up one by one
    }
    if (auto done = carryUsage(entry, *span, at); !done) {
        return done;
    }
    if ((*oldSpan).startUs != (*span).startUs) {
        if (auto done = carryMarks(entry, (*oldSpan).startUs, (*span).startUs, at); !done) {
            return done;
        }
    }
    return moveHolds(entry, *span);
}

Result<void> Books::carryUsage(PoolEntry& entry, const Span& span, TimeUs at)
{
    const auto usage = m_store.usageSince(entry.pool.id, span.startUs);
    if (!usage) {
        return usage.error();
    }
    for (const Usage& used : *usage) {
        const auto account = findOrCreate(entry, {entry.pool.id, used.value, span.startUs});
        if (!account) {
            return account.error();
        }
        const auto missing = used.settled.minus((*account)->balance.settled);
        if (!missing || *missing <= Money()) {
            continue;
        }
        touch(**account);
        (*account)->balance.settled = used.settled;
        (*account)->carried = (*account)->carried.plusSaturated(*missing);
        (*account)->mayExceed = true;
        (*account)->usedAtUs = at;
        EntryRow& line = addEntry(EntryKind::Adjust, nextTime());
        line.carry = true;
        line.setId = internSet({*account});
        line.settled = *missing;
        line.actor = "ledger";
        line.reason = "window changed";
    }
    return {};
}

/// Top-ups and overrun freezes of the current accounts come along too.
Result<void> Books::carryMarks(PoolEntry& entry, TimeUs oldStartUs, TimeUs newStartUs, TimeUs at)
{
    std::vector<Account*> marked;
    for (const auto& [key, account] : m_accounts) {
        const bool hasMark = account->balance.frozen || account->balance.toppedUp > Money();
        if (key.pool == entry.pool.id && key.windowStartUs == oldStartUs && hasMark) {
            marked.push_back(account.get());
        }
    }
    for (const Account* from : marked) {
        const auto to = findOrCreate(entry, {entry.pool.id, from->key.value, newStartUs});
        if (!to) {
            return to.error();
        }
        Account& account = **to;
        touch(account);
        account.mayExceed = true;
        account.usedAtUs = at;
        const Money missing = from->balance.toppedUp.minusSaturated(account.balance.toppedUp);
        if (missing > Money()) {
            account.balance.toppedUp = from->balance.toppedUp;
            EntryRow& line = addEntry(EntryKind::TopUp, nextTime());
            line.carry = true;
            line.setId = internSet({&account});
            line.toppedUp = missing;
            line.actor = "ledger";
            line.reason = "window changed";
        }
        account.balance.frozen = account.balance.frozen || from->balance.frozen;
    }
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

Result<void> Books::moveHolds(PoolEntry& entry, const Span& span)
{
    for (HoldRecord* hold : openHoldsInOrder()) {
        for (std::size_t i = 0; i < hold->accounts.size(); ++i) {
            const Account& account = *hold->accounts[i];
            if (account.pool != &entry || account.key.windowStartUs == span.startUs) {
                continue;
            }
            const AccountKey key{entry.pool.id, account.key.value, span.startUs};
            if (auto done = moveHold(*hold, i, key, "window changed"); !done) {
                return done;
            }
        }
    }
    return {};
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

Result<void> Books::topUp(const Adjustment& adjustment)
{
    const std::scoped_lock lock(m_mutex);
    const auto entry = usablePool(adjustment.pool);
    if (!entry) {
        return entry.error();
    }
    const Pool& pool = (*entry)->pool;
    if (adjustment.amount.isZero()) {
        return Error(ErrorCode::InvalidArgument, "A top-up is an amount other than zero.");
    }
    const TimeUs at = nextTime();
    const auto span = spanOf(**entry, at);
    if (!span) {
        return span.error();
    }
    const std::string value = pool.scope.each ? adjustment.value : accountValue(pool, {}, {});
    const auto account = findOrCreate(**entry, {pool.id, value, (*span).startUs});
    if (!account) {
        return account.error();
    }
    const auto toppedUp = (*account)->balance.toppedUp.plus(adjustment.amount);
    if (!toppedUp || !pool.cap.plus(*toppedUp)) {
        return Error(ErrorCode::OutOfRange, "Cap and top-ups do not fit into an amount of money.");
    }
    if (toppedUp->isNegative()) {
        return Error(ErrorCode::InvalidArgument,
            fmt::format("Pool \"{}\" was topped up by {}: no more than that can be taken back.",
                pool.name, (*account)->balance.toppedUp.toDisplay()));
    }
    touch(**account);
    (*account)->balance.toppedUp = *toppedUp;
    (*account)->mayExceed = adjustment.amount.isNegative(); // what was spent of it stays spent
    EntryRow& line = addEntry(EntryKind::TopUp, at);
    line.setId = internSet({*account});
    line.toppedUp = adjustment.amount;
    line.actor = adjustment.actor;
    line.reason = adjustment.reason;
    return {};
}

Result<void> Books::adjust(const Adjustment& adjustment)
{
    const std::scoped_lock lock(m_mutex);
    const auto entry = usablePool(adjustment.pool);
    if (!entry) {
        return entry.error();
    }
    const TimeUs at = nextTime();
    const auto span = spanOf(**entry, at);
    if (!span) {
        return span.error();
    }
    const Pool& pool = (*entry)->pool;
    const std::string value = pool.scope.each ? adjustment.value : accountValue(pool, {}, {});
    const auto account = findOrCreate(**entry, {pool.id, value, (*span).startUs});
    if (!account) {
        return account.error();
    }
    const auto settled = (*account)->balance.settled.plus(adjustment.amount);
    if (!settled || settled->isNegative()) {
        return Error(ErrorCode::InvalidArgument,
            fmt::format("Pool \"{}\" has spent {}: no more than that can be given back.", pool.name,
                (*account)->balance.settled.toDisplay()));
    }
    touch(**account);
    (*account)->balance.settled = *settled;
    (*account)->mayExceed = true; // an operator's correction states what happened
    (*account)->usedAtUs = at;
    EntryRow& line = addEntry(EntryKind::Adjust, at);
    line.setId = internSet({*account});
    line.settled = adjustment.amount;
    line.actor = adjustment.actor;
    line.reason = adjustment.reason;
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
