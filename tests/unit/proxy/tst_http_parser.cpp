// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/http_parser.h"

#include <QTest>

using namespace headgate;
using namespace headgate::proxy;

class TestHttpParser : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badHeads_data();
    void badHeads();
    void requestInAnySlices();
    void lastChunkInPieces();
    void trailersAreNotHeaders();
    void responseInAnySlices_data();
    void responseInAnySlices();
    void responseEnds();
};

void TestHttpParser::badHeads_data()
{
    QTest::addColumn<QByteArray>("head");
    QTest::newRow("folded") << QByteArray("GET / HTTP/1.1\r\na: 1\r\n b\r\n\r\n");
    QTest::newRow("bare LF") << QByteArray("GET / HTTP/1.1\r\na: 1\nb: 2\r\n\r\n");
    QTest::newRow("NUL") << QByteArray("GET / HTTP/1.1\r\na: \0\r\n\r\n", 24);
    QTest::newRow("two lengths") << QByteArray(
        "POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n");
    QTest::newRow("both") << QByteArray(
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n");
    QTest::newRow("identity") << QByteArray(
        "POST / HTTP/1.1\r\ntransfer-encoding: identity\r\n\r\n");
    QTest::newRow("too many") << "GET / HTTP/1.1\r\n" + QByteArray("a: 1\r\n").repeated(101)
            + "\r\n";
}

void TestHttpParser::badHeads()
{
    QFETCH(QByteArray, head);
    RequestParser parser;
    auto in = head.toStdString();
    const auto state = parser.feed(in);
    QVERIFY(!state);
    QCOMPARE(state.error().code, ErrorCode::InvalidArgument);
}

void TestHttpParser::requestInAnySlices()
{
    const std::string bytes
        = "POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nX-Long:  v w \r\n"
          "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1;ext=1\r\nd\r\n0\r\n\r\nGET";
    for (std::size_t slice = 1; slice < bytes.size(); ++slice) {
        RequestParser parser;
        std::string in;
        auto state = RequestParser::State::NeedMore;
        for (std::size_t at = 0; at < bytes.size(); at += slice) {
            in += bytes.substr(at, slice);
            while (state != RequestParser::State::Done) {
                const auto before = state;
                const auto fed = parser.feed(in);
                QVERIFY(fed);
                state = *fed;
                if (state == before || state == RequestParser::State::NeedMore) {
                    break;
                }
            }
        }
        QCOMPARE(state, RequestParser::State::Done);
        QCOMPARE(parser.body(), std::string("abcd"));
        QCOMPARE(std::string(parser.head().header("x-long")), std::string("v w"));
        QCOMPARE(std::string(parser.head().target), std::string("/v1/x?y=1"));
        QCOMPARE(in, std::string("GET")); // the next request is left alone
    }
}

// Beast asserts when the last chunk's line comes first and less than its whole rest after it.
void TestHttpParser::lastChunkInPieces()
{
    const std::string encoding = "transfer-encoding: chunked\r\n\r\n";
    for (const std::string before : {"", "1\r\na\r\n"}) {
        RequestParser request;
        std::string in = "POST / HTTP/1.1\r\n" + encoding;
        QVERIFY(request.feed(in));
        ResponseParser response;
        std::string answer = "HTTP/1.1 200 OK\r\n" + encoding + before + "0\r\n";
        std::string body;
        QVERIFY(response.feed(answer, body));
        for (const std::string& piece : {before + "0\r\n", std::string("\r")}) {
            in += piece;
            const auto state = request.feed(in);
            QVERIFY(state && *state == RequestParser::State::NeedMore);
        }
        answer += "\r";
        QVERIFY(response.feed(answer, body) && !response.done());
        in += "\n";
        answer += "\n";
        const auto state = request.feed(in);
        QVERIFY(state && *state == RequestParser::State::Done);
        QVERIFY(response.feed(answer, body) && response.done());
        QCOMPARE(request.body(), std::string(before.empty() ? "" : "a"));
        QCOMPARE(body, request.body());
    }
}

void TestHttpParser::trailersAreNotHeaders()
{
    RequestParser parser;
    std::string in
        = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-api-key: k\r\n\r\n";
    QCOMPARE(*parser.feed(in), RequestParser::State::HeadDone);
    QCOMPARE(*parser.feed(in), RequestParser::State::Done);
    QVERIFY(parser.head().header("x-api-key").empty());
}

void TestHttpParser::responseInAnySlices_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("length") << QByteArray("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    QTest::newRow("chunked") << QByteArray(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
    QTest::newRow("interim") << QByteArray(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
}

void TestHttpParser::responseInAnySlices()
{
    QFETCH(QByteArray, bytes);
    const auto text = bytes.toStdString();
    for (std::size_t slice = 1; slice <= text.size(); ++slice) {
        ResponseParser parser;
        std::string in;
        std::string body;
        for (std::size_t at = 0; at < text.size(); at += slice) {
            in += text.substr(at, slice);
            QVERIFY(parser.feed(in, body));
        }
        QVERIFY(parser.done());
        QVERIFY(parser.keepAlive());
        QCOMPARE(parser.status(), 200);
        QCOMPARE(body, std::string("hello"));
    }
}

void TestHttpParser::responseEnds()
{
    ResponseParser untilClose;
    std::string in = "HTTP/1.1 200 OK\r\n\r\nhel";
    std::string body;
    QVERIFY(untilClose.feed(in, body));
    QVERIFY(!untilClose.done());
    QVERIFY(untilClose.feedEnd());
    QVERIFY(!untilClose.keepAlive());
    ResponseParser cut;
    in = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel";
    QVERIFY(cut.feed(in, body));
    QVERIFY(!cut.feedEnd());
    ResponseParser noHead;
    in = "HTTP/1.1 200";
    QVERIFY(noHead.feed(in, body));
    QVERIFY(!noHead.feedEnd());
}

QTEST_GUILESS_MAIN(TestHttpParser)
#include "tst_http_parser.moc"
