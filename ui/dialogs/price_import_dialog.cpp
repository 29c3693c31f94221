// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/price_import_dialog.h"

#include "core/base/limits.h"
#include "ui/models/cells.h"
#include "ui/models/snapshot_model.h"
#include "ui/pages/page_parts.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QRegularExpression>
#include <QTableView>
#include <QThreadPool>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cstdlib>

namespace headgate::ui {

namespace {

using Kind = catalog::ModelChange::Kind;
constexpr int roomyWidth = 1'600; ///< of the window
enum Filter { All, NewOnes, Changes, Large, Unlisted };
enum Column { Change, ModelName, Part, Before, After, Percent, Columns };

bool isAddress(const QString& source)
{
    return source.startsWith(QLatin1String("https://"))
        || source.startsWith(QLatin1String("http://"));
}

Result<std::string> readList(const QString& source)
{
    if (isAddress(source)) {
        return service::Service::fetchPrices(fromQt(source));
    }
    QFile file(source);
    if (!file.open(QIODevice::ReadOnly)) {
        return Error(ErrorCode::Io, "The file cannot be read.", "Check the path and its rights.");
    }
    const QByteArray text = file.read(qint64(limits::priceListBytesMax) + 1);
    return text.toStdString();
}

/// "above 272000: cacheWrite5m" as people say it.
QString partWords(const std::string& what)
{
    static const QRegularExpression words(QStringLiteral("([a-z])([A-Z0-9])"));
    static const QRegularExpression number(QStringLiteral("\\b\\d{4,}\\b"));
    auto text = safeText(what);
    if (const auto match = number.match(text); match.hasMatch()) {
        text.replace(match.capturedStart(), match.capturedLength(),
            countText(match.captured().toLongLong()));
    }
    // Names of tiers stay as the list has them; what is priced stands last.
    const auto at = text.lastIndexOf(QStringLiteral(": ")) + 1;
    return text.left(at) + text.mid(at).replace(words, QStringLiteral("\\1 \\2")).toLower();
}

QString percentWords(const catalog::PriceDelta& delta)
{
    if (!delta.permille) {
        return delta.before.empty() ? PriceImportDialog::tr("new") : PriceImportDialog::tr("gone");
    }
    const std::int64_t size = std::abs(*delta.permille);
    QString text = (*delta.permille < 0 ? QStringLiteral("−") : QStringLiteral("+"))
        + QString::number(size / 10);
    if (size % 10 != 0) {
        text += QLatin1Char('.') + QString::number(size % 10);
    }
    return text + QStringLiteral(" %");
}

Cell kindCell(const catalog::ModelChange& change, bool large)
{
    if (large) {
        return chipCell(PriceImportDialog::tr("Large"), Chip::Tone::Danger,
            PriceImportDialog::tr("Moves by more than %1 times, or vanishes.")
                .arg(limits::priceChangeFactorMax));
    }
    switch (change.kind) {
    case Kind::Added:
        return chipCell(PriceImportDialog::tr("New model"), Chip::Tone::Info);
    case Kind::Changed:
        return chipCell(PriceImportDialog::tr("Changed"), Chip::Tone::Warning);
    case Kind::Unlisted:
        break;
    }
    return chipCell(PriceImportDialog::tr("Not listed"), Chip::Tone::Neutral,
        PriceImportDialog::tr("The list does not have it; it stays as it is."));
}

SnapshotRow deltaRow(const catalog::ModelChange& change, const catalog::PriceDelta& delta)
{
    SnapshotRow row;
    row.id = toQt(change.model.id() + "\n" + delta.what);
    row.cells.resize(Columns);
    row.cells[Change] = kindCell(change, delta.large);
    row.cells[ModelName] = safeCell(change.model.id());
    row.cells[Part] = textCell(partWords(delta.what), safeText(delta.what));
    const auto amount = [](const std::string& text) {
        Cell cell = textCell(text.empty() ? QStringLiteral("–") : QStringLiteral("$") + toQt(text));
        cell.number = true;
        cell.muted = text.empty();
        return cell;
    };
    row.cells[Before] = amount(delta.before);
    row.cells[After] = amount(delta.after);
    row.cells[Percent] = textCell(percentWords(delta));
    row.cells[Percent].number = true;
    row.cells[Percent].sort = qlonglong(delta.permille.value_or(0));
    return row;
}

} // namespace

PriceImportDialog::PriceImportDialog(Context& context, QWidget* parent)
    : CommandDialog(tr("Import prices"), tr("Apply"), parent),
      m_context(context)
{
    setObjectName(QStringLiteral("priceImportDialog"));
    const auto* window = parent == nullptr ? nullptr : parent->window();
    const bool roomy = window != nullptr && window->width() >= roomyWidth;
    resize(roomy ? QSize(1'120, 780) : QSize(880, 640));
    buildSource();
    buildDiff();
    if (auto* whole = qobject_cast<QVBoxLayout*>(layout())) {
        whole->setStretchFactor(body(), 1'000); // a tall window is for the table
    }
    refreshActions();
    m_source->setFocus();
}

void PriceImportDialog::buildSource()
{
    m_source = new QLineEdit(this);
    m_source->setObjectName(QStringLiteral("importSource"));
    m_source->setPlaceholderText(tr("File, or https address of a list"));
    auto* choose = new QPushButton(tr("Choose file…"), this);
    choose->setObjectName(QStringLiteral("importChoose"));
    choose->setAutoDefault(false);
    m_compare = new QPushButton(tr("Compare"), this);
    m_compare->setObjectName(QStringLiteral("importCompare"));
    m_compare->setAutoDefault(false);
    auto* line = new QWidget(this);
    auto* row = new QHBoxLayout(line);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(Theme::space2);
    row->addWidget(m_source, 1);
    row->addWidget(webButton(line));
    row->addWidget(choose);
    row->addWidget(m_compare);
    addField(tr("Price list of LiteLLM, models.dev, genai-prices or Headgate"), line);
    m_source->setAccessibleName(tr("Price list"));
    m_provider = new QComboBox(this);
    m_provider->setObjectName(QStringLiteral("importProvider"));
    m_provider->addItem(tr("All providers that are set up"), QString());
    for (const auto& provider : m_context.service().config()->providers) {
        if (!provider.simulated) {
            m_provider->addItem(safeText(provider.name), toQt(provider.name));
        }
    }
    m_provider->setAccessibleName(tr("Models of"));
    m_onlyKnown = new QCheckBox(tr("Only models that are in the catalog"), this);
    m_onlyKnown->setObjectName(QStringLiteral("importOnlyKnown"));
    auto* scope = new QHBoxLayout;
    scope->setSpacing(Theme::space3);
    scope->addWidget(m_provider);
    scope->addWidget(m_onlyKnown);
    scope->addStretch(1);
    body()->addLayout(scope);
    connect(choose, &QPushButton::clicked, this, &PriceImportDialog::chooseFile);
    connect(m_compare, &QPushButton::clicked, this, &PriceImportDialog::load);
    connect(m_source, &QLineEdit::returnPressed, this, &PriceImportDialog::load);
    connect(m_source, &QLineEdit::textChanged, this, &PriceImportDialog::refreshActions);
    connect(m_provider, &QComboBox::currentIndexChanged, this, &PriceImportDialog::compare);
    connect(m_onlyKnown, &QCheckBox::toggled, this, &PriceImportDialog::compare);
}

void PriceImportDialog::buildDiff()
{
    m_summary = mutedLabel(tr("Nothing is changed before you apply it."), this);
    m_summary->setObjectName(QStringLiteral("importSummary"));
    m_summary->setTextFormat(Qt::PlainText);
    m_summary->setWordWrap(true);
    body()->addWidget(m_summary);
    body()->addLayout(filterLine());
    m_model = new SnapshotModel({{tr("What")}, {tr("Model")}, {tr("Price")},
                                    {tr("Before"), tr("Dollars, tokens by the million"), true},
                                    {tr("After"), tr("Dollars, tokens by the million"), true},
                                    {tr("Difference"), {}, true}},
        this);
    auto* proxy = new SnapshotProxy(this);
    proxy->setSourceModel(m_model);
    m_table = new QTableView(this);
    m_table->setObjectName(QStringLiteral("importTable"));
    setUpView(m_table, tr("What would change"));
    m_table->setModel(proxy);
    connect(m_filter, &QLineEdit::textChanged, proxy, &QSortFilterProxyModel::setFilterFixedString);
    m_table->setItemDelegate(new MaybeChipDelegate(m_table));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setMinimumHeight(240);
    setColumnWidths(m_table->horizontalHeader(), {116, -200, 216, 96, 96, 96});
    setEmptyNote(m_table, tr("Compare a list to see what it would change."));
    auto* card = new Card(this);
    auto* cardLayout = new QVBoxLayout(card);
    cardLayout->setContentsMargins(1, 1, 1, 1);
    cardLayout->addWidget(m_table);
    body()->addWidget(card, 1);
    m_acceptLarge = new QCheckBox(this);
    m_acceptLarge->setText(
        tr("Accept prices that move by more than %1 times").arg(limits::priceChangeFactorMax));
    m_acceptLarge->setObjectName(QStringLiteral("importAcceptLarge"));
    m_acceptLarge->hide();
    body()->addWidget(m_acceptLarge);
    connect(m_acceptLarge, &QCheckBox::toggled, this, &PriceImportDialog::refreshActions);
}

/// Puts the address of a public list into the field; reading it still takes "Compare".
QToolButton* PriceImportDialog::webButton(QWidget* parent)
{
    const std::pair<QString, QString> lists[]
        = {{QStringLiteral("LiteLLM"),
               QStringLiteral("https://raw.githubusercontent.com/BerriAI/litellm/main/"
                              "model_prices_and_context_window.json")},
            {QStringLiteral("models.dev"), QStringLiteral("https://models.dev/api.json")},
            {QStringLiteral("genai-prices"),
                QStringLiteral("https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/"
                               "main/prices/data.json")}};
    auto* button = new QToolButton(parent);
    button->setObjectName(QStringLiteral("importWeb"));
    button->setIcon(icon(QStringLiteral("download")));
    button->setText(tr("From the web"));
    button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    button->setMinimumHeight(Theme::controlHeight);
    button->setFocusPolicy(Qt::StrongFocus);
    button->setPopupMode(QToolButton::InstantPopup);
    auto* menu = new QMenu(button);
    for (const auto& [name, address] : lists) {
        auto* action = menu->addAction(name);
        connect(action, &QAction::triggered, this, [this, address = address] {
            m_source->setText(address);
            m_compare->setFocus();
        });
    }
    button->setMenu(menu);
    return button;
}

/// A list may concern hundreds of models; one looks at the large changes first.
QHBoxLayout* PriceImportDialog::filterLine()
{
    m_kind = new QComboBox(this);
    m_kind->setObjectName(QStringLiteral("importKind"));
    m_kind->setAccessibleName(tr("Which changes to show"));
    m_kind->setMinimumHeight(Theme::controlHeight);
    m_kind->addItems({tr("All changes"), tr("New models"), tr("Changed prices"),
        tr("Large changes"), tr("Not in the list")});
    connect(m_kind, &QComboBox::currentIndexChanged, this, &PriceImportDialog::showRows);
    m_filter = searchField(tr("Filter models"), "importFilter", this);
    auto* line = new QHBoxLayout;
    line->setSpacing(Theme::space2);
    line->addWidget(m_kind);
    line->addWidget(m_filter);
    line->addStretch(1);
    m_kind->setEnabled(false);
    m_filter->setEnabled(false);
    return line;
}

void PriceImportDialog::chooseFile()
{
    const QString file = QFileDialog::getOpenFileName(
        this, tr("Choose a price list"), {}, tr("Price lists (*.json);;All files (*)"));
    if (!file.isEmpty()) {
        m_source->setText(file);
        load();
    }
}

void PriceImportDialog::load()
{
    const QString source = m_source->text().trimmed();
    if (source.isEmpty()) {
        return;
    }
    setProblem({});
    m_summary->setText(isAddress(source) ? tr("Reading %1 …").arg(source) : tr("Reading …"));
    m_compare->setEnabled(false);
    m_any = false;
    refreshActions();
    const std::string origin
        = isAddress(source) ? fromQt(source) : fromQt(QFileInfo(source).fileName());
    // Not with the commands: an address may take a minute, and commands wait for each other.
    QThreadPool::globalInstance()->start(
        [source, done = onGui<Result<std::string>>(this, [this, origin](auto& text) {
            m_compare->setEnabled(true);
            if (text) {
                showList(*text, origin);
            } else {
                showNothing(tr("Nothing was compared."), tr("The list could not be read."));
                setProblem(safeText(text.error().text()));
            }
        })] { done(readList(source)); });
}

void PriceImportDialog::showList(const std::string& text, const std::string& origin)
{
    m_text = text;
    m_origin = origin;
    compare();
}

catalog::ImportOptions PriceImportDialog::options() const
{
    catalog::ImportOptions out;
    out.provider = fromQt(m_provider->currentData().toString());
    out.onlyKnown = m_onlyKnown->isChecked();
    out.origin = m_origin.substr(0, limits::nameBytesMax);
    return out;
}

void PriceImportDialog::compare()
{
    if (m_text.empty()) {
        return;
    }
    setProblem({});
    m_any = false;
    refreshActions();
    m_summary->setText(tr("Comparing …"));
    m_revision = m_context.service().config()->revision;
    auto& service = m_context.service();
    auto diff = std::make_shared<Result<catalog::ImportDiff>>(Error());
    m_context.run(
        [&service, diff, text = m_text, asked = options()]() -> Result<void> {
            *diff = service.previewPrices(text, asked);
            return {};
        },
        [self = QPointer(this), diff, number = ++m_asked](const Result<void>&) {
            if (self && self->m_asked == number) {
                if (*diff) {
                    self->showDiff(**diff);
                } else {
                    self->showNothing(tr("The list was refused; nothing was changed."),
                        tr("A list with one wrong entry is refused whole: half of it would be "
                           "worse."));
                    self->setProblem(safeText(diff->error().text()));
                }
            }
            return true;
        });
}

void PriceImportDialog::showNothing(const QString& summary, const QString& note)
{
    m_diff.reset();
    m_any = false;
    m_large = false;
    m_acceptLarge->hide();
    m_kind->setEnabled(false);
    m_filter->setEnabled(false);
    m_model->setRows({});
    m_summary->setText(summary);
    m_table->findChild<QLabel*>(QStringLiteral("emptyNote"))->setText(note);
    refreshActions();
}

void PriceImportDialog::addRows(Kind kind, bool onlyLarge, std::vector<SnapshotRow>& rows) const
{
    for (const auto& change : m_diff->changes) {
        if (change.kind != kind) {
            continue;
        }
        for (const auto& delta : change.prices) {
            if (!onlyLarge || delta.large) {
                rows.push_back(deltaRow(change, delta));
            }
        }
        if (kind == Kind::Unlisted && !onlyLarge) {
            rows.push_back(deltaRow(change, {}));
            rows.back().cells[Percent] = textCell({});
        }
    }
}

void PriceImportDialog::showRows()
{
    if (!m_diff) {
        return;
    }
    const int wanted = m_kind->currentIndex();
    std::vector<SnapshotRow> rows;
    // What changes is looked at first, what stays last.
    for (const auto& [kind, filter] : {std::pair(Kind::Changed, Changes),
             std::pair(Kind::Added, NewOnes), std::pair(Kind::Unlisted, Unlisted)}) {
        if (wanted == All || wanted == Large || wanted == filter) {
            addRows(kind, wanted == Large, rows);
        }
    }
    m_table->findChild<QLabel*>(QStringLiteral("emptyNote"))
        ->setText(m_diff->changes.empty() ? tr("Nothing in this list differs from the catalog.")
                                          : tr("No change of this kind."));
    m_model->setRows(std::move(rows));
}

void PriceImportDialog::showDiff(const catalog::ImportDiff& diff)
{
    m_diff = std::make_unique<catalog::ImportDiff>(diff);
    m_any = std::any_of(diff.changes.begin(), diff.changes.end(),
        [](const auto& change) { return change.kind != Kind::Unlisted; });
    m_kind->setEnabled(!diff.changes.empty());
    m_filter->setEnabled(!diff.changes.empty());
    showRows();
    m_large = diff.large;
    m_acceptLarge->setVisible(m_large);
    m_acceptLarge->setChecked(false);
    QString words = tr("%1: %2 models new, %3 changed, %4 unchanged, %5 not in the list.")
                        .arg(toQt(diff.list), countText(diff.count(Kind::Added)),
                            countText(diff.count(Kind::Changed)), countText(diff.unchanged),
                            countText(diff.count(Kind::Unlisted)));
    if (!diff.skipped.empty()) {
        words += QLatin1Char(' ')
            + tr("%1 entries have prices that cannot be used.")
                  .arg(countText(std::int64_t(diff.skipped.size())));
    }
    m_summary->setText(words);
    refreshActions();
}

void PriceImportDialog::refreshActions()
{
    setAcceptable(m_any && (!m_large || m_acceptLarge->isChecked()));
}

void PriceImportDialog::submit()
{
    auto& service = m_context.service();
    const service::Service::ImportConsent consent{m_acceptLarge->isChecked(), m_revision};
    m_context.runUndoable(
        tr("Import prices from %1").arg(safeText(m_origin)),
        [&service, consent, text = m_text, asked = options()]() -> Result<void> {
            auto done = service.importPrices(text, asked, consent, "console");
            if (!done) {
                return done.error();
            }
            return {};
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
