// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/keys_page.h"

#include "ui/dialogs/key_dialog.h"
#include "ui/models/cells.h"
#include "ui/models/config_models.h"
#include "ui/pages/page_parts.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLineEdit>
#include <QStackedWidget>
#include <QTableView>
#include <QUndoCommand>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

/// Restoring a revision leaves revoked keys revoked, so this step has its own way back.
class RevokeStep final : public QUndoCommand {
public:
    RevokeStep(Context& context, KeyId key, const QString& name)
        : QUndoCommand(KeysPage::tr("Revoke key %1").arg(name)),
          m_context(context),
          m_key(key),
          m_name(name)
    {
    }
    void undo() override
    {
        auto& service = m_context.service();
        m_context.run([&service, key = m_key] { return service.restoreKey(key, "console"); },
            [&context = m_context, name = m_name](const Result<void>& result) {
                if (result) {
                    context.toast(KeysPage::tr("Key %1 works again").arg(name));
                }
                return false;
            });
    }
    void redo() override
    {
        if (std::exchange(m_first, false)) {
            return; // the change itself has just been made
        }
        auto& service = m_context.service();
        m_context.run([&service, key = m_key] { return service.revokeKey(key, "console"); });
    }

private:
    Context& m_context;
    KeyId m_key;
    QString m_name;
    bool m_first = true;
};

} // namespace

KeysPage::KeysPage(Context& context, QWidget* parent) : Page(context, parent)
{
    setObjectName(QStringLiteral("keysPage"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space4, Theme::space4, Theme::space4, Theme::space4);
    layout->setSpacing(Theme::space3);
    m_model = new KeyModel(this);
    m_proxy = new SnapshotProxy(this);
    m_proxy->setSourceModel(m_model);
    m_table = new QTableView(this);
    m_table->setObjectName(QStringLiteral("keyTable"));
    setUpView(m_table, tr("Client keys"));
    m_table->setModel(m_proxy);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(KeyModel::Name, Qt::AscendingOrder);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setItemDelegate(new MaybeChipDelegate(m_table));
    setColumnWidths(m_table->horizontalHeader(), {-140, 80, 110, 110, 150, 110, 110, 110, 110});
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
        &KeysPage::refreshActions);
    m_requests = addViewAction(m_table,
        {"keyRequests", tr("Its requests"), QStringLiteral("activity"),
            [this] { showRequests(); }});
    m_revoke = addViewAction(m_table,
        {"revokeKey", tr("Revoke"), QStringLiteral("trash"), [this] { revokeOrRestore(); }});
    m_revoke->setShortcut(Qt::Key_Delete);
    layout->addWidget(buildHead());
    m_stack = new QStackedWidget(this);
    auto* empty = new EmptyState(QStringLiteral("keys"), tr("Every client gets its own key"),
        tr("So that each program and person can have a cap of its own, shows up by name in the "
           "log, and can be stopped "
           "without stopping the others. A key is shown once and kept only as a hash."),
        this);
    empty->setObjectName(QStringLiteral("keysEmpty"));
    auto* create = empty->addButton(tr("Create the first key"));
    create->setObjectName(QStringLiteral("emptyCreateKey"));
    connect(create, &QPushButton::clicked, this, &KeysPage::createKey);
    m_stack->addWidget(empty);
    setEmptyNote(m_table, tr("No key fits. Show revoked ones, or change the filter."));
    auto* card = new Card(this);
    auto* cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 1);
    cardLayout->addWidget(m_table);
    m_stack->addWidget(card);
    layout->addWidget(m_stack, 1);
    connect(&context, &Context::configChanged, this, &KeysPage::refresh);
    m_clock.setInterval(3'000);
    connect(&m_clock, &QTimer::timeout, this, &KeysPage::refresh);
}

KeysPage::~KeysPage() = default;

QString KeysPage::title() const
{
    return tr("Keys");
}

void KeysPage::activate()
{
    m_active = true;
    m_clock.start();
    refresh();
}

void KeysPage::deactivate()
{
    m_active = false;
    m_clock.stop();
}

QWidget* KeysPage::buildHead()
{
    auto* head = new QWidget(this);
    auto* row = new QHBoxLayout(head);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(Theme::space2);
    row->addWidget(headingLabel(title(), 6, head));
    row->addStretch(1);
    row->addWidget(actionButton(m_requests, head));
    row->addWidget(actionButton(m_revoke, head));
    m_withRevoked = new QCheckBox(tr("Revoked"), head);
    m_withRevoked->setObjectName(QStringLiteral("withRevoked"));
    m_withRevoked->setToolTip(tr("Show revoked keys too"));
    connect(m_withRevoked, &QCheckBox::toggled, this, &KeysPage::refresh);
    row->addWidget(m_withRevoked);
    auto* filter = searchField(tr("Filter keys"), "keyFilter", head);
    connect(filter, &QLineEdit::textChanged, m_proxy, &QSortFilterProxyModel::setFilterFixedString);
    row->addWidget(filter);
    auto* create = primaryButton(tr("Create key"), head);
    create->setObjectName(QStringLiteral("createKey"));
    connect(create, &QPushButton::clicked, this, &KeysPage::createKey);
    row->addWidget(create);
    return head;
}

void KeysPage::refresh()
{
    if (!m_active) {
        return;
    }
    m_config = context().service().config();
    std::map<KeyId, TimeUs> lastUsed;
    for (const auto& use : context().service().keysLastUsed()) {
        lastUsed[use.key] = use.lastUsedUs;
    }
    m_model->setKeys(m_config->keys, lastUsed, SystemClock().nowUs(), m_withRevoked->isChecked());
    m_stack->setCurrentIndex(m_config->keys.empty() ? 0 : 1);
    if (!m_table->currentIndex().isValid() && m_proxy->rowCount() > 0) {
        m_table->setCurrentIndex(m_proxy->index(0, 0));
    }
    refreshActions();
}

const service::KeyRecord* KeysPage::current() const
{
    if (!m_config || !m_table->currentIndex().isValid()) {
        return nullptr;
    }
    const KeyId id{m_table->currentIndex().data(IdRole).toString().toLongLong()};
    const auto found = std::find_if(m_config->keys.begin(), m_config->keys.end(),
        [&](const auto& key) { return key.id == id; });
    return found == m_config->keys.end() ? nullptr : &*found;
}

void KeysPage::refreshActions()
{
    const auto* key = current();
    m_revoke->setEnabled(key != nullptr);
    m_requests->setEnabled(key != nullptr);
    m_revoke->setText(key != nullptr && key->revokedAtUs != 0 ? tr("Restore") : tr("Revoke"));
}

void KeysPage::createKey()
{
    auto* dialog = new KeyDialog(context(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QDialog::accepted, this, [this, dialog] {
        const auto created = dialog->takeCreated();
        if (!created) {
            return;
        }
        auto* shown = new KeyShownDialog(*created, toQt(context().service().status().url), this);
        shown->setAttribute(Qt::WA_DeleteOnClose);
        shown->open();
    });
    dialog->open();
}

void KeysPage::revokeOrRestore()
{
    const auto* key = current();
    if (key == nullptr) {
        return;
    }
    auto& service = context().service();
    const auto name = safeText(key->name);
    const auto id = key->id;
    if (key->revokedAtUs != 0) {
        context().run([&service, id] { return service.restoreKey(id, "console"); },
            [&context = context(), name](const Result<void>& result) {
                if (result) {
                    context.toast(tr("Key %1 works again").arg(name));
                }
                return false;
            });
        return;
    }
    context().run([&service, id] { return service.revokeKey(id, "console"); },
        [&context = context(), id, name](const Result<void>& result) {
            if (result) {
                context.undoStack().push(new RevokeStep(context, id, name));
                Q_EMIT context.toastRequested(tr("Key %1 revoked").arg(name), false, true);
            }
            return false;
        });
}

void KeysPage::showRequests()
{
    if (const auto* key = current()) {
        context().addFilter({QStringLiteral("key"), toQt(key->name)});
        context().openPage(QStringLiteral("activity"));
    }
}

} // namespace headgate::ui
