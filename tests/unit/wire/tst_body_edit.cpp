// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "core/wire/body_edit.h"
#include "core/wire/conversation_view.h"
#include "core/wire/stream_relay.h"

using namespace headgate;
using namespace headgate::wire;

/// Editing bodies by ranges, the view of a conversation, and cutting streams.
class TestBodyEdit : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void refuses_data();
    void refuses();
    void edits_data();
    void edits();
    void viewCountsEverythingBilled();
    void viewReadsIdentity();
    void cutsLines();
};

void TestBodyEdit::refuses_data()
{
    QTest::addColumn<QByteArray>("body");
    for (const char* body : {"", "[]", "{", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":2}}",
             "{\"a\":[{\"b\":[{\"c\":1,\"c\":1}]}]}", "{\"a\":\"\\ud800\"}", "{\"a\":1} x",
             "{\"\\u0061\":1,\"a\":2}"}) {
        QTest::newRow(body) << QByteArray(body);
    }
    QTest::newRow("deep") << "{\"a\":" + QByteArray(300, '[') + QByteArray(300, ']') + "}";
    QByteArray many("{");
    for (int i = 0; i < 40; ++i) {
        many += "\"k" + QByteArray::number(i) + "\":1,";
    }
    QTest::newRow("many, one twice") << many + "\"k3\":1}";
}

void TestBodyEdit::refuses()
{
    QFETCH(QByteArray, body);
    QVERIFY(!checkBody(body.toStdString()));
}

void TestBodyEdit::edits_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QByteArray>("edited");
    const auto row = [](const char* name, const char* body, const char* path, const char* value,
                         const char* edited) {
        QTest::newRow(name) << QByteArray(body) << QByteArray(path) << QByteArray(value)
                            << QByteArray(edited);
    };
    row("replaces", "{ \"m\" : \"x\" , \"z\":1.50}", "m", "\"y\"", "{ \"m\" : \"y\" , \"z\":1.50}");
    row("adds", "{\"z\":1}", "m", "5", "{\"z\":1,\"m\":5}");
    row("adds to nothing", "{ }", "m", "5", "{\"m\":5 }");
    row("removes", "{\"a\":1,\"m\":{\"x\":[2]},\"b\":3}", "m", "", "{\"a\":1,\"b\":3}");
    row("removes the first", "{\"m\":1, \"b\":3}", "m", "", "{\"b\":3}");
    row("removes the only", "{\"m\":1}", "m", "", "{}");
    row("inside", "{\"g\":{\"t\":1,\"m\":2}}", "g.m", "7", "{\"g\":{\"t\":1,\"m\":7}}");
    row("adds inside", "{\"g\":{\"t\":1}}", "g.m", "7", "{\"g\":{\"t\":1,\"m\":7}}");
    row("adds around", "{\"a\":1}", "g.m", "7", "{\"a\":1,\"g\":{\"m\":7}}");
    row("null around", "{\"g\":null}", "g.m", "7", "{\"g\":{\"m\":7}}");
    row("empty around", "{\"g\":{}}", "g.m", "7", "{\"g\":{\"m\":7}}");
    row("removes inside", "{\"g\":{\"m\":2,\"t\":1}}", "g.m", "", "{\"g\":{\"t\":1}}");
    row("strips", "{\"api_base\":\"http://evil\",\"m\":1,\"API_KEY\":2}", "m", "3", "{\"m\":3}");
    row("strips all", "{\"api_base\":1,\"base_url\":2}", "m", "3", "{\"m\":3}");
}

void TestBodyEdit::edits()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, path);
    QFETCH(QByteArray, value);
    QFETCH(QByteArray, edited);
    FieldEdit edit;
    edit.path = path.toStdString();
    if (!value.isEmpty()) {
        edit.json = value.toStdString();
    }
    const Result<std::string> done = editBody(body.toStdString(), {edit});
    QVERIFY(done);
    QCOMPARE(QByteArray::fromStdString(*done), edited);
}

void TestBodyEdit::viewCountsEverythingBilled()
{
    Conversation from;
    Turn& turn = from.turns.emplace_back();
    turn.role = Role::Assistant;
    Part call;
    call.kind = Part::Kind::ToolCall;
    call.name = "get";
    call.arguments = "{\"a\":1}";
    Part seen;
    seen.kind = Part::Kind::Native;
    seen.native = {Dialect::Anthropic, boost::json::value("blob")};
    Part thought;
    thought.kind = Part::Kind::Thinking;
    thought.signature = "sealed";
    Part result;
    result.kind = Part::Kind::ToolResult;
    Part picture;
    picture.kind = Part::Kind::Image;
    result.content = {picture};
    turn.parts = {call, seen, thought, result};
    Tool tool;
    tool.hosted = true;
    tool.name = "web_search_20250305";
    boost::json::object limits;
    limits["max_uses"] = 3;
    tool.native = {Dialect::Anthropic, limits};
    from.tools.push_back(tool);
    from.extra = {Dialect::Anthropic, boost::json::object{{"novel", "text"}}};
    const RequestView view = viewOf(from);
    QCOMPARE(view.messages.size(), std::size_t(1));
    const Message& message = view.messages.front();
    QVERIFY(message.hasToolCalls && message.imageParts == 1);
    QVERIFY(message.toolCallText.find("get\n{\"a\":1}") != std::string::npos);
    QVERIFY(message.toolCallText.find("sealed") != std::string::npos);
    QVERIFY(message.text.find("blob") != std::string::npos);
    QVERIFY(view.outputText.find("novel") != std::string::npos);
    QCOMPARE(view.hostedTools, 1);
    QCOMPARE(view.webSearchTools, 1);
    QCOMPARE(view.hostedUsesMax.value_or(0), std::int64_t(3));
}

void TestBodyEdit::viewReadsIdentity()
{
    Conversation from;
    from.source = Dialect::Anthropic;
    from.user = "{\"session_id\":\"s-1\"}";
    QCOMPARE(viewOf(from).sessionId, std::string("s-1"));
    QVERIFY(viewOf(from).user.empty());
    from.user = "ann";
    QCOMPARE(viewOf(from).user, std::string("ann"));
}

void TestBodyEdit::cutsLines()
{
    StreamSplitter splitter(StreamSplitter::Framing::Ndjson);
    StreamSplitter::Event event;
    QVERIFY(splitter.feed("{\"a\":1}\r\n\n{\"b\""));
    QVERIFY(splitter.next(event));
    QCOMPARE(std::string(event.data), std::string("{\"a\":1}"));
    QVERIFY(splitter.next(event));
    QVERIFY(event.data.empty());
    QVERIFY(!splitter.next(event));
    QVERIFY(splitter.feed(":2}"));
    QVERIFY(splitter.last(event));
    QCOMPARE(std::string(event.data), std::string("{\"b\":2}"));
}

QTEST_GUILESS_MAIN(TestBodyEdit)
#include "tst_body_edit.moc"
