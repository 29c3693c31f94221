// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/pool_detail.h"

#include "core/service/story.h"
#include "ui/charts/burn_down_chart.h"
#include "ui/dialogs/pool_dialog.h"
#include "ui/models/cells.h"
#include "ui/models/decision_table_model.h"
#include "ui/models/pool_tree_model.h"
#include "ui/pages/page_parts.h"
#include "ui/pages/story_sections.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

constexpr int journalPage = 100;
constexpr int holdsLookBack = 1'000;
constexpr int historyMax = 200;

Cell deltaCell(Money money)
{
    auto cell = moneyCell(money);
    if (money.isZero()) {
        cell.text = QStringLiteral("–");
        cell.muted = true;
    } else if (!money.isNegative()) {
        cell.text.prepend(QLatin1Char('+'));
    }
    return cell;
}

SnapshotRow entryRow(const ledger::Entry& entry)
{
    QStringList accounts;
    for (const auto& account : entry.accounts) {
        if (!account.value.empty()) {
            accounts << safeText(account.value);
        }
    }
    SnapshotRow row;
    row.id = QString::number(entry.sequence);
    const bool topUp = !entry.toppedUpDelta.isZero();
    row.cells = {timeCell(entry.atUs, {}), textCell(toQt(service::entryKindWords(entry.kind))),
        deltaCell(entry.heldDelta), deltaCell(topUp ? entry.toppedUpDelta : entry.settledDelta),
        textCell(accounts.join(QStringLiteral(", "))), safeCell(entry.requestId),
        safeCell(entry.actor), safeCell(entry.reason)};
    row.cells[0].sort = qlonglong(entry.sequence);
    if (topUp) {
        row.cells[3].tooltip = PoolDetail::tr("added to the cap");
    }
    return row;
}

QString changeWords(const service::PoolChange& change)
{
    QStringList parts;
    for (const auto& field : change.fields) {
        if (!field.before.empty()) {
            parts << QStringLiteral("%1: %2 → %3")
                         .arg(safeText(field.name), safeText(field.before), safeText(field.after));
        }
    }
    return parts.join(QStringLiteral(", "));
}

SnapshotRow historyRow(const service::PoolChange& change)
{
    SnapshotRow row;
    row.id = QStringLiteral("%1-%2-%3")
                 .arg(change.revision)
                 .arg(change.entry)
                 .arg(toQt(change.account));
    row.cells = {timeCell(change.atUs, {}), safeCell(change.actor), safeCell(change.summary),
        textCell(changeWords(change)), safeCell(change.reason),
        change.undone ? chipCell(PoolDetail::tr("Undone"), Chip::Tone::Neutral) : textCell({})};
    row.cells[0].sort = qlonglong(change.atUs);
    row.cells[3].tooltip = row.cells[3].text;
    return row;
}

QTableView* detailTable(QAbstractItemModel* model, const QString& name, QWidget* parent)
{
    auto* view = new QTableView(parent);
    setUpView(view, name);
    view->setItemDelegate(new MaybeChipDelegate(view));
    view->setModel(model);
    setCompactRows(view);
    return view;
}

BurnDownData chartData(const service::BurnDown& from)
{
    BurnDownData data;
    data.fromUs = from.span.startUs;
    data.toUs = from.span.endUs;
    data.nowUs = from.nowUs;
    data.limit = from.limit;
    data.reservePercent = from.pool.reservePercent;
    data.hasPace = from.hasPace;
    data.hasForecast = from.forecast.isKnown;
    data.expected = from.forecast.expected;
    data.low = from.forecast.low;
    data.high = from.forecast.high;
    data.exhaustedAtUs = from.forecast.exhaustedAtUs;
    data.points.push_back({from.span.startUs, from.curve.before.settled, from.curve.before.held});
    for (const auto& point : from.curve.points) {
        data.points.push_back({point.atUs, point.settled, point.held});
    }
    return data;
}

} // namespace

PoolDetail::PoolDetail(Context& context, QWidget* parent) : Card(parent), m_context(context)
{
    auto* outer = new QHBoxLayout(this);
    outer->setContentsMargins(1, 1, 1, 1);
    auto* left = new QWidget(this);
    left->setFixedWidth(340);
    auto* leftLayout = new QVBoxLayout(left);
    leftLayout->setContentsMargins(0, Theme::space3, 0, Theme::space2);
    leftLayout->setSpacing(0);
    m_title = headingLabel(tr("No pool chosen"), 2, left);
    m_title->setContentsMargins(Theme::space4, 0, Theme::space4, 0);
    m_title->setWordWrap(true);
    leftLayout->addWidget(m_title);
    m_numbers = new DetailView(left);
    m_numbers->setObjectName(QStringLiteral("poolNumbers"));
    leftLayout->addWidget(m_numbers, 1);
    m_explain = new QPushButton(tr("Explain this number"), left);
    m_explain->setObjectName(QStringLiteral("explainAccount"));
    m_explain->setIcon(icon(QStringLiteral("info")));
    connect(m_explain, &QPushButton::clicked, this, &PoolDetail::explainAccount);
    auto* foot = new QHBoxLayout;
    foot->setContentsMargins(Theme::space4, 0, Theme::space4, 0);
    foot->addWidget(m_explain);
    foot->addStretch(1);
    leftLayout->addLayout(foot);
    outer->addWidget(left);
    buildTabs();
    outer->addWidget(m_tabs, 1);
}

PoolDetail::~PoolDetail() = default;

void PoolDetail::buildTabs()
{
    m_tabs = new QTabWidget(this);
    m_tabs->setObjectName(QStringLiteral("poolTabs"));
    m_tabs->setDocumentMode(true);
    m_chart = new BurnDownChart(m_tabs);
    m_chart->setObjectName(QStringLiteral("burnDown"));
    m_tabs->addTab(m_chart, tr("Burn-down"));
    m_tabs->addTab(buildRefusals(), tr("Refusals"));
    m_tabs->addTab(buildJournal(), tr("Journal"));
    m_tabs->addTab(buildHolds(), tr("Open holds"));
    m_tabs->addTab(buildHistory(), tr("History"));
    connect(m_tabs, &QTabWidget::currentChanged, this, &PoolDetail::refresh);
}

QWidget* PoolDetail::buildRefusals()
{
    m_refusals = new DecisionTableModel(
        [this](const QString& slot, const activity::PageQuery& query,
            const DecisionTableModel::Answer& answer) {
            m_context.service().page(fromQt(QStringLiteral("budgets-") + slot), query,
                onGui<Result<activity::Page>>(
                    this, [answer](auto& page) { answer(std::move(page)); }));
        },
        this);
    auto* refusals = detailTable(m_refusals, tr("Refusals of this pool"), m_tabs);
    refusals->setObjectName(QStringLiteral("poolRefusals"));
    setColumnWidths(
        refusals->horizontalHeader(), {84, 110, 84, 110, -130, 124, 80, 60, 70, 80, 100});
    setEmptyNote(refusals, tr("This pool has refused nothing."));
    for (const auto column : {DecisionTableModel::TokensIn, DecisionTableModel::TokensOut,
             DecisionTableModel::StatusColumn, DecisionTableModel::CostColumn,
             DecisionTableModel::Latency}) {
        refusals->setColumnHidden(column, true);
    }
    connect(refusals, &QTableView::activated, this, [this](const QModelIndex& index) {
        m_context.openDecision(m_refusals->decisionAt(index.row()).id);
    });
    return refusals;
}

QWidget* PoolDetail::buildJournal()
{
    auto* pane = new QWidget(m_tabs);
    auto* layout = new QVBoxLayout(pane);
    layout->setContentsMargins(0, 0, 0, Theme::space1);
    m_journalModel = new SnapshotModel(
        {{tr("Time")}, {tr("Entry")}, {tr("Held"), {}, true}, {tr("Spent"), {}, true},
            {tr("Account")}, {tr("Request")}, {tr("By")}, {tr("Reason")}},
        this);
    auto* journal = detailTable(m_journalModel, tr("Journal of this pool"), pane);
    journal->setObjectName(QStringLiteral("poolJournal"));
    setEmptyNote(journal, tr("No money has moved in this pool."));
    setColumnWidths(journal->horizontalHeader(), {84, 120, 84, 84, 80, 100, 70, -110});
    auto explain = [this, journal] { explainLine(m_journalModel->rowId(journal->currentIndex())); };
    auto* action
        = addViewAction(journal, {"explainLine", tr("Explain"), QStringLiteral("info"), explain});
    action->setToolTip(tr("The story of this entry (double click or Enter)"));
    connect(journal, &QTableView::activated, this, explain);
    layout->addWidget(journal, 1);
    m_older = new QPushButton(tr("Older entries"), pane);
    m_older->setObjectName(QStringLiteral("olderEntries"));
    connect(m_older, &QPushButton::clicked, this, [this] { loadJournal(true); });
    layout->addWidget(m_older, 0, Qt::AlignHCenter);
    return pane;
}

QWidget* PoolDetail::buildHolds()
{
    m_holdsModel = new SnapshotModel(
        {{tr("Since")}, {tr("State")}, {tr("Amount"), {}, true}, {tr("Model")}, {tr("Request")}},
        this);
    auto* holds = detailTable(m_holdsModel, tr("Open holds of this pool"), m_tabs);
    holds->setObjectName(QStringLiteral("poolHolds"));
    setEmptyNote(holds, tr("No request of this pool is under way."));
    setColumnWidths(holds->horizontalHeader(), {84, 80, 90, 140, -120});
    connect(holds, &QTableView::activated, this,
        [this](const QModelIndex& index) { explainHold(m_holdsModel->rowId(index)); });
    return holds;
}

QWidget* PoolDetail::buildHistory()
{
    m_historyModel = new SnapshotModel({{tr("Time")}, {tr("By")}, {tr("Change")},
                                           {tr("Before → after")}, {tr("Reason")}, {QString()}},
        this);
    auto* history = detailTable(m_historyModel, tr("Who changed this pool"), m_tabs);
    history->setObjectName(QStringLiteral("poolHistory"));
    setEmptyNote(history, tr("This pool was never changed."));
    setColumnWidths(history->horizontalHeader(), {100, 66, -180, 220, 140, 84});
    return history;
}

void PoolDetail::showPool(const ledger::PoolState* state, const QString& account)
{
    m_state = state == nullptr ? std::nullopt : std::optional(*state);
    m_account = account;
    refreshNumbers();
}

/// The account that the numbers and the chart are about: the chosen one, else the fullest.
std::string PoolDetail::valueOfAccount() const
{
    if (!m_state) {
        return {};
    }
    if (!m_state->pool.scope.each) {
        return m_state->pool.scope.value;
    }
    return m_account.isEmpty() ? poolNumbers(*m_state).fullestValue : fromQt(m_account);
}

void PoolDetail::refreshNumbers()
{
    m_explain->setEnabled(m_state.has_value());
    if (!m_state) {
        m_title->setText(tr("No pool chosen"));
        m_numbers->setSections({});
        return;
    }
    const auto& pool = m_state->pool;
    auto numbers = poolNumbers(*m_state);
    const auto chosen = std::find_if(m_state->accounts.begin(), m_state->accounts.end(),
        [&](const auto& one) { return toQt(one.key.value) == m_account; });
    const bool one = pool.scope.each && !m_account.isEmpty() && chosen != m_state->accounts.end();
    if (one) {
        numbers = accountNumbers(pool, *chosen);
    }
    m_title->setText(one
            ? QStringLiteral("%1 / %2").arg(safeText(pool.name), safeText(fromQt(m_account)))
            : safeText(pool.name));
    service::NewPool words;
    words.scope = pool.scope;
    words.window = pool.window;
    words.cap = pool.cap;
    words.zone = pool.zone;
    words.hard = pool.hard;
    words.fiscalStartDay = pool.fiscalStartDay;
    words.reservePercent = pool.reservePercent;
    auto money = [](const QString& label, Money value) {
        return DetailLine{label, moneyText(value), exactMoneyText(value)};
    };
    DetailSection section;
    section.text = poolSentence(words);
    section.lines.push_back(money(tr("Spent"), numbers.settled));
    section.lines.push_back(money(tr("Held now"), numbers.held));
    section.lines.push_back(money(tr("Cap"), pool.cap));
    if (numbers.left) {
        section.lines.push_back(
            money(pool.scope.each && !one ? tr("Left in the fullest") : tr("Left"), *numbers.left));
    }
    section.lines.push_back(
        {tr("Resets"), resetWords(pool.window, numbers.resetsAtUs, SystemClock().nowUs()),
            numbers.resetsAtUs ? toQt(formatInZone(*numbers.resetsAtUs, pool.zone)) : QString()});
    if (!pool.archived) {
        section.lines.push_back(money(tr("Spent since it exists"), m_state->lifetimeSettled));
    }
    if (pool.scope.each && !one) {
        section.lines.push_back({tr("Accounts"), countText(qint64(m_state->accountsTotal)), {}});
    }
    m_numbers->setSections({section});
}

void PoolDetail::refresh()
{
    refreshNumbers();
    const auto pool = m_state ? m_state->pool.id : PoolId{};
    const bool other = pool != m_shownPool || m_account != m_shownAccount;
    if (other) {
        m_shownPool = pool;
        m_shownAccount = m_account;
        m_journal.clear();
        m_journalMore = false;
        showJournal();
        m_holdsModel->setRows({});
        m_historyModel->setRows({});
        m_chart->setMessage({});
    }
    if (!m_state) {
        return;
    }
    switch (m_tabs->currentIndex()) {
    case BurnDown:
        refreshCurve();
        break;
    case Refusals:
        refreshRefusals(other);
        break;
    case Journal:
        loadJournal(false);
        break;
    case OpenHolds:
        refreshHolds();
        break;
    default:
        refreshHistory();
        break;
    }
}

void PoolDetail::refreshCurve()
{
    if (ledger::isPerRequest(m_state->pool)) {
        m_chart->setMessage(
            tr("A ceiling on single requests: nothing adds up, so nothing burns down."));
        return;
    }
    m_context.service().burnDown("budgets-curve", m_shownPool, valueOfAccount(),
        onGui<Result<service::BurnDown>>(
            this, [this, pool = m_shownPool, account = m_shownAccount](auto& curve) {
                if (pool != m_shownPool || account != m_shownAccount) {
                    return;
                }
                if (curve) {
                    m_chart->setData(chartData(*curve));
                } else {
                    m_chart->setMessage(toQt(curve.error().text()));
                }
            }));
}

void PoolDetail::refreshRefusals(bool other)
{
    activity::Filter filter;
    filter.equals = {{"pool", m_state->pool.name}};
    if (other || m_refusals->filter().equals != filter.equals) {
        m_refusals->setFilter(filter);
    } else {
        m_refusals->refreshTop({});
    }
}

void PoolDetail::loadJournal(bool older)
{
    const auto before = older && !m_journal.empty() ? m_journal.back().sequence : 0;
    m_context.service().journal(m_shownPool, before, journalPage,
        onGui<Result<std::vector<ledger::Entry>>>(
            this, [this, pool = m_shownPool, older](auto& entries) {
                if (pool != m_shownPool) {
                    return;
                }
                if (!entries) {
                    m_context.toast(toQt(entries.error().text()), true);
                    return;
                }
                takeJournal(std::move(*entries), older);
            }));
}

void PoolDetail::takeJournal(std::vector<ledger::Entry> entries, bool older)
{
    if (older) {
        m_journalMore = int(entries.size()) == journalPage;
        m_journal.insert(m_journal.end(), entries.begin(), entries.end());
    } else {
        const auto newest = m_journal.empty() ? 0 : m_journal.front().sequence;
        const bool joins
            = !m_journal.empty() && !entries.empty() && entries.back().sequence <= newest;
        if (joins) {
            std::erase_if(entries, [&](const auto& entry) { return entry.sequence <= newest; });
            m_journal.insert(m_journal.begin(), entries.begin(), entries.end());
        } else {
            m_journalMore = int(entries.size()) == journalPage;
            m_journal = std::move(entries);
        }
    }
    showJournal();
}

void PoolDetail::showJournal()
{
    std::vector<SnapshotRow> rows;
    rows.reserve(m_journal.size());
    for (const auto& entry : m_journal) {
        rows.push_back(entryRow(entry));
    }
    m_journalModel->setRows(std::move(rows));
    m_older->setVisible(m_journalMore);
}

void PoolDetail::refreshHolds()
{
    // A hold does not name its pools; the pool's journal names its holds.
    m_context.service().journal(m_shownPool, 0, holdsLookBack,
        onGui<Result<std::vector<ledger::Entry>>>(this, [this, pool = m_shownPool](auto& entries) {
            if (pool != m_shownPool || !entries) {
                return;
            }
            std::vector<HoldId> touched;
            for (const auto& entry : *entries) {
                touched.push_back(entry.hold);
            }
            std::sort(touched.begin(), touched.end());
            std::vector<SnapshotRow> rows;
            for (const auto& hold : m_context.service().openHolds()) {
                if (!std::binary_search(touched.begin(), touched.end(), hold.hold)) {
                    continue;
                }
                SnapshotRow row;
                row.id = QString::number(hold.hold.value);
                row.cells = {timeCell(hold.atUs, {}),
                    textCell(hold.state == ledger::HoldState::Held ? tr("Held") : tr("Sent")),
                    moneyCell(hold.amount), safeCell(hold.model), safeCell(hold.requestId)};
                rows.push_back(std::move(row));
            }
            m_holdsModel->setRows(std::move(rows));
        }));
}

void PoolDetail::refreshHistory()
{
    m_context.service().poolHistory(m_shownPool, historyMax,
        onGui<Result<std::vector<service::PoolChange>>>(
            this, [this, pool = m_shownPool](auto& changes) {
                if (pool != m_shownPool) {
                    return;
                }
                if (!changes) {
                    m_context.toast(toQt(changes.error().text()), true);
                    return;
                }
                std::vector<SnapshotRow> rows;
                for (const auto& change : *changes) {
                    rows.push_back(historyRow(change));
                }
                m_historyModel->setRows(std::move(rows));
            }));
}

void PoolDetail::explainLine(const QString& sequence)
{
    const auto found = std::find_if(m_journal.begin(), m_journal.end(),
        [&](const auto& entry) { return QString::number(entry.sequence) == sequence; });
    if (found == m_journal.end()) {
        return;
    }
    if (found->hold) {
        explainHold(QString::number(found->hold.value));
    } else {
        explainAccount(); // a move by hand: what it did to the account
    }
}

void PoolDetail::explainHold(const QString& hold)
{
    m_context.service().explainHold(
        QLatin1Char('#') == hold.front() ? fromQt(hold) : "#" + fromQt(hold),
        onGui<Result<std::vector<service::HoldTale>>>(this, [this](auto& tales) {
            if (!tales) {
                m_context.toast(toQt(tales.error().text()), true);
                return;
            }
            const auto config = m_context.service().config();
            for (const auto& tale : *tales) {
                const auto story = service::tellHold(tale.hold,
                    {config.get(), tale.decision ? &*tale.decision : nullptr,
                        SystemClock().nowUs()});
                Q_EMIT explained(toQt(story.title), storySections(story));
            }
        }));
}

void PoolDetail::explainAccount()
{
    if (!m_state) {
        return;
    }
    m_context.service().explainAccount(m_state->pool.id, valueOfAccount(),
        onGui<Result<ledger::AccountStory>>(this, [this](auto& account) {
            if (!account) {
                m_context.toast(toQt(account.error().text()), true);
                return;
            }
            const auto config = m_context.service().config();
            const auto story = service::tellAccount(*account,
                {config.get(), nullptr, SystemClock().nowUs(),
                    m_context.service().liveBalance(account->pool.id, account->key)});
            Q_EMIT explained(safeText(story.title), storySections(story));
        }));
}

} // namespace headgate::ui
