// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/models/decision_table_model.h"

#include "core/base/limits.h"
#include "ui/models/cells.h"

#include <QBrush>
#include <QPointer>

#include <algorithm>

namespace headgate::ui {

namespace {

/// Single rows looked up after one announcement; more wait for the next reload.
constexpr int lateRowsMax = 64;
constexpr std::size_t pendingMax = 2'000;

QString modelWords(const activity::Decision& row)
{
    const auto asked = safeText(row.askedModel);
    if (row.model.empty()) {
        return asked;
    }
    if (row.model == row.askedModel || row.model == row.provider + "/" + row.askedModel) {
        return safeText(row.model); // asked for by name and given
    }
    return QStringLiteral("%1 → %2").arg(asked, safeText(row.model));
}

bool isNumber(int column)
{
    return column == DecisionTableModel::TokensIn || column == DecisionTableModel::TokensOut
        || column == DecisionTableModel::CostColumn || column == DecisionTableModel::Latency;
}

} // namespace

QString statusWords(activity::Status status)
{
    switch (status) {
    case activity::Status::Ok:
        return DecisionTableModel::tr("Answered");
    case activity::Status::Estimated:
        return DecisionTableModel::tr("Estimated");
    case activity::Status::Refused:
        return DecisionTableModel::tr("Refused");
    case activity::Status::Rejected:
        return DecisionTableModel::tr("Rejected");
    case activity::Status::Failed:
        return DecisionTableModel::tr("Failed");
    case activity::Status::Cut:
        return DecisionTableModel::tr("Cut");
    case activity::Status::ClientLeft:
        return DecisionTableModel::tr("Client left");
    }
    return {};
}

Chip::Tone statusTone(activity::Status status)
{
    switch (status) {
    case activity::Status::Ok:
        return Chip::Tone::Ok;
    case activity::Status::Refused:
    case activity::Status::Failed:
        return Chip::Tone::Danger;
    case activity::Status::Rejected:
    case activity::Status::Cut:
        return Chip::Tone::Warning;
    default:
        return Chip::Tone::Info;
    }
}

QString outcomeWords(const std::string& outcome)
{
    if (outcome == "route") {
        return DecisionTableModel::tr("Routed");
    }
    if (outcome == "downgrade") {
        return DecisionTableModel::tr("Downgraded");
    }
    if (outcome == "refuse_budget") {
        return DecisionTableModel::tr("No budget");
    }
    if (outcome == "refuse_loop") {
        return DecisionTableModel::tr("Loop stopped");
    }
    if (outcome == "refuse_unpriced") {
        return DecisionTableModel::tr("No price");
    }
    if (outcome == "refuse_unknown_model") {
        return DecisionTableModel::tr("Unknown model");
    }
    if (outcome == "refuse_no_capable") {
        return DecisionTableModel::tr("No capable model");
    }
    if (outcome == "paused") {
        return DecisionTableModel::tr("Paused");
    }
    if (outcome == "rejected") {
        return DecisionTableModel::tr("Rejected");
    }
    return safeText(outcome);
}

Chip::Tone outcomeTone(const std::string& outcome)
{
    if (outcome == "route") {
        return Chip::Tone::Neutral;
    }
    if (outcome == "downgrade" || outcome == "paused" || outcome == "rejected") {
        return Chip::Tone::Warning;
    }
    return Chip::Tone::Danger;
}

DecisionTableModel::DecisionTableModel(Fetch fetch, QObject* parent)
    : QAbstractTableModel(parent),
      m_fetch(std::move(fetch))
{
}

activity::PageQuery DecisionTableModel::query(DecisionId before, int limit) const
{
    activity::PageQuery query;
    query.filter = m_filter;
    query.before = before;
    query.limit = limit;
    return query;
}

void DecisionTableModel::setFilter(const activity::Filter& filter)
{
    m_filter = filter;
    reload();
}

void DecisionTableModel::reload()
{
    const auto generation = ++m_generation;
    ++m_moreGeneration;
    m_loading = true;
    m_loadingMore = false;
    m_fetch(QStringLiteral("activity-top"), query({}, pageRows),
        [guard = QPointer(this), generation](Result<activity::Page> page) {
            auto* const self = guard.data(); // one look: the compiler cannot know it stays
            if (self == nullptr || generation != self->m_generation) {
                return;
            }
            self->m_loading = false;
            if (!page) {
                Q_EMIT self->failed(toQt(page.error().text()));
                return;
            }
            self->replaceRows(std::move(*page));
            if (!self->m_pending.empty()) {
                self->refreshTop({}); // logged while the page was on its way
            }
        });
}

void DecisionTableModel::replaceRows(activity::Page page)
{
    // Another filter is another list: the one case where a reset tells the truth.
    beginResetModel();
    m_rows.assign(
        std::make_move_iterator(page.rows.begin()), std::make_move_iterator(page.rows.end()));
    m_more = page.more;
    m_loadedOnce = true;
    endResetModel();
    Q_EMIT loaded();
}

bool DecisionTableModel::canFetchMore(const QModelIndex& parent) const
{
    return !parent.isValid() && m_more && !m_loadingMore && !m_loading;
}

void DecisionTableModel::fetchMore(const QModelIndex& parent)
{
    if (!canFetchMore(parent) || m_rows.empty()) {
        return;
    }
    m_loadingMore = true;
    const auto generation = m_moreGeneration;
    m_fetch(QStringLiteral("activity-more"), query(m_rows.back().id, pageRows),
        [guard = QPointer(this), generation](Result<activity::Page> page) {
            auto* const self = guard.data(); // one look: the compiler cannot know it stays
            if (self == nullptr || generation != self->m_moreGeneration) {
                return;
            }
            self->m_loadingMore = false;
            if (!page) {
                Q_EMIT self->failed(toQt(page.error().text()));
                return;
            }
            self->appendPage(std::move(*page));
        });
}

void DecisionTableModel::appendPage(activity::Page page)
{
    m_more = page.more;
    // Rows may have been trimmed or merged while the page was on its way.
    if (!m_rows.empty()) {
        const auto last = m_rows.back().id;
        std::erase_if(page.rows, [&](const auto& row) { return row.id >= last; });
    }
    if (page.rows.empty()) {
        return;
    }
    const int first = int(m_rows.size());
    beginInsertRows({}, first, first + int(page.rows.size()) - 1);
    m_rows.insert(m_rows.end(), std::make_move_iterator(page.rows.begin()),
        std::make_move_iterator(page.rows.end()));
    endInsertRows();
}

void DecisionTableModel::refreshTop(const std::vector<DecisionId>& appended)
{
    // Kept until an answer that was asked for after them: an earlier one may not hold them.
    m_pending.insert(m_pending.end(), appended.begin(), appended.end());
    if (m_pending.size() > pendingMax) {
        m_pending.erase(m_pending.begin(), m_pending.end() - std::ptrdiff_t(pendingMax));
    }
    if (m_loading) {
        return;
    }
    const int limit
        = std::clamp(int(m_pending.size()) + pageRows, pageRows, int(limits::pageRowsMax));
    const auto generation = m_generation;
    m_fetch(QStringLiteral("activity-follow"), query({}, limit),
        [guard = QPointer(this), generation, asked = m_pending](Result<activity::Page> page) {
            auto* const self = guard.data(); // one look: the compiler cannot know it stays
            if (self == nullptr || generation != self->m_generation) {
                return;
            }
            if (!page) {
                Q_EMIT self->failed(toQt(page.error().text()));
                return;
            }
            self->takeTop(std::move(*page), asked);
        });
}

void DecisionTableModel::takeTop(activity::Page page, std::vector<DecisionId> asked)
{
    std::sort(asked.begin(), asked.end());
    std::erase_if(m_pending,
        [&](DecisionId id) { return std::binary_search(asked.begin(), asked.end(), id); });
    const auto below = page.more ? page.rows.back().id : DecisionId{};
    mergeTop(std::move(page));
    fetchLate(asked, below);
}

void DecisionTableModel::fetchLate(const std::vector<DecisionId>& appended, DecisionId below)
{
    int left = lateRowsMax;
    for (const auto id : appended) {
        const bool loaded = !m_rows.empty() && (id > m_rows.back().id || !m_more);
        const bool late = id < below && loaded && rowOf(id) < 0;
        if (!late || --left < 0) {
            continue;
        }
        const auto slot = QStringLiteral("activity-late-%1").arg(m_lateSlot++ % lateRowsMax);
        // The log decides whether it matches the filter: the first row from there on is it or not.
        m_fetch(slot, query(DecisionId{id.value + 1}, 1),
            [guard = QPointer(this), generation = m_generation, id](Result<activity::Page> page) {
                auto* const self = guard.data(); // one look: the compiler cannot know it stays
                if (self != nullptr && generation == self->m_generation && page
                    && !page->rows.empty() && page->rows.front().id == id) {
                    self->mergeTop(std::move(*page));
                }
            });
    }
}

void DecisionTableModel::mergeTop(activity::Page page)
{
    const bool overlaps
        = !page.rows.empty() && !m_rows.empty() && page.rows.back().id <= m_rows.front().id;
    if (m_rows.empty() || (!page.rows.empty() && !overlaps && page.more)) {
        if (!page.rows.empty() || !m_loadedOnce) {
            replaceRows(std::move(page));
        }
        return;
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < page.rows.size();) {
        while (at < m_rows.size() && m_rows[at].id > page.rows[i].id) {
            ++at;
        }
        if (at < m_rows.size() && m_rows[at].id == page.rows[i].id) {
            ++i;
            continue;
        }
        if (at == m_rows.size() && m_more) {
            break; // below the last loaded row: the next page brings it anyway
        }
        const auto end = mergeRun(page, i, at);
        at += end - i;
        i = end;
    }
    trim();
    Q_EMIT loaded();
}

/// Inserts the rows of `page` from `first` that belong before row `at`; returns the first that does
/// not.
std::size_t DecisionTableModel::mergeRun(activity::Page& page, std::size_t first, std::size_t at)
{
    std::size_t end = first + 1;
    while (end < page.rows.size() && (at == m_rows.size() || page.rows[end].id > m_rows[at].id)) {
        ++end;
    }
    beginInsertRows({}, int(at), int(at + (end - first) - 1));
    m_rows.insert(m_rows.begin() + std::ptrdiff_t(at),
        std::make_move_iterator(page.rows.begin() + std::ptrdiff_t(first)),
        std::make_move_iterator(page.rows.begin() + std::ptrdiff_t(end)));
    endInsertRows();
    return end;
}

void DecisionTableModel::trim()
{
    const int extra = int(m_rows.size()) - followRowsMax;
    if (extra <= 0) {
        return;
    }
    beginRemoveRows({}, followRowsMax, int(m_rows.size()) - 1);
    m_rows.resize(followRowsMax);
    m_more = true;
    // A page on its way belongs below rows that are gone now.
    if (m_loadingMore) {
        m_loadingMore = false;
        ++m_moreGeneration;
    }
    endRemoveRows();
}

int DecisionTableModel::rowOf(DecisionId id) const
{
    const auto found = std::lower_bound(m_rows.begin(), m_rows.end(), id,
        [](const activity::Decision& row, DecisionId wanted) { return row.id > wanted; });
    return found != m_rows.end() && found->id == id ? int(found - m_rows.begin()) : -1;
}

int DecisionTableModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_rows.size());
}

int DecisionTableModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(Columns);
}

std::pair<std::string, std::string> DecisionTableModel::conditionAt(const QModelIndex& index) const
{
    if (!index.isValid()) {
        return {};
    }
    const auto& row = m_rows[std::size_t(index.row())];
    switch (index.column()) {
    case Key:
        return {"key", row.key};
    case Team:
        return {"team", row.team};
    case Task:
        return {"task", row.task};
    case Model:
        return row.model.empty()
            ? std::pair<std::string, std::string>{"asked_model", row.askedModel}
            : std::pair<std::string, std::string>{"model", row.model};
    case Outcome:
        return {"outcome", row.outcome};
    case StatusColumn:
        return {"status", activity::statusName(row.status)};
    default:
        return {};
    }
}

QString DecisionTableModel::display(const activity::Decision& row, int column) const
{
    switch (column) {
    case Time:
        return timeText(row.atUs);
    case Key:
        return safeText(row.key);
    case Team:
        return safeText(row.team);
    case Task:
        return safeText(row.task).replace(QLatin1Char('_'), QLatin1Char(' '));
    case Model:
        return modelWords(row);
    case Outcome:
        return outcomeWords(row.outcome);
    case TokensIn:
        return countText(row.inputTokens);
    case TokensOut:
        return countText(row.outputTokens);
    case CostColumn:
        return moneyText(row.cost);
    case Latency:
        return row.totalUs > 0 ? durationText(row.totalUs) : QStringLiteral("–");
    case StatusColumn:
        return statusWords(row.status);
    default:
        return {};
    }
}

QString DecisionTableModel::tooltip(const activity::Decision& row, int column) const
{
    switch (column) {
    case Time:
        return timeTooltip(row.atUs);
    case CostColumn:
        return tr("%1 charged\n%2 was the bound\n%3 with the baseline model")
            .arg(exactMoneyText(row.cost), exactMoneyText(row.bound), exactMoneyText(row.baseline));
    case Latency:
        return tr("%1 in all\n%2 to the first byte\n%3 inside Headgate")
            .arg(durationText(row.totalUs), durationText(row.firstByteUs),
                durationText(row.addedUs));
    case TokensIn:
        return tr("%1 of them from the cache").arg(countText(row.cachedTokens));
    case Outcome:
    case Model:
        return safeText(row.reason);
    case StatusColumn:
        return row.error.empty() ? tr("HTTP %1").arg(row.httpStatus)
                                 : tr("HTTP %1: %2").arg(row.httpStatus).arg(safeText(row.error));
    default:
        return display(row, column);
    }
}

QVariant DecisionTableModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= int(m_rows.size())) {
        return {};
    }
    const auto& row = m_rows[std::size_t(index.row())];
    const int column = index.column();
    switch (role) {
    case Qt::DisplayRole:
        return display(row, column);
    case Qt::ToolTipRole:
        return plainTooltip(tooltip(row, column));
    case Qt::TextAlignmentRole:
        return int((isNumber(column) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case Qt::FontRole:
        return isNumber(column) || column == Time ? QVariant(Theme::tabularFont()) : QVariant();
    case ToneRole:
        if (column == Outcome) {
            return int(outcomeTone(row.outcome));
        }
        return column == StatusColumn ? QVariant(int(statusTone(row.status))) : QVariant();
    case IdRole:
        return qlonglong(row.id.value);
    default:
        return {};
    }
}

QVariant DecisionTableModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal) {
        return {};
    }
    if (role == Qt::TextAlignmentRole) {
        return int((isNumber(section) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    }
    if (role != Qt::DisplayRole) {
        return {};
    }
    static const char* const titles[]
        = {QT_TR_NOOP("Time"), QT_TR_NOOP("Key"), QT_TR_NOOP("Team"), QT_TR_NOOP("Task"),
            QT_TR_NOOP("Asked → used model"), QT_TR_NOOP("Decision"), QT_TR_NOOP("Tokens in"),
            QT_TR_NOOP("out"), QT_TR_NOOP("Cost"), QT_TR_NOOP("Latency"), QT_TR_NOOP("Status")};
    return section >= 0 && section < int(Columns) ? QVariant(tr(titles[section])) : QVariant();
}

} // namespace headgate::ui
