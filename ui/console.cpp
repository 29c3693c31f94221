// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/console.h"

#include "ui/frame/status_strip.h"
#include "ui/main_window.h"
#include "ui/widgets/widgets.h"

#include <QApplication>
#include <QTimer>

namespace headgate::ui {

int runConsole(QApplication& app, service::Service& service, const ConsoleOptions& options)
{
    const QString theme
        = options.theme.isEmpty() ? toQt(service.config()->settings.theme) : options.theme;
    Theme::instance().setMode(theme);
    MainWindow window(service);
    if (!options.startPage.isEmpty()) {
        window.showPage(options.startPage);
    }
    // Another console setting or the command line may change the theme while this one runs.
    QObject::connect(&window.context(), &Context::configChanged, &window, [&service, &options] {
        const QString wanted = toQt(service.config()->settings.theme);
        if (options.theme.isEmpty() && wanted != Theme::instance().mode()) {
            Theme::instance().setMode(wanted);
        }
    });
    window.show();
    auto* strip = window.findChild<StatusStrip*>();
    if (options.demo && !service.demoRunning()) {
        QTimer::singleShot(0, strip, &StatusStrip::toggleDemo);
    }
    if (!options.screenshotFolder.isEmpty()) {
        int code = 1;
        QTimer::singleShot(options.screenshotDelayMs, &window, [&window, &options, &code] {
            code = saveScreenshots(window, options.screenshotFolder) ? 0 : 1;
            QApplication::quit();
        });
        const int outcome = QApplication::exec();
        return outcome != 0 ? outcome : code;
    }
    if (!service.config()->settings.firstRunDone) {
        QTimer::singleShot(0, &window, [&window] { window.openWizard(); });
    }
    return app.exec();
}

} // namespace headgate::ui
