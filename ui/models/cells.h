// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Makers of table cells, so that money, times and names look and sort alike on every page, and the
// hand-over of a service callback to the GUI thread. Text from outside stays plain text.

#include "ui/models/snapshot_model.h"
#include "ui/widgets/widgets.h"

#include <QCoreApplication>
#include <QMetaObject>
#include <QPointer>

#include <functional>
#include <memory>
#include <string>

namespace headgate::ui {

/// A tooltip that Qt will not take for markup, whatever it holds.
[[nodiscard]] QString plainTooltip(const QString& text);

[[nodiscard]] Cell textCell(const QString& text, const QString& tooltip = {});
[[nodiscard]] Cell safeCell(const std::string& text); ///< text from outside
[[nodiscard]] Cell moneyCell(Money money);
[[nodiscard]] Cell countCell(std::int64_t count);
[[nodiscard]] Cell timeCell(TimeUs at, const QString& whenNone); ///< 0: `whenNone`, muted
[[nodiscard]] Cell chipCell(const QString& text, Chip::Tone tone, const QString& tooltip = {});
/// A dollar-per-million price; absent: "–".
[[nodiscard]] Cell priceCell(const std::optional<Price>& price);
[[nodiscard]] QString priceText(Price price); ///< "$0.15"
[[nodiscard]] QString percentOfPermille(qint64 permille); ///< 125 is "12.5"

/// What a service calls on another thread, wrapped so that `work` runs on the GUI thread and only
/// while `owner` lives. Must be called on the GUI thread; the result may be called on any.
template <typename T>
[[nodiscard]] std::function<void(T)> onGui(QObject* owner, std::function<void(T&)> work)
{
    // QPointer is only looked at on the GUI thread, where owners die.
    return [guard = QPointer<QObject>(owner), work = std::move(work)](T value) {
        auto* app = QCoreApplication::instance();
        if (app == nullptr) {
            return;
        }
        auto kept = std::make_shared<T>(std::move(value));
        QMetaObject::invokeMethod(
            app,
            [guard, work, kept] {
                if (guard) {
                    work(*kept);
                }
            },
            Qt::QueuedConnection);
    };
}

} // namespace headgate::ui
