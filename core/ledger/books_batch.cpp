// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::ledger {

namespace {

constexpr std::int64_t accountIdleUs = usPerHour;

} // namespace

std::size_t Books::KeyHash::operator()(const AccountKey& key) const noexcept
{
    std::size_t hash = std::hash<std::string>{}(key.value);
    hash = hash * 1'000'003U ^ std::hash<std::int64_t>{}(key.pool.value);
    return hash * 1'000'003U ^ std::hash<std::int64_t>{}(key.windowStartUs);
}

Books::Account* Books::findInMemory(const AccountKey& key) const
{
    const auto found = m_accounts.find(key);
    return found == m_accounts.end() ? nullptr : found->second.get();
}

/// Null when the account does not exist yet. Past accounts may be in the store only.
Result<Books::Account*> Books::find(PoolEntry& entry, const AccountKey& key)
{
    if (Account* account = findInMemory(key)) {
        return account;
    }
    const auto stored = m_store.findAccount(key);
    if (!stored) {
        return stored.error();
    }
    if (!*stored) {
        return static_cast<Account*>(nullptr);
    }
    return adopt(entry, **stored);
}

Result<Books::Account*> Books::adopt(PoolEntry& entry, const AccountRow& row)
{
    Account* known = findInMemory(row.key);
    if (known == nullptr) {
        auto account = std::make_unique<Account>();
        account->id = row.id;
        account->key = row.key;
        account->pool = &entry;
        account->balance = row.balance;
        account->carried = row.carried;
        account->usedAtUs = row.lastUseUs;
        account->isSession = row.isSession;
        account->isArchived = row.isArchived;
        account->state = makeState(entry.pool, row.anchorUs);
        if (account->state) {
            account->state->remainder = row.remainder;
            auto slots = m_store.loadSlots(row.id);
            if (!slots) {
                return slots.error();
            }
            account->state->slots = std::move(*slots);
        }
        known = m_accounts.emplace(row.key, std::move(account)).first->second.get();
        watch(*known, {}); // what was reported before a restart is not reported again
    }
    if (known->isSession) {
        Account*& newest = m_sessions[{entry.pool.id, row.key.value, 0}];
        if (newest == nullptr || newest->key.windowStartUs < known->key.windowStartUs) {
            newest = known;
        }
    }
    return known;
}

Books::Account& Books::create(PoolEntry& entry, const AccountKey& key)
{
    auto account = std::make_unique<Account>();
    account->id = ++m_lastAccount;
    account->key = key;
    account->pool = &entry;
    account->created = true;
    account->usedAtUs = m_lastAtUs;
    account->isSession = hasSessions(entry.pool);
    account->state = makeState(entry.pool, m_lastAtUs);
    NewAccountRow row{account->id, key, {}, account->isSession};
    if (entry.pool.hard && !isPerRequest(entry.pool)) {
        row.limit = entry.pool.cap;
    }
    m_rows.newAccounts.push_back(std::move(row));
    Account& made = *m_accounts.emplace(key, std::move(account)).first->second;
    if (made.isSession) {
        m_sessions[{entry.pool.id, key.value, 0}] = &made;
    }
    touch(made);
    return made;
}

Result<Books::Account*> Books::findOrCreate(PoolEntry& entry, const AccountKey& key)
{
    auto account = find(entry, key);
    if (account && *account == nullptr) {
        return &create(entry, key);
    }
    return account;
}

void Books::touch(Account& account)
{
    if (account.touched) {
        return;
    }
    account.touched = true;
    account.before = account.balance;
    account.carriedBefore = account.carried;
    account.openHoldsBefore = account.openHolds;
    account.usedAtBefore = account.usedAtUs;
    if (account.state) {
        account.stateBefore = std::make_unique<WindowState>(*account.state);
    }
    account.mayExceed = false;
    account.grantPeak.reset();
    m_touched.push_back(&account);
}

void Books::remember(HoldRecord& hold)
{
    m_holdsBefore.emplace_back(&hold, hold);
}

std::int64_t Books::internSet(const std::vector<Account*>& accounts)
{
    if (accounts.empty()) {
        return 0;
    }
    std::vector<std::int64_t> ids;
    ids.reserve(accounts.size());
    for (const Account* account : accounts) {
        ids.push_back(account->id);
    }
    std::sort(ids.begin(), ids.end());
    HEADGATE_CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
    const auto [place, isNew] = m_sets.try_emplace(ids, m_lastSet + 1);
    if (isNew) {
        ++m_lastSet;
        m_newSets.push_back(ids);
        m_rows.newSets.push_back({m_lastSet, std::move(ids)});
    }
    return place->second;
}

EntryRow& Books::addEntry(EntryKind kind, TimeUs at)
{
    EntryRow entry;
    entry.sequence = ++m_lastSequence;
    entry.atUs = at;
    entry.kind = kind;
    return m_rows.entries.emplace_back(std::move(entry));
}

const BatchRows& Books::finishBatch()
{
    const std::scoped_lock lock(m_mutex);
    m_rows.accountUpdates.clear();
    m_rows.slots.clear();
    for (const Account* account : m_touched) {
        const auto change = [](Money now, Money then) { return now.minus(then).value(); };
        AccountUpdateRow row;
        row.id = account->id;
        row.settled = change(account->balance.settled, account->before.settled);
        row.held = change(account->balance.held, account->before.held);
        row.toppedUp = change(account->balance.toppedUp, account->before.toppedUp);
        row.carried = change(account->carried, account->carriedBefore);
        row.frozen = account->balance.frozen;
        row.mayExceed = account->mayExceed;
        row.grantPeak = account->grantPeak;
        row.lastUseUs = account->usedAtUs;
        row.anchorUs = account->state ? account->state->anchorUs : 0;
        row.remainder = account->state ? account->state->remainder : 0;
        row.wakes = account->isArchived || m_archiveUnsure;
        const Pool& pool = account->pool->pool;
        if (pool.hard && !isPerRequest(pool)) {
            row.limit = pool.cap;
        }
        addSlotRows(*account);
        m_rows.accountUpdates.push_back(row);
    }
    return m_rows;
}

void Books::addSlotRows(const Account& account)
{
    static const std::vector<Slot> none;
    const auto& now = account.state ? account.state->slots : none;
    const auto& before = account.stateBefore ? account.stateBefore->slots : none;
    for (const Slot& slot : now) {
        if (std::find(before.begin(), before.end(), slot) == before.end()) {
            m_rows.slots.push_back({account.id, slot});
        }
    }
    for (const Slot& slot : before) {
        const bool isKept = std::any_of(
            now.begin(), now.end(), [&](const Slot& kept) { return kept.startUs == slot.startUs; });
        if (!isKept) {
            m_rows.slots.push_back({account.id, Slot{slot.startUs, {}, {}}});
        }
    }
}

void Books::commit()
{
    const std::scoped_lock lock(m_mutex);
    m_moneyReturned = m_moneyReturned || !m_rows.pools.empty();
    for (Account* account : m_touched) {
        const Balance& now = account->balance;
        const Balance& before = account->before;
        const Money used = now.settled.plusSaturated(now.held);
        const Money usedBefore = before.settled.plusSaturated(before.held);
        m_moneyReturned = m_moneyReturned || used < usedBefore || now.toppedUp > before.toppedUp
            || (before.frozen && !now.frozen);
        const Money charged
            = now.settled.minusSaturated(before.settled)
                  .minusSaturated(account->carried.minusSaturated(account->carriedBefore));
        account->pool->lifetime = account->pool->lifetime.plusSaturated(charged);
        account->isArchived = false;
        watch(*account, charged);
    }
    for (const HoldId id : m_batchEnded) {
        m_recent.insert(m_holds.extract(id));
        m_ended.push_back(id);
    }
    m_events.insert(m_events.end(), m_batchEvents.begin(), m_batchEvents.end());
    forgetOldHolds();
    endBatch();
}

void Books::rollback()
{
    const std::scoped_lock lock(m_mutex);
    for (auto it = m_holdsBefore.rbegin(); it != m_holdsBefore.rend(); ++it) {
        *it->first = std::move(it->second);
    }
    for (HoldRecord* hold : m_newHolds) {
        auto operation = m_operations.find(hold->row.requestId);
        std::erase(operation->second, hold);
        if (operation->second.empty()) {
            m_operations.erase(operation);
        }
        m_holds.erase(HoldId{hold->row.id});
    }
    for (Account* account : m_touched) {
        account->balance = account->before;
        account->carried = account->carriedBefore;
        account->openHolds = account->openHoldsBefore;
        account->usedAtUs = account->usedAtBefore;
        account->state = std::move(account->stateBefore);
    }
    for (const auto& set : m_newSets) {
        m_sets.erase(set);
    }
    for (auto it = m_poolsBefore.rbegin(); it != m_poolsBefore.rend(); ++it) {
        *it->first = std::move(it->second);
    }
    std::vector<AccountKey> created;
    for (const Account* account : m_touched) {
        if (!account->created) {
            continue;
        }
        created.push_back(account->key);
        const auto session = m_sessions.find({account->key.pool, account->key.value, 0});
        if (session != m_sessions.end() && session->second == account) {
            m_sessions.erase(session); // the one before it is found in the store again
        }
    }
    m_openHolds = m_openHoldsBefore;
    m_heldTotal = m_heldTotalBefore;
    m_rollAtUs = 0; // holds may be back in ended windows
    const std::vector<PoolId> newPools = m_newPools;
    endBatch();
    for (const AccountKey& key : created) {
        m_accounts.erase(key);
    }
    for (const PoolId id : newPools) {
        m_pools.erase(id);
    }
    indexPools();
}

void Books::endBatch()
{
    for (Account* account : m_touched) {
        account->touched = false;
        account->created = false;
        account->stateBefore.reset();
    }
    m_touched.clear();
    m_rows = {};
    m_newHolds.clear();
    m_holdsBefore.clear();
    m_poolsBefore.clear();
    m_newPools.clear();
    m_newSets.clear();
    m_batchEnded.clear();
    m_batchEvents.clear();
    m_openHoldsBefore = m_openHolds;
    m_heldTotalBefore = m_heldTotal;
    if (m_sets.size() > limits::accountSetsInMemoryMax) {
        m_sets.clear();
    }
}

void Books::forgetOldHolds()
{
    while (m_ended.size() > limits::endedHoldsMax) {
        const auto found = m_recent.find(m_ended.front());
        m_ended.pop_front();
        if (found == m_recent.end()) {
            continue;
        }
        const auto operation = m_operations.find(found->second->row.requestId);
        std::erase(operation->second, found->second.get());
        if (operation->second.empty()) {
            m_operations.erase(operation);
        }
        m_recent.erase(found);
    }
}

void Books::dropIdle()
{
    const std::scoped_lock lock(m_mutex);
    const bool isCrowded = m_accounts.size() > limits::accountsInMemoryMax;
    const TimeUs now = currentTime();
    for (const auto& [id, entry] : m_pools) {
        static_cast<void>(spanOf(*entry, now)); // only brings the cached span up to date
    }
    const auto isDropped = [&](const Account& account) {
        // What is frozen must be found by who unfreezes it.
        const bool isIdle
            = isCrowded && account.usedAtUs < now - accountIdleUs && !account.balance.frozen;
        return account.openHolds == 0 && !account.touched && (isIdle || !isCurrent(account, now));
    };
    std::vector<AccountKey> dropped;
    for (const auto& [key, account] : m_accounts) {
        if (isDropped(*account)) {
            dropped.push_back(key);
        }
    }
    for (const AccountKey& key : dropped) {
        forget(key);
    }
    archiveSome(now);
}

void Books::forget(const AccountKey& key)
{
    const auto place = m_accounts.find(key);
    const auto session = m_sessions.find({key.pool, key.value, 0});
    if (session != m_sessions.end() && session->second == place->second.get()) {
        m_sessions.erase(session);
    }
    m_accounts.erase(place);
}

std::vector<LedgerEvent> Books::takeEvents()
{
    const std::scoped_lock lock(m_mutex);
    return std::exchange(m_events, {});
}

bool Books::takeMoneyReturned()
{
    const std::scoped_lock lock(m_mutex);
    return std::exchange(m_moneyReturned, false);
}

} // namespace headgate::ledger
