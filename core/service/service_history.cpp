// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The audit of pools, its undo, and the stories behind numbers.
#include "core/service/service_impl.h"
#include "core/service/story.h"
#include "core/service/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace headgate::service {

namespace {

/// How far back the undo looks for a change that is not taken back yet.
constexpr int undoLookBack = 500;
/// A hold comes this long after its request at the most: waiting for money and retries included.
constexpr std::int64_t decisionSearchUs = 10 * usPerMinute;
constexpr int decisionSearchRows = 1'000;
constexpr const char* undoRevisionMark = "Undo revision ";
constexpr const char* undoEntryMark = "Undo of entry #";

template <typename List>
auto findPool(List& list, PoolId id)
{
    return std::find_if(list.begin(), list.end(), [id](const auto& pool) { return pool.id == id; });
}

Error tooBusyNow()
{
    return Error(ErrorCode::Unavailable, "Too many questions wait.", "Try again in a moment.");
}

/// The number that follows `mark`; 0 when the text does not begin with it.
std::int64_t numberAfter(std::string_view text, std::string_view mark)
{
    if (!text.starts_with(mark)) {
        return 0;
    }
    text.remove_prefix(mark.size());
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string whatChanged(const ledger::Pool* before, const ledger::Pool& after)
{
    if (before == nullptr) {
        return "add";
    }
    if (before->archived != after.archived) {
        return after.archived ? "archive" : "restore";
    }
    if (before->frozen != after.frozen) {
        return after.frozen ? "freeze" : "unfreeze";
    }
    return "edit";
}

std::string moneyWhat(ledger::EntryKind kind)
{
    switch (kind) {
    case ledger::EntryKind::TopUp:
        return "top-up";
    case ledger::EntryKind::Adjust:
        return "adjust";
    case ledger::EntryKind::Freeze:
        return "freeze";
    default:
        return "unfreeze";
    }
}

std::string moneySummary(const ledger::MoneyMove& move, const std::string& value)
{
    const auto& entry = move.entry;
    const std::string where = move.pool + (value.empty() ? "" : "/" + value);
    switch (entry.kind) {
    case ledger::EntryKind::TopUp:
        return entry.toppedUpDelta.isNegative()
            ? fmt::format("Pool {}: take a top-up of ${} back", where,
                Money().minusSaturated(entry.toppedUpDelta).toDecimal())
            : fmt::format("Pool {}: top up ${}", where, entry.toppedUpDelta.toDecimal());
    case ledger::EntryKind::Adjust:
        return entry.settledDelta.isNegative()
            ? fmt::format("Pool {}: give ${} back", where,
                Money().minusSaturated(entry.settledDelta).toDecimal())
            : fmt::format("Pool {}: charge ${} more", where, entry.settledDelta.toDecimal());
    case ledger::EntryKind::Freeze:
        return fmt::format("Pool {}: freeze the account", where);
    default:
        return fmt::format("Pool {}: unfreeze the account", where);
    }
}

/// `pools`: as they are now, to know which have an account for each value.
PoolChange changeOf(const ledger::MoneyMove& move, const std::vector<ledger::Pool>& pools)
{
    PoolChange change;
    change.atUs = move.entry.atUs;
    change.actor = move.entry.actor;
    change.pool = move.entry.accounts.front().pool;
    change.name = move.pool;
    const auto pool = findPool(pools, change.pool);
    if (pool != pools.end() && pool->scope.each) {
        change.account = move.entry.accounts.front().value;
    }
    change.what = moneyWhat(move.entry.kind);
    change.summary = moneySummary(move, change.account);
    change.reason = move.entry.reason;
    change.entry = move.entry.sequence;
    change.undoes = numberAfter(move.entry.reason, undoEntryMark);
    const auto add = [&](const char* name, Money before, Money after) {
        if (before != after) {
            change.fields.push_back({name, before.toDecimal(), after.toDecimal()});
        }
    };
    add("settled_usd", move.before.settled, move.after.settled);
    add("topped_up_usd", move.before.toppedUp, move.after.toppedUp);
    return change;
}

/// What one revision did to each pool it touched.
Result<void> addChanges(const ConfigStore::PoolRevision& revision, std::optional<PoolId> wanted,
    std::vector<PoolChange>& out)
{
    const auto before = poolsFromJson(revision.before);
    const auto after = poolsFromJson(revision.after);
    if (!before || !after) {
        return !before ? before.error() : after.error();
    }
    for (const auto& pool : *after) {
        const auto found = findPool(*before, pool.id);
        const auto* old = found == before->end() ? nullptr : &*found;
        if ((wanted && pool.id != *wanted) || (old != nullptr && *old == pool)) {
            continue;
        }
        PoolChange change;
        change.atUs = revision.info.atUs;
        change.actor = revision.info.actor;
        change.revision = revision.info.revision;
        change.undoes = numberAfter(revision.info.summary, undoRevisionMark);
        change.pool = pool.id;
        change.name = pool.name;
        change.what = whatChanged(old, pool);
        change.summary = revision.info.summary;
        change.fields = poolDifference(old, pool);
        out.push_back(std::move(change));
    }
    return {};
}

void markUndone(std::vector<PoolChange>& changes)
{
    std::set<std::int64_t> revisions;
    std::set<std::int64_t> entries;
    for (const auto& change : changes) { // newest first: an undo comes before what it undid
        if (change.undoes != 0) {
            (change.revision != 0 ? revisions : entries).insert(change.undoes);
        }
    }
    for (auto& change : changes) {
        change.undone = change.revision != 0 ? revisions.contains(change.revision)
                                             : entries.contains(change.entry);
    }
}

/// Puts back what `from` → `to` altered and leaves what has changed since otherwise.
void putBack(const ledger::Pool& from, const ledger::Pool& to, ledger::Pool& pool)
{
    const auto back = [&](auto member) {
        if (from.*member != to.*member) {
            pool.*member = from.*member;
        }
    };
    back(&ledger::Pool::name);
    back(&ledger::Pool::window);
    back(&ledger::Pool::cap);
    back(&ledger::Pool::hard);
    back(&ledger::Pool::reservePercent);
    back(&ledger::Pool::zone);
    back(&ledger::Pool::fiscalStartDay);
    back(&ledger::Pool::frozen);
    back(&ledger::Pool::archived);
}

bool asked(const activity::Decision& decision, HoldId hold)
{
    return std::any_of(decision.attempts.begin(), decision.attempts.end(),
        [hold](const activity::Attempt& attempt) { return attempt.hold == hold; });
}

/// By the decision's own id where the ledger's request id ends in it, else by looking through what
/// was decided shortly before the hold was made.
std::optional<activity::Decision> decisionOf(
    const activity::ActivityLog& log, const ledger::HoldStory& hold)
{
    const auto colon = hold.requestId.find(':');
    const auto text
        = colon == std::string::npos ? hold.requestId : hold.requestId.substr(colon + 1);
    if (const auto id = activity::decisionIdFromText(text); id && text.starts_with('d')) {
        if (auto found = log.decision(*id)) {
            return std::move(*found);
        }
    }
    activity::PageQuery query;
    query.filter.fromUs = hold.atUs - decisionSearchUs;
    query.filter.toUs = hold.atUs + 1;
    query.limit = decisionSearchRows;
    const auto page = log.page(query);
    if (!page) {
        return std::nullopt;
    }
    for (const auto& row : page->rows) {
        if (asked(row, hold.hold)) {
            auto found = log.decision(row.id);
            return found ? std::optional(std::move(*found)) : std::nullopt;
        }
    }
    return std::nullopt;
}

/// Clients name requests in their own words, which only the activity log knows.
Result<std::vector<ledger::HoldStory>> holdsOf(
    const std::string& path, const activity::ActivityLog& log, const std::string& text)
{
    auto holds = ledger::explainHold(path, text);
    if (holds || holds.error().code != ErrorCode::NotFound) {
        return holds;
    }
    activity::PageQuery query;
    query.filter.equals = {{"request_id", text}};
    query.limit = 20;
    const auto page = log.page(query);
    std::vector<ledger::HoldStory> found;
    for (const auto& row : page ? page->rows : std::vector<activity::Decision>()) {
        for (const auto& attempt : row.attempts) {
            auto one = ledger::explainHold(path, std::to_string(attempt.hold.value));
            if (one) {
                found.insert(found.end(), one->begin(), one->end());
            }
        }
    }
    if (found.empty()) {
        return holds;
    }
    return found;
}

Result<std::vector<HoldTale>> talesOf(
    const std::string& path, activity::ActivityLog& log, const std::string& text)
{
    log.flush();
    auto holds = holdsOf(path, log, text);
    if (!holds) {
        return holds.error();
    }
    std::vector<HoldTale> tales;
    for (auto& hold : *holds) {
        auto decision = decisionOf(log, hold);
        tales.push_back({std::move(hold), std::move(decision)});
    }
    return tales;
}

} // namespace

Result<void> Service::Impl::revisionHistory(
    std::optional<PoolId> pool, int limit, std::vector<PoolChange>& out)
{
    const std::lock_guard commands(commandMutex);
    return store->eachPoolRevision([&](const ConfigStore::PoolRevision& one) -> Result<bool> {
        if (auto done = addChanges(one, pool, out); !done) {
            return done.error();
        }
        return static_cast<int>(out.size()) < limit;
    });
}

Result<std::vector<PoolChange>> Service::Impl::history(std::optional<PoolId> pool, int limit)
{
    std::vector<PoolChange> changes;
    if (auto done = revisionHistory(pool, limit, changes); !done) {
        return done.error();
    }
    const auto moves = ledger::moneyMoves(paths.ledger, pool, limit);
    if (!moves) {
        return moves.error();
    }
    const auto now = current();
    for (const auto& move : *moves) {
        changes.push_back(changeOf(move, now->pools));
    }
    std::stable_sort(changes.begin(), changes.end(),
        [](const PoolChange& a, const PoolChange& b) { return a.atUs > b.atUs; });
    markUndone(changes);
    if (changes.size() > static_cast<std::size_t>(limit)) {
        changes.resize(static_cast<std::size_t>(limit));
    }
    return changes;
}

Result<void> Service::Impl::undoRevision(const PoolChange& undone, const std::string& actor)
{
    const auto before = store->load(undone.revision - 1);
    const auto after = store->load(undone.revision);
    if (!before || !after) {
        return !before ? before.error() : after.error();
    }
    return change(actor, [&](Config& next) -> Result<std::string> {
        for (const auto& to : after->pools) {
            const auto from = findPool(before->pools, to.id);
            const auto pool = findPool(next.pools, to.id);
            if (pool == next.pools.end() || (from != before->pools.end() && *from == to)) {
                continue;
            }
            if (from == before->pools.end()) {
                pool->archived = true; // its history is in the ledger
            } else {
                putBack(*from, to, *pool);
            }
            if (auto fine = checkPool(next, *pool); !fine) {
                return fine.error();
            }
        }
        return fmt::format("{}{} ({})", undoRevisionMark, undone.revision, after->summary);
    });
}

Result<void> Service::Impl::undoMoney(const PoolChange& undone, const std::string& actor)
{
    const auto moves = ledger::moneyMoves(paths.ledger, undone.pool, undoLookBack);
    if (!moves) {
        return moves.error();
    }
    const auto move = std::find_if(moves->begin(), moves->end(),
        [&](const auto& one) { return one.entry.sequence == undone.entry; });
    if (move == moves->end()) {
        return Error(ErrorCode::NotFound,
            fmt::format("There is no entry #{} that was made by hand.", undone.entry),
            "`headgate pools history` lists them.");
    }
    const auto& entry = move->entry;
    MoneyOrder order;
    order.pool = undone.pool;
    order.value = undone.account;
    order.reason = fmt::format("{}{} ({}{}{})", undoEntryMark, entry.sequence,
        moneyWhat(entry.kind), entry.reason.empty() ? "" : ": ", entry.reason.substr(0, 800));
    if (entry.kind == ledger::EntryKind::TopUp) {
        order.kind = MoneyOrder::Kind::TopUp;
        order.amount = Money().minusSaturated(entry.toppedUpDelta);
    } else if (entry.kind == ledger::EntryKind::Adjust) {
        order.kind = MoneyOrder::Kind::Adjust;
        order.amount = Money().minusSaturated(entry.settledDelta);
    } else {
        return Error(ErrorCode::Unsupported,
            "An account that an overrun froze cannot be frozen again by hand.",
            "Freeze the pool instead.");
    }
    const auto open = openedLedger();
    if (!open) {
        return open.error();
    }
    for (const auto& state : (*open)->poolStates()) {
        const auto isSame
            = [&](const auto& account) { return account.key == entry.accounts.front(); };
        if (state.pool.id == undone.pool
            && std::none_of(state.accounts.begin(), state.accounts.end(), isSame)) {
            return Error(ErrorCode::Refused,
                fmt::format("The window of entry #{} has ended: its numbers count no more.",
                    entry.sequence),
                "Nothing needs to be taken back; adjust the present window if it is wrong.");
        }
    }
    const auto booked = bookMoney(order, actor);
    return booked ? Result<void>() : Result<void>(booked.error());
}

Result<PoolChange> Service::undoPoolChange(const std::string& actor)
{
    auto changes = m_impl->history(std::nullopt, undoLookBack);
    if (!changes) {
        return changes.error();
    }
    const auto last = std::find_if(changes->begin(), changes->end(), [](const PoolChange& change) {
        return change.undoes == 0 && !change.undone && change.actor != "setup";
    });
    if (last == changes->end()) {
        return Error(ErrorCode::NotFound, "There is no change of a pool left to undo.",
            "`headgate pools history` shows all of them.");
    }
    const std::lock_guard commands(m_impl->commandMutex);
    auto done = last->revision != 0 ? m_impl->undoRevision(*last, actor)
                                    : m_impl->undoMoney(*last, actor);
    if (!done) {
        return done.error();
    }
    return *last;
}

Result<void> Service::undoMoneyMove(std::int64_t entry, const std::string& actor)
{
    const auto moves = ledger::moneyMoves(m_impl->paths.ledger, std::nullopt, undoLookBack);
    if (!moves) {
        return moves.error();
    }
    PoolChange undone;
    undone.entry = entry;
    const auto now = m_impl->current();
    for (const auto& move : *moves) {
        if (move.entry.sequence == entry) {
            undone = changeOf(move, now->pools);
        }
    }
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->undoMoney(undone, actor);
}

std::optional<ledger::Balance> Service::liveBalance(
    PoolId pool, const ledger::AccountKey& key) const
{
    for (const auto& state : poolStates()) {
        for (const auto& account : state.accounts) {
            if (state.pool.id == pool && account.key == key) {
                return account.balance;
            }
        }
    }
    return std::nullopt;
}

// --- queries on the reports thread

void Service::poolHistory(std::optional<PoolId> pool, int limit,
    const std::function<void(Result<std::vector<PoolChange>>)>& done)
{
    const bool queued
        = m_impl->reports.add({}, [this, pool, limit, done](const Worker::StillWanted& wanted) {
              auto result = m_impl->history(pool, limit);
              if (wanted()) {
                  done(std::move(result));
              }
          });
    if (!queued) {
        done(tooBusyNow());
    }
}

void Service::explainHold(const std::string& holdOrRequest,
    const std::function<void(Result<std::vector<HoldTale>>)>& done)
{
    const bool queued
        = m_impl->reports.add({}, [this, holdOrRequest, done](const Worker::StillWanted& wanted) {
              auto result = talesOf(m_impl->paths.ledger, *m_impl->activityLog, holdOrRequest);
              if (wanted()) {
                  done(std::move(result));
              }
          });
    if (!queued) {
        done(tooBusyNow());
    }
}

void Service::explainAccount(PoolId pool, const std::string& value,
    const std::function<void(Result<ledger::AccountStory>)>& done)
{
    const auto config = m_impl->current();
    const auto found = findPool(config->pools, pool);
    if (found == config->pools.end()) {
        done(Error(ErrorCode::NotFound, "There is no such pool.",
            "`headgate pools list` shows the names."));
        return;
    }
    const bool queued = m_impl->reports.add(
        {}, [this, asked = *found, value, done](const Worker::StillWanted& wanted) {
            auto result = ledger::explainAccount(m_impl->paths.ledger, asked, value);
            if (wanted()) {
                done(std::move(result));
            }
        });
    if (!queued) {
        done(tooBusyNow());
    }
}

void Service::burnDown(const std::string& slot, PoolId pool, const std::string& value,
    const std::function<void(Result<BurnDown>)>& done)
{
    const auto config = m_impl->current();
    const auto found = findPool(config->pools, pool);
    if (found == config->pools.end()) {
        done(Error(ErrorCode::NotFound, "There is no such pool."));
        return;
    }
    const bool queued = m_impl->reports.add(
        slot, [this, asked = *found, value, done](const Worker::StillWanted& wanted) {
            const TimeUs nowUs = m_impl->clock.nowUs();
            auto curve
                = ledger::accountCurve(m_impl->paths.ledger, asked, value, curveSpan(asked, nowUs));
            if (!wanted()) {
                return;
            }
            if (!curve) {
                done(curve.error());
                return;
            }
            const bool falls = asked.window.kind == ledger::WindowKind::Sliding
                || asked.window.kind == ledger::WindowKind::Bucket;
            const auto live = falls ? liveBalance(asked.id, curve->key) : std::nullopt;
            if (live && live->settled < curve->now.settled) {
                curve->points.push_back({nowUs, live->settled, live->held, live->toppedUp,
                    live->settled.minusSaturated(curve->now.settled)});
                curve->now = *live;
            }
            done(burnDownOf(asked, std::move(*curve), nowUs));
        });
    if (!queued) {
        done(tooBusyNow());
    }
}

void Service::recentSpends(const std::function<void(Result<ledger::RecentSpends>)>& done)
{
    const bool queued = m_impl->reports.add({}, [this, done](const Worker::StillWanted& wanted) {
        auto result
            = ledger::recentSpends(m_impl->paths.ledger, m_impl->clock.nowUs() - 15 * usPerMinute);
        if (wanted()) {
            done(std::move(result));
        }
    });
    if (!queued) {
        done(tooBusyNow());
    }
}

} // namespace headgate::service
