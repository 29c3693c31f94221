// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/refusal.h"

#include <QTest>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <optional>
#include <string>

using namespace headgate;
using namespace headgate::wire;
namespace json = boost::json;

namespace {

std::optional<std::string> header(const RefusalReply& reply, std::string_view name)
{
    for (const auto& [key, value] : reply.headers) {
        if (key == name) {
            return value;
        }
    }
    return std::nullopt;
}

ledger::Denial denial()
{
    ledger::Denial out;
    out.poolName = "search-day";
    out.accountValue = "search";
    out.cap = Money::fromCents(500);
    out.settled = Money::fromCents(498);
    out.held = Money::fromCents(1);
    out.asked = Money::fromCents(3);
    out.resetsAtUs = 1'795'302'000'000'000;
    out.zone = "Europe/Berlin";
    return out;
}

std::string messageOf(const RefusalReply& reply)
{
    return std::string(json::parse(reply.body).at("error").at("message").as_string());
}

bool hasRetryWords(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
        [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text.find("try again") != std::string::npos
        || text.find("rate limit") != std::string::npos
        || text.find("overloaded") != std::string::npos;
}

} // namespace

class TestRefusal : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void shapes_data();
    void shapes();
    void hostileTextStaysJson();
    void retryWordsStayOut();
    void retryAfterIsBounded();
    void capMessageSaysAll();
    void denials_data();
    void denials();
    void streamErrorEndsTheStream();
};

void TestRefusal::shapes_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("code");
    QTest::addColumn<bool>("stops");
    const auto row = [](const char* code, RefusalKind kind, int status, bool stops) {
        QTest::newRow(code) << static_cast<int>(kind) << status << QByteArray(code) << stops;
    };
    row("budget_exceeded", RefusalKind::BudgetExceeded, 402, true);
    row("budget_in_flight", RefusalKind::BudgetInFlight, 429, false);
    row("invalid_request", RefusalKind::BadRequest, 400, true);
    row("invalid_api_key", RefusalKind::Unauthorized, 401, true);
    row("forbidden", RefusalKind::Forbidden, 403, true);
    row("not_found", RefusalKind::NotFound, 404, true);
    row("method_not_allowed", RefusalKind::MethodNotAllowed, 405, true);
    row("too_large", RefusalKind::TooLarge, 413, true);
    row("unsupported_media_type", RefusalKind::UnsupportedMedia, 415, true);
    row("misdirected_request", RefusalKind::Misdirected, 421, true);
    row("model_not_priced", RefusalKind::Unpriced, 400, true);
    row("no_capable_model", RefusalKind::NoCapableModel, 400, true);
    row("paused", RefusalKind::Paused, 503, true);
    row("too_many_in_flight", RefusalKind::Overloaded, 503, false);
    row("ledger_unavailable", RefusalKind::LedgerUnavailable, 503, true);
    row("upstream_failed", RefusalKind::UpstreamFailed, 502, true);
    row("upstream_timeout", RefusalKind::UpstreamTimeout, 504, true);
    row("internal_error", RefusalKind::Internal, 500, true);
}

void TestRefusal::shapes()
{
    QFETCH(int, kind);
    QFETCH(int, status);
    QFETCH(QByteArray, code);
    QFETCH(bool, stops);
    Refusal refusal;
    refusal.kind = static_cast<RefusalKind>(kind);
    refusal.message = "Something.";
    refusal.metadata = {{"pool", "p"}};
    const RefusalReply reply = writeChatRefusal(refusal);
    QCOMPARE(reply.status, status);
    const json::value error = json::parse(reply.body).at("error");
    QCOMPARE(QByteArray(error.at("code").as_string().c_str()), code);
    QVERIFY(error.at("param").is_null());
    QVERIFY(error.at("type").is_string());
    QCOMPARE(std::string(error.at("metadata").at("pool").as_string()), std::string("p"));
    QCOMPARE(header(reply, "x-should-retry").value_or("") == "false", stops);
    if (refusal.kind == RefusalKind::BudgetExceeded) {
        QCOMPARE(std::string(error.at("type").as_string()), std::string("insufficient_quota"));
        QVERIFY(!header(reply, "retry-after"));
    }
}

void TestRefusal::hostileTextStaysJson()
{
    Refusal refusal;
    refusal.message
        = std::string("a\"}\n\r\t\0\x7F\xFF\xC3\xED\xA0\x80\xE2\x82", 15) + std::string(5'000, 'x');
    refusal.param = "\"\xFF";
    refusal.metadata = {{"pool", "\xF0\x9F\x98"}};
    const RefusalReply reply = writeChatRefusal(refusal);
    const std::string message = messageOf(reply);
    QVERIFY(message.size() < 2'100);
    QVERIFY(message.starts_with("a\"}"));
    QVERIFY(std::none_of(message.begin(), message.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
    QVERIFY(!QString::fromUtf8(message.c_str()).contains(QChar::ReplacementCharacter));
}

void TestRefusal::retryWordsStayOut()
{
    Refusal refusal;
    refusal.kind = RefusalKind::UpstreamFailed;
    refusal.message
        = "Rate limit reached, server OVERLOADED, please Try Again. rate_limit_exceeded";
    QVERIFY(!hasRetryWords(messageOf(writeChatRefusal(refusal))));
    ledger::Denial named = denial();
    named.poolName = "rate limit try again overloaded";
    QVERIFY(!hasRetryWords(messageOf(writeChatRefusal(refusalFor(named, "")))));
}

void TestRefusal::retryAfterIsBounded()
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetInFlight;
    for (const auto& [given, sent] : {std::pair{-3, "1"}, {0, "1"}, {3, "3"}, {900, "5"}}) {
        refusal.retryAfterSeconds = given;
        QCOMPARE(header(writeChatRefusal(refusal), "retry-after").value_or(""), std::string(sent));
    }
    refusal.kind = RefusalKind::Overloaded;
    refusal.retryAfterSeconds = 900;
    QCOMPARE(header(writeChatRefusal(refusal), "retry-after").value_or(""), std::string("20"));
    refusal.kind = RefusalKind::BudgetExceeded;
    QVERIFY(!header(writeChatRefusal(refusal), "retry-after"));
}

void TestRefusal::capMessageSaysAll()
{
    const Refusal refusal = refusalFor(denial(), "sim/sim-small");
    QVERIFY(refusal.kind == RefusalKind::BudgetExceeded);
    for (const char* part : {"search-day", "search", "$4.98 used", "$0.01", "$5.00", "$0.03",
             "Europe/Berlin", "sim/sim-small", "max_tokens", "aise the cap"}) {
        QVERIFY2(refusal.message.find(part) != std::string::npos,
            (part + (": " + refusal.message)).c_str());
    }
    QVERIFY(!hasRetryWords(refusal.message));
    const auto value = [&](std::string_view name) {
        for (const auto& [key, text] : refusal.metadata) {
            if (key == name) {
                return text;
            }
        }
        return std::string("absent");
    };
    QCOMPARE(value("used_usd"), std::string("4.98"));
    QCOMPARE(value("held_usd"), std::string("0.01"));
    QCOMPARE(value("cap_usd"), std::string("5.00"));
    QCOMPARE(value("needed_usd"), std::string("0.03"));
    QVERIFY(value("resets_at").starts_with("2026-"));
    QCOMPARE(value("cheaper_model"), std::string("sim/sim-small"));
}

void TestRefusal::denials_data()
{
    QTest::addColumn<int>("reason");
    QTest::addColumn<int>("kind");
    const auto row = [](const char* name, ledger::DenialReason reason, RefusalKind kind) {
        QTest::newRow(name) << static_cast<int>(reason) << static_cast<int>(kind);
    };
    row("cap", ledger::DenialReason::CapReached, RefusalKind::BudgetExceeded);
    row("in flight", ledger::DenialReason::InFlight, RefusalKind::BudgetInFlight);
    row("frozen", ledger::DenialReason::Frozen, RefusalKind::BudgetExceeded);
    row("request", ledger::DenialReason::RequestCeiling, RefusalKind::BudgetExceeded);
    row("ledger", ledger::DenialReason::LedgerUnavailable, RefusalKind::LedgerUnavailable);
    row("duplicate", ledger::DenialReason::Duplicate, RefusalKind::BadRequest);
}

void TestRefusal::denials()
{
    QFETCH(int, reason);
    QFETCH(int, kind);
    for (const char* cheaper : {"", "sim/sim-small"}) {
        ledger::Denial asked = denial();
        asked.reason = static_cast<ledger::DenialReason>(reason);
        asked.resetsAtUs.reset();
        const Refusal refusal = refusalFor(asked, cheaper);
        QCOMPARE(static_cast<int>(refusal.kind), kind);
        QVERIFY(!refusal.message.empty());
        QVERIFY(!hasRetryWords(refusal.message));
        QVERIFY(json::parse(writeChatRefusal(refusal).body).is_object());
    }
}

void TestRefusal::streamErrorEndsTheStream()
{
    Refusal refusal;
    refusal.message = "line\nbreak";
    const std::string text = writeChatStreamError(refusal);
    QVERIFY(text.starts_with("data: {\"error\":"));
    QVERIFY(text.ends_with("\n\ndata: [DONE]\n\n"));
    QCOMPARE(std::count(text.begin(), text.end(), '\n'), std::ptrdiff_t(4));
}

QTEST_GUILESS_MAIN(TestRefusal)
#include "tst_refusal.moc"
