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
#include <QSpinBox>
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
    ScopeChoice{ledger::ScopeKind::Tag, false,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "One tag (project)")},
    ScopeChoice{ledger::ScopeKind::Tier, false,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Models from one tier up")},
    ScopeChoice{ledger::ScopeKind::Model, false,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "One model")},
    ScopeChoice{ledger::ScopeKind::Provider, false,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "One provider")},
    ScopeChoice{ledger::ScopeKind::Request, false,
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "Each single request")},
};

struct WindowChoice {
    const char* name; ///< the first word of its text form
    const char* words;
};
constexpr std::array windowChoices{
    WindowChoice{"hour", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "an hour")},
    WindowChoice{"day", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "a day")},
    WindowChoice{"week", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "a week")},
    WindowChoice{"month", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "a month")},
    WindowChoice{"quarter", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "a quarter")},
    WindowChoice{"year", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "a year")},
    WindowChoice{
        "sliding", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "any stretch of time (sliding)")},
    WindowChoice{
        "bucket", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "a bucket that refills steadily")},
    WindowChoice{"lifetime",
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "for ever (prepaid, top up by hand)")},
    WindowChoice{"session",
        QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "a session, until it has been idle")},
    WindowChoice{"request", QT_TRANSLATE_NOOP("headgate::ui::PoolDialog", "one request")},
};

bool fits(ledger::ScopeKind scope, const QString& window)
{
    return scope != ledger::ScopeKind::Request || window == QLatin1String("request");
}

bool isNamed(const ledger::Scope& scope)
{
    return !scope.each && scope.kind != ledger::ScopeKind::Org
        && scope.kind != ledger::ScopeKind::Request;
}

QString valueLabel(ledger::ScopeKind kind)
{
    using Kind = ledger::ScopeKind;
    switch (kind) {
    case Kind::Tag:
        return PoolDialog::tr("Tag, as name:value");
    case Kind::Tier:
        return PoolDialog::tr("Lowest tier that counts (1 to 4)");
    case Kind::Model:
        return PoolDialog::tr("Model");
    case Kind::Provider:
        return PoolDialog::tr("Provider");
    default:
        return PoolDialog::tr("Name of the team, user, key or session");
    }
}

QString windowName(const ledger::Window& window)
{
    return toQt(window.text()).section(QLatin1Char(':'), 0, 0);
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

/// "a day", "in any 24 h", as it stands in a sentence about a cap.
QString periodWords(const ledger::Window& window)
{
    switch (window.kind) {
    case ledger::WindowKind::Lifetime:
        return PoolDialog::tr("once and for all");
    case ledger::WindowKind::Sliding:
        return PoolDialog::tr("in any %1").arg(spanWords(window.durationUs));
    case ledger::WindowKind::Bucket:
        return PoolDialog::tr("at once");
    case ledger::WindowKind::Session:
        return PoolDialog::tr("a session");
    default:
        return windowWords(window);
    }
}

QString renewalSentence(const service::NewPool& pool)
{
    const auto zone = pool.zone.empty() ? PoolDialog::tr("local time") : toQt(pool.zone);
    const auto& window = pool.window;
    switch (window.kind) {
    case ledger::WindowKind::Fixed: {
        const bool moved = pool.fiscalStartDay > 1 && window.period >= Period::Month;
        const auto start = moved
            ? PoolDialog::tr("on day %1 of the month at midnight").arg(pool.fiscalStartDay)
            : periodStartWords(window);
        return PoolDialog::tr("It starts afresh %1 (%2).").arg(start, zone);
    }
    case ledger::WindowKind::Sliding:
        return PoolDialog::tr("It never starts afresh: every charge counts for %1 and then leaves "
                              "(in parts of %2).")
            .arg(spanWords(window.durationUs), untilText(qint64(ledger::slotLengthUs(window))));
    case ledger::WindowKind::Bucket:
        return PoolDialog::tr("It refills by %1 an hour, all the time, up to %2.")
            .arg(moneyText(window.bucketRefillPerHour), moneyText(pool.cap));
    case ledger::WindowKind::Session:
        return PoolDialog::tr("After %1 without a request the next one begins a new session.")
            .arg(spanWords(window.durationUs));
    default:
        return PoolDialog::tr("It never resets; top it up to go on.");
    }
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
    const auto window = periodWords(pool.window);
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
    text += QLatin1Char(' ') + renewalSentence(pool);
    if (pool.reservePercent > 0) {
        text += QLatin1Char(' ')
            + PoolDialog::tr("The last %1 % are only for requests of priority high.")
                  .arg(pool.reservePercent);
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
    m_duration = new QLineEdit(this);
    m_duration->setObjectName(QStringLiteral("poolDuration"));
    m_durationField = addField(tr("How long"), m_duration);
    m_refill = new MoneyEdit(this);
    m_refill->setObjectName(QStringLiteral("poolRefill"));
    m_refill->lineEdit()->setAccessibleName(tr("Refill in dollars an hour"));
    m_refillField = addField(tr("Refills an hour"), m_refill);
    m_fiscalDay = new QSpinBox(this);
    m_fiscalDay->setObjectName(QStringLiteral("poolFiscalDay"));
    m_fiscalDay->setRange(1, 28);
    m_fiscalDay->setMinimumHeight(Theme::controlHeight);
    m_fiscalField = addField(tr("First day of the month (fiscal calendar)"), m_fiscalDay);
    m_zone = valueBox(this, QStringLiteral("poolZone"));
    for (const auto& id : QTimeZone::availableTimeZoneIds()) {
        m_zone->addItem(QString::fromLatin1(id));
    }
    const auto& settings = m_context.service().config()->settings;
    m_zone->setCurrentText(toQt(settings.zone.empty() ? systemZone() : settings.zone));
    m_zoneField = addField(tr("Time zone of its calendar"), m_zone);
    m_reserve = new QSpinBox(this);
    m_reserve->setObjectName(QStringLiteral("poolReserve"));
    m_reserve->setRange(0, 99);
    m_reserve->setSuffix(tr(" %"));
    m_reserve->setSpecialValueText(tr("none"));
    m_reserve->setMinimumHeight(Theme::controlHeight);
    m_reserveField = addField(tr("Kept for priority high"), m_reserve);
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
    m_sentence->setMinimumHeight(m_sentence->fontMetrics().lineSpacing() * 5);
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
    connect(m_window, &QComboBox::currentIndexChanged, this, [this] {
        proposeDuration();
        validate();
    });
    connect(m_zone, &QComboBox::editTextChanged, this, &PoolDialog::validate);
    connect(m_duration, &QLineEdit::textChanged, this, &PoolDialog::validate);
    connect(m_refill, &MoneyEdit::edited, this, &PoolDialog::validate);
    connect(m_fiscalDay, &QSpinBox::valueChanged, this, &PoolDialog::validate);
    connect(m_reserve, &QSpinBox::valueChanged, this, &PoolDialog::validate);
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
        m_scope->addItem(tr(scopeChoices[i].words), int(i));
    }
}

void PoolDialog::fillWindows()
{
    const auto before = m_window->currentData().toString();
    m_window->blockSignals(true);
    m_window->clear();
    for (const auto& choice : windowChoices) {
        const auto name = QString::fromLatin1(choice.name);
        if (fits(scope().kind, name)) {
            m_window->addItem(tr(choice.words), name);
        }
    }
    const int day = m_window->findData(QStringLiteral("day"));
    const int same = m_window->findData(before);
    m_window->setCurrentIndex(same >= 0 ? same : std::max(day, 0));
    m_window->blockSignals(false);
}

/// A day for a sliding window, half an hour of idleness for a session, until something is typed.
void PoolDialog::proposeDuration()
{
    const auto kind = m_window->currentData().toString();
    const auto text = m_duration->text().trimmed();
    if (kind == QLatin1String("sliding") && (text.isEmpty() || text == QLatin1String("30m"))) {
        m_duration->setText(QStringLiteral("24h"));
    } else if (kind == QLatin1String("session")
        && (text.isEmpty() || text == QLatin1String("24h"))) {
        m_duration->setText(QStringLiteral("30m"));
    } else if (kind == QLatin1String("bucket") && m_refill->lineEdit()->text().isEmpty()) {
        m_refill->setMoney(Money::fromCents(100));
    }
}

std::set<std::string> PoolDialog::knownValues(ledger::ScopeKind kind) const
{
    using Kind = ledger::ScopeKind;
    const auto config = m_context.service().config();
    std::set<std::string> values;
    for (const auto& key : config->keys) {
        if (kind == Kind::Team && !key.team.empty()) {
            values.insert(key.team);
        } else if (kind == Kind::User && !key.user.empty()) {
            values.insert(key.user);
        } else if (kind == Kind::Key && key.revokedAtUs == 0) {
            values.insert(key.name);
        } else if (kind == Kind::Tag) {
            values.insert(key.tags.begin(), key.tags.end());
        }
    }
    for (const auto& model : config->models) {
        if (kind == Kind::Model) {
            values.insert(model.id());
        }
    }
    for (const auto& provider : config->providers) {
        if (kind == Kind::Provider) {
            values.insert(provider.name);
        }
    }
    if (kind == Kind::Tier) {
        values = {"2", "3", "4"};
    }
    return values;
}

void PoolDialog::fillValues()
{
    const auto wanted = scope();
    m_valueField->setVisible(isNamed(wanted));
    m_valueField->setLabel(valueLabel(wanted.kind));
    m_value->setAccessibleName(valueLabel(wanted.kind));
    const auto values = knownValues(wanted.kind);
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
    if (isNamed(scope)) {
        scope.value = fromQt(m_value->currentText().trimmed());
    }
    return scope;
}

Result<ledger::Window> PoolDialog::window() const
{
    const auto kind = fromQt(m_window->currentData().toString());
    if (kind == "sliding" || kind == "session") {
        return ledger::Window::parse(kind + ":" + fromQt(m_duration->text().trimmed()));
    }
    if (kind == "bucket") {
        ledger::Window bucket;
        bucket.kind = ledger::WindowKind::Bucket;
        bucket.bucketCapacity = m_cap->money().value_or(Money());
        bucket.bucketRefillPerHour = m_refill->money().value_or(Money());
        return bucket;
    }
    return ledger::Window::parse(kind);
}

service::NewPool PoolDialog::value() const
{
    service::NewPool pool;
    pool.name = fromQt(m_name->text().trimmed());
    pool.scope = scope();
    pool.cap = m_cap->money().value_or(Money());
    if (const auto given = window()) {
        pool.window = *given;
    }
    pool.zone = fromQt(m_zone->currentText().trimmed());
    pool.hard = m_hard->isChecked();
    const bool calendar
        = pool.window.kind == ledger::WindowKind::Fixed && pool.window.period >= Period::Month;
    pool.fiscalStartDay = calendar ? m_fiscalDay->value() : 1;
    pool.reservePercent = pool.window.kind == ledger::WindowKind::Request ? 0 : m_reserve->value();
    return pool;
}

void PoolDialog::take(const ledger::Pool& pool)
{
    for (int i = 0; i < m_scope->count(); ++i) {
        const auto& choice = scopeChoices[std::size_t(m_scope->itemData(i).toInt())];
        if (choice.kind == pool.scope.kind && choice.each == pool.scope.each) {
            m_scope->setCurrentIndex(i);
        }
    }
    m_value->setCurrentText(toQt(pool.scope.value));
    m_window->setCurrentIndex(std::max(m_window->findData(windowName(pool.window)), 0));
    if (pool.window.durationUs > 0) {
        m_duration->setText(toQt(pool.window.text()).section(QLatin1Char(':'), 1));
    }
    if (pool.window.kind == ledger::WindowKind::Bucket) {
        m_refill->setMoney(pool.window.bucketRefillPerHour);
    }
    m_cap->setMoney(pool.cap);
    m_zone->setCurrentText(toQt(pool.zone));
    m_fiscalDay->setValue(pool.fiscalStartDay);
    m_reserve->setValue(pool.reservePercent);
    m_hard->setChecked(pool.hard);
    m_nameTouched = true;
}

void PoolDialog::prefill(const ledger::Pool& pool)
{
    take(pool);
    auto name = pool.name + "-copy";
    for (int number = 2; isTaken(name); ++number) {
        name = pool.name + "-copy-" + std::to_string(number);
    }
    m_name->setText(toQt(name));
    validate();
}

void PoolDialog::edit(const ledger::Pool& pool)
{
    m_edited = pool;
    const auto title = tr("Edit %1").arg(safeText(pool.name));
    setWindowTitle(title);
    setHeading(title);
    actionButton()->setText(tr("Save"));
    take(pool);
    // Whom it covers is what its accounts are: another scope is another pool.
    m_scope->setEnabled(false);
    m_value->setEnabled(false);
    m_name->setText(toQt(pool.name));
    validate();
}

bool PoolDialog::isTaken(const std::string& name) const
{
    const auto config = m_context.service().config();
    return std::any_of(config->pools.begin(), config->pools.end(), [&](const auto& pool) {
        const bool itself = m_edited && pool.id == m_edited->id;
        return !pool.archived && !itself && pool.name == name;
    });
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

void PoolDialog::showFields(const service::NewPool& pool)
{
    const auto kind = m_window->currentData().toString();
    const bool lasts = kind == QLatin1String("sliding") || kind == QLatin1String("session");
    m_durationField->setVisible(lasts);
    m_durationField->setLabel(kind == QLatin1String("session") ? tr("Idle time that ends a session")
                                                               : tr("Length of the stretch"));
    m_refillField->setVisible(kind == QLatin1String("bucket"));
    const bool fixed = kind != QLatin1String("bucket") && !lasts
        && pool.window.kind == ledger::WindowKind::Fixed;
    m_zoneField->setVisible(fixed);
    m_fiscalField->setVisible(fixed && pool.window.period >= Period::Month);
    m_reserveField->setVisible(kind != QLatin1String("request"));
}

/// What is wrong with the value, the length, the refill; each is said at its field.
bool PoolDialog::checkFields(const service::NewPool& pool)
{
    QString value;
    if (isNamed(pool.scope)) {
        if (pool.scope.value.empty()) {
            value = tr("Type a name or choose one from the list.");
        } else if (const auto scope = ledger::Scope::parse(pool.scope.text()); !scope) {
            value = toQt(scope.error().message);
        }
    }
    m_valueField->setProblem(value);
    const auto given = window();
    const bool lengthBad = !given && m_durationField->isVisibleTo(this);
    m_durationField->setProblem(lengthBad
            ? tr("Write a number with s, m, h, d or w, like 24h or 30m; at most 366d.")
            : QString());
    const auto refill = m_refill->money();
    const bool refillBad = m_refillField->isVisibleTo(this) && (!refill || *refill <= Money());
    m_refillField->setProblem(
        refillBad ? tr("Say how much flows in an hour, above zero.") : QString());
    const bool zoneBad = m_zoneField->isVisibleTo(this) && !isKnownZone(pool.zone);
    m_zoneField->setProblem(
        zoneBad ? tr("This zone is not known. Write it like Europe/Berlin.") : QString());
    return value.isEmpty() && !lengthBad && !refillBad && !zoneBad;
}

void PoolDialog::validate()
{
    auto pool = value();
    showFields(pool);
    const bool fieldsOk = checkFields(pool);
    if (!m_nameTouched) {
        m_name->setText(proposedName(pool));
        pool = value();
    }
    const auto nameProblem = problemOfName();
    m_nameField->setProblem(nameProblem);
    const bool capOk = m_cap->money().has_value() && *m_cap->money() > Money();
    m_sentence->setText(!fieldsOk || !capOk
            ? tr("Fill in the fields to see what this pool will do.")
            : poolSentence(pool));
    setAcceptable(fieldsOk && nameProblem.isEmpty() && capOk);
}

service::PoolEdit PoolDialog::editOf(const service::NewPool& pool) const
{
    service::PoolEdit edit;
    const auto& old = *m_edited;
    const auto set = [](auto& field, const auto& now, const auto& was) {
        if (!(now == was)) {
            field = now;
        }
    };
    set(edit.name, pool.name, old.name);
    set(edit.cap, pool.cap, old.cap);
    set(edit.window, pool.window, old.window);
    set(edit.zone, pool.zone, old.zone);
    set(edit.fiscalStartDay, pool.fiscalStartDay, old.fiscalStartDay);
    set(edit.reservePercent, pool.reservePercent, old.reservePercent);
    set(edit.hard, pool.hard, old.hard);
    return edit;
}

void PoolDialog::submit()
{
    const auto pool = value();
    auto& service = m_context.service();
    std::function<Result<void>()> command = [&service, pool]() -> Result<void> {
        const auto added = service.addPool(pool, "console");
        return added ? Result<void>() : Result<void>(added.error());
    };
    if (m_edited) {
        command = [&service, id = m_edited->id, edit = editOf(pool)]() -> Result<void> {
            const auto edited = service.editPool(id, edit, "console");
            return edited ? Result<void>() : Result<void>(edited.error());
        };
    }
    const auto text = m_edited ? tr("Edit pool %1") : tr("Add pool %1");
    m_context.runUndoable(text.arg(safeText(pool.name)), std::move(command),
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
    }
    if (pool.pool.scope.each) {
        m_account = valueBox(this, QStringLiteral("account"));
        for (const auto& view : pool.accounts) {
            m_account->addItem(toQt(view.key.value));
        }
        m_account->setCurrentText(account);
        addField(tr("Which account"), m_account);
        connect(m_account, &QComboBox::editTextChanged, this, &PoolMoneyDialog::validate);
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
            tr("Write an amount above zero. This is an entry in the journal, kept for ever; undo "
               "books the opposite entry."));
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
    service::MoneyOrder order;
    order.kind = m_kind == Kind::TopUp ? service::MoneyOrder::Kind::TopUp
                                       : service::MoneyOrder::Kind::Adjust;
    order.pool = m_pool.id;
    order.value = account;
    order.amount = money;
    order.reason = reason;
    const auto text = m_kind == Kind::TopUp ? tr("Top up %1 by %2") : tr("Adjust %1 by %2");
    m_context.moveMoney(text.arg(safeText(m_pool.name), moneyText(money)), order,
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
