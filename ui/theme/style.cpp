// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/theme/style.h"

#include "ui/theme/icon_engine.h"
#include "ui/theme/theme.h"

#include <QAbstractItemView>
#include <QAbstractScrollArea>
#include <QAbstractSpinBox>
#include <QCheckBox>
#include <QComboBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QRadioButton>
#include <QScrollBar>
#include <QStyleOption>
#include <QTabBar>
#include <QToolButton>

namespace headgate::ui {

namespace {

constexpr int chevronSpace = 26;

const Tokens& tokens()
{
    return Theme::instance().tokens();
}

QString kindOf(const QWidget* widget)
{
    return widget == nullptr ? QString() : widget->property("hgKind").toString();
}

QColor blend(const QColor& a, const QColor& b, int percentOfA)
{
    const auto part
        = [percentOfA](int x, int y) { return (x * percentOfA + y * (100 - percentOfA)) / 100; };
    return {part(a.red(), b.red()), part(a.green(), b.green()), part(a.blue(), b.blue())};
}

void rounded(QPainter* painter, const QRectF& rect, qreal radius, const QColor& fill,
    const QColor& line, qreal width = 1.0)
{
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setBrush(fill.isValid() ? QBrush(fill) : QBrush(Qt::NoBrush));
    painter->setPen(line.isValid() ? QPen(line, width) : QPen(Qt::NoPen));
    const qreal inset = line.isValid() ? width / 2 : 0;
    painter->drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), radius, radius);
    painter->restore();
}

void drawIcon(QPainter* painter, const QRect& rect, const char* name, const QColor& color)
{
    const qreal ratio = painter->device()->devicePixelRatioF();
    const int side = qMin(rect.width(), rect.height());
    const QPixmap pixmap = iconPixmap(QString::fromLatin1(name), color, side, ratio);
    painter->drawPixmap(
        QPoint(rect.x() + (rect.width() - side) / 2, rect.y() + (rect.height() - side) / 2),
        pixmap);
}

void drawButton(const QStyleOption* option, QPainter* painter, const QWidget* widget)
{
    const Tokens& t = tokens();
    const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option);
    const bool flat = button != nullptr && button->features.testFlag(QStyleOptionButton::Flat);
    const bool enabled = option->state.testFlag(QStyle::State_Enabled);
    const bool down = option->state & (QStyle::State_Sunken | QStyle::State_On);
    const bool hover = enabled && option->state.testFlag(QStyle::State_MouseOver);
    const QString kind = kindOf(widget);
    QColor fill = t.surface;
    QColor line = blend(t.border, t.surface, t.dark ? 60 : 45);
    if (kind == QLatin1String("primary") && enabled) {
        fill = down ? blend(t.accent, t.text, 85)
            : hover ? blend(t.accent, t.surface, 90)
                    : t.accent;
        line = QColor();
    } else if (kind == QLatin1String("danger") && enabled) {
        fill = down || hover ? t.wash(t.danger) : t.surface;
        line = blend(t.danger, t.surface, 55);
    } else if (kind == QLatin1String("ghost") || kind == QLatin1String("link") || flat) {
        fill = down ? t.hairline : hover ? t.sunken : QColor();
        line = QColor();
        if (fill.isValid() && t.dark) {
            fill = blend(t.hairline, t.surface, down ? 100 : 60);
        }
    } else {
        fill = !enabled ? t.sunken
            : down      ? t.hairline
            : hover     ? blend(t.hairline, t.surface, 45)
                        : t.surface;
        line = enabled ? line : t.hairline;
    }
    rounded(painter, option->rect, Theme::radius, fill, line);
    if (option->state.testFlag(QStyle::State_HasFocus)
        && option->state.testFlag(QStyle::State_KeyboardFocusChange)) {
        const bool primary = kind == QLatin1String("primary");
        rounded(painter, option->rect, Theme::radius, QColor(), primary ? t.text : t.accent, 2);
        if (primary) {
            rounded(painter, QRectF(option->rect).adjusted(2, 2, -2, -2), Theme::radius - 2,
                QColor(), t.onAccent, 1);
        }
    }
}

void drawField(const QStyleOption* option, QPainter* painter, const QWidget* widget)
{
    const Tokens& t = tokens();
    const bool enabled = option->state.testFlag(QStyle::State_Enabled);
    const bool focus = option->state.testFlag(QStyle::State_HasFocus);
    const bool problem = widget != nullptr && widget->property("hgProblem").toBool();
    QColor line = !enabled ? t.hairline : problem ? t.danger : focus ? t.accent : t.border;
    if (enabled && !focus && !problem && option->state.testFlag(QStyle::State_MouseOver)) {
        line = blend(t.border, t.text, 75);
    }
    const QColor fill = enabled ? (t.dark ? t.sunken : t.surface) : t.sunken;
    rounded(painter, option->rect, Theme::radius, fill, line, focus || problem ? 2 : 1);
}

void drawCheck(const QStyleOption* option, QPainter* painter, bool radio)
{
    const Tokens& t = tokens();
    const int side = qMin(16, qMin(option->rect.width(), option->rect.height()));
    QRect box(0, 0, side, side);
    box.moveCenter(option->rect.center());
    const bool enabled = option->state.testFlag(QStyle::State_Enabled);
    const bool on = option->state.testFlag(QStyle::State_On);
    const bool partly = option->state.testFlag(QStyle::State_NoChange);
    const qreal radius = radio ? side / 2.0 : 4.0;
    const bool filled = on || partly;
    const QColor accent = enabled ? t.accent : t.muted;
    rounded(painter, box, radius, filled ? accent : (t.dark ? t.sunken : t.surface),
        filled ? accent : (enabled ? t.border : t.hairline));
    if (radio && on) {
        rounded(painter, QRectF(box).adjusted(5, 5, -5, -5), 3, t.onAccent, QColor());
    } else if (on) {
        drawIcon(painter, box.adjusted(1, 1, -1, -1), "check", t.onAccent);
    } else if (partly) {
        drawIcon(painter, box.adjusted(1, 1, -1, -1), "minus", t.onAccent);
    }
    if (option->state.testFlag(QStyle::State_HasFocus)
        && option->state.testFlag(QStyle::State_KeyboardFocusChange)) {
        rounded(painter, QRectF(box).adjusted(-2, -2, 2, 2), radius + 2, QColor(), t.accent, 1.5);
    }
}

void drawHeaderSection(const QStyleOption* option, QPainter* painter)
{
    const Tokens& t = tokens();
    const bool hover = option->state.testFlag(QStyle::State_MouseOver)
        && option->state.testFlag(QStyle::State_Enabled);
    painter->fillRect(option->rect, hover ? blend(t.hairline, t.surface, 40) : t.surface);
    painter->fillRect(
        QRect(option->rect.left(), option->rect.bottom(), option->rect.width(), 1), t.hairline);
}

void drawHeaderLabel(const QStyleOptionHeader& header, QPainter* painter)
{
    const Tokens& t = tokens();
    QRect rect = header.rect.adjusted(8, 0, -8, 0);
    const bool sorted = header.sortIndicator != QStyleOptionHeader::None;
    const bool right = header.textAlignment & Qt::AlignRight;
    const int arrow = sorted ? 14 : 0;
    painter->save();
    QFont font = painter->font();
    font.setWeight(QFont::Medium);
    painter->setFont(font);
    painter->setPen(sorted ? t.text : t.muted);
    const QFontMetrics metrics(font);
    const QRect textRect = right ? rect.adjusted(arrow, 0, 0, 0) : rect.adjusted(0, 0, -arrow, 0);
    const QString text = metrics.elidedText(header.text, Qt::ElideRight, textRect.width());
    painter->drawText(textRect, static_cast<int>(header.textAlignment | Qt::AlignVCenter), text);
    if (sorted) {
        const int width = qMin(metrics.horizontalAdvance(text), textRect.width());
        const int x = right ? textRect.right() - width - 14 : textRect.left() + width + 2;
        // Fusion's rule: "down" means ascending; people read an up arrow as ascending.
        drawIcon(painter, QRect(x, rect.center().y() - 5, 12, 12),
            header.sortIndicator == QStyleOptionHeader::SortDown ? "chevron-up" : "chevron-down",
            t.secondary);
    }
    painter->restore();
}

void drawMenuItem(const QStyleOptionMenuItem& item, QPainter* painter)
{
    const Tokens& t = tokens();
    const QRect rect = item.rect;
    if (item.menuItemType == QStyleOptionMenuItem::Separator) {
        painter->fillRect(
            QRect(rect.left() + 8, rect.center().y(), rect.width() - 16, 1), t.hairline);
        return;
    }
    const bool enabled = item.state.testFlag(QStyle::State_Enabled);
    if (enabled && item.state.testFlag(QStyle::State_Selected)) {
        rounded(painter, rect.adjusted(4, 1, -4, -1), 4, t.wash(t.accent), QColor());
    }
    const QRect mark(rect.left() + 12, rect.center().y() - 7, 16, 16);
    if (item.checkType != QStyleOptionMenuItem::NotCheckable && item.checked) {
        drawIcon(painter, mark, "check", t.accent);
    } else if (!item.icon.isNull()) {
        item.icon.paint(painter, mark, Qt::AlignCenter, enabled ? QIcon::Normal : QIcon::Disabled);
    }
    const QStringList parts = item.text.split(QLatin1Char('\t'));
    const QRect textRect = rect.adjusted(36, 0, -14, 0);
    const int flags = Qt::AlignVCenter | Qt::TextHideMnemonic | Qt::TextSingleLine;
    painter->save();
    painter->setFont(item.font);
    painter->setPen(enabled ? t.text : item.palette.color(QPalette::Disabled, QPalette::Text));
    painter->drawText(textRect, flags | Qt::AlignLeft, parts.value(0));
    if (parts.size() > 1) {
        painter->setPen(t.muted);
        painter->drawText(textRect, flags | Qt::AlignRight, parts.value(1));
    }
    if (item.menuItemType == QStyleOptionMenuItem::SubMenu) {
        drawIcon(painter, QRect(rect.right() - 22, rect.center().y() - 7, 14, 14), "chevron-right",
            t.muted);
    }
    painter->restore();
}

void drawTab(const QStyleOptionTab& tab, QPainter* painter)
{
    const Tokens& t = tokens();
    const QRect rect = tab.rect;
    if (tab.state.testFlag(QStyle::State_Selected)) {
        painter->fillRect(
            QRect(rect.left() + 8, rect.bottom() - 1, rect.width() - 16, 2), t.accent);
    } else if (tab.state.testFlag(QStyle::State_MouseOver)) {
        rounded(painter, rect.adjusted(2, 3, -2, -4), 4, blend(t.hairline, t.window, 50), QColor());
    }
    if (tab.state.testFlag(QStyle::State_HasFocus)
        && tab.state.testFlag(QStyle::State_KeyboardFocusChange)) {
        rounded(painter, rect.adjusted(2, 3, -2, -4), 4, QColor(), t.accent, 1.5);
    }
}

void drawTabLabel(const QStyleOptionTab& tab, QPainter* painter)
{
    const Tokens& t = tokens();
    const bool selected = tab.state.testFlag(QStyle::State_Selected);
    painter->save();
    QFont font = painter->font();
    font.setWeight(selected ? QFont::DemiBold : QFont::Normal);
    painter->setFont(font);
    painter->setPen(!tab.state.testFlag(QStyle::State_Enabled) ? t.muted
            : selected                                         ? t.text
                                                               : t.secondary);
    painter->drawText(
        tab.rect, Qt::AlignCenter | Qt::TextHideMnemonic | Qt::TextSingleLine, tab.text);
    painter->restore();
}

void drawScrollBar(const QStyleOptionSlider& bar, const QRect& slider, QPainter* painter)
{
    if (bar.maximum <= bar.minimum) {
        return;
    }
    const Tokens& t = tokens();
    const bool active
        = bar.state.testFlag(QStyle::State_MouseOver) || bar.state.testFlag(QStyle::State_Sunken);
    const QColor color = blend(t.border, t.surface, active ? 85 : 45);
    const int inset = active ? 2 : 3;
    const QRectF rect = bar.orientation == Qt::Vertical
        ? QRectF(slider).adjusted(inset, 2, -inset, -2)
        : QRectF(slider).adjusted(2, inset, -2, -inset);
    rounded(painter, rect, qMin(rect.width(), rect.height()) / 2, color, QColor());
}

void drawProgress(const QStyleOptionProgressBar& bar, QPainter* painter)
{
    const Tokens& t = tokens();
    QRectF track(bar.rect);
    track.setHeight(6);
    track.moveCenter(QRectF(bar.rect).center());
    rounded(painter, track, 3, t.hairline, QColor());
    if (bar.maximum > bar.minimum) {
        QRectF part = track;
        part.setWidth(track.width() * (bar.progress - bar.minimum) / (bar.maximum - bar.minimum));
        rounded(painter, part, 3, t.accent, QColor());
    } else {
        QRectF part = track;
        part.setWidth(track.width() / 3);
        part.moveCenter(track.center());
        rounded(painter, part, 3, t.accent, QColor());
    }
}

void drawItemPanel(const QStyleOptionViewItem& item, QPainter* painter)
{
    const Tokens& t = tokens();
    if (item.backgroundBrush.style() != Qt::NoBrush) {
        painter->fillRect(item.rect, item.backgroundBrush);
    }
    if (item.state.testFlag(QStyle::State_Selected)) {
        painter->fillRect(item.rect, t.wash(t.accent));
    } else if (item.state.testFlag(QStyle::State_MouseOver)) {
        painter->fillRect(item.rect, blend(t.hairline, t.surface, t.dark ? 45 : 40));
    }
}

bool isTable(const QWidget* widget)
{
    return widget != nullptr && widget->property("hgRowHeight").isValid();
}

void drawRow(const QStyleOptionViewItem& item, QPainter* painter, const QWidget* widget)
{
    const Tokens& t = tokens();
    if (item.state.testFlag(QStyle::State_Selected)) {
        painter->fillRect(item.rect, t.wash(t.accent));
    }
    if (isTable(widget)) {
        painter->fillRect(QRect(item.rect.left(), item.rect.bottom(), item.rect.width(), 1),
            blend(t.hairline, t.surface, 60));
    }
}

QColor buttonText(const QString& kind)
{
    const Tokens& t = tokens();
    return kind == QLatin1String("primary") ? t.onAccent
        : kind == QLatin1String("link")     ? t.accent
        : kind == QLatin1String("danger")   ? t.danger
                                            : t.text;
}

/// What makes up a row of a table or tree: its background, a cell's background, the fold mark.
void drawInView(QStyle::PrimitiveElement element, const QStyleOption* option, QPainter* painter,
    const QWidget* widget)
{
    const Tokens& t = tokens();
    if (element == QStyle::PE_IndicatorBranch) {
        if (option->state.testFlag(QStyle::State_Children)) {
            QRect rect(0, 0, 14, 14);
            rect.moveCenter(option->rect.center());
            const bool open = option->state.testFlag(QStyle::State_Open);
            drawIcon(painter, rect, open ? "chevron-down" : "chevron-right", t.muted);
        }
        return;
    }
    const auto* item = qstyleoption_cast<const QStyleOptionViewItem*>(option);
    if (item == nullptr) {
        return;
    }
    if (element == QStyle::PE_PanelItemViewRow) {
        drawRow(*item, painter, widget);
        return;
    }
    drawItemPanel(*item, painter);
    if (isTable(widget)) {
        painter->fillRect(QRect(item->rect.left(), item->rect.bottom(), item->rect.width(), 1),
            blend(t.hairline, t.surface, 60));
    }
}

void drawFrame(const QStyleOption* option, QPainter* painter, const QWidget* widget)
{
    const Tokens& t = tokens();
    if (widget != nullptr && widget->property("hgCard").toBool()) {
        const bool hot = widget->property("hgHot").toBool();
        const bool focus = widget->hasFocus();
        rounded(painter, option->rect, Theme::radius + 2, t.surface,
            focus     ? t.accent
                : hot ? blend(t.border, t.surface, 60)
                      : t.hairline,
            focus ? 2 : 1);
        return;
    }
    rounded(painter, option->rect, 2, QColor(), t.hairline);
}

} // namespace

Style::Style() : QProxyStyle(QStringLiteral("Fusion")) { }

void Style::polish(QWidget* widget)
{
    QProxyStyle::polish(widget);
    if (qobject_cast<QPushButton*>(widget) != nullptr
        || qobject_cast<QToolButton*>(widget) != nullptr
        || qobject_cast<QLineEdit*>(widget) != nullptr
        || qobject_cast<QComboBox*>(widget) != nullptr
        || qobject_cast<QScrollBar*>(widget) != nullptr
        || qobject_cast<QCheckBox*>(widget) != nullptr
        || qobject_cast<QRadioButton*>(widget) != nullptr
        || qobject_cast<QTabBar*>(widget) != nullptr
        || qobject_cast<QAbstractSpinBox*>(widget) != nullptr) {
        widget->setAttribute(Qt::WA_Hover);
    }
}

int Style::pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const
{
    switch (metric) {
    case PM_ScrollBarExtent:
        return 12;
    case PM_ScrollBarSliderMin:
        return 32;
    case PM_IndicatorWidth:
    case PM_IndicatorHeight:
    case PM_ExclusiveIndicatorWidth:
    case PM_ExclusiveIndicatorHeight:
    case PM_SmallIconSize:
    case PM_ButtonIconSize:
    case PM_ListViewIconSize:
    case PM_TabBarIconSize:
        return 16;
    case PM_ToolBarIconSize:
        return 20;
    case PM_CheckBoxLabelSpacing:
    case PM_RadioButtonLabelSpacing:
    case PM_LayoutHorizontalSpacing:
    case PM_LayoutVerticalSpacing:
        return Theme::space2;
    case PM_MenuPanelWidth:
        return 1;
    case PM_MenuVMargin:
        return Theme::space1;
    case PM_MenuHMargin:
    case PM_MenuButtonIndicator:
    case PM_ButtonShiftHorizontal:
    case PM_ButtonShiftVertical:
    case PM_ButtonDefaultIndicator:
    case PM_TabBarTabShiftVertical:
    case PM_TabBarTabShiftHorizontal:
        return 0;
    case PM_SplitterWidth:
        return 9;
    case PM_HeaderMargin:
        return Theme::space2;
    case PM_TreeViewIndentation:
        return 20;
    case PM_ScrollView_ScrollBarSpacing:
        return 0;
    case PM_FocusFrameHMargin:
        return 6; // the text inset of table cells
    default:
        return QProxyStyle::pixelMetric(metric, option, widget);
    }
}

int Style::styleHint(
    StyleHint hint, const QStyleOption* option, const QWidget* widget, QStyleHintReturn* data) const
{
    switch (hint) {
    case SH_UnderlineShortcut:
    case SH_EtchDisabledText:
    case SH_DitherDisabledText:
    case SH_ScrollView_FrameOnlyAroundContents:
    case SH_ComboBox_Popup:
    case SH_TabBar_PreferNoArrows:
        return 0;
    case SH_ItemView_ShowDecorationSelected:
    case SH_ScrollBar_LeftClickAbsolutePosition:
        return 1;
    case SH_Widget_Animation_Duration:
        return 0;
    case SH_ToolTip_WakeUpDelay:
        return 400;
    default:
        return QProxyStyle::styleHint(hint, option, widget, data);
    }
}

QSize Style::sizeFromContents(
    ContentsType type, const QStyleOption* option, const QSize& size, const QWidget* widget) const
{
    QSize out = QProxyStyle::sizeFromContents(type, option, size, widget);
    switch (type) {
    case CT_PushButton: {
        const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option);
        const bool iconOnly = button != nullptr && button->text.isEmpty();
        return iconOnly ? QSize(Theme::controlHeight, Theme::controlHeight)
                        : QSize(qMax(size.width() + 26, 64), Theme::controlHeight);
    }
    case CT_LineEdit:
    case CT_SpinBox:
        return {qMax(out.width(), 60), qMax(size.height(), Theme::controlHeight)};
    case CT_ComboBox:
        return {size.width() + 12 + chevronSpace, Theme::controlHeight};
    case CT_ToolButton: {
        const auto* button = qstyleoption_cast<const QStyleOptionToolButton*>(option);
        const bool text = button != nullptr && button->toolButtonStyle != Qt::ToolButtonIconOnly;
        const bool menu
            = button != nullptr && button->features.testFlag(QStyleOptionToolButton::HasMenu);
        const int more = (text ? 16 : 10) + (menu && text ? 14 : 0);
        return {qMax(size.width() + more, Theme::controlHeight), Theme::controlHeight};
    }
    case CT_MenuItem: {
        const auto* item = qstyleoption_cast<const QStyleOptionMenuItem*>(option);
        if (item != nullptr && item->menuItemType == QStyleOptionMenuItem::Separator) {
            return {out.width(), 9};
        }
        return {size.width() + 70, 28};
    }
    case CT_HeaderSection:
        return {out.width() + 8, Theme::controlHeight};
    case CT_TabBarTab:
        return {size.width() + 8, 34};
    case CT_ItemViewItem: {
        const QVariant height = widget != nullptr ? widget->property("hgRowHeight") : QVariant();
        return {out.width(), qMax(out.height(), height.isValid() ? height.toInt() : 28)};
    }
    case CT_CheckBox:
    case CT_RadioButton:
        return {out.width(), qMax(out.height(), 24)};
    default:
        return out;
    }
}

QRect Style::subElementRect(
    SubElement element, const QStyleOption* option, const QWidget* widget) const
{
    if (element == SE_LineEditContents) {
        const auto* frame = qstyleoption_cast<const QStyleOptionFrame*>(option);
        if (frame != nullptr && frame->lineWidth > 0) {
            return option->rect.adjusted(8, 2, -8, -2);
        }
    }
    return QProxyStyle::subElementRect(element, option, widget);
}

QRect Style::subControlRect(ComplexControl control, const QStyleOptionComplex* option,
    SubControl sub, const QWidget* widget) const
{
    if (control == CC_ScrollBar) {
        const auto* bar = qstyleoption_cast<const QStyleOptionSlider*>(option);
        if (bar == nullptr) {
            return {};
        }
        const bool vertical = bar->orientation == Qt::Vertical;
        const int length = vertical ? bar->rect.height() : bar->rect.width();
        const qint64 span = qint64(bar->maximum) - bar->minimum;
        int slider = length;
        if (span > 0) {
            slider = static_cast<int>(qint64(length) * bar->pageStep / (span + bar->pageStep));
            slider = qBound(qMin(32, length), slider, length);
        }
        const int at = sliderPositionFromValue(
            bar->minimum, bar->maximum, bar->sliderPosition, length - slider, bar->upsideDown);
        const auto slice = [&](int from, int size) {
            return vertical ? QRect(bar->rect.x(), bar->rect.y() + from, bar->rect.width(), size)
                            : QRect(bar->rect.x() + from, bar->rect.y(), size, bar->rect.height());
        };
        switch (sub) {
        case SC_ScrollBarSlider:
            return slice(at, slider);
        case SC_ScrollBarSubPage:
            return slice(0, at);
        case SC_ScrollBarAddPage:
            return slice(at + slider, length - at - slider);
        case SC_ScrollBarGroove:
            return bar->rect;
        default:
            return {};
        }
    }
    if (control == CC_ComboBox) {
        if (sub == SC_ComboBoxEditField) {
            return visualRect(
                option->direction, option->rect, option->rect.adjusted(8, 2, -chevronSpace, -2));
        }
        if (sub == SC_ComboBoxArrow) {
            return visualRect(option->direction, option->rect,
                QRect(option->rect.right() - chevronSpace, option->rect.top(), chevronSpace,
                    option->rect.height()));
        }
    }
    return QProxyStyle::subControlRect(control, option, sub, widget);
}

void Style::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
    const QWidget* widget) const
{
    const Tokens& t = tokens();
    switch (element) {
    case PE_PanelButtonCommand:
        return drawButton(option, painter, widget);
    case PE_FrameDefaultButton:
    case PE_FrameTabWidget:
    case PE_FrameStatusBarItem:
    case PE_PanelStatusBar:
        return;
    case PE_FrameFocusRect:
        if (qobject_cast<const QAbstractItemView*>(widget) != nullptr
            && option->state.testFlag(State_KeyboardFocusChange)) {
            rounded(painter, option->rect, 3, QColor(), t.accent, 1.5);
        }
        return;
    case PE_PanelLineEdit: {
        const auto* frame = qstyleoption_cast<const QStyleOptionFrame*>(option);
        if (frame == nullptr || frame->lineWidth > 0) {
            drawField(option, painter, widget);
        }
        return;
    }
    case PE_FrameLineEdit:
        return;
    case PE_IndicatorCheckBox:
    case PE_IndicatorItemViewItemCheck:
        return drawCheck(option, painter, false);
    case PE_IndicatorRadioButton:
        return drawCheck(option, painter, true);
    case PE_FrameMenu:
    case PE_PanelMenu:
        painter->fillRect(option->rect, t.surface);
        painter->setPen(t.hairline);
        painter->drawRect(option->rect.adjusted(0, 0, -1, -1));
        return;
    case PE_PanelItemViewRow:
    case PE_PanelItemViewItem:
    case PE_IndicatorBranch:
        return drawInView(element, option, painter, widget);
    case PE_Frame:
        return drawFrame(option, painter, widget);
    case PE_FrameTabBarBase:
        painter->fillRect(
            QRect(option->rect.left(), option->rect.bottom(), option->rect.width(), 1), t.hairline);
        return;
    case PE_PanelTipLabel:
        painter->fillRect(option->rect, option->palette.color(QPalette::ToolTipBase));
        return;
    default:
        QProxyStyle::drawPrimitive(element, option, painter, widget);
    }
}

void Style::drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
    const QWidget* widget) const
{
    const Tokens& t = tokens();
    switch (element) {
    case CE_PushButtonLabel:
        if (const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option)) {
            QStyleOptionButton copy(*button);
            if (option->state.testFlag(State_Enabled)) {
                copy.palette.setColor(QPalette::ButtonText, buttonText(kindOf(widget)));
            }
            QProxyStyle::drawControl(element, &copy, painter, widget);
        }
        return;
    case CE_HeaderSection:
    case CE_HeaderEmptyArea:
        return drawHeaderSection(option, painter);
    case CE_HeaderLabel:
        if (const auto* header = qstyleoption_cast<const QStyleOptionHeader*>(option)) {
            drawHeaderLabel(*header, painter);
        }
        return;
    case CE_Header:
        if (const auto* header = qstyleoption_cast<const QStyleOptionHeader*>(option)) {
            drawHeaderSection(option, painter);
            drawHeaderLabel(*header, painter);
        }
        return;
    case CE_MenuItem:
        if (const auto* item = qstyleoption_cast<const QStyleOptionMenuItem*>(option)) {
            // Combo boxes may list their rows as menu items; those have no icon column.
            painter->fillRect(option->rect, t.surface);
            drawMenuItem(*item, painter);
        }
        return;
    case CE_MenuEmptyArea:
    case CE_MenuVMargin:
    case CE_MenuHMargin:
        return;
    case CE_TabBarTabShape:
        if (const auto* tab = qstyleoption_cast<const QStyleOptionTab*>(option)) {
            drawTab(*tab, painter);
        }
        return;
    case CE_TabBarTabLabel:
        if (const auto* tab = qstyleoption_cast<const QStyleOptionTab*>(option)) {
            drawTabLabel(*tab, painter);
        }
        return;
    case CE_ProgressBar:
        if (const auto* bar = qstyleoption_cast<const QStyleOptionProgressBar*>(option)) {
            drawProgress(*bar, painter);
        }
        return;
    case CE_Splitter: {
        const bool across = option->state.testFlag(State_Horizontal);
        const QRect r = option->rect;
        painter->fillRect(across ? QRect(r.center().x(), r.top(), 1, r.height())
                                 : QRect(r.left(), r.center().y(), r.width(), 1),
            t.hairline);
        return;
    }
    default:
        QProxyStyle::drawControl(element, option, painter, widget);
    }
}

void Style::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option,
    QPainter* painter, const QWidget* widget) const
{
    const Tokens& t = tokens();
    if (control == CC_ScrollBar) {
        if (const auto* bar = qstyleoption_cast<const QStyleOptionSlider*>(option)) {
            drawScrollBar(
                *bar, subControlRect(control, option, SC_ScrollBarSlider, widget), painter);
        }
        return;
    }
    if (control == CC_ComboBox) {
        drawField(option, painter, widget);
        const QRect arrow = subControlRect(control, option, SC_ComboBoxArrow, widget);
        drawIcon(painter, QRect(arrow.center().x() - 7, arrow.center().y() - 6, 14, 14),
            "chevron-down", t.muted);
        return;
    }
    if (control == CC_SpinBox) {
        drawField(option, painter, widget);
        const QRect up = subControlRect(control, option, SC_SpinBoxUp, widget);
        const QRect down = subControlRect(control, option, SC_SpinBoxDown, widget);
        if (up.isValid() && down.isValid()) {
            drawIcon(painter, QRect(up.center().x() - 5, up.center().y() - 4, 11, 11), "chevron-up",
                t.muted);
            drawIcon(painter, QRect(down.center().x() - 5, down.center().y() - 6, 11, 11),
                "chevron-down", t.muted);
        }
        return;
    }
    if (control == CC_ToolButton) {
        const auto* button = qstyleoption_cast<const QStyleOptionToolButton*>(option);
        if (button == nullptr) {
            return;
        }
        QStyleOptionButton back;
        back.QStyleOption::operator=(*option);
        back.features = kindOf(widget) == QLatin1String("framed") ? QStyleOptionButton::None
                                                                  : QStyleOptionButton::Flat;
        drawButton(&back, painter, widget);
        QStyleOptionToolButton label(*button);
        const bool menu = button->features.testFlag(QStyleOptionToolButton::HasMenu)
            && button->toolButtonStyle != Qt::ToolButtonIconOnly;
        const bool beside = button->toolButtonStyle == Qt::ToolButtonTextBesideIcon;
        label.rect = option->rect.adjusted(beside ? 5 : 0, 0, menu ? -18 : 0, 0);
        proxy()->drawControl(CE_ToolButtonLabel, &label, painter, widget);
        if (menu) {
            drawIcon(painter,
                QRect(option->rect.right() - 19, option->rect.center().y() - 6, 14, 14),
                "chevron-down", t.muted);
        }
        return;
    }
    QProxyStyle::drawComplexControl(control, option, painter, widget);
}

} // namespace headgate::ui
