// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "core/wire/embeddings.h"

using namespace headgate;
using namespace headgate::wire;

class TestEmbeddings : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void refuses_data();
    void refuses();
    void reads_data();
    void reads();
    void editsOnlyWhatItMust();
    void metersAnswers();
    void survivesOddAnswers();
};

void TestEmbeddings::refuses_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("empty") << QByteArray("") << QByteArray("empty");
    QTest::newRow("array") << QByteArray("[]") << QByteArray("must be a JSON object");
    QTest::newRow("no model") << QByteArray("{\"input\":\"a\"}") << QByteArray("model is missing");
    QTest::newRow("no input") << QByteArray("{\"model\":\"m\"}") << QByteArray("input is missing");
    QTest::newRow("model number") << QByteArray("{\"model\":1,\"input\":\"a\"}")
                                  << QByteArray("model must be");
    QTest::newRow("input number") << QByteArray("{\"model\":\"m\",\"input\":1}")
                                  << QByteArray("input must be");
    QTest::newRow("input object") << QByteArray("{\"model\":\"m\",\"input\":[{}]}")
                                  << QByteArray("input must be");
    QTest::newRow("mixed") << QByteArray("{\"model\":\"m\",\"input\":[\"a\",1]}")
                           << QByteArray("input must be");
    QTest::newRow("mixed the other way")
        << QByteArray("{\"model\":\"m\",\"input\":[1,\"a\"]}") << QByteArray("input must be");
    QTest::newRow("half tokens") << QByteArray("{\"model\":\"m\",\"input\":[1.5]}")
                                 << QByteArray("input must be");
    QTest::newRow("text in tokens")
        << QByteArray("{\"model\":\"m\",\"input\":[[1,\"a\"]]}") << QByteArray("input must be");
    QTest::newRow("negative tokens")
        << QByteArray("{\"model\":\"m\",\"input\":[[-1]]}") << QByteArray("input must be");
    QTest::newRow("model twice") << QByteArray("{\"model\":\"m\",\"model\":\"n\",\"input\":\"a\"}")
                                 << QByteArray("model must be given only once");
    QTest::newRow("input twice") << QByteArray("{\"model\":\"m\",\"input\":\"a\",\"input\":\"b\"}")
                                 << QByteArray("input must be given only once");
    QTest::newRow("dimensions") << QByteArray("{\"model\":\"m\",\"input\":\"a\",\"dimensions\":0}")
                                << QByteArray("dimensions must be");
    QTest::newRow("cut") << QByteArray("{\"model\":\"m\",\"input\":[\"a\"")
                         << QByteArray("not valid JSON");
}

void TestEmbeddings::refuses()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, says);
    const Result<RequestView> view = readEmbeddings(body.toStdString());
    QVERIFY(!view);
    QVERIFY2(view.error().message.find(says.toStdString()) != std::string::npos,
        view.error().message.c_str());
}

void TestEmbeddings::reads_data()
{
    QTest::addColumn<QByteArray>("input");
    QTest::addColumn<int>("texts");
    QTest::addColumn<int>("tokens");
    QTest::newRow("text") << QByteArray("\"hello\"") << 1 << 0;
    QTest::newRow("texts") << QByteArray("[\"a\",\"b\"]") << 2 << 0;
    QTest::newRow("tokens") << QByteArray("[1,2,3]") << 1 << 3;
    QTest::newRow("lists of tokens") << QByteArray("[[1,2],[3]]") << 2 << 3;
    QTest::newRow("none") << QByteArray("[]") << 0 << 0;
}

void TestEmbeddings::reads()
{
    QFETCH(QByteArray, input);
    QFETCH(int, texts);
    QFETCH(int, tokens);
    const std::string body = "{\"encoding_format\":\"base64\",\"input\":" + input.toStdString()
        + ",\"model\":\"e-1\",\"dimensions\":256,\"user\":\"ann\",\"new\":[1,{}]}";
    const Result<RequestView> view = readEmbeddings(body);
    QVERIFY(view);
    QCOMPARE(view->model, std::string("e-1"));
    QCOMPARE(view->user, std::string("ann"));
    QCOMPARE(static_cast<int>(view->messages.size()), texts);
    QCOMPARE(view->rawTokens, std::int64_t(tokens));
    QCOMPARE(editEmbeddings(body, *view, "e-1"), body);
}

void TestEmbeddings::editsOnlyWhatItMust()
{
    const std::string body
        = "{ \"api_key\":\"x\", \"model\" : \"e-1\",\"api_base\":\"http://evil\","
          " \"input\":[\"\\u00e4\" ],  \"later\": 1.50 }";
    const Result<RequestView> view = readEmbeddings(body);
    QVERIFY(view);
    QCOMPARE(editEmbeddings(body, *view, "e-\"2"),
        std::string("{ \"model\" : \"e-\\\"2\", \"input\":[\"\\u00e4\" ],  \"later\": 1.50 }"));
}

void TestEmbeddings::metersAnswers()
{
    const Result<AnswerFacts> facts = readEmbeddingsAnswer(
        "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":\"AAAA\"}],"
        "\"model\":\"e-1-x\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
    QVERIFY(facts);
    QVERIFY(facts->done && facts->error.empty() && facts->usage.has_value());
    QCOMPARE(facts->usage->inputTotal(), std::int64_t(8));
    QCOMPARE(facts->usage->output, std::int64_t(0));
    QCOMPARE(facts->model, std::string("e-1-x"));
}

void TestEmbeddings::survivesOddAnswers()
{
    QVERIFY(!readEmbeddingsAnswer("[]"));
    QVERIFY(!readEmbeddingsAnswer("{\"data\":[}"));
    Result<AnswerFacts> facts = readEmbeddingsAnswer("{\"usage\":7,\"model\":null}");
    QVERIFY(facts && !facts->usage);
    facts = readEmbeddingsAnswer("{\"error\":{\"message\":\"no\",\"code\":1}}");
    QVERIFY(facts && facts->error == "no");
    facts = readEmbeddingsAnswer("{\"error\":\"plain\"}");
    QVERIFY(facts && facts->error == "plain");
}

QTEST_GUILESS_MAIN(TestEmbeddings)
#include "tst_embeddings.moc"
