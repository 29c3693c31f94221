// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/budgets_page.h"

#include "core/service/story.h"
#include "ui/dialogs/pool_dialog.h"
#include "ui/models/cells.h"
#include "ui/models/decision_table_model.h"
#include "ui/models/pool_tree_model.h"
#include "ui/pages/detail_view.h"
#include "ui/pages/page_parts.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QSplitter>
#include <QStackedWidget>
#include <QTabWidget>
#include <QTableView>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

constexpr int journalPage = 100;
constexpr int holdsLookBack = 1'000;

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
    row.cells
        = {timeCell(entry.atUs, {}), textCell(toQt(service::entryKindWords(entry.kind))), deltaCell(entry.heldDelta),
            deltaCell(entry.settledDelta), textCell(accounts.join(QStringLiteral(", "))),
            safeCell(entry.requestId), safeCell(entry.actor), safeCell(entry.reason)};
    row.cells[0].sort = qlonglong(entry.sequence);
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

} // namespace

BudgetsPage::BudgetsPage(Context& context, QWidget* parent) : Page(context, parent)
{
    setObjectName(QStringLiteral("budgetsPage"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space4, Theme::space4, Theme::space4, Theme::space4);
    layout->setSpacing(Theme::space3);
    m_model = new PoolTreeModel(this);
    m_proxy = new SnapshotProxy(this);
    m_proxy->setSourceModel(m_model);
    buildTree();
    buildActions();
    layout->addWidget(buildHead());
    m_stack = new QStackedWidget(this);
    auto* empty = new EmptyState(QStringLiteral("budgets"), tr("No limit is set."),
        tr("Requests pass unmetered until you add one."), this);
    empty->setObjectName(QStringLiteral("budgetsEmpty"));
    auto* add = empty->addButton(tr("Add a pool"));
    add->setObjectName(QStringLiteral("emptyAddPool"));
    connect(add, &QPushButton::clicked, this, &BudgetsPage::addPool);
    m_splitter = new QSplitter(Qt::Vertical, this);
    m_splitter->setChildrenCollapsible(false);
    auto* treeCard = new Card(this);
    auto* treeLayout = new QVBoxLayout(treeCard);
    treeLayout->setContentsMargins(1, 1, 1, 1);
    treeLayout->addWidget(m_tree);
    m_splitter->addWidget(treeCard);
    buildDetail();
    m_splitter->setStretchFactor(0, 3);
    m_splitter->setStretchFactor(1, 2);
    m_stack->addWidget(empty);
    m_stack->addWidget(m_splitter);
    layout->addWidget(m_stack, 1);
    connect(&context, &Context::moneyMoved, this, &BudgetsPage::refresh);
    connect(&context, &Context::configChanged, this, &BudgetsPage::refresh);
    m_clock.setInterval(15'000);
    connect(&m_clock, &QTimer::timeout, this, &BudgetsPage::refresh);
    m_slow.setSingleShot(true);
    m_slow.setInterval(1'000);
    connect(&m_slow, &QTimer::timeout, this, &BudgetsPage::refreshDetail);
}

BudgetsPage::~BudgetsPage() = default;

QString BudgetsPage::title() const
{
    return tr("Budgets");
}

void BudgetsPage::activate()
{
    m_active = true;
    m_clock.start();
    refresh();
    refreshDetail();
}

void BudgetsPage::deactivate()
{
    m_active = false;
    m_clock.stop();
    m_slow.stop();
}

void BudgetsPage::buildTree()
{
    m_tree = new QTreeView(this);
    m_tree->setObjectName(QStringLiteral("poolTree"));
    setUpView(m_tree, tr("Pools and accounts"));
    m_tree->setModel(m_proxy);
    m_tree->setSortingEnabled(true);
    m_tree->sortByColumn(PoolTreeModel::Name, Qt::AscendingOrder);
    m_tree->setItemDelegate(new MaybeChipDelegate(m_tree));
    m_tree->setItemDelegateForColumn(PoolTreeModel::Bar, new MoneyBarDelegate(m_tree));
    m_tree->setItemDelegateForColumn(PoolTreeModel::Cap, new MoneyEditDelegate(m_tree));
    m_tree->setEditTriggers(QAbstractItemView::DoubleClicked);
    m_tree->setExpandsOnDoubleClick(false);
    setColumnWidths(m_tree->header(), {-128, 104, 72, 78, 118, 80, 64, 76, 82, 100, 124});
    connect(m_model, &PoolTreeModel::capEdited, this,
        [this](qint64 pool, qint64 nano) { commitCap(PoolId{pool}, Money::fromNano(nano)); });
    connect(m_tree->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
        refreshActions();
        refreshDetail();
    });
}

void BudgetsPage::buildActions()
{
    m_editCap = addViewAction(
        m_tree, {"editCap", tr("Edit cap"), QStringLiteral("edit"), [this] { editCap(); }});
    m_editCap->setShortcut(Qt::Key_F2);
    m_topUp = addViewAction(
        m_tree, {"topUp", tr("Top up…"), QStringLiteral("plus"), [this] { moveMoney(true); }});
    m_adjust = addViewAction(
        m_tree, {"adjust", tr("Adjust…"), QStringLiteral("dollar"), [this] { moveMoney(false); }});
    m_freeze = addViewAction(
        m_tree, {"freeze", tr("Freeze"), QStringLiteral("freeze"), [this] { toggleFrozen(); }});
    m_duplicate = addViewAction(
        m_tree, {"duplicate", tr("Duplicate…"), QStringLiteral("copy"), [this] { duplicate(); }});
    m_hard = addViewAction(
        m_tree, {"hard", tr("Watch only"), QStringLiteral("eye"), [this] { toggleHard(); }});
    m_archive = addViewAction(m_tree,
        {"archive", tr("Archive"), QStringLiteral("archive"), [this] { toggleArchived(); }});
}

QWidget* BudgetsPage::buildHead()
{
    auto* head = new QWidget(this);
    auto* row = new QHBoxLayout(head);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(Theme::space2);
    row->addWidget(headingLabel(title(), 6, head));
    row->addStretch(1);
    for (auto* action : {m_editCap, m_topUp, m_adjust, m_freeze, m_archive}) {
        row->addWidget(actionButton(action, head));
    }
    m_withArchived = new QCheckBox(tr("Archived"), head);
    m_withArchived->setObjectName(QStringLiteral("withArchived"));
    connect(m_withArchived, &QCheckBox::toggled, this, &BudgetsPage::refresh);
    row->addWidget(m_withArchived);
    auto* filter = searchField(tr("Filter pools"), "poolFilter", head);
    connect(filter, &QLineEdit::textChanged, m_proxy, &QSortFilterProxyModel::setFilterFixedString);
    row->addWidget(filter);
    auto* add = primaryButton(tr("Add pool"), head);
    add->setObjectName(QStringLiteral("addPool"));
    connect(add, &QPushButton::clicked, this, &BudgetsPage::addPool);
    row->addWidget(add);
    return head;
}

QWidget* BudgetsPage::buildRefusals()
{
    m_refusals = new DecisionTableModel(
        [this](const QString& slot, const activity::PageQuery& query,
            const DecisionTableModel::Answer& answer) {
            this->context().service().page(fromQt(QStringLiteral("budgets-") + slot), query,
                onGui<Result<activity::Page>>(
                    this, [answer](auto& page) { answer(std::move(page)); }));
        },
        this);
    auto* refusals = detailTable(m_refusals, tr("Refusals of this pool"), m_tabs);
    refusals->setObjectName(QStringLiteral("poolRefusals"));
    setColumnWidths(
        refusals->horizontalHeader(), {84, 110, 84, 110, -130, 124, 80, 60, 70, 80, 100});
    setEmptyNote(refusals, tr("This pool has refused nothing."));
    refusals->setColumnHidden(DecisionTableModel::TokensIn, true);
    refusals->setColumnHidden(DecisionTableModel::TokensOut, true);
    refusals->setColumnHidden(DecisionTableModel::StatusColumn, true);
    refusals->setColumnHidden(DecisionTableModel::CostColumn, true);
    refusals->setColumnHidden(DecisionTableModel::Latency, true);
    connect(refusals, &QTableView::activated, this, [this](const QModelIndex& index) {
        this->context().openDecision(m_refusals->decisionAt(index.row()).id);
    });
    return refusals;
}

void BudgetsPage::buildDetail()
{
    auto* card = new Card(m_splitter);
    auto* outer = new QHBoxLayout(card);
    outer->setContentsMargins(1, 1, 1, 1);
    auto* left = new QWidget(card);
    left->setFixedWidth(340);
    auto* leftLayout = new QVBoxLayout(left);
    leftLayout->setContentsMargins(0, Theme::space3, 0, 0);
    leftLayout->setSpacing(0);
    m_detailTitle = headingLabel(tr("No pool chosen"), 2, left);
    m_detailTitle->setContentsMargins(Theme::space4, 0, Theme::space4, 0);
    m_detailTitle->setWordWrap(true);
    leftLayout->addWidget(m_detailTitle);
    m_numbers = new DetailView(left);
    m_numbers->setObjectName(QStringLiteral("poolNumbers"));
    leftLayout->addWidget(m_numbers, 1);
    outer->addWidget(left);
    m_tabs = new QTabWidget(card);
    m_tabs->setObjectName(QStringLiteral("poolTabs"));
    m_tabs->setDocumentMode(true);
    m_tabs->addTab(buildRefusals(), tr("Refusals"));
    auto* journalPane = new QWidget(m_tabs);
    auto* journalLayout = new QVBoxLayout(journalPane);
    journalLayout->setContentsMargins(0, 0, 0, Theme::space1);
    m_journalModel = new SnapshotModel(
        {{tr("Time")}, {tr("Entry")}, {tr("Held"), {}, true}, {tr("Spent"), {}, true},
            {tr("Account")}, {tr("Request")}, {tr("By")}, {tr("Reason")}},
        this);
    auto* journal = detailTable(m_journalModel, tr("Journal of this pool"), journalPane);
    journal->setObjectName(QStringLiteral("poolJournal"));
    setEmptyNote(journal, tr("No money has moved in this pool."));
    setColumnWidths(journal->horizontalHeader(), {84, 120, 84, 84, 80, 100, 70, -110});
    journalLayout->addWidget(journal, 1);
    m_older = new QPushButton(tr("Older entries"), journalPane);
    m_older->setObjectName(QStringLiteral("olderEntries"));
    connect(m_older, &QPushButton::clicked, this, [this] { loadJournal(true); });
    journalLayout->addWidget(m_older, 0, Qt::AlignHCenter);
    m_tabs->addTab(journalPane, tr("Journal"));
    m_holdsModel = new SnapshotModel(
        {{tr("Since")}, {tr("State")}, {tr("Amount"), {}, true}, {tr("Model")}, {tr("Request")}},
        this);
    auto* holds = detailTable(m_holdsModel, tr("Open holds of this pool"), m_tabs);
    holds->setObjectName(QStringLiteral("poolHolds"));
    setEmptyNote(holds, tr("No request of this pool is under way."));
    setColumnWidths(holds->horizontalHeader(), {84, 80, 90, 140, -120});
    m_tabs->addTab(holds, tr("Open holds"));
    connect(m_tabs, &QTabWidget::currentChanged, this, &BudgetsPage::refreshDetail);
    outer->addWidget(m_tabs, 1);
    m_splitter->addWidget(card);
}

void BudgetsPage::refresh()
{
    if (!m_active) {
        return;
    }
    m_states = context().service().poolStates();
    m_model->setPools(m_states, SystemClock().nowUs(), m_withArchived->isChecked());
    const bool any = std::any_of(m_states.begin(), m_states.end(),
        [this](const auto& state) { return !state.pool.archived || m_withArchived->isChecked(); });
    m_stack->setCurrentIndex(any ? 1 : 0);
    if (any && !m_tree->currentIndex().isValid() && m_proxy->rowCount() > 0) {
        m_tree->setCurrentIndex(m_proxy->index(0, PoolTreeModel::Name));
    }
    refreshActions();
    refreshNumbers();
    if (!m_slow.isActive()) {
        m_slow.start();
    }
}

const ledger::PoolState* BudgetsPage::current() const
{
    const auto index = m_tree->currentIndex();
    if (!index.isValid()) {
        return nullptr;
    }
    const auto id = PoolTreeModel::poolOf(m_proxy->mapToSource(index));
    const auto found = std::find_if(
        m_states.begin(), m_states.end(), [&](const auto& state) { return state.pool.id == id; });
    return found == m_states.end() ? nullptr : &*found;
}

void BudgetsPage::showPool(PoolId pool)
{
    const auto index = m_proxy->mapFromSource(m_model->indexOfId(QString::number(pool.value)));
    if (index.isValid()) {
        m_tree->setCurrentIndex(index);
        m_tree->scrollTo(index);
    }
}

void BudgetsPage::refreshActions()
{
    const auto* state = current();
    const bool live = state != nullptr && !state->pool.archived;
    for (auto* action : {m_editCap, m_adjust, m_freeze, m_hard}) {
        action->setEnabled(live);
    }
    const bool counts = live && poolNumbers(*state).left.has_value();
    m_topUp->setEnabled(counts);
    m_adjust->setEnabled(counts);
    m_duplicate->setEnabled(state != nullptr);
    m_archive->setEnabled(state != nullptr);
    const bool frozen = live && (state->pool.frozen || poolNumbers(*state).overrunFrozen);
    m_freeze->setText(frozen ? tr("Unfreeze") : tr("Freeze"));
    m_hard->setText(live && !state->pool.hard ? tr("Make it a hard cap") : tr("Watch only"));
    m_archive->setText(state != nullptr && state->pool.archived ? tr("Restore") : tr("Archive"));
}

void BudgetsPage::refreshNumbers()
{
    const auto* state = current();
    if (state == nullptr) {
        m_detailTitle->setText(tr("No pool chosen"));
        m_numbers->setSections({});
        return;
    }
    const auto& pool = state->pool;
    const auto numbers = poolNumbers(*state);
    m_detailTitle->setText(safeText(pool.name));
    service::NewPool words;
    words.scope = pool.scope;
    words.window = pool.window;
    words.cap = pool.cap;
    words.zone = pool.zone;
    words.hard = pool.hard;
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
            money(pool.scope.each ? tr("Left in the fullest") : tr("Left"), *numbers.left));
    }
    section.lines.push_back(
        {tr("Resets"), resetWords(pool.window, numbers.resetsAtUs, SystemClock().nowUs()),
            numbers.resetsAtUs ? toQt(formatInZone(*numbers.resetsAtUs, pool.zone)) : QString()});
    section.lines.push_back(money(tr("Spent since it exists"), state->lifetimeSettled));
    if (pool.scope.each) {
        section.lines.push_back({tr("Accounts"), countText(qint64(state->accountsTotal)), {}});
    }
    m_numbers->setSections({section});
}

void BudgetsPage::refreshDetail()
{
    if (!m_active) {
        return;
    }
    refreshNumbers();
    const auto* state = current();
    const auto pool = state == nullptr ? PoolId{} : state->pool.id;
    const bool other = pool != m_shownPool;
    if (other) {
        m_shownPool = pool;
        m_journal.clear();
        m_journalMore = false;
        showJournal();
        m_holdsModel->setRows({});
    }
    if (state == nullptr) {
        return;
    }
    activity::Filter filter;
    filter.equals = {{"pool", state->pool.name}};
    if (m_tabs->currentIndex() == 0) {
        if (other || m_refusals->filter().equals != filter.equals) {
            m_refusals->setFilter(filter);
        } else {
            m_refusals->refreshTop({});
        }
    } else if (m_tabs->currentIndex() == 1) {
        loadJournal(false);
    } else {
        refreshHolds();
    }
}

void BudgetsPage::loadJournal(bool older)
{
    const auto before = older && !m_journal.empty() ? m_journal.back().sequence : 0;
    context().service().journal(m_shownPool, before, journalPage,
        onGui<Result<std::vector<ledger::Entry>>>(
            this, [this, pool = m_shownPool, older](auto& entries) {
                if (pool != m_shownPool) {
                    return;
                }
                if (!entries) {
                    this->context().toast(toQt(entries.error().text()), true);
                    return;
                }
                takeJournal(std::move(*entries), older);
            }));
}

void BudgetsPage::takeJournal(std::vector<ledger::Entry> entries, bool older)
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

void BudgetsPage::showJournal()
{
    std::vector<SnapshotRow> rows;
    rows.reserve(m_journal.size());
    for (const auto& entry : m_journal) {
        rows.push_back(entryRow(entry));
    }
    m_journalModel->setRows(std::move(rows));
    m_older->setVisible(m_journalMore);
}

void BudgetsPage::refreshHolds()
{
    // A hold does not name its pools; the pool's journal names its holds.
    context().service().journal(m_shownPool, 0, holdsLookBack,
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
            for (const auto& hold : this->context().service().openHolds()) {
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

void BudgetsPage::addPool()
{
    auto* dialog = new PoolDialog(context(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void BudgetsPage::duplicate()
{
    if (const auto* state = current()) {
        auto* dialog = new PoolDialog(context(), this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->prefill(state->pool);
        dialog->open();
    }
}

void BudgetsPage::editCap()
{
    auto index = m_tree->currentIndex();
    if (index.parent().isValid()) {
        index = index.parent();
    }
    if (index.isValid()) {
        const auto cap = index.siblingAtColumn(PoolTreeModel::Cap);
        m_tree->setCurrentIndex(cap);
        m_tree->edit(cap);
    }
}

void BudgetsPage::commitCap(PoolId pool, Money cap)
{
    const auto found = std::find_if(
        m_states.begin(), m_states.end(), [&](const auto& state) { return state.pool.id == pool; });
    if (found == m_states.end()) {
        return;
    }
    service::PoolEdit edit;
    edit.cap = cap;
    editPool(tr("Cap of %1: %2 → %3")
                 .arg(safeText(found->pool.name), moneyText(found->pool.cap), moneyText(cap)),
        pool, edit);
}

void BudgetsPage::editPool(const QString& text, PoolId pool, const service::PoolEdit& edit)
{
    auto& service = context().service();
    context().runUndoable(text, [&service, pool, edit]() -> Result<void> {
        const auto edited = service.editPool(pool, edit, "console");
        return edited ? Result<void>() : Result<void>(edited.error());
    });
}

void BudgetsPage::moveMoney(bool topUp)
{
    if (const auto* state = current()) {
        const auto account = PoolTreeModel::accountOf(m_proxy->mapToSource(m_tree->currentIndex()));
        auto* dialog = new PoolMoneyDialog(context(),
            topUp ? PoolMoneyDialog::Kind::TopUp : PoolMoneyDialog::Kind::Adjust, *state, account,
            this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->open();
    }
}

void BudgetsPage::toggleFrozen()
{
    const auto* state = current();
    if (state == nullptr) {
        return;
    }
    const bool frozen = state->pool.frozen || poolNumbers(*state).overrunFrozen;
    service::PoolEdit edit;
    edit.frozen = !frozen;
    const auto name = safeText(state->pool.name);
    editPool(
        frozen ? tr("Unfreeze %1").arg(name) : tr("Freeze %1").arg(name), state->pool.id, edit);
}

void BudgetsPage::toggleArchived()
{
    const auto* state = current();
    if (state == nullptr) {
        return;
    }
    service::PoolEdit edit;
    edit.archived = !state->pool.archived;
    const auto name = safeText(state->pool.name);
    editPool(*edit.archived ? tr("Archive %1").arg(name) : tr("Restore %1").arg(name),
        state->pool.id, edit);
}

void BudgetsPage::toggleHard()
{
    const auto* state = current();
    if (state == nullptr) {
        return;
    }
    service::PoolEdit edit;
    edit.hard = !state->pool.hard;
    const auto name = safeText(state->pool.name);
    editPool(*edit.hard ? tr("Make %1 a hard cap").arg(name) : tr("Only watch %1").arg(name),
        state->pool.id, edit);
}

} // namespace headgate::ui
