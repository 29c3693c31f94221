// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/bench/ledger_bench.h"

#include "core/base/sqlite.h"
#include "core/ledger/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <vector>

#include <malloc.h>
#include <unistd.h>

namespace headgate::bench {

namespace {

using namespace headgate::ledger;

constexpr std::int64_t runUs = 1'500'000;
constexpr std::int64_t peerUs = 800'000;
/// "Each session" for a year of a small company.
constexpr std::int64_t sessionCount = 100'000;
/// Coprime to sessionCount: visits every session once before any twice.
constexpr std::int64_t sessionStep = 7'919;

struct Setup {
    bool powerSafe = false;
    int requesters = 1;
    int accounts = 1;
    /// Each request belongs to one of so many sessions, in a scattered order; 0: all to one.
    std::int64_t sessions = 0;
    std::int64_t pairs = 0; ///< ends after so many; 0: after runUs
};

constexpr Setup setupOf(bool powerSafe, int requesters, int accounts)
{
    Setup setup;
    setup.powerSafe = powerSafe;
    setup.requesters = requesters;
    setup.accounts = accounts;
    return setup;
}

struct Figures {
    std::int64_t pairsPerSecond = 0; ///< hold and settle, both durable
    std::int64_t reserveP50Us = 0;
    std::int64_t reserveP99Us = 0;
    std::int64_t cpuNsPerPair = 0; ///< of the whole process
    std::int64_t operationsPerCommitTenths = 0;
};

std::int64_t cpuNs()
{
    return static_cast<std::int64_t>(std::clock()) * (1'000'000'000 / CLOCKS_PER_SEC);
}

std::int64_t percentile(std::vector<std::int64_t>& values, std::size_t permille)
{
    if (values.empty()) {
        return 0;
    }
    const std::size_t index = std::min(values.size() - 1, values.size() * permille / 1000);
    std::nth_element(
        values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
    return values[index];
}

/// A folder that is removed again.
class Folder {
public:
    Folder()
        : m_path(std::filesystem::temp_directory_path()
            / fmt::format("headgate-ledger-bench-{}", std::random_device{}()))
    {
        std::filesystem::create_directories(m_path);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    [[nodiscard]] std::string file(const char* name) const { return (m_path / name).string(); }

private:
    std::filesystem::path m_path;
};

std::vector<Pool> makePools(int count)
{
    constexpr std::array kinds{std::pair{"org", "month"}, std::pair{"each-team", "month"},
        std::pair{"each-user", "week"}, std::pair{"each-key", "day"}, std::pair{"org", "day"},
        std::pair{"each-session", "lifetime"}, std::pair{"model=small", "day"},
        std::pair{"provider=sim", "day"}};
    std::vector<Pool> pools;
    for (int i = 0; i < count; ++i) {
        const auto& kind = kinds[static_cast<std::size_t>(i) % kinds.size()];
        Pool pool;
        pool.id = PoolId{i + 1};
        pool.name = fmt::format("pool {}", i + 1);
        pool.scope = Scope::parse(kind.first).value();
        pool.window = Window::parse(kind.second).value();
        pool.cap = Money::fromCents(100'000'000);
        pools.push_back(std::move(pool));
    }
    return pools;
}

/// Requesters that hold, settle and ask again, served by one thread as by an event loop: answers
/// hop from the ledger thread to it.
class Requesters {
public:
    Requesters(SqliteLedger& ledger, const Clock& clock, const Setup& setup)
        : m_ledger(ledger),
          m_clock(clock),
          m_setup(setup)
    {
    }

    Figures run()
    {
        const auto before = m_ledger.stats();
        const std::int64_t cpuBefore = cpuNs();
        const std::int64_t begunUs = m_clock.monotonicUs();
        for (int i = 0; i < m_setup.requesters; ++i) {
            ask(i);
        }
        int alive = m_setup.requesters;
        while (alive > 0) {
            for (const Answer& answer : waitForAnswers()) {
                if (answer.hold) {
                    m_ledger.settle({answer.hold, SettleKind::Exact, Money::fromNano(100'000)},
                        [this, who = answer.who](const Result<Settled>&) {
                            push({who, {}});
                        });
                    continue;
                }
                ++m_pairs;
                const bool goesOn = m_setup.pairs == 0 ? m_clock.monotonicUs() - begunUs < runUs
                                                       : m_requests < m_setup.pairs;
                if (goesOn) {
                    ask(answer.who);
                } else {
                    --alive;
                }
            }
        }
        return figures(before, cpuBefore, begunUs);
    }

private:
    struct Answer {
        int who = 0;
        HoldId hold; ///< none: a settle was answered
    };

    Figures figures(const SqliteLedger::Stats& before, std::int64_t cpuBefore, std::int64_t begunUs)
    {
        Figures figures;
        const std::int64_t tookUs = m_clock.monotonicUs() - begunUs;
        const auto after = m_ledger.stats();
        figures.pairsPerSecond = m_pairs * 1'000'000 / std::max<std::int64_t>(tookUs, 1);
        figures.reserveP50Us = percentile(m_latencyUs, 500);
        figures.reserveP99Us = percentile(m_latencyUs, 990);
        figures.cpuNsPerPair = (cpuNs() - cpuBefore) / std::max<std::int64_t>(m_pairs, 1);
        figures.operationsPerCommitTenths = (after.operations - before.operations) * 10
            / std::max<std::int64_t>(after.commits - before.commits, 1);
        return figures;
    }

    void ask(int who)
    {
        Ask ask;
        ask.requestId = fmt::format("bench-{}", ++m_requests);
        ask.identity.team = "search";
        ask.identity.user = "ann";
        ask.identity.key = "laptop";
        ask.identity.session = m_setup.sessions == 0
            ? "s"
            : fmt::format("session-{}", m_requests * sessionStep % m_setup.sessions);
        ask.target = {"sim", "small", 1};
        ask.amount = Money::fromNano(200'000);
        ask.dispatch = true;
        const std::int64_t askedUs = m_clock.monotonicUs();
        m_ledger.reserve(std::move(ask), [this, who, askedUs](const Decision& decision) {
            m_latencyUs.push_back(
                m_clock.monotonicUs() - askedUs); // ledger thread only, until the end
            const auto* grant = std::get_if<Grant>(&decision);
            push({who, grant == nullptr ? HoldId{} : grant->hold});
        });
    }

    void push(Answer answer)
    {
        const std::scoped_lock lock(m_mutex);
        m_answers.push_back(answer);
        m_filled.notify_one();
    }

    std::deque<Answer> waitForAnswers()
    {
        std::unique_lock lock(m_mutex);
        m_filled.wait(lock, [&] { return !m_answers.empty(); });
        return std::exchange(m_answers, {});
    }

    SqliteLedger& m_ledger;
    const Clock& m_clock;
    Setup m_setup;
    std::mutex m_mutex;
    std::condition_variable m_filled;
    std::deque<Answer> m_answers;
    std::vector<std::int64_t> m_latencyUs;
    std::int64_t m_pairs = 0;
    std::int64_t m_requests = 0;
};

/// Resident memory of this process, after what is free was given back.
std::int64_t residentKilobytes()
{
    ::malloc_trim(0);
    std::ifstream statm("/proc/self/statm");
    std::int64_t total = 0;
    std::int64_t resident = 0;
    statm >> total >> resident;
    return resident * ::sysconf(_SC_PAGESIZE) / 1024;
}

Result<std::unique_ptr<SqliteLedger>> openSessions(const std::string& path, const Clock& clock)
{
    LedgerOptions options;
    options.path = path;
    options.powerSafe = false;
    auto ledger = SqliteLedger::open(std::move(options), clock);
    if (!ledger) {
        return ledger;
    }
    std::vector<Pool> pools = makePools(1);
    pools.front().scope = Scope::parse("each-session").value();
    pools.front().window = Window::parse("lifetime").value();
    if (auto done = (*ledger)->setPools(std::move(pools)); !done) {
        return done.error();
    }
    return ledger;
}

struct SessionFigures {
    Figures one; ///< the peer: all requests in one session
    Figures fresh; ///< each request the first of its session
    Figures known; ///< over all sessions, which are known
    Figures afterStart; ///< the same, after a start
    std::int64_t startMs = 0;
    std::int64_t startOneMs = 0; ///< the peer: with one account and as many journal lines
    std::int64_t kilobytesUsed = 0; ///< what 100,000 accounts added while running
    std::int64_t kilobytesAfterStart = 0;
};

Result<SessionFigures> measureSessions()
{
    const Folder folder;
    const SystemClock clock;
    SessionFigures figures;
    Setup one = setupOf(false, 64, 1);
    Setup known = one;
    one.pairs = sessionCount;
    known.sessions = sessionCount;
    Setup fresh = known;
    fresh.pairs = sessionCount;
    struct Run {
        const char* file;
        const Setup& setup;
        Figures& first;
        std::int64_t& startMs;
    };
    for (const Run& run : {Run{"one.db", one, figures.one, figures.startOneMs},
             Run{"sessions.db", fresh, figures.fresh, figures.startMs}}) {
        const std::int64_t before = residentKilobytes();
        const bool isMany = run.setup.sessions > 0;
        {
            auto ledger = openSessions(folder.file(run.file), clock);
            if (!ledger) {
                return ledger.error();
            }
            run.first = Requesters(**ledger, clock, run.setup).run();
            if (isMany) {
                figures.kilobytesUsed = residentKilobytes() - before;
                figures.known = Requesters(**ledger, clock, known).run();
            }
        }
        const std::int64_t between = residentKilobytes();
        const std::int64_t begunUs = clock.monotonicUs();
        auto ledger = openSessions(folder.file(run.file), clock);
        if (!ledger) {
            return ledger.error();
        }
        run.startMs = (clock.monotonicUs() - begunUs) / 1'000;
        if (isMany) {
            figures.kilobytesAfterStart = residentKilobytes() - between;
            figures.afterStart = Requesters(**ledger, clock, known).run();
        }
    }
    return figures;
}

Result<Figures> measure(const Setup& setup)
{
    const Folder folder;
    const SystemClock clock;
    LedgerOptions options;
    options.path = folder.file("ledger.db");
    options.powerSafe = setup.powerSafe;
    auto ledger = SqliteLedger::open(options, clock);
    if (!ledger) {
        return ledger.error();
    }
    if (auto done = (*ledger)->setPools(makePools(setup.accounts)); !done) {
        return done.error();
    }
    return Requesters(**ledger, clock, setup).run();
}

/// The plain peer: the same number of durable commits of one inserted row an operation, no
/// decision, no balances, no other thread; pairs a second.
Result<std::int64_t> measurePlain(const Setup& setup)
{
    const Folder folder;
    const SystemClock clock;
    auto connection = sqlite::Connection::open(
        {.path = folder.file("plain.db"), .powerSafe = setup.powerSafe, .vfs = {}});
    if (!connection) {
        return connection.error();
    }
    if (auto done = connection->exec("CREATE TABLE row (id INTEGER PRIMARY KEY, amount INTEGER, "
                                     "name TEXT) STRICT");
        !done) {
        return done.error();
    }
    auto insert = connection->prepare("INSERT INTO row (amount, name) VALUES (?1, ?2)");
    if (!insert) {
        return insert.error();
    }
    std::int64_t rows = 0;
    const std::int64_t begunUs = clock.monotonicUs();
    while (clock.monotonicUs() - begunUs < peerUs) {
        auto transaction = sqlite::Transaction::begin(*connection);
        if (!transaction) {
            return transaction.error();
        }
        for (int i = 0; i < setup.requesters; ++i, ++rows) {
            if (auto done = insert->bindAll(rows, "bench").run(); !done) {
                return done.error();
            }
        }
        if (auto done = transaction->commit(); !done) {
            return done.error();
        }
    }
    const std::int64_t tookUs = clock.monotonicUs() - begunUs;
    return rows * 1'000'000 / std::max<std::int64_t>(tookUs, 1) / 2;
}

std::string tenths(std::int64_t value)
{
    return fmt::format("{}.{}", value / 10, value % 10);
}

std::string asText(const Setup& setup, const Figures& ours, std::int64_t plain)
{
    return fmt::format("{:<7} {:>10} {:>8} {:>10} {:>10} {:>6} % {:>9} {:>9} {:>9} {:>9}\n",
        setup.powerSafe ? "power" : "process", setup.requesters, setup.accounts,
        ours.pairsPerSecond, plain, ours.pairsPerSecond * 100 / std::max<std::int64_t>(plain, 1),
        ours.reserveP50Us, ours.reserveP99Us, tenths(ours.cpuNsPerPair / 100),
        tenths(ours.operationsPerCommitTenths));
}

std::string asJson(const Setup& setup, const Figures& ours, std::int64_t plain)
{
    return fmt::format(R"({{"safe":"{}","requesters":{},"accounts":{},"pairs_per_second":{},)"
                       R"("plain_pairs_per_second":{},"reserve_p50_us":{},"reserve_p99_us":{},)"
                       R"("cpu_ns_per_pair":{},"operations_per_commit":{}}})",
        setup.powerSafe ? "power" : "process", setup.requesters, setup.accounts,
        ours.pairsPerSecond, plain, ours.reserveP50Us, ours.reserveP99Us, ours.cpuNsPerPair,
        tenths(ours.operationsPerCommitTenths));
}

std::string sessionsAsText(const SessionFigures& figures)
{
    std::string text = fmt::format("\n{} sessions, each with an account; 64 requesters, "
                                   "process-safe\n{:<44} {:>10} {:>9} {:>9} {:>9}\n",
        sessionCount, "", "pairs/s", "p50 us", "p99 us", "cpu us");
    for (const auto& [name, row] : {std::pair{"one session (the peer)", figures.one},
             std::pair{"first request of every session", figures.fresh},
             std::pair{"again, over all of them", figures.known},
             std::pair{"after a start, over all of them", figures.afterStart}}) {
        text += fmt::format("{:<44} {:>10} {:>9} {:>9} {:>9}\n", name, row.pairsPerSecond,
            row.reserveP50Us, row.reserveP99Us, tenths(row.cpuNsPerPair / 100));
    }
    return text
        + fmt::format("start: {} ms ({} ms with one account and as many requests)\n"
                      "memory added: {} kB while running, {} kB after a start\n",
            figures.startMs, figures.startOneMs, figures.kilobytesUsed,
            figures.kilobytesAfterStart);
}

std::string sessionsAsJson(const SessionFigures& figures)
{
    const auto row = [](const Figures& of) {
        return fmt::format(
            R"({{"pairs_per_second":{},"reserve_p50_us":{},"reserve_p99_us":{},"cpu_ns_per_pair":{}}})",
            of.pairsPerSecond, of.reserveP50Us, of.reserveP99Us, of.cpuNsPerPair);
    };
    return fmt::format(R"({{"sessions":{},"one":{},"fresh":{},"known":{},"after_start":{},)"
                       R"("start_ms":{},"start_one_ms":{},"kilobytes_used":{},)"
                       R"("kilobytes_after_start":{}}})",
        sessionCount, row(figures.one), row(figures.fresh), row(figures.known),
        row(figures.afterStart), figures.startMs, figures.startOneMs, figures.kilobytesUsed,
        figures.kilobytesAfterStart);
}

} // namespace

int runLedgerBench(bool json)
{
    constexpr std::array setups{setupOf(false, 1, 1), setupOf(false, 16, 1), setupOf(false, 256, 1),
        setupOf(true, 1, 1), setupOf(true, 16, 1), setupOf(true, 256, 1), setupOf(false, 64, 1),
        setupOf(false, 64, 4), setupOf(false, 64, 8), setupOf(true, 64, 1), setupOf(true, 64, 4),
        setupOf(true, 64, 8)};
    if (!json) {
        fmt::print(
            "Hold and settle, both durable; plain: SQLite inserting one row an operation in "
            "commits of that size.\n{:<7} {:>10} {:>8} {:>10} {:>10} {:>8} {:>9} {:>9} {:>9} "
            "{:>9}\n",
            "safe", "requesters", "accounts", "pairs/s", "plain/s", "ratio", "p50 us", "p99 us",
            "cpu us", "ops/commit");
    }
    std::string rows;
    for (const Setup& setup : setups) {
        const auto ours = measure(setup);
        const auto plain = measurePlain(setup);
        if (!ours || !plain) {
            fmt::print(stderr, "{}\n", !ours ? ours.error().text() : plain.error().text());
            return 1;
        }
        if (json) {
            rows += (rows.empty() ? "" : ",") + asJson(setup, *ours, *plain);
        } else {
            fmt::print("{}", asText(setup, *ours, *plain));
        }
    }
    const auto sessions = measureSessions();
    if (!sessions) {
        fmt::print(stderr, "{}\n", sessions.error().text());
        return 1;
    }
    if (json) {
        fmt::print("{{\"ledger\":[{}],\"sessions\":{}}}\n", rows, sessionsAsJson(*sessions));
    } else {
        fmt::print("{}", sessionsAsText(*sessions));
    }
    return 0;
}

} // namespace headgate::bench
