// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "gemini_testing.h"

#include "core/wire/codec.h"
#include "core/wire/gemini_routes.h"

#include <QTest>

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::test;

class TestGeminiRequest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void badRequests_data();
    void badRequests();
    void view_data();
    void view();
    void editsTheCeiling_data();
    void editsTheCeiling();
    void readsBothSpellings();
    void readsParts();
    void makesUpIdsAndTakesThemOffAgain();
    void functionResponseWantsTheName();
    void thoughtSignatureGoesBack();
    void thoughtSignatureTravelsThroughOthers_data();
    void thoughtSignatureTravelsThroughOthers();
    void callsOfOthersGetThePlaceholder();
    void resultsComeBeforeText();
    void systemTurnsBecomeTheInstruction();
    void schemasFitOrGoWhole_data();
    void schemasFitOrGoWhole();
    void imagesByAddressGetAType();
    void effort_data();
    void effort();
    void namesLosses();
};

void TestGeminiRequest::badRequests_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("nothing") << QByteArray() << QByteArray("JSON");
    QTest::newRow("not json") << QByteArray("{'contents':[") << QByteArray("JSON");
    QTest::newRow("an array") << QByteArray("[]") << QByteArray("object");
    QTest::newRow("no contents") << QByteArray("{}") << QByteArray("contents");
    QTest::newRow("null contents") << QByteArray("{'contents':null}") << QByteArray("contents");
    QTest::newRow("given twice") << QByteArray("{'contents':[],'contents':[]}")
                                 << QByteArray("twice");
    QTest::newRow("two spellings")
        << QByteArray("{'contents':[],'generationConfig':{},'generation_config':{}}")
        << QByteArray("two spellings");
    QTest::newRow("two ceilings") << QByteArray(
        "{'contents':[],'generationConfig':{'maxOutputTokens':1,'max_output_tokens':9}}")
                                  << QByteArray("two spellings");
    QTest::newRow("config is a list")
        << QByteArray("{'contents':[],'generationConfig':[]}") << QByteArray("generationConfig");
    QTest::newRow("ceiling of nothing")
        << QByteArray("{'contents':[],'generationConfig':{'maxOutputTokens':0}}")
        << QByteArray("maxOutputTokens");
    QTest::newRow("negative ceiling")
        << QByteArray("{'contents':[],'generationConfig':{'maxOutputTokens':-5}}")
        << QByteArray("maxOutputTokens");
    QTest::newRow("ceiling in words")
        << QByteArray("{'contents':[],'generationConfig':{'maxOutputTokens':'many'}}")
        << QByteArray("maxOutputTokens");
    QTest::newRow("half a candidate")
        << QByteArray("{'contents':[],'generationConfig':{'candidateCount':1.5}}")
        << QByteArray("candidateCount");
    QTest::newRow("huge count") << QByteArray(
        "{'contents':[],'generationConfig':{'candidateCount':99999999999999999999}}")
                                << QByteArray("candidateCount");
    QTest::newRow("too deep") << QByteArray("{'contents':") + QByteArray(300, '[')
            + QByteArray(300, ']')
            + "}" << QByteArray("deep");
}

void TestGeminiRequest::badRequests()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, says);
    const Result<RequestView> view
        = gemini.readView(quoted(body.toStdString()), pathOf("gemini-3-flash-preview"));
    QVERIFY(!view);
    QCOMPARE(view.error().code, ErrorCode::InvalidArgument);
    QVERIFY2(view.error().text().find(says.toStdString()) != std::string::npos,
        view.error().text().c_str());
}

void TestGeminiRequest::view_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("plain") << QByteArray("{'contents':[{'parts':[{'text':'hi'}]}]}")
                           << QByteArray("max=- n=1 held= hosted=0 audio=0 budget=-");
    QTest::newRow("one content, one part")
        << QByteArray("{'contents':{'role':'USER','parts':{'text':'hi'}}}")
        << QByteArray("max=- n=1 held= hosted=0 audio=0 budget=-");
    QTest::newRow("snake case") << QByteArray(
        "{'contents':[],'generation_config':{'max_output_tokens':7,'candidate_count':2}}")
                                << QByteArray("max=7 n=2 held= hosted=0 audio=0 budget=-");
    QTest::newRow("numbers as text") << QByteArray(
        "{'contents':[],'generationConfig':{'maxOutputTokens':'64','candidateCount':2.0}}")
                                     << QByteArray("max=64 n=2 held= hosted=0 audio=0 budget=-");
    QTest::newRow("cached content")
        << QByteArray("{'contents':[],'cached_content':'cachedContents/a'}")
        << QByteArray("max=- n=1 held=cachedContents/a hosted=0 audio=0 budget=-");
    QTest::newRow("a file at Google") << QByteArray(
        "{'contents':[{'parts':[{'fileData':{'fileUri':'files/x','mimeType':'video/mp4'}}]}]}")
                                      << QByteArray(
                                             "max=- n=1 held=files/x hosted=0 audio=0 budget=-");
    QTest::newRow("a file inside a result")
        << QByteArray("{'contents':[{'parts':[{'functionResponse':{'name':'f','response':{},"
                      "'parts':[{'fileData':{'fileUri':'https://a/b'}}]}}]}]}")
        << QByteArray("max=- n=1 held=https://a/b hosted=0 audio=0 budget=-");
    QTest::newRow("hosted tools") << QByteArray(
        "{'contents':[],'tools':[{'googleSearch':{}},{'code_execution':{},'urlContext':{}}]}")
                                  << QByteArray("max=- n=1 held= hosted=3 audio=0 budget=-");
    QTest::newRow("audio and thinking")
        << QByteArray("{'contents':[],'generationConfig':{'responseModalities':['AUDIO'],"
                      "'thinkingConfig':{'thinkingBudget':512}}}")
        << QByteArray("max=- n=1 held= hosted=0 audio=1 budget=512");
}

void TestGeminiRequest::view()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, expected);
    const Result<RequestView> view = gemini.readView(
        quoted(body.toStdString()), pathOf("models/gemini-3-flash-preview", true));
    QVERIFY2(view, view ? "" : view.error().text().c_str());
    const auto number = [](const std::optional<std::int64_t>& value) {
        return value ? QByteArray::number(static_cast<qlonglong>(*value)) : QByteArray("-");
    };
    const QByteArray got = "max=" + number(view->maxTokens)
        + " n=" + QByteArray::number(static_cast<qlonglong>(view->n))
        + " held=" + QByteArray::fromStdString(view->heldContext)
        + " hosted=" + QByteArray::number(view->hostedTools) + " audio="
        + QByteArray::number(view->audioOut ? 1 : 0) + " budget=" + number(view->thinkingBudget);
    QCOMPARE(got, expected);
    QCOMPARE(view->model, std::string("gemini-3-flash-preview"));
    QVERIFY(view->stream);
    QCOMPARE(view->dialect, Dialect::Gemini);
}

void TestGeminiRequest::editsTheCeiling_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("absent") << QByteArray("{'contents':[ ]}")
                            << QByteArray(
                                   "{'contents':[ ],'generationConfig':{'maxOutputTokens':99}}");
    QTest::newRow("in an empty config")
        << QByteArray("{'generationConfig':{},'contents':[ ]}")
        << QByteArray("{'generationConfig':{'maxOutputTokens':99},'contents':[ ]}");
    QTest::newRow("camel")
        << QByteArray("{'contents':[],'generationConfig':{'maxOutputTokens': 5 ,'topK':1}}")
        << QByteArray("{'contents':[],'generationConfig':{'maxOutputTokens': 99 ,'topK':1}}");
    QTest::newRow("snake") << QByteArray(
        "{'contents':[],'generation_config':{'max_output_tokens':5}}")
                           << QByteArray(
                                  "{'contents':[],'generation_config':{'max_output_tokens':99}}");
    QTest::newRow("mixed")
        << QByteArray("{'contents':[],'generation_config':{'topK':1}}")
        << QByteArray("{'contents':[],'generation_config':{'topK':1,'maxOutputTokens':99}}");
    QTest::newRow("a model in the body")
        << QByteArray(
               "{'model':'models/dear','contents':[],'generationConfig':{'maxOutputTokens':5}}")
        << QByteArray("{'contents':[],'generationConfig':{'maxOutputTokens':99}}");
}

void TestGeminiRequest::editsTheCeiling()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, expected);
    const std::string text = quoted(body.toStdString());
    const Result<RequestView> view = gemini.readView(text, pathOf("gemini-3-flash-preview"));
    QVERIFY(view);
    RequestEdits edits;
    edits.model = "gemini-2.5-flash";
    edits.outputCeiling = 99;
    const Result<std::string> edited = gemini.edit(text, *view, edits);
    QVERIFY(edited);
    QCOMPARE(QByteArray::fromStdString(json::serialize(parsed(*edited))),
        QByteArray::fromStdString(json::serialize(parsed(quoted(expected.toStdString())))));
}

void TestGeminiRequest::readsBothSpellings()
{
    const char* const camel
        = "{'systemInstruction':{'parts':[{'text':'s'}]},'contents':[{'role':'user','parts':[{'"
          "inlineData':"
          "{'mimeType':'image/"
          "png','data':'QQ=='}}]}],'toolConfig':{'functionCallingConfig':{'mode':'ANY',"
          "'allowedFunctionNames':['f']}},'generationConfig':{'topP':0.5,'stopSequences':['x'],"
          "'thinkingConfig':{'thinkingLevel':'LOW','includeThoughts':true}}}";
    const char* const snake
        = "{'system_instruction':{'parts':[{'text':'s'}]},'contents':[{'role':'user','parts':[{'"
          "inline_data':"
          "{'mime_type':'image/"
          "png','data':'QQ=='}}]}],'tool_config':{'function_calling_config':{'mode':'ANY',"
          "'allowed_function_names':['f']}},'generation_config':{'top_p':0.5,'stop_sequences':['x']"
          ","
          "'thinking_config':{'thinking_level':'LOW','include_thoughts':true}}}";
    for (const char* text : {camel, snake}) {
        const Result<Conversation> read = gemini.readRequest(quoted(text), pathOf("m"));
        QVERIFY(read);
        QCOMPARE(read->turns.size(), std::size_t(2));
        QCOMPARE(read->turns[0].role, Role::System);
        QCOMPARE(read->turns[1].parts[0].kind, Part::Kind::Image);
        QCOMPARE(read->turns[1].parts[0].mime, std::string("image/png"));
        QCOMPARE(read->turns[1].parts[0].data, std::string("QQ=="));
        QCOMPARE(read->toolChoice.kind, ToolChoice::Kind::Named);
        QCOMPARE(read->toolChoice.names, std::vector<std::string>{"f"});
        QCOMPARE(read->topP.value_or(0), 0.5);
        QCOMPARE(read->stop, std::vector<std::string>{"x"});
        QCOMPARE(read->reasoning.effort, std::string("low"));
        QCOMPARE(read->reasoning.summary, std::string("auto"));
        QVERIFY(!read->extra.present());
    }
}

void TestGeminiRequest::readsParts()
{
    const std::string body
        = quoted("{'contents':[{'role':'model','parts':["
                 "{'text':'a','thought':true,'thoughtSignature':'S'},"
                 "{'functionCall':{'id':'i','name':'f','args':{'x':1}},'thoughtSignature':'T'},"
                 "{'executableCode':{'language':'PYTHON','code':'1'}},"
                 "{'text':'b','videoMetadata':{'fps':2}},"
                 "{'somethingNew':{'y':[1]}},"
                 "{'text':'c','inlineData':{}},"
                 "{'fileData':{'fileUri':'https://youtu.be/x'}},{'thoughtSignature':'U'},"
                 "7]}]}");
    const Result<Conversation> read = gemini.readRequest(body, pathOf("m"));
    QVERIFY(read);
    const std::vector<Part>& parts = read->turns[0].parts;
    QCOMPARE(parts.size(), std::size_t(8));
    QCOMPARE(parts[0].kind, Part::Kind::Thinking);
    QCOMPARE(parts[0].signature, std::string("S"));
    QCOMPARE(parts[0].signedBy, Dialect::Gemini);
    QCOMPARE(parts[1].kind, Part::Kind::ToolCall);
    QCOMPARE(parts[1].signature, std::string("T"));
    QCOMPARE(parts[1].arguments, quoted("{'x':1}"));
    QCOMPARE(parts[2].kind, Part::Kind::Native);
    QCOMPARE(parts[3].kind, Part::Kind::Text);
    QVERIFY(parts[3].native.present());
    QCOMPARE(parts[4].kind, Part::Kind::Native);
    QCOMPARE(parts[5].kind, Part::Kind::Native); // two kinds at once: not for us to judge
    QCOMPARE(parts[6].url, std::string("https://youtu.be/x"));
    QCOMPARE(parts[7].signature, std::string("U"));
    Losses losses;
    const json::object written = writtenBy(*read, losses);
    QVERIFY(losses.empty());
    json::value expected = parsed(body);
    json::array& wanted
        = expected.as_object()["contents"].as_array()[0].as_object()["parts"].as_array();
    wanted.pop_back(); // the 7
    wanted.back().as_object()["text"] = "";
    QCOMPARE(json::serialize(json::value(written)).size(), json::serialize(expected).size());
    QVERIFY(json::value(written) == expected);
}

void TestGeminiRequest::makesUpIdsAndTakesThemOffAgain()
{
    const std::string body = quoted(
        "{'contents':[{'role':'model','parts':[{'functionCall':{'name':'f','args':{}}},"
        "{'functionCall':{'name':'g','args':{}}},{'functionCall':{'name':'f','args':{'n':2}}}]},"
        "{'role':'user','parts':[{'functionResponse':{'name':'g','response':{'result':'G'}}},"
        "{'functionResponse':{'name':'f','response':{'result':'F1'}}},"
        "{'functionResponse':{'name':'f','response':{'result':'F2'}}}]}]}");
    const Result<Conversation> read = gemini.readRequest(body, pathOf("m"));
    QVERIFY(read);
    const std::vector<Part>& calls = read->turns[0].parts;
    const std::vector<Part>& results = read->turns[1].parts;
    QCOMPARE(results[0].id, calls[1].id);
    QCOMPARE(results[1].id, calls[0].id);
    QCOMPARE(results[2].id, calls[2].id);
    QVERIFY(calls[0].id != calls[2].id);
    Losses losses;
    QVERIFY(json::value(writtenBy(*read, losses)) == parsed(body));
    // Another answer's made-up ids do not meet them.
    const Result<Answer> answer = gemini.readAnswer(
        quoted("{'responseId':'r/"
               "1','candidates':[{'content':{'parts':[{'functionCall':{'name':'f'}}]}}]}"));
    QVERIFY(answer);
    QVERIFY(answer->choices[0].parts[0].id != calls[0].id);
    QVERIFY(answer->choices[0].parts[0].id.find('/') == std::string::npos);
}

void TestGeminiRequest::functionResponseWantsTheName()
{
    Conversation chat;
    chat.turns.push_back(turnOf(Role::User, {textPart("weather?")}));
    chat.turns.push_back(turnOf(Role::Assistant,
        {callPart("call_1", "get_weather", "{\"city\":\"Rome\"}"),
            callPart("call_2", "get_time", "")}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("call_1", "sunny")}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("call_2", "{\"hour\":12}")}));
    Losses losses;
    const json::object body = writtenBy(chat, losses);
    const json::array& contents = body.at("contents").as_array();
    QCOMPARE(contents.size(), std::size_t(3)); // both results in one content
    const json::array& results = contents[2].at("parts").as_array();
    QCOMPARE(json::serialize(results),
        quoted("[{'functionResponse':{'id':'call_1','name':'get_weather','response':{'result':'"
               "sunny'}}},"
               "{'functionResponse':{'id':'call_2','name':'get_time','response':{'hour':12}}}]"));
}

void TestGeminiRequest::thoughtSignatureGoesBack()
{
    // As chat or messages clients give it back: in the part where it came.
    Conversation chat;
    chat.source = Dialect::Anthropic;
    Part call = callPart("c1", "f", "{}");
    call.signature = "SIG";
    call.signedBy = Dialect::Gemini;
    Part foreign = textPart("");
    foreign.kind = Part::Kind::Thinking;
    foreign.text = "hm";
    foreign.signature = "ANTHROPIC";
    foreign.signedBy = Dialect::Anthropic;
    chat.turns.push_back(turnOf(Role::User, {textPart("go")}));
    chat.turns.push_back(turnOf(Role::Assistant, {foreign, call, callPart("c2", "g", "{}")}));
    Losses losses;
    const json::object body = writtenBy(chat, losses);
    const json::array& parts = body.at("contents").at(1).at("parts").as_array();
    QCOMPARE(parts.size(), std::size_t(2)); // thinking that another provider signed stays away
    QCOMPARE(std::string(parts[0].at("thoughtSignature").as_string().c_str()), std::string("SIG"));
    QVERIFY(!parts[1].as_object().contains("thoughtSignature"));
    QVERIFY(json::serialize(body).find("ANTHROPIC") == std::string::npos);
    QCOMPARE(losses.size(), std::size_t(1));
}

void TestGeminiRequest::thoughtSignatureTravelsThroughOthers_data()
{
    QTest::addColumn<int>("client");
    QTest::addColumn<bool>("stream");
    for (const Dialect client : {Dialect::Chat, Dialect::Responses, Dialect::Anthropic}) {
        QTest::addRow("%s", dialectName(client)) << static_cast<int>(client) << false;
        QTest::addRow("%s, streamed", dialectName(client)) << static_cast<int>(client) << true;
    }
}

/// What a client of that dialect sends back after the answer.
json::value assistantOf(Dialect client, const json::value& answer)
{
    if (client == Dialect::Responses) {
        return answer.at("output");
    }
    if (client == Dialect::Chat) {
        return answer.at("choices").at(0).at("message");
    }
    return json::object{{"role", "assistant"}, {"content", answer.at("content")}};
}

std::string nextRequest(Dialect client, const json::value& said)
{
    json::object body{{"model", "m"}, {"max_tokens", 100}};
    const json::value user = json::object{{"role", "user"}, {"content", "weather?"}};
    json::array turns{user};
    if (client == Dialect::Responses) {
        turns.insert(turns.end(), said.as_array().begin(), said.as_array().end());
        turns.push_back(
            json::object{{"type", "function_call_output"}, {"call_id", "w1"}, {"output", "sunny"}});
        body.erase("max_tokens");
    } else if (client == Dialect::Chat) {
        turns.push_back(said);
        turns.push_back(
            json::object{{"role", "tool"}, {"tool_call_id", "w1"}, {"content", "sunny"}});
    } else {
        turns.push_back(said);
        json::object result{{"type", "tool_result"}, {"tool_use_id", "w1"}, {"content", "sunny"}};
        turns.push_back(json::object{{"role", "user"}, {"content", json::array{result}}});
    }
    body[client == Dialect::Responses ? "input" : "messages"] = std::move(turns);
    return json::serialize(body);
}

void TestGeminiRequest::thoughtSignatureTravelsThroughOthers()
{
    QFETCH(int, client);
    QFETCH(bool, stream);
    const auto dialect = static_cast<Dialect>(client);
    const Codec& codec = codecOf(dialect);
    const std::string google = quoted(
        "{'responseId':'r','modelVersion':'gemini-3','candidates':[{'content':{'role':'model','"
        "parts':["
        "{'text':'hm','thought':true},{'functionCall':{'id':'w1','name':'get_weather','args':{'a':"
        "1}},"
        "'thoughtSignature':'SIG=='},{'functionCall':{'id':'w2','name':'get_time','args':{}}}]},"
        "'finishReason':'STOP'}],'usageMetadata':{'promptTokenCount':5,'candidatesTokenCount':3}}");
    AnswerContext context;
    context.model = "gemini-3";
    context.id = "d1";
    std::string answered;
    if (stream) {
        RelayOptions options = fromGemini(dialect);
        const Relayed relayed = relayWhole("data: " + google + "\n\n", options);
        std::vector<AnswerEvent> events;
        const std::unique_ptr<EventReader> reader = codec.eventReader();
        StreamSplitter splitter(StreamSplitter::Framing::Sse);
        QVERIFY(splitter.feed(relayed.out));
        StreamSplitter::Event event;
        while (splitter.next(event)) {
            QVERIFY(event.data.empty() || reader->read(event.name, event.data, events));
        }
        reader->finish(events);
        AnswerBuilder builder;
        for (const AnswerEvent& one : events) {
            builder.add(one);
        }
        answered = codec.writeAnswer(builder.answer(), context);
    } else {
        answered = codec.writeAnswer(*gemini.readAnswer(google), context);
    }
    const std::string next = nextRequest(dialect, assistantOf(dialect, parsed(answered)));
    const Result<Conversation> read = codec.readRequest(next, {});
    QVERIFY2(read, read ? "" : read.error().text().c_str());
    Losses losses;
    const json::object body = writtenBy(*read, losses);
    const json::array& parts = body.at("contents").at(1).at("parts").as_array();
    QVERIFY2(json::serialize(parts[0])
            == quoted("{'functionCall':{'id':'w1','name':'get_weather','args':{'a':1}},"
                      "'thoughtSignature':'SIG=='}"),
        (next + "\n" + json::serialize(body)).c_str());
    QCOMPARE(parts.size(), std::size_t(2));
    QVERIFY(json::serialize(body).find("skip_thought") == std::string::npos);
    // Another provider of the client's own dialect does not get it.
    if (dialect == Dialect::Chat) {
        const Result<RequestView> view = codec.readView(next, {});
        QVERIFY(view);
        RequestEdits edits;
        edits.model = "gpt-5";
        const Result<std::string> edited = codec.edit(next, *view, edits);
        QVERIFY(edited && parsed(*edited).is_object());
        QVERIFY(edited->find("SIG==") == std::string::npos);
        QVERIFY(edited->find("extra_content") == std::string::npos);
    }
    if (dialect == Dialect::Anthropic) {
        WriteOptions options;
        options.model = "claude";
        const Result<std::string> written = codec.writeRequest(*read, options, losses);
        QVERIFY(written && written->find("SIG==") == std::string::npos);
    }
}

void TestGeminiRequest::callsOfOthersGetThePlaceholder()
{
    Conversation chat;
    chat.turns.push_back(turnOf(Role::User, {textPart("go")}));
    chat.turns.push_back(
        turnOf(Role::Assistant, {callPart("c1", "f", "{}"), callPart("c2", "g", "{}")}));
    Losses losses;
    const json::object three = writtenBy(chat, losses);
    const json::array& parts = three.at("contents").at(1).at("parts").as_array();
    QCOMPARE(std::string(parts[0].at("thoughtSignature").as_string().c_str()),
        std::string("skip_thought_signature_validator"));
    QVERIFY(!parts[1].as_object().contains("thoughtSignature"));
    QCOMPARE(losses.size(), std::size_t(1));
    losses.clear();
    const json::object two = writtenBy(chat, losses, "gemini-2.5-flash");
    QVERIFY(json::serialize(two).find("thoughtSignature") == std::string::npos);
    QVERIFY(losses.empty());
}

void TestGeminiRequest::resultsComeBeforeText()
{
    Conversation chat;
    chat.turns.push_back(turnOf(Role::User, {textPart("go")}));
    chat.turns.push_back(
        turnOf(Role::Assistant, {callPart("c1", "f", "{}"), callPart("c2", "g", "{}")}));
    chat.turns.push_back(turnOf(Role::User, {textPart("also"), resultPart("c1", "1")}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("c2", "2")}));
    Losses losses;
    const json::object body = writtenBy(chat, losses);
    const json::array& parts = body.at("contents").at(2).at("parts").as_array();
    QCOMPARE(parts.size(), std::size_t(3));
    QVERIFY(parts[0].as_object().contains("functionResponse"));
    QVERIFY(parts[1].as_object().contains("functionResponse"));
    QVERIFY(parts[2].as_object().contains("text"));
}

void TestGeminiRequest::systemTurnsBecomeTheInstruction()
{
    Conversation chat;
    chat.turns.push_back(turnOf(Role::System, {textPart("one")}));
    chat.turns.push_back(turnOf(Role::Developer, {textPart("two")}));
    chat.turns.push_back(turnOf(Role::User, {textPart("hi")}));
    chat.turns.push_back(turnOf(Role::Assistant, {textPart("ho")}));
    chat.turns.push_back(turnOf(Role::System, {textPart("three")}));
    chat.turns.push_back(turnOf(Role::User, {textPart("go on")}));
    Losses losses;
    const json::object body = writtenBy(chat, losses);
    QCOMPARE(json::serialize(body.at("systemInstruction")),
        quoted("{'parts':[{'text':'one'},{'text':'two'},{'text':'three'}]}"));
    QCOMPARE(body.at("contents").as_array().size(), std::size_t(3));
    QCOMPARE(losses.size(), std::size_t(1));
    Conversation alone;
    alone.turns.push_back(turnOf(Role::System, {textPart("only me")}));
    losses.clear();
    const json::object single = writtenBy(alone, losses);
    QCOMPARE(single.at("contents").as_array().size(), std::size_t(1));
    QVERIFY(!single.contains("systemInstruction"));
}

void TestGeminiRequest::schemasFitOrGoWhole_data()
{
    QTest::addColumn<QByteArray>("schema");
    QTest::addColumn<QByteArray>("declared");
    QTest::newRow("plain") << QByteArray(
        "{'type':'object','properties':{'a':{'type':'string','description':'d'}},'required':['a']}")
                           << QByteArray("'parameters':{'type':'OBJECT','properties':{'a':{'type':'"
                                         "STRING','description':'d'}},'required':['a']}");
    QTest::newRow("nullable") << QByteArray(
        "{'type':'object','properties':{'a':{'type':['integer','null']}}}")
                              << QByteArray("'parameters':{'type':'OBJECT','properties':{'a':{'"
                                            "type':'INTEGER','nullable':true}}}");
    QTest::newRow("no arguments") << QByteArray("{'type':'object','properties':{}}")
                                  << QByteArray("");
    for (const char* beyond :
        {"{'type':'object','properties':{'a':{'type':'string'}},'additionalProperties':false}",
            "{'type':'object','properties':{'a':{'$ref':'#/$defs/"
            "x'}},'$defs':{'x':{'type':'string'}}}",
            "{'type':'object','properties':{'a':{'const':1}}}",
            "{'type':'object','properties':{'a':{'type':'object','properties':{}}}}",
            "{'type':'object','properties':{'a':{'type':'string','format':'uuid'}}}",
            "{'type':'object','properties':{'a':{'type':'integer','enum':[1,2]}}}",
            "{'type':'object','properties':{'a':{'type':'array','prefixItems':[]}}}",
            "{'type':'object','properties':{'a':{'type':['string','integer']}}}",
            "{'type':'object','properties':{'a':true}}"}) {
        QTest::newRow(beyond) << QByteArray(beyond)
                              << QByteArray("'parametersJsonSchema':") + beyond;
    }
}

void TestGeminiRequest::schemasFitOrGoWhole()
{
    QFETCH(QByteArray, schema);
    QFETCH(QByteArray, declared);
    Conversation chat;
    chat.turns.push_back(turnOf(Role::User, {textPart("go")}));
    Tool tool;
    tool.name = "f";
    tool.parameters = parsed(quoted(schema.toStdString()));
    chat.tools.push_back(tool);
    Losses losses;
    const json::object body = writtenBy(chat, losses);
    const std::string expected = quoted("[{'functionDeclarations':[{'name':'f'"
        + (declared.isEmpty() ? std::string() : "," + declared.toStdString()) + "}]}]");
    QCOMPARE(json::serialize(body.at("tools")), expected);
    QVERIFY(losses.empty());
}

void TestGeminiRequest::imagesByAddressGetAType()
{
    const auto written = [](const char* url, Part::Kind kind) {
        Conversation chat;
        Part part;
        part.kind = kind;
        part.url = url;
        chat.turns.push_back(turnOf(Role::User, {part}));
        Losses losses;
        const json::object body = writtenBy(chat, losses);
        return json::serialize(body.at("contents").at(0).at("parts").at(0));
    };
    QCOMPARE(written("https://a/b.png?x=1", Part::Kind::Image),
        quoted("{'fileData':{'mimeType':'image/png','fileUri':'https://a/b.png?x=1'}}"));
    QCOMPARE(written("https://a/b", Part::Kind::Image),
        quoted("{'fileData':{'mimeType':'image/jpeg','fileUri':'https://a/b'}}"));
    QCOMPARE(written("https://a/b.pdf", Part::Kind::File),
        quoted("{'fileData':{'mimeType':'application/pdf','fileUri':'https://a/b.pdf'}}"));
    // A file that another provider keeps is named as a loss.
    Conversation chat;
    Part file;
    file.kind = Part::Kind::File;
    file.fileId = "file-abc";
    chat.turns.push_back(turnOf(Role::User, {textPart("read"), file}));
    Losses losses;
    const json::object body = writtenBy(chat, losses);
    QCOMPARE(body.at("contents").at(0).at("parts").as_array().size(), std::size_t(1));
    QCOMPARE(losses.size(), std::size_t(1));
}

void TestGeminiRequest::effort_data()
{
    QTest::addColumn<QByteArray>("effort");
    QTest::addColumn<QByteArray>("model");
    QTest::addColumn<QByteArray>("config");
    QTest::newRow("low on 3") << QByteArray("low") << QByteArray("gemini-3-flash-preview")
                              << QByteArray("{'thinkingLevel':'low'}");
    QTest::newRow("minimal on 3 pro") << QByteArray("minimal") << QByteArray("gemini-3-pro-preview")
                                      << QByteArray("{'thinkingLevel':'low'}");
    QTest::newRow("max on 3") << QByteArray("max") << QByteArray("gemini-3-flash-preview")
                              << QByteArray("{'thinkingLevel':'high'}");
    QTest::newRow("none on 3") << QByteArray("none") << QByteArray("gemini-3-flash-preview")
                               << QByteArray("{'thinkingLevel':'minimal'}");
    QTest::newRow("medium on 2.5") << QByteArray("medium") << QByteArray("gemini-2.5-flash")
                                   << QByteArray("{'thinkingBudget':8192}");
    QTest::newRow("max on 2.5") << QByteArray("max") << QByteArray("gemini-2.5-pro")
                                << QByteArray("{'thinkingBudget':24576}");
    QTest::newRow("none on 2.5") << QByteArray("none") << QByteArray("gemini-2.5-flash")
                                 << QByteArray("{'thinkingBudget':0}");
    QTest::newRow("none on 2.5 pro") << QByteArray("none") << QByteArray("gemini-2.5-pro")
                                     << QByteArray("{'thinkingBudget':128}");
}

void TestGeminiRequest::effort()
{
    QFETCH(QByteArray, effort);
    QFETCH(QByteArray, model);
    QFETCH(QByteArray, config);
    Conversation chat;
    chat.turns.push_back(turnOf(Role::User, {textPart("go")}));
    chat.reasoning.effort = effort.toStdString();
    Losses losses;
    const json::object body = writtenBy(chat, losses, model.constData());
    QCOMPARE(json::serialize(body.at("generationConfig").at("thinkingConfig")),
        quoted(config.toStdString()));
}

void TestGeminiRequest::namesLosses()
{
    Conversation chat;
    chat.turns.push_back(turnOf(Role::User, {textPart("go")}));
    chat.user = "u";
    chat.verbosity = "low";
    chat.metadata["a"] = "b";
    chat.toolChoice.parallel = false;
    chat.extra = {Dialect::Chat, json::object{{"store", true}}};
    chat.stop = {"1", "2", "3", "4", "5", "6"};
    Tool hosted;
    hosted.hosted = true;
    hosted.name = "web_search";
    hosted.native = {Dialect::Responses, json::object{{"type", "web_search"}}};
    chat.tools.push_back(hosted);
    hosted.name = "image_generation";
    chat.tools.push_back(hosted);
    Losses losses;
    const json::object body = writtenBy(chat, losses);
    QCOMPARE(losses.size(), std::size_t(8));
    QCOMPARE(json::serialize(body.at("tools")), quoted("[{'googleSearch':{}}]"));
    QCOMPARE(body.at("generationConfig").at("stopSequences").as_array().size(), std::size_t(5));
    chat.previousResponseId = "resp_1";
    QVERIFY(!gemini.writeRequest(chat, toModel("gemini-3-flash"), losses));
}

QTEST_GUILESS_MAIN(TestGeminiRequest)
#include "tst_gemini_request.moc"
