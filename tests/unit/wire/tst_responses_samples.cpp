// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QDir>
#include <QFile>
#include <QTest>

#include "core/wire/codec.h"
#include "core/wire/json_dom.h"
#include "core/wire/stream_relay.h"

#include <boost/json/serialize.hpp>

#include <string>
#include <vector>

using namespace headgate;
using namespace headgate::wire;
namespace json = boost::json;

namespace {

QString shared()
{
    const QByteArray set = qgetenv("HEADGATE_SHARED");
    return QString::fromUtf8(set.isEmpty() ? QByteArray(HEADGATE_SOURCE_DIR "/../shared") : set);
}

std::string contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll().toStdString() : std::string();
}

/// Every file of the captured responses cases with this end of its name.
QStringList samples(const QString& pattern, const QString& dialect = QStringLiteral("responses"))
{
    QStringList out;
    const QDir root(shared() + QStringLiteral("/data/wire-samples"));
    for (const QString& name : root.entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        const QDir folder(root.filePath(name + QStringLiteral("/") + dialect));
        for (const QString& file : folder.entryList({pattern}, QDir::Files)) {
            out << folder.filePath(file);
        }
    }
    return out;
}

const Codec& codec()
{
    return responsesCodec();
}

json::value parsed(const std::string& text)
{
    const Result<json::value> value = dom::parse(text, "The sample");
    return value ? *value : json::value();
}

/// A captured stream as a provider sends it.
std::string streamOf(const QString& path)
{
    std::string out;
    const json::value events = parsed(contentOf(path));
    for (const json::value& event : events.is_array() ? events.get_array() : json::array()) {
        const json::object* object = event.if_object();
        const std::string type(object != nullptr ? dom::stringAt(*object, "type") : "");
        out += type.empty() ? "" : "event: " + type + "\n";
        out += "data: " + json::serialize(event) + "\n\n";
    }
    if (path.contains(QStringLiteral("/chat-completions/"))) {
        out += "data: [DONE]\n\n";
    }
    return out;
}

Answer answerOf(const std::string& stream, std::size_t slice, Dialect dialect = Dialect::Responses)
{
    const std::unique_ptr<EventReader> reader = codecOf(dialect).eventReader();
    AnswerBuilder builder;
    StreamSplitter splitter(StreamSplitter::Framing::Sse);
    for (std::size_t at = 0; at < stream.size(); at += slice) {
        static_cast<void>(splitter.feed(std::string_view(stream).substr(at, slice)));
        StreamSplitter::Event event;
        while (splitter.next(event)) {
            std::vector<AnswerEvent> events;
            static_cast<void>(reader->read(event.name, event.data, events));
            for (const AnswerEvent& each : events) {
                builder.add(each);
            }
        }
    }
    std::vector<AnswerEvent> last;
    reader->finish(last);
    for (const AnswerEvent& each : last) {
        builder.add(each);
    }
    return builder.take();
}

/// What two dialects must agree on: all text, the calls, how it ended.
std::string meaningOf(const Answer& answer)
{
    std::string text;
    std::string calls;
    if (answer.choices.empty()) {
        return answer.error;
    }
    for (const Part& part : answer.choices.front().parts) {
        if (part.kind == Part::Kind::Text || part.kind == Part::Kind::Refusal) {
            text += part.text;
        } else if (part.kind == Part::Kind::ToolCall) {
            // Free text goes inside {"input": …} where the other dialect has no custom tools.
            const Result<json::value> arguments = dom::parse(part.arguments, "The arguments");
            const json::value said = arguments && arguments->is_object()
                ? *arguments
                : json::value(json::object{{"input", part.arguments}});
            calls += "|" + part.name + "(" + json::serialize(said) + ")";
        }
    }
    const StopReason stop = answer.choices.front().stop;
    return text + calls + "|"
        + stopReasonName(stop == StopReason::StopSequence ? StopReason::End : stop);
}

/// The encrypted content is sealed anew each time it is sent.
json::value comparable(const Native& native)
{
    json::value value = native.value;
    if (json::object* object = value.if_object()) {
        object->erase("encrypted_content");
    }
    return value;
}

QString differenceOf(const Part& a, const Part& b)
{
    if (a.kind != b.kind || a.custom != b.custom || a.redacted != b.redacted) {
        return QStringLiteral("kind");
    }
    if (a.text != b.text || a.arguments != b.arguments) {
        return QStringLiteral("text: ") + QString::fromStdString(a.text) + QStringLiteral(" / ")
            + QString::fromStdString(b.text);
    }
    if (a.id != b.id || a.name != b.name || a.signature.empty() != b.signature.empty()) {
        return QStringLiteral("name");
    }
    if (comparable(a.native) != comparable(b.native)) {
        return QString::fromStdString(
            json::serialize(a.native.value) + " / " + json::serialize(b.native.value));
    }
    return {};
}

QString differenceOf(const Answer& a, const Answer& b)
{
    if (a.id != b.id || a.model != b.model || a.createdS != b.createdS) {
        return QStringLiteral("head");
    }
    if (a.choices.size() != 1 || b.choices.size() != 1
        || a.choices[0].parts.size() != b.choices[0].parts.size()) {
        return QStringLiteral("parts");
    }
    if (a.choices[0].stop != b.choices[0].stop || a.choices[0].stopText != b.choices[0].stopText) {
        return QStringLiteral("stop");
    }
    for (std::size_t i = 0; i < a.choices[0].parts.size(); ++i) {
        const QString difference = differenceOf(a.choices[0].parts[i], b.choices[0].parts[i]);
        if (!difference.isEmpty()) {
            return QStringLiteral("part %1: ").arg(i) + difference;
        }
    }
    if (a.usage.has_value() != b.usage.has_value()) {
        return QStringLiteral("usage");
    }
    const bool same = !a.usage
        || (a.usage->inputUncached == b.usage->inputUncached
            && a.usage->cacheRead == b.usage->cacheRead && a.usage->output == b.usage->output
            && a.usage->reasoning == b.usage->reasoning
            && a.usage->webSearches == b.usage->webSearches
            && a.usage->serviceTier == b.usage->serviceTier);
    return same ? QString() : QStringLiteral("usage");
}

std::string terminalOf(const QString& path)
{
    const json::value events = parsed(contentOf(path));
    const json::array* list = events.if_array();
    const json::object* last
        = list != nullptr && !list->empty() ? list->back().if_object() : nullptr;
    const json::object* response = last != nullptr ? dom::objectAt(*last, "response") : nullptr;
    return response != nullptr ? json::serialize(*response) : std::string();
}

} // namespace

class TestResponsesSamples : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // NOLINTBEGIN(readability-convert-member-functions-to-static)
    void requestsSurvive();
    void streamsAgreeWithTheirEnd();
    void streamsAreWrittenAgain();
    void answersAreWrittenAgain();
    void streamsOfOthers_data();
    void streamsOfOthers();
    void toOthersAndBack_data();
    void toOthersAndBack();
    void clientsAreUnderstood_data();
    void clientsAreUnderstood();
    void codexToOthers();
    // NOLINTEND(readability-convert-member-functions-to-static)
};

void TestResponsesSamples::requestsSurvive()
{
    const QStringList files = samples(QStringLiteral("*request.json"));
    if (files.isEmpty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const QString& file : files) {
        const std::string body = contentOf(file);
        QVERIFY2(codec().readView(body, {}), file.toUtf8());
        const Result<Conversation> read = codec().readRequest(body, {});
        QVERIFY2(read, file.toUtf8());
        WriteOptions options;
        options.model = read->model;
        options.stream = read->stream;
        Losses losses;
        const Result<std::string> again = codec().writeRequest(*read, options, losses);
        QVERIFY2(again && losses.empty(), file.toUtf8());
        QVERIFY2(parsed(*again) == parsed(body), file.toUtf8());
    }
}

void TestResponsesSamples::streamsAgreeWithTheirEnd()
{
    const QStringList files = samples(QStringLiteral("*streaming.json"));
    if (files.isEmpty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    int compared = 0;
    for (const QString& file : files) {
        const std::string terminal = terminalOf(file);
        if (terminal.empty()) {
            continue; // one capture is of an older protocol
        }
        const std::string stream = streamOf(file);
        const Result<Answer> whole = codec().readAnswer(terminal);
        QVERIFY2(whole, file.toUtf8());
        for (const std::size_t slice : {std::size_t(1), std::size_t(7), std::size_t(4096)}) {
            const QString difference = differenceOf(answerOf(stream, slice), *whole);
            QVERIFY2(difference.isEmpty(), (file + QStringLiteral(": ") + difference).toUtf8());
        }
        ++compared;
    }
    QVERIFY(compared > 50);
}

void TestResponsesSamples::streamsAreWrittenAgain()
{
    const QStringList files = samples(QStringLiteral("*streaming.json"));
    if (files.isEmpty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const QString& file : files) {
        const Answer answer = answerOf(streamOf(file), 4096);
        if (answer.choices.empty()) {
            continue;
        }
        AnswerContext context;
        context.model = answer.model;
        const std::unique_ptr<EventWriter> writer = codec().eventWriter(context);
        std::string stream;
        for (const AnswerEvent& event : eventsOf(answer)) {
            writer->write(event, stream);
        }
        writer->end(stream);
        const Answer again = answerOf(stream, 4096);
        QCOMPARE(again.choices.size(), answer.choices.size());
        QCOMPARE(again.choices[0].parts.size(), answer.choices[0].parts.size());
        for (std::size_t i = 0; i < again.choices[0].parts.size(); ++i) {
            QCOMPARE(again.choices[0].parts[i].text, answer.choices[0].parts[i].text);
            QCOMPARE(again.choices[0].parts[i].arguments, answer.choices[0].parts[i].arguments);
        }
        QCOMPARE(again.choices[0].stop, answer.choices[0].stop);
    }
}

void TestResponsesSamples::answersAreWrittenAgain()
{
    const QStringList files = samples(QStringLiteral("*response.json"));
    if (files.isEmpty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const QString& file : files) {
        const Result<Answer> answer = codec().readAnswer(contentOf(file));
        QVERIFY2(answer, file.toUtf8());
        AnswerContext context;
        context.model = answer->model;
        const std::string body = codec().writeAnswer(*answer, context);
        const Result<Answer> again = codec().readAnswer(body);
        QVERIFY2(again, file.toUtf8());
        const QString difference = differenceOf(*again, *answer);
        QVERIFY2(difference.isEmpty(), (file + QStringLiteral(": ") + difference).toUtf8());
    }
}

void TestResponsesSamples::streamsOfOthers_data()
{
    QTest::addColumn<QString>("folder");
    QTest::addColumn<int>("dialect");
    QTest::newRow("chat") << "chat-completions" << static_cast<int>(Dialect::Chat);
    QTest::newRow("anthropic") << "anthropic" << static_cast<int>(Dialect::Anthropic);
    QTest::newRow("google") << "google" << static_cast<int>(Dialect::Gemini);
}

/// What the captured streams of other dialects say, said as responses streams.
void TestResponsesSamples::streamsOfOthers()
{
    QFETCH(QString, folder);
    QFETCH(int, dialect);
    const auto upstream = static_cast<Dialect>(dialect);
    const QStringList files = samples(QStringLiteral("*streaming.json"), folder);
    if (files.isEmpty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const QString& file : files) {
        const std::string stream = streamOf(file);
        const Answer whole = answerOf(stream, 4096, upstream);
        RelayOptions options;
        options.upstream = upstream;
        options.client = Dialect::Responses;
        options.context.model = "named";
        options.context.id = "d1";
        StreamRelay relay(options);
        std::string out;
        QVERIFY2(relay.feed(stream, out), file.toUtf8());
        relay.finish(out);
        const Answer again = answerOf(out, 4096);
        QVERIFY2(meaningOf(again) == meaningOf(whole),
            (file + QStringLiteral(": ") + QString::fromStdString(meaningOf(again))
                + QStringLiteral(" / ") + QString::fromStdString(meaningOf(whole)))
                .toUtf8());
        QCOMPARE(again.usage.has_value(), true);
        if (whole.usage) {
            QCOMPARE(again.usage->inputTotal(), whole.usage->inputTotal());
            QCOMPARE(again.usage->output, whole.usage->output);
        }
    }
}

void TestResponsesSamples::toOthersAndBack_data()
{
    streamsOfOthers_data();
}

/// Answers of this dialect as the clients of others get them.
void TestResponsesSamples::toOthersAndBack()
{
    QFETCH(int, dialect);
    const Codec& other = codecOf(static_cast<Dialect>(dialect));
    const QStringList files = samples(QStringLiteral("*streaming.json"));
    if (files.isEmpty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const QString& file : files) {
        const std::string stream = streamOf(file);
        const Answer whole = answerOf(stream, 4096);
        if (whole.choices.empty()) {
            continue;
        }
        RelayOptions options;
        options.upstream = Dialect::Responses;
        options.client = other.dialect();
        options.context.model = "named";
        options.context.id = "d1";
        StreamRelay relay(options);
        std::string out;
        QVERIFY2(relay.feed(stream, out), file.toUtf8());
        relay.finish(out);
        const Answer again = answerOf(out, 4096, other.dialect());
        QVERIFY2(meaningOf(again) == meaningOf(whole),
            (file + QStringLiteral(": ") + QString::fromStdString(meaningOf(again))
                + QStringLiteral(" / ") + QString::fromStdString(meaningOf(whole)))
                .toUtf8());
        QVERIFY2(again.usage, file.toUtf8());
        QCOMPARE(again.usage->inputTotal(), whole.usage->inputTotal());
        QCOMPARE(again.usage->output, whole.usage->output);
    }
}

void TestResponsesSamples::clientsAreUnderstood_data()
{
    QTest::addColumn<QString>("file");
    for (const char* name :
        {"cli_codex.json", "openai-sdk-7.57.json", "ai-sdk.json", "langchain.json"}) {
        QTest::newRow(name) << shared() + QStringLiteral("/data/clients/")
                + QString::fromUtf8(name);
    }
}

namespace {

void collectBodies(const json::value& value, std::vector<json::value>& out)
{
    if (const json::object* object = value.if_object()) {
        const json::value* body = dom::find(*object, "body");
        if (body != nullptr && body->is_object()
            && dom::stringAt(*object, "url").find("/responses") != std::string_view::npos) {
            out.push_back(*body);
        }
        for (const auto& member : *object) {
            collectBodies(member.value(), out);
        }
    } else if (const json::array* array = value.if_array()) {
        for (const json::value& entry : *array) {
            collectBodies(entry, out);
        }
    }
}

} // namespace

void TestResponsesSamples::clientsAreUnderstood()
{
    QFETCH(QString, file);
    if (!QFile::exists(file)) {
        QSKIP("The captured client requests (../shared) are not here.");
    }
    std::vector<json::value> bodies;
    collectBodies(parsed(contentOf(file)), bodies);
    QVERIFY(!bodies.empty());
    for (json::value& body : bodies) {
        const std::string text = json::serialize(body);
        const Result<RequestView> view = codec().readView(text, {});
        QVERIFY2(view, view ? "" : view.error().message.c_str());
        QVERIFY(view->heldContext.empty());
        const Result<Conversation> read = codec().readRequest(text, {});
        QVERIFY(read);
        WriteOptions options;
        options.model = read->model;
        options.stream = read->stream;
        Losses losses;
        const Result<std::string> again = codec().writeRequest(*read, options, losses);
        QVERIFY(again);
        const json::value* stream = dom::find(body.as_object(), "stream");
        if (stream != nullptr && *stream == false) {
            body.as_object().erase("stream"); // what is left out means the same
        }
        QVERIFY2(parsed(*again) == body, again->c_str());
    }
}

/// Codex in front of providers that speak another dialect: its tools must all be sayable, or named
/// as a loss.
void TestResponsesSamples::codexToOthers()
{
    const QString file = shared() + QStringLiteral("/data/clients/cli_codex.json");
    if (!QFile::exists(file)) {
        QSKIP("The captured client requests (../shared) are not here.");
    }
    std::vector<json::value> bodies;
    collectBodies(parsed(contentOf(file)), bodies);
    const Result<Conversation> read = codec().readRequest(json::serialize(bodies.front()), {});
    QVERIFY(read);
    for (const Dialect dialect : {Dialect::Chat, Dialect::Anthropic, Dialect::Gemini}) {
        WriteOptions options;
        options.model = "other";
        options.stream = true;
        options.outputCeiling = 1'000;
        Losses losses;
        const Result<std::string> other = codecOf(dialect).writeRequest(*read, options, losses);
        if (!other && other.error().code == ErrorCode::Unsupported) {
            continue; // not written yet
        }
        QVERIFY2(other, other ? "" : other.error().message.c_str());
        for (const char* name : {"exec_command", "spawn_agent", "wait_agent", "update_goal"}) {
            QVERIFY2(other->find(name) != std::string::npos, name);
        }
        QVERIFY2(other->find("\"@") == std::string::npos, dialectName(dialect));
        QVERIFY2(!losses.empty(), dialectName(dialect)); // web_search stays behind
    }
}

QTEST_APPLESS_MAIN(TestResponsesSamples)
#include "tst_responses_samples.moc"
