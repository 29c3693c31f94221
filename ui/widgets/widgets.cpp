// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/widgets/widgets.h"

#include "ui/delegates/delegates.h"
#include "ui/theme/icon_engine.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

/// Text in a colour of the theme that follows its changes.
void followRole(QLabel* label, QColor Tokens::*role)
{
    const auto apply = [label, role] {
        QPalette palette = label->palette();
        palette.setColor(QPalette::WindowText, Theme::instance().tokens().*role);
        label->setPalette(palette);
    };
    apply();
    QObject::connect(&Theme::instance(), &Theme::changed, label, apply);
}

/// Icon and words in one line below a field.
class Note : public QLabel {
public:
    explicit Note(QWidget* parent) : QLabel(parent)
    {
        setTextFormat(Qt::PlainText);
        setWordWrap(true);
        setContentsMargins(20, 0, 0, 0);
        hide();
    }
    void show(const QString& text, Chip::Tone tone)
    {
        m_tone = tone;
        setText(text);
        setVisible(!text.isEmpty());
        setContentsMargins(tone == Chip::Tone::Neutral ? 0 : 20, 0, 0, 0);
        update();
    }

protected:
    void paintEvent(QPaintEvent* event) override
    {
        QPalette colors = palette();
        const QColor wanted
            = m_tone == Chip::Tone::Neutral ? Theme::instance().tokens().muted : toneColor(m_tone);
        if (colors.color(QPalette::WindowText) != wanted) {
            colors.setColor(QPalette::WindowText, wanted);
            setPalette(colors);
        }
        QLabel::paintEvent(event);
        if (m_tone != Chip::Tone::Neutral) {
            QPainter painter(this);
            const QString name
                = m_tone == Chip::Tone::Danger ? QStringLiteral("error") : toneIcon(m_tone);
            const int line = fontMetrics().height();
            painter.drawPixmap(
                QPoint(0, (line - 14) / 2), iconPixmap(name, wanted, 14, devicePixelRatioF()));
        }
    }

private:
    Chip::Tone m_tone = Chip::Tone::Neutral;
};

} // namespace

Card::Card(QWidget* parent) : QFrame(parent)
{
    setProperty("hgCard", true);
    setFrameShape(QFrame::StyledPanel);
}

Chip::Chip(QWidget* parent) : QLabel(parent)
{
    setTextFormat(Qt::PlainText);
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
}

void Chip::set(const QString& text, Tone tone)
{
    m_tone = tone;
    setText(text);
    setAccessibleName(text);
    updateGeometry();
    update();
}

void Chip::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    if (text().isEmpty()) {
        return;
    }
    QPainter painter(this);
    painter.setFont(font());
    paintChip(&painter, rect(), text(), m_tone);
}

QSize Chip::sizeHint() const
{
    return chipSize(text(), font());
}

EmptyState::EmptyState(
    const QString& iconName, const QString& title, const QString& body, QWidget* parent)
    : QWidget(parent)
{
    auto* layout = new QVBoxLayout(this);
    layout->setAlignment(Qt::AlignCenter);
    layout->setSpacing(Theme::space2);
    auto* picture = new QLabel(this);
    const auto draw = [picture, iconName] {
        picture->setPixmap(iconPixmap(
            iconName, Theme::instance().tokens().muted, 40, picture->devicePixelRatioF()));
    };
    draw();
    connect(&Theme::instance(), &Theme::changed, picture, draw);
    picture->setAlignment(Qt::AlignCenter);
    auto* heading = headingLabel(title, 2, this);
    heading->setAlignment(Qt::AlignCenter);
    auto* words = mutedLabel(body, this);
    words->setObjectName(QStringLiteral("emptyBody"));
    words->setAlignment(Qt::AlignCenter);
    words->setWordWrap(true);
    words->setMinimumWidth(260);
    words->setMaximumWidth(460);
    layout->addWidget(picture);
    layout->addWidget(heading);
    layout->addWidget(words, 0, Qt::AlignHCenter);
}

QPushButton* EmptyState::addButton(const QString& text)
{
    auto* button = primaryButton(text, this);
    auto* box = static_cast<QVBoxLayout*>(layout());
    box->addSpacing(Theme::space2);
    box->addWidget(button, 0, Qt::AlignHCenter);
    return button;
}

void EmptyState::setBody(const QString& body)
{
    findChild<QLabel*>(QStringLiteral("emptyBody"))->setText(body);
}

MoneyEdit::MoneyEdit(QWidget* parent) : QWidget(parent), m_edit(new QLineEdit(this))
{
    auto* note = new Note(this);
    m_note = note;
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(Theme::space1);
    layout->addWidget(m_edit);
    layout->addWidget(m_note);
    m_edit->setPlaceholderText(tr("$0.00"));
    m_edit->setFont(Theme::tabularFont());
    setFocusProxy(m_edit);
    connect(m_edit, &QLineEdit::textChanged, this, [this, note](const QString& text) {
        const auto parsed = Money::parse(fromQt(text.trimmed()));
        const bool bad = !parsed || parsed->isNegative();
        m_edit->setProperty("hgProblem", bad && !text.trimmed().isEmpty());
        m_edit->update();
        if (text.trimmed().isEmpty()) {
            note->show(tr("Write an amount, for example 50, $0.25 or 0.5c."), Chip::Tone::Neutral);
        } else if (!parsed) {
            note->show(toQt(parsed.error().text()), Chip::Tone::Danger);
        } else if (bad) {
            note->show(tr("The amount cannot be below zero."), Chip::Tone::Danger);
        } else {
            note->show(QStringLiteral("= ") + moneyText(*parsed), Chip::Tone::Ok);
            note->setToolTip(exactMoneyText(*parsed));
        }
        Q_EMIT edited();
    });
}

void MoneyEdit::setMoney(Money money)
{
    m_edit->setText(toQt(money.toDecimal()));
}

std::optional<Money> MoneyEdit::money() const
{
    const auto parsed = Money::parse(fromQt(m_edit->text().trimmed()));
    if (!parsed || parsed->isNegative()) {
        return std::nullopt;
    }
    return *parsed;
}

FormField::FormField(const QString& label, QWidget* field, QWidget* parent) : QWidget(parent)
{
    auto* note = new Note(this);
    m_note = note;
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(Theme::space1);
    auto* name = new QLabel(label, this);
    m_label = name;
    name->setTextFormat(Qt::PlainText);
    QFont bold = name->font();
    bold.setWeight(QFont::Medium);
    name->setFont(bold);
    followRole(name, &Tokens::secondary);
    QWidget* target = field->focusProxy() != nullptr ? field->focusProxy() : field;
    name->setBuddy(target);
    if (target->accessibleName().isEmpty()) {
        target->setAccessibleName(label);
    }
    layout->addWidget(name);
    layout->addWidget(field);
    layout->addWidget(m_note);
}

void FormField::setLabel(const QString& text)
{
    m_label->setText(text);
}

void FormField::setProblem(const QString& text)
{
    auto* note = static_cast<Note*>(m_note);
    if (text.isEmpty()) {
        note->show(m_hint, Chip::Tone::Neutral);
    } else {
        note->show(text, Chip::Tone::Danger);
    }
}

void FormField::setHint(const QString& text)
{
    m_hint = text;
    static_cast<Note*>(m_note)->show(text, Chip::Tone::Neutral);
}

QPushButton* primaryButton(const QString& text, QWidget* parent)
{
    auto* button = new QPushButton(text, parent);
    button->setProperty("hgKind", QStringLiteral("primary"));
    QFont font = button->font();
    font.setWeight(QFont::DemiBold);
    button->setFont(font);
    return button;
}

QPushButton* dangerButton(const QString& text, QWidget* parent)
{
    auto* button = new QPushButton(text, parent);
    button->setProperty("hgKind", QStringLiteral("danger"));
    return button;
}

QLabel* headingLabel(const QString& text, int pointsMore, QWidget* parent)
{
    auto* label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    label->setFont(Theme::headingFont(pointsMore));
    return label;
}

QLabel* mutedLabel(const QString& text, QWidget* parent)
{
    auto* label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    followRole(label, &Tokens::muted);
    return label;
}

} // namespace headgate::ui
