// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/activity_page.h"

#include "ui/dialogs/key_dialog.h"
#include "ui/models/cells.h"
#include "ui/models/decision_export.h"
#include "ui/models/decision_table_model.h"
#include "ui/pages/decision_detail.h"
#include "ui/pages/page_parts.h"

#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMenu>
#include <QScrollBar>
#include <QSplitter>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace headgate::ui {

namespace {

constexpr int facetRows = 8;
constexpr int drawerWidth = 440;
constexpr int facetWidth = 210;
/// Below this the facets make room for the drawer.
constexpr int wideEnough = 1'250;

struct FacetField {
    const char* field;
    const char* title;
};
constexpr std::array facetFields{
    FacetField{"status", QT_TRANSLATE_NOOP("headgate::ui::ActivityPage", "Status")},
    FacetField{"model", QT_TRANSLATE_NOOP("headgate::ui::ActivityPage", "Model")},
    FacetField{"task", QT_TRANSLATE_NOOP("headgate::ui::ActivityPage", "Task")},
    FacetField{"team", QT_TRANSLATE_NOOP("headgate::ui::ActivityPage", "Team")},
    FacetField{"key", QT_TRANSLATE_NOOP("headgate::ui::ActivityPage", "Key")},
};

/// Of the decision table; a negative one takes what is left.
constexpr std::array columnWidths{80, 110, 84, 110, -150, 126, 84, 56, 84, 84, 112};
/// What names and task types get on a wide window.
constexpr int wideExtra = 50;

enum Stack { Rows, NoMatch, NoTraffic };

QString facetWords(int field, const std::string& value)
{
    if (value.empty()) {
        return ActivityPage::tr("(none)");
    }
    if (field == 0) {
        const auto status = activity::statusFromName(value);
        return status ? statusWords(*status) : safeText(value);
    }
    return safeText(value).replace(QLatin1Char('_'), QLatin1Char(' '));
}

} // namespace

ActivityPage::ActivityPage(Context& context, QWidget* parent)
    : Page(context, parent),
      m_facetValues(facetFields.size())
{
    setObjectName(QStringLiteral("activityPage"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space4, Theme::space4, Theme::space4, Theme::space4);
    layout->setSpacing(Theme::space3);
    buildTable();
    layout->addWidget(buildHead());
    m_problem = new QLabel(this);
    m_problem->setObjectName(QStringLiteral("activityProblem"));
    m_problem->setTextFormat(Qt::PlainText);
    m_problem->setWordWrap(true);
    m_problem->hide();
    layout->addWidget(m_problem);
    m_splitter = new QSplitter(Qt::Horizontal, this);
    m_splitter->setChildrenCollapsible(false);
    m_splitter->addWidget(buildFacets());
    m_stack = new QStackedWidget(m_splitter);
    auto* card = new Card(m_stack);
    auto* cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 1);
    cardLayout->addWidget(m_table);
    m_stack->addWidget(card);
    auto* noMatch = new EmptyState(QStringLiteral("filter"), tr("Nothing matches"),
        tr("No decision in this time range fits the filters."), m_stack);
    noMatch->setObjectName(QStringLiteral("nothingMatches"));
    auto* clear = noMatch->addButton(tr("Clear filters"));
    clear->setObjectName(QStringLiteral("clearFilters"));
    connect(clear, &QPushButton::clicked, this, &ActivityPage::clearAll);
    m_stack->addWidget(noMatch);
    m_stack->addWidget(buildEmpty());
    m_splitter->addWidget(m_stack);
    m_splitter->addWidget(buildDrawer());
    m_splitter->setStretchFactor(1, 1);
    connect(m_splitter, &QSplitter::splitterMoved, this,
        [this] { hideWhatDoesNotFit(m_splitter->sizes().value(1)); });
    layout->addWidget(m_splitter, 1);
    m_typing.setSingleShot(true);
    m_typing.setInterval(250);
    connect(&m_typing, &QTimer::timeout, this, &ActivityPage::reload);
    m_facetTimer.setSingleShot(true);
    m_facetTimer.setInterval(2'000);
    connect(&m_facetTimer, &QTimer::timeout, this, &ActivityPage::refreshFacets);
    connect(&context, &Context::scopeChanged, this, &ActivityPage::reload);
    connect(&context, &Context::decisionsAppended, this,
        [this](const std::vector<activity::Decision>& decisions) { appended(decisions); });
    connect(&context, &Context::decisionRequested, this,
        [this](qint64 id) { showDecision(DecisionId{id}); });
}

ActivityPage::~ActivityPage()
{
    if (m_exportCancelled) {
        *m_exportCancelled = true;
    }
}

QString ActivityPage::title() const
{
    return tr("Activity");
}

void ActivityPage::activate()
{
    m_active = true;
    reload();
}

void ActivityPage::deactivate()
{
    m_active = false;
    m_typing.stop();
    m_facetTimer.stop();
}

void ActivityPage::buildTable()
{
    m_model = new DecisionTableModel(
        [this](const QString& slot, const activity::PageQuery& query,
            const DecisionTableModel::Answer& answer) {
            this->context().service().page(fromQt(slot), query,
                onGui<Result<activity::Page>>(
                    this, [answer](auto& page) { answer(std::move(page)); }));
        },
        this);
    m_table = new QTableView(this);
    m_table->setObjectName(QStringLiteral("decisionTable"));
    setUpView(m_table, tr("Decisions, newest first"));
    m_table->setModel(m_model);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setContextMenuPolicy(Qt::CustomContextMenu);
    m_table->setItemDelegateForColumn(DecisionTableModel::Outcome, new ChipDelegate(m_table));
    m_table->setItemDelegateForColumn(DecisionTableModel::StatusColumn, new ChipDelegate(m_table));
    setColumnWidths(m_table->horizontalHeader(), {columnWidths.begin(), columnWidths.end()});
    connect(m_table, &QWidget::customContextMenuRequested, this, &ActivityPage::showMenu);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
        [this](const QModelIndex& index) {
            // Only follows: a table takes a current row by itself when it gets the focus.
            if (index.isValid() && m_drawer->isVisible()) {
                showDecision(m_model->decisionAt(index.row()).id);
            }
        });
    connect(m_table, &QTableView::activated, this,
        [this](const QModelIndex& index) { showDecision(m_model->decisionAt(index.row()).id); });
    connect(m_table, &QTableView::clicked, this, [this](const QModelIndex& index) {
        if (!m_drawer->isVisible()) {
            showDecision(m_model->decisionAt(index.row()).id);
        }
    });
    connect(m_model, &QAbstractItemModel::rowsInserted, this,
        [this](const QModelIndex&, int first, int last) { rowsInserted(first, last); });
    connect(m_model, &DecisionTableModel::loaded, this, [this] {
        m_loadedOnce = true;
        m_problem->hide();
        refreshStack();
    });
    connect(m_model, &DecisionTableModel::failed, this, [this](const QString& problem) {
        m_problem->setText(
            tr("⚠ The log cannot be read; the rows below may be old. %1").arg(problem));
        m_problem->show();
    });
}

QWidget* ActivityPage::buildHead()
{
    auto* head = new QWidget(this);
    auto* row = new QHBoxLayout(head);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(Theme::space2);
    row->addWidget(headingLabel(title(), 6, head));
    row->addStretch(1);
    m_news = new QPushButton(head);
    m_news->setObjectName(QStringLiteral("showNews"));
    m_news->hide();
    connect(m_news, &QPushButton::clicked, this, &ActivityPage::reload);
    row->addWidget(m_news);
    auto* follow = new QAction(icon(QStringLiteral("play")), tr("Follow"), this);
    follow->setObjectName(QStringLiteral("follow"));
    follow->setCheckable(true);
    follow->setChecked(true);
    follow->setToolTip(tr("New decisions come in on top."));
    m_follow = actionButton(follow, head);
    connect(follow, &QAction::toggled, this, [this](bool on) {
        if (on) {
            reload();
        }
    });
    row->addWidget(m_follow);
    auto* facets = new QAction(icon(QStringLiteral("filter")), tr("Facets"), this);
    facets->setObjectName(QStringLiteral("facets"));
    facets->setCheckable(true);
    facets->setChecked(true);
    m_facetsButton = actionButton(facets, head);
    connect(facets, &QAction::toggled, this, &ActivityPage::arrange);
    row->addWidget(m_facetsButton);
    auto* save = new QAction(icon(QStringLiteral("download")), tr("Export…"), this);
    save->setObjectName(QStringLiteral("export"));
    save->setToolTip(tr("Everything the filter matches, as CSV or JSON"));
    connect(save, &QAction::triggered, this, &ActivityPage::askExport);
    row->addWidget(actionButton(save, head));
    m_cancelExport = new QPushButton(tr("Cancel export"), head);
    m_cancelExport->setObjectName(QStringLiteral("cancelExport"));
    m_cancelExport->hide();
    connect(m_cancelExport, &QPushButton::clicked, this, [this] {
        if (m_exportCancelled) {
            *m_exportCancelled = true;
        }
    });
    row->addWidget(m_cancelExport);
    m_text = searchField(tr("Reason, request id, model, error"), "activityText", head);
    connect(m_text, &QLineEdit::textChanged, this, [this] { m_typing.start(); });
    row->addWidget(m_text);
    return head;
}

QWidget* ActivityPage::buildFacets()
{
    m_facetModel = new SnapshotModel({{tr("Value")}, {tr("Count"), {}, true}}, this);
    auto* card = new Card(this);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(1, 1, 1, 1);
    m_facets = new QTreeView(card);
    m_facets->setObjectName(QStringLiteral("facetTree"));
    setUpView(m_facets, tr("Facets: choose a value to filter by it"));
    m_facets->setModel(m_facetModel);
    m_facets->setHeaderHidden(true);
    m_facets->setRootIsDecorated(false);
    m_facets->setItemsExpandable(false);
    m_facets->setIndentation(Theme::space3);
    m_facets->setExpandsOnDoubleClick(false);
    setColumnWidths(m_facets->header(), {-80, 60});
    connect(m_facets, &QTreeView::clicked, this, &ActivityPage::chooseFacet);
    connect(m_facets, &QTreeView::activated, this, &ActivityPage::chooseFacet);
    layout->addWidget(m_facets);
    card->setMinimumWidth(150);
    m_facetCard = card;
    return card;
}

QWidget* ActivityPage::buildDrawer()
{
    auto* card = new Card(this);
    card->setObjectName(QStringLiteral("decisionDrawer"));
    card->setMinimumWidth(320);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(1, Theme::space2, 1, 1);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(Theme::space4, 0, Theme::space2, 0);
    m_drawerTitle = headingLabel(tr("Why"), 2, card);
    head->addWidget(m_drawerTitle, 1);
    auto* copy = new QToolButton(card);
    copy->setObjectName(QStringLiteral("copyDecision"));
    copy->setText(tr("Copy as JSON"));
    copy->setIcon(icon(QStringLiteral("copy")));
    copy->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    copy->setFocusPolicy(Qt::StrongFocus);
    connect(copy, &QToolButton::clicked, this, [this] {
        QApplication::clipboard()->setText(toQt(activity::decisionToJson(m_shown)));
        this->context().toast(tr("The decision is in the clipboard as JSON."));
    });
    head->addWidget(copy);
    auto* close = new QToolButton(card);
    close->setObjectName(QStringLiteral("closeDrawer"));
    close->setIcon(icon(QStringLiteral("close")));
    close->setToolTip(tr("Close (Esc)"));
    close->setAccessibleName(tr("Close the details"));
    close->setAutoRaise(true);
    close->setFocusPolicy(Qt::StrongFocus);
    connect(close, &QToolButton::clicked, this, &ActivityPage::closeDrawer);
    head->addWidget(close);
    layout->addLayout(head);
    m_detail = new DetailView(card);
    m_detail->setObjectName(QStringLiteral("decisionDetail"));
    m_detail->setAccessibleName(tr("Details of the decision"));
    layout->addWidget(m_detail, 1);
    card->hide();
    m_drawer = card;
    return card;
}

QWidget* ActivityPage::buildEmpty()
{
    auto* page = new QWidget(this);
    page->setObjectName(QStringLiteral("noTraffic"));
    auto* layout = new QVBoxLayout(page);
    layout->addStretch(1);
    auto* empty = new EmptyState(QStringLiteral("activity"), tr("No traffic yet"),
        tr("Point a client here with a key of its own and its requests appear as they are "
           "decided."),
        page);
    auto* keys = empty->addButton(tr("Create a key"));
    keys->setObjectName(QStringLiteral("emptyCreateKey"));
    connect(keys, &QPushButton::clicked, this,
        [this] { this->context().openPage(QStringLiteral("keys")); });
    empty->setMinimumHeight(210); // its words wrap, which a nested layout does not foresee
    layout->addWidget(empty);
    const auto url = context().service().status().url;
    auto* snippet
        = new SnippetView(url.empty() ? QStringLiteral("http://127.0.0.1:4141") : toQt(url),
            QStringLiteral("hg-…"), page);
    snippet->setMaximumSize(760, 260);
    layout->addWidget(snippet, 0, Qt::AlignHCenter);
    snippet->setMinimumWidth(620);
    layout->addStretch(1);
    return page;
}

activity::Filter ActivityPage::filter() const
{
    auto filter = context().activityFilter();
    if (!context().timeRange().relative.isEmpty()) {
        filter.toUs = 0; // a range that ends now goes on with the clock
    }
    const auto text = m_text->text().trimmed();
    if (!text.isEmpty()) {
        filter.text = fromQt(text);
    }
    return filter;
}

void ActivityPage::reload()
{
    if (!m_active) {
        return;
    }
    m_newsCount = 0;
    m_news->hide();
    m_model->setFilter(filter());
    refreshFacets();
}

void ActivityPage::appended(const std::vector<activity::Decision>& decisions)
{
    if (!m_active) {
        return;
    }
    if (m_follow->isChecked() || m_model->rowCount() == 0) {
        std::vector<DecisionId> ids;
        ids.reserve(decisions.size());
        for (const auto& decision : decisions) {
            ids.push_back(decision.id);
        }
        m_model->refreshTop(ids);
    } else {
        m_newsCount += int(decisions.size());
        m_news->setText(tr("%1 new").arg(countText(m_newsCount)));
        m_news->setToolTip(tr("Load the decisions that were logged since."));
        m_news->show();
    }
    if (!m_facetTimer.isActive()) {
        m_facetTimer.start();
    }
}

void ActivityPage::rowsInserted(int first, int last)
{
    auto* bar = m_table->verticalScrollBar();
    if (first == 0 && bar->value() > 0) {
        // Someone reads further down: what they read stays where it is.
        bar->setValue(
            bar->value() + (last - first + 1) * m_table->verticalHeader()->defaultSectionSize());
    }
}

void ActivityPage::refreshStack()
{
    if (m_model->rowCount() > 0 || !m_loadedOnce) {
        m_stack->setCurrentIndex(Rows);
        return;
    }
    const bool filtered = !context().filters().empty() || !m_text->text().trimmed().isEmpty();
    if (filtered) {
        m_stack->setCurrentIndex(NoMatch);
        return;
    }
    // Nothing in this range; was there ever anything?
    activity::PageQuery query;
    query.limit = 1;
    context().service().page(
        "activity-any", query, onGui<Result<activity::Page>>(this, [this](auto& page) {
            if (m_model->rowCount() == 0) {
                m_stack->setCurrentIndex(page && page->rows.empty() ? NoTraffic : NoMatch);
            }
        }));
}

void ActivityPage::refreshFacets()
{
    if (!m_active) {
        return;
    }
    for (int i = 0; i < int(facetFields.size()); ++i) {
        const auto* field = facetFields[std::size_t(i)].field;
        context().service().facet(std::string("activity-facet-") + field, filter(), field,
            facetRows, onGui<Result<std::vector<activity::Facet>>>(this, [this, i](auto& facets) {
                if (facets) {
                    takeFacet(i, *facets);
                }
            }));
    }
}

void ActivityPage::takeFacet(int index, const std::vector<activity::Facet>& facets)
{
    m_facetValues[std::size_t(index)] = facets;
    std::vector<SnapshotRow> rows;
    for (int i = 0; i < int(facetFields.size()); ++i) {
        const auto& values = m_facetValues[std::size_t(i)];
        SnapshotRow group;
        group.id = QString::fromLatin1(facetFields[std::size_t(i)].field);
        group.cells = {textCell(tr(facetFields[std::size_t(i)].title)), Cell{}};
        group.cells[0].muted = true;
        for (const auto& facet : values) {
            SnapshotRow row;
            row.id = toQt(facet.value);
            const auto words = facetWords(i, facet.value);
            row.cells = {textCell(words, tr("Show only %1").arg(words)), countCell(facet.count)};
            group.children.push_back(std::move(row));
        }
        if (!group.children.empty()) {
            rows.push_back(std::move(group));
        }
    }
    const bool had = m_facetModel->rowCount() > 0;
    m_facetModel->setRows(std::move(rows));
    m_facets->expandAll();
    if (had != (m_facetModel->rowCount() > 0)) {
        arrange();
    }
}

void ActivityPage::chooseFacet(const QModelIndex& index)
{
    if (index.isValid() && index.parent().isValid()) {
        context().addFilter({index.parent().data(IdRole).toString(),
            index.siblingAtColumn(0).data(IdRole).toString()});
    }
}

void ActivityPage::showMenu(const QPoint& at)
{
    const auto index
        = m_table->indexAt(at).isValid() ? m_table->indexAt(at) : m_table->currentIndex();
    auto* menu = new QMenu(this);
    menu->setObjectName(QStringLiteral("cellMenu"));
    menu->setAttribute(Qt::WA_DeleteOnClose);
    const auto [field, value] = m_model->conditionAt(index);
    if (!field.empty()) {
        // An ampersand in a name is a letter, not a shortcut.
        auto words = index.column() == DecisionTableModel::Model ? safeText(value)
                                                                 : index.data().toString();
        words.replace(QLatin1Char('&'), QStringLiteral("&&"));
        auto* only
            = menu->addAction(icon(QStringLiteral("filter")), tr("Show only “%1”").arg(words));
        only->setObjectName(QStringLiteral("filterByCell"));
        connect(only, &QAction::triggered, this,
            [this, condition = FilterItem{toQt(field), toQt(value)}] {
                this->context().addFilter(condition);
            });
    }
    if (index.isValid()) {
        const auto row = m_model->decisionAt(index.row());
        auto* same = menu->addAction(tr("Show only this request id"));
        connect(same, &QAction::triggered, this, [this, id = toQt(row.requestId)] {
            this->context().addFilter({QStringLiteral("request_id"), id});
        });
        if (!row.session.empty()) {
            auto* session = menu->addAction(tr("Show only this session"));
            connect(session, &QAction::triggered, this, [this, id = toQt(row.session)] {
                this->context().addFilter({QStringLiteral("session"), id});
            });
        }
        menu->addSeparator();
    }
    menu->addActions(m_table->actions());
    menu->popup(m_table->viewport()->mapToGlobal(at));
}

void ActivityPage::showDecision(DecisionId id)
{
    m_wanted = id;
    context().service().decision(
        id, onGui<Result<activity::Decision>>(this, [this, id](auto& decision) {
            if (id != m_wanted) {
                return;
            }
            if (!decision) {
                this->context().toast(toQt(decision.error().text()), true);
                return;
            }
            m_shown = std::move(*decision);
            m_detail->setSections(decisionSections(m_shown));
            m_drawerTitle->setText(outcomeWords(m_shown.outcome));
            const bool opened = !m_drawer->isVisible();
            m_drawer->show();
            if (opened) {
                arrange();
            }
            const int row = m_model->rowOf(id);
            if (row >= 0 && m_table->currentIndex().row() != row) {
                m_table->setCurrentIndex(m_model->index(row, 0));
            }
        }));
}

void ActivityPage::closeDrawer()
{
    m_wanted = {};
    m_drawer->hide();
    arrange();
    m_table->setFocus();
}

void ActivityPage::arrange()
{
    const bool drawer = !m_drawer->isHidden();
    const bool room = width() >= wideEnough || !drawer;
    m_facetCard->setVisible(m_facetsButton->isChecked() && room && m_facetModel->rowCount() > 0);
    const int all = width() - 2 * Theme::space4 - 2 * m_splitter->handleWidth();
    const int facets = m_facetCard->isHidden() ? 0 : facetWidth;
    const int side = drawer ? std::min(drawerWidth, all / 2) : 0;
    const int rows = std::max(all - facets - side, 200);
    m_splitter->setSizes({facets, rows, side});
    hideWhatDoesNotFit(rows);
}

void ActivityPage::hideWhatDoesNotFit(int room)
{
    int needed = Theme::space4;
    for (const int columnWidth : columnWidths) {
        needed += std::abs(columnWidth);
    }
    // In this order; the drawer says all of it anyway.
    for (const int column : {int(DecisionTableModel::Key), int(DecisionTableModel::TokensOut),
             int(DecisionTableModel::TokensIn), int(DecisionTableModel::Latency),
             int(DecisionTableModel::Team), int(DecisionTableModel::Task)}) {
        const bool hide = needed > room;
        m_table->setColumnHidden(column, hide);
        needed -= hide ? std::abs(columnWidths[std::size_t(column)]) : 0;
    }
    // Only when it changes, so that widths set by hand stay.
    if (const bool roomy = room - needed > wideExtra * 3; roomy != m_roomy) {
        m_roomy = roomy;
        for (const int column : {int(DecisionTableModel::Key), int(DecisionTableModel::Task)}) {
            m_table->horizontalHeader()->resizeSection(
                column, columnWidths[std::size_t(column)] + (roomy ? wideExtra : 0));
        }
    }
}

void ActivityPage::resizeEvent(QResizeEvent* event)
{
    Page::resizeEvent(event);
    arrange();
}

void ActivityPage::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Escape && m_drawer->isVisible()) {
        closeDrawer();
        return;
    }
    Page::keyPressEvent(event);
}

void ActivityPage::clearAll()
{
    {
        const QSignalBlocker blocker(m_text);
        m_text->clear();
    }
    if (context().filters().empty()) {
        auto range = TimeRange{};
        range.relative = QStringLiteral("30d");
        if (context().timeRange() == range) {
            reload();
        } else {
            context().setTimeRange(range);
        }
        return;
    }
    context().clearFilters();
}

void ActivityPage::askExport()
{
    auto* dialog = new QFileDialog(this, tr("Export decisions"), QDir::homePath());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setNameFilters({tr("CSV (*.csv)"), tr("JSON lines (*.jsonl)")});
    dialog->setDefaultSuffix(QStringLiteral("csv"));
    connect(dialog, &QFileDialog::filterSelected, dialog, [dialog](const QString& chosen) {
        dialog->setDefaultSuffix(chosen.contains(QStringLiteral("jsonl")) ? QStringLiteral("jsonl")
                                                                          : QStringLiteral("csv"));
    });
    dialog->selectFile(QStringLiteral("headgate-decisions.csv"));
    connect(dialog, &QFileDialog::fileSelected, this, &ActivityPage::exportTo);
    dialog->open();
}

void ActivityPage::exportTo(const QString& path)
{
    if (m_exportCancelled) {
        context().toast(tr("An export is running. Cancel it or wait for its end."), true);
        return;
    }
    m_exportCancelled = std::make_shared<std::atomic<bool>>(false);
    ExportJob job;
    job.filter = filter();
    job.path = path;
    job.format = path.endsWith(QStringLiteral(".csv"), Qt::CaseInsensitive)
        ? ExportFormat::Csv
        : ExportFormat::JsonLines;
    // Only an export that takes a while offers to be stopped.
    QTimer::singleShot(2'000, this, [this, flag = m_exportCancelled] {
        m_cancelExport->setVisible(flag == m_exportCancelled);
    });
    auto done = onGui<Result<std::int64_t>>(this, [this, path](auto& rows) {
        m_exportCancelled.reset();
        m_cancelExport->hide();
        this->context().toast(rows ? tr("%1 decisions written to %2").arg(countText(*rows), path)
                                   : toQt(rows.error().text()),
            !rows);
    });
    // Not the context's worker: a long export must not hold up commands.
    m_exporter.start(
        [&log = context().service().activityLog(), job, flag = m_exportCancelled, done] {
            auto own = job;
            own.cancelled = flag.get();
            done(exportDecisions(log, own));
        });
}

} // namespace headgate::ui
