// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "anthropic_testing.h"
#include "core/wire/count_tokens.h"
#include "core/wire/stream_relay.h"

#include <QDir>
#include <QDirIterator>
#include <QFile>

#include <cctype>
#include <set>

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::testing;
namespace json = boost::json;

namespace {

QString dataFolder(const char* name)
{
    const QByteArray shared = qgetenv("HEADGATE_SHARED");
    return QString::fromUtf8(
               shared.isEmpty() ? QByteArray(HEADGATE_SOURCE_DIR "/../shared") : shared)
        + QStringLiteral("/data/") + QString::fromUtf8(name);
}

std::string contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll().toStdString() : std::string();
}

/// Paths of files of the Anthropic side whose names end so.
QStringList samples(const QString& ending, const char* dialect = "anthropic")
{
    QStringList out;
    const QString root = dataFolder("wire-samples");
    QDirIterator files(
        root, {QStringLiteral("*") + ending}, QDir::Files, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        const QString path = files.next();
        if (path.contains(QStringLiteral("/") + QString::fromUtf8(dialect) + QStringLiteral("/"))) {
            out << path;
        }
    }
    out.sort();
    return out;
}

/// Two ways to say the same made one: text content as blocks, no empty lists and nulls.
json::value canonical(const json::value& value, std::string_view key = {})
{
    if (value.is_string() && (key == "content" || key == "system")) {
        return json::array{json::object{{"type", "text"}, {"text", value}}};
    }
    if (const json::array* array = value.if_array()) {
        json::array out;
        for (const json::value& element : *array) {
            out.push_back(canonical(element));
        }
        return out;
    }
    if (const json::object* object = value.if_object()) {
        json::object out;
        for (const auto& member : *object) {
            const std::string_view name(member.key().data(), member.key().size());
            const json::array* list = member.value().if_array();
            const bool nothing = member.value().is_null()
                || (list != nullptr && list->empty() && name == "citations");
            if (!nothing) {
                out.emplace(member.key(), canonical(member.value(), name));
            }
        }
        return out;
    }
    if (value.is_int64()) {
        return static_cast<double>(value.get_int64());
    }
    return value;
}

std::string sse(const json::array& events)
{
    std::string out;
    for (const json::value& event : events) {
        out += "event: " + std::string(event.at("type").as_string())
            + "\ndata: " + json::serialize(event) + "\n\n";
    }
    return out;
}

/// The answer of a stream's bytes, fed in slices of this size.
Answer answerOf(std::string_view bytes, std::size_t slice)
{
    StreamSplitter splitter(StreamSplitter::Framing::Sse);
    const std::unique_ptr<EventReader> reader = anthropicCodec().eventReader();
    AnswerBuilder builder;
    StreamSplitter::Event raw;
    while (!bytes.empty()) {
        if (!splitter.feed(bytes.substr(0, slice))) {
            return {};
        }
        bytes.remove_prefix(std::min(slice, bytes.size()));
        while (splitter.next(raw)) {
            std::vector<AnswerEvent> events;
            if (!raw.data.empty() && !reader->read(raw.name, raw.data, events)) {
                return {};
            }
            for (const AnswerEvent& event : events) {
                builder.add(event);
            }
        }
    }
    return reader->done() ? builder.take() : Answer();
}

std::string whole(const Answer& answer)
{
    return json::serialize(canonical(parsed(anthropicCodec().writeAnswer(answer, {}))));
}

/// Bodies that a client of the captures sent to a route of this protocol.
std::vector<std::pair<std::string, json::value>> captured(const char* file)
{
    std::vector<std::pair<std::string, json::value>> out;
    const std::string text
        = contentOf(dataFolder("clients") + QStringLiteral("/") + QString::fromUtf8(file));
    if (text.empty()) {
        return out;
    }
    const json::value root = parsed(text);
    std::vector<json::value> todo{root.at("captures")};
    while (!todo.empty()) {
        const json::value value = todo.back();
        todo.pop_back();
        if (const json::array* list = value.if_array()) {
            todo.insert(todo.end(), list->begin(), list->end());
        } else if (const json::object* object = value.if_object()) {
            const json::value* url = object->if_contains("url");
            const json::value* body = object->if_contains("body");
            if (url == nullptr) {
                for (const auto& member : *object) {
                    todo.push_back(member.value());
                }
            } else if (body != nullptr && body->is_object()
                && url->as_string().find("/messages") != json::string::npos) {
                out.emplace_back(std::string(url->as_string()), *body);
            }
        }
    }
    return out;
}

struct Other {
    Dialect dialect;
    const char* folder;
};
constexpr Other others[]{{Dialect::Chat, "chat-completions"}, {Dialect::Responses, "responses"},
    {Dialect::Gemini, "google"}};

/// What the API would refuse of a request; empty: nothing.
std::string refusedOf(const json::value& body)
{
    std::string before = "assistant";
    std::set<std::string> open;
    const auto good = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    };
    for (const json::value& message : body.at("messages").as_array()) {
        const std::string role(message.at("role").as_string());
        if (role == before) {
            return "two turns of " + role;
        }
        before = role;
        if (!message.at("content").is_array() || message.at("content").as_array().empty()) {
            return "empty content";
        }
        bool texts = false;
        for (const json::value& block : message.at("content").as_array()) {
            const std::string type(block.at("type").as_string());
            texts = texts || type == "text";
            if (type == "text" && block.at("text").as_string().empty()) {
                return "empty text";
            }
            if (type == "tool_use") {
                const std::string id(block.at("id").as_string());
                if (id.empty() || !std::all_of(id.begin(), id.end(), good)
                    || !open.insert(id).second || !block.at("input").is_object()) {
                    return "call " + id;
                }
            }
            if (type == "tool_result"
                && (texts || open.erase(std::string(block.at("tool_use_id").as_string())) == 0)) {
                return "a result after text or without its call";
            }
        }
        if (role == "user" && !open.empty()) {
            return "a call without a result";
        }
    }
    if (const json::value* thinking = body.as_object().if_contains("thinking")) {
        const json::value* budget = thinking->as_object().if_contains("budget_tokens");
        if (budget != nullptr && budget->as_int64() >= body.at("max_tokens").as_int64()) {
            return "budget";
        }
    }
    return {};
}

/// What an answer says, whatever the dialect: texts, calls and how much it was.
std::string meaningOf(const Answer& answer)
{
    std::string text;
    std::string calls;
    bool called = false;
    if (!answer.choices.empty()) {
        for (const Part& part : answer.choices.front().parts) {
            if (part.kind == Part::Kind::Text || part.kind == Part::Kind::Refusal
                || part.kind == Part::Kind::Audio) {
                text += part.text;
            } else if (part.kind == Part::Kind::ToolCall) {
                called = true;
                // Free text, and arguments cut off, go as an object with one field.
                boost::system::error_code failed;
                json::value input = part.arguments.empty() ? json::value(json::object())
                                                           : json::parse(part.arguments, failed);
                if (failed || part.custom) {
                    input = json::object{{"input", part.arguments}};
                }
                calls += part.name + " " + json::serialize(canonical(input)) + "\n";
            }
        }
    }
    std::string out = text + "\n" + calls;
    if (!answer.choices.empty()) {
        const StopReason stop = answer.choices.front().stop;
        const bool plain = stop == StopReason::Other || stop == StopReason::None
            || (called && stop == StopReason::End);
        out += stopReasonName(plain ? (called ? StopReason::ToolCall : StopReason::End) : stop);
    }
    if (answer.usage) {
        out += "\n" + std::to_string(answer.usage->inputTotal()) + " "
            + std::to_string(answer.usage->cacheRead) + " " + std::to_string(answer.usage->output)
            + " " + std::to_string(answer.usage->reasoning);
    }
    return out;
}

bool unwritten(const Error& error)
{
    return error.message.find("not written yet") != std::string::npos;
}

bool makesMedia(const Answer& answer)
{
    for (const Answer::Choice& choice : answer.choices) {
        for (const Part& part : choice.parts) {
            if (part.kind == Part::Kind::Image || part.kind == Part::Kind::File) {
                return true;
            }
        }
    }
    return false;
}

} // namespace

class TestAnthropicSamples : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void requestsWriteBack();
    void answersWriteBack();
    void streamsReadTheSameHoweverSliced();
    void streamsAgreeWithAnswers();
    void clientsAreAccepted();
    void claudeCodeTranslates();
    void requestsOfOthersBecomeMessages();
    void answersOfOthersBecomeMessages();
    void streamsOfOthersBecomeMessages();
    void damagedBodiesAreSurvived();
};

void TestAnthropicSamples::initTestCase()
{
    if (!QDir(dataFolder("wire-samples")).exists()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
}

void TestAnthropicSamples::requestsWriteBack()
{
    const QStringList files = samples(QStringLiteral("request.json"));
    QVERIFY(files.size() > 50);
    for (const QString& file : files) {
        const std::string body = contentOf(file);
        const Result<RequestView> view = anthropicCodec().readView(body, {});
        QVERIFY2(view, qPrintable(file));
        const Conversation conversation = anthropicCodec().readRequest(body, {}).value();
        Losses losses;
        const json::value again
            = written(conversation, losses, conversation.model, conversation.maxOutput);
        QVERIFY2(canonical(again) == canonical(parsed(body)),
            (file.toStdString() + "\n" + json::serialize(again)).c_str());
        QVERIFY2(losses.empty(), qPrintable(file));
    }
}

void TestAnthropicSamples::answersWriteBack()
{
    const QStringList files = samples(QStringLiteral("response.json"));
    QVERIFY(files.size() > 40);
    for (const QString& file : files) {
        const std::string body = contentOf(file);
        const Result<Answer> answer = anthropicCodec().readAnswer(body);
        QVERIFY2(answer && answer->usage, qPrintable(file));
        json::value given = canonical(parsed(body));
        json::value again = canonical(parsed(anthropicCodec().writeAnswer(*answer, {})));
        // Counts are compared by their meaning below, not by which fields name them.
        given.as_object().erase("usage");
        again.as_object().erase("usage");
        QVERIFY2(given == again, (file.toStdString() + "\n" + json::serialize(again)).c_str());
        const json::value usage = parsed(body).at("usage");
        QCOMPARE(answer->usage->output, usage.at("output_tokens").as_int64());
        QCOMPARE(answer->usage->inputUncached, usage.at("input_tokens").as_int64());
    }
}

void TestAnthropicSamples::streamsReadTheSameHoweverSliced()
{
    const QStringList files = samples(QStringLiteral("response-streaming.json"));
    QVERIFY(files.size() > 40);
    for (const QString& file : files) {
        const std::string bytes = sse(parsed(contentOf(file)).as_array());
        const std::string once = whole(answerOf(bytes, bytes.size()));
        QVERIFY2(once.find("\"stop_reason\"") != std::string::npos, qPrintable(file));
        for (const std::size_t slice : {1U, 2U, 3U, 7U, 64U, 1000U}) {
            QVERIFY2(whole(answerOf(bytes, slice)) == once, qPrintable(file));
        }
        // written anew and read again: the same
        AnswerContext context;
        const std::unique_ptr<EventWriter> writer = anthropicCodec().eventWriter(context);
        std::string anew;
        for (const AnswerEvent& event : eventsOf(answerOf(bytes, bytes.size()))) {
            writer->write(event, anew);
        }
        writer->end(anew);
        json::value first = parsed(once);
        json::value second = parsed(whole(answerOf(anew, 17)));
        for (json::value* const value : {&first, &second}) {
            for (json::value& block : value->at("content").as_array()) {
                block.as_object().erase("caller"); // known too late for a block's start
            }
        }
        QVERIFY2(first == second, (file.toStdString() + "\n" + json::serialize(second)).c_str());
    }
}

void TestAnthropicSamples::streamsAgreeWithAnswers()
{
    // The two were made by two calls: their words differ, but not what ended them.
    int compared = 0;
    for (const QString& file : samples(QStringLiteral("response-streaming.json"))) {
        QString other = file;
        other.replace(QStringLiteral("response-streaming"), QStringLiteral("response"));
        const std::string body = contentOf(other);
        if (body.empty()) {
            continue;
        }
        const std::string bytes = sse(parsed(contentOf(file)).as_array());
        const Answer stream = answerOf(bytes, bytes.size());
        const Answer answer = anthropicCodec().readAnswer(body).value();
        QVERIFY2(stream.usage.has_value(), qPrintable(file));
        QVERIFY2(stream.usage->serviceTier == answer.usage->serviceTier, qPrintable(file));
        QCOMPARE(stream.choices.size(), std::size_t(1));
        compared += stream.choices.front().stop == answer.choices.front().stop ? 1 : 0;
    }
    QVERIFY(compared > 40);
}

void TestAnthropicSamples::clientsAreAccepted()
{
    int seen = 0;
    for (const char* const file :
        {"cli_claude-new.json", "anthropic-sdk.json", "ai-sdk.json", "langchain.json"}) {
        for (const auto& [url, body] : captured(file)) {
            const std::string text = json::serialize(body);
            const bool counts = url.find("count_tokens") != std::string::npos;
            const Result<RequestView> view
                = counts ? readCountTokens(text) : anthropicCodec().readView(text, {});
            QVERIFY2(view, (std::string(file) + " " + url).c_str());
            QVERIFY(view->heldContext.empty());
            if (!counts) {
                const Conversation conversation = anthropicCodec().readRequest(text, {}).value();
                Losses losses;
                const json::value again
                    = written(conversation, losses, conversation.model, conversation.maxOutput);
                json::value given = canonical(body);
                if (given.as_object().contains("stream") && !conversation.stream) {
                    given.as_object().erase("stream"); // false is what leaving it out means
                }
                QVERIFY2(canonical(again) == given, file);
            }
            ++seen;
        }
    }
    QVERIFY(seen >= 8);
}

void TestAnthropicSamples::claudeCodeTranslates()
{
    const auto bodies = captured("cli_claude-new.json");
    QCOMPARE(bodies.size(), std::size_t(1));
    const Conversation conversation
        = anthropicCodec().readRequest(json::serialize(bodies.front().second), {}).value();
    QCOMPARE(conversation.tools.size(), std::size_t(12));
    for (const Dialect dialect : {Dialect::Chat, Dialect::Responses, Dialect::Gemini}) {
        WriteOptions options;
        options.model = "some-model";
        options.outputCeiling = 8'000;
        options.stream = true;
        Losses losses;
        const Result<std::string> body
            = codecOf(dialect).writeRequest(conversation, options, losses);
        if (!body && body.error().message.find("not written yet") != std::string::npos) {
            continue;
        }
        QVERIFY2(body, body ? "" : body.error().text().c_str());
        QVERIFY2(losses.size() < 10, dialectName(dialect));
        // all tools arrive
        for (const Tool& tool : conversation.tools) {
            QVERIFY2(body->find('"' + tool.name + '"') != std::string::npos, tool.name.c_str());
        }
        for (const std::string& loss : losses) {
            qInfo("%s: %s", dialectName(dialect), loss.c_str());
        }
    }
}

void TestAnthropicSamples::requestsOfOthersBecomeMessages()
{
    int written = 0;
    for (const Other& other : others) {
        for (const QString& file : samples(QStringLiteral("request.json"), other.folder)) {
            RequestPath path;
            path.model = "some-model";
            const Result<Conversation> conversation
                = codecOf(other.dialect).readRequest(contentOf(file), path);
            if (!conversation) {
                QVERIFY2(unwritten(conversation.error()),
                    (file.toStdString() + " " + conversation.error().text()).c_str());
                continue;
            }
            for (const char* const model : {"claude-opus-5", "claude-sonnet-4-5"}) {
                WriteOptions options;
                options.model = model;
                options.outputCeiling = 4'096;
                Losses losses;
                const Result<std::string> body
                    = anthropicCodec().writeRequest(*conversation, options, losses);
                if (!body) {
                    qInfo("%s: %s", qPrintable(file.section(QLatin1Char('/'), -3)),
                        body.error().text().c_str());
                    QVERIFY(!body.error().remedy.empty());
                    continue;
                }
                const std::string refused = refusedOf(parsed(*body));
                QVERIFY2(
                    refused.empty(), (file.toStdString() + ": " + refused + "\n" + *body).c_str());
                QVERIFY(anthropicCodec().readView(*body, {}));
                ++written;
            }
        }
    }
    QVERIFY(written > 0);
}

void TestAnthropicSamples::answersOfOthersBecomeMessages()
{
    for (const Other& other : others) {
        for (const QString& file : samples(QStringLiteral("response.json"), other.folder)) {
            const Result<Answer> answer = codecOf(other.dialect).readAnswer(contentOf(file));
            if (!answer || makesMedia(*answer)) {
                QVERIFY2(answer || unwritten(answer.error()), qPrintable(file));
                continue;
            }
            Answer again
                = anthropicCodec().readAnswer(anthropicCodec().writeAnswer(*answer, {})).value();
            if (!answer->usage) {
                again.usage.reset(); // this protocol always names some
            }
            QVERIFY2(meaningOf(again) == meaningOf(*answer),
                (file.toStdString() + "\n" + meaningOf(*answer) + "\n--\n" + meaningOf(again))
                    .c_str());
        }
    }
}

void TestAnthropicSamples::streamsOfOthersBecomeMessages()
{
    for (const Other& other : others) {
        for (const QString& file :
            samples(QStringLiteral("response-streaming.json"), other.folder)) {
            const std::unique_ptr<EventReader> reader = codecOf(other.dialect).eventReader();
            if (reader == nullptr) {
                break;
            }
            const std::unique_ptr<EventWriter> writer = anthropicCodec().eventWriter({});
            AnswerBuilder builder;
            std::string bytes;
            std::vector<AnswerEvent> events;
            const json::value chunks = parsed(contentOf(file));
            for (const json::value& chunk : chunks.as_array()) {
                const Result<void> read = reader->read({}, json::serialize(chunk), events);
                QVERIFY2(read, read ? "" : (file.toStdString() + read.error().text()).c_str());
            }
            reader->finish(events);
            for (const AnswerEvent& event : events) {
                builder.add(event);
                writer->write(event, bytes);
            }
            writer->end(bytes);
            const Answer answer = builder.take();
            if (makesMedia(answer) || answer.choices.empty()) {
                continue; // one capture is an error
            }
            Answer again = answerOf(bytes, 23);
            if (!answer.usage) {
                again.usage.reset(); // this protocol always names some
            }
            QVERIFY2(meaningOf(again) == meaningOf(answer),
                (file.toStdString() + "\n" + meaningOf(answer) + "\n--\n" + meaningOf(again))
                    .c_str());
        }
    }
}

void TestAnthropicSamples::damagedBodiesAreSurvived()
{
    // Cut and changed at places that a fixed rule picks: nothing may crash or throw.
    const QStringList files = samples(QStringLiteral("request.json"))
        + samples(QStringLiteral("response.json"))
        + samples(QStringLiteral("response-streaming.json"));
    std::uint32_t dice = 1;
    const auto next = [&dice](std::size_t below) {
        dice = dice * 1'664'525U + 1'013'904'223U;
        return static_cast<std::size_t>(dice >> 8U) % below;
    };
    const std::string_view letters = "{}[]\":,0-e.nt\\\x80\0z";
    for (const QString& file : files) {
        const std::string body = contentOf(file);
        for (int round = 0; round < 20; ++round) {
            std::string damaged = body.substr(0, round % 2 == 0 ? body.size() : next(body.size()));
            for (int i = 0; i < 3 && !damaged.empty(); ++i) {
                damaged[next(damaged.size())] = letters[next(letters.size())];
            }
            Losses losses;
            if (const auto read = anthropicCodec().readRequest(damaged, {})) {
                WriteOptions options;
                options.outputCeiling = 10;
                static_cast<void>(anthropicCodec().writeRequest(*read, options, losses));
            }
            static_cast<void>(anthropicCodec().readView(damaged, {}));
            static_cast<void>(anthropicCodec().readError(damaged));
            if (const auto answer = anthropicCodec().readAnswer(damaged)) {
                QVERIFY(parsed(anthropicCodec().writeAnswer(*answer, {})).is_object());
            }
            const std::unique_ptr<EventReader> reader = anthropicCodec().eventReader();
            std::vector<AnswerEvent> events;
            static_cast<void>(reader->read({}, damaged, events));
        }
    }
}

QTEST_APPLESS_MAIN(TestAnthropicSamples)
#include "tst_anthropic_samples.moc"
