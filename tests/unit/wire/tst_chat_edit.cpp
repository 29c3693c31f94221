// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_request.h"

#include <QTest>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace headgate;
using namespace headgate::wire;
namespace json = boost::json;

namespace {

/// Random bodies with odd spacing, from one seed.
class Generator {
public:
    explicit Generator(unsigned seed) : m_random(seed) { }
    int below(int bound) { return static_cast<int>(m_random() % static_cast<unsigned>(bound)); }
    bool chance(int percent) { return below(100) < percent; }
    std::string space()
    {
        static const char* const spaces[]{"", "", "", " ", "\n", "\t ", " \r\n "};
        return spaces[below(7)];
    }
    std::string value(int depth)
    {
        switch (below(depth > 3 ? 5 : 7)) {
        case 0:
            return "null";
        case 1:
            return chance(50) ? "true" : "false";
        case 2:
            return std::to_string(below(1'000'000) - 500'000);
        case 3:
            return "-1.5e3";
        case 4:
            return text();
        case 5:
            return list(depth);
        default:
            return object(depth);
        }
    }
    std::string text()
    {
        static const char* const texts[]{R"("")", R"("a,b")", R"("}]{[")", R"("\"model\":\"x\"")",
            R"("\\")", R"("é😀")", R"("\u00e9\n")", R"("api_base")"};
        return texts[below(8)];
    }
    std::string list(int depth)
    {
        std::string out = "[" + space();
        for (int i = below(4); i > 0; --i) {
            out += value(depth + 1) + space() + (i > 1 ? "," + space() : "");
        }
        return out + "]";
    }
    std::string object(int depth)
    {
        std::string out = "{" + space();
        for (int i = below(4); i > 0; --i) {
            out += "\"k" + std::to_string(i) + "\"" + space() + ":" + space() + value(depth + 1)
                + space() + (i > 1 ? "," + space() : "");
        }
        return out + "}";
    }
    std::string body()
    {
        std::vector<std::string> fields{R"("model":"auto")",
            R"("messages")" + space() + ":" + space()
                + R"([{"role":"user","content":"hi, {model}"}])"};
        const auto maybe = [&](const char* name, const std::string& content) {
            if (chance(40)) {
                fields.push_back(
                    "\"" + std::string(name) + "\"" + space() + ":" + space() + content);
            }
        };
        maybe("api_base", value(0));
        maybe("base_url", text());
        maybe("API_KEY", text());
        maybe("organization", object(0));
        maybe("max_tokens", chance(20) ? "null" : std::to_string(1 + below(5'000)));
        maybe("max_completion_tokens", chance(20) ? "null" : std::to_string(1 + below(5'000)));
        maybe("stream", "true");
        static const char* const options[]{"null", "{}", "{ }", R"({"include_usage":false})",
            R"({ "x" : [1] , "include_usage" : true })", R"({"x":{"include_usage":1}})",
            R"({"include_usage":null})"};
        maybe("stream_options", options[below(7)]);
        for (int i = below(4); i > 0; --i) {
            maybe(("other" + std::to_string(i)).c_str(), value(0));
        }
        std::shuffle(fields.begin(), fields.end(), m_random);
        std::string out = space() + "{" + space();
        for (std::size_t i = 0; i < fields.size(); ++i) {
            out += fields[i] + space() + (i + 1 < fields.size() ? "," + space() : "");
        }
        return out + "}" + space();
    }

private:
    std::mt19937 m_random;
};

/// The same edit on a parsed tree: slow and obvious.
json::object expected(const std::string& body, const RequestEdits& edits)
{
    json::object tree = json::parse(body).as_object();
    for (const char* name : {"api_base", "base_url", "API_KEY", "organization"}) {
        tree.erase(name);
    }
    tree["model"] = edits.model;
    if (edits.outputCeiling) {
        bool written = false;
        for (const char* name : {"max_tokens", "max_completion_tokens"}) {
            if (tree.contains(name) && !tree[name].is_null()) {
                tree[name] = *edits.outputCeiling;
                written = true;
            }
        }
        if (!written) {
            tree[edits.ceilingField] = *edits.outputCeiling;
        }
    }
    if (edits.injectUsage) {
        if (!tree.contains("stream_options") || tree["stream_options"].is_null()) {
            tree["stream_options"] = json::object();
        }
        tree["stream_options"].as_object()["include_usage"] = true;
    }
    return tree;
}

} // namespace

class TestChatEdit : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void strips_data();
    void strips();
    void keepsEveryOtherByte();
    void escapesTheModel();
    void editsAnyBody();
    void survivesMutations();
};

void TestChatEdit::strips_data()
{
    QTest::addColumn<QByteArray>("before");
    QTest::addColumn<QByteArray>("after");
    const auto row = [](const char* name, const char* before, const char* after) {
        QTest::newRow(name) << QByteArray(before) << QByteArray(after);
    };
    row("first", R"({"api_base":"x","model":"a","messages":[M]})",
        R"({"model":"n","messages":[M]})");
    row("middle", R"({"model":"a","api_key":"x","messages":[M]})",
        R"({"model":"n","messages":[M]})");
    row("last", R"({"model":"a","messages":[M],"base_url":{"a":[1]}})",
        R"({"model":"n","messages":[M]})");
    row("first two", R"({"api_base":1,"api_key":2,"model":"a","messages":[M]})",
        R"({"model":"n","messages":[M]})");
    row("last two", R"({"model":"a","messages":[M],"api_base":1,"api_key":2})",
        R"({"model":"n","messages":[M]})");
    row("around", R"({"api_base":1,"model":"a","api_key":2,"messages":[M],"proxy":3})",
        R"({"model":"n","messages":[M]})");
    row("upper case", R"({"Api_Base":1,"model":"a","messages":[M]})",
        R"({"model":"n","messages":[M]})");
    row("escaped", R"({"api\u005fbase":1,"model":"a","messages":[M]})",
        R"({"model":"n","messages":[M]})");
    row("fallbacks", R"({"model":"a","models":["dear"],"messages":[M]})",
        R"({"model":"n","messages":[M]})");
    row("nested stays", R"({"model":"a","messages":[M],"x":{"api_base":1}})",
        R"({"model":"n","messages":[M],"x":{"api_base":1}})");
}

void TestChatEdit::strips()
{
    QFETCH(QByteArray, before);
    QFETCH(QByteArray, after);
    const QByteArray message = R"({"role":"user","content":"hi"})";
    const std::string body = before.replace("[M]", "[" + message + "]").toStdString();
    const Result<RequestView> request = readChatRequest(body);
    QVERIFY2(request, request ? "" : request.error().message.c_str());
    RequestEdits edits;
    edits.model = "n";
    QCOMPARE(QByteArray::fromStdString(editChatRequest(body, *request, edits)),
        after.replace("[M]", "[" + message + "]"));
}

void TestChatEdit::keepsEveryOtherByte()
{
    const std::string body
        = "{ \"seed\" : 12345678901234567890123 ,\n\"model\":\"auto\",\"messages\":"
          "[{\"role\":\"user\",\"content\":\"\\u00e9\"}] , \"x\":1.50e+01 }\n";
    const Result<RequestView> request = readChatRequest(body);
    QVERIFY(request);
    RequestEdits edits;
    edits.model = "auto";
    QCOMPARE(editChatRequest(body, *request, edits), body);
}

void TestChatEdit::escapesTheModel()
{
    const std::string body = R"({"model":"a","messages":[{"role":"user","content":"x"}]})";
    RequestEdits edits;
    edits.model = "q\"},\"evil\":{\"a\\";
    const std::string edited = editChatRequest(body, *readChatRequest(body), edits);
    const json::object tree = json::parse(edited).as_object();
    QCOMPARE(tree.size(), std::size_t(2));
    QCOMPARE(std::string(tree.at("model").as_string()), edits.model);
}

void TestChatEdit::editsAnyBody()
{
    for (unsigned seed = 1; seed <= 3'000; ++seed) {
        Generator generator(seed);
        const std::string body = generator.body();
        const Result<RequestView> request = readChatRequest(body);
        QVERIFY2(request, (std::to_string(seed) + ": " + body).c_str());
        RequestEdits edits;
        edits.model = generator.chance(50) ? "m" : "provider/a-much-longer-name";
        edits.injectUsage = generator.chance(50);
        edits.ceilingField = generator.chance(50) ? "max_tokens" : "max_completion_tokens";
        if (generator.chance(70)) {
            edits.outputCeiling = 1 + generator.below(100);
        }
        const std::string edited = editChatRequest(body, *request, edits);
        boost::system::error_code code;
        const json::value tree = json::parse(edited, code);
        QVERIFY2(!code, (std::to_string(seed) + ": " + body + "\n->\n" + edited).c_str());
        QVERIFY2(tree == json::value(expected(body, edits)),
            (std::to_string(seed) + ": " + body + "\n->\n" + edited).c_str());
        QVERIFY2(readChatRequest(edited), edited.c_str());
    }
}

/// What is accepted is JSON for others, too, and stays JSON when edited.
void TestChatEdit::survivesMutations()
{
    static const std::string bytes = "{}[]\",:\\ \n0123eE+-.tfn\x01\xC3\xFFu";
    int accepted = 0;
    for (unsigned seed = 1; seed <= 20'000; ++seed) {
        Generator generator(seed % 500 + 1);
        std::string body = generator.body();
        Generator mutator(seed);
        for (int i = 1 + mutator.below(3); i > 0; --i) {
            const auto where
                = static_cast<std::size_t>(mutator.below(static_cast<int>(body.size())));
            const char byte
                = bytes[static_cast<std::size_t>(mutator.below(static_cast<int>(bytes.size())))];
            switch (mutator.below(3)) {
            case 0:
                body[where] = byte;
                break;
            case 1:
                body.erase(where, 1);
                break;
            default:
                body.insert(where, 1, byte);
                break;
            }
        }
        const Result<RequestView> request = readChatRequest(body);
        if (!request) {
            continue;
        }
        ++accepted;
        boost::system::error_code code;
        static_cast<void>(json::parse(body, code));
        QVERIFY2(!code, body.c_str());
        RequestEdits edits;
        edits.model = "m";
        edits.outputCeiling = 5;
        edits.injectUsage = true;
        const std::string edited = editChatRequest(body, *request, edits);
        static_cast<void>(json::parse(edited, code));
        QVERIFY2(!code, (body + "\n->\n" + edited).c_str());
    }
    QVERIFY2(accepted > 1'000, std::to_string(accepted).c_str());
}

QTEST_GUILESS_MAIN(TestChatEdit)
#include "tst_chat_edit.moc"
