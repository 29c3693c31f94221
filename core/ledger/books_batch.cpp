// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace headgate::ledger {

namespace {

constexpr std::int64_t accountIdleUs = usPerHour;

constexpr std::array thresholdPercents{50, 75, 90, 100};

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
    Account* none = nullptr;
    return *stored ? &adopt(entry, **stored) : none;
}

Books::Account& Books::adopt(PoolEntry& entry, const AccountRow& row)
{
    if (Account* known = findInMemory(row.key)) {
        return *known;
    }
    auto account = std::make_unique<Account>();
    account->id = row.id;
    account->key = row.key;
    account->pool = &entry;
    account->balance = row.balance;
    account->carried = row.carried;
    account->usedAtUs = m_lastAtUs;
    raiseThreshold(*account); // what was reported before a restart is not reported again
    return *m_accounts.emplace(row.key, std::move(account)).first->second;
}

Books::Account& Books::create(PoolEntry& entry, const AccountKey& key)
{
    auto account = std::make_unique<Account>();
    account->id = ++m_lastAccount;
    account->key = key;
    account->pool = &entry;
    account->created = true;
    NewAccountRow row{account->id, key, {}};
    if (entry.pool.hard && !isPerRequest(entry.pool)) {
        row.limit = entry.pool.cap;
    }
    m_rows.newAccounts.push_back(std::move(row));
    Account& made = *m_accounts.emplace(key, std::move(account)).first->second;
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
        m_rows.accountUpdates.push_back(row);
    }
    return m_rows;
}

void Books::raiseThreshold(Account& account)
{
    const Pool& pool = account.pool->pool;
    const auto limit = limitFor(pool, account.balance.toppedUp, Priority::High);
    if (isPerRequest(pool) || !limit || *limit <= Money()) {
        return;
    }
    int reached = 0;
    for (const int percent : thresholdPercents) {
        const auto mark = mulDivUp(limit->nano(), percent, 100);
        reached = mark && account.balance.settled.nano() >= *mark ? percent : reached;
    }
    if (reached > account.threshold && account.touched) {
        const std::string where = account.key.value.empty() || !pool.scope.each
            ? fmt::format("Pool \"{}\"", pool.name)
            : fmt::format("Pool \"{}\", {}", pool.name, account.key.value);
        m_events.push_back({LedgerEvent::Kind::Threshold, pool.id,
            fmt::format("{} has passed {} %: {} of {} spent.", where, reached,
                account.balance.settled.toDisplay(), limit->toDisplay()),
            reached});
    }
    account.threshold = reached;
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
        raiseThreshold(*account);
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
    }
    for (const auto& set : m_newSets) {
        m_sets.erase(set);
    }
    for (auto it = m_poolsBefore.rbegin(); it != m_poolsBefore.rend(); ++it) {
        *it->first = std::move(it->second);
    }
    std::vector<AccountKey> created;
    for (const Account* account : m_touched) {
        if (account->created) {
            created.push_back(account->key);
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
    std::erase_if(m_accounts, [&](const auto& item) {
        const Account& account = *item.second;
        const bool isPast = account.key.windowStartUs != account.pool->span.startUs;
        const bool isIdle = isCrowded && account.usedAtUs < now - accountIdleUs;
        return account.openHolds == 0 && !account.touched && (isPast || isIdle);
    });
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
