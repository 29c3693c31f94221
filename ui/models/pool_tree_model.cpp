// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/models/pool_tree_model.h"

#include "core/service/burn_down.h"
#include "ui/models/cells.h"

#include <QDateTime>

namespace headgate::ui {

namespace {

std::vector<Column> poolColumns()
{
    using M = PoolTreeModel;
    return {{M::tr("Pool")}, {M::tr("Covers")}, {M::tr("Window")}, {M::tr("Kind")},
        {M::tr("Use of the cap"), M::tr("Solid: spent. Hatched: held by requests in flight.")},
        {M::tr("Spent"), {}, true}, {M::tr("Held"), {}, true},
        {M::tr("Cap"), M::tr("Edit with F2 or a double click."), true}, {M::tr("Left"), {}, true},
        {M::tr("Resets")},
        {M::tr("Lasts until"), M::tr("When the money is gone if it is spent as it is now.")},
        {M::tr("State")}};
}

Money capOf(const ledger::Pool& pool, const ledger::Balance& balance)
{
    return pool.cap.plusSaturated(balance.toppedUp);
}

Money leftOf(const ledger::Pool& pool, const ledger::Balance& balance)
{
    return capOf(pool, balance).minusSaturated(balance.settled).minusSaturated(balance.held);
}

Cell barCell(Money settled, Money held, Money cap, int reservePercent)
{
    Cell cell;
    const auto used = settled.plusSaturated(held);
    // Per mille, so that sorting by fullness needs no floating point.
    const auto permille = cap.nano() > 0
        ? mulDivUp(std::max<std::int64_t>(used.nano(), 0), 1000, cap.nano())
        : Result<std::int64_t>(used.nano() > 0 ? 1000 : 0);
    cell.sort = qlonglong(permille ? *permille : 1000);
    cell.text = PoolTreeModel::tr("%1 %").arg(cell.sort.toLongLong() / 10);
    cell.tooltip = PoolTreeModel::tr("%1 spent and %2 held of %3")
                       .arg(exactMoneyText(settled), exactMoneyText(held), exactMoneyText(cap));
    if (reservePercent > 0) {
        cell.tooltip
            += PoolTreeModel::tr("\nThe last %1 % are kept for priority high.").arg(reservePercent);
    }
    cell.roles = {{SettledRole, qlonglong(settled.nano())}, {HeldRole, qlonglong(held.nano())},
        {CapRole, qlonglong(cap.nano())}, {ReserveRole, reservePercent}};
    return cell;
}

Cell stateCell(const ledger::Pool& pool, const PoolNumbers& numbers)
{
    if (pool.archived) {
        return chipCell(PoolTreeModel::tr("Archived"), Chip::Tone::Neutral,
            PoolTreeModel::tr("Kept for its history; matches no request."));
    }
    if (pool.frozen) {
        return chipCell(PoolTreeModel::tr("Frozen"), Chip::Tone::Danger,
            PoolTreeModel::tr("Refuses every request until it is unfrozen."));
    }
    if (numbers.overrunFrozen) {
        return chipCell(PoolTreeModel::tr("Overrun"), Chip::Tone::Danger,
            PoolTreeModel::tr(
                "A provider charged more than was held; frozen until you unfreeze it."));
    }
    if (!numbers.left) {
        return chipCell(PoolTreeModel::tr("Ready"), Chip::Tone::Ok);
    }
    if (numbers.left->nano() <= 0) {
        return chipCell(PoolTreeModel::tr("Empty"),
            pool.hard ? Chip::Tone::Danger : Chip::Tone::Warning,
            pool.hard
                ? PoolTreeModel::tr("Requests are refused until it resets or the cap is raised.")
                : PoolTreeModel::tr("Watch only: requests still pass."));
    }
    if (numbers.left->nano() < numbers.cap.nano() / 10) {
        return chipCell(PoolTreeModel::tr("Nearly empty"), Chip::Tone::Warning,
            PoolTreeModel::tr("Less than a tenth is left."));
    }
    if (!pool.hard) {
        return chipCell(PoolTreeModel::tr("Watching"), Chip::Tone::Neutral,
            PoolTreeModel::tr("Counts, never refuses."));
    }
    return chipCell(PoolTreeModel::tr("Open"), Chip::Tone::Ok);
}

Cell capCell(const ledger::Pool& pool, Money toppedUp)
{
    auto cell = moneyCell(pool.cap);
    cell.edit = qlonglong(pool.cap.nano());
    cell.editable = !pool.archived;
    if (!toppedUp.isZero()) {
        cell.text += PoolTreeModel::tr(" + %1").arg(moneyText(toppedUp));
        cell.tooltip += PoolTreeModel::tr("\nand %1 topped up").arg(exactMoneyText(toppedUp));
    }
    return cell;
}

Cell resetCell(const ledger::Pool& pool, const std::optional<TimeUs>& resetsAtUs, TimeUs nowUs)
{
    auto cell = textCell(resetWords(pool.window, resetsAtUs, nowUs));
    cell.sort = qlonglong(resetsAtUs.value_or(INT64_MAX));
    if (resetsAtUs) {
        cell.tooltip = toQt(formatInZone(*resetsAtUs, pool.zone)) + QLatin1Char('\n')
            + timeTooltip(*resetsAtUs);
    }
    return cell;
}

/// What time it is, and what was spent lately.
struct Now {
    TimeUs atUs;
    const ledger::RecentSpends& recent;
};

/// The tooltip is the sentence that the detail pane shows.
Cell lastsCell(const ledger::Pool& pool, const ledger::AccountView* account, const Now& now)
{
    auto cell = textCell(QStringLiteral("–"));
    cell.muted = true;
    cell.sort = qlonglong(INT64_MAX);
    if (account == nullptr || ledger::isPerRequest(pool)) {
        return cell;
    }
    const auto gone = service::lastsUntil(pool, *account, now.recent, now.atUs);
    if (!gone) {
        const bool fixed = pool.window.kind == ledger::WindowKind::Fixed;
        cell.tooltip = fixed ? PoolTreeModel::tr("lasts to the end of the window")
                             : PoolTreeModel::tr("lasts");
        const auto& balance = account->balance;
        if (balance.settled.plusSaturated(balance.held)
            >= pool.cap.plusSaturated(balance.toppedUp)) {
            cell.tooltip = PoolTreeModel::tr("nothing is left");
        } else if (fixed) {
            cell.text = PoolTreeModel::tr("the end");
        }
        return cell;
    }
    const auto time = QDateTime::fromMSecsSinceEpoch(*gone / usPerMs);
    const bool today = time.date() == QDateTime::fromMSecsSinceEpoch(now.atUs / usPerMs).date();
    const bool near = *gone - now.atUs < 300 * usPerDay;
    cell.text = time.toString(today ? QStringLiteral("HH:mm")
            : near                  ? QStringLiteral("d MMM HH:mm")
                                    : QStringLiteral("MMM yyyy"));
    cell.muted = false;
    cell.sort = qlonglong(*gone);
    cell.tooltip = PoolTreeModel::tr("gone in %1, at %2")
                       .arg(untilText(qint64(*gone - now.atUs)), cell.text);
    return cell;
}

SnapshotRow accountRow(const ledger::Pool& pool, const ledger::AccountView& account, const Now& now)
{
    const TimeUs nowUs = now.atUs;
    SnapshotRow row;
    row.id = toQt(account.key.value);
    row.cells.resize(PoolTreeModel::Columns);
    auto at = [&](int column) -> Cell& { return row.cells[std::size_t(column)]; };
    const auto cap = capOf(pool, account.balance);
    at(PoolTreeModel::Name) = safeCell(account.key.value);
    at(PoolTreeModel::Bar)
        = barCell(account.balance.settled, account.balance.held, cap, pool.reservePercent);
    at(PoolTreeModel::Used) = moneyCell(account.balance.settled);
    at(PoolTreeModel::Held) = moneyCell(account.balance.held);
    at(PoolTreeModel::Cap) = moneyCell(cap);
    at(PoolTreeModel::Cap).muted = true;
    const auto left = leftOf(pool, account.balance);
    at(PoolTreeModel::Left) = moneyCell(left);
    at(PoolTreeModel::Resets) = resetCell(pool, account.resetsAtUs, nowUs);
    at(PoolTreeModel::Lasts) = lastsCell(pool, &account, now);
    at(PoolTreeModel::State) = stateCell(pool, accountNumbers(pool, account));
    return row;
}

SnapshotRow moreRow(std::int64_t more)
{
    SnapshotRow row;
    // No scope value holds a NUL, so this id meets none of theirs.
    row.id = QString(QChar(u'\0')) + QStringLiteral("more");
    row.cells.resize(PoolTreeModel::Columns);
    row.cells[PoolTreeModel::Name]
        = textCell(PoolTreeModel::tr("and %1 more").arg(countText(qint64(more))));
    row.cells[PoolTreeModel::Name].muted = true;
    return row;
}

/// The account with the least left.
const ledger::AccountView* fullestOf(const ledger::PoolState& state)
{
    const auto least = std::min_element(
        state.accounts.begin(), state.accounts.end(), [&](const auto& a, const auto& b) {
            return leftOf(state.pool, a.balance) < leftOf(state.pool, b.balance);
        });
    return least == state.accounts.end() ? nullptr : &*least;
}

SnapshotRow poolRow(const ledger::PoolState& state, const Now& now)
{
    const TimeUs nowUs = now.atUs;
    const auto& pool = state.pool;
    const auto numbers = poolNumbers(state);
    SnapshotRow row;
    row.id = QString::number(pool.id.value);
    row.cells.resize(PoolTreeModel::Columns);
    auto at = [&](int column) -> Cell& { return row.cells[std::size_t(column)]; };
    at(PoolTreeModel::Name) = safeCell(pool.name);
    at(PoolTreeModel::ScopeColumn) = textCell(scopeWords(pool.scope), toQt(pool.scope.text()));
    at(PoolTreeModel::WindowColumn)
        = textCell(windowWords(pool.window), PoolTreeModel::tr("In %1").arg(toQt(pool.zone)));
    at(PoolTreeModel::Mode) = pool.hard ? chipCell(PoolTreeModel::tr("Hard"), Chip::Tone::Accent,
                                  PoolTreeModel::tr("Refuses what does not fit."))
                                        : chipCell(PoolTreeModel::tr("Watch"), Chip::Tone::Neutral,
                                            PoolTreeModel::tr("Counts, never refuses."));
    const bool counts = numbers.left.has_value();
    if (counts) {
        at(PoolTreeModel::Bar) = barCell(
            numbers.fullestSettled, numbers.fullestHeld, numbers.cap, pool.reservePercent);
        at(PoolTreeModel::Left) = moneyCell(*numbers.left);
    }
    at(PoolTreeModel::Used) = moneyCell(numbers.settled);
    at(PoolTreeModel::Held) = moneyCell(numbers.held);
    const bool single = !pool.scope.each && state.accounts.size() == 1;
    at(PoolTreeModel::Cap)
        = capCell(pool, single ? state.accounts.front().balance.toppedUp : Money());
    if (pool.scope.each) { // "Spent" is the sum of all accounts and may be above one account's cap
        at(PoolTreeModel::Cap).text = PoolTreeModel::tr("%1 each").arg(at(PoolTreeModel::Cap).text);
    }
    if (pool.scope.each && state.accountsTotal > 0) {
        const auto note
            = PoolTreeModel::tr("The fullest of %1").arg(countText(qint64(state.accountsTotal)));
        at(PoolTreeModel::Bar).tooltip.prepend(note + QLatin1Char('\n'));
        at(PoolTreeModel::Left).tooltip.prepend(note + QLatin1Char('\n'));
        at(PoolTreeModel::ScopeColumn).text
            += PoolTreeModel::tr(" (%1)").arg(countText(qint64(state.accountsTotal)));
    }
    at(PoolTreeModel::Resets) = resetCell(pool, numbers.resetsAtUs, nowUs);
    at(PoolTreeModel::Lasts) = lastsCell(pool, fullestOf(state), now);
    at(PoolTreeModel::State) = stateCell(pool, numbers);
    if (pool.scope.each) {
        for (const auto& account : state.accounts) {
            row.children.push_back(accountRow(pool, account, now));
        }
        const auto more = state.accountsTotal - std::int64_t(state.accounts.size());
        if (more > 0) {
            row.children.push_back(moreRow(more));
        }
    }
    return row;
}

} // namespace

PoolNumbers poolNumbers(const ledger::PoolState& state)
{
    PoolNumbers numbers;
    numbers.cap = state.pool.cap;
    if (state.pool.window.kind == ledger::WindowKind::Request
        || state.pool.scope.kind == ledger::ScopeKind::Request) {
        return numbers; // a ceiling on one request: nothing runs up
    }
    if (state.accounts.empty() && !state.pool.scope.each) {
        numbers.left = state.pool.cap;
    }
    for (const auto& account : state.accounts) {
        numbers.settled = numbers.settled.plusSaturated(account.balance.settled);
        numbers.held = numbers.held.plusSaturated(account.balance.held);
        numbers.overrunFrozen = numbers.overrunFrozen || account.balance.frozen;
        const auto left = leftOf(state.pool, account.balance);
        if (!numbers.left || left < *numbers.left) {
            numbers.left = left;
            numbers.cap = capOf(state.pool, account.balance);
            numbers.fullestValue = account.key.value;
            numbers.fullestSettled = account.balance.settled;
            numbers.fullestHeld = account.balance.held;
        }
        if (account.resetsAtUs
            && (!numbers.resetsAtUs || *account.resetsAtUs < *numbers.resetsAtUs)) {
            numbers.resetsAtUs = account.resetsAtUs;
        }
    }
    return numbers;
}

PoolNumbers accountNumbers(const ledger::Pool& pool, const ledger::AccountView& account)
{
    PoolNumbers numbers;
    numbers.settled = account.balance.settled;
    numbers.held = account.balance.held;
    numbers.cap = capOf(pool, account.balance);
    numbers.left = leftOf(pool, account.balance);
    numbers.fullestSettled = numbers.settled;
    numbers.fullestHeld = numbers.held;
    numbers.fullestValue = account.key.value;
    numbers.overrunFrozen = account.balance.frozen;
    numbers.resetsAtUs = account.resetsAtUs;
    return numbers;
}

QString scopeWords(const ledger::Scope& scope)
{
    using Kind = ledger::ScopeKind;
    const auto value = safeText(scope.value);
    auto words = [&](const QString& one, const QString& each) {
        return scope.each ? each : PoolTreeModel::tr("%1 %2").arg(one, value);
    };
    switch (scope.kind) {
    case Kind::Org:
        return PoolTreeModel::tr("everyone");
    case Kind::Team:
        return words(PoolTreeModel::tr("team"), PoolTreeModel::tr("each team"));
    case Kind::User:
        return words(PoolTreeModel::tr("user"), PoolTreeModel::tr("each user"));
    case Kind::Key:
        return words(PoolTreeModel::tr("key"), PoolTreeModel::tr("each key"));
    case Kind::Session:
        return words(PoolTreeModel::tr("session"), PoolTreeModel::tr("each session"));
    case Kind::Request:
        return PoolTreeModel::tr("each request");
    case Kind::Tag:
        return words(PoolTreeModel::tr("tag"), PoolTreeModel::tr("each tag"));
    case Kind::Tier:
        return words(PoolTreeModel::tr("tier"), PoolTreeModel::tr("each tier"));
    case Kind::Model:
        return words(PoolTreeModel::tr("model"), PoolTreeModel::tr("each model"));
    case Kind::Provider:
        return words(PoolTreeModel::tr("provider"), PoolTreeModel::tr("each provider"));
    }
    return toQt(scope.text());
}

QString spanWords(std::int64_t us)
{
    const auto some = [](std::int64_t count, const QString& unit) {
        return QStringLiteral("%1 %2").arg(count).arg(unit);
    };
    if (us % usPerDay == 0 && us > usPerDay) {
        return some(us / usPerDay, PoolTreeModel::tr("days"));
    }
    if (us % usPerHour == 0) {
        return some(us / usPerHour, PoolTreeModel::tr("h"));
    }
    return us % usPerMinute == 0 ? some(us / usPerMinute, PoolTreeModel::tr("min"))
                                 : some(us / usPerSecond, PoolTreeModel::tr("s"));
}

QString windowWords(const ledger::Window& window)
{
    switch (window.kind) {
    case ledger::WindowKind::Fixed:
        switch (window.period) {
        case Period::Hour:
            return PoolTreeModel::tr("an hour");
        case Period::Day:
            return PoolTreeModel::tr("a day");
        case Period::Week:
            return PoolTreeModel::tr("a week");
        case Period::Month:
            return PoolTreeModel::tr("a month");
        case Period::Quarter:
            return PoolTreeModel::tr("a quarter");
        case Period::Year:
            return PoolTreeModel::tr("a year");
        }
        break;
    case ledger::WindowKind::Lifetime:
        return PoolTreeModel::tr("for ever");
    case ledger::WindowKind::Request:
        return PoolTreeModel::tr("one request");
    case ledger::WindowKind::Sliding:
        return PoolTreeModel::tr("any %1").arg(spanWords(window.durationUs));
    case ledger::WindowKind::Bucket:
        return PoolTreeModel::tr("a bucket");
    case ledger::WindowKind::Session:
        return PoolTreeModel::tr("%1 idle").arg(spanWords(window.durationUs));
    }
    return toQt(window.text());
}

QString resetWords(
    const ledger::Window& window, const std::optional<TimeUs>& resetsAtUs, TimeUs nowUs)
{
    switch (window.kind) {
    case ledger::WindowKind::Sliding:
        return resetsAtUs && *resetsAtUs > nowUs
            ? PoolTreeModel::tr("part in %1").arg(untilText(qint64(*resetsAtUs - nowUs)))
            : PoolTreeModel::tr("as it leaves");
    case ledger::WindowKind::Bucket:
        return PoolTreeModel::tr("%1 an hour").arg(moneyText(window.bucketRefillPerHour));
    case ledger::WindowKind::Session:
        return PoolTreeModel::tr("idle %1").arg(spanWords(window.durationUs));
    default:
        break;
    }
    if (resetsAtUs) {
        return *resetsAtUs > nowUs
            ? PoolTreeModel::tr("in %1").arg(untilText(qint64(*resetsAtUs - nowUs)))
            : PoolTreeModel::tr("now");
    }
    if (window.kind == ledger::WindowKind::Request) {
        return PoolTreeModel::tr("every request");
    }
    return window.kind == ledger::WindowKind::Lifetime ? PoolTreeModel::tr("never")
                                                       : QStringLiteral("–");
}

PoolTreeModel::PoolTreeModel(QObject* parent) : SnapshotModel(poolColumns(), parent) { }

void PoolTreeModel::setPools(const std::vector<ledger::PoolState>& pools, TimeUs nowUs,
    bool withArchived, const ledger::RecentSpends& recent)
{
    const Now now{nowUs, recent};
    std::vector<SnapshotRow> rows;
    for (const auto& state : pools) {
        if (withArchived || !state.pool.archived) {
            rows.push_back(poolRow(state, now));
        }
    }
    setRows(std::move(rows));
}

PoolId PoolTreeModel::poolOf(const QModelIndex& index)
{
    const auto top = index.parent().isValid() ? index.parent() : index;
    return PoolId{top.data(IdRole).toString().toLongLong()};
}

QString PoolTreeModel::accountOf(const QModelIndex& index)
{
    return index.parent().isValid() ? index.data(IdRole).toString() : QString();
}

bool PoolTreeModel::setData(const QModelIndex& index, const QVariant& value, int role)
{
    if (role != Qt::EditRole || index.column() != Cap || index.parent().isValid()) {
        return false;
    }
    qint64 nano = 0;
    if (value.typeId() == QMetaType::QString) {
        const auto parsed = Money::parse(fromQt(value.toString()));
        if (!parsed) {
            return false;
        }
        nano = parsed->nano();
    } else {
        nano = value.toLongLong();
    }
    if (nano < 0) {
        return false;
    }
    if (nano != index.data(Qt::EditRole).toLongLong()) {
        Q_EMIT capEdited(qint64(poolOf(index).value), nano);
    }
    return true;
}

} // namespace headgate::ui
