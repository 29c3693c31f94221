// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/activity/activity_log.h"

#include "core/activity/activity_reader.h"
#include "core/activity/activity_store.h"
#include "core/activity/spill_file.h"
#include "core/base/limits.h"
#include "core/base/log.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

namespace headgate::activity {

namespace {

/// Ids of requests that were in flight when the program died are not in the file; this many
/// microseconds are skipped so that none of them comes again even if the clock went back.
constexpr std::int64_t idMarginUs = 100'000;
constexpr auto retryPause = std::chrono::milliseconds(100);
constexpr auto replayPause = std::chrono::seconds(1);

} // namespace

struct ActivityLog::Impl {
    explicit Impl(ActivityOptions given, ActivityStore opened)
        : options(std::move(given)),
          store(std::move(opened)),
          spill(options.spillPath),
          reader(options.path, options.vfs),
          queueMax(options.queueMax == 0 ? limits::activityQueueMax : options.queueMax)
    {
    }

    void run();
    /// Waits for work; false when the log is closing and everything is out.
    [[nodiscard]] bool takeBatch(std::vector<Decision>& batch);
    void storeBatch(std::vector<Decision> batch);
    [[nodiscard]] bool mayKeepTrying();
    void spillRows(const std::vector<Decision>& rows);
    [[nodiscard]] Result<void> replay();
    void finished(std::size_t rows);

    const ActivityOptions options;
    ActivityStore store; ///< writer thread only
    SpillFile spill;
    ActivityReader reader;
    const std::size_t queueMax;

    std::atomic<std::int64_t> lastId{0};
    std::mutex mutex;
    std::condition_variable wake; ///< for the writer
    std::condition_variable progress; ///< for flush()
    std::deque<Decision> queue;
    std::int64_t appended = 0;
    std::int64_t done = 0;
    std::int64_t flushUpTo = 0;
    bool stopping = false;
    bool failing = false; ///< writer thread only
    std::chrono::steady_clock::time_point lastReplay{};

    std::atomic<std::int64_t> rowsWritten{0};
    std::atomic<std::int64_t> rowsSpilled{0};
    std::atomic<std::int64_t> commitsFailed{0};
    std::atomic<std::int64_t> rowsRecovered{0};
    std::atomic<std::int64_t> rowsLost{0};
    std::thread writer;
};

void ActivityLog::Impl::run()
{
    std::vector<Decision> batch;
    while (takeBatch(batch)) {
        const std::size_t count = batch.size();
        if (count > 0) {
            storeBatch(std::exchange(batch, {}));
            finished(count);
        }
        const auto now = std::chrono::steady_clock::now();
        if (spill.pending() > 0 && !failing && now - lastReplay >= replayPause) {
            lastReplay = now;
            if (const auto back = replay(); !back) {
                log::warning(
                    "The decision log cannot take back spilled rows yet: {}", back.error().text());
            }
        }
    }
}

bool ActivityLog::Impl::takeBatch(std::vector<Decision>& batch)
{
    std::unique_lock lock(mutex);
    const auto urgent = [this] {
        return stopping || flushUpTo > done || queue.size() >= limits::activityBatchMax;
    };
    if (queue.empty()) {
        const auto something = [this] { return stopping || !queue.empty(); };
        if (spill.pending() > 0) {
            wake.wait_for(lock, replayPause, something);
        } else {
            wake.wait(lock, something);
        }
    }
    if (!queue.empty()) {
        // The rows that come in the next milliseconds share this commit.
        wake.wait_for(lock, std::chrono::milliseconds(limits::activityFlushMs), urgent);
    }
    const bool goesOn = !queue.empty() || !stopping;
    if (queue.size() <= limits::activityBatchMax) {
        std::deque<Decision> taken = std::exchange(queue, {});
        lock.unlock(); // moving the rows takes longer than those who append should wait
        batch.assign(std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end()));
        return goesOn;
    }
    for (std::size_t i = 0; i < limits::activityBatchMax; ++i) {
        batch.push_back(std::move(queue.front()));
        queue.pop_front();
    }
    return goesOn;
}

void ActivityLog::Impl::storeBatch(std::vector<Decision> batch)
{
    for (;;) {
        const auto stored = store.commit(batch, lastId.load());
        if (stored) {
            if (std::exchange(failing, false)) {
                log::info("The decision log is written again.");
            }
            rowsWritten += static_cast<std::int64_t>(batch.size());
            if (options.onAppended && !batch.empty()) {
                options.onAppended(std::move(batch));
            }
            return;
        }
        ++commitsFailed;
        if (!std::exchange(failing, true)) {
            log::error("The decision log cannot be written: {}", stored.error().text());
        }
        if (!mayKeepTrying()) {
            spillRows(batch);
            return;
        }
    }
}

/// A failing database is retried while the queue has room; then rows go to the spill file.
bool ActivityLog::Impl::mayKeepTrying()
{
    std::unique_lock lock(mutex);
    const auto pressed
        = [this] { return stopping || flushUpTo > done || queue.size() >= queueMax / 2; };
    if (pressed()) {
        return false;
    }
    wake.wait_for(lock, retryPause, pressed);
    return true;
}

void ActivityLog::Impl::spillRows(const std::vector<Decision>& rows)
{
    const auto count = static_cast<std::int64_t>(rows.size());
    if (const auto kept = spill.append(rows); kept) {
        rowsSpilled += count;
        return;
    } else if (rowsLost.fetch_add(count) == 0) {
        log::error("Rows of the decision log are lost: {}", kept.error().text());
    }
}

Result<void> ActivityLog::Impl::replay()
{
    return spill.replay([this](std::vector<Decision> rows) -> Result<void> {
        auto stored = store.commit(rows, lastId.load());
        if (!stored) {
            ++commitsFailed;
            return stored;
        }
        rowsRecovered += static_cast<std::int64_t>(rows.size());
        if (options.onAppended && !rows.empty()) {
            options.onAppended(std::move(rows));
        }
        return {};
    });
}

void ActivityLog::Impl::finished(std::size_t rows)
{
    const std::lock_guard lock(mutex);
    done += static_cast<std::int64_t>(rows);
    progress.notify_all();
}

ActivityLog::ActivityLog(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) { }

Result<std::unique_ptr<ActivityLog>> ActivityLog::open(ActivityOptions options)
{
    auto store = ActivityStore::open(options.path, options.vfs);
    if (!store) {
        Error error = store.error();
        if (error.code == ErrorCode::Corrupt) {
            error.remedy = "The log is evidence and is not overwritten: move " + options.path
                + " to a safe place (Headgate then begins a new one) or restore it from a backup.";
        }
        return error;
    }
    auto impl = std::make_unique<Impl>(std::move(options), std::move(*store));
    const auto waiting = impl->spill.scan();
    impl->lastId = std::max(impl->store.lastId(), waiting.maxId) + idMarginUs;
    if (waiting.rows > 0) {
        if (const auto back = impl->replay(); !back) {
            log::warning("{} spilled rows of the decision log wait for the database: {}",
                waiting.rows, back.error().text());
        }
    }
    impl->writer = std::thread([raw = impl.get()] { raw->run(); });
    return std::unique_ptr<ActivityLog>(new ActivityLog(std::move(impl)));
}

ActivityLog::~ActivityLog()
{
    {
        const std::lock_guard lock(m_impl->mutex);
        m_impl->stopping = true;
        m_impl->wake.notify_all();
    }
    m_impl->writer.join();
}

DecisionId ActivityLog::nextId(TimeUs nowUs)
{
    std::int64_t last = m_impl->lastId.load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
        next = std::max(last + 1, nowUs);
    } while (!m_impl->lastId.compare_exchange_weak(last, next, std::memory_order_relaxed));
    return DecisionId{next};
}

void ActivityLog::append(Decision decision)
{
    if (!decision.id) {
        decision.id = nextId(decision.atUs);
    }
    std::unique_lock lock(m_impl->mutex);
    if (m_impl->queue.size() >= m_impl->queueMax) {
        lock.unlock();
        // The writer is far behind; the page cache is the only place left that keeps the row.
        std::vector<Decision> rows;
        rows.push_back(std::move(decision));
        m_impl->spillRows(rows);
        return;
    }
    m_impl->queue.push_back(std::move(decision));
    ++m_impl->appended;
    const std::size_t size = m_impl->queue.size();
    lock.unlock();
    // One wake for the first row and one for a full batch, not one a row.
    if (size == 1 || size == limits::activityBatchMax || size == m_impl->queueMax / 2) {
        m_impl->wake.notify_one();
    }
}

void ActivityLog::flush()
{
    std::unique_lock lock(m_impl->mutex);
    const std::int64_t target = m_impl->appended;
    m_impl->flushUpTo = std::max(m_impl->flushUpTo, target);
    m_impl->wake.notify_all();
    m_impl->progress.wait(lock, [&] { return m_impl->done >= target; });
}

Result<Page> ActivityLog::page(const PageQuery& query) const
{
    return m_impl->reader.page(query);
}

Result<Decision> ActivityLog::decision(DecisionId id) const
{
    return m_impl->reader.decision(id);
}

Result<std::vector<ReportRow>> ActivityLog::report(const ReportQuery& query) const
{
    return m_impl->reader.report(query);
}

Result<std::vector<Facet>> ActivityLog::facet(
    const Filter& filter, const std::string& field, int limit) const
{
    return m_impl->reader.facet(filter, field, limit);
}

Result<LatencySummary> ActivityLog::latency(TimeUs fromUs, TimeUs toUs) const
{
    return m_impl->reader.latency(fromUs, toUs);
}

Result<std::int64_t> ActivityLog::forEach(
    const Filter& filter, const std::function<bool(const Decision&)>& row) const
{
    return m_impl->reader.forEach(filter, row);
}

Result<std::int64_t> ActivityLog::verifyChain() const
{
    return m_impl->reader.verifyChain();
}

ActivityLog::Stats ActivityLog::stats() const
{
    Stats out;
    {
        const std::lock_guard lock(m_impl->mutex);
        out.queued = static_cast<std::int64_t>(m_impl->queue.size());
    }
    out.rows = m_impl->rowsWritten + m_impl->rowsRecovered;
    out.spilled = m_impl->rowsSpilled;
    out.failed = m_impl->commitsFailed;
    out.recovered = m_impl->rowsRecovered;
    out.lost = m_impl->rowsLost;
    out.spillPending = m_impl->spill.pending();
    return out;
}

} // namespace headgate::activity
