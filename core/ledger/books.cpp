// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace headgate::ledger {

namespace {

/// Pools on one exact value are found by it; ten thousand of them must not be walked for every
/// call.
std::string indexKey(ScopeKind kind, const std::string& value)
{
    return std::string(1, static_cast<char>('a' + static_cast<int>(kind))) + value;
}

bool isTooLong(const std::string& value)
{
    return value.size() > limits::scopeValueBytesMax;
}

std::optional<std::string> whyBad(const Ask& ask)
{
    if (ask.requestId.empty() || ask.requestId.size() > limits::requestIdBytesMax) {
        return fmt::format("A request id has 1 to {} bytes.", limits::requestIdBytesMax);
    }
    if (ask.attempt < 1) {
        return "Attempts count from 1.";
    }
    if (ask.amount.isNegative()) {
        return "A hold cannot be negative.";
    }
    const Identity& who = ask.identity;
    if (isTooLong(who.team) || isTooLong(who.user) || isTooLong(who.key) || isTooLong(who.session)
        || isTooLong(ask.target.model) || isTooLong(ask.target.provider)) {
        return fmt::format("A name is longer than {} bytes.", limits::scopeValueBytesMax);
    }
    return {};
}

Denial unavailable(const Ask& ask, std::string why)
{
    Denial denial;
    denial.reason = DenialReason::LedgerUnavailable;
    denial.asked = ask.amount;
    denial.detail = std::move(why);
    return denial;
}

EntryKind entryKindFor(HoldState state)
{
    switch (state) {
    case HoldState::Estimated:
        return EntryKind::Estimate;
    case HoldState::Unknown:
        return EntryKind::Unknown;
    case HoldState::Released:
        return EntryKind::Release;
    default:
        return EntryKind::Settle;
    }
}

} // namespace

Books::Books(LedgerStore& store, const Clock& clock) : m_store(store), m_clock(clock) { }

TimeUs Books::currentTime() const
{
    return std::max({m_lastAtUs + 1, m_clock.nowUs(), m_newestStartUs});
}

TimeUs Books::nextTime()
{
    m_lastAtUs = currentTime();
    return m_lastAtUs;
}

Result<Span> Books::spanOf(PoolEntry& entry, TimeUs at) const
{
    if (at >= entry.span.startUs && at < entry.span.endUs) {
        return entry.span;
    }
    const auto span = windowAt(entry.pool, at, entry.span.startUs);
    if (span) {
        const bool isNext = entry.span.endUs != 0 && entry.span.startUs != (*span).startUs;
        m_rollAtUs = isNext ? 0 : m_rollAtUs; // also when a reader was the first to see it
        entry.span = *span;
        m_newestStartUs = std::max(m_newestStartUs, (*span).startUs);
    }
    return span;
}

void Books::indexPools()
{
    m_poolsForAll.clear();
    m_poolsByValue.clear();
    for (const auto& [id, entry] : m_pools) {
        const Scope& scope = entry->pool.scope;
        const bool isForAll = scope.each || scope.kind == ScopeKind::Org
            || scope.kind == ScopeKind::Request || scope.kind == ScopeKind::Tier;
        if (entry->pool.archived) {
            continue;
        }
        if (isForAll) {
            m_poolsForAll.push_back(entry.get());
        } else {
            m_poolsByValue[indexKey(scope.kind, scope.value)].push_back(entry.get());
        }
    }
}

std::vector<Books::PoolEntry*> Books::matching(const Identity& identity, const Target& target) const
{
    std::vector<PoolEntry*> found = m_poolsForAll;
    const auto add = [&](ScopeKind kind, const std::string& value) {
        const auto hit = m_poolsByValue.find(indexKey(kind, value));
        if (hit != m_poolsByValue.end()) {
            found.insert(found.end(), hit->second.begin(), hit->second.end());
        }
    };
    if (!m_poolsByValue.empty()) {
        add(ScopeKind::Team, identity.team);
        add(ScopeKind::User, identity.user);
        add(ScopeKind::Key, identity.key);
        add(ScopeKind::Session, identity.session);
        add(ScopeKind::Model, target.model);
        add(ScopeKind::Provider, target.provider);
        for (const std::string& tag : identity.tags) {
            add(ScopeKind::Tag, tag);
        }
    }
    std::sort(found.begin(), found.end(),
        [](const PoolEntry* a, const PoolEntry* b) { return a->pool.id < b->pool.id; });
    found.erase(std::unique(found.begin(), found.end()), found.end()); // a tag given twice
    std::erase_if(
        found, [&](const PoolEntry* entry) { return !matches(entry->pool, identity, target); });
    return found;
}

Books::OperationTotals Books::totalsOf(const std::string& requestId) const
{
    OperationTotals totals;
    const auto found = m_operations.find(requestId);
    if (found == m_operations.end()) {
        return totals;
    }
    for (const HoldRecord* hold : found->second) {
        Money& sum = hold->isOpen() ? totals.held : totals.settled;
        sum = sum.plusSaturated(hold->isOpen() ? hold->row.amount : hold->row.charged);
    }
    return totals;
}

Result<std::vector<Books::Candidate>> Books::gather(const Ask& ask, TimeUs at)
{
    std::vector<Candidate> candidates;
    for (PoolEntry* entry : matching(ask.identity, ask.target)) {
        const auto current
            = currentAccount(*entry, accountValue(entry->pool, ask.identity, ask.target), at);
        if (!current) {
            return current.error();
        }
        Candidate candidate;
        candidate.pool = entry;
        candidate.view.key = (*current).key;
        candidate.account = (*current).account;
        candidate.view.resetsAtUs = resetOf(*entry, candidate.account, at);
        if (isPerRequest(entry->pool)) {
            const OperationTotals totals = totalsOf(ask.requestId);
            candidate.view.balance.settled = totals.settled;
            candidate.view.balance.held = totals.held;
        } else if (candidate.account != nullptr) {
            candidate.view.balance = balanceNow(*candidate.account, at);
        }
        candidates.push_back(std::move(candidate));
    }
    return candidates;
}

const Books::HoldRecord* Books::findRepeated(const Ask& ask) const
{
    const auto operation = m_operations.find(ask.requestId);
    if (operation == m_operations.end()) {
        return nullptr;
    }
    const auto found = std::find_if(operation->second.begin(), operation->second.end(),
        [&](const HoldRecord* hold) { return hold->row.attempt == ask.attempt; });
    return found == operation->second.end() ? nullptr : *found;
}

Decision Books::repeated(const HoldRecord& hold, const Ask& ask) const
{
    const bool isSame = hold.row.amount == ask.amount && hold.row.model == ask.target.model
        && hold.row.provider == ask.target.provider;
    if (!isSame) {
        Denial denial;
        denial.reason = DenialReason::Duplicate;
        denial.asked = ask.amount;
        denial.held = hold.row.amount;
        denial.detail = "This request id was used before for another call.";
        return denial;
    }
    Grant grant;
    grant.hold = hold.row.id;
    grant.amount = hold.row.amount;
    grant.lines = linesOf(hold);
    grant.repeated = true;
    return grant;
}

Decision Books::reserve(const Ask& ask)
{
    const std::scoped_lock lock(m_mutex);
    if (auto why = whyBad(ask)) {
        return unavailable(ask, std::move(*why));
    }
    if (const HoldRecord* known = findRepeated(ask)) {
        return repeated(*known, ask);
    }
    const TimeUs at = nextTime(); // one time for all: no window may end in between
    if (const auto rolled = rollOver(at); !rolled) {
        return unavailable(ask, rolled.error().text());
    }
    auto candidates = gather(ask, at);
    if (!candidates) {
        return unavailable(ask, candidates.error().text());
    }
    std::optional<Denial> worst;
    for (const Candidate& candidate : *candidates) {
        auto denial
            = check(candidate.pool->pool, candidate.view, ask.amount, ask.identity.priority);
        const bool heldFits = candidate.account == nullptr
            || candidate.account->balance.held.plus(ask.amount).has_value();
        if (!heldFits) {
            return unavailable(ask, "The sum of holds would not fit into an amount of money.");
        }
        if (denial) {
            denial->resetsAtUs = roomOf(candidate, ask, *denial);
        }
        if (denial && (!worst || isWorse(*denial, *worst))) {
            worst = std::move(denial);
        }
    }
    if (worst) {
        return *worst;
    }
    return grant(ask, *candidates, at);
}

Decision Books::grant(const Ask& ask, std::vector<Candidate>& candidates, TimeUs at)
{
    auto hold = std::make_unique<HoldRecord>();
    hold->row = {.id = HoldId{++m_lastHold},
        .requestId = ask.requestId,
        .attempt = ask.attempt,
        .state = ask.dispatch ? HoldState::Dispatched : HoldState::Held,
        .amount = ask.amount,
        .charged = {},
        .setId = 0,
        .provider = ask.target.provider,
        .model = ask.target.model,
        .atUs = at};
    hold->priority = ask.identity.priority;
    hold->sinceMonotonicUs = m_clock.monotonicUs();
    Grant granted{hold->row.id, ask.amount, {}};
    for (Candidate& candidate : candidates) {
        Account& account = candidate.account != nullptr
            ? *candidate.account
            : create(*candidate.pool, candidate.view.key);
        bringUpToDate(account, Freshness::Roughly, ask.amount);
        touch(account);
        account.balance.held = account.balance.held.plus(ask.amount).value();
        ++account.openHolds;
        account.usedAtUs = at;
        if (hasPeriods(candidate.pool->pool)) {
            m_rollAtUs = std::min(m_rollAtUs, candidate.pool->span.endUs);
        }
        const Balance& before = account.before;
        const Money change = account.balance.settled.plusSaturated(account.balance.held)
                                 .minusSaturated(before.settled)
                                 .minusSaturated(before.held)
                                 .minusSaturated(account.balance.toppedUp)
                                 .plusSaturated(before.toppedUp);
        account.grantPeak = std::max(account.grantPeak.value_or(change), change);
        hold->accounts.push_back(&account);
        candidate.view.balance.held = candidate.view.balance.held.plusSaturated(ask.amount);
        granted.lines.push_back(lineFor(*candidate.pool, candidate.view, ask.identity.priority));
    }
    hold->row.setId = internSet(hold->accounts);
    if (m_lastAtUs != at) {
        hold->row.atUs = nextTime(); // after the lines of what has left or was refilled
    }
    m_rows.newHolds.push_back(hold->row);
    EntryRow& entry = addEntry(EntryKind::Hold, hold->row.atUs);
    entry.hold = hold->row.id;
    entry.setId = hold->row.setId;
    entry.held = ask.amount;
    m_newHolds.push_back(hold.get());
    m_operations[ask.requestId].push_back(hold.get());
    if (!ask.dispatch) {
        m_heldSince.emplace_back(hold->sinceMonotonicUs, hold->row.id);
    }
    ++m_openHolds;
    m_heldTotal = m_heldTotal.plusSaturated(ask.amount);
    m_holds.emplace(hold->row.id, std::move(hold));
    return granted;
}

Result<void> Books::markDispatched(HoldId id)
{
    const std::scoped_lock lock(m_mutex);
    const auto found = m_holds.find(id);
    if (found == m_holds.end() || !found->second->isOpen()) {
        return Error(ErrorCode::Refused,
            fmt::format("Hold {} has ended: nothing may be sent under it.", id.value));
    }
    HoldRecord& hold = *found->second;
    if (hold.row.state == HoldState::Dispatched) {
        return {};
    }
    remember(hold);
    hold.row.state = HoldState::Dispatched;
    const TimeUs at = nextTime();
    m_rows.holdUpdates.push_back({id, hold.row.state, {}, hold.row.setId, at});
    EntryRow& entry = addEntry(EntryKind::Dispatch, at);
    entry.hold = id;
    entry.setId = hold.row.setId;
    return {};
}

Result<Settled> Books::outcomeOf(HoldId id)
{
    Settled outcome;
    outcome.hold = id;
    for (const auto* holds : {&m_holds, &m_recent}) {
        if (const auto found = holds->find(id); found != holds->end()) {
            outcome.state = found->second->row.state;
            outcome.charged = found->second->row.charged;
            outcome.overrun = found->second->overrun;
            return outcome;
        }
    }
    const auto stored = m_store.findHold(id);
    if (!stored) {
        return stored.error();
    }
    if (!*stored) {
        return Error(ErrorCode::NotFound, fmt::format("There is no hold {}.", id.value));
    }
    const HoldRow& row = **stored;
    if (row.state == HoldState::Held || row.state == HoldState::Dispatched) {
        return Error(ErrorCode::Corrupt,
            fmt::format("Hold {} is open in ledger.db, but not in memory.", id.value),
            "Restart Headgate; it compares the books with the journal and says what differs.");
    }
    outcome.state = row.state;
    outcome.charged = row.charged;
    outcome.overrun = row.charged > row.amount;
    return outcome;
}

Result<Settled> Books::settle(const Settle& settle)
{
    const std::scoped_lock lock(m_mutex);
    const auto found = m_holds.find(settle.hold);
    if (found == m_holds.end() || !found->second->isOpen()) {
        return outcomeOf(settle.hold);
    }
    HoldRecord& hold = *found->second;
    switch (settle.kind) {
    case SettleKind::Exact:
        return endHold(hold, {HoldState::Settled, settle.actual, {}});
    case SettleKind::Estimated:
        return endHold(hold, {HoldState::Estimated, settle.actual, {}});
    case SettleKind::Unknown:
        break;
    }
    return endHold(hold, {HoldState::Unknown, hold.row.amount, "outcome unknown"});
}

Result<Settled> Books::release(HoldId id, const std::string& reason)
{
    const std::scoped_lock lock(m_mutex);
    const auto found = m_holds.find(id);
    if (found == m_holds.end() || !found->second->isOpen()) {
        return outcomeOf(id);
    }
    return endHold(*found->second, {HoldState::Released, {}, reason});
}

Result<Settled> Books::endHold(HoldRecord& hold, const Ending& ending)
{
    const Money amount = hold.row.amount;
    if (ending.charged.isNegative()) {
        return Error(ErrorCode::InvalidArgument, "A charge cannot be negative.");
    }
    for (const Account* account : hold.accounts) {
        if (!account->balance.settled.plus(ending.charged)) {
            return Error(ErrorCode::OutOfRange, "The charge does not fit into an amount of money.");
        }
    }
    const TimeUs now = nextTime();
    if (const auto rolled = rollOver(now); !rolled) {
        // What has happened is recorded all the same: in the window that the hold was made in.
        log::warning("Holds stay in an ended window for now: {}", rolled.error().text());
    }
    remember(hold);
    hold.overrun = ending.charged > amount;
    for (Account* account : hold.accounts) {
        bringUpToDate(*account, hold.overrun ? Freshness::Exactly : Freshness::Roughly);
    }
    const TimeUs at = m_lastAtUs == now ? now : nextTime(); // after those lines
    for (Account* account : hold.accounts) {
        touch(*account);
        HEADGATE_CHECK(account->balance.held >= amount && account->openHolds > 0);
        account->balance.held = account->balance.held.minus(amount).value();
        addCharge(*account, ending.charged, at);
        account->mayExceed = account->mayExceed || hold.overrun;
        --account->openHolds;
    }
    hold.row.state = ending.state;
    hold.row.charged = ending.charged;
    m_rows.holdUpdates.push_back({hold.row.id, ending.state, ending.charged, hold.row.setId, at});
    EntryRow& entry = addEntry(entryKindFor(ending.state), at);
    entry.hold = hold.row.id;
    entry.setId = hold.row.setId;
    entry.held = Money::fromNano(-amount.nano());
    entry.settled = ending.charged;
    entry.reason = ending.reason;
    if (hold.overrun) {
        freezeExceeded(hold);
    }
    Settled outcome{hold.row.id, ending.state, ending.charged, hold.overrun, linesOf(hold)};
    hold.accounts.clear();
    m_batchEnded.push_back(hold.row.id);
    --m_openHolds;
    m_heldTotal = m_heldTotal.minusSaturated(amount);
    return outcome;
}

/// A provider that charges more than its published bound may do so again: what it pushed above a
/// cap stays shut until an operator looked at it.
void Books::freezeExceeded(const HoldRecord& hold)
{
    const std::string cost = fmt::format("{} cost {} although its bound was {}", hold.row.model,
        hold.row.charged.toDisplay(), hold.row.amount.toDisplay());
    std::vector<Account*> frozen;
    PoolId named;
    for (Account* account : hold.accounts) {
        const Pool& pool = account->pool->pool;
        named = named ? named : pool.id;
        if (!pool.hard || isPerRequest(pool)) {
            continue;
        }
        const auto limit = limitFor(pool, account->balance.toppedUp, Priority::High);
        const auto used = account->balance.settled.plus(account->balance.held);
        if (limit && used && *used <= *limit) {
            continue;
        }
        account->balance.frozen = true;
        frozen.push_back(account);
        m_batchEvents.push_back({LedgerEvent::Kind::Overrun, pool.id,
            fmt::format("{}; pool \"{}\" is above its cap and was frozen.", cost, pool.name), 0});
    }
    if (frozen.empty()) {
        m_batchEvents.push_back({LedgerEvent::Kind::Overrun, named, cost + ".", 0});
        return;
    }
    EntryRow& entry = addEntry(EntryKind::Freeze, nextTime());
    entry.setId = internSet(frozen);
    entry.actor = "ledger";
    entry.reason = fmt::format("overrun of hold {}", hold.row.id.value);
}

std::vector<HoldId> Books::takeExpired()
{
    const std::scoped_lock lock(m_mutex);
    const std::int64_t oldest = m_clock.monotonicUs() - std::int64_t{limits::holdTtlMs} * usPerMs;
    std::vector<HoldId> expired;
    while (!m_heldSince.empty() && m_heldSince.front().first < oldest) {
        const auto found = m_holds.find(m_heldSince.front().second);
        if (found != m_holds.end() && found->second->row.state == HoldState::Held) {
            expired.push_back(found->first);
        }
        m_heldSince.pop_front();
    }
    return expired;
}

// --- reading

BudgetLine Books::lineFor(const PoolEntry& entry, const AccountView& view, Priority priority)
{
    const Pool& pool = entry.pool;
    BudgetLine line;
    line.pool = pool.id;
    line.poolName = pool.name;
    line.accountValue = view.key.value;
    line.scope = pool.scope;
    line.hard = pool.hard;
    line.frozen = pool.frozen || (pool.hard && view.balance.frozen);
    const auto limit = limitFor(pool, view.balance.toppedUp, priority);
    line.cap = limit ? *limit : Money();
    line.settled = view.balance.settled;
    line.held = view.balance.held;
    line.resetsAtUs = view.resetsAtUs;
    line.zone = pool.zone;
    return line;
}

std::vector<BudgetLine> Books::linesOf(const HoldRecord& hold) const
{
    std::vector<BudgetLine> lines;
    for (const Account* account : hold.accounts) {
        AccountView view{account->key, balanceNow(*account, m_lastAtUs), {}};
        if (isPerRequest(account->pool->pool)) {
            const OperationTotals totals = totalsOf(hold.row.requestId);
            view.balance.settled = totals.settled;
            view.balance.held = totals.held;
        } else if (isCurrent(*account, m_lastAtUs)) {
            view.resetsAtUs = resetOf(*account->pool, account, m_lastAtUs);
        }
        lines.push_back(lineFor(*account->pool, view, hold.priority));
    }
    return lines;
}

BudgetView Books::view(const Identity& identity, const Target& target) const
{
    const std::scoped_lock lock(m_mutex);
    BudgetView view;
    const TimeUs at = currentTime();
    const auto pending = heldOfEndedWindows(at);
    for (PoolEntry* entry : matching(identity, target)) {
        AccountView account;
        const auto span = spanOf(*entry, at);
        if (span) {
            const Current current
                = currentInMemory(*entry, *span, accountValue(entry->pool, identity, target), at);
            account.key = current.key;
            account.resetsAtUs = resetOf(*entry, current.account, at);
            if (current.account != nullptr && !isPerRequest(entry->pool)) {
                account.balance = balanceNow(*current.account, at);
            }
            if (const auto moves = pending.find(account.key); moves != pending.end()) {
                account.balance.held = account.balance.held.plusSaturated(moves->second);
            }
        }
        BudgetLine line = lineFor(*entry, account, identity.priority);
        line.frozen = line.frozen || !span; // what cannot be judged cannot be spent
        view.lines.push_back(std::move(line));
    }
    return view;
}

std::vector<PoolState> Books::poolStates() const
{
    constexpr std::size_t accountsShownMax = 1'000;
    const std::scoped_lock lock(m_mutex);
    const TimeUs at = currentTime();
    const auto pending = heldOfEndedWindows(at);
    std::map<PoolId, std::vector<const Account*>> current;
    for (const auto& [id, entry] : m_pools) {
        static_cast<void>(spanOf(*entry, at)); // only brings the cached span up to date
    }
    for (const auto& [key, account] : m_accounts) {
        if (isCurrent(*account, at)) {
            current[key.pool].push_back(account.get());
        }
    }
    std::vector<PoolState> states;
    for (const auto& [id, entry] : m_pools) {
        if (entry->pool.archived) {
            continue;
        }
        PoolState state{entry->pool, {}, 0, entry->lifetime};
        auto& accounts = current[id];
        std::sort(accounts.begin(), accounts.end(),
            [](const Account* a, const Account* b) { return a->id > b->id; });
        state.accountsTotal = static_cast<std::int64_t>(accounts.size());
        accounts.resize(std::min(accounts.size(), accountsShownMax));
        for (const Account* account : accounts) {
            state.accounts.push_back(
                {account->key, balanceNow(*account, at), resetOf(*entry, account, at)});
        }
        if (accounts.empty() && !entry->pool.scope.each) {
            const AccountKey key{id, accountValue(entry->pool, {}, {}), entry->span.startUs};
            state.accounts.push_back(
                {key, {}, resetOf(*entry, nullptr, at)}); // not used yet: a bar at zero
            state.accountsTotal = 1;
        }
        for (AccountView& view : state.accounts) {
            if (const auto moves = pending.find(view.key); moves != pending.end()) {
                view.balance.held = view.balance.held.plusSaturated(moves->second);
            }
        }
        states.push_back(std::move(state));
    }
    return states;
}

std::vector<OpenHold> Books::openHolds() const
{
    const std::scoped_lock lock(m_mutex);
    std::vector<OpenHold> open;
    for (const auto& [id, hold] : m_holds) {
        if (hold->isOpen()) {
            const HoldRow& row = hold->row;
            open.push_back({id, row.requestId, row.state, row.amount, row.model, row.atUs});
        }
    }
    std::sort(open.begin(), open.end(),
        [](const OpenHold& a, const OpenHold& b) { return a.hold < b.hold; });
    return open;
}

Money Books::heldTotal() const
{
    const std::scoped_lock lock(m_mutex);
    return m_heldTotal;
}

std::int64_t Books::openHoldCount() const
{
    const std::scoped_lock lock(m_mutex);
    return m_openHolds;
}

} // namespace headgate::ledger
