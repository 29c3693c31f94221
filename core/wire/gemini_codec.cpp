// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/body_edit.h"
#include "core/wire/conversation_view.h"
#include "core/wire/gemini_parts.h"
#include "core/wire/gemini_routes.h"
#include "core/wire/refusal_parts.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::wire {

namespace gemini {

namespace json = boost::json;

namespace {

struct StatusWord {
    int status;
    const char* word;
};
/// google.rpc.Code for the statuses that are in use here.
constexpr std::array statusWords{
    StatusWord{400, "INVALID_ARGUMENT"},
    StatusWord{401, "UNAUTHENTICATED"},
    StatusWord{402, "FAILED_PRECONDITION"},
    StatusWord{403, "PERMISSION_DENIED"},
    StatusWord{404, "NOT_FOUND"},
    StatusWord{405, "UNIMPLEMENTED"},
    StatusWord{408, "DEADLINE_EXCEEDED"},
    StatusWord{409, "ABORTED"},
    StatusWord{413, "INVALID_ARGUMENT"},
    StatusWord{415, "INVALID_ARGUMENT"},
    StatusWord{421, "INVALID_ARGUMENT"},
    StatusWord{429, "RESOURCE_EXHAUSTED"},
    StatusWord{499, "CANCELLED"},
    StatusWord{500, "INTERNAL"},
    StatusWord{501, "UNIMPLEMENTED"},
    StatusWord{502, "UNAVAILABLE"},
    StatusWord{503, "UNAVAILABLE"},
    StatusWord{504, "DEADLINE_EXCEEDED"},
    StatusWord{529, "UNAVAILABLE"},
};

std::string wordOf(int status)
{
    const auto found = std::find_if(statusWords.begin(), statusWords.end(),
        [status](const StatusWord& entry) { return entry.status == status; });
    if (found != statusWords.end()) {
        return found->word;
    }
    constexpr int serverErrors = 500;
    return status >= serverErrors ? "INTERNAL" : "INVALID_ARGUMENT";
}

json::object errorBody(int status, std::string_view word, std::string_view message)
{
    json::object error;
    error["code"] = status;
    error["message"] = std::string(message);
    error["status"] = std::string(word);
    json::object body;
    body["error"] = std::move(error);
    return body;
}

/// Google's own clients look for these two kinds of details.
json::array detailsOf(const RefusalParts& parts)
{
    json::array details;
    json::object info;
    info["@type"] = "type.googleapis.com/google.rpc.ErrorInfo";
    info["reason"] = parts.code;
    info["domain"] = "headgate";
    if (!parts.details.empty()) {
        info["metadata"] = parts.details;
    }
    details.push_back(std::move(info));
    for (const auto& [name, value] : parts.headers) {
        if (name == "retry-after") {
            json::object retry;
            retry["@type"] = "type.googleapis.com/google.rpc.RetryInfo";
            retry["retryDelay"] = value + "s";
            details.push_back(std::move(retry));
        }
    }
    return details;
}

/// These clients repeat a request after 402 and 429; 400 stops them at once.
bool mustStop(RefusalKind kind)
{
    return kind == RefusalKind::BudgetExceeded || kind == RefusalKind::LoopDetected;
}

} // namespace

RefusalReply refusalReply(const Refusal& refusal)
{
    RefusalParts parts = refusalParts(refusal);
    RefusalReply reply;
    constexpr int badRequest = 400;
    reply.status = mustStop(refusal.kind) ? badRequest : parts.status;
    const std::string word
        = mustStop(refusal.kind) ? std::string("FAILED_PRECONDITION") : wordOf(parts.status);
    json::object body = errorBody(reply.status, word, parts.message);
    body["error"].as_object()["details"] = detailsOf(parts);
    reply.body = json::serialize(body);
    reply.headers = std::move(parts.headers);
    return reply;
}

namespace {

/// Files that Google keeps or fetches are billed by what is in them, which nobody here sees.
std::string heldFile(const std::vector<Part>& parts)
{
    for (const Part& part : parts) {
        const bool held
            = part.data.empty() && part.text.empty() && (!part.url.empty() || !part.fileId.empty());
        if (held) {
            return part.url.empty() ? part.fileId : part.url;
        }
        std::string inside = heldFile(part.content);
        if (!inside.empty()) {
            return inside;
        }
    }
    return {};
}

std::string heldContextOf(const Conversation& conversation, const json::object& root)
{
    const json::value* cached = fieldsOf(root).peek("cachedContent");
    if (cached != nullptr && !cached->is_null()) {
        const std::string name = dom::text(*cached).value_or(std::string());
        return name.empty() ? "cachedContent" : name;
    }
    for (const Turn& turn : conversation.turns) {
        std::string file = heldFile(turn.parts);
        if (!file.empty()) {
            return file;
        }
    }
    return {};
}

/// Where the client wrote the ceiling, or would.
std::string ceilingPathOf(const json::object& root)
{
    const dom::Fields fields = fieldsOf(root);
    const std::string config = fields.spelled("generationConfig");
    if (config.empty()) {
        return "generationConfig.maxOutputTokens";
    }
    std::string field;
    if (const json::object* object = dom::objectAt(root, config)) {
        field = fieldsOf(*object).spelled("maxOutputTokens");
    }
    return config + "." + (field.empty() ? "maxOutputTokens" : field);
}

Error twoSpellings(std::string_view name)
{
    return Error(ErrorCode::InvalidArgument,
        "The request gives " + std::string(name) + " in two spellings.", "Send it once.");
}

Result<void> checkSpellings(const json::object& root)
{
    for (const char* name : {"generationConfig", "cachedContent", "systemInstruction"}) {
        if (dom::find(root, name) != nullptr && dom::find(root, dom::snakeCase(name)) != nullptr) {
            return twoSpellings(name);
        }
    }
    const json::value* config = fieldsOf(root).peek("generationConfig");
    const json::object* object = config != nullptr ? config->if_object() : nullptr;
    for (const char* name : {"maxOutputTokens", "candidateCount"}) {
        if (object != nullptr && dom::find(*object, name) != nullptr
            && dom::find(*object, dom::snakeCase(name)) != nullptr) {
            return twoSpellings(name);
        }
    }
    return {};
}

Result<RequestView> viewOfRoot(const json::object& root, const RequestPath& path)
{
    if (Result<void> checked = checkSpellings(root); !checked) {
        return checked.error();
    }
    const Result<Conversation> conversation = readRequest(root, path);
    if (!conversation) {
        return conversation.error();
    }
    RequestView view = viewOf(*conversation);
    view.ceilingPath = ceilingPathOf(root);
    view.heldContext = heldContextOf(*conversation, root);
    return view;
}

} // namespace

} // namespace gemini

namespace {

namespace json = boost::json;

class GeminiCodec final : public Codec {
public:
    [[nodiscard]] Dialect dialect() const override { return Dialect::Gemini; }
    [[nodiscard]] const char* streamType() const override
    {
        return "text/event-stream; charset=utf-8";
    }
    [[nodiscard]] Result<RequestView> readView(
        std::string_view body, const RequestPath& path) const override
    {
        if (Result<void> checked = checkBody(body); !checked) {
            return checked.error();
        }
        const Result<json::object> root = dom::parseObject(body, "The body");
        if (!root) {
            return root.error();
        }
        return gemini::viewOfRoot(*root, path);
    }
    [[nodiscard]] Result<std::string> edit(
        std::string_view body, const RequestView& view, const RequestEdits& edits) const override
    {
        // The path names the model; a body that names one, too, could name another.
        std::vector<FieldEdit> fields{{"model", std::nullopt}};
        if (edits.outputCeiling) {
            fields.push_back(
                {view.ceilingPath.empty() ? "generationConfig.maxOutputTokens" : view.ceilingPath,
                    std::to_string(*edits.outputCeiling)});
        }
        return editBody(body, fields);
    }
    [[nodiscard]] Result<Conversation> readRequest(
        std::string_view body, const RequestPath& path) const override
    {
        return gemini::readRequest(body, path);
    }
    [[nodiscard]] Result<std::string> writeRequest(const Conversation& conversation,
        const WriteOptions& options, Losses& losses) const override
    {
        return gemini::writeRequest(conversation, options, losses);
    }
    [[nodiscard]] Result<Answer> readAnswer(std::string_view body) const override
    {
        return gemini::readAnswer(body);
    }
    [[nodiscard]] std::string writeAnswer(
        const Answer& answer, const AnswerContext& context) const override
    {
        return gemini::writeAnswer(answer, context);
    }
    [[nodiscard]] std::unique_ptr<EventReader> eventReader() const override
    {
        return gemini::eventReader();
    }
    [[nodiscard]] std::unique_ptr<EventWriter> eventWriter(
        const AnswerContext& context) const override
    {
        return gemini::eventWriter(context);
    }
    [[nodiscard]] RefusalReply writeRefusal(const Refusal& refusal) const override
    {
        return gemini::refusalReply(refusal);
    }
    [[nodiscard]] std::string writeStreamError(const Refusal& refusal) const override
    {
        return "data: " + gemini::refusalReply(refusal).body + "\r\n\r\n";
    }
    [[nodiscard]] ErrorText readError(std::string_view body) const override;
    [[nodiscard]] std::string writeError(int status, const ErrorText& error) const override
    {
        return json::serialize(
            gemini::errorBody(status, gemini::wordOf(status), cleanText(error.message)));
    }
};

ErrorText GeminiCodec::readError(std::string_view body) const
{
    ErrorText text;
    Result<json::value> value = dom::parse(body, "The body");
    if (value && value->is_array() && !value->get_array().empty()) {
        value = json::value(value->get_array().front()); // streams without alt=sse
    }
    const json::object* root = value ? value->if_object() : nullptr;
    const json::object* error = root != nullptr ? dom::objectAt(*root, "error") : nullptr;
    if (error == nullptr) {
        text.message = cleanText(body);
        return text;
    }
    text.message = cleanText(std::string(dom::stringAt(*error, "message")));
    text.type = std::string(dom::stringAt(*error, "status"));
    if (const json::array* details = dom::arrayAt(*error, "details")) {
        for (const json::value& detail : *details) {
            const json::object* object = detail.if_object();
            if (object != nullptr && text.code.empty()) {
                text.code = std::string(dom::stringAt(*object, "reason")); // of an ErrorInfo
            }
        }
    }
    return text;
}

json::object modelObject(const GeminiModel& model)
{
    json::object out;
    out["name"] = "models/" + model.id;
    out["displayName"] = model.displayName.empty() ? model.id : model.displayName;
    if (!model.description.empty()) {
        out["description"] = model.description;
    }
    if (model.inputTokenLimit > 0) {
        out["inputTokenLimit"] = model.inputTokenLimit;
    }
    if (model.outputTokenLimit > 0) {
        out["outputTokenLimit"] = model.outputTokenLimit;
    }
    out["supportedGenerationMethods"]
        = json::array{"generateContent", "streamGenerateContent", "countTokens"};
    return out;
}

} // namespace

Result<RequestView> readGeminiCountTokens(std::string_view body, const RequestPath& path)
{
    const Result<json::object> root = dom::parseObject(body, "The body");
    if (!root) {
        return root.error();
    }
    const json::value* inner = gemini::fieldsOf(*root).peek("generateContentRequest");
    const json::object* request = inner != nullptr ? inner->if_object() : nullptr;
    return gemini::viewOfRoot(request != nullptr ? *request : *root, path);
}

std::string writeGeminiTokenCount(std::int64_t tokens)
{
    return json::serialize(json::object{{"totalTokens", tokens}});
}

std::string writeGeminiModels(const std::vector<GeminiModel>& models)
{
    json::array list;
    for (const GeminiModel& model : models) {
        list.push_back(modelObject(model));
    }
    return json::serialize(json::object{{"models", std::move(list)}});
}

std::string writeGeminiModel(const GeminiModel& model)
{
    return json::serialize(modelObject(model));
}

const Codec& geminiCodec()
{
    static const GeminiCodec codec;
    return codec;
}

} // namespace headgate::wire
