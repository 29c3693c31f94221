// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_request.h"

#include "core/base/limits.h"

#include <QDir>
#include <QFile>
#include <QTest>

#include <string>

using namespace headgate;
using namespace headgate::wire;

namespace {

std::string at(const std::string& body, ByteRange range)
{
    return body.substr(range.begin, range.end - range.begin);
}

RequestView mustRead(const std::string& body)
{
    Result<RequestView> request = readChatRequest(body);
    if (!request) {
        qFatal("%s: %s", body.c_str(), request.error().message.c_str());
    }
    return *request;
}

/// A valid body with one more field in front.
std::string with(const std::string& field)
{
    return "{" + field + R"(,"model":"auto","messages":[{"role":"user","content":"hi"}]})";
}

std::string withMessage(const std::string& message)
{
    return R"({"model":"auto","messages":[)" + message + "]}";
}

} // namespace

class TestChatRequest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void refuses_data();
    void refuses();
    void refusesDeepNesting();
    void refusesEveryTruncation();
    void namesTheOffendingField();
    void readsContent_data();
    void readsContent();
    void countsUnknownPartsAsText();
    void countsMedia();
    void readsToolCalls();
    void readsTools();
    void readsFormats();
    void clampsHugeLimits();
    void smallerLimitWins();
    void findsRanges();
    void readsIdentity_data();
    void readsIdentity();
    void acceptsBigIntegersInUnknownFields();
    void acceptsBodiesOfAnyAlignment();
    void acceptsCapturedRequests();
};

void TestChatRequest::refuses_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* name, const std::string& body, const char* says) {
        QTest::newRow(name) << QByteArray::fromStdString(body) << QByteArray(says);
    };
    row("empty", "", "empty");
    row("spaces", "   ", "empty");
    row("array", "[]", "must be a JSON object");
    row("string", "\"x\"", "must be a JSON object");
    row("number", "12", "must be a JSON object");
    row("text", "hello", "must be a JSON object");
    row("brace", "{", "not valid JSON");
    row("no messages", R"({"model":"x"})", "messages is missing");
    row("no model", R"({"messages":[{"role":"user","content":"x"}]})", "model is missing");
    row("model null", R"({"model":null,"messages":[{"role":"user","content":"x"}]})",
        "model must be");
    row("model number", R"({"model":4,"messages":[{"role":"user","content":"x"}]})",
        "model must be");
    row("model empty", R"({"model":"","messages":[{"role":"user","content":"x"}]})",
        "model must be");
    row("model long", R"({"model":")" + std::string(300, 'm') + R"("})", "model must be");
    row("messages object", R"({"model":"x","messages":{}})", "messages must be an array");
    row("messages empty", R"({"model":"x","messages":[]})", "messages must be an array");
    row("messages null", R"({"model":"x","messages":null})", "messages must be an array");
    row("message string", withMessage("\"hi\""), "messages[0] must be an object");
    row("no role", withMessage(R"({"content":"x"})"), "messages[0].role is missing");
    row("role number", withMessage(R"({"role":1,"content":"x"})"), "messages[0].role must be");
    row("content number", withMessage(R"({"role":"user","content":1})"),
        "messages[0].content must be a string or an array of parts");
    row("content object", withMessage(R"({"role":"user","content":{}})"),
        "messages[0].content must be");
    row("part number", withMessage(R"({"role":"user","content":[1]})"),
        "messages[0].content[0] must be");
    row("part text number", withMessage(R"({"role":"user","content":[{"type":"text","text":1}]})"),
        "messages[0].content[0].text must be");
    row("name number", withMessage(R"({"role":"user","name":1,"content":"x"})"),
        "messages[0].name");
    row("tool_calls object", withMessage(R"({"role":"assistant","tool_calls":{}})"), "tool_calls");
    row("tool_call string", withMessage(R"({"role":"assistant","tool_calls":["x"]})"),
        "tool_calls[0]");
    row("duplicate model", with(R"("model":"y")"), "model must be given only once");
    row("duplicate escaped", with(R"("mod\u0065l":"y")"), "model must be given only once");
    row("duplicate unknown", with(R"("foo":1,"foo":2)"), "foo must be given only once");
    row("duplicate max", with(R"("max_tokens":1,"max_tokens":9)"),
        "max_tokens must be given only once");
    row("duplicate content", withMessage(R"({"role":"user","content":"a","content":"b"})"),
        "messages[0].content must be given only once");
    row("duplicate usage", with(R"("stream_options":{"include_usage":true,"include_usage":false})"),
        "stream_options.include_usage must be given only once");
    row("stream string", with(R"("stream":"true")"), "stream must be true or false");
    row("stream number", with(R"("stream":1)"), "stream must be true or false");
    row("options array", with(R"("stream_options":[])"), "stream_options must be an object");
    row("usage string", with(R"("stream_options":{"include_usage":"yes"})"),
        "include_usage must be");
    for (const char* field : {"max_tokens", "max_completion_tokens"}) {
        const std::string name(field);
        for (const char* value :
            {"0", "-1", "1.5", "1e3", "100.0", "\"100\"", "[]", "true", "-0"}) {
            row((name + " " + value).c_str(), with("\"" + name + "\":" + value),
                (name + " must be a whole number").c_str());
        }
    }
    for (const char* value : {"0", "129", "-3", "1.0", "\"2\"", "99999999999999999999"}) {
        row((std::string("n ") + value).c_str(), with(std::string("\"n\":") + value), "n must be");
    }
    row("tools object", with(R"("tools":{})"), "tools must be an array");
    row("tool string", with(R"("tools":["x"])"), "tools[0] must be an object");
    row("format string", with(R"("response_format":"json")"), "response_format must be");
    row("user number", with(R"("user":7)"), "user must be a string");
    row("tier number", with(R"("service_tier":7)"), "service_tier must be");
    row("metadata string", with(R"("metadata":"x")"), "metadata must be an object");
    row("bad literal in a skipped field", with(R"("foo":tru)"), "not valid JSON");
    row("bad number in a skipped field", with(R"("foo":{"a":[01]})"), "not valid JSON");
    row("bad number dot", with(R"("foo":1.)"), "not valid JSON");
    row("bad escape in a skipped field", with(R"("foo":"\q")"), "bad escape");
    row("lone surrogate", withMessage(R"({"role":"user","content":"\ud83d"})"), "surrogate");
    row("bracket mismatch", with(R"("foo":{"a":[1,2})"), "not valid JSON");
    row("missing comma", R"({"model":"x" "messages":[]})", "not valid JSON");
    row("trailing comma", R"({"model":"x","messages":[{"role":"user","content":"x"}],})",
        "not valid JSON");
    row("comma in array", withMessage(R"({"role":"user","content":"x"},)"), "not valid JSON");
    row("two objects", with("\"a\":1") + "{}", "goes on after the end");
    row("rubbish after", with("\"a\":1") + " x", "not valid JSON");
    row("raw newline in a string", withMessage("{\"role\":\"user\",\"content\":\"a\nb\"}"),
        "control");
    row("not UTF-8", withMessage("{\"role\":\"user\",\"content\":\"\xFF\"}"), "UTF-8");
    row("NUL", withMessage(std::string("{\"role\":\"user\",\"content\":\"a\0b\"}", 32)), "control");
    row("single quotes", R"({'model':'x'})", "not valid JSON");
}

void TestChatRequest::refuses()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, says);
    const Result<RequestView> request = readChatRequest(body.toStdString());
    QVERIFY2(!request, "the body was accepted");
    QVERIFY(request.error().code == ErrorCode::InvalidArgument);
    QVERIFY2(QByteArray::fromStdString(request.error().message).contains(says),
        request.error().message.c_str());
    // A good request right after a bad one is read.
    QVERIFY(readChatRequest(with(R"("x":1)")));
}

void TestChatRequest::refusesDeepNesting()
{
    const std::size_t depth = 100'000;
    for (const char* brackets : {"[]", "{}"}) {
        std::string nested;
        for (std::size_t i = 0; i < depth; ++i) {
            nested += brackets[0] == '[' ? "[" : "{\"a\":";
        }
        nested += "1" + std::string(depth, brackets[1]);
        const Result<RequestView> request = readChatRequest(with("\"foo\":" + nested));
        QVERIFY(!request);
        QVERIFY2(request.error().message.find("nested deeper") != std::string::npos,
            request.error().message.c_str());
    }
    const std::string fine = std::string(200, '[') + std::string(200, ']');
    QVERIFY(readChatRequest(with("\"foo\":" + fine)));
}

void TestChatRequest::refusesEveryTruncation()
{
    const std::string body = with(
        R"("stream":true,"max_tokens":12,"tools":[{"type":"function","function":{"name":"f"}}])");
    QVERIFY(readChatRequest(body));
    for (std::size_t size = 0; size < body.size(); ++size) {
        QVERIFY2(
            !readChatRequest(std::string_view(body).substr(0, size)), std::to_string(size).c_str());
    }
}

void TestChatRequest::namesTheOffendingField()
{
    const auto field
        = [](const std::string& body) { return offendingField(readChatRequest(body).error()); };
    QCOMPARE(
        field(withMessage(R"({"role":"user","content":1})")), std::string("messages[0].content"));
    QCOMPARE(field(R"({"model":"x"})"), std::string("messages"));
    QCOMPARE(field(with(R"("max_tokens":0)")), std::string("max_tokens"));
    QCOMPARE(field("{"), std::string());
}

void TestChatRequest::readsContent_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("string") << QByteArray(R"("a\nb")") << QByteArray("a\nb");
    QTest::newRow("unicode") << QByteArray(R"("\u00e9\ud83d\ude00")") << QByteArray("é😀");
    QTest::newRow("null") << QByteArray("null") << QByteArray("");
    QTest::newRow("no parts") << QByteArray("[]") << QByteArray("");
    QTest::newRow("parts") << QByteArray(
        R"([{"type":"text","text":"a"},{"text":"b","type":"text","cache_control":{"type":"x"}}])")
                           << QByteArray("a\nb");
    QTest::newRow("bare strings") << QByteArray(R"(["a","b"])") << QByteArray("a\nb");
    QTest::newRow("refusal") << QByteArray(R"([{"type":"refusal","refusal":"no"}])")
                             << QByteArray("no");
}

void TestChatRequest::readsContent()
{
    QFETCH(QByteArray, content);
    QFETCH(QByteArray, text);
    const RequestView request
        = mustRead(withMessage(R"({"content":)" + content.toStdString() + R"(,"role":"user"})"));
    QCOMPARE(request.messages.size(), std::size_t(1));
    QCOMPARE(QByteArray::fromStdString(request.messages[0].text), text);
    QVERIFY(request.messages[0].role == Role::User);
}

void TestChatRequest::countsUnknownPartsAsText()
{
    const RequestView request = mustRead(withMessage(
        R"({"role":"user","content":[{"type":"novel","words":"many many"}],"extra":{"a":"b"}})"));
    QCOMPARE(request.messages[0].text, std::string(R"({"type":"novel","words":"many many"})"));
    QCOMPARE(request.messages[0].toolCallText, std::string(R"({"a":"b"})"));
}

void TestChatRequest::countsMedia()
{
    const RequestView request = mustRead(withMessage(R"({"role":"user","content":[
        {"type":"image_url","image_url":{"url":"data:x"}},{"type":"image_url","image_url":{"url":"y"}},
        {"type":"input_audio","input_audio":{"data":"x","format":"wav"}},
        {"type":"file","file":{"file_id":"f"}},{"type":"text","text":"what?"}]},
        {"role":"assistant","audio":{"id":"a1"},"content":null})"));
    QCOMPARE(request.messages[0].imageParts, 2);
    QCOMPARE(request.messages[0].audioParts, 1);
    QCOMPARE(request.messages[0].fileParts, 1);
    QCOMPARE(request.messages[0].text, std::string("what?"));
    QCOMPARE(request.messages[1].audioParts, 1);
}

void TestChatRequest::readsToolCalls()
{
    const RequestView request = mustRead(withMessage(
        R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",
            "function":{"name":"get","arguments":"{\"a\":1}"}}]},
           {"role":"tool","tool_call_id":"c1","content":"42"},
           {"role":"assistant","function_call":{"name":"old","arguments":"{}"}},
           {"role":"function","name":"old","content":"1"})"));
    QVERIFY(request.messages[0].hasToolCalls);
    QCOMPARE(request.messages[0].toolCallText, std::string("get\n{\"a\":1}"));
    QVERIFY(request.messages[1].role == Role::Tool);
    QCOMPARE(request.messages[2].toolCallText, std::string("old\n{}"));
    QVERIFY(request.messages[3].role == Role::Tool);
    QVERIFY(request.messages[3].hasName);
}

void TestChatRequest::readsTools()
{
    const std::string tools
        = R"([ {"type":"function","function":{"name":"f"}} , {"type":"custom"} ])";
    RequestView request = mustRead(with("\"tools\": " + tools + R"( ,"tool_choice":"required")"));
    QCOMPARE(request.tools, 2);
    QCOMPARE(request.toolsText, tools);
    QVERIFY(request.forcesTool);
    request = mustRead(with(R"("functions":[{"name":"f"}],"function_call":{"name":"f"})"));
    QCOMPARE(request.tools, 1);
    QVERIFY(request.forcesTool);
    request = mustRead(with(R"("tools":[],"tool_choice":"auto")"));
    QCOMPARE(request.tools, 0);
    QVERIFY(request.toolsText.empty());
    QVERIFY(!request.forcesTool);
}

void TestChatRequest::readsFormats()
{
    RequestView request = mustRead(with(
        R"("response_format":{"json_schema":{"name":"x","schema":{}},"type":"json_schema"},"logprobs":true)"));
    QVERIFY(request.jsonSchema && !request.jsonObject && request.logprobs);
    QCOMPARE(request.schemaText, std::string(R"({"name":"x","schema":{}})"));
    request
        = mustRead(with(R"("response_format":{"type":"json_object"},"reasoning_effort":"low")"));
    QVERIFY(request.jsonObject && !request.jsonSchema && !request.logprobs
        && request.hasReasoningEffort);
    request = mustRead(with(R"("response_format":null,"logprobs":null,"reasoning_effort":null,
        "n":null,"stream":null,"service_tier":null,"user":null,"tools":null,"metadata":null)"));
    QVERIFY(
        !request.jsonObject && !request.logprobs && !request.hasReasoningEffort && !request.stream);
    QCOMPARE(request.n, std::int64_t(1));
}

void TestChatRequest::clampsHugeLimits()
{
    for (const char* huge : {"999999999999", "18446744073709551616",
             "99999999999999999999999999999999999999999999999999999999999999999999999999999999"}) {
        const RequestView request = mustRead(with(std::string("\"max_tokens\":") + huge));
        QVERIFY(request.maxTokens.has_value());
        QCOMPARE(*request.maxTokens, std::int64_t(1'000'000'000));
        QVERIFY(*request.maxTokens * 128 > 0);
    }
}

void TestChatRequest::smallerLimitWins()
{
    const RequestView request = mustRead(with(R"("max_tokens":50,"max_completion_tokens":20)"));
    QCOMPARE(*request.maxTokens, std::int64_t(20));
    QVERIFY(!mustRead(with(R"("max_tokens":null)")).maxTokens);
}

void TestChatRequest::findsRanges()
{
    const std::string body = R"( { "stream_options" : { "include_usage" : false , "x" : [ ] }  ,
        "max_tokens" : 12 , "messages":[{"role":"user","content":"a \"model\": x"}], "stream":true,
        "max_completion_tokens":	77
        , "model"  :  "gp\u0074\"x" } )";
    const RequestView request = mustRead(body);
    QCOMPARE(at(body, request.modelValue), std::string(R"("gp\u0074\"x")"));
    QCOMPARE(request.model, std::string("gpt\"x"));
    QCOMPARE(at(body, request.maxTokensValue), std::string("12"));
    QCOMPARE(at(body, request.maxCompletionTokensValue), std::string("77"));
    QCOMPARE(at(body, request.streamOptionsValue),
        std::string(R"({ "include_usage" : false , "x" : [ ] })"));
    QCOMPARE(at(body, request.includeUsageValue), std::string("false"));
    QVERIFY(request.includeUsage == false);
    QVERIFY(request.stream);
    QVERIFY(!mustRead(with(R"("a":1)")).streamOptionsValue.present());
}

void TestChatRequest::readsIdentity_data()
{
    QTest::addColumn<QByteArray>("fields");
    QTest::addColumn<QByteArray>("user");
    QTest::addColumn<QByteArray>("session");
    const auto row
        = [](const char* name, const char* fields, const char* user, const char* session) {
              QTest::newRow(name) << QByteArray(fields) << QByteArray(user) << QByteArray(session);
          };
    row("none", R"("x":1)", "", "");
    row("user", R"("user":"ann","safety_identifier":"s","metadata":{"user_id":"m"})", "ann", "");
    row("safety", R"("metadata":{"user_id":"m"},"safety_identifier":"s")", "s", "");
    row("metadata", R"("metadata":{"user_id":"m"})", "m", "");
    row("blob", R"("metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s-1\"}"})", "",
        "s-1");
    row("broken blob", R"("metadata":{"user_id":"{\"session_id\":"})", "", "");
    row("older blob", R"("metadata":{"user_id":"user_ab_account_cd_session_ef-1"})", "", "ef-1");
    row("sentence", R"("metadata":{"user_id":"not a word"})", "", "");
    row("session", R"("metadata":{"session_id":"s"},"prompt_cache_key":"k")", "", "s");
    row("cache key", R"("prompt_cache_key":"k")", "", "k");
    row("odd metadata", R"("metadata":{"user_id":5,"session_id":[1],"x":{"y":1}})", "", "");
}

void TestChatRequest::readsIdentity()
{
    QFETCH(QByteArray, fields);
    QFETCH(QByteArray, user);
    QFETCH(QByteArray, session);
    const RequestView request = mustRead(with(fields.toStdString()));
    QCOMPARE(QByteArray::fromStdString(request.user), user);
    QCOMPARE(QByteArray::fromStdString(request.sessionId), session);
}

void TestChatRequest::acceptsBigIntegersInUnknownFields()
{
    QVERIFY(
        readChatRequest(with(R"("seed":123456789012345678901234567890,"x":1e400,"y":-0.0e-1)")));
}

void TestChatRequest::acceptsBodiesOfAnyAlignment()
{
    for (std::size_t size = 0; size < 300; ++size) {
        const std::string text(size, 'x');
        const RequestView request
            = mustRead(withMessage(R"({"role":"user","content":")" + text + "\"}"));
        QCOMPARE(request.messages[0].text, text);
    }
}

void TestChatRequest::acceptsCapturedRequests()
{
    const QByteArray shared = qgetenv("HEADGATE_SHARED");
    const QDir root(QString::fromUtf8(shared.isEmpty() ? HEADGATE_SOURCE_DIR "/../shared" : shared)
        + QStringLiteral("/data/wire-samples"));
    if (!root.exists()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    int read = 0;
    for (const QString& name : root.entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        for (const char* file : {"request.json", "followup-request.json"}) {
            QFile source(root.filePath(
                name + QStringLiteral("/chat-completions/") + QString::fromLatin1(file)));
            if (!source.open(QIODevice::ReadOnly)) {
                continue;
            }
            const Result<RequestView> request = readChatRequest(source.readAll().toStdString());
            QVERIFY2(
                request, request ? "" : (name.toStdString() + request.error().message).c_str());
            QVERIFY(!request->messages.empty() && request->stripped.empty());
            ++read;
        }
    }
    QVERIFY2(read >= 37, std::to_string(read).c_str());
}

QTEST_GUILESS_MAIN(TestChatRequest)
#include "tst_chat_request.moc"
