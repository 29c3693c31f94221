// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/sidebar.h"

#include "ui/theme/icon_engine.h"
#include "ui/widgets/widgets.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QVBoxLayout>

namespace headgate::ui {

NavButton::NavButton(
    const QString& iconName, const QString& text, const QString& shortcut, QWidget* parent)
    : QAbstractButton(parent),
      m_iconName(iconName),
      m_shortcut(shortcut)
{
    setText(text);
    setCheckable(true);
    setAttribute(Qt::WA_Hover);
    setFocusPolicy(Qt::TabFocus);
    setAccessibleName(text);
    setToolTip(text + QStringLiteral("  ") + shortcut);
    setCursor(Qt::PointingHandCursor);
}

QSize NavButton::sizeHint() const
{
    return {180, 34};
}

void NavButton::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF area = QRectF(rect()).adjusted(0, 1, 0, -1);
    painter.setPen(Qt::NoPen);
    if (isChecked()) {
        painter.setBrush(t.wash(t.accent));
        painter.drawRoundedRect(area, Theme::radius, Theme::radius);
    } else if (underMouse()) {
        painter.setBrush(t.dark ? t.hairline : t.sunken);
        painter.drawRoundedRect(area, Theme::radius, Theme::radius);
    }
    if (hasFocus()) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(t.accent, 2));
        painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), Theme::radius, Theme::radius);
    }
    const QColor strong = isChecked() ? t.accent : t.secondary;
    painter.drawPixmap(
        QPoint(10, (height() - 20) / 2), iconPixmap(m_iconName, strong, 20, devicePixelRatioF()));
    QFont font = this->font();
    font.setWeight(isChecked() ? QFont::DemiBold : QFont::Normal);
    painter.setFont(font);
    painter.setPen(isChecked() ? t.text : t.secondary);
    painter.drawText(rect().adjusted(40, 0, -60, 0), Qt::AlignVCenter | Qt::AlignLeft, text());
    QFont small = this->font();
    small.setPointSizeF(small.pointSizeF() - 1.5);
    painter.setFont(small);
    painter.setPen(t.muted);
    painter.drawText(rect().adjusted(0, 0, -10, 0), Qt::AlignVCenter | Qt::AlignRight, m_shortcut);
}

Sidebar::Sidebar(QWidget* parent) : QWidget(parent), m_group(new QButtonGroup(this))
{
    setFixedWidth(204);
    setAccessibleName(tr("Pages"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space2 + 2, Theme::space3, Theme::space2 + 3, Theme::space3);
    layout->setSpacing(2);
    auto* brand = new QHBoxLayout;
    brand->setContentsMargins(10, 2, 0, Theme::space3);
    brand->setSpacing(Theme::space2);
    auto* mark = new QLabel(this);
    const auto draw = [mark] {
        mark->setPixmap(iconPixmap(QStringLiteral("gate"), Theme::instance().tokens().accent, 20,
            mark->devicePixelRatioF()));
    };
    draw();
    connect(&Theme::instance(), &Theme::changed, mark, draw);
    brand->addWidget(mark);
    brand->addWidget(headingLabel(QStringLiteral("Headgate"), 2, this), 1);
    layout->addLayout(brand);
    m_top = new QVBoxLayout;
    m_top->setSpacing(2);
    m_bottom = new QVBoxLayout;
    m_bottom->setSpacing(2);
    layout->addLayout(m_top);
    layout->addStretch(1);
    layout->addLayout(m_bottom);
}

void Sidebar::add(const Entry& entry)
{
    auto* button = new NavButton(entry.iconName, entry.title, entry.shortcut, this);
    button->setObjectName(QStringLiteral("nav_") + entry.name);
    m_group->addButton(button);
    (entry.atBottom ? m_bottom : m_top)->addWidget(button);
    const QString name = entry.name;
    connect(button, &QAbstractButton::clicked, this, [this, name] { Q_EMIT chosen(name); });
}

void Sidebar::setCurrent(const QString& name)
{
    if (auto* button = findChild<NavButton*>(QStringLiteral("nav_") + name)) {
        button->setChecked(true);
    }
}

void Sidebar::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.dark ? t.sunken : t.surface);
    painter.fillRect(QRect(width() - 1, 0, 1, height()), t.hairline);
}

} // namespace headgate::ui
