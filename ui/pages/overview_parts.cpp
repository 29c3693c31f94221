// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/overview_parts.h"

#include "ui/models/cells.h"
#include "ui/models/decision_table_model.h"
#include "ui/theme/icon_engine.h"

#include <QDateTime>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QMouseEvent>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

constexpr std::size_t risksShown = 5;
constexpr int riskHeight = 44;

} // namespace

StatCard::StatCard(const QString& objectName, const QString& title, QWidget* parent)
    : Card(parent),
      m_fullTitle(title),
      m_title(mutedLabel(title, this)),
      m_value(headingLabel(QStringLiteral("–"), 5, this)),
      m_note(mutedLabel(QString(), this))
{
    setObjectName(objectName);
    setFocusPolicy(Qt::StrongFocus);
    setCursor(Qt::PointingHandCursor);
    setMinimumWidth(120);
    QFont valueFont = Theme::tabularFont();
    valueFont.setPointSizeF(valueFont.pointSizeF() + 6);
    valueFont.setWeight(QFont::DemiBold);
    m_value->setFont(valueFont);
    m_value->setObjectName(QStringLiteral("value"));
    QFont small = m_note->font();
    small.setPointSizeF(small.pointSizeF() - 1);
    m_note->setFont(small);
    auto* layout = new QGridLayout(this);
    layout->setContentsMargins(
        Theme::space3 + 2, Theme::space2 + 2, Theme::space3 + 2, Theme::space2 + 2);
    layout->setVerticalSpacing(1);
    layout->setHorizontalSpacing(Theme::space2);
    layout->addWidget(m_title, 0, 0, 1, 2);
    layout->addWidget(m_value, 1, 0);
    layout->addWidget(m_note, 2, 0, 1, 2);
    layout->setColumnStretch(0, 1);
    for (QLabel* label : {m_title, m_note}) {
        label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    }
}

void StatCard::set(const QString& value, const QString& note, const QString& tooltip)
{
    if (m_value->text() != value) {
        m_value->setText(value);
    }
    m_fullNote = note;
    setToolTip(tooltip.isEmpty() ? QString() : plainTooltip(tooltip));
    setAccessibleName(m_fullTitle + QStringLiteral(": ") + value);
    setAccessibleDescription(note);
    elide();
}

void StatCard::setTitle(const QString& title)
{
    m_fullTitle = title;
    elide();
}

void StatCard::setTone(Chip::Tone tone)
{
    QPalette colors = m_value->palette();
    colors.setColor(QPalette::WindowText,
        tone == Chip::Tone::Neutral ? Theme::instance().tokens().text : toneColor(tone));
    m_value->setPalette(colors);
}

Sparkline* StatCard::addSparkline()
{
    auto* line = new Sparkline(this);
    line->setFixedSize(72, 20); // lower than the number beside it, so that cards align
    static_cast<QGridLayout*>(layout())->addWidget(line, 1, 1, Qt::AlignRight | Qt::AlignVCenter);
    return line;
}

void StatCard::elide()
{
    const int room = width() - 2 * (Theme::space3 + 2) - 2;
    const auto put = [room](QLabel* label, const QString& text) {
        const QString shown = label->fontMetrics().elidedText(text, Qt::ElideRight, room);
        if (label->text() != shown) {
            label->setText(shown);
        }
    };
    put(m_title, m_fullTitle);
    put(m_note, m_fullNote);
}

void StatCard::enterEvent(QEnterEvent* event)
{
    setProperty("hgHot", true);
    update();
    Card::enterEvent(event);
}

void StatCard::leaveEvent(QEvent* event)
{
    setProperty("hgHot", false);
    update();
    Card::leaveEvent(event);
}

void StatCard::mouseReleaseEvent(QMouseEvent* event)
{
    if (event->button() == Qt::LeftButton && rect().contains(event->position().toPoint())) {
        Q_EMIT clicked();
    }
}

void StatCard::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter
        || event->key() == Qt::Key_Space) {
        Q_EMIT clicked();
        return;
    }
    Card::keyPressEvent(event);
}

void StatCard::resizeEvent(QResizeEvent* event)
{
    Card::resizeEvent(event);
    elide();
}

void StatCard::focusInEvent(QFocusEvent* event)
{
    Card::focusInEvent(event);
    update();
}

void StatCard::focusOutEvent(QFocusEvent* event)
{
    Card::focusOutEvent(event);
    update();
}

PoolRiskList::PoolRiskList(QWidget* parent) : QWidget(parent)
{
    setObjectName(QStringLiteral("poolRisks"));
    setMinimumHeight(riskHeight * 2);
    connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void PoolRiskList::set(const std::vector<PoolRisk>& risks)
{
    m_risks.assign(risks.begin(),
        risks.begin() + static_cast<std::ptrdiff_t>(std::min(risks.size(), risksShown)));
    QStringList words;
    for (const PoolRisk& risk : m_risks) {
        words += tr("%1: %2 percent used, %3 left")
                     .arg(risk.name)
                     .arg(usedPercent(risk.bar))
                     .arg(moneyText(risk.left));
    }
    setAccessibleName(words.isEmpty() ? tr("No hard pool") : words.join(QStringLiteral("; ")));
    update();
}

QSize PoolRiskList::sizeHint() const
{
    return {240, riskHeight * static_cast<int>(risksShown)};
}

void PoolRiskList::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.setFont(Theme::tabularFont());
    if (m_risks.empty()) {
        painter.setPen(t.muted);
        painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap,
            tr("No limit is set.\nRequests pass unmetered until you add one."));
        return;
    }
    const QFontMetrics metrics(painter.font());
    const TimeUs now = QDateTime::currentMSecsSinceEpoch() * usPerMs;
    for (std::size_t i = 0; i < m_risks.size(); ++i) {
        const PoolRisk& risk = m_risks[i];
        const QRect row(0, static_cast<int>(i) * riskHeight, width(), riskHeight);
        if (row.bottom() > height() + 2) {
            return;
        }
        const QRect words(row.left(), row.top() + 2, row.width(), metrics.height());
        const int percent = usedPercent(risk.bar);
        QString right = tr("%1 left · %2 %").arg(moneyText(risk.left)).arg(percent);
        if (risk.frozen) {
            right = tr("frozen");
        } else if (risk.resetsAtUs && *risk.resetsAtUs > now && width() > 420) {
            right += tr(" · resets in %1").arg(untilText(*risk.resetsAtUs - now));
        }
        painter.setPen(risk.frozen ? t.danger : t.secondary);
        painter.drawText(words, Qt::AlignRight | Qt::AlignVCenter, right);
        painter.setPen(t.text);
        const int room = words.width() - metrics.horizontalAdvance(right) - 12;
        painter.drawText(words, Qt::AlignLeft | Qt::AlignVCenter,
            metrics.elidedText(risk.name, Qt::ElideRight, room));
        paintMoneyBar(&painter, QRect(row.left(), words.bottom() + 5, row.width(), 8), risk.bar);
    }
}

void FeedModel::replace(std::vector<activity::Decision> rows)
{
    beginResetModel();
    m_rows.assign(std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    m_rows.resize(std::min(m_rows.size(), rowsMax));
    endResetModel();
}

void FeedModel::prepend(const std::vector<activity::Decision>& rows)
{
    const std::size_t count = std::min(rows.size(), rowsMax);
    if (count == 0) {
        return;
    }
    beginInsertRows({}, 0, static_cast<int>(count) - 1);
    for (std::size_t i = rows.size() - count; i < rows.size(); ++i) {
        m_rows.push_front(rows[i]); // events come oldest first
    }
    endInsertRows();
    if (m_rows.size() > rowsMax) {
        beginRemoveRows({}, static_cast<int>(rowsMax), static_cast<int>(m_rows.size()) - 1);
        m_rows.resize(rowsMax);
        endRemoveRows();
    }
}

int FeedModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int FeedModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : Columns;
}

QVariant FeedModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal) {
        return {};
    }
    if (role == Qt::TextAlignmentRole && section == Cost) {
        return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    }
    if (role != Qt::DisplayRole) {
        return {};
    }
    static const std::array<QString, Columns> titles{
        tr("Time"), tr("Who"), tr("Asked → used"), tr("Decision"), tr("Cost"), tr("Why")};
    return section >= 0 && section < Columns ? titles[static_cast<std::size_t>(section)]
                                             : QVariant();
}

QVariant FeedModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= rowCount()) {
        return {};
    }
    const activity::Decision& row = at(index.row());
    const bool wentWrong = row.status != activity::Status::Ok
        && row.status != activity::Status::Estimated && row.status != activity::Status::Refused
        && row.status != activity::Status::Rejected;
    if (role == Qt::TextAlignmentRole && index.column() == Cost) {
        return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    }
    if (role == ToneRole && index.column() == Outcome) {
        return static_cast<int>(wentWrong ? statusTone(row.status) : outcomeTone(row.outcome));
    }
    if (role == Qt::ToolTipRole) {
        switch (index.column()) {
        case Time:
            return timeTooltip(row.atUs);
        case Cost:
            return exactMoneyText(row.cost);
        case Why:
            return plainTooltip(safeText(row.error.empty() ? row.reason : row.error));
        default:
            return {};
        }
    }
    if (role != Qt::DisplayRole) {
        return {};
    }
    switch (index.column()) {
    case Time:
        return timeText(row.atUs);
    case Who:
        return row.team.empty()
            ? safeText(row.key)
            : safeText(row.team + " · " + (row.user.empty() ? row.key : row.user));
    case Models:
        return row.model.empty() ? safeText(row.askedModel)
                                 : safeText(row.askedModel + " → " + row.model);
    case Outcome:
        return wentWrong ? statusWords(row.status) : outcomeWords(row.outcome);
    case Cost:
        return moneyText(row.cost);
    case Why:
        return safeText(row.reason.empty() ? row.error : row.reason).simplified();
    default:
        return {};
    }
}

StartCard::StartCard(QWidget* parent) : Card(parent)
{
    setObjectName(QStringLiteral("startCard"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space5, Theme::space4 + 4, Theme::space5, Theme::space4 + 4);
    layout->setSpacing(Theme::space2);
    layout->addWidget(headingLabel(tr("Four steps to the first request"), 3, this));
    auto* words = mutedLabel(
        tr("Nothing has passed through yet. The guided setup does all four in two minutes."), this);
    words->setWordWrap(true);
    layout->addWidget(words);
    layout->addSpacing(Theme::space2);
    const std::array<QString, 4> titles{tr("Add a provider"), tr("Set a hard cap"),
        tr("Make a client key"), tr("Send a test request")};
    const std::array<QString, 4> actions{
        tr("Open Catalog"), tr("Open Budgets"), tr("Open Keys"), tr("Send it")};
    for (std::size_t i = 0; i < titles.size(); ++i) {
        Step& step = m_steps[i];
        auto* row = new QHBoxLayout;
        row->setSpacing(Theme::space3);
        step.mark = new QLabel(this);
        step.title = new QLabel(titles[i], this);
        step.button = new QPushButton(actions[i], this);
        step.button->setObjectName(QStringLiteral("startStep%1").arg(i + 1));
        row->addWidget(step.mark);
        row->addWidget(step.title, 1);
        row->addWidget(step.button);
        layout->addLayout(row);
        connect(step.button, &QPushButton::clicked, this,
            [this, i] { Q_EMIT chosen(static_cast<int>(i)); });
    }
    layout->addSpacing(Theme::space2);
    auto* wizard = primaryButton(tr("Start the guided setup"), this);
    wizard->setObjectName(QStringLiteral("startWizard"));
    layout->addWidget(wizard, 0, Qt::AlignLeft);
    connect(wizard, &QPushButton::clicked, this, &StartCard::wizardWanted);
    connect(&Theme::instance(), &Theme::changed, this, &StartCard::refresh);
    refresh();
}

void StartCard::setDone(const std::array<bool, 4>& done)
{
    m_done = done;
    refresh();
}

void StartCard::refresh()
{
    const Tokens& t = Theme::instance().tokens();
    for (std::size_t i = 0; i < m_steps.size(); ++i) {
        Step& step = m_steps[i];
        step.mark->setPixmap(
            iconPixmap(m_done[i] ? QStringLiteral("check-circle") : QStringLiteral("circle"),
                m_done[i] ? t.ok : t.muted, 20, devicePixelRatioF()));
        step.mark->setAccessibleName(m_done[i] ? tr("done") : tr("to do"));
        step.mark->setToolTip(step.mark->accessibleName());
    }
}

} // namespace headgate::ui
