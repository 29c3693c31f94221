// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sim_provider.h"

#include "core/catalog/price_book.h"
#include "core/proxy/prompt_tokens.h"
#include "core/proxy/sim_bill.h"
#include "core/proxy/sim_text.h"
#include "core/tokens/tokens.h"

#include <QFile>
#include <QJsonDocument>
#include <QTemporaryDir>
#include <QTest>

using namespace headgate;
using namespace headgate::proxy;

namespace {

wire::RequestView requestFor(const char* text)
{
    wire::RequestView request;
    request.model = "sim-small";
    wire::Message message;
    message.text = text;
    request.messages.push_back(message);
    return request;
}

std::string joined(const std::vector<SimPiece>& pieces)
{
    std::string text;
    for (const auto& piece : pieces) {
        text += piece.text;
    }
    return text;
}

std::int64_t sum(const std::vector<SimPiece>& pieces)
{
    std::int64_t total = 0;
    for (const auto& piece : pieces) {
        total += piece.tokens;
    }
    return total;
}

std::string pathIn(const QTemporaryDir& dir)
{
    return dir.filePath(QStringLiteral("bill.log")).toStdString();
}

} // namespace

class TestSimProvider : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void piecesCountAsTheWhole_data();
    void piecesCountAsTheWhole();
    void answersAreDeterministic();
    void lengths();
    void billRoundsOnce();
    void tornLines();
    void missingAndUnwritable();
    void resetWhileRunning();
    void promptFormula();
};

void TestSimProvider::piecesCountAsTheWhole_data()
{
    QTest::addColumn<QString>("prompt");
    QTest::newRow("general") << QStringLiteral("Tell me about budgets.");
    QTest::newRow("code") << QStringLiteral("Write a function that adds rows.");
    QTest::newRow("summary") << QStringLiteral("Summarise the meeting.");
    QTest::newRow("reasoning") << QStringLiteral("Prove it step by step.");
}

void TestSimProvider::piecesCountAsTheWhole()
{
    QFETCH(QString, prompt);
    const auto request = requestFor(prompt.toUtf8().constData());
    for (const std::int64_t wanted : {1, 2, 7, 16, 50, 133, 400, 1'000}) {
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
            const auto answer = makeSimAnswer(request, seed, wanted);
            QCOMPARE(sum(answer.pieces), wanted);
            QCOMPARE(tokens::countText("o200k_base", joined(answer.pieces)).tokens, wanted);
        }
    }
}

void TestSimProvider::answersAreDeterministic()
{
    const auto request = requestFor("Tell me about budgets.");
    QCOMPARE(
        joined(makeSimAnswer(request, 3, 80).pieces), joined(makeSimAnswer(request, 3, 80).pieces));
    QVERIFY(joined(makeSimAnswer(request, 3, 80).pieces)
        != joined(makeSimAnswer(request, 4, 80).pieces));
    QCOMPARE(simAnswerLength(request, 1, 9), simAnswerLength(request, 1, 9));
}

void TestSimProvider::lengths()
{
    const auto request = requestFor("Tell me about budgets.");
    std::int64_t small = 0;
    std::int64_t large = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        const auto length = simAnswerLength(request, 1, seed * 7'919);
        QVERIFY(length >= 20 && length <= 400);
        small += length;
        large += simAnswerLength(request, 3, seed * 7'919);
    }
    QVERIFY(large > small);
}

void TestSimProvider::billRoundsOnce()
{
    QTemporaryDir dir;
    auto book = BillBook::open(pathIn(dir));
    QVERIFY(book);
    catalog::PriceSheet sheet;
    sheet.input = Price::fromPico(1); // a thousandth of a nano-dollar
    sheet.output = Price::fromPico(1);
    CallBill bill(*(*book)->current(), "c-1", "sim-small");
    QVERIFY(bill.chargeInput(1, sheet));
    for (int i = 0; i < 999; ++i) {
        QVERIFY(bill.chargeOutput(1, sheet));
    }
    auto read = readSimBill(pathIn(dir));
    QCOMPARE(read->total.nano(), 1); // 1,000 pieces, one whole
    QCOMPARE(read->outputTokens, 999);
    QCOMPARE(read->requests, 1);
    QVERIFY(bill.chargeOutput(1, sheet));
    read = readSimBill(pathIn(dir));
    QCOMPARE(read->total.nano(), 2);
    QCOMPARE(read->byModel.at("sim-small").nano(), 2);
}

void TestSimProvider::tornLines()
{
    QTemporaryDir dir;
    QFile file(QString::fromStdString(pathIn(dir)));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("1 c-1 sim-small in 10 500\ngarbage\n2 c-1 sim-small out 5 70");
    file.close();
    QCOMPARE(readSimBill(pathIn(dir))->total.nano(), 500);
    {
        auto book = BillBook::open(pathIn(dir)); // ends the torn line
        CallBill bill(*(*book)->current(), "c-2", "sim-small");
        catalog::PriceSheet sheet;
        sheet.input = Price::fromPico(1'000);
        QVERIFY(bill.chargeInput(3, sheet));
    }
    QCOMPARE(readSimBill(pathIn(dir))->requests, 2);
    QVERIFY(readSimBill(pathIn(dir))->total.nano() >= 503);
}

void TestSimProvider::missingAndUnwritable()
{
    QTemporaryDir dir;
    QVERIFY(readSimBill(pathIn(dir)));
    QCOMPARE(readSimBill(pathIn(dir))->requests, 0);
    SimOptions options;
    options.billPath = dir.path().toStdString() + "/none/bill.log";
    const auto opened = SimProvider::open(options);
    QVERIFY(!opened);
    QVERIFY(!opened.error().remedy.empty());
}

void TestSimProvider::resetWhileRunning()
{
    QTemporaryDir dir;
    auto book = BillBook::open(pathIn(dir));
    catalog::PriceSheet sheet;
    sheet.input = Price::fromPico(1'000);
    CallBill before(*(*book)->current(), "c-1", "sim-small");
    QVERIFY(before.chargeInput(5, sheet));
    QVERIFY(resetSimBill(pathIn(dir)));
    QCOMPARE(readSimBill(pathIn(dir))->total.nano(), 0);
    CallBill after(*(*book)->current(), "c-2", "sim-small"); // the same running program
    QVERIFY(after.chargeInput(7, sheet));
    QCOMPARE(readSimBill(pathIn(dir))->total.nano(), 7);
    QCOMPARE(QDir(dir.path()).entryList(QDir::Files).size(), 2);
}

void TestSimProvider::promptFormula()
{
    auto request = requestFor("hello world");
    QCOMPARE(promptTokensAtMost(request, "o200k_base", 85), 3 + 3 + 2);
    request.messages[0].hasName = true;
    request.messages[0].imageParts = 2;
    QCOMPARE(promptTokensAtMost(request, "o200k_base", 85), 3 + 3 + 2 + 1 + 170);
    request.toolsText = "hello world";
    request.messages[0].toolCallText = "hello";
    QCOMPARE(promptTokensAtMost(request, "o200k_base", 0), 3 + 3 + 2 + 1 + 2 + 1);
}

QTEST_GUILESS_MAIN(TestSimProvider)
#include "tst_sim_provider.moc"
