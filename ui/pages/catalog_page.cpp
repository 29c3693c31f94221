// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/catalog_page.h"

#include "core/catalog/price_book.h"
#include "ui/dialogs/model_dialog.h"
#include "ui/dialogs/price_import_dialog.h"
#include "ui/dialogs/provider_dialog.h"
#include "ui/models/cells.h"
#include "ui/models/config_models.h"
#include "ui/pages/page_parts.h"

#include <QDate>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QMessageBox>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

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

} // namespace

CatalogPage::CatalogPage(Context& context, QWidget* parent) : Page(context, parent)
{
    setObjectName(QStringLiteral("catalogPage"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space4, Theme::space4, Theme::space4, Theme::space4);
    layout->setSpacing(Theme::space3);
    auto* splitter = new QSplitter(Qt::Vertical, this);
    splitter->setChildrenCollapsible(false);
    splitter->addWidget(buildProviders());
    splitter->addWidget(buildModels());
    splitter->setStretchFactor(0, 2);
    splitter->setStretchFactor(1, 5);
    layout->addWidget(splitter, 1);
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
    refresh();
}

void CatalogPage::deactivate()
{
    m_active = false;
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
    setColumnWidths(m_providerTable->horizontalHeader(), {120, 140, -180, 110, 66, 110, 220});
    connect(m_providerTable->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
        &CatalogPage::refreshActions);
    m_test = addViewAction(m_providerTable,
        {"testProvider", tr("Test"), QStringLiteral("send"), [this] { testProvider(); }});
    m_test->setToolTip(tr("Asks the provider for its list of models; costs nothing."));
    m_key = addViewAction(m_providerTable,
        {"setProviderKey", tr("Set key…"), QStringLiteral("lock"), [this] { setProviderKey(); }});
    m_toggle = addViewAction(m_providerTable,
        {"toggleProvider", tr("Disable"), QStringLiteral("pause"), [this] { toggleProvider(); }});
    m_remove = addViewAction(m_providerTable,
        {"removeProvider", tr("Remove…"), QStringLiteral("trash"), [this] { removeProvider(); }});
    auto* head = new QHBoxLayout;
    head->setSpacing(Theme::space2);
    head->addWidget(headingLabel(title(), 6, pane));
    head->addStretch(1);
    for (auto* action : {m_test, m_key, m_toggle, m_remove}) {
        head->addWidget(actionButton(action, pane));
    }
    auto* add = primaryButton(tr("Add provider"), pane);
    add->setObjectName(QStringLiteral("addProvider"));
    connect(add, &QPushButton::clicked, this, &CatalogPage::addProvider);
    head->addWidget(add);
    layout->addLayout(head);
    auto* card = new Card(pane);
    auto* cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 1);
    cardLayout->addWidget(m_providerTable);
    layout->addWidget(card, 1);
    return pane;
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
    setColumnWidths(
        m_modelTable->horizontalHeader(), {-128, 88, 46, 74, 64, 66, 84, 90, 98, 88, 72, 64, 74});
    connectEdits();
    m_history = addViewAction(m_modelTable,
        {"priceHistory", tr("Price history…"), QStringLiteral("clock"), [this] { showHistory(); }});
    m_removeModel = addViewAction(m_modelTable,
        {"removeModel", tr("Remove model"), QStringLiteral("trash"), [this] { removeModel(); }});
    connect(m_modelTable->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
        &CatalogPage::refreshActions);
    auto* head = new QHBoxLayout;
    head->setSpacing(Theme::space2);
    auto* titles = new QVBoxLayout;
    titles->setSpacing(0);
    titles->addWidget(headingLabel(tr("Models"), 2, pane));
    m_bookNote = mutedLabel(bookWords(), pane);
    m_bookNote->setObjectName(QStringLiteral("bookNote"));
    m_bookNote->setWordWrap(true);
    titles->addWidget(m_bookNote);
    head->addLayout(titles, 1);
    head->addWidget(actionButton(m_history, pane));
    head->addWidget(actionButton(m_removeModel, pane));
    auto* filter = searchField(tr("Filter models"), "modelFilter", pane);
    connect(filter, &QLineEdit::textChanged, m_proxy, &QSortFilterProxyModel::setFilterFixedString);
    head->addWidget(filter);
    auto* import = new QPushButton(tr("Import prices…"), pane);
    import->setObjectName(QStringLiteral("importPrices"));
    import->setToolTip(
        tr("Compares a public price list with the catalog before anything changes."));
    connect(import, &QPushButton::clicked, this, &CatalogPage::importPrices);
    head->addWidget(import);
    auto* add = new QPushButton(icon(QStringLiteral("plus")), tr("Add model"), pane);
    add->setObjectName(QStringLiteral("addModel"));
    connect(add, &QPushButton::clicked, this, &CatalogPage::addModel);
    head->addWidget(add);
    layout->addLayout(head);
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
    m_providers->setConfig(*m_config, m_tests);
    m_models->setConfig(*m_config, SystemClock().nowUs(), context().service().margins());
    if (!m_providerTable->currentIndex().isValid() && m_providers->rowCount() > 0) {
        m_providerTable->setCurrentIndex(m_providers->index(0, 0));
    }
    refreshActions();
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
    const auto name = currentProvider();
    const catalog::Provider* provider = nullptr;
    for (const auto& other : m_config ? m_config->providers : std::vector<catalog::Provider>{}) {
        if (other.name == name) {
            provider = &other;
            m_toggle->setText(provider->enabled ? tr("Disable") : tr("Enable"));
            m_key->setEnabled(!provider->simulated);
            m_remove->setEnabled(!provider->simulated);
        }
    }
    m_test->setEnabled(provider != nullptr);
    m_toggle->setEnabled(provider != nullptr);
    if (provider == nullptr) {
        m_key->setEnabled(false);
        m_remove->setEnabled(false);
    }
    const bool chosen = m_modelTable->currentIndex().isValid();
    m_history->setEnabled(chosen);
    m_removeModel->setEnabled(chosen);
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

void CatalogPage::setProviderKey()
{
    auto* dialog = new ProviderKeyDialog(context(), currentProvider(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
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
