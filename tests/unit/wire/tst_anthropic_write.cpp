// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "anthropic_testing.h"

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::testing;
namespace json = boost::json;

namespace {

std::string textAt(const json::value& value, const char* key)
{
    return std::string(value.at(key).as_string());
}

} // namespace

/// Requests of other dialects on their way to Anthropic.
class TestAnthropicWrite : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whatCannotBeSaid_data();
    void whatCannotBeSaid();
    void losesByName_data();
    void losesByName();
    void systemGoesToTheFront();
    void sameRolesAreMerged();
    void allParallelResultsAreInOneMessageBeforeText();
    void callIdsFitThePattern();
    void emptyTextsAreDropped();
    void conversationStartsWithAUser();
    void imagesAndFiles();
    void signaturesBelongToOneProvider();
    void thinking_data();
    void thinking();
    void noThinkingInAToolLoopWithoutIt();
    void toolsAndChoices();
    void customToolsTakeText();
    void webSearchIsTranslated();
    void schemasAreAdapted();
    void sampling_data();
    void sampling();
    void tiersAndUsers();
};

void TestAnthropicWrite::whatCannotBeSaid_data()
{
    QTest::addColumn<int>("which");
    QTest::addColumn<QByteArray>("word");
    QTest::newRow("no ceiling") << 0 << QByteArray("max_tokens");
    QTest::newRow("n") << 1 << QByteArray("one answer");
    QTest::newRow("audio in") << 2 << QByteArray("audio");
    QTest::newRow("audio out") << 3 << QByteArray("audio");
    QTest::newRow("state elsewhere") << 4 << QByteArray("resp_1");
    QTest::newRow("file elsewhere") << 5 << QByteArray("file-9");
    QTest::newRow("bucket") << 6 << QByteArray("gs://b");
    QTest::newRow("word file") << 7 << QByteArray("application/msword");
    QTest::newRow("tool name") << 8 << QByteArray("a.b");
    QTest::newRow("nothing to say") << 9 << QByteArray("message");
    QTest::newRow("bad base64") << 10 << QByteArray("base64");
}

void TestAnthropicWrite::whatCannotBeSaid()
{
    QFETCH(int, which);
    QFETCH(QByteArray, word);
    Conversation chat = chatHello();
    Part part;
    switch (which) {
    case 0:
        chat.maxOutput.reset();
        break;
    case 1:
        chat.n = 2;
        break;
    case 2:
        part.kind = Part::Kind::Audio;
        part.data = "AAAA";
        break;
    case 3:
        chat.modalities = {"text", "audio"};
        break;
    case 4:
        chat.previousResponseId = "resp_1";
        break;
    case 5:
        part.kind = Part::Kind::File;
        part.fileId = "file-9";
        break;
    case 6:
        part.kind = Part::Kind::Image;
        part.url = "gs://b/i.png";
        break;
    case 7:
        part.kind = Part::Kind::File;
        part.mime = "application/msword";
        part.data = "AAAA";
        break;
    case 8:
        chat.tools.emplace_back().name = "a.b";
        break;
    case 9:
        chat.turns.front().parts.front().text = " \n";
        break;
    default:
        part.kind = Part::Kind::File;
        part.mime = "text/plain";
        part.data = "?!";
        break;
    }
    if (part.kind != Part::Kind::Text) {
        chat.turns.front().parts.push_back(part);
    }
    Losses losses;
    std::string error;
    QVERIFY(written(chat, losses, "claude-opus-5", std::nullopt, &error).is_null());
    QVERIFY2(QByteArray::fromStdString(error).contains(word), error.c_str());
}

void TestAnthropicWrite::losesByName_data()
{
    QTest::addColumn<int>("which");
    QTest::addColumn<QByteArray>("word");
    QTest::newRow("presence") << 0 << QByteArray("presence_penalty");
    QTest::newRow("frequency") << 1 << QByteArray("frequency_penalty");
    QTest::newRow("seed") << 2 << QByteArray("seed");
    QTest::newRow("logprobs") << 3 << QByteArray("logprobs");
    QTest::newRow("verbosity") << 4 << QByteArray("verbosity");
    QTest::newRow("cache key") << 5 << QByteArray("prompt cache key");
    QTest::newRow("metadata") << 6 << QByteArray("metadata");
    QTest::newRow("json object") << 7 << QByteArray("json_object");
    QTest::newRow("tier") << 8 << QByteArray("service_tier flex");
    QTest::newRow("hosted tool") << 9 << QByteArray("hosted tool file_search");
    QTest::newRow("extra") << 10 << QByteArray("moderation");
    QTest::newRow("native part") << 11 << QByteArray("responses protocol");
    QTest::newRow("white stop") << 12 << QByteArray("stop sequence");
    QTest::newRow("name") << 13 << QByteArray("name");
    QTest::newRow("detail") << 14 << QByteArray("detail");
}

void TestAnthropicWrite::losesByName()
{
    QFETCH(int, which);
    QFETCH(QByteArray, word);
    Conversation chat = chatHello();
    Part part;
    switch (which) {
    case 0:
        chat.presencePenalty = 0.5;
        break;
    case 1:
        chat.frequencyPenalty = 0.5;
        break;
    case 2:
        chat.seed = 1;
        break;
    case 3:
        chat.logprobs = true;
        break;
    case 4:
        chat.verbosity = "low";
        break;
    case 5:
        chat.promptCacheKey = "k";
        break;
    case 6:
        chat.metadata["a"] = "b";
        break;
    case 7:
        chat.format.kind = AnswerFormat::Kind::JsonObject;
        break;
    case 8:
        chat.serviceTier = "flex";
        break;
    case 9:
        chat.tools.emplace_back().name = "file_search";
        chat.tools.back().hosted = true;
        chat.tools.back().native = {Dialect::Responses, json::object()};
        break;
    case 10:
        chat.extra = {Dialect::Chat, json::object{{"moderation", 1}}};
        break;
    case 11:
        part.kind = Part::Kind::Native;
        part.native = {Dialect::Responses, json::object{{"type", "item_reference"}}};
        chat.turns.front().parts.push_back(part);
        break;
    case 12:
        chat.stop = {"\n", "x"};
        break;
    case 13:
        chat.turns.front().name = "bob";
        break;
    default:
        part.kind = Part::Kind::Image;
        part.url = "https://e";
        part.detail = "high";
        chat.turns.front().parts.push_back(part);
        break;
    }
    Losses losses;
    QVERIFY(!written(chat, losses).is_null());
    QVERIFY2(lost(losses, word.toStdString()), losses.empty() ? "none" : losses.front().c_str());
    QCOMPARE(losses.size(), std::size_t(1));
}

void TestAnthropicWrite::systemGoesToTheFront()
{
    Conversation chat = chatHello();
    chat.turns.insert(chat.turns.begin(), turnOf(Role::Developer, {textPart("be kind")}));
    chat.turns.insert(chat.turns.begin(), turnOf(Role::System, {textPart("be brief")}));
    Losses losses;
    json::value out = written(chat, losses);
    QCOMPARE(out.at("system").as_array().size(), std::size_t(2));
    QCOMPARE(textAt(out.at("system").as_array()[1], "text"), std::string("be kind"));
    QVERIFY(losses.empty());
    chat.turns.push_back(turnOf(Role::System, {textPart("now be rude")}));
    out = written(chat, losses);
    QCOMPARE(out.at("system").as_array().size(), std::size_t(3));
    QCOMPARE(out.at("messages").as_array().size(), std::size_t(1));
    QVERIFY(lost(losses, "front"));
    // nothing but a system message
    Conversation alone = chatHello();
    alone.turns = {turnOf(Role::System, {textPart("say hi")})};
    losses.clear();
    out = written(alone, losses);
    QVERIFY(out.as_object().if_contains("system") == nullptr);
    QCOMPARE(textAt(out.at("messages").as_array()[0], "role"), std::string("user"));
    QVERIFY(lost(losses, "user message"));
}

void TestAnthropicWrite::sameRolesAreMerged()
{
    Conversation chat = chatHello();
    chat.turns.push_back(turnOf(Role::User, {textPart("there")}));
    chat.turns.push_back(turnOf(Role::Assistant, {textPart("a")}));
    chat.turns.push_back(turnOf(Role::System, {textPart("s")}));
    chat.turns.push_back(turnOf(Role::Assistant, {textPart("b ")}));
    Losses losses;
    const json::value out = written(chat, losses);
    const json::array& messages = out.at("messages").as_array();
    QCOMPARE(messages.size(), std::size_t(2));
    QCOMPARE(messages[0].at("content").as_array().size(), std::size_t(2));
    QCOMPARE(messages[1].at("content").as_array().size(), std::size_t(2));
    // the API refuses an answer to go on with that ends in a space
    QCOMPARE(textAt(messages[1].at("content").as_array()[1], "text"), std::string("b"));
}

void TestAnthropicWrite::allParallelResultsAreInOneMessageBeforeText()
{
    Conversation chat = chatHello();
    chat.turns.push_back(
        turnOf(Role::Assistant, {callPart("a", "f", "{\"x\":1}"), callPart("b", "g", "")}));
    chat.turns.push_back(turnOf(Role::User, {textPart("and now?")}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("a", "1")}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("b", "2")}));
    Losses losses;
    const json::value out = written(chat, losses);
    const json::array& messages = out.at("messages").as_array();
    QCOMPARE(messages.size(), std::size_t(3));
    QVERIFY(messages[1]
        == parsedJs("{'role':'assistant','content':[{'type':'tool_use','id':'a','name':'f',"
                    "'input':{'x':1}},{'type':'tool_use','id':'b','name':'g','input':{}}]}"));
    QVERIFY(messages[2]
        == parsedJs("{'role':'user','content':[{'type':'tool_result','tool_use_id':'a','content':"
                    "[{'type':'text','text':'1'}]},{'type':'tool_result','tool_use_id':'b',"
                    "'content':[{'type':'text','text':'2'}]},{'type':'text','text':'and now?'}]}"));
    QVERIFY(losses.empty());
}

void TestAnthropicWrite::callIdsFitThePattern()
{
    Conversation chat = chatHello();
    chat.turns.push_back(turnOf(Role::Assistant,
        {callPart("a.1", "f", "{}"), callPart("a:1", "f", "{}"), callPart("", "f", "{}")}));
    chat.turns.push_back(
        turnOf(Role::Tool, {resultPart("a:1", "2"), resultPart("a.1", "1"), resultPart("", "3")}));
    Losses losses;
    const json::value out = written(chat, losses);
    const json::array& calls = out.at("messages").as_array()[1].at("content").as_array();
    const json::array& results = out.at("messages").as_array()[2].at("content").as_array();
    QCOMPARE(textAt(calls[0], "id"), std::string("a_1"));
    QCOMPARE(textAt(calls[1], "id"), std::string("a_1_2"));
    QCOMPARE(textAt(calls[2], "id"), std::string("call"));
    QCOMPARE(textAt(results[0], "tool_use_id"), std::string("a_1_2"));
    QCOMPARE(textAt(results[1], "tool_use_id"), std::string("a_1"));
    QCOMPARE(textAt(results[2], "tool_use_id"), std::string("call"));
}

void TestAnthropicWrite::emptyTextsAreDropped()
{
    Conversation chat = chatHello();
    chat.turns.front().parts.push_back(textPart(""));
    chat.turns.push_back(turnOf(Role::Assistant, {textPart(" "), callPart("a", "f", "{}")}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("a", "")}));
    chat.turns.push_back(turnOf(Role::Assistant, {textPart("\n")}));
    chat.turns.push_back(turnOf(Role::User, {textPart("go on")}));
    Losses losses;
    const json::value out = written(chat, losses);
    const json::array& messages = out.at("messages").as_array();
    QCOMPARE(messages.size(), std::size_t(3)); // the empty answer went, so two users became one
    QVERIFY(messages[2]
        == parsedJs("{'role':'user','content':[{'type':'tool_result','tool_use_id':'a'},"
                    "{'type':'text','text':'go on'}]}"));
}

void TestAnthropicWrite::conversationStartsWithAUser()
{
    Conversation chat = chatHello();
    chat.turns.insert(chat.turns.begin(), turnOf(Role::Assistant, {textPart("hello")}));
    Losses losses;
    const json::value out = written(chat, losses);
    QCOMPARE(out.at("messages").as_array().size(), std::size_t(3));
    QCOMPARE(textAt(out.at("messages").as_array()[0], "role"), std::string("user"));
    QVERIFY(lost(losses, "user message"));
}

void TestAnthropicWrite::imagesAndFiles()
{
    Conversation chat = chatHello();
    const auto add = [&chat](Part::Kind kind) -> Part& {
        Part& part = chat.turns.front().parts.emplace_back();
        part.kind = kind;
        return part;
    };
    add(Part::Kind::Image).url = "https://e/i";
    add(Part::Kind::Image).url = "data:image/webp;base64,UklG";
    add(Part::Kind::Image).data = "/9j/4AA";
    Part& pdf = add(Part::Kind::File);
    pdf.data = "JVBERi0";
    pdf.fileName = "a.pdf";
    Part& text = add(Part::Kind::File);
    text.mime = "text/csv";
    text.data = "YSxiCg==";
    Losses losses;
    const json::value out = written(chat, losses);
    QVERIFY(out.at("messages").as_array()[0].at("content")
        == parsedJs("[{'type':'text','text':'hi'},{'type':'image','source':{'type':'url','url':"
                    "'https://e/i'}},{'type':'image','source':{'type':'base64','media_type':"
                    "'image/webp','data':'UklG'}},{'type':'image','source':{'type':'base64',"
                    "'media_type':'image/jpeg','data':'/9j/4AA'}},{'type':'document','source':"
                    "{'type':'base64','media_type':'application/pdf','data':'JVBERi0'},'title':"
                    "'a.pdf'},{'type':'document','source':{'type':'text','media_type':"
                    "'text/plain','data':'a,b\\n'}}]"));
    QVERIFY(losses.empty());
}

void TestAnthropicWrite::signaturesBelongToOneProvider()
{
    Part own;
    own.kind = Part::Kind::Thinking;
    own.text = "mine";
    own.signature = "sig";
    own.signedBy = Dialect::Anthropic;
    Part gemini = own;
    gemini.text = "other";
    gemini.signedBy = Dialect::Gemini;
    Part none = own;
    none.text = "unsigned";
    none.signature.clear();
    Conversation chat = chatHello();
    chat.turns.push_back(turnOf(Role::Assistant, {textPart("t"), own, gemini, none}));
    chat.turns.push_back(turnOf(Role::User, {textPart("u")}));
    Losses losses;
    const json::value out = written(chat, losses);
    QVERIFY(out.at("messages").as_array()[1].at("content")
        == parsedJs("[{'type':'thinking','thinking':'mine','signature':'sig'},"
                    "{'type':'text','text':'t'}]"));
    QVERIFY(lost(losses, "another provider"));
    // On its way through a client of this protocol a foreign signature names its maker, comes back
    // as such and does not reach Anthropic.
    Answer answer;
    answer.choices.emplace_back().parts = {gemini};
    const json::value sent = parsed(anthropicCodec().writeAnswer(answer, {}));
    QCOMPARE(textAt(sent.at("content").as_array()[0], "signature"), std::string("hg1.gemini.sig"));
    const Conversation back = conversationOf(
        "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':'q'},{'role':"
        "'assistant','content':"
        + json::serialize(sent.at("content")) + "}]}");
    QCOMPARE(back.turns[1].parts[0].signedBy, Dialect::Gemini);
    QCOMPARE(back.turns[1].parts[0].signature, std::string("sig"));
    losses.clear();
    const json::value again = written(back, losses);
    QCOMPARE(again.at("messages").as_array().size(), std::size_t(1)); // nothing was left of it
    QVERIFY(lost(losses, "another provider"));
}

void TestAnthropicWrite::thinking_data()
{
    QTest::addColumn<QByteArray>("model");
    QTest::addColumn<QByteArray>("effort"); // a number is a budget
    QTest::addColumn<int>("ceiling");
    QTest::addColumn<QByteArray>("thinking"); // empty: none
    QTest::addColumn<QByteArray>("config"); // empty: none
    QTest::addColumn<QByteArray>("loss"); // empty: none
    const auto row = [](const char* model, const char* effort, int ceiling, const char* thinking,
                         const char* config, const char* loss) {
        const std::string name = std::string(model) + " " + effort + " " + std::to_string(ceiling);
        QTest::newRow(name.c_str())
            << QByteArray(model) << QByteArray(effort) << ceiling << QByteArray(thinking)
            << QByteArray(config) << QByteArray(loss);
    };
    const char* const adaptive = "{'type':'adaptive'}";
    const char* const off = "{'type':'disabled'}";
    row("claude-opus-4-7", "medium", 4'096, adaptive, "{'effort':'medium'}", "");
    row("claude-opus-5", "xhigh", 4'096, adaptive, "{'effort':'xhigh'}", "");
    row("claude-opus-4.6", "xhigh", 4'096, adaptive, "{'effort':'high'}", "xhigh");
    row("us.anthropic.claude-sonnet-4-6-v1:0", "max", 4'096, adaptive, "{'effort':'max'}", "");
    row("claude-opus-5-5", "minimal", 4'096, adaptive, "{'effort':'low'}", "minimal");
    row("claude-opus-5", "10000", 4'096, adaptive, "{'effort':'medium'}", "budget");
    row("claude-opus-5", "none", 4'096, off, "", "");
    row("claude-fable-5", "none", 4'096, "", "", "always thinks");
    row("claude-latest", "low", 4'096, adaptive, "{'effort':'low'}", "");
    row("claude-sonnet-4-20250514", "low", 40'000, "{'type':'enabled','budget_tokens':4096}", "",
        "");
    row("claude-sonnet-4-5", "high", 20'000, "{'type':'enabled','budget_tokens':10000}", "", "");
    row("claude-3-7-sonnet-20250219", "8000", 9'000, "{'type':'enabled','budget_tokens':8000}", "",
        "");
    row("claude-3-7-sonnet-20250219", "8000", 5'000, "{'type':'enabled','budget_tokens':4999}", "",
        "cut");
    row("claude-haiku-4-5", "high", 1'024, off, "", "least budget");
    row("claude-haiku-4-5", "100", 4'096, "{'type':'enabled','budget_tokens':1024}", "", "");
    row("claude-haiku-4-5", "0", 4'096, off, "", "");
    row("claude-3-5-haiku-20241022", "high", 4'096, "", "", "does not think");
    row("glm-4.6", "medium", 40'000, "{'type':'enabled','budget_tokens':8192}", "", "");
}

void TestAnthropicWrite::thinking()
{
    QFETCH(QByteArray, model);
    QFETCH(QByteArray, effort);
    QFETCH(int, ceiling);
    QFETCH(QByteArray, thinking);
    QFETCH(QByteArray, config);
    QFETCH(QByteArray, loss);
    Conversation chat = chatHello();
    bool number = false;
    const int budget = effort.toInt(&number);
    if (number) {
        chat.reasoning.budgetTokens = budget;
    } else {
        chat.reasoning.effort = effort.toStdString();
    }
    Losses losses;
    const json::value out = written(chat, losses, model.toStdString(), ceiling);
    const json::value* const got = out.as_object().if_contains("thinking");
    const json::value* const gotConfig = out.as_object().if_contains("output_config");
    QVERIFY2(thinking.isEmpty() ? got == nullptr
                                : got != nullptr && *got == parsedJs(thinking.toStdString()),
        json::serialize(out).c_str());
    QVERIFY2(config.isEmpty()
            ? gotConfig == nullptr
            : gotConfig != nullptr && *gotConfig == parsedJs(config.toStdString()),
        json::serialize(out).c_str());
    QCOMPARE(losses.empty(), loss.isEmpty());
    QVERIFY(loss.isEmpty() || lost(losses, loss.toStdString()));
}

void TestAnthropicWrite::noThinkingInAToolLoopWithoutIt()
{
    Conversation chat = chatHello();
    chat.reasoning.effort = "medium";
    chat.turns.push_back(turnOf(Role::Assistant, {callPart("a", "f", "{}")}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("a", "1")}));
    Losses losses;
    json::value out = written(chat, losses, "claude-sonnet-4-5", 40'000);
    QVERIFY(out.as_object().if_contains("thinking") == nullptr);
    QVERIFY(lost(losses, "thinking"));
    out = written(chat, losses, "claude-opus-4-7", 40'000); // adaptive thinking does not mind
    QVERIFY(out.as_object().if_contains("thinking") != nullptr);
    chat.tools.emplace_back().name = "f";
    chat.toolChoice.kind = ToolChoice::Kind::Required;
    losses.clear();
    out = written(chat, losses, "claude-opus-4-7", 40'000);
    QVERIFY(out.as_object().if_contains("thinking") == nullptr);
    QVERIFY(lost(losses, "forced"));
}

void TestAnthropicWrite::toolsAndChoices()
{
    Conversation chat = chatHello();
    chat.toolChoice.kind = ToolChoice::Kind::Required;
    Losses losses;
    json::value out = written(chat, losses);
    QVERIFY(out.as_object().if_contains("tool_choice") == nullptr); // without tools it is refused
    chat.tools.emplace_back().name = "f";
    chat.tools.back().parameters = parsedJs("{'properties':{'x':{}}}");
    chat.tools.emplace_back().name = "g";
    chat.toolChoice.parallel = false;
    out = written(chat, losses);
    QVERIFY(out.at("tool_choice") == parsedJs("{'type':'any','disable_parallel_tool_use':true}"));
    QVERIFY(out.at("tools")
        == parsedJs("[{'name':'f','input_schema':{'type':'object','properties':{'x':{}}}},"
                    "{'name':'g','input_schema':{'type':'object','properties':{}}}]"));
    chat.toolChoice.kind = ToolChoice::Kind::Named;
    chat.toolChoice.names = {"g"};
    chat.toolChoice.parallel = true;
    out = written(chat, losses);
    QVERIFY(out.at("tool_choice") == parsedJs("{'type':'tool','name':'g'}"));
    QVERIFY(losses.empty());
    chat.toolChoice.names = {"f", "g"};
    out = written(chat, losses);
    QVERIFY(out.at("tool_choice") == parsedJs("{'type':'any'}"));
    QVERIFY(lost(losses, "some of the tools"));
    chat.toolChoice = {};
    chat.toolChoice.parallel = false;
    out = written(chat, losses);
    QVERIFY(out.at("tool_choice") == parsedJs("{'type':'auto','disable_parallel_tool_use':true}"));
    chat.toolChoice.kind = ToolChoice::Kind::None;
    out = written(chat, losses);
    QVERIFY(out.at("tool_choice") == parsedJs("{'type':'none'}"));
}

void TestAnthropicWrite::customToolsTakeText()
{
    Conversation chat = chatHello();
    Tool& tool = chat.tools.emplace_back();
    tool.name = "patch";
    tool.custom = true;
    Part call = callPart("c", "patch", "*** Begin");
    call.custom = true;
    chat.turns.push_back(turnOf(Role::Assistant, {call}));
    chat.turns.push_back(turnOf(Role::Tool, {resultPart("c", "done")}));
    Losses losses;
    const json::value out = written(chat, losses);
    QVERIFY(out.at("tools").as_array()[0].at("input_schema")
        == parsedJs("{'type':'object','properties':{'input':{'type':'string'}},"
                    "'required':['input']}"));
    QVERIFY(out.at("messages").as_array()[1].at("content").as_array()[0].at("input")
        == parsedJs("{'input':'*** Begin'}"));
    QVERIFY(lost(losses, "free text"));
}

void TestAnthropicWrite::webSearchIsTranslated()
{
    Conversation from = chatHello();
    from.source = Dialect::Responses;
    Tool& tool = from.tools.emplace_back();
    tool.name = "web_search_preview";
    tool.hosted = true;
    tool.native = {Dialect::Responses,
        parsedJs("{'type':'web_search_preview','search_context_size':'low','user_location':"
                 "{'type':'approximate','city':'Bern'},'filters':{'allowed_domains':['e.org']}}")};
    Losses losses;
    const json::value out = written(from, losses);
    QVERIFY(out.at("tools")
        == parsedJs("[{'type':'web_search_20250305','name':'web_search','user_location':{'type':"
                    "'approximate','city':'Bern'},'allowed_domains':['e.org']}]"));
    QCOMPARE(losses.size(), std::size_t(1));
    QVERIFY(lost(losses, "search_context_size"));
}

void TestAnthropicWrite::schemasAreAdapted()
{
    Conversation chat = chatHello();
    chat.format.kind = AnswerFormat::Kind::JsonSchema;
    chat.format.name = "n";
    chat.format.schema = parsedJs(
        "{'$schema':'x','type':'object','properties':{'score':{'type':'integer','description':'d',"
        "'minimum':0,'maximum':10},'tags':{'type':'array','minItems':1,'maxItems':3,'items':"
        "{'type':'string','format':'date-time'}},'maybe':{'type':['string','null']},'ip':"
        "{'type':'string','format':'cidr'}},'required':['score'],'additionalProperties':true}");
    Losses losses;
    const json::value out = written(chat, losses);
    const json::value expected = parsedJs(
        "{'type':'object','properties':{'score':{'type':'integer','description':"
        "'d\\n\\n{\\'minimum\\':0,\\'maximum\\':10}'},'tags':{'type':'array','minItems':1,'items':"
        "{'type':'string','format':'date-time'},'description':'{\\'maxItems\\':3}'},'maybe':"
        "{'anyOf':[{'type':'string'},{'type':'null'}]},'ip':{'type':'string','description':"
        "'{\\'format\\':\\'cidr\\'}'}},'required':['score'],'additionalProperties':false}");
    QVERIFY2(out.at("output_config").at("format").at("schema") == expected,
        json::serialize(out).c_str());
    for (const char* const keyword :
        {"minimum", "maximum", "maxItems", "format", "additionalProperties"}) {
        QVERIFY2(lost(losses, keyword), keyword);
    }
    QCOMPARE(losses.size(), std::size_t(5));
}

void TestAnthropicWrite::sampling_data()
{
    QTest::addColumn<QByteArray>("model");
    QTest::addColumn<QByteArray>("effort");
    QTest::addColumn<bool>("temperature");
    QTest::addColumn<bool>("topP");
    QTest::newRow("old") << QByteArray("claude-sonnet-4-20250514") << QByteArray() << true << true;
    QTest::newRow("one of two") << QByteArray("claude-sonnet-4-5") << QByteArray() << true << false;
    QTest::newRow("none") << QByteArray("claude-opus-4-8") << QByteArray() << false << false;
    QTest::newRow("thinking") << QByteArray("claude-sonnet-4-5") << QByteArray("low") << false
                              << false;
}

void TestAnthropicWrite::sampling()
{
    QFETCH(QByteArray, model);
    QFETCH(QByteArray, effort);
    QFETCH(bool, temperature);
    QFETCH(bool, topP);
    Conversation chat = chatHello();
    chat.temperature = 1.5;
    chat.topP = 0.5;
    chat.reasoning.effort = effort.toStdString();
    Losses losses;
    const json::value out = written(chat, losses, model.toStdString(), 8'000);
    QCOMPARE(out.as_object().contains("temperature"), temperature);
    QCOMPARE(out.as_object().contains("top_p"), topP);
    QVERIFY(!temperature || out.at("temperature") == json::value(1.0));
    QVERIFY(!losses.empty());
}

void TestAnthropicWrite::tiersAndUsers()
{
    Conversation chat = chatHello();
    chat.serviceTier = "default";
    chat.safetyIdentifier = "s-1";
    chat.stream = true;
    Losses losses;
    const json::value out = written(chat, losses);
    QCOMPARE(textAt(out, "service_tier"), std::string("standard_only"));
    QCOMPARE(textAt(out.at("metadata"), "user_id"), std::string("s-1"));
    QVERIFY(out.at("stream").as_bool());
    QCOMPARE(out.at("max_tokens").as_int64(), std::int64_t(100));
    QVERIFY(losses.empty());
}

QTEST_APPLESS_MAIN(TestAnthropicWrite)
#include "tst_anthropic_write.moc"
