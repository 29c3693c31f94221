// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "tests/unit/wire/responses_helpers.h"

using namespace headgate;
using namespace headgate::wire;
using namespace headgate::wire::test;

class TestResponsesCodec : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // NOLINTBEGIN(readability-convert-member-functions-to-static)
    void badRequests_data();
    void badRequests();
    void statefulIdsAndHostedTools_data();
    void statefulIdsAndHostedTools();
    void editKeepsTheRest();
    void requestsSurvive_data();
    void requestsSurvive();
    void toolsSurvive_data();
    void toolsSurvive();
    void customAndNamespaceTools();
    void reasoningIsSigned();
    void assistantItemsShareATurn();
    void toChat_data();
    void toChat();
    void fromAnthropicShapes();
    void whatResponsesCannotSay();
    void refusals();
    void errors_data();
    void errors();
    // NOLINTEND(readability-convert-member-functions-to-static)
};

void TestResponsesCodec::badRequests_data()
{
    QTest::addColumn<QString>("body");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* name, const char* body, const char* says) {
        QTest::newRow(name) << QString::fromUtf8(body) << QString::fromUtf8(says);
    };
    row("nothing", "", "JSON");
    row("a list", "[]", "object");
    row("half", "{'model':'m'", "JSON");
    row("rubbish behind", "{'model':'m','input':'x'} y", "JSON");
    row("no model", "{'input':'x'}", "model");
    row("empty model", "{'model':'','input':'x'}", "model");
    row("model a number", "{'model':4,'input':'x'}", "model");
    row("model twice", "{'model':'a','model':'b','input':'x'}", "model");
    row("input twice", "{'model':'a','input':'x','input':'y'}", "input");
    row("no input", "{'model':'m'}", "input");
    row("input a number", "{'model':'m','input':4}", "input");
    row("an item is text", "{'model':'m','input':['x']}", "input");
    row("stream a word", "{'model':'m','input':'x','stream':'yes'}", "stream");
    row("ceiling negative", "{'model':'m','input':'x','max_output_tokens':-1}",
        "max_output_tokens");
    row("ceiling a word", "{'model':'m','input':'x','max_output_tokens':'9'}", "max_output_tokens");
    row("ceiling broken", "{'model':'m','input':'x','max_output_tokens':1.5}", "max_output_tokens");
    row("ceiling too large", "{'model':'m','input':'x','max_output_tokens':99999999999999999999}",
        "max_output_tokens");
    row("tool calls a word", "{'model':'m','input':'x','max_tool_calls':'9'}", "max_tool_calls");
    row("tools an object", "{'model':'m','input':'x','tools':{}}", "tools");
    row("tool without a type", "{'model':'m','input':'x','tools':[{}]}", "tools");
    row("choice a number", "{'model':'m','input':'x','tool_choice':1}", "tool_choice");
    row("tier a number", "{'model':'m','input':'x','service_tier':1}", "service_tier");
    row("temperature a word", "{'model':'m','input':'x','temperature':'hot'}", "temperature");
    row("background", "{'model':'m','input':'x','background':true}", "background");
    row("background a word", "{'model':'m','input':'x','background':'yes'}", "background");
}

void TestResponsesCodec::badRequests()
{
    QFETCH(QString, body);
    QFETCH(QString, says);
    const Result<RequestView> view = codec().readView(q(body.toStdString()), {});
    QVERIFY(!view);
    QCOMPARE(view.error().code, ErrorCode::InvalidArgument);
    QVERIFY2(QString::fromStdString(message(view.error())).contains(says),
        message(view.error()).c_str());
}

void TestResponsesCodec::statefulIdsAndHostedTools_data()
{
    QTest::addColumn<QString>("fields");
    QTest::addColumn<QString>("held");
    QTest::addColumn<bool>("isResponse");
    QTest::addColumn<int>("hosted");
    QTest::addColumn<int>("searches");
    QTest::addColumn<qint64>("usesMax");
    const auto row = [](const char* name, const char* fields, const char* held, bool isResponse,
                         int hosted, int searches, qint64 usesMax) {
        QTest::newRow(name) << QString::fromUtf8(fields) << QString::fromUtf8(held) << isResponse
                            << hosted << searches << usesMax;
    };
    row("plain", "'input':'hi'", "", false, 0, 0, -1);
    row("stateful id", "'input':'hi','previous_response_id':'resp_7'", "resp_7", true, 0, 0, -1);
    row("conversation", "'input':'hi','conversation':'conv_1'", "conv_1", false, 0, 0, -1);
    row("conversation object", "'input':'hi','conversation':{'id':'conv_2'}", "conv_2", false, 0, 0,
        -1);
    row("stored prompt", "'prompt':{'id':'pmpt_1'}", "pmpt_1", false, 0, 0, -1);
    row("both", "'input':'hi','prompt':{'id':'pmpt_1'},'previous_response_id':'resp_7'", "pmpt_1",
        false, 0, 0, -1);
    row("item reference", "'input':[{'type':'item_reference','id':'msg_3'}]", "msg_3", false, 0, 0,
        -1);
    row("file id", "'input':[{'role':'user','content':[{'type':'input_file','file_id':'file-1'}]}]",
        "file-1", false, 0, 0, -1);
    row("image id",
        "'input':[{'role':'user','content':[{'type':'input_image','file_id':'file-2'}]}]", "file-2",
        false, 0, 0, -1);
    row("file of a tool",
        "'input':[{'type':'function_call_output','call_id':'c','output':[{'type':'input_file',"
        "'file_id':'file-4'}]}]",
        "file-4", false, 0, 0, -1);
    row("file address",
        "'input':[{'role':'user','content':[{'type':'input_file','file_url':'https://x/y.pdf'}]}]",
        "https://x/y.pdf", false, 0, 0, -1);
    row("kept reasoning", "'input':[{'type':'reasoning','id':'rs_1','summary':[]}]", "rs_1", false,
        0, 0, -1);
    row("summary of kept reasoning",
        "'input':[{'type':'reasoning','id':'rs_1','summary':[{'type':'summary_text','text':'a'}]}]",
        "rs_1", false, 0, 0, -1);
    row("reasoning in full",
        "'input':[{'type':'reasoning','id':'rs_1','summary':[],'content':[{'type':"
        "'reasoning_text','text':'a'}]}]",
        "", false, 0, 0, -1);
    row("given reasoning",
        "'input':[{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'AB'}]", "",
        false, 0, 0, -1);
    row("hosted", "'input':'hi','tools':[{'type':'web_search'},{'type':'code_interpreter'}]", "",
        false, 2, 1, -1);
    row("hosted with a limit",
        "'input':'hi','max_tool_calls':3,'tools':[{'type':'web_search_preview'}]", "", false, 1, 1,
        3);
    row("the client's own",
        "'input':'hi','tools':[{'type':'local_shell'},{'type':'apply_patch'},{'type':'function',"
        "'name':'f'},{'type':'custom','name':'c'},{'type':'tool_search','execution':'client'}]",
        "", false, 0, 0, -1);
    row("hosted inside an item",
        "'input':[{'type':'additional_tools','tools':[{'type':'mcp','server_label':'x'}]}]", "",
        false, 1, 0, -1);
}

void TestResponsesCodec::statefulIdsAndHostedTools()
{
    QFETCH(QString, fields);
    QFETCH(QString, held);
    QFETCH(bool, isResponse);
    QFETCH(int, hosted);
    QFETCH(int, searches);
    QFETCH(qint64, usesMax);
    const Result<RequestView> view
        = codec().readView(q("{'model':'m'," + fields.toStdString() + "}"), {});
    QVERIFY2(view.has_value(), view ? "" : message(view.error()).c_str());
    QCOMPARE(view->dialect, Dialect::Responses);
    QCOMPARE(QString::fromStdString(view->heldContext), held);
    QCOMPARE(view->heldContextIsResponse, isResponse);
    QCOMPARE(view->hostedTools, hosted);
    QCOMPARE(view->webSearchTools, searches);
    QCOMPARE(static_cast<qint64>(view->hostedUsesMax.value_or(-1)), usesMax);
}

void TestResponsesCodec::editKeepsTheRest()
{
    const std::string body = q("{ 'model' : 'auto', 'odd': [1e2, '\\u00e9'],\n'input':'hi'}");
    const Result<RequestView> view = codec().readView(body, {});
    QVERIFY(view);
    RequestEdits edits;
    edits.model = "gpt-x";
    edits.outputCeiling = 77;
    const Result<std::string> edited = codec().edit(body, *view, edits);
    QVERIFY(edited);
    QVERIFY(edited->find(q("'odd': [1e2, '\\u00e9'],\n'input':'hi'")) != std::string::npos);
    const json::object out = object(*edited);
    QCOMPARE(std::string(dom::stringAt(out, "model")), std::string("gpt-x"));
    QCOMPARE(dom::wholeAt(out, "max_output_tokens").value_or(0), 77);
    const Result<std::string> lowered
        = codec().edit(q("{'model':'m','max_output_tokens':900,'input':''}"), *view, edits);
    QVERIFY(lowered);
    QCOMPARE(dom::wholeAt(object(*lowered), "max_output_tokens").value_or(0), 77);
}

void TestResponsesCodec::requestsSurvive_data()
{
    QTest::addColumn<QString>("fields");
    const auto row = [](const char* name, const char* fields) {
        QTest::newRow(name) << QString::fromUtf8(fields);
    };
    row("text", "'input':'hi'");
    row("items",
        "'input':[{'role':'user','content':'a'},{'type':'message','role':'assistant','id':'msg_1',"
        "'status':'completed','phase':'final_answer','content':[{'type':'output_text','text':'b',"
        "'annotations':[],'logprobs':[]},{'type':'refusal','refusal':'no'}]},{'role':'developer',"
        "'content':[{'type':'input_text','text':'c','prompt_cache_breakpoint':{'mode':'explicit'}}]"
        "}"
        "]");
    row("two assistant messages",
        "'input':[{'role':'assistant','content':'a'},{'role':'assistant','content':[{'type':"
        "'output_text','text':'b'}],'id':'msg_9'},{'type':'message','role':'assistant','content':[]"
        "}"
        "]");
    row("media",
        "'input':[{'role':'user','content':[{'type':'input_image','image_url':'data:image/png;"
        "base64,QUI=','detail':'low'},{'type':'input_image','image_url':'https://x/y.png'},{'type':"
        "'input_file','file_data':'data:application/pdf;base64,QUI=','filename':'a.pdf'},{'type':"
        "'input_file','file_id':'file-1'},{'type':'input_audio','input_audio':{'data':'QUI=',"
        "'format':'wav'}},{'type':'input_hologram','x':1}]}]");
    row("calls",
        "'input':[{'type':'function_call','id':'fc_1','call_id':'c1','name':'f','arguments':"
        "'{}','status':'completed'},{'type':'function_call','call_id':'c2','name':'g','namespace':"
        "'n','arguments':'{}'},{'type':'function_call_output','call_id':'c1','output':'x'},{'type':"
        "'function_call_output','call_id':'c2','output':[{'type':'input_text','text':'y'},{'type':"
        "'input_image','image_url':'data:image/png;base64,QUI='}]},{'type':'custom_tool_call',"
        "'call_id':'c3','name':'h','input':'free'},{'type':'custom_tool_call_output','call_id':'c3'"
        ","
        "'output':'z','status':'completed'}]");
    row("reasoning",
        "'input':[{'type':'reasoning','id':'rs_1','summary':[{'type':'summary_text','text':'a'},"
        "{'type':'summary_text','text':'b'}],'encrypted_content':'SECRET'},{'type':'reasoning',"
        "'id':'rs_2','summary':[],'content':[{'type':'reasoning_text','text':'t'}]}]");
    row("hosted items",
        "'input':[{'type':'web_search_call','id':'ws_1','status':'completed','action':{'type':"
        "'search','query':'q'}},{'type':'item_reference','id':'msg_1'},{'type':'computer_call_"
        "output"
        "','call_id':'c','output':{'type':'computer_screenshot','image_url':'x'}},{'type':"
        "'compaction','encrypted_content':'Z'}]");
    row("text and reasoning",
        "'input':'x','text':{'format':{'type':'json_schema','name':'n','schema':{'a':1},'strict':"
        "true,'future':1},'verbosity':'low','more':2},'reasoning':{'effort':'high','summary':"
        "'auto','context':'all_turns','mode':'pro'}");
    row("reasoning off", "'input':'x','reasoning':{'effort':'none'}");
    row("empty text", "'input':'x','text':{}");
    row("everything else",
        "'input':'x','instructions':'be brief','max_output_tokens':64,'parallel_tool_calls':false,"
        "'previous_response_id':'resp_1','store':false,'include':['reasoning.encrypted_content',"
        "'message.output_text.logprobs'],'top_logprobs':3,'temperature':0.5,'top_p':1,"
        "'service_tier':'flex','safety_identifier':'s','user':'u','prompt_cache_key':'k',"
        "'metadata':{'a':'b'},'truncation':'auto','background':false,'conversation':null,"
        "'stream_options':{'include_obfuscation':false},'client_metadata':{'x':'y'},"
        "'max_tool_calls':2,'moderation':{'x':1}");
    row("stored prompt", "'prompt':{'id':'p','variables':{'a':'b'}}");
}

void TestResponsesCodec::toolsSurvive_data()
{
    QTest::addColumn<QString>("fields");
    const auto row = [](const char* name, const char* fields) {
        QTest::newRow(name) << QString::fromUtf8(fields);
    };
    row("added tools",
        "'input':[{'role':'user','content':'a'},{'type':'additional_tools','role':'developer','id':"
        "'at_1','tools':[{'type':'function','name':'f','parameters':{}},{'type':'custom','name':'c'"
        ","
        "'format':{'type':'text'}}]}]");
    row("tools",
        "'input':'x','tools':[{'type':'function','name':'f','description':'d','strict':true,"
        "'parameters':{'type':'object'},'defer_loading':true},{'type':'function','name':'g',"
        "'parameters':null,'strict':null},{'type':'custom','name':'c','format':{'type':'grammar',"
        "'syntax':'lark','definition':'x'}},{'type':'namespace','name':'n','description':'e',"
        "'tools':[{'type':'function','name':'f','parameters':{}},{'type':'function','name':'h',"
        "'parameters':{}}]},{'type':'namespace','name':'o','tools':[{'type':'custom','name':'i'}]},"
        "{'type':'namespace','name':'empty','tools':[]},{'type':'web_search','filters':{'a':[1]}},"
        "{'type':'mcp','server_label':'l'}]");
    row("no tools", "'input':'x','tools':[]");
    for (const char* choice : {"'auto'", "'none'", "'required'", "{'type':'function','name':'f'}",
             "{'type':'custom','name':'c'}", "{'type':'web_search_preview'}",
             "{'type':'mcp','server_label':'l','name':'n'}",
             "{'type':'allowed_tools','mode':'required','tools':[{'type':'function','name':'f'}]"
             "}"}) {
        QTest::newRow(choice) << QString::fromUtf8("'input':'x','tool_choice':")
                + QString::fromUtf8(choice);
    }
}

void TestResponsesCodec::toolsSurvive()
{
    requestsSurvive();
}

void TestResponsesCodec::requestsSurvive()
{
    QFETCH(QString, fields);
    const std::string body = q("{'model':'m'," + fields.toStdString() + "}");
    const Result<Conversation> read = codec().readRequest(body, {});
    QVERIFY2(read.has_value(), read ? "" : message(read.error()).c_str());
    Losses losses;
    const std::string again = written(*read, losses);
    QVERIFY(losses.empty());
    // The objects are equal whatever the order of their fields.
    QVERIFY2(object(again) == object(body), again.c_str());
}

void TestResponsesCodec::customAndNamespaceTools()
{
    const Conversation read = conversationOf(
        "{'model':'m','input':'x','tools':[{'type':'custom','name':'patch'},{'type':'function',"
        "'name':'run','parameters':{}},{'type':'namespace','name':'agents','tools':[{'type':"
        "'function','name':'run','parameters':{}},{'type':'function','name':'stop','parameters':{}}"
        "]},{'type':'web_search'}]}");
    QCOMPARE(read.tools.size(), std::size_t(5));
    QVERIFY(read.tools[0].custom);
    QCOMPARE(read.tools[1].name, std::string("run"));
    QCOMPARE(read.tools[2].name, std::string("agents__run")); // "run" is taken
    QCOMPARE(read.tools[3].name, std::string("stop"));
    QVERIFY(read.tools[4].hosted);
}

void TestResponsesCodec::reasoningIsSigned()
{
    const Conversation read = conversationOf(
        "{'model':'m','input':[{'type':'reasoning','id':'rs_1','summary':[{'type':'summary_text',"
        "'text':'a'},{'type':'summary_text','text':'b'}],'encrypted_content':'SECRET'},{'type':"
        "'reasoning','id':'rs_2','summary':[],'encrypted_content':'X'}]}");
    const std::vector<Part>& parts = read.turns.front().parts;
    QCOMPARE(parts.size(), std::size_t(2));
    QCOMPARE(parts[0].kind, Part::Kind::Thinking);
    QCOMPARE(parts[0].text, std::string("a\n\nb"));
    QCOMPARE(parts[0].signature, std::string("SECRET"));
    QCOMPARE(parts[0].signedBy, Dialect::Responses);
    QVERIFY(!parts[0].redacted);
    QVERIFY(parts[1].redacted);
}

void TestResponsesCodec::assistantItemsShareATurn()
{
    const Conversation read = conversationOf(
        "{'model':'m','instructions':'i','input':[{'role':'user','content':'a'},{'type':'reasoning'"
        ","
        "'id':'r','summary':[]},{'role':'assistant','content':'b'},{'type':'function_call','call_"
        "id'"
        ":'c1','name':'f','arguments':'{}'},{'type':'function_call','call_id':'c2','name':'g',"
        "'arguments':'{}'},{'type':'function_call_output','call_id':'c2','output':'2'},{'type':"
        "'function_call_output','call_id':'c1','output':'1'},{'role':'user','content':'d'},{'role':"
        "'user','content':'e'}]}");
    QCOMPARE(read.turns.size(), std::size_t(6));
    QCOMPARE(read.turns[0].role, Role::System);
    QCOMPARE(read.turns[2].role, Role::Assistant);
    QCOMPARE(read.turns[2].parts.size(), std::size_t(4));
    QCOMPARE(read.turns[3].role, Role::Tool);
    QCOMPARE(read.turns[3].parts[0].name, std::string("g")); // found from its call
    QCOMPARE(read.turns[3].parts[1].name, std::string("f"));
}

void TestResponsesCodec::toChat_data()
{
    QTest::addColumn<QString>("fields");
    QTest::addColumn<QString>("wants"); ///< a text that the chat request must have
    const auto row = [](const char* name, const char* fields, const char* wants) {
        QTest::newRow(name) << QString::fromUtf8(fields) << QString::fromUtf8(wants);
    };
    row("text", "'input':'hi'", "'messages':[{'role':'user','content':'hi'}]");
    row("instructions", "'input':'hi','instructions':'brief'", "'content':'brief'");
    row("tool", "'input':'hi','tools':[{'type':'function','name':'f','parameters':{'a':1}}]",
        "'name':'f'");
    row("custom tool", "'input':'hi','tools':[{'type':'custom','name':'patch'}]", "'name':'patch'");
    row("namespace tool",
        "'input':'hi','tools':[{'type':'namespace','name':'n','tools':[{'type':'function','name':"
        "'f','parameters':{}}]}]",
        "'name':'f'");
    row("calls",
        "'input':[{'role':'user','content':'q'},{'type':'function_call','call_id':'c1','name':'f',"
        "'arguments':'{}'},{'type':'function_call_output','call_id':'c1','output':'42'}]",
        "'tool_call_id':'c1'");
}

void TestResponsesCodec::toChat()
{
    QFETCH(QString, fields);
    QFETCH(QString, wants);
    const Conversation read = conversationOf("{'model':'m'," + fields.toStdString() + "}");
    Losses losses;
    WriteOptions options;
    options.model = "m";
    const Result<std::string> chat = chatCodec().writeRequest(read, options, losses);
    if (!chat && chat.error().code == ErrorCode::Unsupported) {
        QSKIP("The chat dialect cannot be written yet.");
    }
    QVERIFY2(chat.has_value(), chat ? "" : message(chat.error()).c_str());
    QVERIFY2(chat->find(q(wants.toStdString())) != std::string::npos, chat->c_str());
    QVERIFY(chat->find('@') == std::string::npos); // this codec's notes stay inside
}

/// Results inside a user's turn, and thinking that another provider signed.
void TestResponsesCodec::fromAnthropicShapes()
{
    Conversation from;
    from.source = Dialect::Anthropic;
    from.model = "m";
    from.maxOutput = 500;
    Turn system;
    system.role = Role::System;
    system.parts.emplace_back().text = "be brief";
    Turn assistant;
    assistant.role = Role::Assistant;
    Part& thinking = assistant.parts.emplace_back();
    thinking.kind = Part::Kind::Thinking;
    thinking.text = "hm";
    thinking.signature = "SIG";
    thinking.signedBy = Dialect::Anthropic;
    Part& call = assistant.parts.emplace_back();
    call.kind = Part::Kind::ToolCall;
    call.id = "toolu_1";
    call.name = "f";
    call.arguments = "{}";
    Turn user;
    Part& result = user.parts.emplace_back();
    result.kind = Part::Kind::ToolResult;
    result.id = "toolu_1";
    result.content.emplace_back().text = "42";
    user.parts.emplace_back().text = "go on";
    from.turns = {system, assistant, user};
    Tool tool;
    tool.name = "f";
    from.tools.push_back(tool);
    Losses losses;
    const json::object out = object(written(from, losses));
    const json::object expected = object(q(
        "{'model':'m','instructions':'be brief','input':[{'type':'function_call','call_id':"
        "'toolu_1','name':'f','arguments':'{}'},{'type':'function_call_output','call_id':'toolu_1',"
        "'output':'42'},{'role':'user','content':[{'type':'input_text','text':'go on'}]}],'tools':["
        "{'type':'function','name':'f','parameters':{'type':'object','properties':{}},'strict':"
        "false}],'max_output_tokens':500,'store':false}"));
    QVERIFY2(out == expected, json::serialize(out).c_str());
    QCOMPARE(losses.size(), std::size_t(1)); // the thinking
}

void TestResponsesCodec::whatResponsesCannotSay()
{
    Conversation from;
    from.source = Dialect::Chat;
    from.model = "m";
    from.turns.emplace_back().parts.emplace_back().text = "hi";
    from.stop = {"END"};
    from.seed = 4;
    from.temperature = 0.5;
    Losses losses;
    WriteOptions options;
    options.reasoningModel = true;
    const json::object out = object(written(from, losses, options));
    QCOMPARE(losses.size(), std::size_t(3));
    QVERIFY(!out.contains("temperature"));
    QVERIFY(!out.contains("stop"));
    from.serviceTier = "batch";
    from.user = "{\"device\":1}";
    const json::object without = object(written(from, losses, options));
    QVERIFY(!without.contains("service_tier"));
    QVERIFY(!without.contains("user"));
    from.serviceTier = "standard_only";
    const json::object usual = object(written(from, losses, options));
    QCOMPARE(std::string(dom::stringAt(usual, "service_tier")), std::string("default"));
    from.n = 2;
    QVERIFY(!codec().writeRequest(from, options, losses));
}

void TestResponsesCodec::refusals()
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetExceeded;
    refusal.message = "Budget cap reached.";
    refusal.metadata.emplace_back("pool", "a");
    const RefusalReply reply = codec().writeRefusal(refusal);
    QCOMPARE(reply.status, 400); // Codex retries 402 six times
    QCOMPARE(reply.body, chatCodec().writeRefusal(refusal).body);
    refusal.kind = RefusalKind::BudgetInFlight;
    QCOMPARE(codec().writeRefusal(refusal).status, 429);
    refusal.kind = RefusalKind::Unauthorized;
    QCOMPARE(codec().writeRefusal(refusal).status, 401);
}

void TestResponsesCodec::errors_data()
{
    QTest::addColumn<QString>("body");
    QTest::addColumn<QString>("message");
    QTest::addColumn<QString>("code");
    QTest::newRow("empty") << ""
                           << ""
                           << "";
    QTest::newRow("page") << "<html>no</html>"
                          << "<html>no</html>"
                          << "";
    QTest::newRow("usual") << "{'error':{'message':'No.','type':'t','code':'c','param':'p'}}"
                           << "No."
                           << "c";
    QTest::newRow("text") << "{'error':'No.'}"
                          << "No."
                          << "";
    QTest::newRow("flat") << "{'message':'No.','code':'c'}"
                          << "No."
                          << "c";
    QTest::newRow("response") << "{'response':{'error':{'message':'No.','code':'c'}}}"
                              << "No."
                              << "c";
}

void TestResponsesCodec::errors()
{
    QFETCH(QString, body);
    QFETCH(QString, message);
    QFETCH(QString, code);
    const ErrorText error = codec().readError(q(body.toStdString()));
    QCOMPARE(QString::fromStdString(error.message), message);
    QCOMPARE(QString::fromStdString(error.code), code);
    const ErrorText again = codec().readError(codec().writeError(400, error));
    QCOMPARE(again.code, error.code);
    if (!error.message.empty()) {
        QCOMPARE(again.message, error.message);
    }
}

QTEST_APPLESS_MAIN(TestResponsesCodec)
#include "tst_responses_codec.moc"
