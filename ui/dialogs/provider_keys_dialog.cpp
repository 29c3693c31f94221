// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/provider_keys_dialog.h"

#include "core/base/limits.h"
#include "ui/dialogs/provider_dialog.h"
#include "ui/models/cells.h"
#include "ui/models/config_models.h"
#include "ui/pages/page_parts.h"

#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

enum Column { Label, Hint, State, Columns };
constexpr int liveMs = 1'000; // a pause of a key ends by itself

SnapshotRow keyRow(const std::string& label, const std::string& hint,
    const service::ProviderStatus& status, TimeUs nowUs)
{
    SnapshotRow row;
    row.id = toQt(label);
    row.cells.resize(Columns);
    row.cells[Label] = safeCell(label);
    row.cells[Hint] = hint.empty() ? textCell(ProviderKeysDialog::tr("set")) : safeCell(hint);
    row.cells[State] = chipCell(ProviderKeysDialog::tr("Not used yet"), Chip::Tone::Neutral);
    for (const auto& known : status.rows) {
        if (known.key == label) {
            const auto state = stateWords(known, nowUs);
            const auto more = known.lastError.empty()
                ? state.more
                : state.more + QLatin1Char('\n') + safeText(known.lastError);
            row.cells[State] = chipCell(state.text, state.tone, more);
        }
    }
    return row;
}

} // namespace

ProviderKeysDialog::ProviderKeysDialog(Context& context, std::string provider, QWidget* parent)
    : QDialog(parent),
      m_context(context),
      m_provider(std::move(provider))
{
    setObjectName(QStringLiteral("providerKeysDialog"));
    setWindowTitle(tr("Keys of %1").arg(safeText(m_provider)));
    setMinimumWidth(560);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space5, Theme::space5, Theme::space5, Theme::space4);
    layout->setSpacing(Theme::space3);
    layout->addWidget(headingLabel(windowTitle(), 2, this));
    m_model = new SnapshotModel({{tr("Key")}, {tr("Ends with")}, {tr("State")}}, this);
    m_table = new QTableView(this);
    m_table->setObjectName(QStringLiteral("providerKeys"));
    setUpView(m_table, windowTitle());
    m_table->setModel(m_model);
    m_table->setItemDelegate(new MaybeChipDelegate(m_table));
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setMinimumHeight(6 * Theme::rowHeight);
    setColumnWidths(m_table->horizontalHeader(), {130, 100, -220});
    setEmptyNote(m_table, tr("No key is set."));
    auto* card = new Card(this);
    auto* cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 1);
    cardLayout->addWidget(m_table);
    layout->addWidget(card, 1);
    m_kept = mutedLabel({}, this);
    m_kept->setObjectName(QStringLiteral("keysKept"));
    m_kept->setWordWrap(true);
    layout->addWidget(m_kept);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    const auto button = [&](const QString& text, const char* name) {
        auto* made = new QPushButton(text, this);
        made->setObjectName(QString::fromLatin1(name));
        made->setAutoDefault(false);
        buttons->addButton(made, QDialogButtonBox::ActionRole);
        return made;
    };
    m_set = button(tr("Set key…"), "setKey");
    m_add = button(tr("Add another…"), "addKey");
    m_remove = button(tr("Remove…"), "removeKey");
    layout->addWidget(buttons);
    connect(m_set, &QPushButton::clicked, this, [this] { askKey(false); });
    connect(m_add, &QPushButton::clicked, this, [this] { askKey(true); });
    connect(m_remove, &QPushButton::clicked, this, &ProviderKeysDialog::removeKey);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(&m_context, &Context::configChanged, this, &ProviderKeysDialog::refresh);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
        &ProviderKeysDialog::refreshActions);
    auto* live = new QTimer(this);
    connect(live, &QTimer::timeout, this, &ProviderKeysDialog::refresh);
    live->start(liveMs);
    refresh();
}

QString ProviderKeysDialog::currentLabel() const
{
    return m_model->rowId(m_table->currentIndex());
}

void ProviderKeysDialog::refresh()
{
    const auto config = m_context.service().config();
    const auto found = std::find_if(config->providers.begin(), config->providers.end(),
        [&](const auto& provider) { return provider.name == m_provider; });
    if (found == config->providers.end()) {
        reject();
        return;
    }
    service::ProviderStatus status;
    for (auto& one : m_context.service().providerStatuses()) {
        if (one.provider == m_provider) {
            status = std::move(one);
        }
    }
    const auto nowUs = SystemClock().nowUs();
    std::vector<SnapshotRow> rows;
    if (found->hasKey) {
        rows.push_back(keyRow("key", found->keyHint, status, nowUs));
    }
    for (const auto& key : found->extraKeys) {
        rows.push_back(keyRow(key.label, key.hint, status, nowUs));
    }
    m_model->setRows(std::move(rows));
    m_kept->setText(toQt(m_context.service().status().keys)
        + (m_model->rowCount() < 2 ? QString()
                : found->keyRotation == catalog::KeyRotation::RoundRobin
                ? QLatin1Char(' ') + tr("They take turns.")
                : QLatin1Char(' ') + tr("The next one steps in when one is set aside.")));
    m_set->setText(found->hasKey ? tr("Replace the first…") : tr("Set key…"));
    m_add->setEnabled(found->hasKey && found->extraKeys.size() + 1 < limits::keysPerProviderMax);
    if (!m_table->currentIndex().isValid() && m_model->rowCount() > 0) {
        m_table->setCurrentIndex(m_model->index(0, 0));
    }
    refreshActions();
}

void ProviderKeysDialog::refreshActions()
{
    m_remove->setEnabled(m_table->currentIndex().isValid());
}

void ProviderKeysDialog::askKey(bool another)
{
    auto* dialog = new ProviderKeyDialog(m_context, m_provider, another, this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void ProviderKeysDialog::removeKey()
{
    const auto label = currentLabel();
    confirm(this,
        tr("Remove the key “%1” of %2? It cannot be brought back by an undo.")
            .arg(safeText(fromQt(label)), safeText(m_provider)),
        tr("Remove key"), [this, label = fromQt(label)] {
            auto& service = m_context.service();
            m_context.run([&service, name = m_provider, label] {
                return service.removeProviderKey(name, label, "console");
            });
        });
}

} // namespace headgate::ui
