// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/console.h"

#include "app/output.h"
#include "app/serve.h"
#include "app/signals.h"
#include "core/base/limits.h"
#include "core/service/control.h"
#include "ui/console.h"

#include <QApplication>
#include <QMessageBox>
#include <QSocketNotifier>

#include <cstdio>
#include <memory>

namespace headgate::app {

namespace {

/// Qt would abort without a word that helps.
bool hasDisplay()
{
    return !qEnvironmentVariableIsEmpty("DISPLAY")
        || !qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY")
        || !qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM");
}

/// In a window too: a console started from a menu has no terminal.
int failInWindow(const Error& error)
{
    QMessageBox box(QMessageBox::Critical, QStringLiteral("Headgate"),
        QString::fromStdString(error.message), QMessageBox::Close);
    box.setTextFormat(Qt::PlainText);
    box.setInformativeText(QString::fromStdString(error.remedy));
    box.exec();
    return fail(error, exitCannotStart);
}

/// Pictures are taken on whatever home is given, without a port that could be taken.
int drawPictures(QApplication& app, service::Service& service, const std::string& folder)
{
    constexpr int trafficMs = 12'000;
    constexpr int drainMs = 2'000;
    if (auto serving = service.serve("127.0.0.1", 0); !serving) {
        return fail(serving.error(), exitCannotStart);
    }
    ui::ConsoleOptions options;
    options.screenshotFolder = QString::fromStdString(folder);
    options.screenshotDelayMs = trafficMs;
    options.demo = true;
    const int code = ui::runConsole(app, service, options);
    service.stopServing(drainMs);
    return code;
}

} // namespace

int runConsoleProgram(int argc, char** argv, const ConsoleRequest& request)
{
    if (request.attach) {
        return fail(Error(ErrorCode::Unsupported, "--attach is not in this version of Headgate.",
            "Stop the running Headgate and open the console without --attach."));
    }
    if (!hasDisplay()) {
        return fail(Error(ErrorCode::Unavailable, "There is no display for the console.",
                        "Serve without it: headgate serve"),
            exitCannotStart);
    }
    installStopSignals();
    QApplication app(argc, argv);
    QApplication::setApplicationName(QStringLiteral("headgate"));
    QApplication::setApplicationDisplayName(QStringLiteral("Headgate"));
    QApplication::setApplicationVersion(QStringLiteral(HEADGATE_VERSION));
    QApplication::setDesktopFileName(QStringLiteral("headgate"));
    auto options = serviceOptionsFromEnvironment();
    if (!options) {
        return failInWindow(options.error());
    }
    if (service::isRunning(options->home)) {
        return failInWindow(
            Error(ErrorCode::Unavailable, "Another Headgate is running on " + options->home + ".",
                "Stop it first, use its command line, or set HEADGATE_HOME to another folder."));
    }
    auto opened = service::Service::open(*options);
    if (!opened) {
        return failInWindow(opened.error());
    }
    const std::unique_ptr<service::Service> owner = std::move(opened.value());
    service::Service& service = *owner;
    if (!request.screenshotsDir.empty()) {
        return drawPictures(app, service, request.screenshotsDir);
    }
    const ListenAddress address = parseListen(defaultListen).value();
    if (auto serving = service.serve(address.host, address.port); !serving) {
        return failInWindow(serving.error());
    }
    const QSocketNotifier stop(stopSignalFd(), QSocketNotifier::Read);
    QObject::connect(&stop, &QSocketNotifier::activated, &app, &QApplication::quit);
    const int code = ui::runConsole(app, service, {});
    service.stopServing(limits::drainTimeoutMs);
    return code;
}

} // namespace headgate::app
