// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/codec.h"
#include "core/wire/held_ids.h"
#include "core/wire/hosted_uses.h"

#include <QTest>

using namespace headgate;
using namespace headgate::wire;

namespace {

std::string anthropic(const std::string& tools)
{
    return "{\"model\":\"m\",\"max_tokens\":9, \"tools\":[" + tools
        + "],\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
}

HostedUses usesOf(Dialect dialect, const std::string& body)
{
    const auto view = codecOf(dialect).readView(body, {});
    return view ? hostedUsesOf(body, *view) : HostedUses{-1, -1};
}

const char* const search = "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}";
const char* const fetch
    = "{ \"name\":\"f\", \"type\":\"web_fetch_20250910\" , \"max_uses\" : null}";
const char* const limited
    = "{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3}";
const char* const code = "{\"type\":\"code_execution_20250522\",\"name\":\"code\"}";
const char* const own = "{\"name\":\"look\",\"input_schema\":{\"type\":\"object\"}}";

} // namespace

class TestHostedUses : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void which_data();
    void which();
    void nothingElseChanges();
    void responses();
    void translated();
    void heldIds();
};

void TestHostedUses::which_data()
{
    QTest::addColumn<QByteArray>("tools");
    QTest::addColumn<int>("unlimited");
    QTest::addColumn<int>("given");
    const auto row = [](const char* name, const std::string& tools, int unlimited, int given) {
        QTest::newRow(name) << QByteArray::fromStdString(tools) << unlimited << given;
    };
    const std::string comma = ",";
    row("none", "", 0, 0);
    row("the client's own", own, 0, 0);
    row("one that takes no limit", code, 0, 0);
    row("one of two takes no limit", search + comma + code, 0, 0);
    row("limited", limited, 0, 0); // nothing to add
    row("one", search, 1, 0);
    row("one and own", own + comma + search, 1, 0);
    row("null is no limit", fetch, 1, 0);
    row("two", search + comma + fetch, 2, 0);
    row("one of two", limited + comma + fetch, 1, 3);
}

void TestHostedUses::which()
{
    QFETCH(QByteArray, tools);
    QFETCH(int, unlimited);
    QFETCH(int, given);
    const auto uses = usesOf(Dialect::Anthropic, anthropic(tools.toStdString()));
    QCOMPARE(uses.unlimited, unlimited);
    QCOMPARE(uses.given, given);
    QCOMPARE(uses.with(4), given + 4 * unlimited);
}

void TestHostedUses::nothingElseChanges()
{
    const auto body = anthropic(std::string(own) + " , " + search + "," + fetch + "," + limited);
    const auto edited = limitHostedUses(body, Dialect::Anthropic, 4);
    QVERIFY(edited);
    QCOMPARE(*edited,
        anthropic(std::string(own)
            + " , {\"max_uses\":4,\"type\":\"web_search_20250305\",\"name\":\"web_search\"},"
              "{ \"name\":\"f\", \"type\":\"web_fetch_20250910\" , \"max_uses\" : 4},"
            + limited));
    const auto view = codecOf(Dialect::Anthropic).readView(*edited, {});
    QVERIFY(view);
    QCOMPARE(view->hostedUsesMax.value_or(-1), 11);
    QVERIFY(!limitHostedUses("[1", Dialect::Anthropic, 4));
    for (const char* odd : {"{\"tools\":7}", "{\"tools\":[1,null,[],{}]}", "{}"}) {
        QCOMPARE(*limitHostedUses(odd, Dialect::Anthropic, 4), std::string(odd));
    }
}

void TestHostedUses::responses()
{
    const std::string body
        = "{\"model\":\"m\", \"input\":\"Hi\",\"tools\":[{\"type\":\"web_search\"}]}";
    QCOMPARE(usesOf(Dialect::Responses, body).unlimited, 1);
    const auto edited = limitHostedUses(body, Dialect::Responses, 2);
    QVERIFY(edited);
    const auto view = codecOf(Dialect::Responses).readView(*edited, {});
    QVERIFY(view);
    QCOMPARE(view->hostedUsesMax.value_or(-1), 2);
    QCOMPARE(usesOf(Dialect::Responses, *edited).unlimited, 0);
    const auto gemini
        = "{\"contents\":[{\"parts\":[{\"text\":\"Hi\"}]}],\"tools\":[{\"googleSearch\":{}}]}";
    QCOMPARE(usesOf(Dialect::Gemini, gemini).unlimited, 0); // no field for it
}

/// What bounds the hold has to bound the provider.
void TestHostedUses::translated()
{
    const std::string body
        = "{\"model\":\"m\",\"input\":\"Hi\",\"max_output_tokens\":50,\"max_tool_calls\":3,"
          "\"tools\":[{\"type\":\"web_search\"}]}";
    auto conversation = codecOf(Dialect::Responses).readRequest(body, {});
    QVERIFY(conversation);
    limitHostedUses(*conversation, 3);
    limitHostedUses(*conversation, 5); // the smaller one stays
    WriteOptions options;
    options.model = "claude";
    Losses losses;
    const auto written = codecOf(Dialect::Anthropic).writeRequest(*conversation, options, losses);
    QVERIFY(written);
    QVERIFY2(written->find("\"max_uses\":3") != std::string::npos, written->c_str());
}

void TestHostedUses::heldIds()
{
    QCOMPARE(heldIdsOf("nonsense").previousResponse, std::string());
    QCOMPARE(
        heldIdsOf("{\"previous_response_id\":7,\"conversation\":[]}").conversation, std::string());
    const auto both = heldIdsOf("{\"previous_response_id\":\"r\",\"conversation\":\"c\"}");
    QCOMPARE(both.previousResponse, std::string("r"));
    QCOMPARE(both.conversation, std::string("c"));
    QCOMPARE(heldIdsOf("{\"conversation\":{\"id\":\"c2\"}}").conversation, std::string("c2"));
}

QTEST_GUILESS_MAIN(TestHostedUses)
#include "tst_hosted_uses.moc"
