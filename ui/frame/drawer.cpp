// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/drawer.h"

#include "ui/widgets/widgets.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QShortcut>
#include <QToolButton>
#include <QVBoxLayout>

namespace headgate::ui {

Drawer::Drawer(QWidget* parent)
    : QWidget(parent),
      m_title(headingLabel(QString(), 2, this)),
      m_layout(new QVBoxLayout(this))
{
    setObjectName(QStringLiteral("drawer"));
    setFixedWidth(420);
    m_layout->setContentsMargins(Theme::space4 + 1, Theme::space3, Theme::space3, Theme::space3);
    auto* head = new QHBoxLayout;
    head->addWidget(m_title, 1);
    auto* close = new QToolButton(this);
    close->setObjectName(QStringLiteral("drawerClose"));
    close->setIcon(icon(QStringLiteral("close")));
    close->setAccessibleName(tr("Close details (Esc)"));
    close->setToolTip(close->accessibleName());
    head->addWidget(close);
    m_layout->addLayout(head);
    connect(close, &QToolButton::clicked, this, &Drawer::closeDrawer);
    auto* escape = new QShortcut(Qt::Key_Escape, this);
    escape->setContext(Qt::WidgetWithChildrenShortcut);
    connect(escape, &QShortcut::activated, this, &Drawer::closeDrawer);
    hide();
}

void Drawer::open(const QString& title, QWidget* content)
{
    delete m_content;
    m_content = content;
    m_title->setText(title);
    m_layout->addWidget(content, 1);
    show();
    content->setFocus();
}

void Drawer::closeDrawer()
{
    hide();
    if (m_content != nullptr) {
        m_content->deleteLater();
        m_content = nullptr;
    }
}

void Drawer::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.surface);
    painter.fillRect(QRect(0, 0, 1, height()), t.hairline);
}

} // namespace headgate::ui
