// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Responses that a provider keeps: whose they are, that another key learns nothing of them, what
// going on from one costs, and that a restart forgets none of it.

#include "core/base/secret.h"
#include "support/dialect_provider.h"
#include "support/script_server.h"
#include "support/test_house.h"
#include "tests/unit/service/service_test.h"

#include <QTest>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

using namespace headgate;
using namespace headgate::testing;
using wire::Dialect;

namespace {

ScriptServer::Script answers(bool usage = true)
{
    return [usage](const ScriptRequest&, ScriptLink& link) {
        return link.write(wholeAnswer(Dialect::Responses, usage));
    };
}

/// A house with one provider that serves responses and a second key.
struct House {
    explicit House(const ScriptServer& server)
    {
        house.addProvider(server.url(), "script", "m");
        auto config = house.config();
        config.catalog.providers.back().servesResponses = true;
        proxy::ClientKey key;
        key.id = {8};
        key.name = "other";
        config.keysByHash.emplace(strongHashHex(other), key);
        house.reconfigure(std::move(config));
    }
    [[nodiscard]] RawReply go(const std::string& key, const std::string& more) const
    {
        RawRequest request;
        request.target = "/v1/responses";
        request.key = key;
        request.body = "{\"model\":\"m\",\"input\":\"Hi\",\"max_output_tokens\":50" + more + "}";
        return testing::ask(house.port(), request);
    }
    TestHouse house;
    const std::string other = "hg-" + randomHex(32);
};

const char* const continued = ",\"previous_response_id\":\"resp_1\"";

std::string without(std::string text, const std::string& part)
{
    const auto at = text.find(part);
    return at == std::string::npos ? text : text.erase(at, part.size());
}

} // namespace

class TestStateful : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void foreignIsUnknown();
    void besideOtherReferences();
    void conversations();
    void sizeUnknown();
    void knownBeforeTheEnd();
    void keptOverARestart();
    void refusedWhereTranslated();
};

void TestStateful::foreignIsUnknown()
{
    ScriptServer server(answers());
    const House at(server);
    const auto& mine = at.house.key();
    QCOMPARE(at.go(mine, "").status, 200);
    QCOMPARE(server.requests(), 1);
    QCOMPARE(at.house.waitRows(1).size(), std::size_t{1}); // each before the next: their order
    const auto foreign = at.go(at.other, continued);
    QCOMPARE(at.house.waitRows(2).size(), std::size_t{2});
    const auto never = at.go(at.other, ",\"previous_response_id\":\"resp_9\"");
    for (const auto* reply : {&foreign, &never}) {
        QVERIFY2(reply->status == 400, reply->body.c_str());
        QVERIFY(reply->body.find("\"previous_response_not_found\"") != std::string::npos);
        QVERIFY(reply->body.find("\"previous_response_id\"") != std::string::npos);
        QVERIFY(reply->body.find("script") == std::string::npos); // not even who has it
    }
    QCOMPARE(without(foreign.body, "resp_1"), without(never.body, "resp_9"));
    QCOMPARE(foreign.headers.size(), never.headers.size());
    QCOMPARE(server.requests(), 1);
    QCOMPARE(at.house.waitRows(3).size(), std::size_t{3});
    QCOMPARE(at.go(mine, continued).status, 200);
    const auto rows = at.house.waitRows(4);
    QCOMPARE(rows.at(3).bound.minusSaturated(rows.at(0).bound), Money::fromNano(18'000));
    QCOMPARE(rows.at(1).cost, Money());
    QCOMPARE(rows.at(1).status, activity::Status::Rejected);
    // The other key's own response of that name is another one.
    QCOMPARE(at.go(at.other, "").status, 200);
    QCOMPARE(at.go(at.other, continued).status, 200);
}

void TestStateful::besideOtherReferences()
{
    ScriptServer server(answers());
    const House at(server);
    QCOMPARE(at.go(at.house.key(), "").status, 200);
    for (const char* more : {",\"prompt\":{\"id\":\"pmpt_1\"}", ",\"conversation\":\"conv_1\""}) {
        const auto reply = at.go(at.other, std::string(continued) + more);
        QVERIFY2(reply.status == 400, reply.body.c_str());
    }
    QCOMPARE(server.requests(), 1);
}

void TestStateful::conversations()
{
    ScriptServer server(answers());
    const House at(server);
    const auto& mine = at.house.key();
    const std::string conversation = ",\"conversation\":{\"id\":\"conv_1\"}";
    const auto first = at.go(mine, conversation);
    QVERIFY2(first.status == 200, first.body.c_str());
    const auto foreign = at.go(at.other, conversation);
    QCOMPARE(foreign.status, 404);
    QVERIFY2(foreign.body.find("Conversation with id 'conv_1' not found.") != std::string::npos,
        foreign.body.c_str());
    QCOMPARE(server.requests(), 1);
    QCOMPARE(at.house.waitRows(2).size(), std::size_t{2});
    QCOMPARE(at.go(mine, conversation).status, 200);
    const auto rows = at.house.waitRows(3);
    QVERIFY(rows.at(2).bound >= Money::fromNano(128'000LL * 1'000)); // nobody knows how long it is
}

void TestStateful::sizeUnknown()
{
    ScriptServer server(answers(false));
    const House at(server);
    QCOMPARE(at.go(at.house.key(), "").status, 200);
    QCOMPARE(at.house.waitRows(1).size(), std::size_t{1});
    QCOMPARE(at.go(at.house.key(), continued).status, 200);
    QVERIFY(at.house.waitRows(2).at(1).bound >= Money::fromNano(128'000LL * 1'000));
}

/// A client may go on from an answer before its end is booked here.
void TestStateful::knownBeforeTheEnd()
{
    std::atomic<bool> gone{false};
    ScriptServer server([&](const ScriptRequest& request, ScriptLink& link) {
        if (request.number > 1) {
            return link.write(wholeAnswer(Dialect::Responses));
        }
        link.write(streamBegin(Dialect::Responses) + streamText(Dialect::Responses));
        for (int i = 0; i < 2'000 && !gone.load(); ++i) {
            QTest::qSleep(1);
        }
        return link.write(streamEnd(Dialect::Responses));
    });
    House at(server);
    auto config = at.house.config();
    config.catalog.providers.back().idleTimeoutMs = 10'000;
    at.house.reconfigure(std::move(config));
    RawRequest request;
    request.target = "/v1/responses";
    request.key = at.house.key();
    request.body = "{\"model\":\"m\",\"input\":\"Hi\",\"max_output_tokens\":50,\"stream\":true}";
    RawClient raw(at.house.port());
    QVERIFY(raw.send(wireText(at.house.port(), request)));
    QCOMPARE(raw.receive(true).status, 200);
    const auto early = at.go(at.house.key(), continued);
    gone.store(true);
    QVERIFY2(early.status == 200, early.body.c_str());
    QVERIFY(at.house.waitIdle());
    QCOMPARE(at.house.waitRows(2).size(), std::size_t{2});
    QCOMPARE(at.go(at.house.key(), continued).status, 200);
    const auto rows = at.house.waitRows(3);
    QVERIFY(rows.at(2).bound < Money::fromNano(1'000'000)); // its size is known by now
}

void TestStateful::keptOverARestart()
{
    ScriptServer server(answers());
    const service::testing::Home home;
    std::string mine;
    std::string other;
    const auto go = [&](service::Service& service, const std::string& key, const char* more) {
        const auto url = service.status().url;
        RawRequest request;
        request.target = "/v1/responses";
        request.key = key;
        request.body = std::string("{\"model\":\"m\",\"input\":\"Hi\",\"max_output_tokens\":50")
            + more + "}";
        return testing::ask(std::stoi(url.substr(url.rfind(':') + 1)), request);
    };
    {
        auto service = service::testing::opened(home);
        QVERIFY(service && service->serve("127.0.0.1", 0));
        service::NewProvider added;
        catalog::Provider provider;
        provider.name = "script";
        provider.baseUrl = server.url();
        provider.servesResponses = true;
        provider.needsKey = false;
        added.name = "script";
        added.as = provider;
        added.addBookModels = false;
        QVERIFY(service->addProvider(std::move(added), "test"));
        catalog::Model model;
        model.provider = "script";
        model.name = "m";
        model.contextTokens = 100'000;
        model.tokenizer = "o200k_base";
        catalog::PriceSheet sheet;
        sheet.input = Price::fromPico(1'000'000);
        sheet.output = Price::fromPico(10'000'000);
        model.prices.push_back(sheet);
        QVERIFY(service->putModel(model, "test"));
        for (auto* key : {&mine, &other}) {
            service::NewKey made;
            made.name = key == &mine ? "mine" : "other";
            auto created = service->createKey(made, "test");
            QVERIFY(created);
            *key = created->key.reveal();
        }
        const auto first = go(*service, mine, "");
        QVERIFY2(first.status == 200, first.body.c_str());
    }
    const auto path = home.path + "/responses.db";
    QCOMPARE(static_cast<int>(std::filesystem::status(path).permissions()), 0600);
    auto service = service::testing::opened(home);
    QVERIFY(service && service->serve("127.0.0.1", 0));
    QCOMPARE(go(*service, other, continued).status, 400);
    const auto again = go(*service, mine, continued);
    QVERIFY2(again.status == 200, again.body.c_str());
    QCOMPARE(server.requests(), 2);
    std::vector<boost::json::object> rows;
    for (int i = 0; i < 2'000 && rows.size() < 3; ++i) {
        QTest::qSleep(2);
        rows = service::testing::verb(*service, "decisions.list");
    }
    QCOMPARE(rows.size(), std::size_t{3});
    std::vector<std::string> bounds;
    for (const auto& row : rows) {
        if (service::testing::string(row, "status") == "ok") {
            bounds.push_back(service::testing::string(row, "bound_usd"));
        }
    }
    QCOMPARE(bounds.size(), std::size_t{2});
    std::sort(bounds.begin(), bounds.end());
    const auto less = Money::parse(bounds[0]);
    const auto more = Money::parse(bounds[1]);
    QVERIFY(less && more);
    QCOMPARE(more->minusSaturated(*less), Money::fromNano(18'000)); // what the provider holds
}

void TestStateful::refusedWhereTranslated()
{
    TestHouse house;
    RawRequest request;
    request.target = "/v1/responses";
    request.key = house.key();
    request.body
        = "{\"model\":\"sim-small\",\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"},"
          "{\"role\":\"user\",\"content\":\"Hi\"}]}";
    const auto reply = testing::ask(house.port(), request);
    QVERIFY2(reply.status == 400, reply.body.c_str());
    QVERIFY2(reply.body.find("\\\"store\\\": false") != std::string::npos, reply.body.c_str());
}

QTEST_GUILESS_MAIN(TestStateful)
#include "tst_stateful.moc"
