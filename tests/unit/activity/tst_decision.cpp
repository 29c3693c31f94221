// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QTemporaryDir>
#include <QtTest>

#ifndef Q_MOC_RUN // it stumbles over the standard headers that come with these
#include "core/activity/activity_rows.h"
#include "core/activity/decision.h"
#include "core/activity/spill_file.h"
#endif

#include <filesystem>
#include <fstream>

using namespace headgate;
using namespace headgate::activity;

namespace {

Decision fullDecision()
{
    Decision d;
    d.id = DecisionId{1790000000000123};
    d.atUs = 1790000000000100;
    d.requestId = "req-\"1\"";
    d.revision = 7;
    d.org = "acme";
    d.team = "search";
    d.user = "ana";
    d.key = "laptop";
    d.session = "s-1";
    d.tags = {"project:x", "cost:y"};
    d.priority = "high";
    d.client = "curl";
    d.task = "code_fix";
    d.askedModel = "auto";
    d.model = "sim/sim-small";
    d.provider = "sim";
    d.tier = 1;
    d.wantedTier = 2;
    d.outcome = "downgrade";
    d.rule = "default";
    d.reason = "because\nof lines";
    d.status = Status::Estimated;
    d.httpStatus = 201;
    d.error = "oh";
    d.stream = true;
    d.inputTokens = 11;
    d.outputTokens = 22;
    d.cachedTokens = 3;
    d.difficulty = 412;
    d.bound = Money::fromNano(1000000001);
    d.cost = Money::fromNano(42);
    d.baseline = Money::fromNano(43);
    d.remaining = Money::fromNano(-1);
    d.pool = "team-search";
    d.addedUs = 312;
    d.firstByteUs = 4000;
    d.totalUs = 5000;
    d.escalations = 1;
    d.factsJson = "{\"turns\":1}";
    d.candidatesJson = "[{\"model\":\"sim/sim-small\"}]";
    d.costLinesJson = "not json";
    Attempt attempt;
    attempt.hold = HoldId{5};
    attempt.model = "sim/sim-small";
    attempt.bound = Money::fromNano(1000000001);
    attempt.charged = Money::fromNano(42);
    attempt.outcome = "settled";
    attempt.error = "e";
    attempt.httpStatus = 200;
    d.attempts = {attempt, attempt};
    d.auditHash = "ab";
    return d;
}

std::string path(const QTemporaryDir& dir)
{
    return dir.filePath(QStringLiteral("activity.spill")).toStdString();
}

} // namespace

class TestDecision : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badRecordsAreRefused_data()
    {
        QTest::addColumn<QByteArray>("record");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("array") << QByteArray("[]");
        QTest::newRow("no id") << QByteArray("{\"status\":\"ok\"}");
        QTest::newRow("no status") << QByteArray("{\"id\":\"d5\"}");
        QTest::newRow("bad status") << QByteArray("{\"id\":\"d5\",\"status\":\"great\"}");
        QTest::newRow("money as number")
            << QByteArray("{\"id\":\"d5\",\"status\":\"ok\",\"cost_usd\":0.1}");
        QTest::newRow("too many decimals")
            << QByteArray("{\"id\":\"d5\",\"status\":\"ok\",\"cost_usd\":\"0.0000000001\"}");
        QTest::newRow("tokens as text")
            << QByteArray("{\"id\":\"d5\",\"status\":\"ok\",\"input_tokens\":\"7\"}");
        QTest::newRow("attempts") << QByteArray(
            "{\"id\":\"d5\",\"status\":\"ok\",\"attempts\":[7]}");
    }
    void badRecordsAreRefused()
    {
        QFETCH(QByteArray, record);
        QVERIFY(!decisionFromJson(record.toStdString()));
    }

    void badIdsAreRefused()
    {
        for (const char* bad : {"", "d", "x5", "d5x", "d-5", "d0", "d99999999999999999999"}) {
            QVERIFY2(!decisionIdFromText(bad), bad);
        }
        QCOMPARE(decisionIdFromText("d17")->value, 17);
        QCOMPARE(decisionIdFromText("17")->value, 17);
    }

    void statusNamesRoundTrip()
    {
        for (const auto status : {Status::Ok, Status::Estimated, Status::Refused, Status::Rejected,
                 Status::Failed, Status::Cut, Status::ClientLeft}) {
            QVERIFY(statusFromName(statusName(status)) == status);
        }
        QVERIFY(!statusFromName("OK"));
    }

    void jsonRoundTrips()
    {
        const Decision d = fullDecision();
        const std::string line = decisionToJson(d);
        QVERIFY(line.find('\n') == std::string::npos);
        const auto back = decisionFromJson(line);
        QVERIFY2(back, back ? "" : back.error().message.c_str());
        QCOMPARE(QByteArray::fromStdString(decisionToJson(*back)), QByteArray::fromStdString(line));
        QVERIFY(textsOf(*back) == textsOf(d));
    }

    void brokenTextSurvives()
    {
        Decision d = fullDecision();
        d.client = "caf\xe9";
        const auto back = decisionFromJson(decisionToJson(d));
        QVERIFY(back);
        QVERIFY(back->client == d.client);
    }

    void chainBytesAreUnambiguous()
    {
        ChainHasher a("");
        a.add("ab");
        a.add("c");
        ChainHasher b("");
        b.add("a");
        b.add("bc");
        QVERIFY(a.hash() != b.hash());
    }

    void latencySlotsHoldTheirValue()
    {
        int last = -1;
        for (std::int64_t us : {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 100, 1000, 99999, 10000000}) {
            const int slot = latencySlot(us);
            QVERIFY(slot >= last);
            last = slot;
            QVERIFY(latencySlotUpperUs(slot) >= us);
            QVERIFY(slot == 0 || latencySlotUpperUs(slot - 1) < us);
        }
        QCOMPARE(latencySlot(-5), 0);
    }

    // --- spill file

    void spilledRowsComeBackOnce()
    {
        const QTemporaryDir dir;
        SpillFile file(path(dir));
        Decision d = fullDecision();
        QVERIFY(file.append({d, d}));
        d.id = DecisionId{1790000000000999};
        QVERIFY(file.append({d}));
        QCOMPARE(file.pending(), 3);
        const auto scanned = SpillFile(path(dir)).scan();
        QCOMPARE(scanned.rows, 3);
        QCOMPARE(scanned.maxId, 1790000000000999);

        QVERIFY(!file.replay(
            [](std::vector<Decision>) -> Result<void> { return Error(ErrorCode::Io, "no"); }));
        QCOMPARE(file.pending(), 3); // kept
        std::size_t seen = 0;
        QVERIFY(file.replay([&seen](std::vector<Decision> rows) -> Result<void> {
            seen += rows.size();
            return {};
        }));
        QCOMPARE(seen, std::size_t{3});
        QCOMPARE(file.pending(), 0);
        QVERIFY(!std::filesystem::exists(path(dir)));
    }

    void tornRecordIsKeptAside()
    {
        const QTemporaryDir dir;
        {
            SpillFile file(path(dir));
            QVERIFY(file.append({fullDecision()}));
            std::ofstream(path(dir), std::ios::app | std::ios::binary) << "900 {\"id\":\"d7\"";
        }
        SpillFile file(path(dir));
        std::size_t seen = 0;
        QVERIFY(file.replay([&seen](std::vector<Decision> rows) -> Result<void> {
            seen += rows.size();
            return {};
        }));
        QCOMPARE(seen, std::size_t{1});
        QVERIFY(std::filesystem::exists(path(dir) + ".damaged"));
    }

    void unwritableSpillSaysSo()
    {
        SpillFile file("/nonexistent-folder/activity.spill");
        const auto done = file.append({fullDecision()});
        QVERIFY(!done);
        QCOMPARE(done.error().code, ErrorCode::Io);
    }
};

QTEST_GUILESS_MAIN(TestDecision)
#include "tst_decision.moc"
