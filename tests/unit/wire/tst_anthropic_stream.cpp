// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "anthropic_testing.h"
#include "core/wire/stream_relay.h"

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::testing;
namespace json = boost::json;

namespace {

using Kind = AnswerEvent::Kind;

const std::string startUsage
    = "{'input_tokens':10,'cache_creation_input_tokens':30,'cache_read_input_tokens':5,"
      "'cache_creation':{'ephemeral_5m_input_tokens':10,'ephemeral_1h_input_tokens':20},"
      "'output_tokens':1,'service_tier':'standard'}";

std::string startEvent()
{
    return "{'type':'message_start','message':{'id':'msg_1','type':'message','role':'assistant',"
           "'model':'claude-opus-5','content':[],'stop_reason':null,'stop_sequence':null,'usage':"
        + startUsage + "}}";
}

std::vector<AnswerEvent> readAll(
    const std::vector<std::string>& events, std::string* error = nullptr)
{
    const std::unique_ptr<EventReader> reader = anthropicCodec().eventReader();
    std::vector<AnswerEvent> out;
    for (const std::string& event : events) {
        const Result<void> read = reader->read({}, js(event), out);
        if (!read && error != nullptr) {
            *error = read.error().text();
        }
    }
    return out;
}

Answer built(const std::vector<AnswerEvent>& events)
{
    AnswerBuilder builder;
    for (const AnswerEvent& event : events) {
        builder.add(event);
    }
    return builder.take();
}

AnswerEvent step(Kind kind, int block = 0, std::string text = {})
{
    AnswerEvent out;
    out.kind = kind;
    out.block = block;
    out.text = std::move(text);
    return out;
}

AnswerEvent blockStart(int block, Part part)
{
    AnswerEvent out = step(Kind::BlockStart, block);
    out.part = std::move(part);
    return out;
}

AnswerEvent finish(StopReason reason)
{
    AnswerEvent out = step(Kind::Finish);
    out.stop = reason;
    return out;
}

/// What a client gets: the data objects in order; each name must be its type.
std::vector<json::value> sent(
    const std::vector<AnswerEvent>& events, AnswerContext context = {}, bool ends = true)
{
    const std::unique_ptr<EventWriter> writer = anthropicCodec().eventWriter(context);
    std::string bytes;
    for (const AnswerEvent& one : events) {
        writer->write(one, bytes);
    }
    if (ends) {
        writer->end(bytes);
    }
    StreamSplitter splitter(StreamSplitter::Framing::Sse);
    std::vector<json::value> out;
    if (!splitter.feed(bytes)) {
        return out;
    }
    StreamSplitter::Event raw;
    while (splitter.next(raw)) {
        json::value data = parsed(raw.data);
        if (std::string_view(data.at("type").as_string()) != raw.name) {
            return {};
        }
        out.push_back(std::move(data));
    }
    return out;
}

/// "message_start text0 stop0 tool_use1 …": what happens in which block.
std::string outline(const std::vector<json::value>& events)
{
    std::string out;
    for (const json::value& one : events) {
        const std::string type(one.at("type").as_string());
        std::string word = type;
        if (type == "content_block_start") {
            word = std::string(one.at("content_block").at("type").as_string());
        } else if (type == "content_block_delta") {
            word = "+";
        } else if (type == "content_block_stop") {
            word = "stop";
        }
        if (one.as_object().contains("index")) {
            word += std::to_string(one.at("index").as_int64());
        }
        out += out.empty() ? word : " " + word;
    }
    return out;
}

} // namespace

class TestAnthropicStream : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void badEvents_data();
    void badEvents();
    void brokenStreamHasNoUsage();
    void readsBlocks();
    void unknownEventsMeanNothing();
    void revisedUsageWins_data();
    void revisedUsageWins();
    void messageStartIsFirstEvenBeforeAToolCall();
    void textIsClosedBeforeToolUse();
    void blockIndexIsNotToolIndex();
    void interleavedToolCallsComeOneAfterTheOther();
    void fullUsageIsInMessageDelta();
    void inputTokensAreTheTotalWithoutTheCache();
    void stopReasons_data();
    void stopReasons();
    void thinkingKeepsItsSignature();
    void emptyAnswerIsWhole();
    void foreignPartsLeaveNoHole();
    void failIsNeverSilent();
    void readsWhatItWrote();
    void wholeAnswers();
    void badAnswers_data();
    void badAnswers();
};

void TestAnthropicStream::badEvents_data()
{
    QTest::addColumn<QByteArray>("event");
    QTest::newRow("rubbish") << QByteArray("{'type'");
    QTest::newRow("array") << QByteArray("[]");
    QTest::newRow("chat") << QByteArray("[DONE]");
    QTest::newRow("no block") << QByteArray("{'type':'content_block_start','index':0}");
    QTest::newRow("no index") << QByteArray(
        "{'type':'content_block_start','content_block':{'type':'text','text':''}}");
    QTest::newRow("delta of nothing") << QByteArray(
        "{'type':'content_block_delta','index':3,'delta':{'type':'text_delta','text':'x'}}");
    QTest::newRow("block without type")
        << QByteArray("{'type':'content_block_start','index':0,'content_block':{}}");
}

void TestAnthropicStream::badEvents()
{
    QFETCH(QByteArray, event);
    std::string error;
    readAll({startEvent(), event.toStdString()}, &error);
    QVERIFY(!error.empty());
}

void TestAnthropicStream::brokenStreamHasNoUsage()
{
    // message_start says one token of output: settling with it would be far too little.
    const std::vector<AnswerEvent> events = readAll({startEvent(),
        "{'type':'content_block_start','index':0,'content_block':{'type':'text','text':''}}",
        "{'type':'content_block_delta','index':0,'delta':{'type':'text_delta','text':'Hello'}}"});
    AnswerFacts facts;
    for (const AnswerEvent& one : events) {
        addFacts(facts, one);
    }
    QVERIFY(!facts.usage);
    QCOMPARE(facts.text, std::string("Hello"));
    QCOMPARE(facts.providerRequestId, std::string("msg_1"));
}

void TestAnthropicStream::readsBlocks()
{
    const std::vector<AnswerEvent> events = readAll({startEvent(), "{'type':'ping'}",
        "{'type':'content_block_start','index':0,'content_block':{'type':'thinking','thinking':'',"
        "'signature':''}}",
        "{'type':'content_block_delta','index':0,'delta':{'type':'thinking_delta','thinking':'h'}}",
        "{'type':'content_block_delta','index':0,'delta':{'type':'signature_delta','signature':"
        "'sig'}}",
        "{'type':'content_block_stop','index':0}",
        "{'type':'content_block_start','index':1,'content_block':{'type':'server_tool_use','id':"
        "'s','name':'web_search','input':{}}}",
        "{'type':'content_block_delta','index':1,'delta':{'type':'input_json_delta',"
        "'partial_json':'{\\'query\\''}}",
        "{'type':'content_block_delta','index':1,'delta':{'type':'input_json_delta',"
        "'partial_json':':1}'}}",
        "{'type':'content_block_stop','index':1}",
        "{'type':'content_block_start','index':2,'content_block':{'type':'text','text':'a',"
        "'citations':[]}}",
        "{'type':'content_block_delta','index':2,'delta':{'type':'citations_delta','citation':"
        "{'type':'x'}}}",
        "{'type':'content_block_delta','index':2,'delta':{'type':'text_delta','text':'b'}}",
        "{'type':'content_block_stop','index':2}",
        "{'type':'content_block_start','index':3,'content_block':{'type':'tool_use','id':'t',"
        "'name':'f','input':{}}}",
        "{'type':'content_block_stop','index':3}",
        "{'type':'message_delta','delta':{'stop_reason':'tool_use','stop_sequence':null,"
        "'stop_details':{'x':1}},'usage':{'output_tokens':9}}",
        "{'type':'message_stop'}"});
    QCOMPARE(events.front().kind, Kind::Start);
    const Answer answer = built(events);
    QCOMPARE(answer.choices.size(), std::size_t(1));
    const Answer::Choice& choice = answer.choices.front();
    QCOMPARE(choice.parts.size(), std::size_t(4));
    QCOMPARE(choice.parts[0].text, std::string("h"));
    QCOMPARE(choice.parts[0].signature, std::string("sig"));
    QCOMPARE(choice.parts[0].signedBy, Dialect::Anthropic);
    QVERIFY(choice.parts[1].native.value.at("input") == parsedJs("{'query':1}"));
    QCOMPARE(choice.parts[2].text, std::string("ab"));
    QVERIFY(choice.parts[2].native.value == parsedJs("{'citations':[{'type':'x'}]}"));
    QCOMPARE(choice.parts[3].arguments, std::string("{}"));
    QCOMPARE(choice.stop, StopReason::ToolCall);
    QVERIFY(choice.native.value == parsedJs("{'stop_details':{'x':1}}"));
    QCOMPARE(answer.usage->output, 9);
    QCOMPARE(answer.usage->cacheWrite1h, 20);
}

void TestAnthropicStream::unknownEventsMeanNothing()
{
    std::string error;
    const std::vector<AnswerEvent> events = readAll(
        {"{'type':'ping'}", "{'type':'vibe_check'}", "{'type':'content_block_stop','index':9}"},
        &error);
    QVERIFY(events.empty() && error.empty());
    const std::vector<AnswerEvent> failed = readAll(
        {startEvent(), "{'type':'error','error':{'type':'overloaded_error','message':'Busy'}}"});
    QCOMPARE(failed.back().kind, Kind::Error);
    QCOMPARE(failed.back().text, std::string("Busy"));
    QCOMPARE(failed.back().stopText, std::string("overloaded_error"));
}

void TestAnthropicStream::revisedUsageWins_data()
{
    QTest::addColumn<QByteArray>("delta");
    QTest::addColumn<QList<int>>("expected"); // uncached, read, 5m, 1h, output, searches
    QTest::newRow("output only") << QByteArray("{'output_tokens':7}")
                                 << QList<int>{10, 5, 10, 20, 7, 0};
    QTest::newRow("nulls") << QByteArray("{'input_tokens':null,'output_tokens':7}")
                           << QList<int>{10, 5, 10, 20, 7, 0};
    QTest::newRow("input up") << QByteArray("{'input_tokens':12551,'output_tokens':866,"
                                            "'server_tool_use':{'web_search_requests':1}}")
                              << QList<int>{12'551, 5, 10, 20, 866, 1};
    QTest::newRow("input down") << QByteArray("{'input_tokens':4,'cache_read_input_tokens':11,"
                                              "'output_tokens':2}")
                                << QList<int>{4, 11, 10, 20, 2, 0};
    QTest::newRow("writes down") << QByteArray(
        "{'cache_creation_input_tokens':25,'output_tokens':2}")
                                 << QList<int>{10, 5, 5, 20, 2, 0};
    QTest::newRow("writes far down")
        << QByteArray("{'cache_creation_input_tokens':15,'output_tokens':2}")
        << QList<int>{10, 5, 0, 15, 2, 0};
    QTest::newRow("writes up") << QByteArray("{'cache_creation_input_tokens':40,'output_tokens':2}")
                               << QList<int>{10, 5, 20, 20, 2, 0};
    QTest::newRow("compaction") << QByteArray(
        "{'output_tokens':2,'iterations':[{'type':'compaction','input_tokens':180000,"
        "'output_tokens':3500},{'type':'message','input_tokens':10,'output_tokens':2},7]}")
                                << QList<int>{180'010, 5, 10, 20, 3'502, 0};
    QTest::newRow("split again") << QByteArray(
        "{'cache_creation_input_tokens':6,'cache_creation':{'ephemeral_5m_input_tokens':2,"
        "'ephemeral_1h_input_tokens':4},'output_tokens':2}")
                                 << QList<int>{10, 5, 2, 4, 2, 0};
}

void TestAnthropicStream::revisedUsageWins()
{
    QFETCH(QByteArray, delta);
    QFETCH(QList<int>, expected);
    const std::vector<AnswerEvent> events
        = readAll({startEvent(), "{'type':'message_delta','delta':{},'usage':{'output_tokens':1}}",
            "{'type':'message_delta','delta':{'stop_reason':'end_turn'},'usage':"
                + delta.toStdString() + "}",
            "{'type':'message_stop'}"});
    const std::optional<catalog::Usage> usage = built(events).usage;
    QVERIFY(usage);
    const QList<int> got{static_cast<int>(usage->inputUncached), static_cast<int>(usage->cacheRead),
        static_cast<int>(usage->cacheWrite5m), static_cast<int>(usage->cacheWrite1h),
        static_cast<int>(usage->output), static_cast<int>(usage->webSearches)};
    QCOMPARE(got, expected);
    QVERIFY(usage->serviceTier.empty()); // the standard one
}

void TestAnthropicStream::messageStartIsFirstEvenBeforeAToolCall()
{
    // Even when a reader forgot to begin with Start.
    const auto events = sent({blockStart(0, callPart("t", "f", "")), step(Kind::Delta, 0, "{}"),
        step(Kind::BlockEnd, 0), finish(StopReason::ToolCall)});
    QCOMPARE(outline(events),
        std::string("message_start tool_use0 +0 stop0 message_delta message_stop"));
    QVERIFY(events[1].at("content_block")
        == parsedJs("{'type':'tool_use','id':'t','name':'f','input':{}}"));
    QVERIFY(events[2].at("delta") == parsedJs("{'type':'input_json_delta','partial_json':'{}'}"));
}

void TestAnthropicStream::textIsClosedBeforeToolUse()
{
    Part thinking;
    thinking.kind = Part::Kind::Thinking;
    const auto events = sent({step(Kind::Start), blockStart(0, thinking),
        step(Kind::Delta, 0, "hm"), blockStart(1, textPart("")), step(Kind::Delta, 1, "let me"),
        blockStart(2, callPart("t", "f", "")), step(Kind::Delta, 2, "{}"), step(Kind::BlockEnd, 0),
        step(Kind::Delta, 1, " look"), step(Kind::BlockEnd, 1), step(Kind::BlockEnd, 2),
        finish(StopReason::ToolCall)});
    QCOMPARE(outline(events),
        std::string("message_start thinking0 +0 +0 stop0 text1 +1 +1 stop1 tool_use2 +2 stop2 "
                    "message_delta message_stop"));
    QVERIFY(
        events[3].at("delta") == parsedJs("{'type':'signature_delta','signature':'hg1.chat.'}"));
    QVERIFY(events[6].at("delta") == parsedJs("{'type':'text_delta','text':'let me'}"));
}

void TestAnthropicStream::blockIndexIsNotToolIndex()
{
    const auto events = sent({step(Kind::Start), blockStart(0, textPart("")),
        step(Kind::BlockEnd, 0), blockStart(1, callPart("a", "f", "")), step(Kind::BlockEnd, 1),
        blockStart(2, callPart("b", "g", "")), step(Kind::BlockEnd, 2), finish(StopReason::End)});
    // The text said nothing: no block is written for it and no index is left out.
    QCOMPARE(outline(events),
        std::string("message_start tool_use0 stop0 tool_use1 stop1 message_delta message_stop"));
    QVERIFY(events[5].at("delta").at("stop_reason") == json::value("tool_use"));
}

void TestAnthropicStream::interleavedToolCallsComeOneAfterTheOther()
{
    const auto events = sent({step(Kind::Start), blockStart(0, callPart("a", "f", "")),
        blockStart(1, callPart("b", "g", "")), step(Kind::Delta, 0, "{\"x\""),
        step(Kind::Delta, 1, "{\"y\""), step(Kind::Delta, 0, ":1}"), step(Kind::Delta, 1, ":2}"),
        step(Kind::BlockEnd, 0), step(Kind::BlockEnd, 1), finish(StopReason::ToolCall)});
    QCOMPARE(outline(events),
        std::string("message_start tool_use0 +0 +0 stop0 tool_use1 +1 stop1 message_delta "
                    "message_stop"));
    QVERIFY(events[6].at("delta").at("partial_json") == json::value("{\"y\":2}"));
}

void TestAnthropicStream::fullUsageIsInMessageDelta()
{
    AnswerEvent usage = step(Kind::Usage);
    usage.usage.inputUncached = 100;
    usage.usage.cacheRead = 50;
    usage.usage.cacheWrite5m = 7;
    usage.usage.output = 30;
    usage.usage.reasoning = 12;
    AnswerContext context;
    context.inputTokens = 140;
    context.model = "auto";
    context.id = "d-1";
    // Chat sends its usage after the finish reason.
    const auto events = sent({step(Kind::Start), blockStart(0, textPart("")),
                                 step(Kind::Delta, 0, "x"), finish(StopReason::End), usage},
        context);
    QCOMPARE(events.front().at("message").at("usage").at("input_tokens").as_int64(), 140);
    QVERIFY(events.front().at("message").at("model") == json::value("auto"));
    QVERIFY(events.front().at("message").at("id") == json::value("msg_d_1"));
    const json::value& delta = events[events.size() - 2];
    QCOMPARE(delta.at("usage").at("input_tokens").as_int64(), 100);
    QCOMPARE(delta.at("usage").at("cache_read_input_tokens").as_int64(), 50);
    QCOMPARE(delta.at("usage").at("cache_creation_input_tokens").as_int64(), 7);
    QCOMPARE(delta.at("usage").at("output_tokens").as_int64(), 30);
}

void TestAnthropicStream::inputTokensAreTheTotalWithoutTheCache()
{
    Answer answer;
    answer.usage.emplace();
    answer.usage->inputUncached = 8;
    answer.usage->cacheRead = 92;
    answer.usage->output = 3;
    const json::value out = parsed(anthropicCodec().writeAnswer(answer, {}));
    QCOMPARE(out.at("usage").at("input_tokens").as_int64(), 8);
    QCOMPARE(out.at("usage").at("cache_read_input_tokens").as_int64(), 92);
}

void TestAnthropicStream::stopReasons_data()
{
    QTest::addColumn<QByteArray>("word");
    QTest::addColumn<int>("reason");
    QTest::addColumn<QByteArray>("written");
    const auto row = [](const char* word, StopReason reason, const char* written) {
        QTest::newRow(word) << QByteArray(word) << static_cast<int>(reason) << QByteArray(written);
    };
    row("end_turn", StopReason::End, "end_turn");
    row("max_tokens", StopReason::Length, "max_tokens");
    row("model_context_window_exceeded", StopReason::Length, "model_context_window_exceeded");
    row("stop_sequence", StopReason::StopSequence, "stop_sequence");
    row("tool_use", StopReason::ToolCall, "tool_use");
    row("refusal", StopReason::Refusal, "refusal");
    row("pause_turn", StopReason::Pause, "pause_turn");
    row("bored", StopReason::Other, "end_turn");
}

void TestAnthropicStream::stopReasons()
{
    QFETCH(QByteArray, word);
    QFETCH(int, reason);
    QFETCH(QByteArray, written);
    const Answer answer = anthropicCodec()
                              .readAnswer(js("{'type':'message','content':[],'stop_reason':'"
                                  + word.toStdString() + "','stop_sequence':'S'}"))
                              .value();
    QCOMPARE(static_cast<int>(answer.choices.front().stop), reason);
    QCOMPARE(answer.choices.front().stopSequence, std::string("S"));
    const json::value out = parsed(anthropicCodec().writeAnswer(answer, {}));
    QCOMPARE(QByteArray::fromStdString(std::string(out.at("stop_reason").as_string())), written);
    const auto events = sent(eventsOf(answer));
    QVERIFY(events[1].at("delta").at("stop_reason") == out.at("stop_reason"));
    QVERIFY(events[1].at("delta").at("stop_sequence") == json::value("S"));
    // another provider's word for the same
    Answer chat;
    chat.choices.emplace_back().stop = static_cast<StopReason>(reason);
    chat.choices.back().stopText = "whatever";
    const json::value chatOut = parsed(anthropicCodec().writeAnswer(chat, {}));
    QVERIFY(reason == static_cast<int>(StopReason::Length)
        || chatOut.at("stop_reason") == out.at("stop_reason"));
}

void TestAnthropicStream::thinkingKeepsItsSignature()
{
    Part thinking;
    thinking.kind = Part::Kind::Thinking;
    AnswerEvent end = step(Kind::BlockEnd, 0);
    end.part.kind = Part::Kind::Thinking;
    end.part.signature = "enc";
    end.part.signedBy = Dialect::Responses;
    const auto events
        = sent({step(Kind::Start), blockStart(0, thinking), end, finish(StopReason::End)});
    QCOMPARE(outline(events),
        std::string("message_start thinking0 +0 stop0 message_delta "
                    "message_stop"));
    QVERIFY(events[2].at("delta")
        == parsedJs("{'type':'signature_delta','signature':'hg1.responses.enc'}"));
}

void TestAnthropicStream::emptyAnswerIsWhole()
{
    QCOMPARE(outline(sent({})), std::string("message_start message_delta message_stop"));
    const std::unique_ptr<EventWriter> writer = anthropicCodec().eventWriter({});
    std::string out;
    writer->end(out);
    const std::size_t size = out.size();
    writer->end(out); // twice is once
    writer->write(step(Kind::Start), out);
    QCOMPARE(out.size(), size);
}

void TestAnthropicStream::foreignPartsLeaveNoHole()
{
    Part native;
    native.kind = Part::Kind::Native;
    native.native = {Dialect::Gemini, json::object{{"executableCode", 1}}};
    Part image;
    image.kind = Part::Kind::Image;
    image.mime = "image/png";
    AnswerEvent second = step(Kind::Delta, 0, "of another choice");
    second.choice = 1;
    const auto events = sent({step(Kind::Start), blockStart(0, native), step(Kind::BlockEnd, 0),
        blockStart(1, image), step(Kind::Delta, 1, "AAAA"), step(Kind::BlockEnd, 1), second,
        finish(StopReason::End)});
    QCOMPARE(
        outline(events), std::string("message_start text0 +0 stop0 message_delta message_stop"));
    QVERIFY(std::string(events[2].at("delta").at("text").as_string()).find("image/png")
        != std::string::npos);
}

void TestAnthropicStream::failIsNeverSilent()
{
    Refusal refusal;
    refusal.kind = RefusalKind::UpstreamFailed;
    refusal.message = "The provider went away.";
    const std::unique_ptr<EventWriter> writer = anthropicCodec().eventWriter({});
    std::string out;
    writer->write(step(Kind::Start), out);
    writer->write(blockStart(0, textPart("")), out);
    writer->write(step(Kind::Delta, 0, "half a"), out);
    const std::size_t before = out.size();
    writer->fail(refusal, out);
    writer->end(out);
    QCOMPARE(out.substr(before), anthropicCodec().writeStreamError(refusal));
    QCOMPARE(out.substr(before, 19), std::string("event: error\ndata: "));
    // the provider's own error, handed on
    AnswerEvent error = step(Kind::Error);
    error.text = "Busy";
    error.stopText = "overloaded_error";
    const auto events = sent({step(Kind::Start), error});
    QCOMPARE(outline(events), std::string("message_start error"));
    QVERIFY(events[1].at("error").at("type") == json::value("overloaded_error"));
}

void TestAnthropicStream::readsWhatItWrote()
{
    const std::string body = js(
        "{'id':'msg_7','type':'message','role':'assistant','model':'claude-opus-5','content':["
        "{'type':'thinking','thinking':'hm','signature':'s'},{'type':'redacted_thinking','data':"
        "'r'},{'type':'text','text':'see','citations':[{'type':'c','n':1},{'type':'c','n':2}]},"
        "{'type':'server_tool_use','id':'srv','name':'web_search','input':{'query':'q'}},"
        "{'type':'web_search_tool_result','tool_use_id':'srv','content':[]},"
        "{'type':'tool_use','id':'t','name':'f','input':{'a':1}}],"
        "'stop_reason':'tool_use','stop_sequence':null,'stop_details':{'k':1},"
        "'container':{'id':'c'},'usage':"
        + startUsage + "}");
    const Answer answer = anthropicCodec().readAnswer(body).value();
    const json::value whole = parsed(anthropicCodec().writeAnswer(answer, {}));
    QVERIFY2(whole == parsed(body), json::serialize(whole).c_str());
    std::vector<std::string> events;
    for (const json::value& one : sent(eventsOf(answer))) {
        events.push_back(json::serialize(one));
    }
    const json::value again = parsed(anthropicCodec().writeAnswer(built(readAll(events)), {}));
    QVERIFY2(again == whole, json::serialize(again).c_str());
}

void TestAnthropicStream::wholeAnswers()
{
    Answer answer;
    answer.id = "chatcmpl-1";
    answer.model = "gpt-5";
    Answer::Choice& choice = answer.choices.emplace_back();
    Part refusal = textPart("I will not");
    refusal.kind = Part::Kind::Refusal;
    choice.parts = {textPart(""), refusal, callPart("", "f", "{\"a\":"), callPart("t", "g", "")};
    choice.stop = StopReason::End;
    AnswerContext context;
    context.inputTokens = 5;
    const json::value out = parsed(anthropicCodec().writeAnswer(answer, context));
    QVERIFY2(out.at("content")
            == parsedJs("[{'type':'text','text':'I will not'},{'type':'tool_use','id':'call_1',"
                        "'name':'f','input':{'input':'{\\'a\\':'}},{'type':'tool_use','id':'t',"
                        "'name':'g','input':{}}]"),
        json::serialize(out).c_str());
    QVERIFY(out.at("stop_reason") == json::value("tool_use"));
    QVERIFY(out.at("id") == json::value("msg_chatcmpl_1"));
    QVERIFY(out.at("model") == json::value("gpt-5"));
    QCOMPARE(out.at("usage").at("input_tokens").as_int64(), 5);
}

void TestAnthropicStream::badAnswers_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("html") << QByteArray("<html>");
    QTest::newRow("no content") << QByteArray("{'type':'message'}");
    QTest::newRow("content text") << QByteArray("{'content':'x'}");
    QTest::newRow("block") << QByteArray("{'content':[{}]}");
}

void TestAnthropicStream::badAnswers()
{
    QFETCH(QByteArray, body);
    QVERIFY(!anthropicCodec().readAnswer(js(body.toStdString())));
    // odd usage is no usage, not a wrong one
    const Answer odd
        = anthropicCodec()
              .readAnswer(js("{'content':[],'usage':{'input_tokens':-1,'output_tokens':1.5}}"))
              .value();
    QVERIFY(!odd.usage);
    const Answer failed
        = anthropicCodec()
              .readAnswer(js("{'type':'error','error':{'type':'api_error','message':'No'}}"))
              .value();
    QCOMPARE(failed.error, std::string("No"));
    QCOMPARE(failed.errorType, std::string("api_error"));
}

QTEST_APPLESS_MAIN(TestAnthropicStream)
#include "tst_anthropic_stream.moc"
