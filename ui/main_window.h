// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The frame around the pages: sidebar, context bar, banner, detail drawer, status strip, toasts,
// command palette, navigation history. Only the visible page works. GUI thread only; never blocks.

#include "ui/context.h"
#include "ui/pages/page.h"

#include <QWidget>

#include <memory>
#include <vector>

class QSettings;

namespace headgate::ui {

class MainWindow final : public QWidget {
    Q_OBJECT
public:
    explicit MainWindow(service::Service& service);
    ~MainWindow() override;

    [[nodiscard]] Context& context();
    /// Names of the pages in the order of the sidebar: "overview", "budgets", …, "settings".
    [[nodiscard]] QStringList pageNames() const;
    [[nodiscard]] QString currentPage() const;
    [[nodiscard]] Page* page(const QString& name) const;
    void showPage(const QString& name);
    void openDrawer(const QString& title, QWidget* content);
    void openPalette();
    /// The guided first run; `atTest` starts at the step that sends a test request.
    void openWizard(bool atTest = false);
    void goBack();
    void goForward();

protected:
    void resizeEvent(QResizeEvent* event) override;
    void closeEvent(QCloseEvent* event) override;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// Grabs every page in both themes at 1280×800 and 1920×1080 as PNG files
/// ("overview-dark-1280.png"). False when a file could not be written.
bool saveScreenshots(MainWindow& window, const QString& folder);

} // namespace headgate::ui
