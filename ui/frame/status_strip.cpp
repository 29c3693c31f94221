// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/status_strip.h"

#include "ui/theme/icon_engine.h"
#include "ui/widgets/widgets.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QTimer>

namespace headgate::ui {

namespace {

constexpr int pollMs = 500;
constexpr int demoRequestsPerMinute = 240;

void setIfNew(QLabel* label, const QString& text)
{
    if (label->text() != text) {
        label->setText(text);
    }
}

} // namespace

StatusStrip::StatusStrip(Context& context, QWidget* parent)
    : QWidget(parent),
      m_context(context),
      m_timer(new QTimer(this))
{
    setFixedHeight(40);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(Theme::space4, 0, Theme::space3, 0);
    layout->setSpacing(Theme::space2);
    m_dot = new QLabel(this);
    m_dot->setObjectName(QStringLiteral("statusDot"));
    layout->addWidget(m_dot);
    m_address = addValue(QStringLiteral("statusAddress"), tr("Where clients reach the proxy"));
    layout->addSpacing(Theme::space3);
    m_inFlight = addValue(QStringLiteral("statusInFlight"), tr("Requests that are running now"));
    layout->addSpacing(Theme::space3);
    m_held = addValue(QStringLiteral("statusHeld"), tr("Money set aside for running requests"));
    layout->addSpacing(Theme::space3);
    m_today = addValue(QStringLiteral("statusToday"), tr("Spent today of the day's hard cap"));
    layout->addStretch(1);
    m_demo = new QPushButton(icon(QStringLiteral("demo")), tr("Demo"), this);
    m_demo->setObjectName(QStringLiteral("demoButton"));
    m_demo->setCheckable(true);
    m_demo->setProperty("hgKind", QStringLiteral("ghost"));
    m_demo->setToolTip(tr("Send realistic simulated traffic through the proxy"));
    m_pause = new QPushButton(icon(QStringLiteral("pause")), tr("Pause all"), this);
    m_pause->setObjectName(QStringLiteral("pauseButton"));
    layout->addWidget(m_demo);
    layout->addWidget(m_pause);
    connect(m_demo, &QPushButton::clicked, this, &StatusStrip::toggleDemo);
    connect(m_pause, &QPushButton::clicked, this, &StatusStrip::togglePause);
    connect(m_timer, &QTimer::timeout, this, &StatusStrip::refresh);
    connect(&m_context, &Context::statusChanged, this, &StatusStrip::refresh);
    connect(&m_context, &Context::configChanged, this, &StatusStrip::refresh);
    connect(&Theme::instance(), &Theme::changed, this, &StatusStrip::refresh);
    m_timer->start(pollMs);
    refresh();
}

QLabel* StatusStrip::addValue(const QString& objectName, const QString& tip)
{
    auto* label = new QLabel(this);
    label->setObjectName(objectName);
    label->setTextFormat(Qt::PlainText);
    label->setToolTip(tip);
    label->setFont(Theme::tabularFont());
    static_cast<QHBoxLayout*>(layout())->addWidget(label);
    return label;
}

void StatusStrip::refresh()
{
    m_status = m_context.service().status();
    const Tokens& t = Theme::instance().tokens();
    const bool on = m_status.serving && !m_status.paused;
    const QColor color = on ? t.ok : m_status.serving ? t.warning : t.danger;
    const QString mark = on ? QStringLiteral("dot")
        : m_status.serving  ? QStringLiteral("pause")
                            : QStringLiteral("error");
    m_dot->setPixmap(iconPixmap(mark, color, 16, devicePixelRatioF()));
    QString address = toQt(m_status.url);
    address.remove(QStringLiteral("http://"));
    m_dot->setAccessibleName(on ? tr("Serving")
            : m_status.serving  ? tr("Paused")
                                : tr("Not serving"));
    m_dot->setToolTip(m_dot->accessibleName());
    setIfNew(m_address,
        !m_status.serving     ? tr("not serving")
            : m_status.paused ? tr("%1, paused").arg(address)
                              : address);
    setIfNew(m_inFlight, tr("in flight %1").arg(countText(m_status.inFlight)));
    setIfNew(m_held, tr("held %1").arg(moneyText(m_status.held)));
    m_held->setToolTip(exactMoneyText(m_status.held));
    setIfNew(m_today,
        m_status.capToday ? tr("today %1 of %2")
                                .arg(moneyText(m_status.spentToday), moneyText(*m_status.capToday))
                          : tr("today %1").arg(moneyText(m_status.spentToday)));
    m_today->setToolTip(exactMoneyText(m_status.spentToday));
    const bool demo = m_context.service().demoRunning();
    m_demo->setChecked(demo);
    m_demo->setText(demo ? tr("Stop demo") : tr("Demo"));
    m_pause->setText(m_status.paused ? tr("Resume") : tr("Pause all"));
    m_pause->setIcon(icon(m_status.paused ? QStringLiteral("play") : QStringLiteral("pause")));
    m_pause->setProperty("hgKind", m_status.paused ? QStringLiteral("primary") : QString());
    if (m_status.paused) {
        m_pause->setIcon(iconIn(QStringLiteral("play"), t.onAccent));
    }
    m_pause->setToolTip(m_status.paused
            ? tr("Let requests through again")
            : tr("Refuse every new request at once; running ones finish"));
    Q_EMIT statusRead(m_status);
}

void StatusStrip::togglePause()
{
    const bool pause = !m_context.service().status().paused;
    service::Service& service = m_context.service();
    m_context.run([&service, pause] { return service.setPaused(pause, "console"); },
        [this, pause](const Result<void>& result) {
            if (result) {
                m_context.toast(
                    pause ? tr("Paused. New requests are refused.") : tr("Requests pass again."));
                refresh();
            }
            return false;
        });
}

void StatusStrip::toggleDemo()
{
    service::Service& service = m_context.service();
    const bool start = !service.demoRunning();
    m_context.run(
        [&service, start]() -> Result<void> {
            if (start) {
                return service.startDemo(demoRequestsPerMinute);
            }
            service.stopDemo();
            return {};
        },
        [this, start](const Result<void>& result) {
            if (result) {
                m_context.toast(start ? tr("Demo traffic is running on the simulated provider.")
                                      : tr("Demo traffic has stopped."));
            }
            refresh();
            return false;
        });
}

void StatusStrip::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.surface);
    painter.fillRect(QRect(0, 0, width(), 1), t.hairline);
}

Banner::Banner(QWidget* parent) : QWidget(parent)
{
    setObjectName(QStringLiteral("banner"));
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(Theme::space4, Theme::space1 + 1, Theme::space3, Theme::space1 + 2);
    layout->setSpacing(Theme::space2);
    m_icon = new QLabel(this);
    m_text = new QLabel(this);
    m_text->setObjectName(QStringLiteral("bannerText"));
    m_text->setTextFormat(Qt::PlainText);
    m_text->setWordWrap(true);
    m_action = new QPushButton(this);
    m_action->setObjectName(QStringLiteral("bannerAction"));
    layout->addWidget(m_icon);
    layout->addWidget(m_text, 1);
    layout->addWidget(m_action);
    connect(m_action, &QPushButton::clicked, this, &Banner::acted);
    hide();
}

void Banner::set(const QString& text, const QString& action, bool danger)
{
    m_danger = danger;
    const Tokens& t = Theme::instance().tokens();
    m_icon->setPixmap(iconPixmap(
        QStringLiteral("warning"), danger ? t.danger : t.warning, 16, devicePixelRatioF()));
    setIfNew(m_text, text);
    m_action->setText(action);
    m_action->setVisible(!action.isEmpty());
    setVisible(!text.isEmpty());
    update();
}

void Banner::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.wash(m_danger ? t.danger : t.warning));
    painter.fillRect(QRect(0, height() - 1, width(), 1), t.hairline);
}

} // namespace headgate::ui
