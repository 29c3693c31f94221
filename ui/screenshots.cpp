// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/main_window.h"
#include "ui/theme/theme.h"

#include <QApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QThread>

namespace headgate::ui {

bool saveScreenshots(MainWindow& window, const QString& folder)
{
    const QDir dir(folder);
    if (!dir.mkpath(QStringLiteral("."))) {
        return false;
    }
    const QString modeBefore = Theme::instance().mode();
    bool fine = true;
    const auto settle = [](int ms) {
        QElapsedTimer timer;
        timer.start();
        while (timer.elapsed() < ms) {
            QApplication::processEvents(QEventLoop::AllEvents, 20);
            QThread::msleep(5);
        }
    };
    window.show();
    for (const QString& mode : {QStringLiteral("light"), QStringLiteral("dark")}) {
        Theme::instance().setMode(mode);
        for (const QSize size : {QSize(1280, 800), QSize(1920, 1080)}) {
            window.resize(size);
            const QStringList names = window.pageNames();
            for (const QString& name : names) {
                window.showPage(name);
                settle(700);
                const QString file
                    = QStringLiteral("%1-%2-%3.png").arg(name, mode).arg(size.width());
                fine = window.grab().save(dir.filePath(file)) && fine;
            }
        }
    }
    Theme::instance().setMode(modeBefore);
    return fine;
}

} // namespace headgate::ui
