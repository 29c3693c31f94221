// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "anthropic_testing.h"
#include "core/wire/count_tokens.h"
#include "core/wire/reasoning_table.h"

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::testing;
namespace json = boost::json;

namespace {

const std::string hello = "'messages':[{'role':'user','content':'hi'}]";

std::string helloWith(const std::string& more)
{
    return "{'model':'claude-opus-5','max_tokens':4096," + hello + "," + more + "}";
}

Result<RequestView> viewOfText(const std::string& text)
{
    return anthropicCodec().readView(js(text), {});
}

std::string compact(const json::value& value)
{
    return json::serialize(value);
}

} // namespace

class TestAnthropicRequest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void badRequests_data();
    void badRequests();
    void deepJsonIsRefused();
    void writesBackWhatItRead_data();
    void writesBackWhatItRead();
    void writesSettingsBack_data();
    void writesSettingsBack();
    void viewOfHostedTools_data();
    void viewOfHostedTools();
    void viewOfHeldContext_data();
    void viewOfHeldContext();
    void viewOfFields();
    void claudeCodesBlobIsASession();
    void editsModelAndCeiling();
    void editShrinksTheBudget_data();
    void editShrinksTheBudget();
    void editDropsForeignThinking();
    void editFitsAnotherModel_data();
    void editFitsAnotherModel();
    void editMovesSystemMessages();
    void countTokensNeedsNoCeiling();
};

void TestAnthropicRequest::badRequests_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("word");
    const auto row = [](const char* name, const std::string& body, const char* word) {
        QTest::newRow(name) << QByteArray::fromStdString(js(body)) << QByteArray(word);
    };
    row("empty", "", "body");
    row("no object", "[1]", "object");
    row("cut off", "{'model':'m','messages':[", "body");
    row("no model", "{'max_tokens':1," + hello + "}", "model");
    row("model number", "{'model':1,'max_tokens':1," + hello + "}", "model");
    row("no messages", "{'model':'m','max_tokens':1}", "messages");
    row("empty messages", "{'model':'m','max_tokens':1,'messages':[]}", "messages");
    row("message no object", "{'model':'m','messages':[1]}", "messages[0]");
    row("role", "{'model':'m','messages':[{'role':'tool','content':'x'}]}", "messages[0].role");
    row("no content", "{'model':'m','messages':[{'role':'user'}]}", "messages[0]");
    row("content number", "{'model':'m','messages':[{'role':'user','content':1}]}", "content");
    row("block number", "{'model':'m','messages':[{'role':'user','content':[1]}]}", "content[0]");
    row("block type", "{'model':'m','messages':[{'role':'user','content':[{'a':1}]}]}", "type");
    row("text number",
        "{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':1}]}]}", "text");
    row("nested block",
        "{'model':'m','messages':[{'role':'user','content':[{'type':'tool_result',"
        "'tool_use_id':'a','content':[7]}]}]}",
        "content[0].content[0]");
    row("max_tokens text", helloWith("'max_tokens':'1'"), "max_tokens");
    row("max_tokens twice", "{'model':'m','max_tokens':1,'max_tokens':2," + hello + "}", "twice");
    row("max_tokens huge", "{'model':'m','max_tokens':1e300," + hello + "}", "max_tokens");
    row("max_tokens half", "{'model':'m','max_tokens':1.5," + hello + "}", "max_tokens");
    row("max_tokens negative", "{'model':'m','max_tokens':-1," + hello + "}", "max_tokens");
    row("budget twice",
        helloWith("'thinking':{'type':'enabled','budget_tokens':1024,'budget_tokens':9999}"),
        "twice");
    row("system number", helloWith("'system':3"), "system");
    row("tools object", helloWith("'tools':{}"), "tools");
    row("tool number", helloWith("'tools':[3]"), "tools[0]");
    row("stop number", helloWith("'stop_sequences':[3]"), "stop_sequences");
    row("thinking text", helloWith("'thinking':'on'"), "thinking");
    row("stream text", helloWith("'stream':'yes'"), "stream");
    row("temperature text", helloWith("'temperature':'hot'"), "temperature");
}

void TestAnthropicRequest::badRequests()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, word);
    const Result<RequestView> view = anthropicCodec().readView(body.toStdString(), {});
    QVERIFY(!view);
    QVERIFY2(
        QByteArray::fromStdString(view.error().text()).contains(word), view.error().text().c_str());
    QVERIFY(!view.error().remedy.empty());
}

void TestAnthropicRequest::deepJsonIsRefused()
{
    const std::string deep(5'000, '[');
    const std::string body = js("{'model':'m','messages':[{'role':'user','content':'x'}],'x':")
        + deep + std::string(5'000, ']') + "}";
    QVERIFY(!anthropicCodec().readView(body, {}));
    QVERIFY(!anthropicCodec().readRequest(body, {}));
    QVERIFY(!anthropicCodec().readAnswer(body));
}

void TestAnthropicRequest::writesBackWhatItRead_data()
{
    QTest::addColumn<QByteArray>("more");
    const auto row = [](const char* name, const std::string& more) {
        QTest::newRow(name) << QByteArray::fromStdString(more);
    };
    const auto user = [](const std::string& blocks) {
        return "'messages':[{'role':'user','content':[" + blocks + "]}]";
    };
    row("system string", hello + ",'system':'be kind'");
    row("system blocks",
        hello
            + ",'system':[{'type':'text','text':'a'},{'type':'text','text':'b','cache_control':"
              "{'type':'ephemeral','ttl':'1h'}}]");
    row("system amid",
        "'messages':[{'role':'user','content':'hi'},{'role':'system','content':"
        "[{'type':'text','text':'x','cache_control':{'type':'ephemeral'}}],"
        "'output_config':{'effort':'medium'}}]");
    row("images",
        user("{'type':'image','source':{'type':'base64','media_type':'image/png',"
             "'data':'iVBOR'}},{'type':'image','source':{'type':'url','url':"
             "'https://e.org/a.png'}},{'type':'image','source':{'type':'file',"
             "'file_id':'file_1'}},{'type':'image','source':{'type':'new','x':1}}"));
    row("documents",
        user("{'type':'document','title':'T','context':'C','citations':{'enabled':true},'source':"
             "{'type':'text','media_type':'text/plain','data':'d'}},{'type':'document','source':"
             "{'type':'base64','media_type':'application/pdf','data':'JVBER'}},{'type':'document',"
             "'source':{'type':'url','url':'https://e.org/a.pdf'}},{'type':'document','source':"
             "{'type':'file','file_id':'file_2'}},{'type':'document','source':{'type':'content',"
             "'content':[{'type':'text','text':'a'}]}},{'type':'document','source':{'type':"
             "'content','content':[{'type':'image','source':{'type':'url','url':'https://e'}}]}}"));
    row("tool round",
        "'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'type':"
        "'thinking','thinking':'hm','signature':'c2ln'},{'type':'redacted_thinking','data':'cmVk'},"
        "{'type':'text','text':'ok','citations':[{'type':'page_location','x':1}]},{'type':"
        "'tool_use','id':'toolu_1','name':'f','input':{'a':[1,2]},'caller':{'type':'direct'}}]},"
        "{'role':'user','content':[{'type':'tool_result','tool_use_id':'toolu_1','is_error':true,"
        "'content':[{'type':'text','text':'no'},{'type':'image','source':{'type':'url','url':"
        "'https://e'}}],'cache_control':{'type':'ephemeral'}},{'type':'text','text':'go on'}]}],"
        "'tools':[{'name':'f','description':'d','input_schema':{'type':'object','properties':{}},"
        "'strict':true,'cache_control':{'type':'ephemeral','ttl':'5m'},'defer_loading':true}]");
    row("server tools",
        "'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'type':"
        "'server_tool_use','id':'srvtoolu_1','name':'web_search','input':{'query':'x'}},{'type':"
        "'web_search_tool_result','tool_use_id':'srvtoolu_1','content':[{'type':"
        "'web_search_result','url':'https://e','encrypted_content':'zz'}]}]}],'tools':[{'type':"
        "'web_search_20250305','name':'web_search','max_uses':3},{'type':'bash_20250124','name':"
        "'bash'},{'type':'custom','name':'c','input_schema':{'type':'object'}}]");
    row("search result",
        user("{'type':'search_result','source':'https://e','title':'T','content':"
             "[{'type':'text','text':'found'}]},{'type':'container_upload',"
             "'file_id':'file_3'}"));
}

void TestAnthropicRequest::writesSettingsBack_data()
{
    QTest::addColumn<QByteArray>("more");
    const auto row = [](const char* name, const std::string& more) {
        QTest::newRow(name) << QByteArray::fromStdString(more);
    };
    row("thinking enabled", hello + ",'thinking':{'type':'enabled','budget_tokens':2048}");
    row("thinking adaptive",
        hello
            + ",'thinking':{'type':'adaptive','display':'omitted'},'output_config':{'effort':"
              "'xhigh','task_budget':{'type':'tokens','total':9}}");
    row("thinking new", hello + ",'thinking':{'type':'dreaming','depth':4}");
    row("thinking off", hello + ",'thinking':{'type':'disabled'}");
    row("format",
        hello
            + ",'output_config':{'effort':'low','format':{'type':'json_schema',"
              "'schema':{'type':'object'}}}");
    row("old format", hello + ",'output_format':{'type':'json_schema','schema':{'type':'object'}}");
    row("new format", hello + ",'output_config':{'format':{'type':'regex','pattern':'a+'}}");
    row("choice",
        hello
            + ",'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':"
              "{'type':'tool','name':'f','disable_parallel_tool_use':true}");
    row("choice any",
        hello
            + ",'tools':[{'name':'f','input_schema':{'type':'object'}}],"
              "'tool_choice':{'type':'any','disable_parallel_tool_use':false}");
    row("choice none",
        hello
            + ",'tools':[{'name':'f','input_schema':{'type':'object'}}],"
              "'tool_choice':{'type':'none'}");
    row("choice new", hello + ",'tool_choice':{'type':'some','names':['f']}");
    row("settings",
        hello
            + ",'temperature':0.5,'top_p':0.25,'top_k':7,'stop_sequences':['a','b'],"
              "'service_tier':'standard_only','speed':'fast','inference_geo':'us',"
              "'stream':true,'metadata':{'user_id':'u','team':'x'}");
    row("held",
        hello
            + ",'container':{'id':'c','skills':[]},'mcp_servers':[{'type':'url','url':"
              "'https://m','name':'m'}],'context_management':{'edits':[{'type':"
              "'clear_tool_uses_20250919'}]},'betas':['b-1'],'cache_control':{'type':"
              "'ephemeral'}");
    row("unknown", hello + ",'a_field_of_2030':{'deep':[1,{'x':null}]}");
}

void TestAnthropicRequest::writesSettingsBack()
{
    writesBackWhatItRead();
}

void TestAnthropicRequest::writesBackWhatItRead()
{
    QFETCH(QByteArray, more);
    const std::string body
        = "{'model':'claude-opus-4-8','max_tokens':4096," + more.toStdString() + "}";
    const Conversation conversation = conversationOf(body);
    Losses losses;
    const json::value again
        = written(conversation, losses, conversation.model, conversation.maxOutput);
    QCOMPARE(QByteArray::fromStdString(compact(again)).size() > 0, true);
    QVERIFY2(again == parsedJs(body), compact(again).c_str());
    QVERIFY(losses.empty());
}

void TestAnthropicRequest::viewOfHostedTools_data()
{
    QTest::addColumn<QByteArray>("tools");
    QTest::addColumn<int>("hosted");
    QTest::addColumn<int>("searches");
    QTest::addColumn<int>("usesMax"); // -1: no limit
    QTest::newRow("none") << QByteArray("{'name':'f','input_schema':{}}") << 0 << 0 << -1;
    QTest::newRow("client's own") << QByteArray("{'type':'bash_20250124','name':'bash'},"
                                                "{'type':'text_editor_20250124','name':'e'},"
                                                "{'type':'computer_20251124','name':'c'},"
                                                "{'type':'memory_20250818','name':'m'},"
                                                "{'type':'custom','name':'x'}")
                                  << 0 << 0 << -1;
    QTest::newRow("search") << QByteArray("{'type':'web_search_20250305','name':'web_search'}") << 1
                            << 1 << -1;
    QTest::newRow("limited") << QByteArray(
        "{'type':'web_search_20250305','name':'web_search','max_uses':3},"
        "{'type':'web_fetch_20250910','name':'web_fetch','max_uses':2}")
                             << 2 << 1 << 5;
    QTest::newRow("one unlimited")
        << QByteArray("{'type':'web_search_20250305','name':'web_search','max_uses':3},"
                      "{'type':'code_execution_20250825','name':'code_execution'}")
        << 2 << 1 << -1;
    QTest::newRow("unknown") << QByteArray("{'type':'oracle_20300101','name':'o'}") << 1 << 0 << -1;
    QTest::newRow("mcp") << QByteArray("{'type':'mcp_toolset','mcp_server_name':'m'}") << 1 << 0
                         << -1;
    QTest::newRow("huge") << QByteArray(
        "{'type':'web_search_20250305','name':'w','max_uses':9223372036854775807},"
        "{'type':'web_fetch_20250910','name':'f','max_uses':9223372036854775807}")
                          << 2 << 1 << 2'000'000;
}

void TestAnthropicRequest::viewOfHostedTools()
{
    QFETCH(QByteArray, tools);
    QFETCH(int, hosted);
    QFETCH(int, searches);
    QFETCH(int, usesMax);
    const RequestView view = viewOfText(helloWith("'tools':[" + tools.toStdString() + "]")).value();
    QCOMPARE(view.hostedTools, hosted);
    QCOMPARE(view.webSearchTools, searches);
    QCOMPARE(view.hostedUsesMax.value_or(-1), std::int64_t(usesMax));
}

void TestAnthropicRequest::viewOfHeldContext_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("held");
    const auto row = [](const char* name, const std::string& body, const char* held) {
        QTest::newRow(name) << QByteArray::fromStdString(body) << QByteArray(held);
    };
    const auto block = [](const std::string& text) {
        return "{'model':'m','messages':[{'role':'user','content':[" + text + "]}]}";
    };
    row("plain", helloWith("'x':1"), "");
    row("clearing", helloWith("'context_management':{'edits':[{'type':'clear_x'}]}"), "");
    row("compaction", helloWith("'context_management':{'edits':[{'type':'compact_20260112'}]}"),
        "context_management");
    row("container", helloWith("'container':'c_1'"), "container c_1");
    row("skills", helloWith("'container':{'skills':[{}]}"), "container");
    row("mcp", helloWith("'mcp_servers':[{'url':'https://m'}]"), "mcp_servers");
    row("no mcp", helloWith("'mcp_servers':[]"), "");
    row("file", block("{'type':'document','source':{'type':'file','file_id':'f_1'}}"), "file f_1");
    row("file in a result",
        block("{'type':'tool_result','tool_use_id':'t','content':[{'type':'image','source':"
              "{'type':'file','file_id':'f_2'}}]}"),
        "file f_2");
    row("upload", block("{'type':'container_upload','file_id':'f_3'}"), "container_upload");
    row("url", block("{'type':'document','source':{'type':'url','url':'https://e'}}"),
        "document url");
    row("image url", block("{'type':'image','source':{'type':'url','url':'https://e'}}"), "");
}

void TestAnthropicRequest::viewOfHeldContext()
{
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, held);
    const Result<RequestView> view = viewOfText(body.toStdString());
    QVERIFY(view);
    QCOMPARE(QByteArray::fromStdString(view->heldContext), held);
}

void TestAnthropicRequest::viewOfFields()
{
    const RequestView plain = viewOfText(helloWith("'metadata':{'user_id':'alice'}")).value();
    QCOMPARE(plain.dialect, Dialect::Anthropic);
    QCOMPARE(plain.model, std::string("claude-opus-5"));
    QCOMPARE(plain.maxTokens.value_or(-1), 4'096);
    QCOMPARE(plain.user, std::string("alice"));
    QVERIFY(!plain.cacheControl && !plain.cacheOneHour && !plain.thinkingBudget);
    const RequestView rich
        = viewOfText(helloWith("'thinking':{'type':'enabled','budget_tokens':2000},'speed':'fast',"
                               "'service_tier':'auto','stream':true,'system':[{'type':'text',"
                               "'text':'s','cache_control':{'type':'ephemeral','ttl':'1h'}}]"))
              .value();
    QVERIFY(rich.stream && rich.cacheControl && rich.cacheOneHour);
    QCOMPARE(rich.thinkingBudget.value_or(-1), 2'000);
    QCOMPARE(rich.serviceTier, std::string("fast"));
    QCOMPARE(rich.messages.size(), std::size_t(2));
    QCOMPARE(rich.messages.front().role, Role::System);
    const RequestView whole = viewOfText(helloWith("'cache_control':{'type':'ephemeral'}")).value();
    QVERIFY(whole.cacheControl && !whole.cacheOneHour);
    const RequestView tool
        = viewOfText(helloWith("'tools':[{'type':'bash_20250124','name':'bash','cache_control':"
                               "{'type':'ephemeral','ttl':'1h'}}]"))
              .value();
    QVERIFY(tool.cacheControl && tool.cacheOneHour);
}

void TestAnthropicRequest::claudeCodesBlobIsASession()
{
    std::string body = helloWith("'metadata':{'user_id':'BLOB'}");
    body = js(body);
    std::string escaped = "{\\\"device_id\\\":\\\"d\\\",\\\"session_id\\\":\\\"s-1\\\"}";
    body.replace(body.find("BLOB"), 4, escaped);
    const RequestView view = anthropicCodec().readView(body, {}).value();
    QCOMPARE(view.sessionId, std::string("s-1"));
    QVERIFY(view.user.empty());
}

void TestAnthropicRequest::editsModelAndCeiling()
{
    const std::string body = js("{ 'model' : 'auto', " + hello
        + ",\n 'max_tokens':4096 , 'new':[1.0e2], 'api_base':'http://evil' }");
    const RequestView view = anthropicCodec().readView(body, {}).value();
    RequestEdits edits;
    edits.model = "claude-opus-5";
    edits.outputCeiling = 77;
    const std::string out = anthropicCodec().edit(body, view, edits).value();
    QCOMPARE(
        out, js("{ 'model' : 'claude-opus-5', " + hello + ",\n 'max_tokens':77 , 'new':[1.0e2] }"));
    const std::string without = js("{'model':'auto'," + hello + "}");
    const RequestView open = anthropicCodec().readView(without, {}).value();
    QVERIFY(!open.maxTokens);
    const json::value added = parsed(anthropicCodec().edit(without, open, edits).value());
    QCOMPARE(added.at("max_tokens").as_int64(), std::int64_t(77));
}

void TestAnthropicRequest::editShrinksTheBudget_data()
{
    QTest::addColumn<int>("budget");
    QTest::addColumn<int>("ceiling");
    QTest::addColumn<QByteArray>("thinking");
    QTest::newRow("fits") << 2'000 << 3'000
                          << QByteArray("{'type':'enabled','budget_tokens':2000}");
    QTest::newRow("cut") << 2'000 << 1'500 << QByteArray("{'type':'enabled','budget_tokens':1499}");
    QTest::newRow("equal") << 2'000 << 2'000
                           << QByteArray("{'type':'enabled','budget_tokens':1999}");
    QTest::newRow("no room") << 2'000 << 1'024 << QByteArray("{'type':'disabled'}");
    QTest::newRow("client's own") << 9'000 << 3'000
                                  << QByteArray("{'type':'enabled','budget_tokens':9000}");
}

void TestAnthropicRequest::editShrinksTheBudget()
{
    QFETCH(int, budget);
    QFETCH(int, ceiling);
    QFETCH(QByteArray, thinking);
    const std::string body = js(
        helloWith("'thinking':{'type':'enabled','budget_tokens':" + std::to_string(budget) + "}"));
    const RequestView view = anthropicCodec().readView(body, {}).value();
    RequestEdits edits;
    edits.model = "m";
    edits.outputCeiling = ceiling;
    const json::value out = parsed(anthropicCodec().edit(body, view, edits).value());
    QVERIFY2(out.at("thinking") == parsedJs(thinking.toStdString()), compact(out).c_str());
    // written anew, the same
    Losses losses;
    const json::value anew
        = written(anthropicCodec().readRequest(body, {}).value(), losses, "m", ceiling);
    QVERIFY2(anew.at("thinking") == parsedJs(thinking.toStdString()), compact(anew).c_str());
}

void TestAnthropicRequest::editDropsForeignThinking()
{
    // A conversation that began with another provider behind the proxy and goes on with Anthropic.
    const std::string foreign = "{'type':'thinking','thinking':'hm','signature':'hg1.chat.'}";
    const std::string body = js(
        "{'model':'auto','max_tokens':4096,'thinking':{'type':'enabled','budget_tokens':1024},"
        "'api_base':'http://evil','stream':true,'new':1,'messages':[{'role':'user','content':'a'},"
        "{'role':'assistant','content':["
        + foreign
        + "]},{'role':'user','content':'b'},"
          "{'role':'assistant','content':["
        + foreign
        + ",{'type':'tool_use','id':'t','name':'f',"
          "'input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'t',"
          "'content':'r'}]}]}");
    const RequestView view = anthropicCodec().readView(body, {}).value();
    RequestEdits edits;
    edits.model = "claude-sonnet-4-5";
    edits.outputCeiling = 2'000;
    const json::value out = parsed(anthropicCodec().edit(body, view, edits).value());
    QVERIFY2(out
            == parsedJs("{'model':'claude-sonnet-4-5','max_tokens':2000,'thinking':{'type':"
                        "'disabled'},'stream':true,'new':1,'messages':[{'role':'user','content':"
                        "'a'},{'role':'user','content':'b'},{'role':'assistant','content':[{'type':"
                        "'tool_use','id':'t','name':'f','input':{}}]},{'role':'user','content':"
                        "[{'type':'tool_result','tool_use_id':'t','content':'r'}]}]}"),
        json::serialize(out).c_str());
}

void TestAnthropicRequest::editFitsAnotherModel_data()
{
    QTest::addColumn<QByteArray>("model");
    QTest::addColumn<QByteArray>("more");
    QTest::addColumn<QByteArray>("expected");
    const auto row
        = [](const char* name, const char* model, const char* more, const char* expected) {
              QTest::newRow(name) << QByteArray(model) << QByteArray(more) << QByteArray(expected);
          };
    const char* const adaptive
        = "'thinking':{'type':'adaptive','display':'omitted'},'output_config':{'effort':'xhigh'},"
          "'context_management':{'edits':[{'type':'clear_thinking_20251015','keep':'all'}]}";
    row("the same model", "auto", adaptive, adaptive);
    row("as new", "claude-opus-5", adaptive, adaptive);
    row("4.6", "claude-sonnet-4-6", adaptive,
        "'thinking':{'type':'adaptive','display':'omitted'},'output_config':{'effort':'high'},"
        "'context_management':{'edits':[{'type':'clear_thinking_20251015','keep':'all'}]}");
    row("4.5", "claude-haiku-4-5", adaptive, "'output_config':{}");
    row("3.5", "claude-3-5-haiku-20241022", "'thinking':{'type':'enabled','budget_tokens':1500}",
        "");
    row("budget to new", "claude-opus-5", "'thinking':{'type':'enabled','budget_tokens':1500}",
        "'thinking':{'type':'adaptive'}");
    row("budget to old", "claude-haiku-4-5", "'thinking':{'type':'enabled','budget_tokens':1500}",
        "'thinking':{'type':'disabled'}");
    row("off for one that always thinks", "claude-fable-5", "'thinking':{'type':'disabled'}", "");
    row("sampling to new", "claude-opus-5", "'temperature':0.5,'top_p':0.5,'top_k':3", "");
    row("sampling to 4.5", "claude-haiku-4-5", "'temperature':0.5,'top_p':0.5",
        "'temperature':0.5");
}

void TestAnthropicRequest::editFitsAnotherModel()
{
    QFETCH(QByteArray, model);
    QFETCH(QByteArray, more);
    QFETCH(QByteArray, expected);
    const auto bodyOf
        = [](const std::string& name, const std::string& ceiling, const std::string& rest) {
              return js("{'model':'" + name + "','max_tokens':" + ceiling + "," + hello
                  + (rest.empty() ? "" : ",") + rest + "}");
          };
    // No budget fits below 1,024.
    const int ceiling = more.contains("budget") && model == "claude-haiku-4-5" ? 1'000 : 2'000;
    const std::string body = bodyOf("auto", "4096", more.toStdString());
    const RequestView view = anthropicCodec().readView(body, {}).value();
    RequestEdits edits;
    edits.model = model.toStdString();
    edits.outputCeiling = ceiling;
    const std::string out = anthropicCodec().edit(body, view, edits).value();
    QVERIFY2(
        parsed(out) == parsed(bodyOf(edits.model, std::to_string(ceiling), expected.toStdString())),
        out.c_str());
}

void TestAnthropicRequest::editMovesSystemMessages()
{
    const std::string body = js(
        "{'model':'auto','max_tokens':4096,'system':'a','new':1,'messages':[{'role':'user',"
        "'content':'hi'},{'role':'system','content':[{'type':'text','text':'b','cache_control':"
        "{'type':'ephemeral'}}]}]}");
    const RequestView view = anthropicCodec().readView(body, {}).value();
    RequestEdits edits;
    edits.model = "claude-opus-5";
    json::value out = parsed(anthropicCodec().edit(body, view, edits).value());
    QCOMPARE(out.at("messages").as_array().size(), std::size_t(2));
    edits.model = "claude-haiku-4-5";
    out = parsed(anthropicCodec().edit(body, view, edits).value());
    QVERIFY2(out
            == parsedJs("{'model':'claude-haiku-4-5','max_tokens':4096,'system':[{'type':'text',"
                        "'text':'a'},{'type':'text','text':'b','cache_control':{'type':"
                        "'ephemeral'}}],'new':1,'messages':[{'role':'user','content':'hi'}]}"),
        json::serialize(out).c_str());
}

void TestAnthropicRequest::countTokensNeedsNoCeiling()
{
    QVERIFY(!readCountTokens(js("{'model':'m'}")));
    const Result<RequestView> view = readCountTokens(js("{'model':'m'," + hello + "}"));
    QVERIFY(view);
    QVERIFY(!view->maxTokens && !view->stream);
    QCOMPARE(view->messages.size(), std::size_t(1));
    QCOMPARE(writeCountTokens(1'234), std::string("{\"input_tokens\":1234}"));
}

QTEST_APPLESS_MAIN(TestAnthropicRequest)
#include "tst_anthropic_request.moc"
