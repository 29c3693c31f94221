// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/key_dialog.h"

#include "core/base/limits.h"
#include "ui/models/cells.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QRegularExpression>
#include <QTabWidget>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>
#include <set>

namespace headgate::ui {

namespace {

constexpr std::array allSnippets{
    Snippet::Curl, Snippet::Python, Snippet::Node, Snippet::Environment};

QComboBox* nameBox(const QString& objectName, const std::set<std::string>& values, QWidget* parent)
{
    auto* box = new QComboBox(parent);
    box->setObjectName(objectName);
    box->setEditable(true);
    box->setInsertPolicy(QComboBox::NoInsert);
    box->setMinimumHeight(Theme::controlHeight);
    box->addItem(QString());
    for (const auto& value : values) {
        box->addItem(toQt(value));
    }
    return box;
}

void copyText(QPushButton* button, const QString& text)
{
    QApplication::clipboard()->setText(text);
    const auto before = button->property("label").toString();
    button->setText(QObject::tr("Copied ✓"));
    QTimer::singleShot(2'000, button, [button, before] { button->setText(before); });
}

QPushButton* copyButton(const QString& text, const QString& objectName, QWidget* parent)
{
    auto* button = new QPushButton(text, parent);
    button->setProperty("label", text);
    button->setObjectName(objectName);
    button->setAutoDefault(false);
    return button;
}

} // namespace

QString snippetTitle(Snippet snippet)
{
    switch (snippet) {
    case Snippet::Curl:
        return QStringLiteral("curl");
    case Snippet::Python:
        return QStringLiteral("Python");
    case Snippet::Node:
        return QStringLiteral("Node.js");
    case Snippet::Environment:
        return SnippetView::tr("Environment");
    }
    return {};
}

QString snippetText(Snippet snippet, const QString& url, const QString& key)
{
    const auto base = url + QStringLiteral("/v1");
    switch (snippet) {
    case Snippet::Curl:
        return QStringLiteral("curl %1/chat/completions \\\n"
                              "  -H \"Authorization: Bearer %2\" \\\n"
                              "  -H \"Content-Type: application/json\" \\\n"
                              "  -d '{\"model\": \"auto\", \"messages\": [{\"role\": \"user\", "
                              "\"content\": \"Hello\"}]}'\n")
            .arg(base, key);
    case Snippet::Python:
        return QStringLiteral("from openai import OpenAI\n\n"
                              "client = OpenAI(base_url=\"%1\", api_key=\"%2\")\n"
                              "answer = client.chat.completions.create(\n"
                              "    model=\"auto\",\n"
                              "    messages=[{\"role\": \"user\", \"content\": \"Hello\"}],\n"
                              ")\n"
                              "print(answer.choices[0].message.content)\n")
            .arg(base, key);
    case Snippet::Node:
        return QStringLiteral("import OpenAI from \"openai\";\n\n"
                              "const client = new OpenAI({ baseURL: \"%1\", apiKey: \"%2\" });\n"
                              "const answer = await client.chat.completions.create({\n"
                              "  model: \"auto\",\n"
                              "  messages: [{ role: \"user\", content: \"Hello\" }],\n"
                              "});\n"
                              "console.log(answer.choices[0].message.content);\n")
            .arg(base, key);
    case Snippet::Environment:
        return QStringLiteral("export OPENAI_BASE_URL=\"%1\"\n"
                              "export OPENAI_API_KEY=\"%2\"\n")
            .arg(base, key);
    }
    return {};
}

KeyDialog::KeyDialog(Context& context, QWidget* parent)
    : CommandDialog(tr("Create a client key"), tr("Create key"), parent),
      m_context(context),
      m_created(std::make_shared<std::optional<service::CreatedKey>>())
{
    setObjectName(QStringLiteral("keyDialog"));
    std::set<std::string> teams;
    std::set<std::string> users;
    for (const auto& key : m_context.service().config()->keys) {
        if (!key.team.empty()) {
            teams.insert(key.team);
        }
        if (!key.user.empty()) {
            users.insert(key.user);
        }
    }
    m_name = new QLineEdit(this);
    m_name->setObjectName(QStringLiteral("keyName"));
    m_name->setMaxLength(int(limits::nameBytesMax));
    m_name->setPlaceholderText(tr("e.g. search-service or laptop-ana"));
    m_nameField = addField(tr("Name"), m_name);
    m_team = nameBox(QStringLiteral("keyTeam"), teams, this);
    addField(tr("Team (optional)"), m_team);
    m_user = nameBox(QStringLiteral("keyUser"), users, this);
    addField(tr("User (optional)"), m_user);
    m_tags = new QLineEdit(this);
    m_tags->setObjectName(QStringLiteral("keyTags"));
    m_tags->setPlaceholderText(tr("project:atlas, env:test"));
    m_tagsField = addField(tr("Tags (optional)"), m_tags);
    m_expires = new QComboBox(this);
    m_expires->setObjectName(QStringLiteral("keyExpires"));
    m_expires->addItem(tr("Never"), 0);
    m_expires->addItem(tr("After 7 days"), 7);
    m_expires->addItem(tr("After 30 days"), 30);
    m_expires->addItem(tr("After 90 days"), 90);
    m_expires->addItem(tr("After a year"), 365);
    addField(tr("Expires"), m_expires);
    connect(m_name, &QLineEdit::textChanged, this, &KeyDialog::validate);
    connect(m_tags, &QLineEdit::textChanged, this, &KeyDialog::validate);
    validate();
    m_name->setFocus();
}

service::NewKey KeyDialog::value() const
{
    service::NewKey key;
    key.name = fromQt(m_name->text().trimmed());
    key.team = fromQt(m_team->currentText().trimmed());
    key.user = fromQt(m_user->currentText().trimmed());
    static const QRegularExpression separators(QStringLiteral("[,\\s]+"));
    for (const auto& tag : m_tags->text().split(separators, Qt::SkipEmptyParts)) {
        key.tags.push_back(fromQt(tag));
    }
    const int days = m_expires->currentData().toInt();
    key.expiresAtUs = days == 0 ? 0 : SystemClock().nowUs() + days * usPerDay;
    return key;
}

void KeyDialog::validate()
{
    const auto key = value();
    QString nameProblem;
    const auto config = m_context.service().config();
    if (!key.name.empty()
        && std::any_of(config->keys.begin(), config->keys.end(),
            [&](const auto& other) { return other.revokedAtUs == 0 && other.name == key.name; })) {
        nameProblem = tr("A key of that name is in force. Choose another name.");
    }
    m_nameField->setHint(
        key.name.empty() ? tr("Name the program or person that will use it.") : QString());
    m_nameField->setProblem(nameProblem);
    QString tagProblem;
    for (const auto& tag : key.tags) {
        const auto colon = tag.find(':');
        if (colon == std::string::npos || colon == 0 || colon + 1 == tag.size()) {
            tagProblem = tr("Write tags as name:value, separated by commas.");
        }
    }
    if (key.tags.size() > limits::tagsMax) {
        tagProblem = tr("At most %1 tags.").arg(limits::tagsMax);
    }
    m_tagsField->setProblem(tagProblem);
    setAcceptable(!key.name.empty() && nameProblem.isEmpty() && tagProblem.isEmpty());
}

void KeyDialog::submit()
{
    auto key = value();
    auto& service = m_context.service();
    const auto text = tr("Create key %1").arg(safeText(key.name));
    m_context.runUndoable(
        text,
        [&service, key = std::move(key), created = m_created]() -> Result<void> {
            auto result = service.createKey(key, "console");
            if (!result) {
                return result.error();
            }
            created->emplace(std::move(*result));
            return {};
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

std::optional<service::CreatedKey> KeyDialog::takeCreated()
{
    auto created = std::move(*m_created);
    m_created->reset();
    return created;
}

SnippetView::SnippetView(const QString& url, const QString& key, QWidget* parent) : QWidget(parent)
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m_tabs = new QTabWidget(this);
    m_tabs->setObjectName(QStringLiteral("snippets"));
    m_tabs->setDocumentMode(true);
    for (const auto snippet : allSnippets) {
        auto* text = new QPlainTextEdit(snippetText(snippet, url, key), m_tabs);
        text->setReadOnly(true);
        text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
        text->setLineWrapMode(QPlainTextEdit::NoWrap);
        text->setTabChangesFocus(true);
        text->setAccessibleName(tr("Snippet for %1").arg(snippetTitle(snippet)));
        text->setMinimumHeight(text->fontMetrics().lineSpacing() * 9);
        m_tabs->addTab(text, snippetTitle(snippet));
    }
    auto* copy = copyButton(tr("Copy snippet"), QStringLiteral("copySnippet"), this);
    m_tabs->setCornerWidget(copy);
    connect(copy, &QPushButton::clicked, this, [this, copy] {
        if (auto* text = qobject_cast<QPlainTextEdit*>(m_tabs->currentWidget())) {
            copyText(copy, text->toPlainText());
        }
    });
    layout->addWidget(m_tabs);
}

KeyShownDialog::KeyShownDialog(
    const service::CreatedKey& created, const QString& url, QWidget* parent)
    : QDialog(parent)
{
    setObjectName(QStringLiteral("keyShownDialog"));
    setWindowTitle(tr("Key %1").arg(safeText(created.record.name)));
    setMinimumWidth(640);
    const auto key = toQt(created.key.reveal());
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space5, Theme::space5, Theme::space5, Theme::space4);
    layout->setSpacing(Theme::space3);
    layout->addWidget(headingLabel(tr("Copy this key now"), 2, this));
    auto* note = mutedLabel(tr("It is shown this one time. Headgate keeps only a hash of it; a "
                               "lost key is replaced, not "
                               "looked up."),
        this);
    note->setWordWrap(true);
    layout->addWidget(note);
    auto* row = new QHBoxLayout;
    auto* shown = new QLineEdit(key, this);
    shown->setObjectName(QStringLiteral("shownKey"));
    shown->setReadOnly(true);
    shown->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    shown->setAccessibleName(tr("The new key"));
    shown->setMinimumHeight(Theme::controlHeight);
    shown->setCursorPosition(0);
    row->addWidget(shown, 1);
    auto* copy = copyButton(tr("Copy key"), QStringLiteral("copyKey"), this);
    connect(copy, &QPushButton::clicked, this, [copy, key] { copyText(copy, key); });
    row->addWidget(copy);
    layout->addLayout(row);
    layout->addWidget(mutedLabel(tr("Point a client here:"), this));
    const auto base = url.isEmpty() ? QStringLiteral("http://127.0.0.1:4141") : url;
    layout->addWidget(new SnippetView(base, key, this), 1);
    auto* done = primaryButton(tr("I have copied it"), this);
    done->setObjectName(QStringLiteral("done"));
    connect(done, &QPushButton::clicked, this, &QDialog::accept);
    layout->addWidget(done, 0, Qt::AlignRight);
    copy->setFocus();
}

} // namespace headgate::ui
