// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/pool_dialog.h"

#include "core/base/limits.h"
#include "ui/models/pool_tree_model.h"
#include "ui/widgets/widgets.h"

#include <QCheckBox>
#include <QComboBox>
#include <QCompleter>
#include <QLineEdit>
#include <QTimeZone>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <set>

namespace headgate::ui {

namespace {

struct ScopeChoice {
    ledger::ScopeKind kind;
    bool each;
    const char* words;
};

constexpr std::array scopeChoices{
    ScopeChoice{
        ledger::ScopeKind::Org, false, QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Everyone")},
    ScopeChoice{
        ledger::ScopeKind::Team, false, QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "One team")},
    ScopeChoice{
        ledger::ScopeKind::Team, true, QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Each team")},
    ScopeChoice{
        ledger::ScopeKind::User, false, QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "One user")},
    ScopeChoice{
        ledger::ScopeKind::User, true, QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Each user")},
    ScopeChoice{
        ledger::ScopeKind::Key, false, QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "One key")},
    ScopeChoice{
        ledger::ScopeKind::Key, true, QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Each key")},
    ScopeChoice{ledger::ScopeKind::Session, false,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "One session")},
    ScopeChoice{ledger::ScopeKind::Session, true,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Each session")},
    ScopeChoice{ledger::ScopeKind::Request, false,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Each single request")},
};

/// Windows without further parameters; those with some have their own fields when enforced.
std::vector<ledger::Window> windowsFor(const ledger::Scope& scope)
{
    std::vector<ledger::Window> windows;
    auto offer = [&](ledger::Window window) {
        if (ledger::isEnforced(scope, window)) {
            windows.push_back(window);
        }
    };
    ledger::Window window;
    for (const auto period :
        {Period::Hour, Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year}) {
        window.period = period;
        offer(window);
    }
    window.period = Period::Day;
    window.kind = ledger::WindowKind::Lifetime;
    offer(window);
    window.kind = ledger::WindowKind::Request;
    offer(window);
    return windows;
}

QString periodStartWords(const ledger::Window& window)
{
    switch (window.period) {
    case Period::Hour:
        return PoolDialog::tr("at the full hour");
    case Period::Day:
        return PoolDialog::tr("at midnight");
    case Period::Week:
        return PoolDialog::tr("on Monday at midnight");
    case Period::Month:
        return PoolDialog::tr("on the first of the month");
    case Period::Quarter:
        return PoolDialog::tr("on the first day of the quarter");
    case Period::Year:
        return PoolDialog::tr("on the first day of the year");
    }
    return {};
}

QString capitalised(QString text)
{
    if (!text.isEmpty()) {
        text[0] = text[0].toUpper();
    }
    return text;
}

QComboBox* valueBox(QWidget* parent, const QString& name)
{
    auto* box = new QComboBox(parent);
    box->setObjectName(name);
    box->setEditable(true);
    box->setInsertPolicy(QComboBox::NoInsert);
    box->setMinimumHeight(Theme::controlHeight);
    return box;
}

} // namespace

QString poolSentence(const service::NewPool& pool)
{
    const auto cap = moneyText(pool.cap);
    if (pool.window.kind == ledger::WindowKind::Request
        || pool.scope.kind == ledger::ScopeKind::Request) {
        return pool.hard
            ? PoolDialog::tr("A single request that could cost more than %1 is refused or moved to "
                             "a cheaper model.")
                  .arg(cap)
            : PoolDialog::tr(
                "Counts single requests that could cost more than %1; refuses nothing.")
                  .arg(cap);
    }
    const auto who = pool.scope.kind == ledger::ScopeKind::Org
        ? PoolDialog::tr("All requests together")
        : (pool.scope.each
                ? capitalised(PoolDialog::tr("%1 on its own").arg(scopeWords(pool.scope)))
                : PoolDialog::tr("All requests of %1 together").arg(scopeWords(pool.scope)));
    const auto window = pool.window.kind == ledger::WindowKind::Lifetime
        ? PoolDialog::tr("once and for all")
        : windowWords(pool.window);
    QString text;
    if (pool.hard) {
        text = PoolDialog::tr("%1 may spend at most %2 %3. What does not fit is moved to a cheaper "
                              "model or refused before "
                              "anything is sent.")
                   .arg(who, cap, window);
    } else {
        text = PoolDialog::tr(
            "%1 are compared with %2 %3. Nothing is refused: this pool only watches.")
                   .arg(who, cap, window);
    }
    if (pool.window.kind == ledger::WindowKind::Fixed) {
        text += QLatin1Char(' ')
            + PoolDialog::tr("It starts afresh %1 (%2).")
                  .arg(periodStartWords(pool.window),
                      pool.zone.empty() ? PoolDialog::tr("local time") : toQt(pool.zone));
    } else {
        text += QLatin1Char(' ') + PoolDialog::tr("It never resets; top it up to go on.");
    }
    return text;
}

PoolDialog::PoolDialog(Context& context, QWidget* parent)
    : CommandDialog(tr("Add a pool"), tr("Add pool"), parent),
      m_context(context)
{
    setObjectName(QStringLiteral("poolDialog"));
    m_scope = new QComboBox(this);
    m_scope->setObjectName(QStringLiteral("poolScope"));
    addField(tr("Whom it covers"), m_scope);
    m_value = valueBox(this, QStringLiteral("poolValue"));
    m_valueField = addField(tr("Name of the team, user, key or session"), m_value);
    m_cap = new MoneyEdit(this);
    m_cap->setObjectName(QStringLiteral("poolCap"));
    m_cap->lineEdit()->setAccessibleName(tr("Cap in dollars"));
    addField(tr("Cap"), m_cap);
    m_window = new QComboBox(this);
    m_window->setObjectName(QStringLiteral("poolWindow"));
    addField(tr("For"), m_window);
    m_zone = valueBox(this, QStringLiteral("poolZone"));
    for (const auto& id : QTimeZone::availableTimeZoneIds()) {
        m_zone->addItem(QString::fromLatin1(id));
    }
    const auto& settings = m_context.service().config()->settings;
    m_zone->setCurrentText(toQt(settings.zone.empty() ? systemZone() : settings.zone));
    m_zoneField = addField(tr("Time zone of its calendar"), m_zone);
    m_hard = new QCheckBox(tr("Hard: refuse what does not fit (off: only watch)"), this);
    m_hard->setObjectName(QStringLiteral("poolHard"));
    m_hard->setChecked(true);
    body()->addWidget(m_hard);
    m_name = new QLineEdit(this);
    m_name->setObjectName(QStringLiteral("poolName"));
    m_name->setMaxLength(int(limits::nameBytesMax));
    m_nameField = addField(tr("Name of the pool"), m_name);
    m_sentence = new QLabel(this);
    m_sentence->setObjectName(QStringLiteral("poolSentence"));
    m_sentence->setTextFormat(Qt::PlainText);
    m_sentence->setWordWrap(true);
    m_sentence->setMinimumHeight(m_sentence->fontMetrics().lineSpacing() * 3);
    m_sentence->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    body()->addWidget(m_sentence);

    fillScopes();
    fillWindows();
    fillValues();
    connect(m_scope, &QComboBox::currentIndexChanged, this, [this] {
        fillWindows();
        fillValues();
        validate();
    });
    connect(m_value, &QComboBox::editTextChanged, this, &PoolDialog::validate);
    connect(m_window, &QComboBox::currentIndexChanged, this, &PoolDialog::validate);
    connect(m_zone, &QComboBox::editTextChanged, this, &PoolDialog::validate);
    connect(m_cap, &MoneyEdit::edited, this, &PoolDialog::validate);
    connect(m_hard, &QCheckBox::toggled, this, &PoolDialog::validate);
    connect(m_name, &QLineEdit::textEdited, this, [this] {
        m_nameTouched = true;
        validate();
    });
    validate();
    m_scope->setFocus();
}

void PoolDialog::fillScopes()
{
    for (std::size_t i = 0; i < scopeChoices.size(); ++i) {
        const auto& choice = scopeChoices[i];
        ledger::Scope scope;
        scope.kind = choice.kind;
        scope.each = choice.each;
        scope.value = choice.each ? std::string() : std::string("x");
        if (!windowsFor(scope).empty()) {
            m_scope->addItem(tr(choice.words), int(i));
        }
    }
}

void PoolDialog::fillWindows()
{
    const auto before = m_window->currentData().toString();
    m_window->blockSignals(true);
    m_window->clear();
    for (const auto& window : windowsFor(scope())) {
        m_window->addItem(windowWords(window), toQt(window.text()));
    }
    const int day = m_window->findData(QStringLiteral("day"));
    const int same = m_window->findData(before);
    m_window->setCurrentIndex(same >= 0 ? same : std::max(day, 0));
    m_window->blockSignals(false);
}

void PoolDialog::fillValues()
{
    const auto wanted = scope();
    const bool named = !wanted.each && wanted.kind != ledger::ScopeKind::Org
        && wanted.kind != ledger::ScopeKind::Request;
    m_valueField->setVisible(named);
    std::set<std::string> values;
    for (const auto& key : m_context.service().config()->keys) {
        if (wanted.kind == ledger::ScopeKind::Team && !key.team.empty()) {
            values.insert(key.team);
        } else if (wanted.kind == ledger::ScopeKind::User && !key.user.empty()) {
            values.insert(key.user);
        } else if (wanted.kind == ledger::ScopeKind::Key && key.revokedAtUs == 0) {
            values.insert(key.name);
        }
    }
    const auto typed = m_value->currentText();
    m_value->blockSignals(true);
    m_value->clear();
    for (const auto& value : values) {
        m_value->addItem(toQt(value));
    }
    m_value->setCurrentText(
        m_value->findText(typed) >= 0 || values.empty() ? typed : toQt(*values.begin()));
    m_value->blockSignals(false);
}

ledger::Scope PoolDialog::scope() const
{
    ledger::Scope scope;
    const int choice = m_scope->currentData().toInt();
    scope.kind = scopeChoices[std::size_t(choice)].kind;
    scope.each = scopeChoices[std::size_t(choice)].each;
    if (!scope.each && scope.kind != ledger::ScopeKind::Org
        && scope.kind != ledger::ScopeKind::Request) {
        scope.value = fromQt(m_value->currentText().trimmed());
    }
    return scope;
}

service::NewPool PoolDialog::value() const
{
    service::NewPool pool;
    pool.name = fromQt(m_name->text().trimmed());
    pool.scope = scope();
    if (const auto window = ledger::Window::parse(fromQt(m_window->currentData().toString()))) {
        pool.window = *window;
    }
    pool.cap = m_cap->money().value_or(Money());
    pool.zone = fromQt(m_zone->currentText().trimmed());
    pool.hard = m_hard->isChecked();
    return pool;
}

void PoolDialog::prefill(const ledger::Pool& pool)
{
    for (int i = 0; i < m_scope->count(); ++i) {
        const auto& choice = scopeChoices[std::size_t(m_scope->itemData(i).toInt())];
        if (choice.kind == pool.scope.kind && choice.each == pool.scope.each) {
            m_scope->setCurrentIndex(i);
        }
    }
    m_value->setCurrentText(toQt(pool.scope.value));
    m_window->setCurrentIndex(std::max(m_window->findData(toQt(pool.window.text())), 0));
    m_cap->setMoney(pool.cap);
    m_zone->setCurrentText(toQt(pool.zone));
    m_hard->setChecked(pool.hard);
    m_nameTouched = true;
    m_name->setText(toQt(pool.name) + QStringLiteral("-copy"));
    validate();
}

bool PoolDialog::isTaken(const std::string& name) const
{
    const auto config = m_context.service().config();
    return std::any_of(config->pools.begin(), config->pools.end(),
        [&](const auto& pool) { return !pool.archived && pool.name == name; });
}

QString PoolDialog::proposedName(const service::NewPool& pool) const
{
    const auto who
        = pool.scope.kind == ledger::ScopeKind::Org ? tr("organisation") : scopeWords(pool.scope);
    const auto name = (who + QLatin1Char('-') + toQt(pool.window.text()))
                          .simplified()
                          .replace(QLatin1Char(' '), QLatin1Char('-'));
    auto free = name;
    for (int number = 2; isTaken(fromQt(free)); ++number) {
        free = name + QLatin1Char('-') + QString::number(number);
    }
    return free;
}

QString PoolDialog::problemOfName() const
{
    const auto name = fromQt(m_name->text().trimmed());
    if (name.empty()) {
        return tr("Give the pool a name; refusals will show it.");
    }
    return isTaken(name) ? tr("A pool of that name exists. Choose another name.") : QString();
}

void PoolDialog::validate()
{
    auto pool = value();
    if (!m_nameTouched) {
        m_name->setText(proposedName(pool));
        pool = value();
    }
    const bool needsValue = !pool.scope.each && pool.scope.kind != ledger::ScopeKind::Org
        && pool.scope.kind != ledger::ScopeKind::Request;
    const bool valueMissing = needsValue && pool.scope.value.empty();
    m_valueField->setProblem(
        valueMissing ? tr("Type a name or choose one from the list.") : QString());
    const bool zoneBad = !isKnownZone(pool.zone);
    m_zoneField->setProblem(
        zoneBad ? tr("This zone is not known. Write it like Europe/Berlin.") : QString());
    m_zoneField->setVisible(pool.window.kind == ledger::WindowKind::Fixed);
    const auto nameProblem = problemOfName();
    m_nameField->setProblem(nameProblem);
    const bool capOk = m_cap->money().has_value() && !m_cap->money()->isNegative();
    m_sentence->setText(valueMissing || !capOk
            ? tr("Fill in the cap to see what this pool will do.")
            : poolSentence(pool));
    setAcceptable(!valueMissing && !zoneBad && nameProblem.isEmpty() && capOk);
}

void PoolDialog::submit()
{
    const auto pool = value();
    auto& service = m_context.service();
    m_context.runUndoable(
        tr("Add pool %1").arg(safeText(pool.name)),
        [&service, pool]() -> Result<void> {
            const auto added = service.addPool(pool, "console");
            return added ? Result<void>() : Result<void>(added.error());
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

PoolMoneyDialog::PoolMoneyDialog(Context& context, Kind kind, const ledger::PoolState& pool,
    const QString& account, QWidget* parent)
    : CommandDialog(kind == Kind::TopUp ? tr("Top up %1").arg(safeText(pool.pool.name))
                                        : tr("Adjust %1").arg(safeText(pool.pool.name)),
        kind == Kind::TopUp ? tr("Top up") : tr("Book the adjustment"), parent),
      m_context(context),
      m_kind(kind),
      m_pool(pool.pool)
{
    setObjectName(QStringLiteral("poolMoneyDialog"));
    if (kind == Kind::Adjust) {
        m_direction = new QComboBox(this);
        m_direction->setObjectName(QStringLiteral("direction"));
        m_direction->addItem(tr("Give money back (a charge was too high)"));
        m_direction->addItem(tr("Charge more (a cost is missing)"));
        addField(tr("What to do"), m_direction);
        connect(m_direction, &QComboBox::currentIndexChanged, this, &PoolMoneyDialog::validate);
        if (pool.pool.scope.each) {
            m_account = valueBox(this, QStringLiteral("account"));
            for (const auto& view : pool.accounts) {
                m_account->addItem(toQt(view.key.value));
            }
            m_account->setCurrentText(account);
            addField(tr("Which account"), m_account);
            connect(m_account, &QComboBox::editTextChanged, this, &PoolMoneyDialog::validate);
        }
    }
    m_amount = new MoneyEdit(this);
    m_amount->setObjectName(QStringLiteral("amount"));
    m_amount->lineEdit()->setAccessibleName(tr("Amount in dollars"));
    addField(tr("Amount"), m_amount);
    m_reason = new QLineEdit(this);
    m_reason->setObjectName(QStringLiteral("reason"));
    m_reason->setMaxLength(256);
    m_reason->setPlaceholderText(tr("e.g. invoice 2026-11 shows less"));
    addField(tr("Reason (kept in the journal for ever)"), m_reason);
    m_sentence = mutedLabel(QString(), this);
    m_sentence->setWordWrap(true);
    body()->addWidget(m_sentence);
    connect(m_amount, &MoneyEdit::edited, this, &PoolMoneyDialog::validate);
    connect(m_reason, &QLineEdit::textChanged, this, &PoolMoneyDialog::validate);
    validate();
    m_amount->lineEdit()->setFocus();
}

std::optional<Money> PoolMoneyDialog::amount() const
{
    const auto money = m_amount->money();
    if (!money || money->nano() <= 0) {
        return std::nullopt;
    }
    return m_kind == Kind::Adjust && m_direction->currentIndex() == 0
        ? Money().minusSaturated(*money)
        : *money;
}

void PoolMoneyDialog::validate()
{
    const auto money = m_amount->money();
    const bool accountOk = m_account == nullptr || !m_account->currentText().trimmed().isEmpty();
    setAcceptable(amount().has_value() && accountOk && !m_reason->text().trimmed().isEmpty());
    if (!money || money->nano() <= 0) {
        m_sentence->setText(
            tr("Write an amount above zero. This is an entry in the journal; it is corrected by "
               "another entry, not undone."));
        return;
    }
    const auto shown = moneyText(*money);
    if (m_kind == Kind::TopUp) {
        m_sentence->setText(
            tr("The pool can spend %1 more until it resets. Its cap stays as it is.").arg(shown));
    } else {
        m_sentence->setText(m_direction->currentIndex() == 0
                ? tr("The spent amount goes down by %1.").arg(shown)
                : tr("The spent amount goes up by %1.").arg(shown));
    }
}

void PoolMoneyDialog::submit()
{
    const auto money = amount().value_or(Money());
    const auto reason = fromQt(m_reason->text().trimmed());
    const auto account
        = m_account == nullptr ? std::string() : fromQt(m_account->currentText().trimmed());
    auto& service = m_context.service();
    m_context.run(
        [&service, kind = m_kind, id = m_pool.id, money, reason, account] {
            return kind == Kind::TopUp ? service.topUpPool(id, money, reason, "console")
                                       : service.adjustPool(id, account, money, reason, "console");
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
