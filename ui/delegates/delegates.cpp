// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/delegates/delegates.h"

#include "ui/theme/icon_engine.h"

#include <QApplication>
#include <QKeyEvent>
#include <QLineEdit>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>

namespace headgate::ui {

namespace {

constexpr int barHeight = 8;
constexpr int percentWidth = 44;

/// Parts in a thousand, without overflow and without floating point.
int permille(qint64 part, qint64 whole)
{
    if (whole <= 0 || part <= 0) {
        return 0;
    }
    if (part >= whole) {
        return 1000;
    }
    return whole < 1'000'000 ? static_cast<int>(part * 1000 / whole)
                             : static_cast<int>(part / (whole / 1000));
}

QColor barColor(const Tokens& tokens, int percent)
{
    return percent >= 100 ? tokens.danger : percent >= 80 ? tokens.warning : tokens.accent;
}

/// Own hatching: a Qt brush pattern would ignore the device pixel ratio.
void hatch(QPainter* painter, const QRectF& rect, const QColor& color)
{
    painter->save();
    painter->setClipRect(rect, Qt::IntersectClip);
    QColor back = color;
    back.setAlpha(60);
    painter->fillRect(rect, back);
    painter->setPen(QPen(color, 1.4));
    for (qreal x = rect.left() - rect.height(); x < rect.right() + rect.height(); x += 4) {
        painter->drawLine(QPointF(x, rect.bottom()), QPointF(x + rect.height(), rect.top()));
    }
    painter->restore();
}

void paintBackground(
    QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index)
{
    const QStyle* style = option.widget != nullptr ? option.widget->style() : QApplication::style();
    QStyleOptionViewItem back(option);
    back.backgroundBrush = qvariant_cast<QBrush>(index.data(Qt::BackgroundRole));
    style->drawPrimitive(QStyle::PE_PanelItemViewItem, &back, painter, option.widget);
}

} // namespace

int usedPercent(const MoneyBar& bar)
{
    const Money used = Money::fromNano(bar.settled).plusSaturated(Money::fromNano(bar.held));
    if (bar.cap > 0 && used.nano() >= bar.cap) {
        return bar.cap < 100 ? 100
                             : static_cast<int>(qMin<qint64>(999, used.nano() / (bar.cap / 100)));
    }
    return permille(used.nano(), bar.cap) / 10;
}

void paintMoneyBar(QPainter* painter, const QRect& rect, const MoneyBar& bar)
{
    const Tokens& tokens = Theme::instance().tokens();
    const int width = rect.width();
    const int settled = width * permille(bar.settled, bar.cap) / 1000;
    const Money sum = Money::fromNano(bar.settled).plusSaturated(Money::fromNano(bar.held));
    int used = width * permille(sum.nano(), bar.cap) / 1000;
    if (bar.held > 0 && used < settled + 2) {
        used = qMin(width, settled + 2); // held money is always visible
    }
    const QColor color = barColor(tokens, usedPercent(bar));
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    QPainterPath shape;
    shape.addRoundedRect(rect, rect.height() / 2.0, rect.height() / 2.0);
    painter->setClipPath(shape, Qt::IntersectClip);
    painter->fillRect(rect, tokens.hairline);
    painter->fillRect(QRect(rect.left(), rect.top(), settled, rect.height()), color);
    if (used > settled) {
        hatch(painter, QRectF(rect.left() + settled, rect.top(), used - settled, rect.height()),
            color);
    }
    painter->restore();
    if (bar.reservePercent > 0 && bar.reservePercent < 100) {
        const int x = rect.left() + width * (100 - bar.reservePercent) / 100;
        painter->fillRect(QRect(x, rect.top() - 3, 2, rect.height() + 6), tokens.secondary);
    }
}

QColor toneColor(Chip::Tone tone)
{
    const Tokens& tokens = Theme::instance().tokens();
    switch (tone) {
    case Chip::Tone::Ok:
        return tokens.ok;
    case Chip::Tone::Warning:
        return tokens.warning;
    case Chip::Tone::Danger:
        return tokens.danger;
    case Chip::Tone::Info:
        return tokens.info;
    case Chip::Tone::Accent:
        return tokens.accent;
    case Chip::Tone::Neutral:
        break;
    }
    return tokens.secondary;
}

QString toneIcon(Chip::Tone tone)
{
    switch (tone) {
    case Chip::Tone::Ok:
        return QStringLiteral("check");
    case Chip::Tone::Warning:
        return QStringLiteral("warning");
    case Chip::Tone::Danger:
        return QStringLiteral("close");
    case Chip::Tone::Info:
        return QStringLiteral("info");
    case Chip::Tone::Accent:
    case Chip::Tone::Neutral:
        break;
    }
    return QStringLiteral("dot");
}

QSize chipSize(const QString& text, const QFont& font)
{
    const QFontMetrics metrics(font);
    return {metrics.horizontalAdvance(text) + 8 + 12 + 4 + 8, qMax(20, metrics.height() + 4)};
}

void paintChip(QPainter* painter, const QRect& rect, const QString& text, Chip::Tone tone)
{
    const Tokens& tokens = Theme::instance().tokens();
    const QColor color = toneColor(tone);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    painter->setBrush(tone == Chip::Tone::Neutral ? tokens.sunken : tokens.wash(color));
    painter->drawRoundedRect(rect, rect.height() / 2.0, rect.height() / 2.0);
    const QPixmap mark
        = iconPixmap(toneIcon(tone), color, 12, painter->device()->devicePixelRatioF());
    painter->drawPixmap(QPoint(rect.left() + 8, rect.top() + (rect.height() - 12) / 2), mark);
    painter->setPen(tokens.text);
    const QRect textRect = rect.adjusted(24, 0, -6, 0);
    const QString shown
        = painter->fontMetrics().elidedText(text, Qt::ElideRight, textRect.width() + 2);
    painter->drawText(textRect, Qt::AlignVCenter | Qt::AlignLeft | Qt::TextSingleLine, shown);
    painter->restore();
}

void MoneyBarDelegate::paint(
    QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    paintBackground(painter, option, index);
    const MoneyBar bar{index.data(SettledRole).toLongLong(), index.data(HeldRole).toLongLong(),
        index.data(CapRole).toLongLong(), index.data(ReserveRole).toInt()};
    const QRect inner = option.rect.adjusted(8, 0, -8, 0);
    if (bar.cap <= 0 || inner.width() < percentWidth + 20) {
        painter->save();
        painter->setPen(Theme::instance().tokens().muted);
        painter->drawText(
            inner, Qt::AlignVCenter | Qt::AlignLeft, index.data(Qt::DisplayRole).toString());
        painter->restore();
        return;
    }
    const QRect track(inner.left(), inner.center().y() - barHeight / 2 + 1,
        inner.width() - percentWidth, barHeight);
    paintMoneyBar(painter, track, bar);
    painter->save();
    painter->setFont(Theme::tabularFont());
    painter->setPen(Theme::instance().tokens().secondary);
    painter->drawText(inner, Qt::AlignVCenter | Qt::AlignRight, tr("%1 %").arg(usedPercent(bar)));
    painter->restore();
}

QSize MoneyBarDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const QSize base = QStyledItemDelegate::sizeHint(option, index);
    return {qMax(160, base.width()), base.height()};
}

void ChipDelegate::paint(
    QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    paintBackground(painter, option, index);
    const QString text = index.data(Qt::DisplayRole).toString();
    if (text.isEmpty()) {
        return;
    }
    const QSize size = chipSize(text, option.font);
    QRect rect(QPoint(option.rect.left() + 6, 0),
        size.boundedTo(QSize(option.rect.width() - 8, size.height())));
    rect.moveTop(option.rect.top() + (option.rect.height() - rect.height()) / 2);
    painter->save();
    painter->setFont(option.font);
    paintChip(painter, rect, text, static_cast<Chip::Tone>(index.data(ToneRole).toInt()));
    painter->restore();
}

QSize ChipDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const QSize base = QStyledItemDelegate::sizeHint(option, index);
    return {
        chipSize(index.data(Qt::DisplayRole).toString(), option.font).width() + 14, base.height()};
}

QWidget* MoneyEditDelegate::createEditor(
    QWidget* parent, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    Q_UNUSED(option)
    auto* edit = new QLineEdit(parent);
    edit->setObjectName(QStringLiteral("moneyCellEditor"));
    edit->setAccessibleName(index.model()->headerData(index.column(), Qt::Horizontal).toString());
    QObject::connect(edit, &QLineEdit::textEdited, edit, [edit](const QString& text) {
        const auto parsed = Money::parse(fromQt(text.trimmed()));
        const bool bad = !parsed || parsed->isNegative();
        edit->setProperty("hgProblem", bad);
        edit->update();
        const QString note = !parsed ? toQt(parsed.error().text())
            : bad                    ? tr("An amount cannot be below zero.")
                                     : QStringLiteral("= ") + moneyText(*parsed);
        QToolTip::showText(
            edit->mapToGlobal(QPoint(0, edit->height())), note.toHtmlEscaped(), edit);
    });
    return edit;
}

void MoneyEditDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const
{
    auto* edit = qobject_cast<QLineEdit*>(editor);
    if (edit == nullptr || edit->isModified()) {
        return; // a refresh of the model must not eat what is being typed
    }
    const QVariant value = index.data(Qt::EditRole);
    edit->setText(value.typeId() == QMetaType::QString
            ? value.toString()
            : toQt(Money::fromNano(value.toLongLong()).toDecimal()));
    edit->selectAll();
}

void MoneyEditDelegate::setModelData(
    QWidget* editor, QAbstractItemModel* model, const QModelIndex& index) const
{
    const auto* edit = qobject_cast<QLineEdit*>(editor);
    if (edit == nullptr) {
        return;
    }
    const auto parsed = Money::parse(fromQt(edit->text().trimmed()));
    if (parsed && !parsed->isNegative()) {
        model->setData(index, QVariant::fromValue<qlonglong>(parsed->nano()), Qt::EditRole);
    }
}

bool MoneyEditDelegate::eventFilter(QObject* object, QEvent* event)
{
    if (event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        const bool commits = key == Qt::Key_Return || key == Qt::Key_Enter || key == Qt::Key_Tab;
        if (commits && object->property("hgProblem").toBool()) {
            return true; // stays open until the amount is right or Esc is pressed
        }
    }
    return QStyledItemDelegate::eventFilter(object, event);
}

} // namespace headgate::ui
