// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/money.h"

#include "core/base/rng.h"

#include <QtTest>

#include <limits>

using namespace headgate;

namespace {

constexpr std::int64_t int64Max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t int64Min = std::numeric_limits<std::int64_t>::min();

std::string textOf(const QByteArray& bytes)
{
    return bytes.toStdString();
}

} // namespace

class TestMoney : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badAmountsAreRefused_data()
    {
        QTest::addColumn<QByteArray>("text");
        for (const char* text : {"", " ", "$", "-", "c", ".", "-.", "abc", "1e3", "0x10", "1.2.3",
                 "--5", "+-5", "5-", "5 000", "1,5", "1,23", ",123", "1234,567", "12345,678",
                 "1,234,56", "1,,234", "1,2345", "5.0000000001", "0.00000000001c", "NaN", "inf",
                 "$5c", "5$", "5\n", "5\xC2\xA0",
                 "\xE2\x82\xAC"
                 "5",
                 "99999999999", "9223372036.854775808",
                 "999999999999999999999999999999999999999999999999"}) {
            QTest::newRow(text) << QByteArray(text);
        }
        QTest::newRow("a zero byte") << QByteArray("5\0", 2);
    }
    void badAmountsAreRefused()
    {
        QFETCH(QByteArray, text);
        const Result<Money> money = Money::parse(textOf(text));
        QVERIFY(!money);
        QVERIFY(!money.error().message.empty());
        QVERIFY(!money.error().remedy.empty());
    }

    void badPricesAreRefused_data()
    {
        QTest::addColumn<QByteArray>("text");
        for (const char* text :
            {"", "-1", "$", "1e-6", "0.0000001", "1.5c", "abc", "9223372036855", "1,5"}) {
            QTest::newRow(text) << QByteArray(text);
        }
    }
    void badPricesAreRefused()
    {
        QFETCH(QByteArray, text);
        QVERIFY(!Price::parsePerMillion(textOf(text)));
    }

    void amountsParse_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<qint64>("nano");
        QTest::newRow("whole") << QByteArray("5") << qint64(5'000'000'000);
        QTest::newRow("sign and spaces") << QByteArray(" $50.00\t") << qint64(50'000'000'000);
        QTest::newRow("smallest") << QByteArray("$0.000000001") << qint64(1);
        QTest::newRow("extra zeros") << QByteArray("1.0000000000000") << qint64(1'000'000'000);
        QTest::newRow("no integer part") << QByteArray(".5") << qint64(500'000'000);
        QTest::newRow("no fraction") << QByteArray("7.") << qint64(7'000'000'000);
        QTest::newRow("negative") << QByteArray("-1.5") << qint64(-1'500'000'000);
        QTest::newRow("thousands") << QByteArray("1,250.00") << qint64(1'250'000'000'000);
        QTest::newRow("millions") << QByteArray("$1,234,567.89") << qint64(1'234'567'890'000'000);
        QTest::newRow("cents") << QByteArray("0.5c") << qint64(5'000'000);
        QTest::newRow("cent sign") << QByteArray("12\xC2\xA2") << qint64(120'000'000);
        QTest::newRow("largest") << QByteArray("9223372036.854775807") << qint64(int64Max);
    }
    void amountsParse()
    {
        QFETCH(QByteArray, text);
        QFETCH(qint64, nano);
        const Result<Money> money = Money::parse(textOf(text));
        QVERIFY2(money.has_value(), money ? "" : money.error().message.c_str());
        QCOMPARE((*money).nano(), nano);
    }

    void decimalTextIsExactAndRoundTrips()
    {
        QCOMPARE(Money::fromNano(0).toDecimal(), std::string("0.00"));
        QCOMPARE(Money::fromNano(42).toDecimal(), std::string("0.000000042"));
        QCOMPARE(Money::fromNano(-1'500'000'000).toDecimal(), std::string("-1.50"));
        QCOMPARE(Money::fromNano(int64Min).toDecimal(), std::string("-9223372036.854775808"));
        QCOMPARE(Price::fromPico(150'000).toPerMillion(), std::string("0.15"));
        QCOMPARE(Price::fromPico(2'500).toPerMillion(), std::string("0.0025"));
        Rng rng(1);
        for (int i = 0; i < 20'000; ++i) {
            const auto raw = static_cast<std::int64_t>(rng.next()) >> rng.below(64);
            const Money money = Money::fromNano(raw == int64Min ? 0 : raw);
            QCOMPARE(Money::parse(money.toDecimal()).value(), money);
            const Price price = Price::fromPico(raw < 0 ? ~raw : raw);
            QCOMPARE(Price::parsePerMillion(price.toPerMillion()).value(), price);
        }
    }

    void displayIsShort_data()
    {
        QTest::addColumn<qint64>("nano");
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("zero") << qint64(0) << QByteArray("$0.00");
        QTest::newRow("one nano") << qint64(1) << QByteArray("$0.000000001");
        QTest::newRow("below a cent") << qint64(424'900) << QByteArray("$0.00042");
        QTest::newRow("rounds up to a cent") << qint64(9'999'999) << QByteArray("$0.01");
        QTest::newRow("a cent") << qint64(10'000'000) << QByteArray("$0.01");
        QTest::newRow("half up") << qint64(15'495'000'000) << QByteArray("$15.50");
        QTest::newRow("thousands") << qint64(1'234'567'890'000'000) << QByteArray("$1,234,567.89");
        QTest::newRow("hundreds") << qint64(999'990'000'000) << QByteArray("$999.99");
        QTest::newRow("carries into thousands")
            << qint64(999'999'000'000) << QByteArray("$1,000.00");
        QTest::newRow("negative") << qint64(-5'000'000'000) << QByteArray("-$5.00");
        QTest::newRow("smallest") << qint64(int64Min) << QByteArray("-$9,223,372,036.85");
    }
    void displayIsShort()
    {
        QFETCH(qint64, nano);
        QFETCH(QByteArray, text);
        QCOMPARE(Money::fromNano(nano).toDisplay(), textOf(text));
    }

    void overflowIsAnErrorNotAWrap()
    {
        const Money most = Money::fromNano(int64Max);
        const Money least = Money::fromNano(int64Min);
        const Money one = Money::fromNano(1);
        QCOMPARE(most.plus(one).error().code, ErrorCode::OutOfRange);
        QCOMPARE(least.minus(one).error().code, ErrorCode::OutOfRange);
        QCOMPARE(Money().minus(least).error().code, ErrorCode::OutOfRange);
        QCOMPARE(most.plusSaturated(one), most);
        QCOMPARE(least.plusSaturated(Money::fromNano(-1)), least);
        QCOMPARE(least.minusSaturated(one), least);
        QCOMPARE(Money().minusSaturated(least), most);
        QCOMPARE(most.plus(least).value(), Money::fromNano(-1));

        QCOMPARE(costOf(int64Max, Price::fromPico(int64Max)).error().code, ErrorCode::OutOfRange);
        QVERIFY(!costOf(-1, Price::fromPico(1)));
        QVERIFY(!costOf(1, Price::fromPico(-1)));
        CostSum sum;
        sum.add(Money::fromNano(-1));
        QVERIFY(!sum.total());
        CostSum wide;
        for (int i = 0; i < 10; ++i) {
            wide.add(int64Max, Price::fromPico(int64Max));
        }
        QVERIFY(!wide.total());
    }

    void sumsRoundUpOnce()
    {
        // Three parts of a third of a nano-dollar each: one nano-dollar, not three.
        CostSum sum;
        for (int i = 0; i < 3; ++i) {
            sum.add(1, Price::fromPico(333));
        }
        QCOMPARE(sum.total().value(), Money::fromNano(1));
        sum.add(1, Price::fromPico(2));
        QCOMPARE(sum.total().value(), Money::fromNano(2));
        QCOMPARE(costOf(0, Price::fromPico(5)).value(), Money());
        QCOMPARE(costOf(1, Price::fromPico(1)).value(), Money::fromNano(1));
        QCOMPARE(costOf(1'000'000, Price::parsePerMillion("2.50").value()).value(),
            Money::fromCents(250));
    }

    void affordableTokensNeverCostMore()
    {
        QCOMPARE(tokensAffordable(Money::fromNano(5), Price()), int64Max);
        QCOMPARE(tokensAffordable(Money::fromNano(-5), Price::fromPico(1)), 0);
        QCOMPARE(tokensAffordable(Money::fromNano(int64Max), Price::fromPico(1)), int64Max);
        Rng rng(2);
        for (int i = 0; i < 20'000; ++i) {
            const Money money = Money::fromNano(rng.between(0, 1'000'000'000'000));
            const Price price = Price::fromPico(rng.between(1, 100'000'000));
            const std::int64_t tokens = tokensAffordable(money, price);
            QVERIFY(costOf(tokens, price).value() <= money);
            QVERIFY(costOf(tokens + 1, price).value() > money);
        }
    }

    void mulDivRoundsUp()
    {
        QVERIFY(!mulDivUp(1, 1, 0));
        QVERIFY(!mulDivUp(-1, 1, 1));
        QVERIFY(!mulDivUp(int64Max, 2, 1));
        QCOMPARE(mulDivUp(7, 1, 2).value(), 4);
        QCOMPARE(mulDivUp(8, 1, 2).value(), 4);
        QCOMPARE(mulDivUp(int64Max, int64Max, int64Max).value(), int64Max);
    }
};

QTEST_GUILESS_MAIN(TestMoney)
#include "tst_money.moc"
