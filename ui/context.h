// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What every page shares: the service, the time range and filter stack with history, the undo
// stack, toasts. Brings service events to the GUI thread as signals, coalesced to at most four a
// second. GUI thread only. Holds no truth.

#include "core/service/service.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QObject>
#include <QPointer>
#include <QString>
#include <QUndoStack>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace headgate::ui {

/// One filter of the stack: a field of activity::Filter and its value.
struct FilterItem {
    QString field;
    QString value;
    bool operator==(const FilterItem&) const = default;
};

struct TimeRange {
    /// Relative ranges move with the clock: "1h", "24h", "7d", "30d", "today", "month"; empty:
    /// fixed.
    QString relative = QStringLiteral("24h");
    TimeUs fromUs = 0; ///< fixed ranges
    TimeUs toUs = 0;
    bool operator==(const TimeRange&) const = default;
};

class Context final : public QObject {
    Q_OBJECT
public:
    explicit Context(service::Service& service, QObject* parent = nullptr);
    ~Context() override;

    [[nodiscard]] service::Service& service() const { return m_service; }
    [[nodiscard]] QUndoStack& undoStack() { return m_undoStack; }

    [[nodiscard]] const TimeRange& timeRange() const { return m_timeRange; }
    void setTimeRange(const TimeRange& range);
    /// The range in microseconds now: [from, to).
    [[nodiscard]] std::pair<TimeUs, TimeUs> rangeUs() const;
    [[nodiscard]] const std::vector<FilterItem>& filters() const { return m_filters; }
    void addFilter(const FilterItem& item);
    void removeFilter(int index);
    void clearFilters();
    /// Both at once with one signal (navigation history).
    void setScope(const TimeRange& range, const std::vector<FilterItem>& filters);
    /// Range and filters as the log understands them.
    [[nodiscard]] activity::Filter activityFilter() const;

    /// Runs a configuration command off the GUI thread, then `done` on it. A failure is shown as a
    /// toast with its remedy unless `done` handles it by returning true.
    void run(
        std::function<Result<void>()> command, std::function<bool(const Result<void>&)> done = {});
    /// The same for a change that can be undone: on success pushes an undo step that restores the
    /// revision before it, and shows a toast with "Undo".
    void runUndoable(const QString& text, std::function<Result<void>()> command,
        std::function<bool(const Result<void>&)> done = {});
    /// Books money by hand. Its undo books the opposite entry; the journal keeps both.
    void moveMoney(const QString& text, const service::MoneyOrder& order,
        std::function<bool(const Result<void>&)> done = {});
    /// Hands a service callback's result to the GUI thread; drops it when `owner` is gone.
    void post(QObject* owner, std::function<void()> work);
    /// Wraps `work(Result<T>)` for a service query: call it on the GUI thread, hand the outcome to
    /// the service; `work` runs on the GUI thread if `owner` still lives. Prefer it to post().
    template <typename Work>
    [[nodiscard]] static auto reply(QObject* owner, Work work)
    {
        return [guard = QPointer<QObject>(owner), work = std::move(work)](auto result) {
            auto kept = std::make_shared<decltype(result)>(std::move(result));
            QMetaObject::invokeMethod(
                QCoreApplication::instance(),
                [guard, work, kept]() mutable {
                    if (!guard.isNull()) {
                        work(*kept);
                    }
                },
                Qt::QueuedConnection);
        };
    }

    void toast(const QString& text, bool problem = false);
    /// Asks the window to show a page ("activity", "budgets", …); the page reads the context's
    /// filter.
    void openPage(const QString& page);
    void openDecision(DecisionId id);

Q_SIGNALS:
    void configChanged();
    void moneyMoved();
    void decisionsAppended(const std::vector<headgate::activity::Decision>& decisions);
    void statusChanged();
    void alertRaised(const QString& text);
    void scopeChanged(); ///< time range or filters
    void toastRequested(const QString& text, bool problem, bool undoable);
    void pageRequested(const QString& page);
    void decisionRequested(qint64 id);

private:
    struct Impl;
    void scheduleFlush();
    void flush();

    service::Service& m_service;
    QUndoStack m_undoStack;
    TimeRange m_timeRange;
    std::vector<FilterItem> m_filters;
    int m_subscription = 0;
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::ui
