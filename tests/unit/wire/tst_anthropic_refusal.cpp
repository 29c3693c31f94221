// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "anthropic_testing.h"

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::testing;
namespace json = boost::json;

namespace {

std::string headerOf(const RefusalReply& reply, std::string_view name)
{
    for (const auto& [key, value] : reply.headers) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

} // namespace

class TestAnthropicRefusal : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void shapes_data();
    void shapes();
    void capNamesItself();
    void hostileTextStaysJson();
    void streamErrorIsAnEvent();
    void readsErrors_data();
    void readsErrors();
    void writesErrors_data();
    void writesErrors();
};

void TestAnthropicRefusal::shapes_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<bool>("stops");
    const auto row
        = [](const char* name, RefusalKind kind, int status, const char* type, bool stops) {
              QTest::newRow(name) << static_cast<int>(kind) << status << QByteArray(type) << stops;
          };
    row("cap", RefusalKind::BudgetExceeded, 402, "billing_error", true);
    row("in flight", RefusalKind::BudgetInFlight, 429, "rate_limit_error", false);
    row("loop", RefusalKind::LoopDetected, 400, "invalid_request_error", true);
    row("bad", RefusalKind::BadRequest, 400, "invalid_request_error", true);
    row("key", RefusalKind::Unauthorized, 401, "authentication_error", true);
    row("forbidden", RefusalKind::Forbidden, 403, "permission_error", true);
    row("not found", RefusalKind::NotFound, 404, "not_found_error", true);
    row("method", RefusalKind::MethodNotAllowed, 405, "invalid_request_error", true);
    row("too large", RefusalKind::TooLarge, 413, "request_too_large", true);
    row("media", RefusalKind::UnsupportedMedia, 415, "invalid_request_error", true);
    row("host", RefusalKind::Misdirected, 421, "invalid_request_error", true);
    row("unpriced", RefusalKind::Unpriced, 400, "invalid_request_error", true);
    row("no model", RefusalKind::NoCapableModel, 400, "invalid_request_error", true);
    row("paused", RefusalKind::Paused, 503, "api_error", true);
    row("full", RefusalKind::Overloaded, 529, "overloaded_error", false);
    row("ledger", RefusalKind::LedgerUnavailable, 503, "api_error", true);
    row("upstream", RefusalKind::UpstreamFailed, 502, "api_error", true);
    row("timeout", RefusalKind::UpstreamTimeout, 504, "timeout_error", true);
    row("internal", RefusalKind::Internal, 500, "api_error", true);
}

void TestAnthropicRefusal::shapes()
{
    QFETCH(int, kind);
    QFETCH(int, status);
    QFETCH(QByteArray, type);
    QFETCH(bool, stops);
    Refusal refusal;
    refusal.kind = static_cast<RefusalKind>(kind);
    refusal.message = "Because. Do not try again: rate limit, overloaded.";
    refusal.retryAfterSeconds = 3;
    const RefusalReply reply = anthropicCodec().writeRefusal(refusal);
    const json::value body = parsed(reply.body);
    QCOMPARE(reply.status, status);
    QVERIFY(body.at("type") == json::value("error"));
    QVERIFY(body.at("error").at("type") == json::value(type.toStdString()));
    QVERIFY(body.at("error").at("details").as_object().contains("code"));
    QVERIFY(body.as_object().contains("request_id"));
    QCOMPARE(headerOf(reply, "x-should-retry") == "false", stops);
    const std::string message(body.at("error").at("message").as_string());
    for (const char* const word : {"try again", "rate limit", "overloaded"}) {
        QVERIFY2(message.find(word) == std::string::npos, message.c_str());
    }
}

void TestAnthropicRefusal::capNamesItself()
{
    ledger::Denial denial;
    denial.reason = ledger::DenialReason::CapReached;
    denial.poolName = "search-day";
    denial.cap = Money::fromCents(500);
    denial.settled = Money::fromCents(499);
    denial.asked = Money::fromCents(3);
    Refusal refusal = refusalFor(denial, "claude-haiku-4-5");
    refusal.requestId = "d-1";
    refusal.param = "max_tokens";
    const RefusalReply reply = anthropicCodec().writeRefusal(refusal);
    QVERIFY(headerOf(reply, "retry-after").empty());
    const json::value body = parsed(reply.body);
    QVERIFY(body.at("request_id") == json::value("d-1"));
    const json::value& details = body.at("error").at("details");
    QVERIFY(details.at("code") == json::value("budget_exceeded"));
    QVERIFY(details.at("param") == json::value("max_tokens"));
    QVERIFY(details.at("pool") == json::value("search-day"));
    QVERIFY(details.at("cap_usd") == json::value("5.00"));
    QVERIFY(details.as_object().contains("cheaper_model"));
}

void TestAnthropicRefusal::hostileTextStaysJson()
{
    Refusal refusal;
    refusal.message = std::string("\"}\n\ndata: x\xFF") + std::string(10'000, 'a');
    refusal.metadata = {{"pool", "\xC3("}};
    const std::string out = anthropicCodec().writeStreamError(refusal);
    QVERIFY(out.size() < 3'000);
    QCOMPARE(std::count(out.begin(), out.end(), '\n'), 3); // only those that end the event
    QVERIFY(parsed(out.substr(19)).is_object());
}

void TestAnthropicRefusal::streamErrorIsAnEvent()
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetExceeded;
    refusal.message = "Budget cap reached.";
    const std::string out = anthropicCodec().writeStreamError(refusal);
    QCOMPARE(out.substr(0, 19), std::string("event: error\ndata: "));
    QCOMPARE(out.substr(out.size() - 2), std::string("\n\n"));
    QCOMPARE(out.find("[DONE]"), std::string::npos);
}

void TestAnthropicRefusal::readsErrors_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("type");
    QTest::newRow("html") << QByteArray("<html>\x01oops") << QByteArray("<html> oops")
                          << QByteArray();
    QTest::newRow("empty") << QByteArray() << QByteArray() << QByteArray();
    QTest::newRow("own") << QByteArray(
        "{'type':'error','error':{'type':'not_found_error','message':'model: x'}}")
                         << QByteArray("model: x") << QByteArray("not_found_error");
    QTest::newRow("flat") << QByteArray("{'message':'no','type':'t'}") << QByteArray("no")
                          << QByteArray("t");
    QTest::newRow("word") << QByteArray("{'error':'denied'}") << QByteArray("denied")
                          << QByteArray();
    QTest::newRow("other JSON") << QByteArray("[1]") << QByteArray("[1]") << QByteArray();
}

void TestAnthropicRefusal::readsErrors()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, type);
    const ErrorText error = anthropicCodec().readError(js(body.toStdString()));
    QCOMPARE(QByteArray::fromStdString(error.message), message);
    QCOMPARE(QByteArray::fromStdString(error.type), type);
}

void TestAnthropicRefusal::writesErrors_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("given");
    QTest::addColumn<QByteArray>("type");
    QTest::newRow("own word") << 400 << QByteArray("billing_error") << QByteArray("billing_error");
    QTest::newRow("OpenAI's") << 429 << QByteArray("insufficient_quota")
                              << QByteArray("rate_limit_error");
    QTest::newRow("no word") << 403 << QByteArray() << QByteArray("permission_error");
    QTest::newRow("odd 4xx") << 418 << QByteArray() << QByteArray("invalid_request_error");
    QTest::newRow("odd 5xx") << 599 << QByteArray() << QByteArray("api_error");
}

void TestAnthropicRefusal::writesErrors()
{
    QFETCH(int, status);
    QFETCH(QByteArray, given);
    QFETCH(QByteArray, type);
    ErrorText error;
    error.type = given.toStdString();
    const json::value body = parsed(anthropicCodec().writeError(status, error));
    QVERIFY(body.at("error").at("type") == json::value(type.toStdString()));
    QVERIFY(!body.at("error").at("message").as_string().empty());
}

QTEST_APPLESS_MAIN(TestAnthropicRefusal)
#include "tst_anthropic_refusal.moc"
