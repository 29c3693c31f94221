// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/budgets_page.h"

#include "ui/dialogs/pool_dialog.h"
#include "ui/frame/drawer.h"
#include "ui/models/cells.h"
#include "ui/models/pool_tree_model.h"
#include "ui/pages/detail_view.h"
#include "ui/pages/page_parts.h"
#include "ui/pages/pool_detail.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QSplitter>
#include <QStackedWidget>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

/// How often the present rates are read again: "lasts until" need not be newer.
constexpr std::int64_t ratesEveryUs = 15 * usPerSecond;

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
    m_detail = new PoolDetail(context, m_splitter);
    m_splitter->addWidget(m_detail);
    connect(m_detail, &PoolDetail::explained, this, &BudgetsPage::showStory);
    m_splitter->setStretchFactor(0, 3);
    m_splitter->setStretchFactor(1, 2);
    m_stack->addWidget(empty);
    auto* content = new QWidget(m_stack);
    auto* columns = new QHBoxLayout(content);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(Theme::space3);
    columns->addWidget(m_splitter, 1);
    m_drawer = new Drawer(content);
    m_drawer->setObjectName(QStringLiteral("storyDrawer"));
    columns->addWidget(m_drawer);
    m_stack->addWidget(content);
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
    setColumnWidths(m_tree->header(), {-112, 104, 84, 72, 136, 76, 64, 84, 76, 100, 88, 120});
    connect(m_model, &PoolTreeModel::capEdited, this,
        [this](qint64 pool, qint64 nano) { commitCap(PoolId{pool}, Money::fromNano(nano)); });
    connect(m_tree->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
        refreshActions();
        showCurrent();
        refreshDetail();
    });
}

/// In a narrow window two columns go that others tell as well: the state says "Watching", the bar
/// shows what is held.
void BudgetsPage::resizeEvent(QResizeEvent* event)
{
    Page::resizeEvent(event);
    const bool narrow = width() < 1'250;
    m_tree->setColumnHidden(PoolTreeModel::Mode, narrow);
    m_tree->setColumnHidden(PoolTreeModel::Held, narrow);
}

void BudgetsPage::buildActions()
{
    m_editCap = addViewAction(
        m_tree, {"editCap", tr("Edit cap"), QStringLiteral("edit"), [this] { editCap(); }});
    m_editCap->setShortcut(Qt::Key_F2);
    m_edit = addViewAction(
        m_tree, {"editPool", tr("Edit…"), QStringLiteral("settings"), [this] { editDialog(); }});
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
    for (auto* action : {m_editCap, m_edit, m_topUp, m_adjust, m_freeze, m_archive}) {
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

void BudgetsPage::refresh()
{
    if (!m_active) {
        return;
    }
    m_states = context().service().poolStates();
    if (m_withArchived->isChecked()) { // the ledger shows them no more
        for (const auto& pool : context().service().config()->pools) {
            // While a change is under way the ledger may still, or already, have it.
            const bool known = std::any_of(m_states.begin(), m_states.end(),
                [&](const auto& state) { return state.pool.id == pool.id; });
            if (pool.archived && !known) {
                m_states.push_back({pool, {}, 0, {}});
            }
        }
    }
    m_model->setPools(m_states, SystemClock().nowUs(), m_withArchived->isChecked(), m_recent);
    const bool any = std::any_of(m_states.begin(), m_states.end(),
        [this](const auto& state) { return !state.pool.archived || m_withArchived->isChecked(); });
    m_stack->setCurrentIndex(any ? 1 : 0);
    if (any && !m_tree->currentIndex().isValid() && m_proxy->rowCount() > 0) {
        m_tree->setCurrentIndex(m_proxy->index(0, PoolTreeModel::Name));
    }
    refreshActions();
    showCurrent();
    refreshRates();
    if (!m_slow.isActive()) {
        m_slow.start();
    }
}

void BudgetsPage::showCurrent()
{
    const auto index = m_proxy->mapToSource(m_tree->currentIndex());
    m_detail->showPool(current(), index.isValid() ? PoolTreeModel::accountOf(index) : QString());
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
    for (auto* action : {m_editCap, m_edit, m_adjust, m_freeze, m_hard}) {
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

void BudgetsPage::refreshDetail()
{
    if (m_active) {
        m_detail->refresh();
    }
}

/// Rates of windows without an end are read from the journal, now and then.
void BudgetsPage::refreshRates()
{
    const auto nowUs = SystemClock().nowUs();
    if (nowUs - m_ratesAtUs < ratesEveryUs) {
        return;
    }
    m_ratesAtUs = nowUs;
    context().service().recentSpends(
        onGui<Result<ledger::RecentSpends>>(this, [this](auto& recent) {
            if (recent) {
                m_recent = std::move(*recent);
                refresh();
            }
        }));
}

void BudgetsPage::showStory(const QString& title, const std::vector<DetailSection>& story)
{
    auto* view = new DetailView(m_drawer);
    view->setObjectName(QStringLiteral("story"));
    view->setSections(story);
    m_drawer->open(title, view);
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

void BudgetsPage::editDialog()
{
    if (const auto* state = current()) {
        auto* dialog = new PoolDialog(context(), this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->edit(state->pool);
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
