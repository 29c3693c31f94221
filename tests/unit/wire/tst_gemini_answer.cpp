// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "gemini_testing.h"

#include "core/wire/codec.h"
#include "core/wire/gemini_routes.h"

#include <QTest>

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::test;

class TestGeminiAnswer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void badAnswers_data();
    void badAnswers();
    void finishReasons_data();
    void finishReasons();
    void usageAddsThoughtsAndToolUse();
    void streamHasNoEndMark();
    void lastFinishReasonWins();
    void streamErrorIsAnEvent();
    void streamIsWritten_data();
    void streamIsWritten();
    void refusals_data();
    void refusals();
    void errors();
    void countTokens();
    void modelsList();
};

void TestGeminiAnswer::badAnswers_data()
{
    QTest::addColumn<QByteArray>("body");
    for (const char* body : {"", "[", "7", "[]", "{}", "{'choices':[]}", "{'candidates':[]}",
             "{'candidates':7}", "{'candidates':[7]}"}) {
        QTest::newRow(*body != '\0' ? body : "nothing") << QByteArray(body);
    }
}

void TestGeminiAnswer::badAnswers()
{
    QFETCH(QByteArray, body);
    QVERIFY(!gemini.readAnswer(quoted(body.toStdString())));
    std::vector<AnswerEvent> events;
    const std::unique_ptr<EventReader> reader = gemini.eventReader();
    static_cast<void>(reader->read("", quoted(body.toStdString()), events));
    reader->finish(events);
    QVERIFY(!reader->done());
}

void TestGeminiAnswer::finishReasons_data()
{
    QTest::addColumn<QByteArray>("candidate");
    QTest::addColumn<int>("stop");
    const auto row = [](const char* reason, StopReason stop) {
        QTest::newRow(reason) << QByteArray("{'content':{'parts':[{'text':'a'}]},'finishReason':'")
                + reason
                + "'}" << static_cast<int>(stop);
    };
    row("STOP", StopReason::End);
    row("MAX_TOKENS", StopReason::Length);
    row("SAFETY", StopReason::Refusal);
    row("RECITATION", StopReason::Refusal);
    row("PROHIBITED_CONTENT", StopReason::Refusal);
    row("IMAGE_SAFETY", StopReason::Refusal);
    row("MALFORMED_FUNCTION_CALL", StopReason::Other);
    row("MISSING_THOUGHT_SIGNATURE", StopReason::Other);
    row("SOMETHING_NEW", StopReason::Other);
    QTest::newRow("a call") << QByteArray(
        "{'content':{'parts':[{'functionCall':{'name':'f','args':{}}}]},'finishReason':'STOP'}")
                            << static_cast<int>(StopReason::ToolCall);
    QTest::newRow("a call cut off") << QByteArray("{'content':{'parts':[{'functionCall':{'name':'f'"
                                                  ",'args':{}}}]},'finishReason':'MAX_TOKENS'}")
                                    << static_cast<int>(StopReason::Length);
}

void TestGeminiAnswer::finishReasons()
{
    QFETCH(QByteArray, candidate);
    QFETCH(int, stop);
    const std::string body = quoted("{'candidates':[" + candidate.toStdString() + "]}");
    const Result<Answer> answer = gemini.readAnswer(body);
    QVERIFY(answer);
    QCOMPARE(static_cast<int>(answer->choices[0].stop), stop);
    const Answer streamed = answerOf(gemini, {body});
    QCOMPARE(static_cast<int>(streamed.choices[0].stop), stop);
    // Written and read again it ends in the same way.
    const Result<Answer> again = gemini.readAnswer(gemini.writeAnswer(*answer, {}));
    QVERIFY(again);
    QCOMPARE(static_cast<int>(again->choices[0].stop), stop);
    QCOMPARE(again->choices[0].stopText, answer->choices[0].stopText);
}

void TestGeminiAnswer::usageAddsThoughtsAndToolUse()
{
    const Result<Answer> answer = gemini.readAnswer(
        quoted("{'candidates':[{'content':{'parts':[{'text':'a'}]},'finishReason':'STOP'}],"
               "'usageMetadata':{'promptTokenCount':100,'toolUsePromptTokenCount':20,"
               "'cachedContentTokenCount':30,'candidatesTokenCount':7,'thoughtsTokenCount':5,"
               "'totalTokenCount':132,'serviceTier':'flex'}}"));
    QVERIFY(answer && answer->usage);
    QCOMPARE(answer->usage->inputTotal(), std::int64_t(120));
    QCOMPARE(answer->usage->cacheRead, std::int64_t(30));
    QCOMPARE(answer->usage->output, std::int64_t(12));
    QCOMPARE(answer->usage->reasoning, std::int64_t(5));
    QCOMPARE(answer->usage->serviceTier, std::string("flex"));
    // A blocked prompt is a refusal and no candidate.
    const std::string blocked = quoted(
        "{'promptFeedback':{'blockReason':'SAFETY'},'usageMetadata':{'promptTokenCount':4}}");
    const Result<Answer> refused = gemini.readAnswer(blocked);
    QVERIFY(refused);
    QCOMPARE(refused->choices[0].stop, StopReason::Refusal);
    const Relayed relayed = relayWhole("data: " + blocked + "\n\n", fromGemini(Dialect::Gemini));
    QVERIFY(relayed.facts.done && relayed.facts.refusal && relayed.facts.usage);
    QVERIFY(parsed(gemini.writeAnswer(*refused, {})).as_object().contains("promptFeedback"));
    QVERIFY(!parsed(gemini.writeAnswer(*refused, {})).as_object().contains("candidates"));
}

void TestGeminiAnswer::streamHasNoEndMark()
{
    const std::string first
        = quoted("{'candidates':[{'content':{'parts':[{'text':'Hel'}]}}],"
                 "'usageMetadata':{'promptTokenCount':3,'candidatesTokenCount':1}}");
    const std::string last
        = quoted("{'candidates':[{'content':{'parts':[{'text':'lo'}]},'finishReason':'STOP'}],"
                 "'usageMetadata':{'promptTokenCount':3,'candidatesTokenCount':2}}");
    const Relayed cut = relayWhole("data: " + first + "\n\n", fromGemini(Dialect::Gemini));
    QVERIFY(!cut.facts.done);
    const Relayed whole
        = relayWhole("data: " + first + "\n\ndata: " + last + "\n\n", fromGemini(Dialect::Gemini));
    QVERIFY(whole.facts.done);
    QCOMPARE(whole.facts.text, std::string("Hello"));
    QCOMPARE(whole.facts.usage->output, std::int64_t(2)); // cumulative: the last one wins
    QCOMPARE(whole.facts.finishReason, std::string("STOP"));
}

void TestGeminiAnswer::lastFinishReasonWins()
{
    const Answer answer = answerOf(gemini,
        {quoted("{'candidates':[{'content':{'parts':[{'text':'a'}]},'finishReason':'STOP'}]}"),
            quoted("{'candidates':[{'content':{'parts':[{'text':'b'}]},'finishReason':'MAX_TOKENS'}"
                   "]}")});
    QCOMPARE(textOf(answer.choices[0]), std::string("ab"));
    QCOMPARE(answer.choices[0].parts.size(), std::size_t(1));
    QCOMPARE(answer.choices[0].stop, StopReason::Length);
}

void TestGeminiAnswer::streamErrorIsAnEvent()
{
    const std::string stream
        = quoted("data: {'candidates':[{'content':{'parts':[{'text':'a'}]}}]}\n\n"
                 "data: {'error':{'code':503,'message':'too busy','status':'UNAVAILABLE'}}\n\n");
    const Relayed relayed = relayWhole(stream, fromGemini(Dialect::Gemini));
    QCOMPARE(relayed.facts.error, std::string("too busy"));
    QVERIFY(!relayed.facts.done);
    // An impossible index is no reason to make a million candidates.
    std::vector<AnswerEvent> events;
    QVERIFY(!gemini.eventReader()->read("",
        quoted("{'candidates':[{'index':1000000,'content':{'parts':[{'text':'a'}]}}]}"), events));
}

void TestGeminiAnswer::streamIsWritten_data()
{
    QTest::addColumn<bool>("array");
    QTest::newRow("alt=sse") << false;
    QTest::newRow("a JSON array") << true;
}

void TestGeminiAnswer::streamIsWritten()
{
    QFETCH(bool, array);
    Answer answer;
    answer.id = "r1";
    answer.model = "gemini-3-flash";
    Answer::Choice choice;
    Part thinking = textPart("hm");
    thinking.kind = Part::Kind::Thinking;
    thinking.signature = "FOREIGN";
    thinking.signedBy = Dialect::Anthropic;
    Part image;
    image.kind = Part::Kind::Image;
    image.mime = "image/png";
    image.data = "QUJD";
    choice.parts = {thinking, textPart("Hello"), callPart("c1", "f", "{\"a\":[1]}"), image};
    choice.stop = StopReason::ToolCall;
    answer.choices.push_back(choice);
    catalog::Usage usage;
    usage.inputUncached = 10;
    usage.output = 9;
    usage.reasoning = 4;
    answer.usage = usage;
    AnswerContext context;
    context.jsonArray = array;
    const std::unique_ptr<EventWriter> writer = gemini.eventWriter(context);
    std::string out;
    for (const AnswerEvent& event : eventsOf(answer)) {
        writer->write(event, out);
    }
    writer->end(out);
    std::vector<std::string> events;
    if (array) {
        const json::value list = parsed(out);
        QVERIFY(list.is_array());
        for (const json::value& chunk : list.get_array()) {
            events.push_back(json::serialize(chunk));
        }
    } else {
        StreamSplitter splitter(StreamSplitter::Framing::Sse);
        QVERIFY(splitter.feed(out));
        StreamSplitter::Event event;
        while (splitter.next(event)) {
            events.emplace_back(event.data);
        }
    }
    QCOMPARE(events.size(), std::size_t(5));
    const Answer read = answerOf(gemini, events);
    QCOMPARE(textOf(read.choices[0]), std::string("Hello"));
    QCOMPARE(textOf(read.choices[0], Part::Kind::Thinking), std::string("hm"));
    QVERIFY(out.find("FOREIGN") == std::string::npos);
    QCOMPARE(read.choices[0].parts[2].arguments, std::string("{\"a\":[1]}"));
    QCOMPARE(read.choices[0].parts[2].id, std::string("c1"));
    QCOMPARE(read.choices[0].parts[3].data, std::string("QUJD"));
    QCOMPARE(read.choices[0].stop, StopReason::ToolCall);
    QCOMPARE(read.usage->output, std::int64_t(9));
    QCOMPARE(read.usage->reasoning, std::int64_t(4));
    // The same dialect, but not asked with alt=sse: the provider's own chunks in an array.
    if (array) {
        RelayOptions options = fromGemini(Dialect::Gemini);
        options.context.jsonArray = true;
        std::string stream;
        for (const std::string& event : events) {
            stream += "data: " + event + "\r\n\r\n";
        }
        const Relayed relayed = relayWhole(stream, options);
        QCOMPARE(parsed(relayed.out).as_array().size(), events.size());
        QCOMPARE(slicingThatDiffers(stream, options), std::string());
        StreamRelay stopped(options);
        std::string bytes;
        QVERIFY(stopped.feed("data: " + events[0] + "\r\n\r\n", bytes));
        Refusal refusal;
        refusal.kind = RefusalKind::BudgetExceeded;
        stopped.fail(refusal, bytes);
        QVERIFY(parsed(bytes).is_array());
    }
}

void TestGeminiAnswer::refusals_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("word");
    const auto row = [](const char* name, RefusalKind kind, int status, const char* word) {
        QTest::newRow(name) << static_cast<int>(kind) << status << QByteArray(word);
    };
    row("a cap", RefusalKind::BudgetExceeded, 400, "FAILED_PRECONDITION");
    row("a loop", RefusalKind::LoopDetected, 400, "FAILED_PRECONDITION");
    row("in flight", RefusalKind::BudgetInFlight, 429, "RESOURCE_EXHAUSTED");
    row("bad", RefusalKind::BadRequest, 400, "INVALID_ARGUMENT");
    row("key", RefusalKind::Unauthorized, 401, "UNAUTHENTICATED");
    row("forbidden", RefusalKind::Forbidden, 403, "PERMISSION_DENIED");
    row("unknown", RefusalKind::NotFound, 404, "NOT_FOUND");
    row("too large", RefusalKind::TooLarge, 413, "INVALID_ARGUMENT");
    row("paused", RefusalKind::Paused, 503, "UNAVAILABLE");
    row("failed", RefusalKind::UpstreamFailed, 502, "UNAVAILABLE");
    row("timeout", RefusalKind::UpstreamTimeout, 504, "DEADLINE_EXCEEDED");
    row("internal", RefusalKind::Internal, 500, "INTERNAL");
}

void TestGeminiAnswer::refusals()
{
    QFETCH(int, kind);
    QFETCH(int, status);
    QFETCH(QByteArray, word);
    Refusal refusal;
    refusal.kind = static_cast<RefusalKind>(kind);
    refusal.message = "Budget cap reached; try again never.";
    refusal.metadata = {{"pool", "search"}};
    refusal.retryAfterSeconds = 3;
    const RefusalReply reply = gemini.writeRefusal(refusal);
    QCOMPARE(reply.status, status);
    const json::value body = parsed(reply.body);
    const json::object& error = body.at("error").as_object();
    QCOMPARE(error.at("code").as_int64(), std::int64_t(status));
    QCOMPARE(QByteArray(error.at("status").as_string().c_str()), word);
    QVERIFY(reply.body.find("try again") == std::string::npos);
    QVERIFY(reply.body.find("search") != std::string::npos);
    const bool waits = reply.body.find("RetryInfo") != std::string::npos;
    QCOMPARE(waits,
        kind == static_cast<int>(RefusalKind::BudgetInFlight)
            || kind == static_cast<int>(RefusalKind::Paused));
    QVERIFY(gemini.writeStreamError(refusal).rfind("data: {\"error\"", 0) == 0);
}

void TestGeminiAnswer::errors()
{
    const ErrorText read
        = gemini.readError(quoted("[{'error':{'code':400,'message':'API key not "
                                  "valid.','status':'INVALID_ARGUMENT','details':"
                                  "[{'@type':'x','reason':'API_KEY_INVALID'}]}}]"));
    QCOMPARE(read.message, std::string("API key not valid."));
    QCOMPARE(read.type, std::string("INVALID_ARGUMENT"));
    QCOMPARE(read.code, std::string("API_KEY_INVALID"));
    QCOMPARE(gemini.readError("<html>no</html>").message, std::string("<html>no</html>"));
    QCOMPARE(gemini.readError("").message, std::string());
    ErrorText error;
    error.message = "slow down";
    QCOMPARE(gemini.writeError(429, error),
        quoted("{'error':{'code':429,'message':'slow down','status':'RESOURCE_EXHAUSTED'}}"));
}

void TestGeminiAnswer::countTokens()
{
    QVERIFY(!readGeminiCountTokens("", pathOf("m")));
    QVERIFY(!readGeminiCountTokens("{}", pathOf("m")));
    QVERIFY(!readGeminiCountTokens(quoted("{'generateContentRequest':{}}"), pathOf("m")));
    for (const char* body : {"{'contents':[{'parts':[{'text':'count me'}]}]}",
             "{'generateContentRequest':{'model':'models/m','contents':[{'parts':[{'text':'count "
             "me'}]}]}}"}) {
        const Result<RequestView> view = readGeminiCountTokens(quoted(body), pathOf("m"));
        QVERIFY(view);
        QCOMPARE(view->messages.size(), std::size_t(1));
        QCOMPARE(view->messages[0].text, std::string("count me"));
        QCOMPARE(view->model, std::string("m"));
    }
    QCOMPARE(writeGeminiTokenCount(31), quoted("{'totalTokens':31}"));
}

void TestGeminiAnswer::modelsList()
{
    QCOMPARE(writeGeminiModels({}), quoted("{'models':[]}"));
    GeminiModel model;
    model.id = "auto";
    model.inputTokenLimit = 1'000;
    QCOMPARE(writeGeminiModels({model}),
        quoted("{'models':[{'name':'models/auto','displayName':'auto','inputTokenLimit':1000,"
               "'supportedGenerationMethods':['generateContent','streamGenerateContent','"
               "countTokens']}]}"));
    QVERIFY(writeGeminiModel(model).rfind("{\"name\":\"models/auto\"", 0) == 0);
}

QTEST_GUILESS_MAIN(TestGeminiAnswer)
#include "tst_gemini_answer.moc"
