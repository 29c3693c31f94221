// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "core/wire/stream_relay.h"

#include <algorithm>

using namespace headgate;
using namespace headgate::wire;

namespace {

/// JSON with ' for ".
std::string quoted(std::string text)
{
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

AnswerEvent anEvent(AnswerEvent::Kind kind, int block = 0)
{
    AnswerEvent out;
    out.kind = kind;
    out.block = block;
    return out;
}

AnswerEvent toolStart(int block, const std::string& id, const std::string& name)
{
    AnswerEvent out = anEvent(AnswerEvent::Kind::BlockStart, block);
    out.part.kind = Part::Kind::ToolCall;
    out.part.id = id;
    out.part.name = name;
    return out;
}

std::string written(const std::vector<AnswerEvent>& events, const AnswerContext& context)
{
    const std::unique_ptr<EventWriter> writer = chatCodec().eventWriter(context);
    std::string out;
    for (const AnswerEvent& one : events) {
        writer->write(one, out);
    }
    writer->end(out);
    return out;
}

Conversation asking()
{
    Conversation out;
    out.source = Dialect::Anthropic;
    Turn& turn = out.turns.emplace_back();
    turn.parts.emplace_back().text = "hi";
    out.maxOutput = 9;
    return out;
}

std::string request(const Conversation& from, const WriteOptions& options, Losses& losses)
{
    const Result<std::string> out = chatCodec().writeRequest(from, options, losses);
    return out ? *out : "refused: " + out.error().message;
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(quoted(part)) != std::string::npos;
}

} // namespace

/// The traps of the chat dialect, one test each.
class TestChatCodec : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void refusesWhatCannotBeSaid();
    void roleComesFirst();
    void usageOnlyChunkHasNoChoices();
    void aCallWithoutArgumentsGetsAnObject();
    void parallelResultsAreOneMessageEach();
    void imagesOfResultsFollowAllResults();
    void nameOfTheCeiling();
    void reasoningModelsRefuseSampling();
    void interleavedCallsKeepApart();
    void forcedToolThatEndsWithStop();
    void freeTextIsUnwrapped();
    void oldFunctionsGetTheOldForm();
    void errorEndsATranslatedStream();
    void errorBodies();
};

void TestChatCodec::refusesWhatCannotBeSaid()
{
    Conversation from = asking();
    from.previousResponseId = "resp_1";
    Losses losses;
    QVERIFY(request(from, {}, losses).starts_with("refused: "));
    from = asking();
    from.turns.front().parts.front().kind = Part::Kind::Image;
    QVERIFY(request(from, {}, losses).starts_with("refused: "));
    for (const char* body : {"", "[]", "{}", "{\"model\":\"m\",\"messages\":[],\"model\":\"n\"}"}) {
        QVERIFY(!chatCodec().readRequest(body, {}));
        QVERIFY(!chatCodec().readAnswer("[" + std::string(body)));
    }
    const auto other = chatCodec().readAnswer(quoted("{'object':'chat.completion'}"));
    QVERIFY(!other);
    QVERIFY(contains(other.error().message, "neither choices nor usage"));
}

void TestChatCodec::roleComesFirst()
{
    AnswerEvent start = anEvent(AnswerEvent::Kind::Start);
    start.id = "x";
    const std::string out = written({start, toolStart(0, "c", "f")}, {});
    QVERIFY(contains(out.substr(0, out.find("\n\n")), "'role':'assistant'"));
    QVERIFY(out.find("tool_calls") > out.find("\n\n"));
    QCOMPARE(out.rfind("data: [DONE]\n\n"), out.size() - 14);
}

void TestChatCodec::usageOnlyChunkHasNoChoices()
{
    AnswerEvent usage = anEvent(AnswerEvent::Kind::Usage);
    usage.usage.inputUncached = 5;
    usage.usage.cacheRead = 2;
    usage.usage.output = 3;
    AnswerContext context;
    const std::string out = written({anEvent(AnswerEvent::Kind::Start), usage}, context);
    QVERIFY(contains(out, "'choices':[],'usage':{'prompt_tokens':7,'completion_tokens':3"));
    context.includeUsage = false;
    QVERIFY(!contains(written({anEvent(AnswerEvent::Kind::Start), usage}, context), "'usage'"));
}

void TestChatCodec::aCallWithoutArgumentsGetsAnObject()
{
    AnswerEvent end = anEvent(AnswerEvent::Kind::BlockEnd);
    end.part.kind = Part::Kind::ToolCall;
    QVERIFY(contains(written({toolStart(0, "c", "f"), end}, {}), "'arguments':'{}'"));
}

void TestChatCodec::parallelResultsAreOneMessageEach()
{
    Conversation from = asking();
    Turn& turn = from.turns.emplace_back();
    for (const char* id : {"a", "b"}) {
        Part& part = turn.parts.emplace_back();
        part.kind = Part::Kind::ToolResult;
        part.id = id;
        part.content.emplace_back().text = id;
    }
    turn.parts.emplace_back().text = "and now";
    Losses losses;
    const std::string out = request(from, {}, losses);
    QVERIFY(contains(out,
        "{'role':'tool','tool_call_id':'a','content':'a'},"
        "{'role':'tool','tool_call_id':'b','content':'b'},{'role':'user','content':'and now'}"));
}

void TestChatCodec::imagesOfResultsFollowAllResults()
{
    Conversation from = asking();
    Turn& turn = from.turns.emplace_back();
    for (const char* id : {"a", "b"}) {
        Part& part = turn.parts.emplace_back();
        part.kind = Part::Kind::ToolResult;
        part.id = id;
        Part& image = part.content.emplace_back();
        image.kind = Part::Kind::Image;
        image.mime = "image/png";
        image.data = "AAAA";
    }
    Losses losses;
    const std::string out = request(from, {}, losses);
    QVERIFY(out.rfind("tool_call_id") < out.find("image_url"));
    QVERIFY(contains(out, "'url':'data:image/png;base64,AAAA'"));
    QVERIFY(!losses.empty());
}

void TestChatCodec::nameOfTheCeiling()
{
    Losses losses;
    WriteOptions options;
    options.model = "m";
    QVERIFY(contains(request(asking(), options, losses), "'max_completion_tokens':9"));
    options.ceilingField = "max_tokens";
    options.outputCeiling = 7;
    QVERIFY(contains(request(asking(), options, losses), "'max_tokens':7"));
}

void TestChatCodec::reasoningModelsRefuseSampling()
{
    Conversation from = asking();
    from.temperature = 0.5;
    from.logprobs = true;
    from.stop = {"x"};
    WriteOptions options;
    Losses losses;
    QVERIFY(contains(request(from, options, losses), "'temperature':5E-1"));
    QVERIFY(losses.empty());
    options.reasoningModel = true;
    const std::string out = request(from, options, losses);
    QVERIFY(
        !contains(out, "temperature") && !contains(out, "logprobs") && !contains(out, "'stop'"));
    QCOMPARE(losses.size(), std::size_t(3));
}

void TestChatCodec::interleavedCallsKeepApart()
{
    const std::unique_ptr<EventReader> reader = chatCodec().eventReader();
    std::vector<AnswerEvent> events;
    for (const char* call : {"{'index':0,'id':'a','function':{'name':'f','arguments':'{'}}",
             "{'index':1,'id':'b','function':{'name':'g','arguments':'['}}",
             "{'index':0,'function':{'arguments':'}'}}", "{'index':1,'function':{'arguments':']'}}",
             "{'index':1,'id':'c','function':{'name':'h','arguments':'1'}}"}) {
        QVERIFY(reader->read({},
            quoted("{'choices':[{'delta':{'tool_calls':[" + std::string(call) + "]}}]}"), events));
    }
    QVERIFY(reader->read({}, quoted("{'choices':[{'finish_reason':'tool_calls'}]}"), events));
    AnswerBuilder builder;
    for (const AnswerEvent& one : events) {
        builder.add(one);
    }
    const std::vector<Part>& parts = builder.answer().choices.front().parts;
    QCOMPARE(parts.size(), std::size_t(3));
    QCOMPARE(parts[0].arguments, std::string("{}"));
    QCOMPARE(parts[1].arguments, std::string("[]"));
    QCOMPARE(parts[2].name, std::string("h"));
}

void TestChatCodec::forcedToolThatEndsWithStop()
{
    const Result<Answer> answer = chatCodec().readAnswer(
        quoted("{'choices':[{'message':{'tool_calls':[{'id':'a','function':{'name':'f',"
               "'arguments':'{}'}}]},'finish_reason':'stop'}]}"));
    QVERIFY(answer);
    QCOMPARE(answer->choices.front().stop, StopReason::ToolCall);
    QVERIFY(contains(chatCodec().writeAnswer(*answer, {}), "'finish_reason':'stop'"));
}

void TestChatCodec::freeTextIsUnwrapped()
{
    Conversation asked = asking();
    asked.source = Dialect::Chat;
    Tool tool;
    tool.custom = true;
    tool.name = "patch";
    asked.tools.push_back(tool);
    AnswerContext context;
    context.request = &asked;
    AnswerEvent delta = anEvent(AnswerEvent::Kind::Delta);
    delta.text = quoted("{'input':'*** Begin'}");
    AnswerEvent end = anEvent(AnswerEvent::Kind::BlockEnd);
    end.part.kind = Part::Kind::ToolCall;
    const std::string out = written({toolStart(0, "c", "patch"), delta, end}, context);
    QVERIFY(contains(out, "'custom':{'input':'*** Begin'}"));
    QVERIFY(!contains(out, "'function'"));
}

void TestChatCodec::oldFunctionsGetTheOldForm()
{
    const Result<Conversation> asked = chatCodec().readRequest(
        quoted("{'model':'m','messages':[{'role':'user','content':'x'},{'role':'assistant',"
               "'function_call':{'name':'f','arguments':'{}'}},{'role':'function','name':'f',"
               "'content':'1'}],'functions':[{'name':'f'}]}"),
        {});
    QVERIFY(asked);
    QCOMPARE(asked->turns[1].parts.front().id, asked->turns[2].parts.front().id);
    AnswerContext context;
    context.request = &*asked;
    AnswerEvent finish = anEvent(AnswerEvent::Kind::Finish);
    finish.stop = StopReason::ToolCall;
    const std::string out = written({toolStart(0, "c", "f"), finish}, context);
    QVERIFY(contains(out, "'function_call':{'arguments':'','name':'f'}"));
    QVERIFY(contains(out, "'finish_reason':'function_call'"));
}

void TestChatCodec::errorEndsATranslatedStream()
{
    RelayOptions options;
    options.upstream = Dialect::Anthropic;
    options.client = Dialect::Chat;
    StreamRelay relay(options);
    std::string out;
    QVERIFY(relay.feed(quoted("event: error\ndata: {'type':'error','error':{'type':"
                              "'overloaded_error','message':'busy'}}\n\n"),
        out));
    relay.finish(out);
    QVERIFY(contains(out, "'message':'busy'"));
    QCOMPARE(out.find("[DONE]"), out.rfind("[DONE]"));
    QCOMPARE(relay.facts().error, std::string("busy"));
}

void TestChatCodec::errorBodies()
{
    const auto message
        = [](const char* body) { return chatCodec().readError(quoted(body)).message; };
    QCOMPARE(message("{'error':{'message':'no','code':7}}"), std::string("no"));
    QCOMPARE(message("{'error':'plain'}"), std::string("plain"));
    QCOMPARE(message("{'detail':'gone'}"), std::string("gone"));
    QCOMPARE(message("<html>"), std::string("<html>"));
    QCOMPARE(message("not \x9a UTF-8"), std::string("not ? UTF-8"));
    QVERIFY(
        contains(chatCodec().writeError(429, {"slow", {}, {}, {}}), "'type':'rate_limit_error'"));
}

QTEST_GUILESS_MAIN(TestChatCodec)
#include "tst_chat_codec.moc"
