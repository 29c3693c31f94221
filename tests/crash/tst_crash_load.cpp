// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/base/rng.h"
#include "tests/bench/loopback.h"
#include "tests/crash/crash_house.h"

#include <QTest>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

using namespace headgate::crash;
using headgate::Money;
using headgate::clitest::Answer;
using headgate::clitest::chatBody;
using headgate::clitest::Connection;

namespace {

constexpr int killsWanted = 66;
constexpr int killsPerHome = 22;

/// Clients that stream, wait, leave in the middle and repeat themselves, until the proxy is gone.
class Traffic {
public:
    Traffic(const House& house, int clients, std::uint64_t seed) : m_house(house)
    {
        for (int i = 0; i < clients; ++i) {
            m_threads.emplace_back(
                [this, seed, i] { run(seed * 1'000 + static_cast<std::uint64_t>(i)); });
        }
    }
    ~Traffic() { join(); }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;
    void join()
    {
        for (auto& thread : m_threads) {
            thread.join();
        }
        m_threads.clear();
    }
    std::atomic<int> served{0};
    std::atomic<int> refused{0};
    std::atomic<int> left{0};

private:
    void run(std::uint64_t seed)
    {
        headgate::Rng rng(seed);
        while (once(rng)) { }
    }
    bool once(headgate::Rng& rng)
    {
        static const char* const models[] = {"auto", "sim-small", "sim-medium", "billed", "billed"};
        const bool stream = rng.chancePermille(600);
        const std::string body = chatBody(models[rng.below(5)],
            "Explain step " + std::to_string(rng.below(1'000)) + " of the plan.",
            static_cast<int>(rng.between(1, 60)), stream ? R"("stream":true)" : "");
        const int port = m_house.serving->port;
        const Connection connection(port);
        if (!connection.send(
                headgate::bench::httpPost(port, "/v1/chat/completions", m_house.key, body))) {
            return false;
        }
        if (rng.chancePermille(200)) {
            (void)connection.read(static_cast<std::size_t>(rng.between(1, 600)));
            ++left;
            return true;
        }
        const Answer answer = connection.answer();
        served += answer.status == 200 ? 1 : 0;
        refused += answer.status != 200 && answer.status != 0 ? 1 : 0;
        if (answer.status != 200 && answer.status != 0) {
            QTest::qSleep(5); // a refusal is cheap; sixteen loops of them would starve the rest
        }
        return answer.status != 0;
    }
    const House& m_house;
    std::vector<std::thread> m_threads;
};

std::int64_t availableNano(const House& house, const char* pool)
{
    for (const QJsonObject& row : house.verb("pools list").rows()) {
        if (row[QLatin1String("name")].toString() == QLatin1String(pool)) {
            const auto money
                = Money::parse(row[QLatin1String("available_usd")].toString().toStdString());
            return money ? money->nano() : -1;
        }
    }
    return -1;
}

/// Room for a while, then refusals: kills are to fall into both.
void topUpWhenEmpty(const House& house)
{
    for (const char* pool : {"all", "today"}) {
        if (availableNano(house, pool) < 2'000'000) {
            QCOMPARE(house.home
                         .run(("pools top-up " + std::string(pool) + " 0.03 --reason more").c_str())
                         .code,
                0);
        }
    }
}

} // namespace

/// Dies at any time under 16 to 64 clients and two providers, on homes whose pools run out again
/// and again.
class TestCrashLoad : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void killsAtAnyTimeUnderLoad()
    {
        headgate::Rng rng(crashSeed() + 2);
        BillingUpstream upstream;
        std::unique_ptr<House> house;
        std::int64_t unknown = 0;
        std::int64_t worst = 0;
        int served = 0;
        int refused = 0;
        int left = 0;
        for (int i = 0; i < killsWanted; ++i) {
            if (i % killsPerHome == 0) {
                unknown += house ? house->compared.unknown : 0;
                house = std::make_unique<House>(upstream);
                QVERIFY2(house->start(), house->why.c_str());
                const std::string unfurnished = house->furnish("0.05");
                QVERIFY2(unfurnished.empty(), unfurnished.c_str());
            } else {
                QVERIFY2(house->start(), house->why.c_str());
            }
            const std::int64_t before = house->compared.charged - house->compared.billed;
            const std::string wrong = house->compare();
            QVERIFY2(wrong.empty(), wrong.c_str());
            worst = std::max(worst, house->compared.charged - house->compared.billed - before);
            topUpWhenEmpty(*house);
            const std::string shut = house->admits();
            QVERIFY2(shut.empty(), shut.c_str());
            Traffic traffic(*house, 16 << rng.below(3), rng.next());
            QTest::qSleep(static_cast<int>(rng.between(1, 320)));
            house->serving->kill9();
            traffic.join();
            served += traffic.served;
            refused += traffic.refused;
            left += traffic.left;
        }
        QVERIFY2(house->start(), house->why.c_str());
        const std::string wrong = house->compare();
        QVERIFY2(wrong.empty(), wrong.c_str());
        unknown += house->compared.unknown;
        qInfo("%d kills under load: %d requests served, %d refused, %d left by their clients; "
              "charged as unknown %s in all, most that one kill cost above the bill %s",
            killsWanted, served, refused, left, Money::fromNano(unknown).toDecimal().c_str(),
            Money::fromNano(worst).toDecimal().c_str());
        QVERIFY(served > killsWanted && refused > 0 && left > 0);
    }
};

QTEST_GUILESS_MAIN(TestCrashLoad)
#include "tst_crash_load.moc"
