// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/catalog_page.h"

#include "core/catalog/price_book.h"
#include "ui/dialogs/model_dialog.h"
#include "ui/dialogs/price_import_dialog.h"
#include "ui/dialogs/provider_dialog.h"
#include "ui/dialogs/provider_keys_dialog.h"
#include "ui/dialogs/provider_settings_dialog.h"
#include "ui/models/cells.h"
#include "ui/models/config_models.h"
#include "ui/pages/catalog_detail.h"
#include "ui/pages/detail_view.h"
#include "ui/pages/page_parts.h"

#include <QDate>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QSplitter>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace headgate::ui {

namespace {

QString bookWords()
{
    const auto& book = catalog::defaultBook();
    const auto date = QDate::fromString(toQt(book.date), Qt::ISODate);
    const auto age = date.isValid() ? date.daysTo(QDate::currentDate()) : 0;
    return CatalogPage::tr(
        "Price book of %1, %2 days old (%3). Prices are dollars for a million tokens.")
        .arg(toQt(book.date), countText(std::max<qint64>(age, 0)), safeText(book.sources));
}

QString columnWords(int column)
{
    switch (column) {
    case CatalogModel::Input:
        return CatalogPage::tr("Input price");
    case CatalogModel::Output:
        return CatalogPage::tr("Output price");
    case CatalogModel::CacheRead:
        return CatalogPage::tr("Cache read price");
    default:
        return CatalogPage::tr("Cache write price");
    }
}

constexpr int liveMs = 1'000; ///< pauses end by themselves and calls come and go
constexpr int modelTicks = 5; ///< margins change slowly and cost more to collect
constexpr int drawerWidth = 430;
constexpr int rowsLeast = 2; ///< of providers that are seen without scrolling
constexpr int rowsMost = 6;
constexpr int wideEnough = 1'400; ///< of the tables: room for whole sources and chains
constexpr int noteRoom = 900; ///< of the tables: beside it the note about the book fits
// A negative width takes what is left, but at least that much.
constexpr std::array providerWidths{104, 140, 190, 92, 64, -206, 108, 88, 120};
constexpr std::array modelWidths{-128, 88, 46, 74, 66, 68, 86, 92, 98, 96, 88, 66, 116, 74};

/// Hides columns in that order until the rest fits into `room`.
template <std::size_t count>
void fitColumns(QTableView* table, const std::array<int, count>& widths,
    const std::vector<int>& order, int room)
{
    int needed = Theme::space4;
    for (std::size_t column = 0; column < count; ++column) {
        needed += std::abs(widths[column]);
        if (widths[column] > 0) {
            table->horizontalHeader()->resizeSection(int(column), widths[column]);
        }
    }
    for (const int column : order) {
        const bool hide = needed > room;
        table->setColumnHidden(column, hide);
        needed -= hide ? widths[std::size_t(column)] : 0;
    }
}

} // namespace

CatalogPage::CatalogPage(Context& context, QWidget* parent) : Page(context, parent)
{
    setObjectName(QStringLiteral("catalogPage"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space4, Theme::space4, Theme::space4, Theme::space4);
    layout->setSpacing(Theme::space3);
    m_splitter = new QSplitter(Qt::Horizontal, this);
    m_splitter->setChildrenCollapsible(false);
    m_tables = new QSplitter(Qt::Vertical, m_splitter);
    m_tables->setChildrenCollapsible(false);
    m_tables->addWidget(buildProviders());
    m_tables->addWidget(buildModels());
    m_tables->setStretchFactor(1, 1);
    m_splitter->addWidget(m_tables);
    m_splitter->addWidget(buildDrawer());
    m_splitter->setStretchFactor(0, 1);
    layout->addWidget(m_splitter, 1);
    m_live.setInterval(liveMs);
    connect(&m_live, &QTimer::timeout, this, &CatalogPage::tick);
    connect(&context, &Context::configChanged, this, &CatalogPage::refresh);
}

CatalogPage::~CatalogPage() = default;

QString CatalogPage::title() const
{
    return tr("Catalog");
}

void CatalogPage::activate()
{
    m_active = true;
    m_live.start();
    refresh();
    arrange();
}

void CatalogPage::deactivate()
{
    m_active = false;
    m_live.stop();
}

QWidget* CatalogPage::buildProviders()
{
    auto* pane = new QWidget(this);
    auto* layout = new QVBoxLayout(pane);
    layout->setContentsMargins(0, 0, 0, Theme::space2);
    layout->setSpacing(Theme::space3);
    m_providers = new ProviderModel(this);
    m_providerTable = new QTableView(pane);
    m_providerTable->setObjectName(QStringLiteral("providerTable"));
    setUpView(m_providerTable, tr("Providers"));
    m_providerTable->setModel(m_providers);
    m_providerTable->setItemDelegate(new MaybeChipDelegate(m_providerTable));
    m_providerTable->setSelectionMode(QAbstractItemView::SingleSelection);
    m_providerTable->setEditTriggers(QAbstractItemView::NoEditTriggers);
    setColumnWidths(
        m_providerTable->horizontalHeader(), {providerWidths.begin(), providerWidths.end()});
    connect(
        m_providerTable->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
            refreshActions();
            if (m_shown != Shown::Nothing && m_providerTable->hasFocus()) {
                openDrawer(Shown::Provider);
            }
        });
    connect(m_providerTable, &QTableView::activated, this, [this] { openDrawer(Shown::Provider); });
    addProviderActions();
    layout->addWidget(providerHead(pane));
    auto* card = new Card(pane);
    auto* cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 1);
    cardLayout->addWidget(m_providerTable);
    layout->addWidget(card, 1);
    return pane;
}

void CatalogPage::addProviderActions()
{
    const auto action = [this](const char* name, const QString& text, const QString& iconName,
                            void (CatalogPage::*work)()) {
        return addViewAction(
            m_providerTable, {name, text, iconName, [this, work] { (this->*work)(); }});
    };
    m_details = addViewAction(m_providerTable,
        {"providerDetails", tr("Details"), QStringLiteral("info"),
            [this] { openDrawer(Shown::Provider); }});
    m_details->setToolTip(tr("State, keys and connection in full (Enter)"));
    m_test = action("testProvider", tr("Test"), QStringLiteral("send"), &CatalogPage::testProvider);
    m_test->setToolTip(tr("Asks the provider for its list of models; costs nothing."));
    m_key = action("providerKeys", tr("Keys…"), QStringLiteral("lock"), &CatalogPage::showKeys);
    m_edit
        = action("editProvider", tr("Edit…"), QStringLiteral("edit"), &CatalogPage::editProvider);
    m_clear = action(
        "clearProvider", tr("Clear state…"), QStringLiteral("refresh"), &CatalogPage::clearHealth);
    m_clear->setToolTip(tr("Forgets failures, pauses and exhaustion of this provider."));
    m_toggle = action(
        "toggleProvider", tr("Disable"), QStringLiteral("pause"), &CatalogPage::toggleProvider);
    m_remove = action(
        "removeProvider", tr("Remove…"), QStringLiteral("trash"), &CatalogPage::removeProvider);
}

/// The title and what is done most; the rest is behind "More", so that it fits beside the drawer.
QWidget* CatalogPage::providerHead(QWidget* pane)
{
    auto* bar = new QWidget(pane);
    auto* head = new QHBoxLayout(bar);
    head->setContentsMargins(0, 0, 0, 0);
    head->setSpacing(Theme::space2);
    head->addWidget(headingLabel(title(), 6, bar));
    head->addStretch(1);
    m_clearButton = actionButton(m_clear, bar);
    head->addWidget(m_clearButton);
    for (auto* action : {m_details, m_test, m_key, m_edit}) {
        head->addWidget(actionButton(action, bar));
    }
    auto* more = new QToolButton(bar);
    more->setObjectName(QStringLiteral("providerMore"));
    more->setIcon(icon(QStringLiteral("more")));
    more->setToolTip(tr("More"));
    more->setAccessibleName(tr("More for this provider"));
    more->setMinimumHeight(Theme::controlHeight);
    more->setFocusPolicy(Qt::StrongFocus);
    more->setPopupMode(QToolButton::InstantPopup);
    auto* menu = new QMenu(more);
    menu->addActions({m_toggle, m_clear, m_remove});
    more->setMenu(menu);
    head->addWidget(more);
    auto* add = primaryButton(tr("Add provider…"), bar);
    add->setObjectName(QStringLiteral("addProvider"));
    connect(add, &QPushButton::clicked, this, &CatalogPage::addProvider);
    head->addWidget(add);
    return bar;
}

QWidget* CatalogPage::buildDrawer()
{
    auto* card = new Card(this);
    card->setObjectName(QStringLiteral("catalogDrawer"));
    card->setMinimumWidth(320);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(1, Theme::space2, 1, 1);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(Theme::space4, 0, Theme::space2, 0);
    m_drawerTitle = headingLabel({}, 2, card);
    m_drawerTitle->setWordWrap(true);
    head->addWidget(m_drawerTitle, 1);
    auto* close = new QToolButton(card);
    close->setObjectName(QStringLiteral("closeCatalogDrawer"));
    close->setIcon(icon(QStringLiteral("close")));
    close->setToolTip(tr("Close (Esc)"));
    close->setAccessibleName(tr("Close the details"));
    close->setAutoRaise(true);
    close->setFocusPolicy(Qt::StrongFocus);
    connect(close, &QToolButton::clicked, this, &CatalogPage::closeDrawer);
    head->addWidget(close);
    layout->addLayout(head);
    m_detail = new DetailView(card);
    m_detail->setObjectName(QStringLiteral("catalogDetail"));
    m_detail->setAccessibleName(tr("Details of the provider or model"));
    layout->addWidget(m_detail, 1);
    card->hide();
    m_drawer = card;
    return card;
}

void CatalogPage::connectEdits()
{
    connect(m_models, &CatalogModel::priceEdited, this, &CatalogPage::editPrice);
    connect(m_models, &CatalogModel::tierEdited, this, [this](const QString& id, int tier) {
        if (const auto* found = model(id)) {
            auto changed = *found;
            changed.tier = tier;
            editModel(tr("Tier of %1: %2 → %3").arg(id).arg(found->tier).arg(tier), changed);
        }
    });
    connect(m_models, &CatalogModel::enabledEdited, this, [this](const QString& id, bool enabled) {
        if (const auto* found = model(id)) {
            auto changed = *found;
            changed.enabled = enabled;
            editModel(enabled ? tr("Enable %1").arg(id) : tr("Disable %1").arg(id), changed);
        }
    });
}

QWidget* CatalogPage::modelHead(QWidget* pane)
{
    auto* bar = new QWidget(pane);
    auto* head = new QHBoxLayout(bar);
    head->setContentsMargins(0, 0, 0, 0);
    head->setSpacing(Theme::space2);
    auto* titles = new QVBoxLayout;
    titles->setSpacing(0);
    titles->addWidget(headingLabel(tr("Models"), 2, bar));
    m_bookNote = mutedLabel(bookWords(), bar);
    m_bookNote->setObjectName(QStringLiteral("bookNote"));
    m_bookNote->setWordWrap(true);
    titles->addWidget(m_bookNote);
    head->addLayout(titles, 1);
    auto* filter = searchField(tr("Filter models"), "modelFilter", bar);
    filter->setFixedWidth(150);
    connect(filter, &QLineEdit::textChanged, m_proxy, &QSortFilterProxyModel::setFilterFixedString);
    head->addWidget(filter);
    head->addWidget(actionButton(m_modelDetails, bar));
    head->addWidget(actionButton(m_editModel, bar));
    auto* import = new QPushButton(tr("Import prices…"), bar);
    import->setObjectName(QStringLiteral("importPrices"));
    import->setToolTip(
        tr("Compares a public price list with the catalog before anything changes."));
    connect(import, &QPushButton::clicked, this, &CatalogPage::importPrices);
    head->addWidget(import);
    auto* add = new QPushButton(icon(QStringLiteral("plus")), tr("Add model…"), bar);
    add->setObjectName(QStringLiteral("addModel"));
    connect(add, &QPushButton::clicked, this, &CatalogPage::addModel);
    head->addWidget(add);
    return bar;
}

QWidget* CatalogPage::buildModels()
{
    auto* pane = new QWidget(this);
    auto* layout = new QVBoxLayout(pane);
    layout->setContentsMargins(0, Theme::space2, 0, 0);
    layout->setSpacing(Theme::space3);
    m_models = new CatalogModel(this);
    m_proxy = new SnapshotProxy(this);
    m_proxy->setSourceModel(m_models);
    m_modelTable = new QTableView(pane);
    m_modelTable->setObjectName(QStringLiteral("modelTable"));
    setUpView(m_modelTable, tr("Models and prices"));
    m_modelTable->setModel(m_proxy);
    m_modelTable->setSortingEnabled(true);
    m_modelTable->sortByColumn(CatalogModel::ProviderColumn, Qt::AscendingOrder);
    m_modelTable->setItemDelegate(new MaybeChipDelegate(m_modelTable));
    // Cells are edited here, so cells are what the arrow keys move over.
    m_modelTable->setSelectionMode(QAbstractItemView::SingleSelection);
    m_modelTable->setEditTriggers(
        QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
    for (const int column : {int(CatalogModel::Input), int(CatalogModel::Output),
             int(CatalogModel::CacheRead), int(CatalogModel::CacheWrite)}) {
        m_modelTable->setItemDelegateForColumn(column, new PriceDelegate(m_modelTable));
    }
    m_modelTable->setItemDelegateForColumn(CatalogModel::Tier, new TierDelegate(m_modelTable));
    setColumnWidths(m_modelTable->horizontalHeader(), {modelWidths.begin(), modelWidths.end()});
    connectEdits();
    m_modelDetails = addViewAction(m_modelTable,
        {"modelDetails", tr("Details"), QStringLiteral("info"),
            [this] { openDrawer(Shown::Model); }});
    m_modelDetails->setToolTip(tr("Prices, fallbacks and token estimates in full (Enter)"));
    m_editModel = addViewAction(m_modelTable,
        {"editModel", tr("Edit…"), QStringLiteral("edit"), [this] { editChosenModel(); }});
    m_history = addViewAction(m_modelTable,
        {"priceHistory", tr("Price history…"), QStringLiteral("clock"), [this] { showHistory(); }});
    m_removeModel = addViewAction(m_modelTable,
        {"removeModel", tr("Remove model"), QStringLiteral("trash"), [this] { removeModel(); }});
    connect(m_modelTable->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
        refreshActions();
        if (m_shown != Shown::Nothing && m_modelTable->hasFocus()) {
            openDrawer(Shown::Model);
        }
    });
    connect(m_modelTable, &QTableView::activated, this, [this] { openDrawer(Shown::Model); });
    layout->addWidget(modelHead(pane));
    setEmptyNote(
        m_modelTable, tr("No model fits. Add a provider with its models, or change the filter."));
    auto* card = new Card(pane);
    auto* cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 1);
    cardLayout->addWidget(m_modelTable);
    layout->addWidget(card, 1);
    return pane;
}

void CatalogPage::refresh()
{
    if (!m_active) {
        return;
    }
    m_config = context().service().config();
    m_models->setConfig(*m_config, SystemClock().nowUs(), context().service().margins());
    refreshProviders();
}

void CatalogPage::refreshProviders()
{
    m_statuses = context().service().providerStatuses();
    m_providers->setConfig(*m_config,
        {m_statuses, toQt(context().service().status().keys), m_tests, SystemClock().nowUs()});
    if (!m_providerTable->currentIndex().isValid() && m_providers->rowCount() > 0) {
        m_providerTable->setCurrentIndex(m_providers->index(0, 0));
    }
    if (m_providers->rowCount() != m_rowsFitted) {
        m_rowsFitted = m_providers->rowCount();
        const int rows = std::clamp(m_rowsFitted, rowsLeast, rowsMost);
        const int head = m_providerTable->horizontalHeader()->sizeHint().height()
            + Theme::controlHeight + 2 * Theme::space4;
        m_tables->setSizes({head + rows * (Theme::rowHeight + 1), m_tables->height()});
    }
    refreshActions();
    refreshDrawer();
}

void CatalogPage::tick()
{
    if (++m_ticks % modelTicks == 0) {
        refresh();
    } else {
        refreshProviders();
    }
}

// --- the drawer

void CatalogPage::openDrawer(Shown what)
{
    if (!m_active) {
        return;
    }
    const bool opened = m_drawer->isHidden();
    m_shown = what;
    refreshDrawer();
    if (opened && m_shown != Shown::Nothing) {
        m_drawer->show();
        arrange();
    }
}

void CatalogPage::closeDrawer()
{
    const bool ofModel = m_shown == Shown::Model;
    m_shown = Shown::Nothing;
    m_drawer->hide();
    arrange();
    (ofModel ? m_modelTable : m_providerTable)->setFocus();
}

void CatalogPage::refreshDrawer()
{
    const auto nowUs = SystemClock().nowUs();
    if (m_shown == Shown::Provider) {
        const auto name = currentProvider();
        const auto* found = provider(name);
        const auto* known = status(name);
        if (found == nullptr || known == nullptr) {
            closeDrawer();
            return;
        }
        m_drawerTitle->setText(safeText(name));
        m_detail->setSections(
            providerSections(*found, *known, toQt(context().service().status().keys), nowUs));
    } else if (m_shown == Shown::Model) {
        const auto id = m_modelTable->currentIndex().data(IdRole).toString();
        const auto* found = model(id);
        if (found == nullptr) {
            closeDrawer();
            return;
        }
        m_drawerTitle->setText(safeText(found->id()));
        m_detail->setSections(modelSections(*found,
            tokens::marginOf(context().service().margins(), found->id(), found->tokenizer),
            m_statuses, nowUs));
    }
}

void CatalogPage::arrange()
{
    const bool open = !m_drawer->isHidden();
    const int all = width() - 2 * Theme::space4 - m_splitter->handleWidth();
    const int side = open ? std::min(drawerWidth, all * 2 / 5) : 0;
    m_splitter->setSizes({all - side, side});
    m_room = all - side;
    fitTables();
    // What is open needs no button that opens it.
    for (auto* button : findChildren<QToolButton*>()) {
        if (button->defaultAction() == m_details || button->defaultAction() == m_modelDetails) {
            button->setVisible(!open);
        }
    }
    m_bookNote->setVisible(m_room >= noteRoom);
}

/// Columns that do not fit are left out in this order; the drawer and tooltips say it anyway.
/// Only when the room changes, so that widths set by hand stay.
void CatalogPage::fitTables()
{
    if (m_room == m_fitted) {
        return;
    }
    m_fitted = m_room;
    auto providers = providerWidths;
    auto models = modelWidths;
    if (m_room >= wideEnough) {
        providers[ProviderModel::Url] = 340;
        models[CatalogModel::Source] = 170;
        models[CatalogModel::Fallbacks] = 260;
    }
    fitColumns(m_providerTable, providers,
        {ProviderModel::Models, ProviderModel::Url, ProviderModel::Test, ProviderModel::Kind,
            ProviderModel::Errors, ProviderModel::Calls},
        m_room);
    fitColumns(m_modelTable, models,
        {CatalogModel::Effective, CatalogModel::ContextColumn, CatalogModel::CacheWrite,
            CatalogModel::CacheRead, CatalogModel::MarginColumn, CatalogModel::Fallbacks,
            CatalogModel::Source, CatalogModel::ProviderColumn},
        m_room);
}

void CatalogPage::resizeEvent(QResizeEvent* event)
{
    Page::resizeEvent(event);
    arrange();
}

void CatalogPage::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Escape && m_drawer->isVisible()) {
        closeDrawer();
        return;
    }
    Page::keyPressEvent(event);
}

const catalog::Provider* CatalogPage::provider(const std::string& name) const
{
    if (!m_config) {
        return nullptr;
    }
    const auto found = std::find_if(m_config->providers.begin(), m_config->providers.end(),
        [&](const auto& other) { return other.name == name; });
    return found == m_config->providers.end() ? nullptr : &*found;
}

const service::ProviderStatus* CatalogPage::status(const std::string& name) const
{
    const auto found = std::find_if(m_statuses.begin(), m_statuses.end(),
        [&](const auto& one) { return one.provider == name; });
    return found == m_statuses.end() ? nullptr : &*found;
}

std::string CatalogPage::currentProvider() const
{
    return fromQt(m_providers->rowId(m_providerTable->currentIndex()));
}

const catalog::Model* CatalogPage::model(const QString& id) const
{
    if (!m_config) {
        return nullptr;
    }
    const auto found = std::find_if(m_config->models.begin(), m_config->models.end(),
        [&](const auto& other) { return toQt(other.id()) == id; });
    return found == m_config->models.end() ? nullptr : &*found;
}

void CatalogPage::refreshActions()
{
    const auto* chosen = provider(currentProvider());
    const auto* known = status(currentProvider());
    const bool real = chosen != nullptr && !chosen->simulated;
    m_toggle->setText(chosen != nullptr && !chosen->enabled ? tr("Enable") : tr("Disable"));
    for (auto* action : {m_key, m_edit, m_remove}) {
        action->setEnabled(real);
    }
    for (auto* action : {m_test, m_toggle, m_details}) {
        action->setEnabled(chosen != nullptr);
    }
    const bool unwell = real && known != nullptr && known->isUnwell();
    m_clear->setEnabled(unwell);
    m_clearButton->setVisible(unwell);
    const bool model = m_modelTable->currentIndex().isValid();
    for (auto* action : {m_history, m_removeModel, m_editModel, m_modelDetails}) {
        action->setEnabled(model);
    }
}

void CatalogPage::editPrice(const QString& modelId, int column, qint64 pico)
{
    if (const auto* found = model(modelId)) {
        const auto price = Price::fromPico(pico);
        editModel(tr("%1 of %2: %3").arg(columnWords(column), modelId, priceText(price)),
            withPrice(*found, column, price, SystemClock().nowUs()));
    }
}

void CatalogPage::editModel(const QString& text, const catalog::Model& changed)
{
    auto& service = context().service();
    context().runUndoable(
        text, [&service, changed] { return service.putModel(changed, "console"); });
}

void CatalogPage::addProvider()
{
    auto* dialog = new ProviderDialog(context(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void CatalogPage::addModel()
{
    auto* dialog = new ModelDialog(context(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void CatalogPage::importPrices()
{
    auto* dialog = new PriceImportDialog(context(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void CatalogPage::testProvider()
{
    const auto name = currentProvider();
    m_tests[name] = tr("asking…");
    refresh();
    context().service().testProvider(
        name, onGui<Result<std::string>>(this, [this, name](auto& answer) {
            m_tests[name] = answer ? safeText(*answer)
                                   : QStringLiteral("!") + safeText(answer.error().text());
            if (!answer) {
                this->context().toast(safeText(answer.error().text()), true);
            }
            refresh();
        }));
}

void CatalogPage::showKeys()
{
    auto* dialog = new ProviderKeysDialog(context(), currentProvider(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void CatalogPage::editProvider()
{
    if (const auto* chosen = provider(currentProvider())) {
        auto* dialog = new ProviderSettingsDialog(context(), *chosen, this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->open();
    }
}

/// What is forgotten cannot be brought back, so it is asked first.
void CatalogPage::clearHealth()
{
    const auto name = currentProvider();
    const auto* known = status(name);
    if (known == nullptr) {
        return;
    }
    confirm(this,
        tr("Forget what is held against %1? The next request tries it again.\n\n%2")
            .arg(safeText(name), safeText(known->words)),
        tr("Clear state"), [this, name] {
            auto& service = context().service();
            context().run([&service, name] { return service.forgetHealth(name, "console"); },
                [self = QPointer(this), name](const Result<void>& result) {
                    if (self && result) {
                        self->refreshProviders();
                        self->context().toast(tr("%1 is tried again.").arg(safeText(name)));
                    }
                    return bool(result);
                });
        });
}

void CatalogPage::editChosenModel()
{
    if (const auto* chosen = model(m_modelTable->currentIndex().data(IdRole).toString())) {
        auto* dialog = new ModelDialog(context(), *chosen, this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->open();
    }
}

void CatalogPage::toggleProvider()
{
    const auto name = currentProvider();
    for (const auto& provider : m_config->providers) {
        if (provider.name != name) {
            continue;
        }
        auto changed = provider;
        changed.enabled = !provider.enabled;
        auto& service = context().service();
        context().runUndoable(changed.enabled ? tr("Enable %1").arg(safeText(name))
                                              : tr("Disable %1").arg(safeText(name)),
            [&service, changed] { return service.editProvider(changed, "console"); });
        return;
    }
}

void CatalogPage::removeProvider()
{
    const auto name = currentProvider();
    confirm(this,
        tr("Remove %1 with its models and its key? Requests for them are refused from then on.")
            .arg(safeText(name)),
        tr("Remove provider"), [this, name] {
            auto& service = context().service();
            context().runUndoable(tr("Remove provider %1").arg(safeText(name)),
                [&service, name] { return service.removeProvider(name, "console"); });
        });
}

void CatalogPage::removeModel()
{
    const auto id = m_modelTable->currentIndex().data(IdRole).toString();
    auto& service = context().service();
    context().runUndoable(tr("Remove model %1").arg(id),
        [&service, id = fromQt(id)] { return service.removeModel(id, "console"); });
}

void CatalogPage::showHistory()
{
    const auto id = m_modelTable->currentIndex().data(IdRole).toString();
    const auto* found = model(id);
    if (found == nullptr) {
        return;
    }
    auto* box = new QMessageBox(QMessageBox::NoIcon, tr("Price history"),
        tr("Prices of %1").arg(id), QMessageBox::Close, this);
    box->setObjectName(QStringLiteral("priceHistoryBox"));
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setTextFormat(Qt::PlainText);
    box->setInformativeText(priceHistory(*found));
    box->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    box->open();
}

} // namespace headgate::ui
