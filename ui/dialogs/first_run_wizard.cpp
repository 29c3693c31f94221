// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/first_run_wizard.h"

#include "ui/theme/icon_engine.h"
#include "ui/widgets/widgets.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QPointer>
#include <QPushButton>
#include <QStackedWidget>
#include <QVBoxLayout>

namespace headgate::ui {

/// The steps at the left, done ones ticked.
class StepRail final : public QWidget {
public:
    StepRail(QStringList titles, QWidget* parent) : QWidget(parent), m_titles(std::move(titles))
    {
        setFixedWidth(200);
    }
    void setCurrent(int step)
    {
        m_current = step;
        setAccessibleName(FirstRunWizard::tr("Step %1 of %2: %3")
                              .arg(step + 1)
                              .arg(m_titles.size())
                              .arg(m_titles.value(step)));
        update();
    }

protected:
    void paintEvent(QPaintEvent*) override
    {
        const Tokens& t = Theme::instance().tokens();
        QPainter painter(this);
        painter.fillRect(rect(), t.dark ? t.sunken : t.window);
        painter.fillRect(QRect(width() - 1, 0, 1, height()), t.hairline);
        const qreal ratio = devicePixelRatioF();
        painter.drawPixmap(QPoint(24, 28), iconPixmap(QStringLiteral("gate"), t.accent, 24, ratio));
        for (int i = 0; i < m_titles.size(); ++i) {
            const int y = 84 + i * 38;
            const bool done = i < m_current;
            const bool here = i == m_current;
            const QColor color = done ? t.ok : here ? t.accent : t.muted;
            painter.drawPixmap(QPoint(24, y),
                iconPixmap(done ? QStringLiteral("check-circle")
                        : here  ? QStringLiteral("dot")
                                : QStringLiteral("circle"),
                    color, 20, ratio));
            QFont font = this->font();
            font.setWeight(here ? QFont::DemiBold : QFont::Normal);
            painter.setFont(font);
            painter.setPen(here ? t.text : t.secondary);
            painter.drawText(QRect(54, y, width() - 60, 20), Qt::AlignVCenter, m_titles[i]);
        }
    }

private:
    QStringList m_titles;
    int m_current = 0;
};

FirstRunWizard::FirstRunWizard(Context& context, QWidget* parent)
    : QDialog(parent),
      m_stack(new QStackedWidget(this))
{
    setObjectName(QStringLiteral("firstRunWizard"));
    setWindowTitle(tr("Set up Headgate"));
    setFixedSize(820, 560);
    QPalette colors = palette();
    colors.setColor(QPalette::Window, Theme::instance().tokens().surface);
    setPalette(colors);
    m_rail = new StepRail({tr("Welcome"), tr("Provider"), tr("Daily cap"), tr("Client key"),
                              tr("Test request"), tr("Finish")},
        this);
    for (WizardStep* step : std::initializer_list<WizardStep*>{new WelcomeStep(context, this),
             new ProviderStep(context, this), new CapStep(context, this),
             new KeyStep(context, m_key, this), new TestStep(context, m_key, this),
             new FinishStep(context, this)}) {
        m_stack->addWidget(step);
        m_steps.push_back(step);
        connect(step, &WizardStep::nextChanged, this, &FirstRunWizard::showButtons);
    }
    m_later = new QPushButton(tr("Set up later"), this);
    m_later->setObjectName(QStringLiteral("wizardLater"));
    m_later->setProperty("hgKind", QStringLiteral("ghost"));
    m_back = new QPushButton(tr("Back"), this);
    m_back->setObjectName(QStringLiteral("wizardBack"));
    m_next = primaryButton(tr("Next"), this);
    m_next->setObjectName(QStringLiteral("wizardNext"));
    m_next->setDefault(true);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_later);
    buttons->addStretch(1);
    buttons->addWidget(m_back);
    buttons->addWidget(m_next);
    auto* right = new QVBoxLayout;
    right->setContentsMargins(
        Theme::space5 + 8, Theme::space5 + 4, Theme::space5 + 8, Theme::space4 + 4);
    right->setSpacing(Theme::space3);
    right->addWidget(m_stack, 1);
    right->addLayout(buttons);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_rail);
    layout->addLayout(right, 1);
    connect(m_back, &QPushButton::clicked, this,
        [this] { goTo(static_cast<Step>(qMax(0, m_stack->currentIndex() - 1))); });
    connect(m_next, &QPushButton::clicked, this, &FirstRunWizard::next);
    connect(m_later, &QPushButton::clicked, this, &QDialog::reject);
    goTo(Step::Welcome);
}

FirstRunWizard::~FirstRunWizard()
{
    // The steps refer to the key, which is a member of this object.
    delete m_stack;
}

WizardStep* FirstRunWizard::current() const
{
    return m_steps[static_cast<std::size_t>(qMax(0, m_stack->currentIndex()))];
}

FirstRunWizard::Step FirstRunWizard::step() const
{
    return static_cast<Step>(m_stack->currentIndex());
}

void FirstRunWizard::goTo(Step step)
{
    m_stack->setCurrentIndex(static_cast<int>(step));
    m_rail->setCurrent(static_cast<int>(step));
    current()->enter();
    showButtons();
}

void FirstRunWizard::showButtons()
{
    m_back->setVisible(m_stack->currentIndex() > 0);
    m_later->setVisible(step() != Step::Finish);
    m_next->setText(current()->nextText());
    m_next->setEnabled(!m_busy);
}

void FirstRunWizard::next()
{
    if (m_busy) {
        return;
    }
    m_busy = true;
    showButtons();
    const QPointer<FirstRunWizard> guard(this);
    current()->commit([guard](bool moveOn) {
        FirstRunWizard* self = guard.data();
        if (self == nullptr) {
            return;
        }
        self->m_busy = false;
        if (moveOn && self->step() == Step::Finish) {
            self->accept();
        } else if (moveOn) {
            self->goTo(static_cast<Step>(self->m_stack->currentIndex() + 1));
        } else {
            self->showButtons();
        }
    });
}

} // namespace headgate::ui
