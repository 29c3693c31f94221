// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/toasts.h"

#include "ui/theme/icon_engine.h"
#include "ui/widgets/widgets.h"

#include <QAccessible>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

constexpr int toastsMax = 3;
constexpr int newsMs = 6'000;
constexpr int problemMs = 15'000;
constexpr int toastWidth = 400;

class Toast final : public QFrame {
public:
    Toast(const QString& text, bool problem, QWidget* parent) : QFrame(parent), m_problem(problem)
    {
        setObjectName(QStringLiteral("toast"));
        setAttribute(Qt::WA_DeleteOnClose);
        setAccessibleName(text);
        auto* layout = new QHBoxLayout(this);
        layout->setContentsMargins(Theme::space3, Theme::space2, Theme::space2, Theme::space2);
        layout->setSpacing(Theme::space2);
        auto* mark = new QLabel(this);
        const Tokens& t = Theme::instance().tokens();
        mark->setPixmap(
            iconPixmap(problem ? QStringLiteral("error") : QStringLiteral("check-circle"),
                problem ? t.danger : t.ok, 16, devicePixelRatioF()));
        auto* words = new QLabel(text, this);
        words->setObjectName(QStringLiteral("toastText"));
        words->setTextFormat(Qt::PlainText);
        words->setWordWrap(true);
        layout->addWidget(mark, 0, Qt::AlignTop);
        layout->addWidget(words, 1);
    }

protected:
    void paintEvent(QPaintEvent*) override
    {
        const Tokens& t = Theme::instance().tokens();
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setBrush(t.surface);
        painter.setPen(QPen(m_problem ? t.danger : t.border, 1));
        painter.drawRoundedRect(
            QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), Theme::radius, Theme::radius);
    }

private:
    bool m_problem;
};

} // namespace

Toasts::Toasts(QWidget* parent) : QWidget(parent), m_layout(new QVBoxLayout(this))
{
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(Theme::space2);
    QWidget::hide();
}

int Toasts::count() const
{
    return m_layout->count();
}

void Toasts::show(const QString& text, bool problem, bool undoable)
{
    while (m_layout->count() >= toastsMax) {
        QWidget* oldest = m_layout->itemAt(0)->widget();
        m_layout->removeWidget(oldest);
        oldest->close();
    }
    auto* toast = new Toast(text, problem, this);
    auto* row = static_cast<QHBoxLayout*>(toast->layout());
    if (undoable) {
        // Only the newest step can be undone from here; older toasts lose the button.
        const auto old = findChildren<QPushButton*>(QStringLiteral("toastUndo"));
        for (QPushButton* button : old) {
            button->hide();
            button->setObjectName(QString());
        }
        auto* undo = new QPushButton(tr("Undo"), toast);
        undo->setObjectName(QStringLiteral("toastUndo"));
        row->addWidget(undo, 0, Qt::AlignTop);
        connect(undo, &QPushButton::clicked, this, [this, toast] {
            toast->close();
            Q_EMIT undoRequested();
        });
    }
    auto* close = new QToolButton(toast);
    close->setIcon(icon(QStringLiteral("close")));
    close->setAccessibleName(tr("Dismiss"));
    row->addWidget(close, 0, Qt::AlignTop);
    connect(close, &QToolButton::clicked, toast, &QWidget::close);
    connect(toast, &QObject::destroyed, this,
        [this] { QTimer::singleShot(0, this, [this] { place(); }); });
    QTimer::singleShot(problem ? problemMs : newsMs, toast, &QWidget::close);
    m_layout->addWidget(toast);
    toast->show();
    place();
}

void Toasts::place()
{
    if (m_layout->count() == 0) {
        QWidget::hide();
        return;
    }
    QWidget* host = parentWidget();
    setFixedWidth(qMin(toastWidth, host->width() - 2 * Theme::space4));
    m_layout->activate();
    const int height = m_layout->hasHeightForWidth() ? m_layout->totalHeightForWidth(this->width())
                                                     : m_layout->totalSizeHint().height();
    setGeometry(host->width() - this->width() - Theme::space4,
        host->height() - height - Theme::space4, this->width(), height);
    QWidget::show();
    raise();
}

} // namespace headgate::ui
