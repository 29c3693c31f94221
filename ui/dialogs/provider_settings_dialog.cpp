// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/provider_settings_dialog.h"

#include "core/base/limits.h"
#include "ui/dialogs/provider_dialog.h"
#include "ui/models/cells.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QSpinBox>
#include <QUrl>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

constexpr int hourMs = 3'600'000; // the longest that `providers set` takes, too
enum ProxyChoice { Direct, Environment, This };

QString timeoutText(int ms)
{
    if (ms == 0) {
        return {};
    }
    return ms % 1'000 == 0 ? ProviderSettingsDialog::tr("%1 s").arg(ms / 1'000)
                           : ProviderSettingsDialog::tr("%1 ms").arg(ms);
}

bool isProxyUrl(const QString& text)
{
    const QUrl url(text.trimmed(), QUrl::StrictMode);
    return url.isValid() && url.scheme() == QStringLiteral("http") && !url.host().isEmpty()
        && url.userInfo().isEmpty() && (url.path().isEmpty() || url.path() == QStringLiteral("/"))
        && !url.hasQuery();
}

} // namespace

std::optional<int> timeoutMs(const QString& text)
{
    static const QRegularExpression form(QStringLiteral("^(\\d{1,7})\\s*(ms|s|sec|min|)$"),
        QRegularExpression::CaseInsensitiveOption);
    const auto trimmed = text.trimmed();
    if (trimmed.isEmpty()) {
        return 0;
    }
    const auto match = form.match(trimmed);
    if (!match.hasMatch()) {
        return std::nullopt;
    }
    const auto unit = match.captured(2).toLower();
    const qint64 factor = unit == QStringLiteral("ms") ? 1
        : unit == QStringLiteral("min")                ? 60'000
                                                       : 1'000;
    const qint64 ms = match.captured(1).toLongLong() * factor;
    return ms <= hourMs ? std::optional<int>(int(ms)) : std::nullopt;
}

std::optional<int> discountPermille(const QString& text)
{
    static const QRegularExpression form(QStringLiteral("^(\\d{1,3})(?:[.,](\\d))?\\s*%?$"));
    const auto trimmed = text.trimmed();
    if (trimmed.isEmpty()) {
        return 0;
    }
    const auto match = form.match(trimmed);
    const int permille = match.captured(1).toInt() * 10 + match.captured(2).toInt();
    return match.hasMatch() && permille <= 1'000 ? std::optional<int>(permille) : std::nullopt;
}

ProviderSettingsDialog::ProviderSettingsDialog(
    Context& context, const catalog::Provider& provider, QWidget* parent)
    : CommandDialog(tr("Settings of %1").arg(safeText(provider.name)), tr("Save"), parent),
      m_context(context),
      m_before(provider)
{
    setObjectName(QStringLiteral("providerSettingsDialog"));
    setMinimumWidth(600);
    m_url = line(tr("Base address"), "settingsUrl", toQt(provider.baseUrl));
    body()->addWidget(m_url.field);
    buildLimits();
    buildProxy();
    buildRest();
    validate();
    m_url.edit->setFocus();
}

ProviderSettingsDialog::Field ProviderSettingsDialog::line(
    const QString& label, const char* name, const QString& text)
{
    Field made;
    made.edit = new QLineEdit(text, this);
    made.edit->setObjectName(QString::fromLatin1(name));
    made.edit->setMinimumHeight(Theme::controlHeight);
    made.edit->setAccessibleName(label);
    made.field = new FormField(label, made.edit, this);
    connect(made.edit, &QLineEdit::textChanged, this, &ProviderSettingsDialog::validate);
    return made;
}

void ProviderSettingsDialog::row(const std::vector<Field>& fields)
{
    auto* layout = new QHBoxLayout;
    layout->setSpacing(Theme::space3);
    for (const auto& one : fields) {
        layout->addWidget(one.field, 1, Qt::AlignTop);
    }
    body()->addLayout(layout);
}

void ProviderSettingsDialog::buildLimits()
{
    m_calls = new QSpinBox(this);
    m_calls->setObjectName(QStringLiteral("settingsCalls"));
    m_calls->setRange(0, 10'000);
    m_calls->setSpecialValueText(tr("no limit of its own"));
    m_calls->setMinimumHeight(Theme::controlHeight);
    m_calls->setValue(m_before.concurrencyMax);
    m_calls->setAccessibleName(tr("Calls at once"));
    Field calls;
    calls.field = new FormField(tr("Calls at once; more wait in line"), m_calls, this);
    m_discount = line(tr("Discount on every bill"), "settingsDiscount",
        m_before.discountPermille == 0
            ? QString()
            : tr("%1 %").arg(percentOfPermille(m_before.discountPermille)));
    m_discount.edit->setPlaceholderText(tr("none"));
    row({calls, m_discount});
    const auto standard = [](int ms) { return tr("%1 s").arg(ms / 1'000); };
    m_connect
        = line(tr("Time to connect"), "settingsConnect", timeoutText(m_before.connectTimeoutMs));
    m_connect.edit->setPlaceholderText(standard(limits::connectTimeoutMs));
    m_firstByte = line(tr("Time to the first byte"), "settingsFirstByte",
        timeoutText(m_before.firstByteTimeoutMs));
    m_firstByte.edit->setPlaceholderText(standard(limits::firstByteTimeoutMs));
    m_idle = line(tr("Longest silence"), "settingsIdle", timeoutText(m_before.idleTimeoutMs));
    m_idle.edit->setPlaceholderText(standard(limits::idleTimeoutMs));
    row({m_connect, m_firstByte, m_idle});
}

void ProviderSettingsDialog::buildProxy()
{
    m_proxy = new QComboBox(this);
    m_proxy->setObjectName(QStringLiteral("settingsProxy"));
    m_proxy->addItem(tr("None, direct"));
    m_proxy->addItem(tr("As the environment says"));
    m_proxy->addItem(tr("This one"));
    m_proxy->setMinimumHeight(Theme::controlHeight);
    m_proxy->setAccessibleName(tr("Proxy on the way"));
    const bool environment = m_before.proxy == "env";
    m_proxy->setCurrentIndex(m_before.proxy.empty() ? Direct : environment ? Environment : This);
    Field choice;
    choice.field = new FormField(tr("Proxy on the way"), m_proxy, this);
    m_proxyUrl = line(tr("Its address"), "settingsProxyUrl",
        m_proxy->currentIndex() == This ? toQt(m_before.proxy) : QString());
    m_proxyUrl.edit->setPlaceholderText(QStringLiteral("http://proxy.example.com:3128"));
    row({choice, m_proxyUrl});
    m_proxyAuth = line(tr("User and password of the proxy"), "settingsProxyAuth", {});
    m_proxyAuth.edit->setEchoMode(QLineEdit::Password);
    m_proxyAuth.edit->setPlaceholderText(
        m_before.hasProxyAuth ? tr("set; empty keeps it") : tr("user:password"));
    body()->addWidget(m_proxyAuth.field);
    m_forgetAuth = new QCheckBox(tr("Forget the stored user and password"), this);
    m_forgetAuth->setObjectName(QStringLiteral("settingsForgetAuth"));
    m_forgetAuth->setVisible(m_before.hasProxyAuth);
    body()->addWidget(m_forgetAuth);
    connect(m_proxy, &QComboBox::currentIndexChanged, this, &ProviderSettingsDialog::validate);
    connect(m_forgetAuth, &QCheckBox::toggled, this, &ProviderSettingsDialog::validate);
}

void ProviderSettingsDialog::buildRest()
{
    auto* file = new QWidget(this);
    auto* layout = new QHBoxLayout(file);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(Theme::space2);
    m_caFile.edit = new QLineEdit(toQt(m_before.caFile), file);
    m_caFile.edit->setObjectName(QStringLiteral("settingsCaFile"));
    m_caFile.edit->setMinimumHeight(Theme::controlHeight);
    m_caFile.edit->setPlaceholderText(tr("only the system’s authorities"));
    auto* choose = new QPushButton(tr("Choose…"), file);
    choose->setObjectName(QStringLiteral("settingsChooseCa"));
    choose->setAccessibleName(tr("Choose a file of authorities"));
    choose->setAutoDefault(false);
    layout->addWidget(m_caFile.edit, 1);
    layout->addWidget(choose);
    m_caFile.field = addField(tr("PEM file of authorities trusted beside the system’s"), file);
    m_caFile.edit->setAccessibleName(tr("PEM file of authorities"));
    connect(m_caFile.edit, &QLineEdit::textChanged, this, &ProviderSettingsDialog::validate);
    connect(choose, &QPushButton::clicked, this, &ProviderSettingsDialog::chooseCaFile);
    m_rotation = new QComboBox(this);
    m_rotation->setObjectName(QStringLiteral("settingsRotation"));
    m_rotation->addItem(tr("The next one steps in when one is set aside"));
    m_rotation->addItem(tr("They take turns"));
    m_rotation->setMinimumHeight(Theme::controlHeight);
    m_rotation->setCurrentIndex(m_before.keyRotation == catalog::KeyRotation::RoundRobin ? 1 : 0);
    addField(tr("Several keys"), m_rotation);
    const auto box = [this](const QString& text, const char* name, bool checked) {
        auto* made = new QCheckBox(text, this);
        made->setObjectName(QString::fromLatin1(name));
        made->setChecked(checked);
        body()->addWidget(made);
        return made;
    };
    m_keyless = box(tr("Answers without a key"), "settingsKeyless", !m_before.needsKey);
    const bool openAi = m_before.dialect == catalog::Dialect::OpenAi;
    m_responses = box(tr("Serves the Responses protocol, too (…/responses)"), "settingsResponses",
        m_before.servesResponses);
    m_usage = box(tr("Tells the usage of streams when asked (stream_options)"), "settingsUsage",
        m_before.injectUsage);
    m_responses->setVisible(openAi);
    m_usage->setVisible(openAi);
}

void ProviderSettingsDialog::chooseCaFile()
{
    const auto file = QFileDialog::getOpenFileName(this, tr("Choose a file of authorities"), {},
        tr("Certificates (*.pem *.crt *.cer);;All files (*)"));
    if (!file.isEmpty()) {
        m_caFile.edit->setText(file);
    }
}

bool ProviderSettingsDialog::validTimes()
{
    bool fine = true;
    for (const auto& one : {m_connect, m_firstByte, m_idle}) {
        const bool good = timeoutMs(one.edit->text()).has_value();
        one.field->setProblem(good ? QString() : tr("Write a time up to 1 h, like 10 s."));
        fine = fine && good;
    }
    const bool discount = discountPermille(m_discount.edit->text()).has_value();
    m_discount.field->setProblem(discount ? QString() : tr("Write 5 % or 12.5 %."));
    return fine && discount;
}

bool ProviderSettingsDialog::validProxy()
{
    const bool own = m_proxy->currentIndex() == This;
    m_proxyUrl.edit->setEnabled(own);
    const bool fine = !own || isProxyUrl(m_proxyUrl.edit->text());
    m_proxyUrl.field->setProblem(fine ? QString() : tr("Write http://host:port."));
    m_proxyAuth.edit->setEnabled(m_proxy->currentIndex() != Direct && !m_forgetAuth->isChecked());
    const auto auth = m_proxyAuth.edit->text();
    const bool authFine = auth.isEmpty() || auth.indexOf(QLatin1Char(':')) > 0;
    m_proxyAuth.field->setProblem(authFine ? QString() : tr("Write user:password."));
    return fine && authFine;
}

bool ProviderSettingsDialog::validCaFile()
{
    const auto file = m_caFile.edit->text().trimmed();
    const bool whole = file.isEmpty() || file.startsWith(QLatin1Char('/'));
    const bool there = file.isEmpty() || QFileInfo(file).isFile();
    m_caFile.field->setProblem(!whole ? tr("Write the full path; it begins with /.")
            : !there                  ? tr("There is no such file.")
                                      : QString());
    return whole && there;
}

void ProviderSettingsDialog::validate()
{
    if (m_usage == nullptr) {
        return; // not built yet
    }
    const auto problem = urlProblem(m_url.edit->text());
    m_url.field->setProblem(problem);
    const bool times = validTimes();
    const bool proxy = validProxy();
    const bool file = validCaFile();
    setAcceptable(problem.isEmpty() && times && proxy && file);
}

catalog::Provider ProviderSettingsDialog::value() const
{
    auto changed = m_before;
    changed.baseUrl = fromQt(m_url.edit->text().trimmed());
    changed.concurrencyMax = m_calls->value();
    changed.discountPermille = discountPermille(m_discount.edit->text()).value_or(0);
    changed.connectTimeoutMs = timeoutMs(m_connect.edit->text()).value_or(0);
    changed.firstByteTimeoutMs = timeoutMs(m_firstByte.edit->text()).value_or(0);
    changed.idleTimeoutMs = timeoutMs(m_idle.edit->text()).value_or(0);
    auto proxy = m_proxyUrl.edit->text().trimmed();
    if (proxy.endsWith(QLatin1Char('/'))) {
        proxy.chop(1);
    }
    changed.proxy = m_proxy->currentIndex() == This ? fromQt(proxy)
        : m_proxy->currentIndex() == Environment    ? "env"
                                                    : "";
    changed.caFile = fromQt(m_caFile.edit->text().trimmed());
    changed.keyRotation = m_rotation->currentIndex() == 1 ? catalog::KeyRotation::RoundRobin
                                                          : catalog::KeyRotation::Failover;
    changed.needsKey = !m_keyless->isChecked();
    changed.servesResponses = m_responses->isChecked();
    changed.injectUsage = m_usage->isChecked();
    return changed;
}

void ProviderSettingsDialog::submit()
{
    const auto changed = value();
    const bool authChanges = m_forgetAuth->isChecked()
        || (m_proxyAuth.edit->isEnabled() && !m_proxyAuth.edit->text().isEmpty());
    auto auth = std::make_shared<Secret>(
        m_forgetAuth->isChecked() ? std::string() : fromQt(m_proxyAuth.edit->text()));
    auto& service = m_context.service();
    m_context.runUndoable(
        tr("Settings of %1").arg(safeText(changed.name)),
        [&service, changed, auth, authChanges]() -> Result<void> {
            if (auto done = service.editProvider(changed, "console"); !done) {
                return done;
            }
            return authChanges ? service.setProxyAuth(changed.name, auth->clone(), "console")
                               : Result<void>();
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
