// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "tests/unit/wire/responses_helpers.h"

#include <algorithm>
#include <random>

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::test;

class TestResponsesStream : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // NOLINTBEGIN(readability-convert-member-functions-to-static)
    void badEvents();
    void callNamesOfNamespaces();
    void textStreamOrder();
    void parallelCallsOrder();
    void thinkingAndRefusals();
    void wrappedCustomCalls();
    void foreignSignaturesComeBack();
    void unsignedThinkingComesBack();
    void signedCallsComeBack();
    void exactlyOneTerminalEvent_data();
    void exactlyOneTerminalEvent();
    void failsWithInvalidPrompt();
    void inputTokensIncludeCached();
    void echoesTheRequest();
    void wholeAnswers();
    void deltasAndDonesDoNotDouble();
    void answersOnlyAtTheEnd();
    void anyOrderIsSurvived();
    void streamsThatFail_data();
    void streamsThatFail();
    // NOLINTEND(readability-convert-member-functions-to-static)
};

void TestResponsesStream::badEvents()
{
    const std::unique_ptr<EventReader> reader = codec().eventReader();
    std::vector<AnswerEvent> out;
    QVERIFY(!reader->read("response.created", "{", out));
    QVERIFY(!reader->read({}, "[]", out));
    const std::vector<std::string> meaningless{"{}", "{'type':4}", "{'type':'response.new.thing'}",
        "{'object':'response.delta','delta':{'type':'x'}}"};
    for (const std::string& data : meaningless) {
        QVERIFY(reader->read({}, q(data), out));
        QVERIFY(out.empty());
    }
    const std::vector<std::string> odd{"{'type':'response.output_item.added'}",
        "{'type':'response.output_item.added','item':[],'output_index':'x'}",
        "{'type':'response.output_item.done','item':{'type':'message','content':[[],4]}}",
        "{'type':'response.function_call_arguments.delta','delta':4}",
        "{'type':'response.output_text.delta','delta':{},'output_index':-3,'content_index':1e99}",
        "{'type':'response.output_text.annotation.added','annotation':7}",
        "{'type':'response.reasoning_summary_part.added'}",
        "{'type':'response.content_part.done'}"};
    for (const std::string& data : odd) {
        QVERIFY(reader->read({}, q(data), out));
    }
    QVERIFY(!reader->done());
    QVERIFY(reader->read({}, q("{'type':'response.completed'}"), out));
    QVERIFY(reader->done());
    QVERIFY(!codec().readAnswer("nope"));
    QVERIFY(!codec().readAnswer("{}"));
}

/// A call that another dialect's model makes goes back under the name and namespace it was known
/// by.
void TestResponsesStream::callNamesOfNamespaces()
{
    const Conversation request = conversationOf(
        "{'model':'m','input':[{'type':'function_call','call_id':'c0','namespace':'agents','name':"
        "'run','arguments':'{}'}],'tools':[{'type':'function','name':'run','parameters':{}},{'type'"
        ":"
        "'namespace','name':'agents','tools':[{'type':'function','name':'run','parameters':{}}]}]"
        "}");
    QCOMPARE(request.turns.front().parts.front().name, std::string("agents__run"));
    const AnswerContext context = contextFor(&request);
    const std::string stream
        = streamOf({begun(0, Part::Kind::ToolCall, "c1", "agents__run"), more(0, "{}"), ended(0),
                       finished(StopReason::ToolCall)},
            context);
    const json::object response = lastResponse(stream);
    const json::object& call = response.at("output").as_array().at(0).as_object();
    QCOMPARE(std::string(dom::stringAt(call, "name")), std::string("run"));
    QCOMPARE(std::string(dom::stringAt(call, "namespace")), std::string("agents"));
}

void TestResponsesStream::textStreamOrder()
{
    AnswerEvent start = eventOf(AnswerEvent::Kind::Start);
    start.id = "chatcmpl-1";
    start.createdS = 5;
    const std::string stream
        = streamOf({start, begun(0, Part::Kind::Text), more(0, "Hel"), more(0, "lo"), ended(0),
                       finished(StopReason::End), used(3, 4, 5)},
            contextFor());
    QVERIFY2(faultOf(stream).isEmpty(), faultOf(stream).toUtf8());
    const std::vector<std::string> expected{"response.created", "response.in_progress",
        "response.output_item.added", "response.content_part.added", "response.output_text.delta",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed"};
    QVERIFY(typesIn(stream) == expected);
    std::string id;
    for (const Sent& sent : eventsIn(stream)) {
        const json::object* item = dom::objectAt(sent.data, "item");
        const std::string here(
            item != nullptr ? dom::stringAt(*item, "id") : dom::stringAt(sent.data, "item_id"));
        id = id.empty() ? here : id;
        QVERIFY(here.empty() || here == id);
    }
    QVERIFY(id.starts_with("msg_"));
    const Answer answer = reread(stream);
    QCOMPARE(answer.choices.front().parts.front().text, std::string("Hello"));
    QCOMPARE(answer.model, std::string("named"));
    QCOMPARE(answer.id, std::string("resp_d1"));
}

/// Blocks that are open at the same time keep their own output index.
void TestResponsesStream::parallelCallsOrder()
{
    const std::string stream
        = streamOf({eventOf(AnswerEvent::Kind::Start), begun(0, Part::Kind::Text), more(0, "So"),
                       begun(1, Part::Kind::ToolCall, "c1", "f"),
                       begun(2, Part::Kind::ToolCall, "c2", "g"), more(2, "{\"b\":"), more(1, "{}"),
                       more(2, "1}"), ended(0), ended(1), ended(2), finished(StopReason::ToolCall)},
            contextFor());
    QVERIFY2(faultOf(stream).isEmpty(), faultOf(stream).toUtf8());
    const Answer answer = reread(stream);
    const std::vector<Part>& parts = answer.choices.front().parts;
    QCOMPARE(parts.size(), std::size_t(3));
    QCOMPARE(parts[0].text, std::string("So"));
    QCOMPARE(parts[1].arguments, std::string("{}"));
    QCOMPARE(parts[2].arguments, std::string("{\"b\":1}"));
    QCOMPARE(parts[2].id, std::string("c2"));
    QCOMPARE(answer.choices.front().stop, StopReason::ToolCall);
}

void TestResponsesStream::thinkingAndRefusals()
{
    AnswerEvent signedEnd = ended(0);
    signedEnd.part.signature = "ENC";
    signedEnd.part.signedBy = Dialect::Responses;
    const std::string stream = streamOf(
        {eventOf(AnswerEvent::Kind::Start), begun(0, Part::Kind::Thinking), more(0, "hm"),
            signedEnd, begun(1, Part::Kind::Thinking), ended(1), begun(2, Part::Kind::Refusal),
            more(2, "No."), ended(2), finished(StopReason::Refusal)},
        contextFor());
    QVERIFY2(faultOf(stream).isEmpty(), faultOf(stream).toUtf8());
    const json::object response = lastResponse(stream);
    QCOMPARE(std::string(dom::stringAt(response, "status")), std::string("completed"));
    const json::array& output = response.at("output").as_array();
    QCOMPARE(output.size(), std::size_t(2)); // thinking without text and signature is nothing
    const Answer answer = reread(stream);
    QCOMPARE(answer.choices.front().parts[0].text, std::string("hm"));
    QCOMPARE(answer.choices.front().parts[0].signature, std::string("ENC"));
    QCOMPARE(answer.choices.front().parts[1].kind, Part::Kind::Refusal);
    QCOMPARE(answer.choices.front().stop, StopReason::Refusal);
}

void TestResponsesStream::wrappedCustomCalls()
{
    const Conversation request
        = conversationOf("{'model':'m','input':'x','tools':[{'type':'custom','name':'patch'}]}");
    const AnswerContext context = contextFor(&request);
    const auto call = [&](const char* arguments, bool custom) {
        AnswerEvent start = begun(0, Part::Kind::ToolCall, "c1", "patch");
        start.part.custom = custom;
        const std::string text = q(arguments);
        return streamOf({start, more(0, text.substr(0, 4)), more(0, text.substr(4)), ended(0),
                            finished(StopReason::ToolCall)},
            context);
    };
    for (const auto& [arguments, custom, input] :
        {std::tuple("{'input':'a\\nb'}", false, "a\nb"), std::tuple("free text", true, "free text"),
            std::tuple("not json", false, "not json")}) {
        const std::string stream = call(arguments, custom);
        QVERIFY2(faultOf(stream).isEmpty(), faultOf(stream).toUtf8());
        const Answer answer = reread(stream);
        const Part& part = answer.choices.front().parts.front();
        QVERIFY(part.custom);
        QCOMPARE(part.arguments, std::string(input));
        QVERIFY(stream.find("response.custom_tool_call_input.done") != std::string::npos);
        QVERIFY(stream.find("function_call_arguments") == std::string::npos);
    }
}

/// A client that sends its reasoning back keeps another provider's signature.
void TestResponsesStream::foreignSignaturesComeBack()
{
    AnswerEvent end = ended(0);
    end.part.signature = "SIG";
    end.part.signedBy = Dialect::Anthropic;
    AnswerEvent hidden = ended(1);
    hidden.part.signature = "DATA";
    hidden.part.signedBy = Dialect::Anthropic;
    hidden.part.redacted = true;
    const std::string stream
        = streamOf({begun(0, Part::Kind::Thinking), more(0, "hm"), end,
                       begun(1, Part::Kind::Thinking), hidden, finished(StopReason::End)},
            contextFor());
    const json::object response = lastResponse(stream);
    const std::string body
        = "{\"model\":\"m\",\"input\":" + json::serialize(response.at("output")) + "}";
    const Result<Conversation> back = codec().readRequest(body, {});
    QVERIFY(back);
    const std::vector<Part>& parts = back->turns.front().parts;
    QCOMPARE(parts.size(), std::size_t(2));
    QCOMPARE(parts[0].signedBy, Dialect::Anthropic);
    QCOMPARE(parts[0].signature, std::string("SIG"));
    QCOMPARE(parts[0].text, std::string("hm"));
    QVERIFY(!parts[0].redacted);
    QCOMPARE(parts[1].signature, std::string("DATA"));
    QVERIFY(parts[1].redacted);
}

/// Thinking without a signature is not taken for what OpenAI keeps under that id.
void TestResponsesStream::unsignedThinkingComesBack()
{
    const std::string stream = streamOf(
        {begun(0, Part::Kind::Thinking), more(0, "hm"), ended(0), finished(StopReason::End)},
        contextFor());
    const std::string body
        = "{\"model\":\"m\",\"input\":" + json::serialize(lastResponse(stream).at("output")) + "}";
    const Result<RequestView> view = codec().readView(body, {});
    QVERIFY(view);
    QVERIFY(view->heldContext.empty());
    const Result<Conversation> back = codec().readRequest(body, {});
    QVERIFY(back);
    QCOMPARE(back->turns.front().parts.front().text, std::string("hm"));
    QVERIFY(back->turns.front().parts.front().signature.empty());
    Losses losses;
    const std::string again = written(*back, losses);
    QVERIFY(again.find("reasoning") == std::string::npos);
    QCOMPARE(losses.size(), std::size_t(1));
}

/// Gemini signs its calls and wants that back: its reader puts the signature into thinking before
/// the call, and OpenAI itself never gets to see it.
void TestResponsesStream::signedCallsComeBack()
{
    AnswerEvent end = ended(0);
    end.part.signature = "THOUGHT";
    end.part.signedBy = Dialect::Gemini;
    const std::string stream
        = streamOf({begun(0, Part::Kind::Thinking), end, begun(1, Part::Kind::ToolCall, "c1", "f"),
                       more(1, "{}"), ended(1), finished(StopReason::ToolCall)},
            contextFor());
    QVERIFY2(faultOf(stream).isEmpty(), faultOf(stream).toUtf8());
    const std::string body
        = "{\"model\":\"m\",\"input\":" + json::serialize(lastResponse(stream).at("output")) + "}";
    const Result<Conversation> back = codec().readRequest(body, {});
    QVERIFY(back);
    WriteOptions options;
    options.model = "gemini";
    Losses losses;
    const Result<std::string> google = geminiCodec().writeRequest(*back, options, losses);
    QVERIFY(google);
    QVERIFY2(google->find("THOUGHT") != std::string::npos, google->c_str());
    RequestEdits edits;
    edits.model = "m";
    const Result<std::string> edited = codec().edit(body, {}, edits);
    QVERIFY(edited);
    QVERIFY(edited->find("headgate.") == std::string::npos);
    QVERIFY(edited->find("function_call") != std::string::npos);
}

void TestResponsesStream::exactlyOneTerminalEvent_data()
{
    QTest::addColumn<int>("stop");
    QTest::addColumn<QString>("last");
    QTest::newRow("end") << static_cast<int>(StopReason::End) << "response.completed";
    QTest::newRow("length") << static_cast<int>(StopReason::Length) << "response.incomplete";
    QTest::newRow("filter") << static_cast<int>(StopReason::Refusal) << "response.incomplete";
    QTest::newRow("stop") << static_cast<int>(StopReason::StopSequence) << "response.completed";
    QTest::newRow("none") << static_cast<int>(StopReason::None) << "response.completed";
}

void TestResponsesStream::exactlyOneTerminalEvent()
{
    QFETCH(int, stop);
    QFETCH(QString, last);
    const std::unique_ptr<EventWriter> writer = codec().eventWriter(contextFor());
    std::string out;
    writer->write(eventOf(AnswerEvent::Kind::Start), out);
    writer->write(begun(0, Part::Kind::Text), out);
    writer->write(more(0, "x"), out);
    if (stop != static_cast<int>(StopReason::None)) {
        writer->write(finished(static_cast<StopReason>(stop)), out);
    }
    writer->end(out);
    writer->end(out);
    writer->fail({}, out);
    writer->write(more(0, "late"), out);
    QVERIFY2(faultOf(out).isEmpty(), faultOf(out).toUtf8());
    QCOMPARE(QString::fromStdString(typesIn(out).back()), last);
    const json::object response = lastResponse(out);
    QVERIFY(dom::objectAt(response, "usage") != nullptr); // clients' schemas ask for it
    const bool incomplete = last == QStringLiteral("response.incomplete");
    QCOMPARE(dom::objectAt(response, "incomplete_details") != nullptr, incomplete);
}

void TestResponsesStream::failsWithInvalidPrompt()
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetExceeded;
    refusal.message = "Budget cap reached in pool \"a\".";
    const std::unique_ptr<EventWriter> writer = codec().eventWriter(contextFor());
    std::string out;
    writer->fail(refusal, out);
    writer->end(out);
    QVERIFY2(faultOf(out).isEmpty(), faultOf(out).toUtf8());
    QCOMPARE(typesIn(out).front(), std::string("response.created"));
    const json::object response = lastResponse(out);
    const json::object* error = dom::objectAt(response, "error");
    QVERIFY(error != nullptr);
    QCOMPARE(std::string(dom::stringAt(*error, "code")), std::string("invalid_prompt"));
    QVERIFY(dom::stringAt(*error, "message").find("pool") != std::string_view::npos);
    const std::string relayed = codec().writeStreamError(refusal);
    QVERIFY(relayed.starts_with("event: response.failed\n"));
    QVERIFY(relayed.ends_with("\n\n"));
    QVERIFY(relayed.find("invalid_prompt") != std::string::npos);
    refusal.kind = RefusalKind::UpstreamFailed;
    QVERIFY(codec().writeStreamError(refusal).find("server_error") != std::string::npos);
}

void TestResponsesStream::inputTokensIncludeCached()
{
    const std::string stream
        = streamOf({eventOf(AnswerEvent::Kind::Start), finished(StopReason::End), used(3, 4, 5)},
            contextFor());
    const json::object response = lastResponse(stream);
    QVERIFY(*dom::objectAt(response, "usage")
        == object(
            q("{'input_tokens':7,'input_tokens_details':{'cached_tokens':4},'output_tokens':5,"
              "'output_tokens_details':{'reasoning_tokens':2},'total_tokens':12}")));
    const Answer answer = reread(stream);
    QVERIFY(answer.usage);
    QCOMPARE(answer.usage->inputUncached, std::int64_t(3));
    QCOMPARE(answer.usage->cacheRead, std::int64_t(4));
    QCOMPARE(answer.usage->output, std::int64_t(5));
    QCOMPARE(answer.usage->reasoning, std::int64_t(2));
}

void TestResponsesStream::echoesTheRequest()
{
    const Conversation request = conversationOf(
        "{'model':'m','input':'x','instructions':'i','max_output_tokens':64,'temperature':0.5,"
        "'tools':[{'type':'function','name':'f','parameters':{},'strict':true}],'tool_choice':"
        "'required','parallel_tool_calls':false,'text':{'verbosity':'low'},'reasoning':{'effort':"
        "'low'},'metadata':{'a':'b'},'previous_response_id':'resp_0','truncation':'auto'}");
    const std::string stream = streamOf(
        {eventOf(AnswerEvent::Kind::Start), finished(StopReason::End)}, contextFor(&request));
    for (const Sent& sent : eventsIn(stream)) {
        const json::object* response = dom::objectAt(sent.data, "response");
        QVERIFY(response != nullptr);
        json::object echo;
        for (const char* key : {"instructions", "max_output_tokens", "temperature", "tools",
                 "tool_choice", "parallel_tool_calls", "text", "reasoning", "metadata",
                 "previous_response_id", "truncation", "object"}) {
            echo[key] = response->at(key);
        }
        QVERIFY2(echo
                == object(
                    q("{'instructions':'i','max_output_tokens':64,'temperature':0.5,'tools':[{"
                      "'type':'function','name':'f','parameters':{},'strict':true}],"
                      "'tool_choice':'required','parallel_tool_calls':false,'text':{'format':{"
                      "'type':'text'},'verbosity':'low'},'reasoning':{'effort':'low','summary'"
                      ":null},'metadata':{'a':'b'},'previous_response_id':'resp_0',"
                      "'truncation':'auto','object':'response'}")),
            json::serialize(echo).c_str());
    }
}

void TestResponsesStream::wholeAnswers()
{
    Answer answer;
    answer.id = "chatcmpl-9";
    Answer::Choice& choice = answer.choices.emplace_back();
    choice.parts.emplace_back().text = "Hello";
    Part& image = choice.parts.emplace_back();
    image.kind = Part::Kind::Image;
    image.mime = "image/webp";
    image.data = "QUI=";
    choice.stop = StopReason::Length;
    answer.usage.emplace().output = 5;
    const json::object out = object(codec().writeAnswer(answer, contextFor()));
    QCOMPARE(std::string(dom::stringAt(out, "status")), std::string("incomplete"));
    QCOMPARE(std::string(dom::stringAt(out, "object")), std::string("response"));
    const json::array& output = out.at("output").as_array();
    QCOMPARE(output.size(), std::size_t(2));
    QCOMPARE(std::string(dom::stringAt(output[1].as_object(), "result")), std::string("QUI="));
    const Result<Answer> back = codec().readAnswer(json::serialize(out));
    QVERIFY(back);
    QCOMPARE(back->choices.front().parts.front().text, std::string("Hello"));
    QCOMPARE(back->choices.front().stop, StopReason::Length);
    answer.error = "It broke.";
    const json::object failed = object(codec().writeAnswer(answer, contextFor()));
    QCOMPARE(std::string(dom::stringAt(failed, "status")), std::string("failed"));
}

void TestResponsesStream::deltasAndDonesDoNotDouble()
{
    const std::vector<AnswerEvent> events = eventsRead({
        "{'type':'response.created','response':{'id':'resp_1','model':'m','created_at':4}}",
        "{'type':'response.output_item.added','output_index':0,'item':{'type':'message','id':'a',"
        "'role':'assistant','content':[]}}",
        "{'type':'response.content_part.added','output_index':0,'content_index':0,'part':{'type':"
        "'output_text','text':''}}",
        "{'type':'response.output_text.delta','output_index':0,'content_index':0,'delta':'Hel'}",
        "{'type':'response.output_text.delta','output_index':0,'content_index':0,'delta':'lo'}",
        "{'type':'response.output_text.done','output_index':0,'content_index':0,'text':'Hello'}",
        "{'type':'response.content_part.done','output_index':0,'content_index':0,'part':{'type':"
        "'output_text','text':'Hello','annotations':[]}}",
        "{'type':'response.output_item.done','output_index':0,'item':{'type':'message','id':'a',"
        "'role':'assistant','content':[{'type':'output_text','text':'Hello','annotations':[]}]}}",
        "{'type':'response.output_item.done','output_index':1,'item':{'type':'function_call','id':"
        "'f','call_id':'c','name':'g','arguments':'{}'}}",
        "{'type':'response.completed','response':{'status':'completed','output':[{'type':'message',"
        "'id':'a','role':'assistant','content':[{'type':'output_text','text':'Hello'}]},{'type':"
        "'function_call','id':'f','call_id':'c','name':'g','arguments':'{}'}]}}",
        "{'type':'response.output_text.delta','output_index':0,'content_index':0,'delta':'late'}",
    });
    AnswerBuilder builder;
    for (const AnswerEvent& each : events) {
        builder.add(each);
    }
    const Answer answer = builder.take();
    QCOMPARE(answer.id, std::string("resp_1"));
    QCOMPARE(answer.choices.size(), std::size_t(1));
    QCOMPARE(answer.choices[0].parts.size(), std::size_t(2));
    QCOMPARE(answer.choices[0].parts[0].text, std::string("Hello"));
    QCOMPARE(answer.choices[0].parts[1].arguments, std::string("{}"));
    QCOMPARE(answer.choices[0].stop, StopReason::ToolCall);
}

/// Some servers send nothing but the last event.
void TestResponsesStream::answersOnlyAtTheEnd()
{
    const std::vector<AnswerEvent> events = eventsRead(
        {"{'type':'response.completed','response':{'id':'resp_1','status':'completed','output':[{"
         "'type':'reasoning','id':'r','summary':[{'type':'summary_text','text':'hm'}]},{'type':"
         "'message','role':'assistant','content':[{'type':'output_text','text':'Hi'}]}],'usage':{"
         "'input_tokens':3,'output_tokens':1}}}"});
    AnswerBuilder builder;
    for (const AnswerEvent& each : events) {
        builder.add(each);
    }
    QCOMPARE(events.front().kind, AnswerEvent::Kind::Start);
    QCOMPARE(builder.answer().choices[0].parts.size(), std::size_t(2));
    QCOMPARE(builder.answer().choices[0].parts[0].text, std::string("hm"));
    QCOMPARE(builder.answer().choices[0].parts[1].text, std::string("Hi"));
    QVERIFY(builder.answer().usage);
}

namespace {

std::vector<std::string> everyKindOfEvent()
{
    return {"{'type':'response.created','response':{'id':'resp_1','model':'m'}}",
        "{'type':'response.output_item.added','output_index':0,'item':{'type':'reasoning','id':'r'}"
        "}",
        "{'type':'response.reasoning_summary_part.added','output_index':0,'summary_index':1}",
        "{'type':'response.reasoning_summary_text.delta','output_index':0,'delta':'hm'}",
        "{'type':'response.reasoning_text.delta','output_index':0,'delta':'hm'}",
        "{'type':'response.output_item.done','output_index':0,'item':{'type':'reasoning','id':'r',"
        "'summary':[{'type':'summary_text','text':'hm'}],'encrypted_content':'E'}}",
        "{'type':'response.output_item.added','output_index':1,'item':{'type':'message','id':'a'}}",
        "{'type':'response.content_part.added','output_index':1,'content_index':0,'part':{'type':"
        "'output_text'}}",
        "{'type':'response.output_text.delta','output_index':1,'content_index':0,'delta':'Hel'}",
        "{'type':'response.output_text.delta','item_id':'a','content_index':1,'delta':'lo'}",
        "{'type':'response.output_text.annotation.added','output_index':1,'annotation':{'a':1}}",
        "{'type':'response.refusal.delta','output_index':1,'content_index':2,'delta':'No'}",
        "{'type':'response.content_part.done','output_index':1,'content_index':0,'part':{'type':"
        "'output_text','text':'Hello'}}",
        "{'type':'response.output_item.done','output_index':1,'item':{'type':'message','id':'a',"
        "'content':[{'type':'output_text','text':'Hello'},{'type':'new'}]}}",
        "{'type':'response.output_item.added','output_index':2,'item':{'type':'function_call',"
        "'call_id':'c','name':'f','arguments':''}}",
        "{'type':'response.function_call_arguments.delta','output_index':2,'delta':'{}'}",
        "{'type':'response.output_item.done','output_index':2,'item':{'type':'web_search_call'}}",
        "{'type':'response.completed','response':{'output':[{'type':'message','content':'x'},{"
        "'type':'function_call','name':'g','arguments':{}}],'usage':{'input_tokens':1,"
        "'output_tokens':1}}}",
        "{'type':'response.incomplete','response':{'status':'incomplete'}}",
        "{'type':'response.failed','response':{'error':{'message':'x'}}}"};
}

/// What answer.h promises of a reader's events; empty when it was kept.
QString brokenPromise(const std::vector<AnswerEvent>& events)
{
    using Kind = AnswerEvent::Kind;
    std::vector<bool> open;
    bool over = false;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const AnswerEvent& event = events[i];
        const auto at = static_cast<std::size_t>(event.block);
        if ((event.kind == Kind::Start) != (i == 0)) {
            return QStringLiteral("Start first and once");
        }
        if (over && event.kind != Kind::Usage) {
            return QStringLiteral("nothing but usage after the end");
        }
        if (event.kind == Kind::BlockStart) {
            if (at != open.size()) {
                return QStringLiteral("blocks numbered in order");
            }
            open.push_back(true);
        } else if (event.kind == Kind::Delta || event.kind == Kind::BlockEnd) {
            if (at >= open.size() || !open[at]) {
                return QStringLiteral("a delta outside its block");
            }
            open[at] = event.kind == Kind::Delta;
        }
        over = over || event.kind == Kind::Finish || event.kind == Kind::Error;
        if (over && std::find(open.begin(), open.end(), true) != open.end()) {
            return QStringLiteral("a block left open");
        }
    }
    return {};
}

} // namespace

/// Events lost, repeated and out of order: every promise of a reader holds, and what a writer makes
/// of it is a whole stream.
void TestResponsesStream::anyOrderIsSurvived()
{
    const std::vector<std::string> all = everyKindOfEvent();
    std::mt19937 random(4);
    for (int round = 0; round < 500; ++round) {
        std::vector<std::string> some;
        const std::size_t count = random() % 30;
        for (std::size_t i = 0; i < count; ++i) {
            // Mostly in order, with jumps.
            const std::size_t next = random() % 4 == 0 ? random() : i;
            some.push_back(all[next % all.size()]);
        }
        const std::vector<AnswerEvent> events = eventsRead(some);
        QVERIFY2(brokenPromise(events).isEmpty(),
            (QStringLiteral("round %1: ").arg(round) + brokenPromise(events)).toUtf8());
        const std::string stream = streamOf(events, contextFor());
        QVERIFY2(faultOf(stream).isEmpty(), faultOf(stream).toUtf8());
    }
}

void TestResponsesStream::streamsThatFail_data()
{
    QTest::addColumn<QString>("data");
    QTest::addColumn<QString>("code");
    QTest::newRow("failed") << "{'type':'response.failed','response':{'id':'r','error':{'code':"
                               "'server_error','message':'It broke.'}}}"
                            << "server_error";
    QTest::newRow("error") << "{'type':'error','code':'quota','message':'It broke.','param':null}"
                           << "quota";
    QTest::newRow("nested") << "{'type':'error','error':{'type':'x','message':'It broke.'}}"
                            << "x";
    QTest::newRow("no type") << "{'error':{'code':'y','message':'It broke.'}}"
                             << "y";
}

void TestResponsesStream::streamsThatFail()
{
    QFETCH(QString, data);
    QFETCH(QString, code);
    const std::vector<AnswerEvent> events = eventsRead(
        {"{'type':'response.output_text.delta','output_index':0,'content_index':0,'delta':'Hi'}",
            data.toStdString()});
    QVERIFY(events.size() >= 4);
    QCOMPARE(events[events.size() - 2].kind, AnswerEvent::Kind::BlockEnd);
    QCOMPARE(events.back().kind, AnswerEvent::Kind::Error);
    QCOMPARE(events.back().text, std::string("It broke."));
    QCOMPARE(QString::fromStdString(events.back().stopText), code);
    const std::string stream = streamOf(events, contextFor());
    QVERIFY2(faultOf(stream).isEmpty(), faultOf(stream).toUtf8());
    QCOMPARE(typesIn(stream).back(), std::string("response.failed"));
}

QTEST_APPLESS_MAIN(TestResponsesStream)
#include "tst_responses_stream.moc"
