// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "turns.h"
#include "wire_samples.h"

#include "core/wire/codec.h"
#include "core/wire/ollama_routes.h"

#include <QTest>

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::test;
namespace json = boost::json;

namespace {

const Codec& ollama = ollamaCodec();

RequestPath generatePath()
{
    RequestPath path;
    path.generate = true;
    return path;
}

Conversation chatOf(Part part)
{
    Conversation chat;
    chat.turns.push_back(turnOf(Role::User, {std::move(part)}));
    return chat;
}

json::object writtenBy(
    const Conversation& conversation, Losses& losses, const char* model = "llama3.2")
{
    WriteOptions options;
    options.model = model;
    options.stream = conversation.stream;
    const Result<std::string> body = ollama.writeRequest(conversation, options, losses);
    const json::value value = body ? parsed(*body) : json::value();
    return value.is_object() ? value.get_object() : json::object();
}

/// Members of objects in any order.
bool sameJson(const json::value& a, const std::string& text)
{
    return a == parsed(quoted(text));
}

RelayOptions toClient(Dialect client)
{
    RelayOptions options;
    options.upstream = Dialect::Ollama;
    options.client = client;
    options.context.model = "m";
    options.context.id = "d1";
    return options;
}

const char* const chatStream
    = "{'model':'llama3.2','created_at':'2026-11-22T10:00:00Z','message':{'role':'assistant','"
      "content':'',"
      "'thinking':'hm'},'done':false}\n"
      "{'model':'llama3.2','created_at':'2026-11-22T10:00:00Z','message':{'role':'assistant','"
      "content':'Hé'},"
      "'done':false}\n"
      "{'model':'llama3.2','created_at':'2026-11-22T10:00:00Z','message':{'role':'assistant','"
      "content':'llo'},"
      "'done':false}\n"
      "{'model':'llama3.2','created_at':'2026-11-22T10:00:00Z','message':{'role':'assistant','"
      "content':'',"
      "'tool_calls':[{'function':{'name':'f','arguments':{'a':1}}},{'function':{'name':'g','"
      "arguments':{}}}]},"
      "'done':false}\n"
      "{'model':'llama3.2','created_at':'2026-11-22T10:00:01Z','message':{'role':'assistant','"
      "content':''},"
      "'done_reason':'stop','done':true,'total_duration':4883583458,'load_duration':1334875,"
      "'prompt_eval_count':26,'prompt_eval_duration':342546000,'eval_count':282,'eval_duration':"
      "4535599000}\n";

} // namespace

class TestOllamaCodec : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void badRequests_data();
    void badRequests();
    void view_data();
    void view();
    void edits_data();
    void edits();
    void sameDialectLosesNothing_data();
    void sameDialectLosesNothing();
    void resultsFindTheirCalls();
    void writesFromOthers();
    void refusesWhatMustNotBeDropped();
    void think_data();
    void think();
    void badAnswers_data();
    void badAnswers();
    void answers();
    void usageOfNothingIsNoUsage_data();
    void usageOfNothingIsNoUsage();
    void streamIsRead();
    void streamErrorIsAnEvent();
    void everySlicing_data();
    void everySlicing();
    void streamIsWritten_data();
    void streamIsWritten();
    void translatesGemini();
    void refusals();
    void tags();
};

void TestOllamaCodec::badRequests_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("nothing") << QByteArray() << QByteArray("");
    QTest::newRow("a list") << QByteArray("[]") << QByteArray("object");
    QTest::newRow("no model") << QByteArray("{'messages':[]}") << QByteArray("model");
    QTest::newRow("no messages") << QByteArray("{'model':'m'}") << QByteArray("messages");
    QTest::newRow("messages as text")
        << QByteArray("{'model':'m','messages':'hi'}") << QByteArray("messages");
    QTest::newRow("a message as text")
        << QByteArray("{'model':'m','messages':['hi']}") << QByteArray("message");
    QTest::newRow("model twice") << QByteArray("{'model':'m','messages':[],'model':'x'}")
                                 << QByteArray("twice");
    QTest::newRow("ceiling twice")
        << QByteArray("{'model':'m','messages':[],'options':{'num_predict':1,'num_predict':9}}")
        << QByteArray("twice");
    QTest::newRow("ceiling in words")
        << QByteArray("{'model':'m','messages':[],'options':{'num_predict':'7'}}")
        << QByteArray("num_predict");
    QTest::newRow("half a token") << QByteArray(
        "{'model':'m','messages':[],'options':{'num_predict':7.5}}")
                                  << QByteArray("num_predict");
    QTest::newRow("options as list")
        << QByteArray("{'model':'m','messages':[],'options':[]}") << QByteArray("options");
    QTest::newRow("tools as text")
        << QByteArray("{'model':'m','messages':[],'tools':'f'}") << QByteArray("tools");
    QTest::newRow("a tool without function")
        << QByteArray("{'model':'m','messages':[],'tools':[{}]}") << QByteArray("function");
}

void TestOllamaCodec::badRequests()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, says);
    const Result<RequestView> view = ollama.readView(quoted(body.toStdString()), {});
    QVERIFY(!view);
    QCOMPARE(view.error().code, ErrorCode::InvalidArgument);
    QVERIFY2(view.error().text().find(says.toStdString()) != std::string::npos,
        view.error().text().c_str());
}

void TestOllamaCodec::view_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<bool>("generate");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("streams unless told otherwise")
        << QByteArray("{'model':'m','messages':[{'role':'user','content':'hi'}]}") << false
        << QByteArray("stream=1 max=- text=hi raw=0 images=0 tools=0");
    QTest::newRow("whole") << QByteArray("{'model':'m','stream':false,'messages':[{'role':'user','"
                                         "content':'hi','images':['iVBORw==']}],"
                                         "'options':{'num_predict':50}}")
                           << false << QByteArray("stream=0 max=50 text=hi raw=0 images=1 tools=0");
    QTest::newRow("no limit") << QByteArray(
        "{'model':'m','messages':[{'role':'user','content':'hi'}],'options':{'num_predict':-1}}")
                              << false
                              << QByteArray("stream=1 max=- text=hi raw=0 images=0 tools=0");
    QTest::newRow("fill the context") << QByteArray(
        "{'model':'m','messages':[{'role':'user','content':'hi'}],'options':{'num_predict':-2}}")
                                      << false
                                      << QByteArray(
                                             "stream=1 max=- text=hi raw=0 images=0 tools=0");
    QTest::newRow("generate") << QByteArray(
        "{'model':'m','prompt':'go','context':[1,2,3],'images':['/9j/4A==']}")
                              << true
                              << QByteArray("stream=1 max=- text=go raw=3 images=1 tools=0");
    QTest::newRow("generate to load a model")
        << QByteArray("{'model':'m','keep_alive':0}") << true
        << QByteArray("stream=1 max=- text= raw=0 images=0 tools=0");
    QTest::newRow("tools") << QByteArray("{'model':'m','messages':[{'role':'user','content':'hi'}],"
                                         "'tools':[{'type':'function','function':"
                                         "{'name':'f','parameters':{}}}]}")
                           << false << QByteArray("stream=1 max=- text=hi raw=0 images=0 tools=1");
}

void TestOllamaCodec::view()
{
    QFETCH(QByteArray, body);
    QFETCH(bool, generate);
    QFETCH(QByteArray, expected);
    const Result<RequestView> view
        = ollama.readView(quoted(body.toStdString()), generate ? generatePath() : RequestPath());
    QVERIFY2(view, view ? "" : view.error().text().c_str());
    const Message& message = view->messages.back();
    const QByteArray got = "stream=" + QByteArray::number(view->stream ? 1 : 0) + " max="
        + (view->maxTokens ? QByteArray::number(static_cast<qlonglong>(*view->maxTokens))
                           : QByteArray("-"))
        + " text=" + QByteArray::fromStdString(message.text)
        + " raw=" + QByteArray::number(static_cast<qlonglong>(view->rawTokens)) + " images="
        + QByteArray::number(message.imageParts) + " tools=" + QByteArray::number(view->tools);
    QCOMPARE(got, expected);
    QCOMPARE(view->dialect, Dialect::Ollama);
    QCOMPARE(view->model, std::string("m"));
}

void TestOllamaCodec::edits_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("absent") << QByteArray("{'model': 'm', 'messages':[ ]}")
                            << QByteArray(
                                   "{'model': 'n','options':{'num_predict':9}, 'messages':[ ]}");
    QTest::newRow("there")
        << QByteArray("{'model':'m','options':{'seed':1,'num_predict': 77},'messages':[ ]}")
        << QByteArray("{'model':'n','options':{'seed':1,'num_predict': 9},'messages':[ ]}");
    QTest::newRow("no limit") << QByteArray(
        "{'model':'m','options':{'num_predict':-1},'messages':[ ]}")
                              << QByteArray(
                                     "{'model':'n','options':{'num_predict':9},'messages':[ ]}");
}

void TestOllamaCodec::edits()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, expected);
    const std::string text = quoted(body.toStdString());
    const Result<RequestView> view = ollama.readView(text, {});
    QVERIFY(view);
    RequestEdits edits;
    edits.model = "n";
    edits.outputCeiling = 9;
    const Result<std::string> edited = ollama.edit(text, *view, edits);
    QVERIFY(edited);
    QVERIFY2(sameJson(parsed(*edited), expected.toStdString()), edited->c_str());
}

void TestOllamaCodec::sameDialectLosesNothing_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::newRow("everything in a chat") << QByteArray(
        "{'model':'llama3.2','stream':true,'messages':[{'role':'system','content':'be brief'},"
        "{'role':'user','content':'look','images':['iVBORw==']},"
        "{'role':'assistant','content':'','thinking':'hm','tool_calls':[{'id':'call_a','function':"
        "{'index':0,'name':'f','arguments':{'city':'Rome'}}}]},"
        "{'role':'tool','content':'11 degrees','tool_name':'f','tool_call_id':'call_a'},"
        "{'role':'control','content':'thinking'}],"
        "'tools':[{'type':'function','function':{'name':'f','description':'d','parameters':{'type':"
        "'object',"
        "'properties':{'city':{'type':'string'}}}}}],"
        "'format':{'type':'object'},'think':'high','keep_alive':'5m','logprobs':true,'top_logprobs'"
        ":2,"
        "'options':{'num_predict':-1,'num_ctx':4096,'temperature':0.5,'top_k':20,'top_p':0.9,'min_"
        "p':0,"
        "'seed':42,'stop':['a','b'],'presence_penalty':1,'frequency_penalty':1,'repeat_penalty':1."
        "2}}");
    QTest::newRow("generate in the middle") << QByteArray(
        "{'model':'llama3.2','stream':true,'prompt':'def f():','suffix':'return x','system':'code',"
        "'images':['/9j/4A=='],'raw':true,'format':'json','keep_alive':0,'context':[1,2],"
        "'think':false,'options':{'num_predict':20}}");
}

void TestOllamaCodec::sameDialectLosesNothing()
{
    QFETCH(QByteArray, body);
    const Result<Conversation> read = ollama.readRequest(quoted(body.toStdString()), {});
    QVERIFY(read);
    Losses losses;
    const json::object written = writtenBy(*read, losses);
    QVERIFY(losses.empty());
    QVERIFY2(sameJson(written, body.toStdString()), json::serialize(written).c_str());
}

void TestOllamaCodec::resultsFindTheirCalls()
{
    // Ollama's own models give no ids; older clients do not even name the tool.
    const Result<Conversation> read = ollama.readRequest(
        quoted(
            "{'model':'m','messages':[{'role':'assistant','content':'','tool_calls':["
            "{'function':{'name':'f','arguments':{}}},{'function':{'name':'g','arguments':'{}'}}]},"
            "{'role':'tool','tool_name':'g','content':'G'},{'role':'tool','content':'F'}]}"),
        {});
    QVERIFY(read);
    const std::vector<Part>& calls = read->turns[0].parts;
    QCOMPARE(calls.size(), std::size_t(2));
    QCOMPARE(calls[1].arguments, std::string("{}"));
    QCOMPARE(read->turns[1].parts[0].id, calls[1].id);
    QCOMPARE(read->turns[2].parts[0].id, calls[0].id);
    Losses losses;
    const json::object written = writtenBy(*read, losses);
    QVERIFY(json::serialize(written).find("call_ol_") == std::string::npos);
    QCOMPARE(written.at("messages").at(2).at("tool_name").as_string().c_str(), "f");
}

void TestOllamaCodec::writesFromOthers()
{
    Conversation chat;
    chat.turns.push_back(turnOf(Role::Developer, {textPart("be brief")}));
    Part image;
    image.kind = Part::Kind::Image;
    image.mime = "image/png";
    image.data = "QUJD";
    chat.turns.push_back(turnOf(Role::User, {textPart("a"), image, textPart("b")}));
    Part call;
    call.kind = Part::Kind::ToolCall;
    call.id = "c1";
    call.name = "f";
    call.arguments = "{\"x\":1}";
    chat.turns.push_back(turnOf(Role::Assistant, {call}));
    Part result;
    result.kind = Part::Kind::ToolResult;
    result.id = "c1";
    result.content = {textPart("done")};
    chat.turns.push_back(turnOf(Role::User, {textPart("and"), result}));
    chat.maxOutput = 10;
    chat.stop = {"x"};
    chat.format.kind = AnswerFormat::Kind::JsonObject;
    chat.toolChoice.kind = ToolChoice::Kind::Required;
    Tool tool;
    tool.name = "f";
    chat.tools.push_back(tool);
    Losses losses;
    const json::object written = writtenBy(chat, losses);
    QVERIFY2(sameJson(written,
                 "{'model':'llama3.2','messages':[{'role':'system','content':'be brief'},"
                 "{'role':'user','content':'a\\nb','images':['QUJD']},"
                 "{'role':'assistant','content':'','tool_calls':[{'id':'c1','function':{'index':0,'"
                 "name':'f',"
                 "'arguments':{'x':1}}}]},"
                 "{'role':'tool','content':'done','tool_name':'f','tool_call_id':'c1'},"
                 "{'role':'user','content':'and'}],"
                 "'tools':[{'type':'function','function':{'name':'f','description':'','parameters':"
                 "{'type':'object','properties':{}}}}],"
                 "'format':'json','stream':false,'options':{'num_predict':10,'stop':['x']}}"),
        json::serialize(written).c_str());
    QCOMPARE(losses.size(), std::size_t(1)); // the demand for a call
    chat.toolChoice.kind = ToolChoice::Kind::None;
    QVERIFY(!writtenBy(chat, losses).contains("tools"));
}

void TestOllamaCodec::refusesWhatMustNotBeDropped()
{
    Losses losses;
    const WriteOptions options;
    Part image;
    image.kind = Part::Kind::Image;
    image.url = "https://example.org/a.png";
    QVERIFY(!ollama.writeRequest(chatOf(image), options, losses));
    Part audio;
    audio.kind = Part::Kind::Audio;
    audio.data = "AA==";
    QVERIFY(!ollama.writeRequest(chatOf(audio), options, losses));
    Conversation many = chatOf(textPart("hi"));
    many.n = 2;
    QVERIFY(!ollama.writeRequest(many, options, losses));
    Conversation stateful = chatOf(textPart("hi"));
    stateful.previousResponseId = "resp_1";
    QVERIFY(!ollama.writeRequest(stateful, options, losses));
}

void TestOllamaCodec::think_data()
{
    QTest::addColumn<QByteArray>("effort");
    QTest::addColumn<QByteArray>("model");
    QTest::addColumn<QByteArray>("think");
    QTest::newRow("nothing asked") << QByteArray("") << QByteArray("qwen3") << QByteArray("null");
    QTest::newRow("none") << QByteArray("none") << QByteArray("qwen3") << QByteArray("false");
    QTest::newRow("low") << QByteArray("low") << QByteArray("qwen3") << QByteArray("true");
    QTest::newRow("levels") << QByteArray("low") << QByteArray("gpt-oss:20b")
                            << QByteArray("\"low\"");
    QTest::newRow("least level") << QByteArray("minimal") << QByteArray("gpt-oss:20b")
                                 << QByteArray("\"low\"");
    QTest::newRow("most") << QByteArray("xhigh") << QByteArray("gpt-oss:20b")
                          << QByteArray("\"high\"");
}

void TestOllamaCodec::think()
{
    QFETCH(QByteArray, effort);
    QFETCH(QByteArray, model);
    QFETCH(QByteArray, think);
    Conversation chat = chatOf(textPart("hi"));
    chat.reasoning.effort = effort.toStdString();
    Losses losses;
    const json::object written = writtenBy(chat, losses, model.constData());
    const json::value* value = written.if_contains("think");
    QCOMPARE(QByteArray::fromStdString(json::serialize(value != nullptr ? *value : json::value())),
        think);
}

void TestOllamaCodec::badAnswers_data()
{
    QTest::addColumn<QByteArray>("body");
    for (const char* body :
        {"", "7", "[]", "{}", "{'message':7}", "{'done':true}", "{'model':'m'"}) {
        QTest::newRow(*body != '\0' ? body : "nothing") << QByteArray(body);
    }
}

void TestOllamaCodec::badAnswers()
{
    QFETCH(QByteArray, body);
    QVERIFY(!ollama.readAnswer(quoted(body.toStdString())));
}

void TestOllamaCodec::answers()
{
    const std::string chat = quoted(
        "{'model':'llama3.2','created_at':'2026-11-22T10:00:00Z','message':{'role':'assistant',"
        "'content':'hi','thinking':'hm','tool_calls':[{'function':{'index':0,'name':'f','arguments'"
        ":"
        "{'a':1.5}}}]},'done_reason':'stop','done':true,'total_duration':5,'prompt_eval_count':26,"
        "'eval_count':3}");
    const Result<Answer> read = ollama.readAnswer(chat);
    QVERIFY(read && read->usage);
    QCOMPARE(read->usage->inputTotal(), std::int64_t(26));
    QCOMPARE(read->usage->output, std::int64_t(3));
    QCOMPARE(read->choices[0].stop, StopReason::ToolCall);
    QCOMPARE(textOf(read->choices[0]), std::string("hi"));
    QVERIFY2(parsed(ollama.writeAnswer(*read, {})) == parsed(chat),
        ollama.writeAnswer(*read, {}).c_str());
    const std::string generated = quoted(
        "{'model':'llama3.2','created_at':'2026-11-22T10:00:00Z','response':'hi','done':true,"
        "'done_reason':'length','context':[1,2],'prompt_eval_count':26,'eval_count':3}");
    const Result<Answer> cut = ollama.readAnswer(generated);
    QVERIFY(cut);
    QCOMPARE(cut->choices[0].stop, StopReason::Length);
    AnswerContext context;
    context.generate = true;
    QVERIFY2(parsed(ollama.writeAnswer(*cut, context)) == parsed(generated),
        ollama.writeAnswer(*cut, context).c_str());
    const Result<Answer> failed = ollama.readAnswer(quoted("{'error':'model not found'}"));
    QVERIFY(failed);
    QCOMPARE(failed->error, std::string("model not found"));
}

void TestOllamaCodec::usageOfNothingIsNoUsage_data()
{
    QTest::addColumn<QByteArray>("counts");
    QTest::addColumn<bool>("usage");
    QTest::newRow("none") << QByteArray("") << false;
    QTest::newRow("a cached prompt") << QByteArray(",'eval_count':5") << false;
    QTest::newRow("no output") << QByteArray(",'prompt_eval_count':5") << true;
    QTest::newRow("negative") << QByteArray(",'prompt_eval_count':-5,'eval_count':1") << false;
    QTest::newRow("absurd") << QByteArray(",'prompt_eval_count':9e18,'eval_count':1") << false;
    QTest::newRow("both") << QByteArray(",'prompt_eval_count':5,'eval_count':1") << true;
}

void TestOllamaCodec::usageOfNothingIsNoUsage()
{
    QFETCH(QByteArray, counts);
    QFETCH(bool, usage);
    const std::string line = quoted("{'model':'m','message':{'role':'assistant','content':'a'},"
                                    "'done':true"
        + counts.toStdString() + "}");
    const Result<Answer> answer = ollama.readAnswer(line);
    QVERIFY(answer);
    QCOMPARE(answer->usage.has_value(), usage);
    const Relayed relayed = relayWhole(line + "\n", toClient(Dialect::Ollama));
    QVERIFY(relayed.facts.done);
    QCOMPARE(relayed.facts.usage.has_value(), usage);
}

void TestOllamaCodec::streamIsRead()
{
    const std::string stream = quoted(chatStream);
    const Relayed relayed = relayWhole(stream, toClient(Dialect::Ollama));
    QCOMPARE(relayed.out, stream);
    QVERIFY(relayed.facts.done);
    QCOMPARE(relayed.facts.usage->output, std::int64_t(282));
    QCOMPARE(relayed.facts.model, std::string("llama3.2"));
    std::vector<std::string> lines;
    StreamSplitter splitter(StreamSplitter::Framing::Ndjson);
    QVERIFY(splitter.feed(stream));
    StreamSplitter::Event event;
    while (splitter.next(event)) {
        lines.emplace_back(event.data);
    }
    const Answer answer = answerOf(ollama, lines);
    QCOMPARE(answer.choices.size(), std::size_t(1));
    const std::vector<Part>& parts = answer.choices[0].parts;
    QCOMPARE(parts.size(), std::size_t(4));
    QCOMPARE(parts[0].kind, Part::Kind::Thinking);
    QCOMPARE(parts[1].text, std::string("Héllo"));
    QCOMPARE(parts[2].arguments, std::string("{\"a\":1}"));
    QVERIFY(parts[2].id != parts[3].id && !parts[3].id.empty());
    QCOMPARE(answer.choices[0].stop, StopReason::ToolCall);
}

void TestOllamaCodec::streamErrorIsAnEvent()
{
    const std::string stream
        = quoted("{'model':'m','message':{'role':'assistant','content':'a'},'done':false}\n"
                 "{'error':'an error was encountered while running the model'}\n");
    const Relayed relayed = relayWhole(stream, toClient(Dialect::Ollama));
    QVERIFY(!relayed.facts.done);
    QCOMPARE(relayed.facts.error, std::string("an error was encountered while running the model"));
    // What follows the end is not part of the answer.
    const std::string late = quoted("{'model':'m','message':{'content':'a'},'done':true}\n"
                                    "{'model':'m','message':{'content':'b'},'done':true}\n");
    QCOMPARE(relayWhole(late, toClient(Dialect::Ollama)).facts.text, std::string("a"));
}

void TestOllamaCodec::everySlicing_data()
{
    QTest::addColumn<int>("client");
    QTest::newRow("ollama") << static_cast<int>(Dialect::Ollama);
    QTest::newRow("gemini") << static_cast<int>(Dialect::Gemini);
}

void TestOllamaCodec::everySlicing()
{
    QFETCH(int, client);
    const RelayOptions options = toClient(static_cast<Dialect>(client));
    QCOMPARE(slicingThatDiffers(quoted(chatStream), options), std::string());
}

void TestOllamaCodec::streamIsWritten_data()
{
    QTest::addColumn<bool>("generate");
    QTest::newRow("chat") << false;
    QTest::newRow("generate") << true;
}

void TestOllamaCodec::streamIsWritten()
{
    QFETCH(bool, generate);
    Answer answer;
    answer.model = "m";
    Answer::Choice choice;
    Part thinking = textPart("hm");
    thinking.kind = Part::Kind::Thinking;
    Part call;
    call.kind = Part::Kind::ToolCall;
    call.id = "c1";
    call.name = "f";
    call.arguments = "{\"a\":[1]}";
    choice.parts = {thinking, textPart("Hello"), call};
    choice.stop = StopReason::Length;
    answer.choices = {choice, choice}; // a second choice has no place here
    catalog::Usage usage;
    usage.inputUncached = 10;
    usage.cacheRead = 5;
    usage.output = 9;
    answer.usage = usage;
    AnswerContext context;
    context.generate = generate;
    const std::unique_ptr<EventWriter> writer = ollama.eventWriter(context);
    std::string out;
    for (const AnswerEvent& event : eventsOf(answer)) {
        writer->write(event, out);
    }
    writer->end(out);
    std::vector<std::string> lines;
    StreamSplitter splitter(StreamSplitter::Framing::Ndjson);
    QVERIFY(splitter.feed(out));
    StreamSplitter::Event event;
    while (splitter.next(event)) {
        lines.emplace_back(event.data);
        const json::value line = parsed(lines.back());
        QCOMPARE(line.as_object().contains("response"), generate);
        QCOMPARE(line.as_object().contains("message"), !generate);
        QVERIFY(line.as_object().contains("created_at"));
    }
    QCOMPARE(lines.size(), std::size_t(4));
    const Answer read = answerOf(ollama, lines);
    QCOMPARE(textOf(read.choices[0]), std::string("Hello"));
    QCOMPARE(textOf(read.choices[0], Part::Kind::Thinking), std::string("hm"));
    QCOMPARE(read.choices[0].parts[2].arguments, call.arguments);
    QCOMPARE(read.choices[0].stop, StopReason::Length);
    QCOMPARE(read.usage->inputTotal(), std::int64_t(15));
    QCOMPARE(read.usage->output, std::int64_t(9));
    // A stream that must stop says so in a line of its own.
    const std::unique_ptr<EventWriter> stopped = ollama.eventWriter(context);
    std::string bytes;
    Refusal refusal;
    refusal.message = "The provider failed.";
    stopped->fail(refusal, bytes);
    stopped->end(bytes);
    QCOMPARE(bytes, quoted("{'error':'The provider failed.'}\n"));
}

void TestOllamaCodec::translatesGemini()
{
    const std::vector<Sample> all = samples("google", "response-streaming.json");
    if (all.empty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const Sample& sample : all) {
        std::string stream;
        const json::value chunks = parsed(sample.text);
        for (const json::value& chunk : chunks.as_array()) {
            stream += "data: " + json::serialize(chunk) + "\n\n";
        }
        RelayOptions options = toClient(Dialect::Ollama);
        options.upstream = Dialect::Gemini;
        QCOMPARE(slicingThatDiffers(stream, options), std::string());
        const Relayed there = relayWhole(stream, options);
        const Relayed again = relayWhole(there.out, toClient(Dialect::Ollama));
        QVERIFY2(again.facts.done && again.facts.usage, sample.name.c_str());
        QCOMPARE(again.facts.usage->output, there.facts.usage->output);
        QCOMPARE(again.facts.usage->inputTotal(), there.facts.usage->inputTotal());
        // Signatures, code that ran and sound have no place there: the text does.
        if (sample.text.find("executableCode") == std::string::npos) {
            QVERIFY2(again.facts.text == there.facts.text, sample.name.c_str());
        }
    }
}

void TestOllamaCodec::refusals()
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetExceeded;
    refusal.message = "Budget cap reached.";
    const RefusalReply reply = ollama.writeRefusal(refusal);
    QCOMPARE(reply.status, 402);
    QCOMPARE(reply.body, quoted("{'error':'Budget cap reached.'}"));
    QCOMPARE(ollama.writeStreamError(refusal), quoted("{'error':'Budget cap reached.'}\n"));
    QCOMPARE(ollama.readError(reply.body).message, std::string("Budget cap reached."));
    QCOMPARE(ollama.readError(quoted("{'error':{'message':'no'}}")).message, std::string("no"));
    QCOMPARE(ollama.readError("oops").message, std::string("oops"));
    ErrorText error;
    error.message = "m";
    QCOMPARE(ollama.writeError(404, error), quoted("{'error':'m'}"));
}

void TestOllamaCodec::tags()
{
    QCOMPARE(writeOllamaTags({}), quoted("{'models':[]}"));
    OllamaModel model;
    model.name = "auto";
    model.family = "headgate";
    QVERIFY(sameJson(parsed(writeOllamaTags({model})),
        "{'models':[{'name':'auto','model':'auto','modified_at':'1970-01-01T00:00:00.000000Z','"
        "size':0,"
        "'digest':'','details':{'parent_model':'','format':'','family':'headgate','families':['"
        "headgate'],"
        "'parameter_size':'','quantization_level':''}}]}"));
}

QTEST_GUILESS_MAIN(TestOllamaCodec)
#include "tst_ollama_codec.moc"
