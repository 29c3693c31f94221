// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/log.h"
#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/base/secret.h"

#include <QtTest>

#include <QTemporaryDir>

#include <fstream>
#include <set>
#include <sstream>
#include <type_traits>

using namespace headgate;

class TestSecret : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void keysAreRedacted_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("secret");
        const auto row = [](const char* name, const char* text, const char* secret) {
            QTest::newRow(name) << QByteArray(text) << QByteArray(secret);
        };
        row("openai", "key sk-proj-abcDEF123456 refused", "abcDEF123456");
        row("own", "hg-0123456789abcdef", "0123456789abcdef");
        row("bearer", "Authorization: Bearer abcdefghijkl", "abcdefghijkl");
        row("bearer in base64", "Bearer abcd+efgh/ijklmn==", "ijklmn");
        row("lower-case bearer", "authorization: bearer abcdefghijkl", "abcdefghijkl");
        row("google in a query", "GET /v1?key=AIzaSyA1234567890&x=1", "SyA1234567890");
        row("header", "x-api-key: 0123456789", "0123456789");
        row("groq", "gsk_abcdefgh12345", "abcdefgh12345");
        row("in JSON", R"({"key":"sk-ant-api03-abcdefgh"})", "api03-abcdefgh");
        row("after an escape", R"("line\nsk-abcdefghijklm")", "abcdefghijklm");
        row("after a dot", "config.sk-abcdefghijklm", "abcdefghijklm");
        row("two of them", "sk-aaaaaaaaaaaa and sk-bbbbbbbbbbbb", "bbbbbbbbbbbb");
    }
    void keysAreRedacted()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, secret);
        const std::string shown = log::redacted(text.toStdString());
        QVERIFY2(shown.find(secret.toStdString()) == std::string::npos, shown.c_str());
        QVERIFY(shown.find("…") != std::string::npos);
    }

    void ordinaryTextStays()
    {
        for (const char* text : {"", "sk-learn", "a task-force of risk-takers met", "hg-",
                 "Bearer ", "pool team=search is empty", "https://example.com/a/b?c=d"}) {
            QCOMPARE(log::redacted(text), std::string(text));
        }
    }

    void logFileHoldsNoKey()
    {
        QTemporaryDir folder;
        const std::string path = folder.filePath(QStringLiteral("headgate.log")).toStdString();
        log::start(path, log::Level::Info, false);
        log::warning("provider said: {} is wrong", "sk-live-0123456789abcdef");
        log::stop();
        log::warning("after stop: {}", 1); // must not crash
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        QVERIFY(text.str().find("provider said: sk-…") != std::string::npos);
        QVERIFY(text.str().find("0123456789abcdef") == std::string::npos);
    }

    void secretsMoveAndNeverCopy()
    {
        static_assert(!std::is_copy_constructible_v<Secret>);
        static_assert(!std::is_copy_assignable_v<Secret>);
        static_assert(!std::is_convertible_v<Secret, std::string>);
        Secret first(std::string("sk-0123456789abcdef"));
        Secret second(std::move(first));
        QVERIFY(first.empty()); // wiped, not merely moved from
        QCOMPARE(second.reveal(), std::string("sk-0123456789abcdef"));
        QCOMPARE(second.hint(), std::string("…cdef"));
        QCOMPARE(second.clone().reveal(), second.reveal());
        Secret third;
        third = std::move(second);
        QVERIFY(second.empty());
        QCOMPARE(third.reveal(), std::string("sk-0123456789abcdef"));
        QCOMPARE(Secret(std::string("short")).hint(), std::string("…")); // too short to show a part
    }

    void hashesAndRandomness()
    {
        // BLAKE2b-256 of "abc".
        QCOMPARE(strongHashHex("abc"),
            std::string("bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"));
        QVERIFY(strongHashHex("a") != strongHashHex("b"));
        QVERIFY(equalConstantTime("", ""));
        QVERIFY(equalConstantTime("key", "key"));
        QVERIFY(!equalConstantTime("key", "kez"));
        QVERIFY(!equalConstantTime("key", "key1"));
        QCOMPARE(randomHex(32).size(), std::size_t{64});
        QVERIFY(randomHex(16) != randomHex(16));
        QVERIFY(randomHex(0).empty());
    }

    void randomNumbersAreReproducible()
    {
        // The reference values of SplitMix64 for seed 0.
        Rng reference(0);
        QCOMPARE(reference.next(), std::uint64_t{0xE220A8397B1DCDAFULL});
        QCOMPARE(reference.next(), std::uint64_t{0x6E789E6AA1B965F4ULL});
        Rng a(7);
        Rng b(7);
        std::set<std::int64_t> seen;
        for (int i = 0; i < 10'000; ++i) {
            const std::int64_t value = a.between(-3, 3);
            QCOMPARE(b.between(-3, 3), value);
            QVERIFY(value >= -3 && value <= 3);
            seen.insert(value);
        }
        QCOMPARE(seen.size(), std::size_t{7});
        int hits = 0;
        for (int i = 0; i < 100'000; ++i) {
            hits += a.chancePermille(250) ? 1 : 0;
        }
        QVERIFY(hits > 24'000 && hits < 26'000);
        QVERIFY(!a.chancePermille(0));
        QVERIFY(a.chancePermille(1000));
    }

    void errorsNameThemselves()
    {
        const Error error(ErrorCode::Refused, "The pool is empty.", "Raise its cap.");
        QCOMPARE(error.text(), std::string("The pool is empty. Raise its cap."));
        QCOMPARE(std::string(errorCodeName(ErrorCode::InvalidArgument)),
            std::string("invalid_argument"));
        QVERIFY_EXCEPTION_THROWN((void)Result<int>(error).value(), std::exception);
    }
};

QTEST_GUILESS_MAIN(TestSecret)
#include "tst_secret.moc"
