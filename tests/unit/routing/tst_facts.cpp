// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/facts.h"

#include <QTest>

#include <string>

using namespace headgate;
using namespace headgate::routing;

namespace {

wire::RequestView request(const std::string& user, const std::string& system = {})
{
    wire::RequestView out;
    out.model = "auto";
    if (!system.empty()) {
        wire::Message message;
        message.role = wire::Role::System;
        message.text = system;
        out.messages.push_back(message);
    }
    wire::Message message;
    message.text = user;
    out.messages.push_back(message);
    return out;
}

Facts factsOf(const std::string& user, const std::string& system = {})
{
    return extractFacts(request(user, system), {});
}

const std::string pythonTrace
    = "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n"
      "    return x[0]\nIndexError: list index out of range\n";
const std::string codeBlock = "```python\ndef f(x):\n    y = x + 1\n    return y\n```\n";

} // namespace

class TestFacts : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void badJson_data();
    void badJson();
    void hostileTexts_data();
    void hostileTexts();
    void tasks_data();
    void tasks();
    void harderIsHarder_data();
    void harderIsHarder();
    void tagWins();
    void requestClassLowers();
    void followUps();
    void countsMarks();
    void scripts_data();
    void scripts();
    void sameBytesSameFacts();
    void roundTrips();
    void names();
    void countsEverythingBilled();
};

void TestFacts::badJson_data()
{
    QTest::addColumn<QByteArray>("json");
    for (const char* json : {"", "[]", "{", R"({"turns":"x"})", R"({"turns":-1})",
             R"({"stream":1})", R"({"task":"cooking"})", R"({"difficulty_reasons":"x"})",
             R"({"difficulty_reasons":[1]})", R"({"input_tokens":1.5})",
             R"({"turns":99999999999})"}) {
        QTest::newRow(json) << QByteArray(json);
    }
}

void TestFacts::badJson()
{
    QFETCH(QByteArray, json);
    QVERIFY(!factsFromJson(json.toStdString()));
}

void TestFacts::hostileTexts_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("spaces") << QByteArray(5'000, ' ');
    QTest::newRow("breaks") << QByteArray(100'000, '\n');
    QTest::newRow("one word") << QByteArray(300'000, 'a');
    QTest::newRow("fences") << QByteArray("```\n").repeated(10'001);
    QTest::newRow("bars") << QByteArray("|").repeated(50'000);
    QTest::newRow("not UTF-8") << QByteArray("\xFF\xC3\xE2\xE2\x88").repeated(500);
    QTest::newRow("backslashes") << QByteArray("\\").repeated(50'000);
    QTest::newRow("half a mark") << QByteArray("\xC3");
    QTest::newRow("digits") << QByteArray("1").repeated(70'000);
}

void TestFacts::hostileTexts()
{
    QFETCH(QByteArray, text);
    const Facts facts = factsOf(text.toStdString(), text.toStdString());
    QVERIFY(facts.difficulty >= 0 && facts.difficulty <= 1000);
    QVERIFY(!facts.taskReason.empty());
    QVERIFY(facts.nonAsciiPercent >= 0 && facts.nonAsciiPercent <= 100);
}

void TestFacts::tasks_data()
{
    QTest::addColumn<QByteArray>("prompt");
    QTest::addColumn<QByteArray>("system");
    QTest::addColumn<int>("task");
    int index = 0;
    const auto row = [&](TaskType task, const std::string& prompt, const std::string& system = {}) {
        QTest::newRow((std::to_string(index++) + " " + prompt.substr(0, 40)).c_str())
            << QByteArray::fromStdString(prompt) << QByteArray::fromStdString(system)
            << static_cast<int>(task);
    };
    using T = TaskType;
    row(T::Classification, "Classify this review as positive or negative: \"Great phone!\"");
    row(T::Classification, "Klassifiziere die folgende E-Mail als Spam oder nicht Spam.");
    row(T::Classification, "Clasifica este texto según el sentimiento.");
    row(T::Classification, "Classifie ce message : plainte, question ou éloge.");
    row(T::Classification, "My parcel has not arrived yet.",
        "You are a classifier. Label each ticket with one of the categories billing, shipping, "
        "other.");
    row(T::Extraction, "Extract all email addresses and phone numbers from the text below.");
    row(T::Extraction, "Extrahiere alle Namen und Orte aus dem Text.");
    row(T::Extraction, "Extrae las fechas del documento siguiente.");
    row(T::Extraction, "Extrais les montants de cette facture.");
    row(T::Formatting, "Convert this list to CSV: a b c");
    row(T::Formatting, "Wandle die Tabelle bitte um und formatiere sie als Markdown.");
    row(T::Translation, "Translate the following sentence into German: The cat sleeps.");
    row(T::Translation, "Übersetze ins Englische: Die Katze schläft.");
    row(T::Translation, "Traduce al inglés: el gato duerme.");
    row(T::Translation, "Traduis en anglais : le chat dort.");
    row(T::Summarisation,
        "Summarize the article below in three bullet points.\n" + std::string(3'000, 'x'));
    row(T::Summarisation, "Fasse den folgenden Text zusammen.");
    row(T::Summarisation, "Resume este artículo en dos frases.");
    row(T::Summarisation, "Résume ce texte en une phrase.");
    row(T::Summarisation, "TL;DR please");
    row(T::QuestionAnswering, "What is the capital of France?");
    row(T::QuestionAnswering, "Wann wurde die Berliner Mauer gebaut?");
    row(T::QuestionAnswering, "¿Cuál es la capital de España?");
    row(T::Writing, "Write a short poem about autumn.");
    row(T::Writing, "Schreibe einen Brief an meinen Vermieter.");
    row(T::Writing, "Escribe un cuento para niños.");
    row(T::Writing, "Rédige une lettre de motivation.");
    row(T::CodeGeneration, "Write a Python function that returns the n-th prime.");
    row(T::CodeGeneration, "Implement a REST API endpoint with unit tests.");
    row(T::CodeGeneration, "Schreibe eine Funktion in Rust, die Primzahlen zählt.");
    row(T::CodeGeneration, "Écris un script bash qui compte les fichiers.");
    row(T::CodeExplanation, "Explain what this does:\n" + codeBlock);
    row(T::CodeExplanation, "Erkläre diesen Code:\n" + codeBlock);
    row(T::CodeFix, "My program crashes, please fix it:\n" + pythonTrace + codeBlock);
    row(T::CodeFix, pythonTrace);
    row(T::CodeFix, "Why does this code fail with an error?\n" + codeBlock + "fix the bug");
    row(T::CodeFix, "Behebe den Fehler in diesem Code:\n" + codeBlock);
    row(T::Maths, "Solve the equation x^2 - 5x + 6 = 0.");
    row(T::Maths, "Berechne die Ableitung von f(x) = x^3.");
    row(T::Maths, "Calculate $$\\int_0^1 x^2 dx$$ and \\(\\frac{a}{b}\\).");
    row(T::Reasoning, "Prove that there are infinitely many primes.");
    row(T::Reasoning, "Analyze the trade-offs between microservices and a monolith step by step.");
    row(T::Reasoning, "Beweise, dass die Wurzel aus zwei irrational ist.");
    row(T::Reasoning, "Démontre qu'il existe une infinité de nombres premiers.");
    row(T::Chat, "Hello!");
    row(T::Chat, "Danke");
    row(T::Chat, "");
}

void TestFacts::tasks()
{
    QFETCH(QByteArray, prompt);
    QFETCH(QByteArray, system);
    QFETCH(int, task);
    const Facts facts = factsOf(prompt.toStdString(), system.toStdString());
    const std::string found = std::string(taskTypeName(facts.task)) + ": " + facts.taskReason;
    QVERIFY2(static_cast<int>(facts.task) == task, found.c_str());
    QVERIFY(!facts.taskReason.empty());
}

void TestFacts::harderIsHarder_data()
{
    QTest::addColumn<QByteArray>("easy");
    QTest::addColumn<QByteArray>("hard");
    const auto row = [](const char* name, const std::string& easy, const std::string& hard) {
        QTest::newRow(name) << QByteArray::fromStdString(easy) << QByteArray::fromStdString(hard);
    };
    row("chat and proof", "hi", "Prove that the sum converges and derive a bound, step by step.");
    row("label and fix", "Is this spam? yes or no", "Fix it:\n" + pythonTrace + codeBlock);
    row("trace", "Fix this:\n" + codeBlock, "Fix this:\n" + codeBlock + pythonTrace);
    row("length", "Write an essay on bees.",
        "Write an essay on bees. " + std::string(9'000, 'b') + " ok");
    row("constraints", "Write a poem.",
        "Write a poem. It must have exactly 14 lines, never use the letter e, always rhyme, at "
        "least "
        "two metaphors, without adjectives.");
    row("short", "Explain gravity in one sentence, briefly.", "Explain gravity.");
}

void TestFacts::harderIsHarder()
{
    QFETCH(QByteArray, easy);
    QFETCH(QByteArray, hard);
    const Facts low = factsOf(easy.toStdString());
    const Facts high = factsOf(hard.toStdString());
    QVERIFY2(low.difficulty < high.difficulty,
        (std::to_string(low.difficulty) + " " + std::to_string(high.difficulty)).c_str());
    QVERIFY(!high.difficultyReasons.empty());
    int sum = 0;
    int previous = 10'000;
    for (const std::string& reason : high.difficultyReasons) {
        const int points = std::stoi(reason);
        QVERIFY(std::abs(points) <= previous);
        previous = std::abs(points);
        sum += points;
    }
    QCOMPARE(std::clamp(sum, 0, 1000), high.difficulty);
}

void TestFacts::tagWins()
{
    RequestHints hints;
    hints.taskTag = "Code-Fix";
    QVERIFY(extractFacts(request("Translate this into German: hello"), hints).task
        == TaskType::CodeFix);
    hints.taskTag = "my own tag";
    const Facts facts = extractFacts(request("Translate this into German: hello"), hints);
    QVERIFY(facts.task == TaskType::Translation);
    QCOMPARE(facts.taskTag, std::string("my own tag"));
}

void TestFacts::requestClassLowers()
{
    RequestHints hints;
    const auto difficulty = [&](const char* requestClass) {
        hints.requestClass = requestClass;
        return extractFacts(
            request("Implement a parser in Rust and prove that it is correct."), hints)
            .difficulty;
    };
    QVERIFY(difficulty("auxiliary") < difficulty("compaction"));
    QVERIFY(difficulty("compaction") < difficulty("subagent"));
    QVERIFY(difficulty("subagent") < difficulty(""));
}

void TestFacts::followUps()
{
    wire::RequestView talk = request("Fix my code");
    wire::Message answer;
    answer.role = wire::Role::Assistant;
    answer.text = "Done.";
    talk.messages.push_back(answer);
    wire::Message follow;
    follow.text = "That is wrong, it still fails.";
    talk.messages.push_back(follow);
    Facts facts = extractFacts(talk, {});
    QVERIFY(facts.followUpContradicts && !facts.followUpRepeats);
    QCOMPARE(facts.turns, 2);
    QCOMPARE(facts.messages, 3);
    talk.messages.back().text = " Fix my code\n";
    facts = extractFacts(talk, {});
    QVERIFY(facts.followUpRepeats);
    QVERIFY(!factsOf("That is wrong, it still fails.").followUpContradicts);
}

void TestFacts::countsMarks()
{
    const Facts facts
        = factsOf("Do these:\n- one\n- two\n3. three\n| a | b |\nsee https://x.org/a?b\n"
                  "You must use 42 and 7.5 exactly. Why?\n"
            + codeBlock + "diff --git a/x b/x\n");
    QCOMPARE(facts.listItems, 3);
    QCOMPARE(facts.tableLines, 1);
    QCOMPARE(facts.urls, 1);
    QCOMPARE(facts.codeBlocks, 1);
    QCOMPARE(facts.codeLines, 3);
    QCOMPARE(facts.constraintWords, 2);
    QCOMPARE(facts.reasoningWords, 1);
    QVERIFY(facts.diff);
    QVERIFY(!facts.stackTrace);
    QVERIFY(facts.numbers >= 2);
    QVERIFY(factsOf("at com.x.Y.z(Y.java:12)").stackTrace);
}

void TestFacts::scripts_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("script");
    QTest::newRow("latin") << QByteArray("Grüße an alle") << QByteArray("latin");
    QTest::newRow("cyrillic") << QByteArray("Привет, мир") << QByteArray("cyrillic");
    QTest::newRow("han") << QByteArray("你好，世界") << QByteArray("cjk");
    QTest::newRow("kana") << QByteArray("こんにちは") << QByteArray("cjk");
    QTest::newRow("hangul") << QByteArray("안녕하세요") << QByteArray("cjk");
    QTest::newRow("arabic") << QByteArray("مرحبا بالعالم") << QByteArray("arabic");
    QTest::newRow("devanagari") << QByteArray("नमस्ते दुनिया") << QByteArray("devanagari");
    QTest::newRow("thai") << QByteArray("สวัสดีชาวโลก") << QByteArray("other");
    QTest::newRow("none") << QByteArray("1234 …") << QByteArray("other");
}

void TestFacts::scripts()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, script);
    QCOMPARE(QByteArray::fromStdString(factsOf(text.toStdString()).script), script);
}

void TestFacts::sameBytesSameFacts()
{
    const wire::RequestView one = request("Explain:\n" + codeBlock, "Be brief.");
    QCOMPARE(factsToJson(extractFacts(one, {})), factsToJson(extractFacts(one, {})));
    QVERIFY(factsOf("a", "b").systemHash != factsOf("a", "c").systemHash);
    QCOMPARE(factsOf("a", "b").systemHash, factsOf("z", "b").systemHash);
    QCOMPARE(factsOf("a", "b").systemHash.size(), std::size_t(16));
}

void TestFacts::roundTrips()
{
    wire::RequestView one = request("Explain:\n" + codeBlock + pythonTrace, "Be brief.");
    one.tools = 3;
    one.toolsText = "[{},{},{}]";
    one.jsonSchema = true;
    one.maxTokens = 77;
    RequestHints hints;
    hints.userAgent = "OpenAI/JS 7.57.0";
    hints.taskTag = "q\"uote";
    const Facts facts = extractFacts(one, hints);
    QCOMPARE(facts.client, std::string("OpenAI/JS"));
    const Result<Facts> back = factsFromJson(factsToJson(facts));
    QVERIFY(back);
    QCOMPARE(factsToJson(*back), factsToJson(facts));
    QVERIFY(back->task == facts.task && back->difficulty == facts.difficulty && back->jsonSchema);
    QVERIFY(factsFromJson("{}"));
}

void TestFacts::names()
{
    for (int i = 0; i < 14; ++i) {
        const auto type = static_cast<TaskType>(i);
        QVERIFY(taskTypeFromName(taskTypeName(type)) == type);
        QVERIFY(defaultTier(type) >= 1 && defaultTier(type) <= 4);
    }
    QVERIFY(!taskTypeFromName("cooking"));
    QVERIFY(!taskTypeFromName(""));
}

void TestFacts::countsEverythingBilled()
{
    wire::RequestView one = request("hello world");
    const std::int64_t bare = countInput(one, "o200k_base").atMost;
    QVERIFY(bare >= 2 + 4 + 3);
    one.toolsText = R"([{"type":"function","function":{"name":"get_weather"}}])";
    const std::int64_t tools = countInput(one, "o200k_base").atMost;
    QVERIFY(tools > bare);
    one.outputText = "a prediction of some words";
    const std::int64_t prediction = countInput(one, "o200k_base").atMost;
    QVERIFY(prediction > tools);
    one.messages[0].toolCallText = "get\n{}";
    QVERIFY(countInput(one, "o200k_base").atMost > prediction);
    QVERIFY(countInput(one, "claude").atMost >= countInput(one, "claude").tokens);
}

QTEST_GUILESS_MAIN(TestFacts)
#include "tst_facts.moc"
