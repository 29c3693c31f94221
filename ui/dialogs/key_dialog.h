// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Making a client key, and showing it the one time it can be shown, with snippets for common
// clients. The key leaves this dialog only through the clipboard, on a click. GUI thread only.

#include "ui/context.h"
#include "ui/dialogs/command_dialog.h"

#include <memory>
#include <optional>

class QComboBox;
class QLineEdit;
class QPlainTextEdit;
class QTabWidget;

namespace headgate::ui {

enum class Snippet { Curl, Python, Node, Environment };
[[nodiscard]] QString snippetTitle(Snippet snippet);
/// A call of this proxy that works when pasted. `url` is the proxy's, without "/v1".
[[nodiscard]] QString snippetText(Snippet snippet, const QString& url, const QString& key);

class KeyDialog final : public CommandDialog {
    Q_OBJECT
public:
    explicit KeyDialog(Context& context, QWidget* parent = nullptr);
    /// Set once the dialog was accepted.
    [[nodiscard]] std::optional<service::CreatedKey> takeCreated();

protected:
    void submit() override;

private:
    void validate();
    [[nodiscard]] service::NewKey value() const;

    Context& m_context;
    QLineEdit* m_name = nullptr;
    QComboBox* m_team = nullptr;
    QComboBox* m_user = nullptr;
    QLineEdit* m_tags = nullptr;
    QComboBox* m_expires = nullptr;
    FormField* m_nameField = nullptr;
    FormField* m_tagsField = nullptr;
    std::shared_ptr<std::optional<service::CreatedKey>> m_created;
};

/// The key, shown once.
class KeyShownDialog final : public QDialog {
    Q_OBJECT
public:
    KeyShownDialog(
        const service::CreatedKey& created, const QString& url, QWidget* parent = nullptr);
};

/// Tabs with a snippet for each client and a Copy button; also used by empty states.
class SnippetView final : public QWidget {
    Q_OBJECT
public:
    SnippetView(const QString& url, const QString& key, QWidget* parent = nullptr);

private:
    QTabWidget* m_tabs = nullptr;
};

} // namespace headgate::ui
