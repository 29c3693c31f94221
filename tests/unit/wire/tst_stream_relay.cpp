// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/stream_relay.h"

#include "core/base/limits.h"

#include <QDir>
#include <QFile>
#include <QTest>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <random>
#include <string>
#include <vector>

using namespace headgate;
using namespace headgate::wire;
namespace json = boost::json;

namespace {

struct Run {
    std::string out;
    AnswerFacts facts;
    bool failed = false;
};

RelayOptions sameDialect(bool strip)
{
    RelayOptions options;
    options.stripUsage = strip;
    return options;
}

Result<AnswerFacts> readChatAnswer(const std::string& body)
{
    Result<Answer> answer = chatCodec().readAnswer(body);
    return answer ? Result<AnswerFacts>(factsOf(*answer)) : Result<AnswerFacts>(answer.error());
}

/// Feeds the stream in slices; `next` says how long each is.
template <typename Next>
Run run(const std::string& stream, bool strip, Next next)
{
    StreamRelay meter(sameDialect(strip));
    Run result;
    for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = std::min<std::size_t>(next(), stream.size() - at);
        if (!meter.feed(std::string_view(stream).substr(at, size), result.out)) {
            result.failed = true;
            break;
        }
        at += size;
    }
    meter.finish(result.out);
    result.facts = meter.facts();
    return result;
}

Run whole(const std::string& stream, bool strip)
{
    return run(stream, strip, [&] { return stream.size(); });
}

bool sameUsage(const AnswerFacts& a, const AnswerFacts& b)
{
    if (a.usage.has_value() != b.usage.has_value()) {
        return false;
    }
    return !a.usage
        || (a.usage->inputUncached == b.usage->inputUncached
            && a.usage->cacheRead == b.usage->cacheRead && a.usage->output == b.usage->output
            && a.usage->reasoning == b.usage->reasoning
            && a.usage->serviceTier == b.usage->serviceTier);
}

bool same(const Run& a, const Run& b)
{
    return a.out == b.out && a.failed == b.failed && sameUsage(a.facts, b.facts)
        && a.facts.text == b.facts.text && a.facts.textBytes == b.facts.textBytes
        && a.facts.model == b.facts.model && a.facts.finishReason == b.facts.finishReason
        && a.facts.providerRequestId == b.facts.providerRequestId && a.facts.done == b.facts.done
        && a.facts.refusal == b.facts.refusal && a.facts.error == b.facts.error;
}

/// Every slicing that matters: fixed sizes, random ones, and a cut at each byte.
bool sliceProof(const std::string& stream, bool strip, std::string& why)
{
    const Run reference = whole(stream, strip);
    for (const std::size_t size : {1, 2, 3, 7, 64}) {
        if (!same(reference, run(stream, strip, [&] { return size; }))) {
            why = "slices of " + std::to_string(size);
            return false;
        }
    }
    std::mt19937 random(7);
    for (int round = 0; round < 4; ++round) {
        if (!same(reference, run(stream, strip, [&] { return 1 + random() % 40; }))) {
            why = "random slices, round " + std::to_string(round);
            return false;
        }
    }
    return true;
}

const std::string chunkStart
    = R"({"id":"c1","model":"m-1","service_tier":"flex","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})";
const std::string chunkText
    = R"({"id":"c1","choices":[{"index":0,"delta":{"content":"Hél"},"finish_reason":null}]})";
const std::string chunkEnd
    = R"({"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
const std::string chunkUsage
    = R"({"id":"c1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":4}}})";

std::string frame(const std::string& data, const std::string& end)
{
    return "data: " + data + end + end;
}

QByteArray sampleDir()
{
    const QByteArray shared = qgetenv("HEADGATE_SHARED");
    return (shared.isEmpty() ? QByteArray(HEADGATE_SOURCE_DIR "/../shared") : shared)
        + "/data/wire-samples";
}

} // namespace

class TestStreamRelay : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void wholeBodyRefuses_data();
    void wholeBodyRefuses();
    void wholeBody();
    void wholeBodyError();
    void odditiesAreSurvived_data();
    void odditiesAreSurvived();
    void stripsUsageOnly_data();
    void stripsUsageOnly();
    void keepsUsageInTheLastChoice();
    void lastUsageWins();
    void toolCallsAreCounted();
    void errorEventIsSeen();
    void refusesEndlessLines();
    void deliversEachEventAtOnce();
    void unfinishedEventIsHandedOver();
    void textIsCapped();
    void capturedStreams();
};

void TestStreamRelay::wholeBodyRefuses_data()
{
    QTest::addColumn<QByteArray>("body");
    for (const char* body : {"", "[]", "x", "{", "{\"choices\":[}", "null", "{} {}"}) {
        QTest::newRow(body) << QByteArray(body);
    }
}

void TestStreamRelay::wholeBodyRefuses()
{
    QFETCH(QByteArray, body);
    QVERIFY(!readChatAnswer(body.toStdString()));
}

void TestStreamRelay::wholeBody()
{
    const Result<AnswerFacts> facts = readChatAnswer(
        R"({"id":"c9","model":"m-2","service_tier":"priority","choices":[
            {"index":1,"message":{"content":"two"},"finish_reason":"length"},
            {"index":0,"message":{"content":"one","refusal":null,"tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,"completion_tokens_details":{"reasoning_tokens":2}}})");
    QVERIFY(facts);
    QVERIFY(facts->done && !facts->refusal && facts->error.empty());
    QCOMPARE(facts->text, std::string("onef{}two"));
    QCOMPARE(facts->finishReason, std::string("stop"));
    QCOMPARE(facts->providerRequestId, std::string("c9"));
    QVERIFY(facts->usage.has_value());
    QCOMPARE(facts->usage->inputTotal(), std::int64_t(7));
    QCOMPARE(facts->usage->output, std::int64_t(5));
    QCOMPARE(facts->usage->reasoning, std::int64_t(2));
    QCOMPARE(facts->usage->serviceTier, std::string("priority"));
}

void TestStreamRelay::wholeBodyError()
{
    Result<AnswerFacts> facts
        = readChatAnswer(R"({"error":{"message":"no such model","code":404}})");
    QVERIFY(facts);
    QCOMPARE(facts->error, std::string("no such model"));
    facts = readChatAnswer(R"({"error":"plain"})");
    QVERIFY(facts && facts->error == "plain");
    facts = readChatAnswer(R"({"error":null,"choices":[]})");
    QVERIFY(facts && facts->error.empty());
}

void TestStreamRelay::odditiesAreSurvived_data()
{
    QTest::addColumn<QByteArray>("data");
    for (const char* data : {"rubbish", "{", "[1]", "{}", R"({"choices":5})",
             R"({"choices":[5,null,[]]})", R"({"choices":[{"delta":7}]})",
             R"({"choices":[{"delta":{"content":7,"tool_calls":9}}]})", R"({"usage":[]})",
             R"({"usage":{"prompt_tokens":"x"}})", R"({"id":5,"model":null})",
             R"({"choices":[{"delta":{"tool_calls":[1,{"function":2}]}}]})", "", " ", "[DONE] "}) {
        QTest::newRow(data) << QByteArray(data);
    }
}

void TestStreamRelay::odditiesAreSurvived()
{
    QFETCH(QByteArray, data);
    const std::string stream = frame(chunkStart, "\n") + frame(data.toStdString(), "\n")
        + frame(chunkText, "\n") + frame("[DONE]", "\n");
    const Run result = whole(stream, true);
    QCOMPARE(result.out, stream);
    QVERIFY(result.facts.done);
    QCOMPARE(result.facts.text, std::string("Hél"));
    std::string why;
    QVERIFY2(sliceProof(stream, true, why), why.c_str());
}

void TestStreamRelay::stripsUsageOnly_data()
{
    QTest::addColumn<QByteArray>("end");
    QTest::addColumn<QByteArray>("prefix");
    for (const auto& [name, end] : {std::pair{"lf", "\n"}, {"crlf", "\r\n"}, {"cr", "\r"}}) {
        QTest::newRow(name) << QByteArray(end) << QByteArray();
        QTest::newRow((std::string(name) + " bom").c_str())
            << QByteArray(end) << QByteArray("\xEF\xBB\xBF");
        QTest::newRow((std::string(name) + " comment").c_str())
            << QByteArray(end) << QByteArray(": hello") + end + end;
    }
}

void TestStreamRelay::stripsUsageOnly()
{
    QFETCH(QByteArray, end);
    QFETCH(QByteArray, prefix);
    const std::string eol = end.toStdString();
    const std::string before = prefix.toStdString() + frame(chunkStart, eol) + ": ping" + eol + eol
        + "event: x" + eol + "data:{\"choices\":[{\"delta\":" + eol + "data: {\"content\":\"A\"}}]}"
        + eol + eol + frame(chunkText, eol) + frame(chunkEnd, eol);
    const std::string usage = frame(chunkUsage, eol);
    const std::string done = frame("[DONE]", eol);
    const std::string stream = before + usage + done;
    QCOMPARE(whole(stream, true).out, before + done);
    QCOMPARE(whole(stream, false).out, stream);
    for (const bool strip : {true, false}) {
        const Run result = whole(stream, strip);
        QVERIFY(result.facts.done);
        QVERIFY(result.facts.usage.has_value());
        QCOMPARE(result.facts.usage->inputTotal(), std::int64_t(10));
        QCOMPARE(result.facts.usage->cacheRead, std::int64_t(4));
        QCOMPARE(result.facts.usage->serviceTier, std::string("flex"));
        QCOMPARE(result.facts.text, std::string("AHél"));
        std::string why;
        QVERIFY2(sliceProof(stream, strip, why), why.c_str());
    }
}

void TestStreamRelay::keepsUsageInTheLastChoice()
{
    const std::string last
        = R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})";
    const std::string stream = frame(chunkText, "\n") + frame(last, "\n");
    const Run result = whole(stream, true);
    QCOMPARE(result.out, stream);
    QVERIFY(result.facts.done && result.facts.usage.has_value());
    const std::string filter
        = frame(R"({"choices":[],"prompt_filter_results":[{"prompt_index":0}]})", "\n");
    QCOMPARE(whole(filter + stream, true).out, filter + stream);
}

void TestStreamRelay::lastUsageWins()
{
    const std::string running
        = R"({"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}})";
    const Run result = whole(frame(running, "\n") + frame(chunkUsage, "\n"), true);
    QCOMPARE(result.facts.usage->output, std::int64_t(3));
    const Run groq = whole(
        frame(
            R"({"choices":[],"x_groq":{"usage":{"prompt_tokens":4,"completion_tokens":6}}})", "\n"),
        false);
    QCOMPARE(groq.facts.usage->output, std::int64_t(6));
}

void TestStreamRelay::toolCallsAreCounted()
{
    const std::string call
        = R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"get","arguments":"{\"a\""}}]}}]})";
    const std::string more
        = R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]})";
    const Run result = whole(frame(call, "\n") + frame(more, "\n"), true);
    QCOMPARE(result.facts.text, std::string("get{\"a\":1}"));
    QVERIFY(!result.facts.done);
}

void TestStreamRelay::errorEventIsSeen()
{
    const std::string stream
        = frame(chunkText, "\n") + frame(R"({"error":{"message":"engine died"}})", "\n");
    const Run result = whole(stream, true);
    QCOMPARE(result.out, stream);
    QCOMPARE(result.facts.error, std::string("engine died"));
    QVERIFY(!result.facts.done);
}

void TestStreamRelay::refusesEndlessLines()
{
    StreamRelay meter(sameDialect(true));
    std::string out;
    const std::string piece(1024 * 1024, 'x');
    bool refused = false;
    for (std::size_t sent = 0; sent <= limits::sseLineBytesMax && !refused; sent += piece.size()) {
        refused = !meter.feed(piece, out);
    }
    QVERIFY(refused);
    QVERIFY(out.empty());
}

void TestStreamRelay::deliversEachEventAtOnce()
{
    StreamRelay meter(sameDialect(true));
    std::string out;
    QVERIFY(meter.feed("data: {}\n", out));
    QVERIFY(out.empty());
    QVERIFY(meter.feed("\n", out));
    QCOMPARE(out, std::string("data: {}\n\n"));
    out.clear();
    QVERIFY(meter.feed("data: {}\r\n\r", out));
    QCOMPARE(out, std::string("data: {}\r\n\r"));
    QVERIFY(meter.feed("\n", out));
    QCOMPARE(out, std::string("data: {}\r\n\r\n"));
}

void TestStreamRelay::unfinishedEventIsHandedOver()
{
    const std::string cut = frame(chunkText, "\n") + "data: {\"choi";
    QCOMPARE(whole(cut, true).out, cut);
    QVERIFY(!whole(cut, true).facts.done);
    const std::string bare = frame(chunkText, "\n") + "data: [DONE]";
    QCOMPARE(whole(bare, true).out, bare);
    QVERIFY(whole(bare, true).facts.done);
    const std::string usage = frame(chunkText, "\n") + "data: " + chunkUsage;
    QCOMPARE(whole(usage, true).out, frame(chunkText, "\n"));
    QVERIFY(whole(usage, true).facts.usage.has_value());
}

void TestStreamRelay::textIsCapped()
{
    StreamRelay meter(sameDialect(true));
    std::string out;
    const std::string piece = frame(
        R"({"choices":[{"delta":{"content":")" + std::string(1024 * 1024, 'x') + R"("}}]})", "\n");
    for (int i = 0; i < 6; ++i) {
        QVERIFY(meter.feed(piece, out));
    }
    QCOMPARE(meter.facts().textBytes, std::int64_t(6 * 1024 * 1024));
    QVERIFY(meter.facts().text.size() <= 4 * 1024 * 1024);
}

void TestStreamRelay::capturedStreams()
{
    const QDir root(QString::fromUtf8(sampleDir()));
    if (!root.exists()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    int streams = 0;
    int bodies = 0;
    for (const QString& name : root.entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        const QDir dir(root.filePath(name) + QStringLiteral("/chat-completions"));
        for (const QString& file : dir.entryList(QDir::Files)) {
            QFile source(dir.filePath(file));
            QVERIFY(source.open(QIODevice::ReadOnly));
            const std::string text = source.readAll().toStdString();
            boost::system::error_code code;
            const json::value tree = json::parse(text, code);
            if (code) {
                continue;
            }
            if (file.endsWith(QStringLiteral("response.json")) && tree.is_object()) {
                const Result<AnswerFacts> facts = readChatAnswer(text);
                QVERIFY2(facts, qPrintable(name));
                QCOMPARE(facts->usage.has_value(), tree.as_object().contains("usage"));
                ++bodies;
            }
            if (!file.endsWith(QStringLiteral("response-streaming.json")) || !tree.is_array()) {
                continue;
            }
            for (const char* eol : {"\n", "\r\n", "\r"}) {
                std::string stream;
                std::string stripped;
                std::string content;
                for (const json::value& chunk : tree.as_array()) {
                    const std::string piece = frame(json::serialize(chunk), eol);
                    const json::object& object = chunk.as_object();
                    const bool usageOnly = object.contains("choices")
                        && object.at("choices").as_array().empty() && object.contains("usage")
                        && object.at("usage").is_object();
                    stream += piece;
                    stripped += usageOnly ? std::string() : piece;
                }
                stream += frame("[DONE]", eol);
                stripped += frame("[DONE]", eol);
                QCOMPARE(whole(stream, false).out, stream);
                QCOMPARE(whole(stream, true).out, stripped);
                QVERIFY(whole(stream, true).facts.done);
                QVERIFY(!whole(stream, true).facts.model.empty());
                std::string why;
                QVERIFY2(sliceProof(stream, true, why), (name.toStdString() + ": " + why).c_str());
            }
            ++streams;
        }
    }
    QVERIFY2(streams >= 20, std::to_string(streams).c_str());
    QVERIFY2(bodies >= 20, std::to_string(bodies).c_str());
}

QTEST_GUILESS_MAIN(TestStreamRelay)
#include "tst_stream_relay.moc"
