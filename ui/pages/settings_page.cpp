// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/settings_page.h"

#include "core/base/limits.h"
#include "ui/main_window.h"
#include "ui/widgets/widgets.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QCompleter>
#include <QHBoxLayout>
#include <QLabel>
#include <QScrollArea>
#include <QSpinBox>
#include <QTimeZone>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

constexpr int cardWidth = 640;

std::pair<Card*, QVBoxLayout*> section(const QString& title, const QString& words)
{
    auto* card = new Card;
    card->setMaximumWidth(cardWidth);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(Theme::space5, Theme::space4, Theme::space5, Theme::space5);
    layout->setSpacing(Theme::space3);
    layout->addWidget(headingLabel(title, 2, card));
    if (!words.isEmpty()) {
        auto* line = mutedLabel(words, card);
        line->setWordWrap(true);
        layout->addWidget(line);
    }
    return {card, layout};
}

} // namespace

SettingsPage::SettingsPage(Context& context, QWidget* parent) : Page(context, parent)
{
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    auto* scroll = new QScrollArea(this);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    outer->addWidget(scroll);
    auto* content = new QWidget;
    scroll->setWidget(content);
    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(Theme::space4, Theme::space4, Theme::space4, Theme::space4);
    layout->setSpacing(Theme::space3);
    layout->addWidget(buildAppearance());
    layout->addWidget(buildLedger());
    layout->addWidget(buildLoops());
    layout->addWidget(buildFiles());
    layout->addStretch(1);
    connect(&context, &Context::configChanged, this, [this] { show(); });
    show();
}

QString SettingsPage::title() const
{
    return tr("Settings");
}

void SettingsPage::activate()
{
    show();
}

QWidget* SettingsPage::buildAppearance()
{
    auto [card, layout] = section(tr("Appearance"), QString());
    m_theme = new QComboBox(card);
    m_theme->setObjectName(QStringLiteral("settingsTheme"));
    m_theme->addItem(tr("Like the system"), QStringLiteral("system"));
    m_theme->addItem(tr("Light"), QStringLiteral("light"));
    m_theme->addItem(tr("Dark"), QStringLiteral("dark"));
    layout->addWidget(new FormField(tr("Theme"), m_theme, card));
    connect(m_theme, &QComboBox::activated, this, [this] {
        const QString mode = m_theme->currentData().toString();
        Theme::instance().setMode(mode);
        change(tr("Theme changed to %1").arg(m_theme->currentText()),
            [mode](service::Settings& settings) { settings.theme = fromQt(mode); });
    });
    return card;
}

QWidget* SettingsPage::buildLedger()
{
    auto [card, layout] = section(tr("Budgets and ledger"), QString());
    m_zone = new QComboBox(card);
    m_zone->setObjectName(QStringLiteral("settingsZone"));
    m_zone->setEditable(true);
    m_zone->setInsertPolicy(QComboBox::NoInsert);
    m_zone->addItem(tr("This machine's zone"), QString());
    const auto zones = QTimeZone::availableTimeZoneIds();
    for (const QByteArray& zone : zones) {
        m_zone->addItem(QString::fromLatin1(zone), QString::fromLatin1(zone));
    }
    m_zone->completer()->setFilterMode(Qt::MatchContains);
    m_zone->completer()->setCompletionMode(QCompleter::PopupCompletion);
    m_zoneField = new FormField(tr("Time zone of new pools"), m_zone, card);
    m_zoneField->setHint(
        tr("A day's cap renews at midnight of this zone. Pools that exist keep theirs."));
    layout->addWidget(m_zoneField);
    m_powerSafe = new QCheckBox(tr("Survive a power cut (recommended)"), card);
    m_powerSafe->setObjectName(QStringLiteral("settingsPowerSafe"));
    layout->addWidget(m_powerSafe);
    auto* words = mutedLabel(tr("On: each hold is on the disk before a request leaves. Off: "
                                "faster, survives a crash of the "
                                "program but not of the machine. Takes effect at the next start."),
        card);
    words->setWordWrap(true);
    layout->addWidget(words);
    connect(m_zone, &QComboBox::activated, this, &SettingsPage::applyZone);
    connect(m_zone->lineEdit(), &QLineEdit::editingFinished, this, &SettingsPage::applyZone);
    connect(m_powerSafe, &QCheckBox::clicked, this, [this](bool on) {
        change(on ? tr("The ledger survives a power cut") : tr("The ledger survives a crash only"),
            [on](service::Settings& settings) { settings.powerSafe = on; });
    });
    return card;
}

QWidget* SettingsPage::buildLoops()
{
    auto [card, layout] = section(tr("Runaway agents"),
        tr("An agent that goes round in circles is refused before it burns a cap that others "
           "share."));
    m_loopsOn = new QCheckBox(tr("Stop agents that go round in circles"), card);
    m_loopsOn->setObjectName(QStringLiteral("settingsLoops"));
    layout->addWidget(m_loopsOn);
    const auto number = [this, card = card, layout = layout](
                            const char* name, const QString& label, int least, int most) {
        auto* box = new QSpinBox(card);
        box->setObjectName(QLatin1String(name));
        box->setRange(least, most);
        layout->addWidget(new FormField(label, box, card));
        connect(box, &QSpinBox::editingFinished, this, &SettingsPage::applyLoops);
        return box;
    };
    m_loopRepeats = number("settingsLoopRepeats",
        tr("The same request of one session, answered so many times…"), 3,
        static_cast<int>(limits::loopRepeatsMax));
    m_loopWithin = number("settingsLoopWithin", tr("…within so many seconds"), 10, 3'600);
    m_loopTools = number("settingsLoopTools",
        tr("The same tool call with the same result, so many times in a row"), 3,
        static_cast<int>(limits::loopRepeatsMax));
    m_loopAll = new QCheckBox(tr("Also count requests that name no session"), card);
    m_loopAll->setObjectName(QStringLiteral("settingsLoopAll"));
    m_loopAll->setToolTip(tr("Batch jobs and monitors send one request many times."));
    layout->addWidget(m_loopAll);
    connect(m_loopsOn, &QCheckBox::clicked, this, &SettingsPage::applyLoops);
    connect(m_loopAll, &QCheckBox::clicked, this, &SettingsPage::applyLoops);
    return card;
}

void SettingsPage::applyLoops()
{
    proxy::LoopRules rules;
    rules.on = m_loopsOn->isChecked();
    rules.repeats = m_loopRepeats->value();
    rules.withinSeconds = m_loopWithin->value();
    rules.toolRepeats = m_loopTools->value();
    rules.withoutSession = m_loopAll->isChecked();
    if (rules == context().service().config()->settings.loops) {
        return;
    }
    change(rules.on ? tr("Loop detector changed") : tr("Loop detector off"),
        [rules](service::Settings& settings) { settings.loops = rules; });
}

QWidget* SettingsPage::buildFiles()
{
    auto [card, layout] = section(tr("Files and version"),
        tr("Configuration, ledger, decision log and secrets are in one folder, readable by you "
           "alone."));
    auto* row = new QHBoxLayout;
    m_home = new QLabel(card);
    m_home->setObjectName(QStringLiteral("settingsHome"));
    m_home->setTextFormat(Qt::PlainText);
    m_home->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_home->setWordWrap(true);
    auto* copy = new QPushButton(icon(QStringLiteral("copy")), tr("Copy path"), card);
    row->addWidget(m_home, 1);
    row->addWidget(copy);
    layout->addLayout(row);
    m_version = mutedLabel(QString(), card);
    layout->addWidget(m_version);
    auto* setup = new QPushButton(tr("Run the guided setup again"), card);
    setup->setObjectName(QStringLiteral("settingsSetup"));
    layout->addWidget(setup, 0, Qt::AlignLeft);
    connect(copy, &QPushButton::clicked, this, [this] {
        QApplication::clipboard()->setText(m_home->text());
        context().toast(tr("Path copied."));
    });
    connect(setup, &QPushButton::clicked, this, [this] {
        if (auto* main = qobject_cast<MainWindow*>(window())) {
            main->openWizard();
        }
    });
    return card;
}

void SettingsPage::show()
{
    const auto config = context().service().config();
    const service::Settings& settings = config->settings;
    m_theme->setCurrentIndex(qMax(0, m_theme->findData(toQt(settings.theme))));
    if (!m_zone->lineEdit()->hasFocus()) {
        m_zone->setCurrentIndex(qMax(0, m_zone->findData(toQt(settings.zone))));
    }
    m_powerSafe->setChecked(settings.powerSafe);
    m_loopsOn->setChecked(settings.loops.on);
    m_loopAll->setChecked(settings.loops.withoutSession);
    const std::pair<QSpinBox*, int> numbers[] = {{m_loopRepeats, settings.loops.repeats},
        {m_loopWithin, settings.loops.withinSeconds}, {m_loopTools, settings.loops.toolRepeats}};
    for (const auto& [box, value] : numbers) {
        if (!box->hasFocus()) {
            box->setValue(value);
        }
        box->setEnabled(settings.loops.on);
    }
    m_loopAll->setEnabled(settings.loops.on);
    const service::Status status = context().service().status();
    m_home->setText(toQt(status.home));
    m_version->setText(tr("Headgate %1 · configuration revision %2")
                           .arg(toQt(status.version))
                           .arg(status.revision));
}

void SettingsPage::applyZone()
{
    const int index = m_zone->findText(m_zone->currentText().trimmed(), Qt::MatchFixedString);
    if (index < 0) {
        m_zoneField->setProblem(tr(
            "There is no zone of that name. Choose one from the list, for example Europe/Berlin."));
        return;
    }
    m_zoneField->setProblem(QString());
    const QString zone = m_zone->itemData(index).toString();
    if (zone == toQt(context().service().config()->settings.zone)) {
        return;
    }
    change(tr("Zone of new pools: %1").arg(m_zone->itemText(index)),
        [zone](service::Settings& settings) { settings.zone = fromQt(zone); });
}

void SettingsPage::change(const QString& text, const std::function<void(service::Settings&)>& edit)
{
    service::Service& service = context().service();
    context().runUndoable(text, [&service, edit] {
        service::Settings settings = service.config()->settings;
        edit(settings);
        return service.setSettings(settings, "console");
    });
}

} // namespace headgate::ui
