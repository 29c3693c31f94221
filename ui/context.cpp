// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/context.h"

#include "ui/widgets/widgets.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QPointer>
#include <QThread>
#include <QThreadPool>
#include <QTimer>
#include <QUndoCommand>
#include <QWidget>

#include <algorithm>
#include <mutex>

namespace headgate::ui {

namespace {

constexpr int flushIntervalMs = 250; // at most four a second (console.md)
constexpr std::size_t decisionsKeptMax = 1'000; // a page that wants all asks the log

/// What arrived since the last flush. Shared with the listener, which may outlive the context.
struct Inbox {
    std::mutex mutex;
    Context* context = nullptr; ///< null once it is gone
    bool flushQueued = false;
    bool config = false;
    bool money = false;
    bool status = false;
    std::vector<std::string> alerts;
    std::vector<activity::Decision> decisions;
};

bool isAlive(const QObject* object)
{
    const QWidgetList widgets = QApplication::allWidgets();
    for (const QWidget* widget : widgets) {
        if (widget == object) {
            return true;
        }
    }
    for (const QWidget* widget : widgets) {
        if (widget->parent() == nullptr) {
            const auto children = widget->findChildren<QObject*>();
            if (children.contains(object)) {
                return true;
            }
        }
    }
    return false;
}

} // namespace

struct Context::Impl {
    std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
    QThreadPool worker; ///< one thread: commands keep their order
    QElapsedTimer sinceFlush;
};

namespace {

/// One step of the undo stack: goes between two revisions of the configuration.
class RevisionStep final : public QUndoCommand {
public:
    RevisionStep(Context& context, const QString& text, std::int64_t before, std::int64_t after)
        : QUndoCommand(text),
          m_context(context),
          m_before(before),
          m_after(after)
    {
    }
    void undo() override { restore(m_before, Context::tr("Undone: %1").arg(text())); }
    void redo() override
    {
        if (std::exchange(m_first, false)) {
            return; // the change itself has just been made
        }
        restore(m_after, Context::tr("Done again: %1").arg(text()));
    }

private:
    void restore(std::int64_t revision, const QString& said)
    {
        service::Service& service = m_context.service();
        Context& context = m_context;
        m_context.run([&service, revision] { return service.restoreRevision(revision, "console"); },
            [&context, said](const Result<void>& result) {
                if (result) {
                    context.toast(said);
                }
                return false;
            });
    }

    Context& m_context;
    std::int64_t m_before;
    std::int64_t m_after;
    bool m_first = true;
};

/// Money is never unmade: undo books the opposite of the entry, redo books the order anew.
class MoneyStep final : public QUndoCommand {
public:
    MoneyStep(Context& context, const QString& text, service::MoneyOrder order, std::int64_t entry)
        : QUndoCommand(text),
          m_context(context),
          m_order(std::move(order)),
          m_entry(std::make_shared<std::int64_t>(entry))
    {
    }
    void undo() override
    {
        service::Service& service = m_context.service();
        say([&service, entry = m_entry] { return service.undoMoneyMove(*entry, "console"); },
            Context::tr("Undone by a correcting entry: %1").arg(text()));
    }
    void redo() override
    {
        if (std::exchange(m_first, false)) {
            return; // it has just been booked
        }
        service::Service& service = m_context.service();
        say(
            [&service, entry = m_entry, order = m_order]() -> Result<void> {
                const auto booked = service.moveMoney(order, "console");
                *entry = booked ? *booked : *entry;
                return booked ? Result<void>() : Result<void>(booked.error());
            },
            Context::tr("Booked again: %1").arg(text()));
    }

private:
    void say(std::function<Result<void>()> command, const QString& said)
    {
        Context& context = m_context;
        m_context.run(std::move(command), [&context, said](const Result<void>& result) {
            if (result) {
                context.toast(said);
            }
            return false;
        });
    }

    Context& m_context;
    service::MoneyOrder m_order;
    /// The journal line that stands; shared with commands under way. Touched by the one worker and,
    /// before the first of them, by the GUI thread.
    std::shared_ptr<std::int64_t> m_entry;
    bool m_first = true;
};

void collect(Inbox& inbox, const service::Event& event)
{
    using Kind = service::Event::Kind;
    switch (event.kind) {
    case Kind::ConfigChanged:
        inbox.config = true;
        break;
    case Kind::MoneyMoved:
        inbox.money = true;
        break;
    case Kind::StatusChanged:
        inbox.status = true;
        break;
    case Kind::Alert:
        inbox.alerts.push_back(event.text);
        break;
    case Kind::DecisionsAppended:
        inbox.decisions.insert(
            inbox.decisions.end(), event.decisions.begin(), event.decisions.end());
        if (inbox.decisions.size() > decisionsKeptMax) {
            inbox.decisions.erase(inbox.decisions.begin(),
                inbox.decisions.end() - static_cast<std::ptrdiff_t>(decisionsKeptMax));
        }
        break;
    }
}

} // namespace

Context::Context(service::Service& service, QObject* parent)
    : QObject(parent),
      m_service(service),
      m_impl(std::make_unique<Impl>())
{
    m_impl->worker.setMaxThreadCount(1);
    m_impl->sinceFlush.start();
    m_impl->inbox->context = this;
    m_undoStack.setUndoLimit(100);
    m_subscription = m_service.subscribe([inbox = m_impl->inbox](const service::Event& event) {
        const std::lock_guard lock(inbox->mutex);
        if (inbox->context == nullptr) {
            return;
        }
        collect(*inbox, event);
        if (!std::exchange(inbox->flushQueued, true)) {
            Context* context = inbox->context;
            QMetaObject::invokeMethod(
                context, [context] { context->scheduleFlush(); }, Qt::QueuedConnection);
        }
    });
}

Context::~Context()
{
    m_service.unsubscribe(m_subscription);
    {
        const std::lock_guard lock(m_impl->inbox->mutex);
        m_impl->inbox->context = nullptr;
    }
    m_impl->worker.waitForDone();
}

void Context::scheduleFlush()
{
    const qint64 wait = flushIntervalMs - m_impl->sinceFlush.elapsed();
    QTimer::singleShot(
        static_cast<int>(std::clamp<qint64>(wait, 0, flushIntervalMs)), this, [this] { flush(); });
}

void Context::flush()
{
    Inbox taken;
    {
        Inbox& inbox = *m_impl->inbox;
        const std::lock_guard lock(inbox.mutex);
        inbox.flushQueued = false;
        std::swap(taken.config, inbox.config);
        std::swap(taken.money, inbox.money);
        std::swap(taken.status, inbox.status);
        taken.alerts.swap(inbox.alerts);
        taken.decisions.swap(inbox.decisions);
    }
    m_impl->sinceFlush.restart();
    if (taken.config) {
        Q_EMIT configChanged();
    }
    if (taken.status) {
        Q_EMIT statusChanged();
    }
    if (taken.money) {
        Q_EMIT moneyMoved();
    }
    if (!taken.decisions.empty()) {
        Q_EMIT decisionsAppended(taken.decisions);
    }
    for (const std::string& text : taken.alerts) {
        Q_EMIT alertRaised(safeText(text));
    }
}

void Context::setTimeRange(const TimeRange& range)
{
    if (range == m_timeRange) {
        return;
    }
    m_timeRange = range;
    Q_EMIT scopeChanged();
}

std::pair<TimeUs, TimeUs> Context::rangeUs() const
{
    if (m_timeRange.relative.isEmpty()) {
        return {m_timeRange.fromUs, m_timeRange.toUs};
    }
    const QDateTime now = QDateTime::currentDateTime();
    // One second on: a decision of this instant belongs to the range.
    const TimeUs to = now.toMSecsSinceEpoch() * usPerMs + usPerSecond;
    const QString& name = m_timeRange.relative;
    if (name == QLatin1String("today")) {
        return {now.date().startOfDay().toMSecsSinceEpoch() * usPerMs, to};
    }
    if (name == QLatin1String("month")) {
        const QDate first(now.date().year(), now.date().month(), 1);
        return {first.startOfDay().toMSecsSinceEpoch() * usPerMs, to};
    }
    const TimeUs count = name.chopped(1).toLongLong();
    const TimeUs unit = name.endsWith(QLatin1Char('d')) ? usPerDay
        : name.endsWith(QLatin1Char('m'))               ? usPerMinute
                                                        : usPerHour;
    return {to - count * unit, to};
}

void Context::addFilter(const FilterItem& item)
{
    for (FilterItem& present : m_filters) {
        if (present.field == item.field) {
            if (present.value != item.value) {
                present.value = item.value; // one value a field: two can never both hold
                Q_EMIT scopeChanged();
            }
            return;
        }
    }
    m_filters.push_back(item);
    Q_EMIT scopeChanged();
}

void Context::removeFilter(int index)
{
    if (index >= 0 && index < static_cast<int>(m_filters.size())) {
        m_filters.erase(m_filters.begin() + index);
        Q_EMIT scopeChanged();
    }
}

void Context::clearFilters()
{
    if (!m_filters.empty()) {
        m_filters.clear();
        Q_EMIT scopeChanged();
    }
}

void Context::setScope(const TimeRange& range, const std::vector<FilterItem>& filters)
{
    if (range == m_timeRange && filters == m_filters) {
        return;
    }
    m_timeRange = range;
    m_filters = filters;
    Q_EMIT scopeChanged();
}

activity::Filter Context::activityFilter() const
{
    activity::Filter filter;
    std::tie(filter.fromUs, filter.toUs) = rangeUs();
    for (const FilterItem& item : m_filters) {
        if (item.field == QLatin1String("text")) {
            filter.text = fromQt(item.value);
        } else {
            filter.equals.emplace_back(fromQt(item.field), fromQt(item.value));
        }
    }
    return filter;
}

void Context::run(
    std::function<Result<void>()> command, std::function<bool(const Result<void>&)> done)
{
    const QPointer<Context> self(this);
    m_impl->worker.start([self, command = std::move(command), done = std::move(done)] {
        auto result = std::make_shared<Result<void>>(command());
        QMetaObject::invokeMethod(
            qApp,
            [self, result, done] {
                if (self.isNull()) {
                    return;
                }
                const bool handled = done && done(*result);
                if (!handled && !*result) {
                    self->toast(toQt(result->error().text()), true);
                }
            },
            Qt::QueuedConnection);
    });
}

void Context::runUndoable(const QString& text, std::function<Result<void>()> command,
    std::function<bool(const Result<void>&)> done)
{
    struct Revisions {
        std::int64_t before = 0;
        std::int64_t after = 0;
    };
    auto seen = std::make_shared<Revisions>();
    service::Service& service = m_service;
    run(
        [&service, seen, command = std::move(command)]() -> Result<void> {
            seen->before = service.config()->revision;
            Result<void> result = command();
            seen->after = service.config()->revision;
            return result;
        },
        [this, text, seen, done = std::move(done)](const Result<void>& result) {
            if (result && seen->after != seen->before) {
                m_undoStack.push(new RevisionStep(*this, text, seen->before, seen->after));
                Q_EMIT toastRequested(text, false, true);
            }
            return done && done(result);
        });
}

void Context::moveMoney(const QString& text, const service::MoneyOrder& order,
    std::function<bool(const Result<void>&)> done)
{
    auto entry = std::make_shared<std::int64_t>(0);
    service::Service& service = m_service;
    run(
        [&service, order, entry]() -> Result<void> {
            const auto booked = service.moveMoney(order, "console");
            *entry = booked ? *booked : 0;
            return booked ? Result<void>() : Result<void>(booked.error());
        },
        [this, text, order, entry, done = std::move(done)](const Result<void>& result) {
            if (result && *entry != 0) {
                m_undoStack.push(new MoneyStep(*this, text, order, *entry));
                Q_EMIT toastRequested(
                    tr("%1. Undo books the opposite entry.").arg(text), false, true);
            }
            return done && done(result);
        });
}

void Context::post(QObject* owner, std::function<void()> work)
{
    // Touches no member: a late callback may come when this context is gone.
    QMetaObject::invokeMethod(
        qApp,
        [owner, work = std::move(work)] {
            if (isAlive(owner)) {
                work();
            }
        },
        Qt::QueuedConnection);
}

void Context::toast(const QString& text, bool problem)
{
    Q_EMIT toastRequested(text, problem, false);
}

void Context::openPage(const QString& page)
{
    Q_EMIT pageRequested(page);
}

void Context::openDecision(DecisionId id)
{
    Q_EMIT decisionRequested(id.value);
}

} // namespace headgate::ui
