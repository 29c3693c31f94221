// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/auditor.h"

#include "core/ledger/sqlite_store.h"
#include "tests/sim/audit_windows.h"
#include "tests/sim/disk.h"
#include "tests/sim/prompts.h"

#include <algorithm>

namespace headgate::sim {

using ledger::EntryKind;
using ledger::Pool;
using ledger::ScopeKind;
using ledger::WindowKind;

struct Auditor::Line {
    std::int64_t sequence = 0;
    TimeUs atUs = 0;
    EntryKind kind = EntryKind::Hold;
    bool isCarry = false;
    bool isExpiry = false; ///< a hold that nobody ended in time
    std::int64_t hold = 0;
    std::int64_t set = 0;
    std::int64_t held = 0;
    std::int64_t settled = 0;
    std::int64_t toppedUp = 0;
};

namespace {

bool isPerOperation(const Pool& pool)
{
    return pool.scope.kind == ScopeKind::Request || pool.window.kind == WindowKind::Request;
}

/// Balances of these are plain: what was spent in them stays until the window ends.
bool isPlain(const Pool& pool)
{
    return !isPerOperation(pool)
        && (pool.window.kind == WindowKind::Fixed || pool.window.kind == WindowKind::Lifetime);
}

/// Does the pool cover the call? Written from the description of scopes, not from the rules.
std::optional<std::string> coveredValue(
    const Pool& pool, const ledger::Identity& who, const ledger::Target& target)
{
    const std::string& wanted = pool.scope.value;
    const auto named = [&](const std::string& mine) -> std::optional<std::string> {
        if (pool.scope.each) {
            return mine;
        }
        return mine == wanted ? std::optional(wanted) : std::nullopt;
    };
    switch (pool.scope.kind) {
    case ScopeKind::Org:
    case ScopeKind::Request:
        return "";
    case ScopeKind::Team:
        return named(who.team);
    case ScopeKind::User:
        return named(who.user);
    case ScopeKind::Key:
        return named(who.key);
    case ScopeKind::Session:
        return named(who.session);
    case ScopeKind::Model:
        return named(target.model);
    case ScopeKind::Provider:
        return named(target.provider);
    case ScopeKind::Tag:
        return std::find(who.tags.begin(), who.tags.end(), wanted) != who.tags.end()
            ? std::optional(wanted)
            : std::nullopt;
    case ScopeKind::Tier:
        return target.tier >= std::stoi(wanted) ? std::optional(wanted) : std::nullopt;
    }
    return std::nullopt;
}

bool isSameWording(const Pool& a, const Pool& b)
{
    return a.scope == b.scope && a.window == b.window && a.zone == b.zone
        && a.fiscalStartDay == b.fiscalStartDay && a.hard == b.hard && a.archived == b.archived;
}

} // namespace

Auditor::Auditor(World& world, const Scenario& scenario, SimDisk& disk, std::string path)
    : m_world(world),
      m_scenario(scenario),
      m_disk(disk),
      m_path(std::move(path))
{
}

Auditor::~Auditor() = default;

void Auditor::fail(const std::string& invariant, const std::string& story)
{
    if (!m_broken) {
        m_broken = Broken{invariant, story};
        m_world.note("BROKEN {}: {}", invariant, story);
    }
}

// --- what clients and providers do

void Auditor::onClient(const std::shared_ptr<ClientRequest>& request)
{
    m_clients[request->number] = request;
}

void Auditor::onDecisionId(int client, DecisionId id)
{
    const auto& request = *m_clients[client];
    const std::string ledgerId = request.name.empty()
        ? fmt::format("{}:d{}", request.key->id, id.value)
        : fmt::format("{}:i:{}", request.key->id, request.name);
    m_ledgerIds[client] = ledgerId;
    m_clientByLedgerId.try_emplace(ledgerId, client);
}

void Auditor::onDecision(int client, const activity::Decision& decision)
{
    m_counts.refusals += decision.status == activity::Status::Refused ? 1 : 0;
    m_counts.served += decision.status == activity::Status::Ok ? 1 : 0;
    m_world.note("decision {} for request {}: {} {} {} cost {} {}", decision.id.value, client,
        activity::statusName(decision.status), decision.outcome, decision.model,
        decision.cost.toDecimal(), decision.error);
    if (decision.status == activity::Status::Refused && !m_billedAtFirstRefusal
        && !m_pools.empty()) {
        m_billedAtFirstRefusal = m_billedTotal;
        m_capAtFirstRefusal = m_pools.front().cap;
    }
    const std::string text = activity::decisionToJson(decision);
    if (text.find(promptCanary) != std::string::npos
        || text.find("hg-canary") != std::string::npos) {
        fail("I11", "A decision holds prompt text or a key: " + text);
    }
    const auto& models = m_scenario.models;
    const auto model = std::find_if(models.begin(), models.end(),
        [&](const catalog::Model& one) { return one.id() == decision.model; });
    if (decision.outcome != "downgrade" || decision.attempts.empty()) {
        return;
    }
    const auto& request = *m_clients[client];
    if (model == models.end() || (request.hasTools && !model->can.tools)) {
        fail("I10",
            fmt::format(
                "Request {} was downgraded to {}, which is not able.", client, decision.model));
    }
}

void Auditor::onBytesAtProvider(const ProviderCall& call)
{
    m_calls[call.number] = call;
    const auto client = m_clients.find(call.client);
    if (client == m_clients.end()) {
        fail("I3", fmt::format("Call {} comes from no client.", call.number));
        return;
    }
    const std::string& ledgerId = m_ledgerIds[call.client];
    const auto found = std::find_if(m_holds.begin(), m_holds.end(), [&](const auto& entry) {
        const Hold& hold = entry.second;
        return hold.requestId == ledgerId && hold.isDispatched && hold.endedUs == 0
            && hold.call == 0 && hold.model == call.model && hold.provider == call.provider;
    });
    if (found == m_holds.end()) {
        fail("I3",
            fmt::format("Bytes of request {} (ledger id {}) reached provider {} without a "
                        "committed hold.",
                call.client, ledgerId, call.provider));
        return;
    }
    found->second.call = call.number;
    m_holdByCall[call.number] = found->first;
    if (const std::string& name = client->second->name; !name.empty()) {
        auto& served = m_servedByName[fmt::format("{}:{}", client->second->key->id, name)];
        served.insert(call.client);
        if (served.size() > 1) {
            fail("I6",
                fmt::format("The request id {} was sent to a provider for {} requests.", name,
                    served.size()));
        }
    }
}

void Auditor::onBilled(const ProviderCall& call, Money growth)
{
    m_billedTotal = m_billedTotal.plusSaturated(growth);
    m_calls[call.number] = call;
    const auto found = m_holdByCall.find(call.number);
    if (found == m_holdByCall.end()) {
        return; // reported when the bytes arrived
    }
    Hold& hold = m_holds[found->second];
    hold.billed = hold.billed.plusSaturated(growth);
    const Money covered = hold.endedUs == 0 ? hold.amount : hold.charged;
    if (hold.billed > covered && !call.ignoresMax) {
        fail("I3",
            fmt::format("Provider {} billed {} for call {} of request {}, but hold {} {} {}.",
                call.provider, hold.billed.toDecimal(), call.number, call.client, hold.id,
                hold.endedUs == 0 ? "is" : "ended with", covered.toDecimal()));
    }
    // What a provider takes beyond the agreed ceiling is an overrun, not the cap's failure.
    const Money counted = call.ignoresMax ? std::min(hold.billed, hold.amount) : hold.billed;
    if (counted > hold.counted) {
        addBill(hold, counted.minusSaturated(hold.counted));
        hold.counted = counted;
    }
}

void Auditor::onProviderDone(const ProviderCall& call)
{
    m_calls[call.number] = call;
}

// --- the journal

bool Auditor::open()
{
    if (m_connection.isOpen()) {
        return true;
    }
    auto opened = sqlite::Connection::open({.path = m_path, .readOnly = true, .vfs = m_disk.vfs()});
    if (!opened) {
        fail("audit", "ledger.db cannot be read: " + opened.error().text());
        return false;
    }
    m_connection = std::move(*opened);
    const auto prepare = [&](sqlite::Statement& statement, const char* sql) {
        auto prepared = m_connection.prepare(sql);
        if (!prepared) {
            fail("audit", prepared.error().text());
            return;
        }
        statement = std::move(*prepared);
    };
    prepare(m_newLines,
        "SELECT seq, at_us, kind, carry, hold_id, set_id, held_delta, settled_delta, topped_delta, "
        "reason = 'never dispatched in time' FROM entry WHERE seq > ?1 ORDER BY seq");
    prepare(m_members, "SELECT account_id FROM account_set_member WHERE set_id = ?1 ORDER BY 1");
    prepare(m_account, "SELECT pool_id, value, window_start_us FROM account WHERE id = ?1");
    prepare(m_hold, "SELECT request_id, amount, provider, model FROM hold WHERE id = ?1");
    prepare(m_state, "SELECT state FROM hold WHERE id = ?1");
    prepare(m_poolRows,
        "SELECT id, name, scope, period, cap, hard, reserve_percent, zone, fiscal_start_day, "
        "frozen, "
        "archived FROM pool ORDER BY id");
    return !m_broken;
}

void Auditor::onCommit()
{
    ++m_counts.commits;
    m_disk.setExempt(true);
    if (open()) {
        auto snapshot = sqlite::Transaction::begin(m_connection, sqlite::Transaction::Mode::Read);
        readPools();
        readNewLines();
        checkBooksCoverBills();
    }
    m_disk.setExempt(false);
}

void Auditor::readPools()
{
    sqlite::Statement* statement = &m_poolRows;
    m_pools.clear();
    const TimeUs now = ledgerNow();
    for (auto row = statement->step(); row && *row; row = statement->step()) {
        Pool pool;
        pool.id = PoolId{statement->columnInt(0)};
        pool.name = statement->columnText(1);
        pool.scope = ledger::Scope::parse(statement->columnText(2)).value();
        pool.window = ledger::Window::parse(statement->columnText(3)).value();
        pool.cap = Money::fromNano(statement->columnInt(4));
        pool.hard = statement->columnInt(5) != 0;
        pool.reservePercent = static_cast<int>(statement->columnInt(6));
        pool.zone = statement->columnText(7);
        pool.fiscalStartDay = static_cast<int>(statement->columnInt(8));
        pool.frozen = statement->columnInt(9) != 0;
        pool.archived = statement->columnInt(10) != 0;
        m_pools.push_back(pool);
        auto& versions = m_versions[pool.id];
        if (!versions.empty() && versions.back().pool == pool) {
            continue;
        }
        const bool isNewEpoch = versions.empty() || !isSameWording(versions.back().pool, pool);
        if (!versions.empty()) {
            versions.back().toUs = now;
        }
        m_newestEpoch[pool.id] += isNewEpoch ? 1 : 0;
        versions.push_back({pool, m_newestEpoch[pool.id], now, 0});
    }
}

const Auditor::Version* Auditor::versionOf(PoolId pool) const
{
    const auto found = m_versions.find(pool);
    return found == m_versions.end() ? nullptr : &found->second.back();
}

void Auditor::readNewLines()
{
    m_newLines.bind(1, m_lastSequence);
    std::vector<Line> lines;
    for (auto row = m_newLines.step(); row && *row; row = m_newLines.step()) {
        Line line;
        line.sequence = m_newLines.columnInt(0);
        line.atUs = m_newLines.columnInt(1);
        line.kind = static_cast<EntryKind>(m_newLines.columnInt(2));
        line.isCarry = m_newLines.columnInt(3) != 0;
        line.hold = m_newLines.columnInt(4);
        line.set = m_newLines.columnInt(5);
        line.held = m_newLines.columnInt(6);
        line.settled = m_newLines.columnInt(7);
        line.toppedUp = m_newLines.columnInt(8);
        line.isExpiry = m_newLines.columnInt(9) != 0;
        lines.push_back(line);
    }
    for (const Line& line : lines) {
        apply(line);
    }
}

void Auditor::apply(const Line& line)
{
    if (line.sequence <= m_lastSequence || line.atUs <= m_lastAtUs) {
        fail("I7",
            fmt::format("Journal line {} is at {}, the line before at {}.", line.sequence,
                line.atUs, m_lastAtUs));
    }
    m_lastSequence = line.sequence;
    m_lastAtUs = line.atUs;
    m_world.note("journal {} at {} {} hold {} set {} held {} settled {} topped {}", line.sequence,
        line.atUs, ledger::entryKindName(line.kind), line.hold, line.set, line.held, line.settled,
        line.toppedUp);
    applyToAccounts(line);
    switch (line.kind) {
    case EntryKind::Hold:
        applyHold(line);
        break;
    case EntryKind::Dispatch:
        m_holds[line.hold].isDispatched = true;
        break;
    case EntryKind::Settle:
    case EntryKind::Estimate:
    case EntryKind::Unknown:
    case EntryKind::Release:
        applyEnd(line);
        break;
    default:
        break;
    }
}

std::vector<std::int64_t> Auditor::accountsOf(std::int64_t set)
{
    if (set == 0) {
        return {};
    }
    auto [place, isNew] = m_sets.try_emplace(set);
    if (isNew) {
        m_members.bind(1, set);
        for (auto row = m_members.step(); row && *row; row = m_members.step()) {
            place->second.push_back(m_members.columnInt(0));
        }
    }
    return place->second;
}

Auditor::Account* Auditor::account(std::int64_t id)
{
    auto [place, isNew] = m_accounts.try_emplace(id);
    if (isNew) {
        m_account.bind(1, id);
        const auto row = m_account.step();
        if (!row || !*row) {
            fail("I5", fmt::format("Account {} is in a set, but not in the table.", id));
            return &place->second;
        }
        place->second.id = id;
        place->second.pool = PoolId{m_account.columnInt(0)};
        place->second.value = m_account.columnText(1);
        place->second.windowStartUs = m_account.columnInt(2);
        m_account.reset();
    }
    return &place->second;
}

/// A bucket never takes back more than its rate gives in the time since the last time it did.
void Auditor::checkRefill(Account& one, const Line& line)
{
    const Version* version = versionOf(one.pool);
    if (line.kind == ledger::EntryKind::Refill && one.refilledUs != 0 && version->epoch == 1) {
        __extension__ typedef __int128 Wide;
        const Wide most = static_cast<Wide>(line.atUs - one.refilledUs + usPerMs)
            * version->pool.window.bucketRefillPerHour.nano();
        if (static_cast<Wide>(-line.settled) * usPerHour > most) {
            fail("I1",
                fmt::format("Pool {} ({}) takes back {} nano-dollars after {} us.",
                    version->pool.name, version->pool.window.text(), -line.settled,
                    line.atUs - one.refilledUs));
        }
    }
    if (line.kind == ledger::EntryKind::Refill || one.refilledUs == 0) {
        one.refilledUs = line.atUs;
    }
}

void Auditor::applyToAccounts(const Line& line)
{
    const bool isEdit = line.kind == EntryKind::Adjust || line.kind == EntryKind::TopUp;
    for (const std::int64_t id : accountsOf(line.set)) {
        Account& one = *account(id);
        checkRefill(one, line);
        one.held = Money::fromNano(one.held.nano() + line.held);
        one.settled = Money::fromNano(one.settled.nano() + line.settled);
        one.toppedUp = Money::fromNano(one.toppedUp.nano() + line.toppedUp);
        one.mayExceed = one.mayExceed || isEdit;
        if (one.held < Money() || one.settled < Money()) {
            fail("I5",
                fmt::format("Journal line {} brings account {} below zero.", line.sequence, id));
        }
        const bool isGift = line.toppedUp > 0 || (line.settled < 0 && line.hold == 0);
        if (isGift && !line.isCarry) {
            const Money refund = Money::fromNano(-std::min<std::int64_t>(line.settled, 0));
            m_gifts[one.pool].push_back(
                {line.atUs, refund.plusSaturated(Money::fromNano(line.toppedUp)), one.value});
            m_refunds[one.pool] = m_refunds[one.pool].plusSaturated(refund);
        }
    }
}

void Auditor::readHold(Hold& hold)
{
    m_hold.bind(1, hold.id);
    const auto row = m_hold.step();
    if (!row || !*row) {
        fail("I5", fmt::format("Hold {} is in the journal, but not in the table.", hold.id));
        return;
    }
    hold.requestId = m_hold.columnText(0);
    hold.amount = Money::fromNano(m_hold.columnInt(1));
    hold.provider = m_hold.columnText(2);
    hold.model = m_hold.columnText(3);
    m_hold.reset();
}

std::vector<Auditor::Cover> Auditor::coversOf(const Hold& hold) const
{
    std::vector<Cover> covers;
    const auto client = m_clients.find(hold.client);
    const auto& models = m_scenario.models;
    const auto model = std::find_if(models.begin(), models.end(), [&](const catalog::Model& one) {
        return one.provider == hold.provider && one.name == hold.model;
    });
    if (client == m_clients.end() || model == models.end()) {
        return covers;
    }
    const ledger::Target target{hold.provider, hold.model, model->tier};
    for (const Pool& pool : m_pools) {
        const auto value = coveredValue(pool, client->second->identity, target);
        if (!pool.archived && value) {
            covers.push_back({pool.id, versionOf(pool.id)->epoch, *value, pool.hard});
        }
    }
    return covers;
}

void Auditor::applyHold(const Line& line)
{
    ++m_counts.holds;
    if (m_holds.contains(line.hold)) {
        fail("I4", fmt::format("Hold {} begins twice.", line.hold));
    }
    Hold& hold = m_holds[line.hold];
    hold.id = line.hold;
    hold.atUs = line.atUs;
    readHold(hold);
    const auto client = m_clientByLedgerId.find(hold.requestId);
    if (client == m_clientByLedgerId.end()) {
        fail("I3",
            fmt::format("Hold {} is for {}, whom nobody asked for.", hold.id, hold.requestId));
        return;
    }
    hold.client = client->second;
    hold.covers = coversOf(hold);
    if (line.held != hold.amount.nano()) {
        fail("I5",
            fmt::format(
                "Hold {} is of {}, its line of {}.", hold.id, hold.amount.nano(), line.held));
    }
    checkGrant(line, hold);
    // Asked with a connection in hand: there is no line of its own for the dispatch.
    m_state.bind(1, hold.id);
    const auto row = m_state.step();
    hold.isDispatched = row && *row && m_state.columnInt(0) != 0;
    m_state.reset();
}

/// I1 and I9 at the moment of the grant; every pool that covers the call has an account in it.
void Auditor::checkGrant(const Line& line, const Hold& hold)
{
    std::set<PoolId> charged;
    const auto priority = m_clients[hold.client]->identity.priority;
    for (const std::int64_t id : accountsOf(line.set)) {
        const Account& one = *account(id);
        charged.insert(one.pool);
        const Version* version = versionOf(one.pool);
        if (version != nullptr && version->pool.hard) {
            checkGrantAgainstBills(one, version->pool, hold);
        }
        if (version == nullptr || !version->pool.hard || !isPlain(version->pool)) {
            continue;
        }
        const Pool& pool = version->pool;
        const Money limit = pool.cap.plusSaturated(one.toppedUp);
        const Money used = one.settled.plusSaturated(one.held);
        if (used > limit) {
            fail("I1",
                fmt::format("Hold {} brings account {} of {} to {} of {}.", hold.id, id, pool.name,
                    used.toDecimal(), limit.toDecimal()));
        }
        __extension__ typedef __int128 Wide;
        const bool isEaten = static_cast<Wide>(used.nano()) * 100
            > static_cast<Wide>(limit.nano()) * (100 - pool.reservePercent);
        if (priority != ledger::Priority::High && isEaten) {
            fail("I9",
                fmt::format("Hold {} eats into the reserve of {}: {} of {}, {} % reserved.",
                    hold.id, pool.name, used.toDecimal(), limit.toDecimal(), pool.reservePercent));
        }
        TimeUs& newest
            = m_newestWindow[{one.pool, fmt::format("{}#{}", one.value, version->epoch)}];
        if (one.windowStartUs < newest) {
            fail("I7",
                fmt::format("Hold {} opens window {} of {} again after {}.", hold.id,
                    one.windowStartUs, pool.name, newest));
        }
        newest = one.windowStartUs;
    }
    for (const Cover& cover : hold.covers) {
        if (!charged.contains(cover.pool)) {
            const Pool& pool = versionOf(cover.pool)->pool;
            std::string others;
            for (const PoolId other : charged) {
                others += fmt::format(" {}", other.value);
            }
            fail("I2",
                fmt::format(
                    "Hold {} of request {} ({}/{}) is charged to pools{}, but not to {} ({} "
                    "{}{}).",
                    hold.id, hold.client, hold.provider, hold.model, others, cover.pool.value,
                    pool.scope.text(), pool.window.text(), pool.hard ? "" : ", watch"));
        }
    }
}

void Auditor::applyEnd(const Line& line)
{
    Hold& hold = m_holds[line.hold];
    if (hold.endedUs != 0) {
        fail(
            "I4", fmt::format("Hold {} ends a second time, in line {}.", line.hold, line.sequence));
    }
    hold.endedUs = line.atUs;
    hold.charged = Money::fromNano(line.settled);
    hold.isReleased = line.kind == EntryKind::Release;
    if (line.held != -hold.amount.nano()) {
        fail("I4",
            fmt::format("Hold {} of {} gives {} back.", hold.id, hold.amount.nano(), -line.held));
    }
    if (hold.charged > hold.amount) {
        ++m_counts.overruns;
        for (const std::int64_t id : accountsOf(line.set)) {
            account(id)->mayExceed = true;
        }
    }
    const auto call = m_calls.find(hold.call);
    const bool wasSent = call != m_calls.end();
    if (hold.isReleased && wasSent) {
        fail("I3",
            fmt::format("Hold {} was released although its bytes reached a provider.", hold.id));
    }
    if (line.isExpiry) {
        fail("I8",
            fmt::format(
                "Hold {} of request {} outlived it: only time ended it.", hold.id, hold.client));
    }
    // Usage that is known is booked as it is, also above the hold.
    const bool isKnown = line.kind == EntryKind::Settle;
    if (wasSent && hold.billed > hold.charged && (isKnown || !call->second.ignoresMax)) {
        fail("I3",
            fmt::format("Hold {} of request {} ended {} with {}, but {} was billed.", hold.id,
                hold.client, ledger::entryKindName(line.kind), hold.charged.toDecimal(),
                hold.billed.toDecimal()));
    }
}

// --- processes

void Auditor::hostStarted(const ledger::LedgerEngine& engine)
{
    const std::int64_t known = m_lastSequence;
    onCommit();
    m_disk.setExempt(true);
    const auto last = m_connection.queryInt("SELECT coalesce(max(seq), 0) FROM entry");
    m_disk.setExempt(false);
    if (!last || *last < known) {
        fail("I5",
            fmt::format("Journal line {} was there before the restart, now {} is the last.", known,
                last ? *last : -1));
    }
    compareBalances();
    compareWhole();
    if (engine.books().openHoldCount() != 0) {
        fail("I4", fmt::format("{} holds are open after a start.", engine.books().openHoldCount()));
    }
}

void Auditor::hostEnded()
{
    m_disk.setExempt(true);
    m_newLines = {};
    m_members = {};
    m_account = {};
    m_hold = {};
    m_state = {};
    m_poolRows = {};
    m_connection.close();
    m_disk.setExempt(false);
}

/// The sums of the auditor's own reading against the table.
void Auditor::compareBalances()
{
    m_disk.setExempt(true);
    auto statement = m_connection.prepare("SELECT id, settled, held, topped_up FROM account");
    if (statement) {
        for (auto row = statement->step(); row && *row; row = statement->step()) {
            const auto known = m_accounts.find(statement->columnInt(0));
            const Account mine = known == m_accounts.end() ? Account() : known->second;
            const bool isSame = mine.settled.nano() == statement->columnInt(1)
                && mine.held.nano() == statement->columnInt(2)
                && mine.toppedUp.nano() == statement->columnInt(3);
            if (!isSame) {
                fail("I5",
                    fmt::format("Account {} has settled {} held {}, its lines sum up to {} "
                                "and {}.",
                        statement->columnInt(0), statement->columnInt(1), statement->columnInt(2),
                        mine.settled.nano(), mine.held.nano()));
            }
        }
    }
    m_disk.setExempt(false);
}

/// What `headgate ledger verify` says.
void Auditor::compareWhole()
{
    m_disk.setExempt(true);
    const auto report = ledger::verifyConnection(m_connection);
    m_disk.setExempt(false);
    if (!report) {
        fail("I5", report.error().text());
    } else if (!report->ok) {
        fail("I5", report->differences.front());
    }
}

// --- the end

void Auditor::checkQuiet(const ledger::LedgerEngine& engine)
{
    if (!engine.books().heldTotal().isZero() || engine.books().openHoldCount() != 0) {
        fail("I8",
            fmt::format("{} are still held by {} holds when everything has ended.",
                engine.books().heldTotal().toDecimal(), engine.books().openHoldCount()));
    }
    for (const auto& [id, hold] : m_holds) {
        if (hold.endedUs == 0) {
            fail("I4", fmt::format("Hold {} of request {} never ended.", id, hold.client));
        }
    }
    compareBalances();
    compareWhole();
}

void Auditor::checkProbe(const ClientRequest& request)
{
    if (request.status != 200) {
        fail("I8",
            fmt::format("Faults have stopped and there is money, but request {} of key {} got "
                        "{}: {}",
                request.number, request.key->name, request.status, request.body));
    }
}

void Auditor::checkAtRest()
{
    for (const std::string& file : m_disk.files()) {
        const auto bytes = m_disk.readFile(file);
        const bool leaks = bytes
            && (bytes->find(promptCanary) != std::string::npos
                || bytes->find("hg-canary") != std::string::npos);
        if (leaks) {
            fail("I11", file + " holds prompt text or a key.");
        }
    }
}

void Auditor::checkUtilisation()
{
    if (!m_billedAtFirstRefusal) {
        return;
    }
    __extension__ typedef __int128 Wide;
    const bool isUsed = static_cast<Wide>(m_billedAtFirstRefusal->nano()) * 100
        >= static_cast<Wide>(m_capAtFirstRefusal->nano()) * 97;
    if (!isUsed) {
        fail("I13",
            fmt::format("The first refusal came after {} of {}.",
                m_billedAtFirstRefusal->toDecimal(), m_capAtFirstRefusal->toDecimal()));
    }
}

} // namespace headgate::sim
