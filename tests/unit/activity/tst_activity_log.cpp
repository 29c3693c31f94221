// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QTemporaryDir>
#include <QtTest>

#ifndef Q_MOC_RUN // it stumbles over the standard headers that come with these
#include "core/activity/activity_log.h"
#include "core/base/limits.h"
#include "core/base/rng.h"
#include "core/base/sqlite.h"
#endif

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

using namespace headgate;
using namespace headgate::activity;

namespace {

constexpr TimeUs baseUs = 1790000000000000;

struct Folder {
    QTemporaryDir dir;
    [[nodiscard]] ActivityOptions options() const
    {
        ActivityOptions out;
        out.path = dir.filePath(QStringLiteral("activity.db")).toStdString();
        out.spillPath = dir.filePath(QStringLiteral("activity.spill")).toStdString();
        return out;
    }
    [[nodiscard]] sqlite::Connection database() const
    {
        sqlite::OpenOptions how;
        how.path = options().path;
        auto opened = sqlite::Connection::open(how);
        return opened ? std::move(*opened) : sqlite::Connection();
    }
};

std::unique_ptr<ActivityLog> opened(const Folder& folder)
{
    auto log = ActivityLog::open(folder.options());
    if (!log) {
        qWarning("%s", log.error().text().c_str());
        return nullptr;
    }
    return std::move(*log);
}

/// A row as traffic makes them; the same seed makes the same row.
Decision randomRow(Rng& rng, TimeUs atUs)
{
    static const char* models[] = {"sim/sim-small", "sim/sim-medium", "other/big", ""};
    static const char* teams[] = {"search", "support", "data"};
    static const char* tasks[] = {"chat", "code_fix", "maths"};
    Decision d;
    d.atUs = atUs;
    d.requestId = "r" + std::to_string(rng.below(1000000));
    d.team = teams[rng.below(3)];
    d.user = "u" + std::to_string(rng.below(4));
    d.key = "k" + std::to_string(rng.below(3));
    d.session = "s" + std::to_string(rng.below(20));
    d.task = tasks[rng.below(3)];
    d.model = models[rng.below(4)];
    d.provider = d.model.substr(0, d.model.find('/'));
    d.tier = static_cast<int>(rng.below(4));
    d.askedModel = "auto";
    d.outcome = d.model.empty() ? "refuse_budget" : rng.below(5) == 0 ? "downgrade" : "route";
    d.status = d.model.empty() ? Status::Refused : rng.below(10) == 0 ? Status::Failed : Status::Ok;
    d.reason = rng.below(7) == 0 ? "The CAP was reached" : "cheapest capable model";
    d.inputTokens = static_cast<std::int64_t>(rng.below(1000));
    d.outputTokens = static_cast<std::int64_t>(rng.below(500));
    d.cost = Money::fromNano(static_cast<std::int64_t>(rng.below(1000000000)));
    d.baseline = d.cost.plusSaturated(Money::fromNano(5));
    d.addedUs = 50 + static_cast<std::int64_t>(rng.below(1000));
    if (rng.below(3) == 0) {
        d.tags = {"project:x", "team:y"};
    }
    d.factsJson = "{\"turns\":1}";
    d.candidatesJson = "[]";
    return d;
}

/// Fills the log with rows spread over three days and gives back what was written.
std::vector<Decision> filled(ActivityLog& log, int count)
{
    Rng rng(7);
    std::vector<Decision> rows;
    for (int i = 0; i < count; ++i) {
        const TimeUs at = baseUs + i * (3 * usPerDay / count);
        Decision d = randomRow(rng, at);
        d.id = log.nextId(at);
        rows.push_back(d);
        log.append(d);
    }
    log.flush();
    return rows;
}

std::vector<std::int64_t> ids(const std::vector<Decision>& rows)
{
    std::vector<std::int64_t> out;
    for (const auto& row : rows) {
        out.push_back(row.id.value);
    }
    return out;
}

bool bareModelIs(const Decision& d, const std::string& name)
{
    return d.model.substr(d.model.find('/') + 1) == name;
}

} // namespace

class TestActivityLog : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // --- bad files

    void newerFileIsRefused()
    {
        const Folder folder;
        QVERIFY(opened(folder));
        QVERIFY(folder.database().exec("PRAGMA user_version = 99"));
        const auto log = ActivityLog::open(folder.options());
        QVERIFY(!log);
        QCOMPARE(log.error().code, ErrorCode::TooNew);
    }

    void corruptFileIsKeptAsEvidence()
    {
        const Folder folder;
        std::ofstream(folder.options().path) << std::string(8192, 'x');
        const auto log = ActivityLog::open(folder.options());
        QVERIFY(!log);
        QCOMPARE(log.error().code, ErrorCode::Corrupt);
        QVERIFY(log.error().remedy.find(folder.options().path) != std::string::npos);
        QCOMPARE(std::filesystem::file_size(folder.options().path), std::uintmax_t(8192));
    }

    void unwritableFolderIsRefused()
    {
        ActivityOptions options;
        options.path = "/nonexistent-folder/activity.db";
        options.spillPath = "/nonexistent-folder/activity.spill";
        const auto log = ActivityLog::open(std::move(options));
        QVERIFY(!log);
        QVERIFY(!log.error().remedy.empty());
    }

    void badQueriesAreRefused()
    {
        const Folder folder;
        const auto log = opened(folder);
        PageQuery query;
        query.filter.equals = {{"password", "x"}};
        QVERIFY(!log->page(query));
        query.filter.equals = {{"team = 'x' OR 1=1 --", "x"}};
        QVERIFY(!log->page(query));
        query.filter.equals = {{"tier", "one"}};
        QVERIFY(!log->page(query));
        QVERIFY(!log->facet({}, "id; DROP TABLE decision", 5));
        ReportQuery report;
        report.by = "session";
        QVERIFY(!log->report(report));
        report.by = "model";
        report.equals = {{"session", "x"}};
        QVERIFY(!log->report(report));
        QVERIFY(!log->decision(DecisionId{5}));
        query.filter.equals = {{"team", "'; DROP TABLE decision; --"}};
        QVERIFY(log->page(query));
        QVERIFY(log->page({}));
    }

    // --- ids

    void idsAreUniqueAndIncreasing()
    {
        const Folder folder;
        const auto log = opened(folder);
        QCOMPARE(log->nextId(baseUs).value, baseUs);
        QCOMPARE(log->nextId(baseUs).value, baseUs + 1);
        QCOMPARE(log->nextId(baseUs - usPerDay).value, baseUs + 2); // the clock went back
        std::vector<std::thread> threads;
        std::vector<std::vector<std::int64_t>> given(4);
        for (auto& list : given) {
            threads.emplace_back([&log, &list] {
                for (int i = 0; i < 5000; ++i) {
                    list.push_back(log->nextId(baseUs).value);
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        std::set<std::int64_t> all;
        for (const auto& list : given) {
            QVERIFY(std::is_sorted(list.begin(), list.end()));
            all.insert(list.begin(), list.end());
        }
        QCOMPARE(all.size(), std::size_t(20000));
    }

    void idsNeverComeAgainAfterRestart()
    {
        const Folder folder;
        std::int64_t last = 0;
        {
            const auto log = opened(folder);
            Decision d;
            d.atUs = baseUs;
            d.id = log->nextId(baseUs);
            log->append(d);
            last = log->nextId(baseUs).value; // given out, lost in the "crash"
        }
        const auto log = opened(folder);
        QVERIFY(log->nextId(baseUs - usPerHour).value > last); // although the clock went back
    }

    // --- reading equals brute force

    void pagesEqualBruteForce_data()
    {
        QTest::addColumn<int>("which");
        QTest::newRow("everything") << 0;
        QTest::newRow("team and task") << 1;
        QTest::newRow("tag") << 2;
        QTest::newRow("text") << 3;
        QTest::newRow("time") << 4;
        QTest::newRow("model by bare name") << 5;
        QTest::newRow("nothing") << 6;
    }
    void pagesEqualBruteForce()
    {
        QFETCH(int, which);
        const Folder folder;
        const auto log = opened(folder);
        const auto rows = filled(*log, 700);
        Filter filter;
        std::function<bool(const Decision&)> keep = [](const Decision&) { return true; };
        const TimeUs dayTwo = baseUs + usPerDay;
        if (which == 1) {
            filter.equals = {{"team", "search"}, {"task", "maths"}};
            keep = [](const Decision& d) { return d.team == "search" && d.task == "maths"; };
        } else if (which == 2) {
            filter.equals = {{"tag", "team:y"}};
            keep = [](const Decision& d) { return !d.tags.empty(); };
        } else if (which == 3) {
            filter.text = "cap WAS";
            keep = [](const Decision& d) { return d.reason.find("CAP was") != std::string::npos; };
        } else if (which == 4) {
            filter.fromUs = dayTwo;
            filter.toUs = dayTwo + usPerHour;
            keep = [&](const Decision& d) {
                return d.id.value >= dayTwo && d.id.value < dayTwo + usPerHour;
            };
        } else if (which == 5) {
            filter.equals = {{"model", "sim-small"}};
            keep = [](const Decision& d) { return bareModelIs(d, "sim-small"); };
        } else if (which == 6) {
            filter.equals = {{"team", "nobody"}};
            keep = [](const Decision&) { return false; };
        }
        std::vector<std::int64_t> expected;
        for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
            if (keep(*row)) {
                expected.push_back(row->id.value);
            }
        }
        std::vector<std::int64_t> found;
        PageQuery query;
        query.filter = filter;
        query.limit = 37;
        for (;;) {
            const auto page = log->page(query);
            QVERIFY(page);
            for (const auto id : ids(page->rows)) {
                found.push_back(id);
            }
            if (!page->more) {
                break;
            }
            query.before = page->rows.back().id;
        }
        QCOMPARE(found, expected);
        const auto counted = log->forEach(filter, [](const Decision&) { return true; });
        QCOMPARE(*counted, static_cast<std::int64_t>(expected.size()));

        // Following: what is newer than a row, oldest first.
        if (expected.size() > 10) {
            PageQuery follow;
            follow.filter = filter;
            follow.after = DecisionId{expected[10]};
            const auto page = log->page(follow);
            std::vector<std::int64_t> newer(expected.begin(), expected.begin() + 10);
            std::reverse(newer.begin(), newer.end());
            QCOMPARE(ids(page->rows), newer);
        }
    }

    void decisionComesBackWhole()
    {
        const Folder folder;
        const auto log = opened(folder);
        Rng rng(3);
        Decision d = randomRow(rng, baseUs);
        d.id = log->nextId(baseUs);
        d.tags = {"a:b"};
        d.costLinesJson = "[{\"what\":\"input\"}]";
        Attempt attempt;
        attempt.hold = HoldId{9};
        attempt.model = "sim/sim-small";
        attempt.charged = Money::fromNano(77);
        attempt.outcome = "settled";
        d.attempts = {attempt};
        log->append(d);
        log->flush();
        auto back = log->decision(d.id);
        QVERIFY(back);
        QCOMPARE(back->auditHash.size(), std::size_t(64));
        back->auditHash.clear();
        QCOMPARE(QByteArray::fromStdString(decisionToJson(*back)),
            QByteArray::fromStdString(decisionToJson(d)));
        const auto page = log->page({});
        QVERIFY(page->rows.front().factsJson.empty());
    }

    void rollupsEqualTheSumOfRows_data()
    {
        QTest::addColumn<QString>("by");
        for (const char* by :
            {"", "model", "team", "user", "key", "tier", "task", "status", "provider"}) {
            QTest::newRow(*by == 0 ? "total" : by) << QString::fromLatin1(by);
        }
    }
    void rollupsEqualTheSumOfRows()
    {
        QFETCH(QString, by);
        const Folder folder;
        const auto log = opened(folder);
        const auto rows = filled(*log, 600);
        const auto groupOf = [&by](const Decision& d) -> std::string {
            const std::string name = by.toStdString();
            return name == "model"   ? d.model
                : name == "team"     ? d.team
                : name == "user"     ? d.user
                : name == "key"      ? d.key
                : name == "tier"     ? std::to_string(d.tier)
                : name == "task"     ? d.task
                : name == "status"   ? std::string(statusName(d.status))
                : name == "provider" ? d.provider
                                     : std::string();
        };
        const std::pair<Rollup, std::int64_t> levels[]
            = {{Rollup::Minute, usPerMinute}, {Rollup::Hour, usPerHour}, {Rollup::Day, usPerDay}};
        for (const auto& [rollup, width] : levels) {
            std::map<std::pair<TimeUs, std::string>, ReportRow> expected;
            for (const auto& d : rows) {
                auto& sum = expected[{d.id.value / width * width, groupOf(d)}];
                sum.requests += 1;
                sum.refused += d.status == Status::Refused ? 1 : 0;
                sum.downgraded += d.outcome == "downgrade" ? 1 : 0;
                sum.failed += d.status == Status::Failed ? 1 : 0;
                sum.inputTokens += d.inputTokens;
                sum.outputTokens += d.outputTokens;
                sum.cost = sum.cost.plusSaturated(d.cost);
                sum.baseline = sum.baseline.plusSaturated(d.baseline);
            }
            ReportQuery query;
            query.rollup = rollup;
            query.by = by.toStdString();
            const auto report = log->report(query);
            QVERIFY(report);
            QCOMPARE(report->size(), expected.size());
            for (const auto& row : *report) {
                const auto& sum = expected[{row.bucketUs, row.group}];
                QCOMPARE(row.requests, sum.requests);
                QCOMPARE(row.refused, sum.refused);
                QCOMPARE(row.downgraded, sum.downgraded);
                QCOMPARE(row.failed, sum.failed);
                QCOMPARE(row.inputTokens, sum.inputTokens);
                QCOMPARE(row.outputTokens, sum.outputTokens);
                QCOMPARE(row.cost, sum.cost);
                QCOMPARE(row.baseline, sum.baseline);
            }
        }
    }

    void reportsAreFiltered()
    {
        const Folder folder;
        const auto log = opened(folder);
        const auto rows = filled(*log, 300);
        Money expected;
        for (const auto& d : rows) {
            if (d.team == "data" && bareModelIs(d, "big") && d.id.value >= baseUs + usPerDay) {
                expected = expected.plusSaturated(d.cost);
            }
        }
        ReportQuery query;
        query.rollup = Rollup::Minute;
        query.fromUs = baseUs + usPerDay;
        query.equals = {{"team", "data"}, {"model", "big"}};
        Money found;
        const auto report = log->report(query);
        QVERIFY(report);
        for (const auto& row : *report) {
            found = found.plusSaturated(row.cost);
        }
        QCOMPARE(found, expected);
    }

    void facetsCount()
    {
        const Folder folder;
        const auto log = opened(folder);
        const auto rows = filled(*log, 300);
        const auto facets = log->facet({}, "team", 10);
        QVERIFY(facets);
        std::int64_t sum = 0;
        for (const auto& facet : *facets) {
            sum += facet.count;
            QCOMPARE(facet.count, std::count_if(rows.begin(), rows.end(), [&](const Decision& d) {
                return d.team == facet.value;
            }));
        }
        QCOMPARE(sum, 300);
        QCOMPARE(log->facet({}, "team", 1)->size(), std::size_t(1));
    }

    void latencyIsWithinABucket()
    {
        const Folder folder;
        const auto log = opened(folder);
        for (int i = 1; i <= 100; ++i) {
            Decision d;
            d.atUs = baseUs + i;
            d.addedUs = i * 10;
            log->append(d);
        }
        log->flush();
        const auto latency = log->latency(baseUs, baseUs + usPerHour);
        QVERIFY(latency);
        QCOMPARE(latency->count, 100);
        QVERIFY(latency->addedUsP50 >= 500 && latency->addedUsP50 <= 625);
        QVERIFY(latency->addedUsP95 >= 950 && latency->addedUsP95 <= 1190);
        QCOMPARE(log->latency(baseUs - usPerDay, baseUs - usPerHour)->count, 0);
        QCOMPARE(log->latency(0, 0)->count, 100);
    }

    // --- hash chain

    void tamperingIsFound_data()
    {
        QTest::addColumn<QByteArray>("sql");
        QTest::newRow("cost") << QByteArray("UPDATE decision SET cost = cost + 1 WHERE rowid ="
                                            " (SELECT id FROM decision_detail WHERE seq = 20)");
        QTest::newRow("reason") << QByteArray("UPDATE decision SET reason = 'fine' WHERE id ="
                                              " (SELECT id FROM decision_detail WHERE seq = 20)");
        QTest::newRow("facts") << QByteArray(
            "UPDATE decision_detail SET facts = '{}' WHERE seq = 20");
        QTest::newRow("hash") << QByteArray(
            "UPDATE decision_detail SET hash = '00' WHERE seq = 20");
        QTest::newRow("row removed") << QByteArray(
            "DELETE FROM decision WHERE id = (SELECT id FROM decision_detail WHERE seq = 20);"
            "DELETE FROM decision_detail WHERE seq = 20");
        QTest::newRow("end cut off") << QByteArray(
            "DELETE FROM decision WHERE id IN (SELECT id FROM decision_detail WHERE seq > 40);"
            "DELETE FROM decision_detail WHERE seq > 40");
        QTest::newRow("details only") << QByteArray("DELETE FROM decision_detail WHERE seq = 50");
        QTest::newRow("row slipped in") << QByteArray(
            "INSERT INTO decision SELECT 5, at_us, request_id, revision, org, team, user, key, "
            "session,"
            " tags, priority, client, task, asked_model, model, provider, tier, wanted_tier, "
            "outcome,"
            " rule, reason, status, http_status, error, stream, input_tokens, output_tokens,"
            " cached_tokens, difficulty, bound, cost, baseline, remaining, pool, added_us,"
            " first_byte_us, total_us, escalations FROM decision LIMIT 1");
    }
    void tamperingIsFound()
    {
        QFETCH(QByteArray, sql);
        const Folder folder;
        {
            const auto log = opened(folder);
            filled(*log, 50);
            const auto verified = log->verifyChain();
            QVERIFY(verified);
            QCOMPARE(*verified, 50);
        }
        QVERIFY(folder.database().exec(sql.toStdString()));
        const auto log = opened(folder);
        const auto verified = log->verifyChain();
        QVERIFY(!verified);
        QCOMPARE(verified.error().code, ErrorCode::Corrupt);
    }

    void chainGoesOnAfterRestart()
    {
        const Folder folder;
        for (int i = 0; i < 3; ++i) {
            const auto log = opened(folder);
            Decision d;
            d.atUs = baseUs;
            log->append(d);
        }
        QCOMPARE(*opened(folder)->verifyChain(), 3);
    }

    // --- trouble

    void failingDatabaseSpillsAndRecovers()
    {
        const Folder folder;
        auto blocker = folder.database();
        const auto log = opened(folder);
        QVERIFY(log);
        QVERIFY(blocker.exec("BEGIN IMMEDIATE")); // every commit of the log now fails as busy
        std::vector<Decision> rows;
        Rng rng(5);
        for (int i = 0; i < 20; ++i) {
            Decision d = randomRow(rng, baseUs + i);
            d.id = log->nextId(baseUs + i);
            rows.push_back(d);
            log->append(d);
        }
        log->flush();
        QCOMPARE(log->stats().spilled, 20);
        QCOMPARE(log->stats().spillPending, 20);
        QVERIFY(log->stats().failed >= 1);
        QVERIFY(log->page({})->rows.empty());
        QVERIFY(blocker.exec("ROLLBACK"));
        // The next row shows that the database works again; then the spilled ones follow.
        Decision d = randomRow(rng, baseUs + 100);
        d.id = log->nextId(baseUs + 100);
        log->append(d);
        log->flush();
        QTRY_COMPARE_WITH_TIMEOUT(log->stats().recovered, 20, 20000);
        QTRY_COMPARE(log->stats().spillPending, 0);
        QCOMPARE(log->page({})->rows.size(), std::size_t(21));
        QCOMPARE(log->stats().lost, 0);
        QCOMPARE(*log->verifyChain(), 21);
        ReportQuery query;
        QCOMPARE(log->report(query)->front().requests, 21);
    }

    void spillOfAnEarlierRunIsReadOnce()
    {
        const Folder folder;
        Decision d;
        d.id = DecisionId{baseUs};
        d.atUs = baseUs;
        d.cost = Money::fromNano(5);
        const std::string record = decisionToJson(d);
        const std::string line = std::to_string(record.size()) + " " + record + "\n";
        for (int run = 0; run < 2; ++run) { // the second time as after a crash before the removal
            std::ofstream(folder.options().spillPath, std::ios::binary) << line;
            const auto log = opened(folder);
            QVERIFY(log);
            QCOMPARE(log->page({})->rows.size(), std::size_t(1));
            QCOMPARE(log->report({})->front().cost, Money::fromNano(5));
            QCOMPARE(*log->verifyChain(), 1);
            QVERIFY(log->nextId(1).value > baseUs);
        }
    }

    void overflowSpillsInsteadOfLosing()
    {
        const Folder folder;
        auto blocker = folder.database();
        auto options = folder.options();
        options.queueMax = 8;
        auto opened = ActivityLog::open(std::move(options));
        QVERIFY(opened);
        auto& log = **opened;
        QVERIFY(blocker.exec("BEGIN IMMEDIATE"));
        for (int i = 0; i < 100; ++i) {
            Decision d;
            d.atUs = baseUs + i;
            log.append(d);
        }
        QVERIFY(log.stats().queued <= 8);
        QVERIFY(blocker.exec("ROLLBACK"));
        log.flush();
        QTRY_COMPARE_WITH_TIMEOUT(log.stats().rows, 100, 20000);
        QCOMPARE(log.stats().lost, 0);
        QCOMPARE(*log.verifyChain(), 100);
    }

    void everythingIsOnDiskAfterClosing()
    {
        const Folder folder;
        std::atomic<int> told{0};
        {
            auto options = folder.options();
            options.onAppended = [&told](const std::vector<Decision>& rows) {
                told += static_cast<int>(rows.size());
            };
            auto log = ActivityLog::open(std::move(options));
            QVERIFY(log);
            std::vector<std::thread> threads;
            for (int t = 0; t < 4; ++t) {
                threads.emplace_back([&log] {
                    Rng rng(1);
                    for (int i = 0; i < 500; ++i) {
                        (*log)->append(randomRow(rng, baseUs));
                    }
                });
            }
            for (auto& thread : threads) {
                thread.join();
            }
        }
        QCOMPARE(told.load(), 2000);
        const auto log = opened(folder);
        QCOMPARE(*log->verifyChain(), 2000);
    }
};

QTEST_GUILESS_MAIN(TestActivityLog)
#include "tst_activity_log.moc"
