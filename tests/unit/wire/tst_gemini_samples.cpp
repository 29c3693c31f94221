// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "gemini_testing.h"

#include "core/wire/codec.h"
#include "core/wire/gemini_routes.h"

#include <QTest>

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::test;

class TestGeminiSamples : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void capturedRequests();
    void capturedAnswers();
    void capturedStreams();
    void capturedClients();
};

void TestGeminiSamples::capturedRequests()
{
    const std::vector<Sample> all = samples("google", "request.json");
    if (all.empty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const Sample& sample : all) {
        const Result<Conversation> read = gemini.readRequest(sample.text, {});
        QVERIFY2(read, sample.name.c_str());
        Losses losses;
        const json::object written = writtenBy(*read, losses, read->model.c_str());
        QVERIFY2(losses.empty(), sample.name.c_str());
        const std::string got = json::serialize(normal(written));
        const std::string wanted = json::serialize(normal(parsed(sample.text)));
        QVERIFY2(normal(written) == normal(parsed(sample.text)),
            (sample.name + "\n" + got + "\n" + wanted).c_str());
        const Result<RequestView> view = gemini.readView(sample.text, pathOf("m"));
        QVERIFY2(view, sample.name.c_str());
    }
}

void TestGeminiSamples::capturedAnswers()
{
    const std::vector<Sample> all = samples("google", "response.json");
    if (all.empty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const Sample& sample : all) {
        const Result<Answer> read = gemini.readAnswer(sample.text);
        QVERIFY2(read, sample.name.c_str());
        QVERIFY2(read->usage && !read->choices.empty() && !read->id.empty(), sample.name.c_str());
        const json::value written = parsed(gemini.writeAnswer(*read, {}));
        QVERIFY2(written == parsed(sample.text),
            (sample.name + "\n" + json::serialize(written) + "\n" + sample.text).c_str());
    }
}

void TestGeminiSamples::capturedStreams()
{
    const std::vector<Sample> all = samples("google", "response-streaming.json");
    if (all.empty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    for (const Sample& sample : all) {
        const json::value chunks = parsed(sample.text);
        QVERIFY2(chunks.is_array(), sample.name.c_str());
        const std::string stream = sse(chunks.get_array());
        const Relayed same = relayWhole(stream, fromGemini(Dialect::Gemini));
        QVERIFY2(same.out == stream && !same.failed, sample.name.c_str());
        QVERIFY2(same.facts.done && same.facts.usage, sample.name.c_str());
        QVERIFY2(same.facts.usage->inputTotal() + same.facts.usage->output
                == chunks.get_array().back().at("usageMetadata").at("totalTokenCount").as_int64(),
            sample.name.c_str());
        const std::string slicing = slicingThatDiffers(stream, fromGemini(Dialect::Gemini));
        QVERIFY2(slicing.empty(), (sample.name + ": " + slicing).c_str());
        // Written anew it reads as the same answer.
        std::vector<std::string> events;
        for (const json::value& chunk : chunks.get_array()) {
            events.push_back(json::serialize(chunk));
        }
        const Answer answer = answerOf(gemini, events);
        const std::unique_ptr<EventWriter> writer = gemini.eventWriter({});
        std::string bytes;
        for (const AnswerEvent& event : eventsOf(answer)) {
            writer->write(event, bytes);
        }
        writer->end(bytes);
        StreamSplitter splitter(StreamSplitter::Framing::Sse);
        QVERIFY(splitter.feed(bytes));
        std::vector<std::string> again;
        StreamSplitter::Event event;
        while (splitter.next(event)) {
            again.emplace_back(event.data);
        }
        const Answer reread = answerOf(gemini, again);
        QCOMPARE(reread.choices.size(), answer.choices.size());
        for (std::size_t i = 0; i < answer.choices.size(); ++i) {
            const Answer::Choice& a = answer.choices[i];
            const Answer::Choice& b = reread.choices[i];
            QVERIFY2(a.stop == b.stop && a.parts.size() == b.parts.size(), sample.name.c_str());
            for (std::size_t p = 0; p < a.parts.size(); ++p) {
                QVERIFY2(a.parts[p].kind == b.parts[p].kind && a.parts[p].text == b.parts[p].text
                        && a.parts[p].arguments == b.parts[p].arguments
                        && a.parts[p].data == b.parts[p].data
                        && a.parts[p].signature == b.parts[p].signature
                        && a.parts[p].native.value == b.parts[p].native.value,
                    (sample.name + " part " + std::to_string(p)).c_str());
            }
        }
        QCOMPARE(reread.usage->output, answer.usage->output);
    }
}

void TestGeminiSamples::capturedClients()
{
    QFile file(sharedDir().filePath(QStringLiteral("data/clients/google-genai-3.1.json")));
    if (!file.open(QIODevice::ReadOnly)) {
        QSKIP("The captured client requests (../shared) are not here.");
    }
    const json::value captures = parsed(file.readAll().toStdString());
    int read = 0;
    for (const auto& capture : captures.at("captures").as_object()) {
        for (const json::value& request : capture.value().as_array()) {
            const std::string body = json::serialize(request.at("body"));
            QVERIFY2(readGeminiCountTokens(body, pathOf("m")), capture.key_c_str());
            QVERIFY2(gemini.readView(body, pathOf("m")), capture.key_c_str());
            ++read;
        }
    }
    QVERIFY(read > 0);
}

QTEST_GUILESS_MAIN(TestGeminiSamples)
#include "tst_gemini_samples.moc"
