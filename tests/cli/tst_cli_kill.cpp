// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/base/money.h"
#include "core/base/rng.h"
#include "tests/bench/loopback.h"
#include "tests/cli/headgate_process.h"

#include <QElapsedTimer>
#include <QTest>

#include <algorithm>
#include <csignal>
#include <thread>
#include <vector>

using namespace headgate::clitest;
using headgate::Money;

namespace {

Money moneyOf(const QJsonObject& row, const char* field)
{
    const auto money = Money::parse(row[QLatin1String(field)].toString().toStdString());
    if (!money) {
        qWarning("no money in field %s", field);
    }
    return money ? *money : Money::fromNano(-1);
}

struct Books {
    Money charged; ///< settled, estimated and unknown of a pool that covers everything
    Money held;
    Money cap;
    Money billed; ///< by the simulated provider's own books
    bool verified = false;
};

Books booksOf(const Home& home, const QString& pool)
{
    Books books;
    for (const QJsonObject& row : home.json("pools list").rows()) {
        if (row[QLatin1String("name")].toString() == pool) {
            books.charged = moneyOf(row, "settled_usd");
            books.held = moneyOf(row, "held_usd");
            books.cap = moneyOf(row, "cap_usd");
        }
    }
    books.billed = moneyOf(home.json("sim bill").row(), "total_usd");
    const Ran verified = home.json("ledger verify");
    books.verified = verified.code == 0;
    if (!books.verified) {
        qWarning("%s%s", verified.out.constData(), verified.err.constData());
    }
    return books;
}

QByteArray text(const Books& books)
{
    return QByteArray::fromStdString("charged " + books.charged.toDecimal() + ", held "
        + books.held.toDecimal() + ", billed " + books.billed.toDecimal() + ", cap "
        + books.cap.toDecimal());
}

/// A pool that covers everything for ever, and none that could stand in its way.
void onlyPool(const Home& home, const QString& name, const QString& cap)
{
    QCOMPARE(
        home.run({QStringLiteral("pools"), QStringLiteral("add"), QStringLiteral("--name"), name,
                     QStringLiteral("--scope"), QStringLiteral("org"), QStringLiteral("--window"),
                     QStringLiteral("lifetime"), QStringLiteral("--cap"), cap})
            .code,
        0);
    QCOMPARE(home.run("pools archive organisation-day").code, 0);
}

/// The first request after a start loads vocabularies; kills are to hit running requests.
void warmUp(const Serving& serving, const std::string& key)
{
    (void)post(serving.port, key, chatBody("sim-small", "Hello.", 1));
}

/// Clients that send without pause until the proxy is gone.
class Traffic {
public:
    Traffic(int port, const std::string& key, int clients, std::uint64_t seed)
    {
        for (int i = 0; i < clients; ++i) {
            m_threads.emplace_back([port, key, seed, i] {
                headgate::Rng rng(seed * 1000 + static_cast<std::uint64_t>(i));
                static const char* const models[]
                    = {"auto", "sim-small", "sim-medium", "sim-large"};
                for (int n = 0; n < 10'000; ++n) {
                    const bool stream = rng.chancePermille(600);
                    const std::string body = chatBody(models[rng.below(4)],
                        "Explain step " + std::to_string(n) + " of the plan.",
                        static_cast<int>(rng.between(1, 120)), stream ? R"("stream":true)" : "");
                    const Connection connection(port);
                    if (!connection.send(
                            headgate::bench::httpPost(port, "/v1/chat/completions", key, body))) {
                        return;
                    }
                    if (rng.chancePermille(150)) {
                        (void)connection.read(static_cast<std::size_t>(rng.between(1, 600)));
                        continue; // leaves in the middle
                    }
                    if (connection.answer().status == 0) {
                        return;
                    }
                }
            });
        }
    }
    ~Traffic()
    {
        for (auto& thread : m_threads) {
            thread.join();
        }
    }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

private:
    std::vector<std::thread> m_threads;
};

} // namespace

class TestCliKill : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void moneyForSevenServesTheAffordableOnes()
    {
        Home home;
        auto serving = Serving::start(home);
        QVERIFY(serving != nullptr);
        const std::string body = chatBody("sim-small", "Say hello.", 1);
        const Answer probe = post(serving->port, serving->key, body);
        QVERIFY2(probe.status == 200, probe.body.c_str());
        const auto bound = Money::parse(probe.header("x-headgate-held-usd"));
        QVERIFY2(bound.has_value() && bound->nano() > 0, probe.head.c_str());
        const Money actual = moneyOf(home.json("sim bill").row(), "total_usd");
        QVERIFY(actual.nano() > 0 && actual <= *bound);
        const std::int64_t capNano = bound->nano() * 7;
        onlyPool(home, QStringLiteral("seven"),
            QString::fromStdString(Money::fromNano(capNano).toDecimal()));
        QCOMPARE(home.run("sim reset").code, 0);

        headgate::bench::Load load;
        load.port = serving->port;
        load.connections = 1000;
        load.requests = 1000;
        load.request
            = headgate::bench::httpPost(serving->port, "/v1/chat/completions", serving->key, body);
        const auto result = headgate::bench::runLoad(load);

        // One more fits as long as what is left covers a whole bound.
        const std::int64_t affordable = (capNano - bound->nano()) / actual.nano() + 1;
        const Books books = booksOf(home, QStringLiteral("seven"));
        QVERIFY2(books.billed <= books.cap, text(books).constData());
        QVERIFY2(books.verified, text(books).constData());
        QCOMPARE(books.held.nano(), std::int64_t{0});
        QVERIFY2(books.charged == books.billed, text(books).constData());
        QCOMPARE(result.answered, affordable);
        QCOMPARE(result.refused, load.requests - affordable);
        QCOMPARE(result.failed, std::int64_t{0});
    }

    void sigtermDrainsARunningStream()
    {
        Home home;
        home.setSimLatencyPermille(1000);
        auto serving = Serving::start(home);
        QVERIFY(serving != nullptr);
        const Connection connection(serving->port);
        QVERIFY(connection.send(headgate::bench::httpPost(serving->port, "/v1/chat/completions",
            serving->key, chatBody("sim-small", "Tell a long story.", 120, R"("stream":true)"))));
        std::string stream = connection.read(64);
        QVERIFY(stream.starts_with("HTTP/1.1 200"));
        serving->signal(SIGTERM);
        for (std::string more = connection.read(); !more.empty(); more = connection.read()) {
            stream += more;
        }
        QVERIFY2(stream.find("data: [DONE]") != std::string::npos, stream.c_str());
        QCOMPARE(serving->waitForEnd(), 0);
        QVERIFY(!headgate::bench::canConnect(serving->port));
        const Books books = booksOf(home, QStringLiteral("organisation-day"));
        QVERIFY(books.verified);
        QCOMPARE(books.held.nano(), std::int64_t{0});
        QVERIFY2(books.charged == books.billed, text(books).constData());
    }

    void sigintStopsToo()
    {
        const Home home;
        auto serving = Serving::start(home);
        QVERIFY(serving != nullptr);
        serving->signal(SIGINT);
        QCOMPARE(serving->waitForEnd(), 0);
        // The next start shows no key: there is one.
        auto again = Serving::start(home);
        QVERIFY(again != nullptr);
        QVERIFY(again->ready[QLatin1String("client_key")].isNull());
        QCOMPARE(again->ready[QLatin1String("event")].toString(), QStringLiteral("ready"));
        QCOMPARE(again->ready[QLatin1String("pid")].toInteger(), again->pid());
        QCOMPARE(post(again->port, serving->key, chatBody("auto", "x", 5)).status, 200);
    }

    void aSecondSignalStopsAtOnce()
    {
        const Home home;
        auto serving = Serving::start(home);
        QVERIFY(serving != nullptr);
        const Connection connection(serving->port);
        QVERIFY(connection.send(headgate::bench::httpPost(serving->port, "/v1/chat/completions",
            serving->key, chatBody("sim-small", "[[sim:stall]]", 20, R"("stream":true)"))));
        QTest::qWait(300);
        serving->signal(SIGTERM);
        QTest::qWait(300);
        serving->signal(SIGTERM);
        QVERIFY(serving->waitForEnd(20'000) != 0);
        const Books books = booksOf(home, QStringLiteral("organisation-day"));
        QVERIFY(books.verified);
        QCOMPARE(books.held.nano(), std::int64_t{0});
        QVERIFY2(books.charged >= books.billed, text(books).constData());
    }

    /// Killed at many times under load: in mid-stream, between hold and dispatch, between dispatch
    /// and settle. After each restart the books cover the provider's bill and nothing stays held.
    void killsUnderLoadNeverLoseACharge()
    {
        constexpr int kills = 44;
        Home home;
        home.setSimLatencyPermille(30);
        auto first = Serving::start(home);
        QVERIFY(first != nullptr);
        const std::string key = first->key;
        onlyPool(home, QStringLiteral("all"), QStringLiteral("1000"));
        first.reset();
        headgate::Rng rng(20'260'101);
        for (int i = 0; i < kills; ++i) {
            QString why;
            auto serving = Serving::start(home, &why);
            QVERIFY2(serving != nullptr, qPrintable(why));
            warmUp(*serving, key);
            {
                const Traffic traffic(serving->port, key, 12, static_cast<std::uint64_t>(i) + 1);
                QTest::qWait(static_cast<int>(rng.between(1, 240)));
                serving->kill9();
            }
            const Books books = booksOf(home, QStringLiteral("all"));
            QVERIFY2(books.verified, text(books).constData());
            QVERIFY2(books.held.nano() == 0, text(books).constData());
            QVERIFY2(books.charged >= books.billed, text(books).constData());
            QVERIFY2(books.charged <= books.cap, text(books).constData());
        }
        const Books books = booksOf(home, QStringLiteral("all"));
        QVERIFY2(books.billed.nano() > 0, text(books).constData());
        qInfo("%d kills: %s", kills, text(books).constData());
        const auto last = Serving::start(home);
        QVERIFY(last != nullptr);
        QCOMPARE(post(last->port, key, chatBody("auto", "x", 5)).status, 200);
    }

    /// The same under a cap that is nearly used up: recovery must not open room that is spent.
    void killsUnderATightCapNeverOverspend()
    {
        constexpr int kills = 10;
        Home home;
        home.setSimLatencyPermille(30);
        auto first = Serving::start(home);
        QVERIFY(first != nullptr);
        const std::string key = first->key;
        onlyPool(home, QStringLiteral("tight"), QStringLiteral("0.004"));
        first.reset();
        headgate::Rng rng(7);
        for (int i = 0; i < kills; ++i) {
            auto serving = Serving::start(home);
            QVERIFY(serving != nullptr);
            warmUp(*serving, key);
            {
                const Traffic traffic(serving->port, key, 8, static_cast<std::uint64_t>(i) + 100);
                QTest::qWait(static_cast<int>(rng.between(1, 150)));
                serving->kill9();
            }
            const Books books = booksOf(home, QStringLiteral("tight"));
            QVERIFY2(books.verified, text(books).constData());
            QVERIFY2(books.billed <= books.cap, text(books).constData());
            QVERIFY2(books.charged >= books.billed, text(books).constData());
            QVERIFY2(books.held.nano() == 0, text(books).constData());
        }
    }
};

QTEST_GUILESS_MAIN(TestCliKill)
#include "tst_cli_kill.moc"
