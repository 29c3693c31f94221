// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/gemini_parts.h"

#include "core/catalog/price_book.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::wire::gemini {

namespace json = boost::json;

namespace {

void setNative(Part& part, json::object rest)
{
    if (!rest.empty()) {
        part.native = {Dialect::Gemini, std::move(rest)};
    }
}

Part::Kind mediaKind(std::string_view mime)
{
    if (mime.starts_with("image/")) {
        return Part::Kind::Image;
    }
    return mime.starts_with("audio/") ? Part::Kind::Audio : Part::Kind::File;
}

/// Fields that say what a part is; a part with none or several of them is kept whole.
constexpr std::array<std::string_view, 9> dataFields{"text", "inlineData", "fileData",
    "functionCall", "functionResponse", "executableCode", "codeExecutionResult", "toolCall",
    "toolResponse"};

std::string dataFieldOf(const dom::Fields& fields)
{
    std::string found;
    for (const std::string_view name : dataFields) {
        if (!fields.spelled(name).empty()) {
            if (!found.empty()) {
                return {};
            }
            found = name;
        }
    }
    return found;
}

Part nativePart(const json::object& object)
{
    Part part;
    part.kind = Part::Kind::Native;
    part.native = {Dialect::Gemini, object};
    return part;
}

void addInner(json::object& rest, std::string_view name, json::object inner)
{
    if (!inner.empty()) {
        rest[{name.data(), name.size()}] = std::move(inner);
    }
}

void readMedia(Part& part, dom::Fields& fields, std::string_view field, json::object& innerRest)
{
    dom::Fields inner = fieldsOf(*fields.takeObject(field));
    part.mime = inner.takeText("mimeType").value_or(std::string());
    part.fileName = inner.takeText("displayName").value_or(std::string());
    part.kind = mediaKind(part.mime);
    if (field == "inlineData") {
        part.data = inner.takeText("data").value_or(std::string());
    } else {
        std::string uri = inner.takeText("fileUri").value_or(std::string());
        // Only Google can read what its Files API keeps.
        const bool kept = uri.find("/v1beta/files/") != std::string::npos
            || uri.find("://") == std::string::npos;
        (kept ? part.fileId : part.url) = std::move(uri);
    }
    innerRest = inner.rest();
}

void readCall(Part& part, dom::Fields& fields, CallIds& ids, json::object& innerRest)
{
    dom::Fields inner = fieldsOf(*fields.takeObject("functionCall"));
    part.kind = Part::Kind::ToolCall;
    part.name = inner.takeText("name").value_or(std::string());
    part.id = ids.ofCall(part.name, inner.takeText("id").value_or(std::string()));
    const json::object* args = inner.takeObject("args");
    part.arguments = args != nullptr ? json::serialize(*args) : "{}";
    innerRest = inner.rest();
}

/// The text of a response object: Google's own conventions are "result", "output" and "error".
void readResponse(Part& part, const json::object& response)
{
    Part text;
    if (response.size() == 1) {
        const auto& only = *response.begin();
        const std::string_view key(only.key().data(), only.key().size());
        const std::optional<std::string> value = dom::text(only.value());
        if (value && (key == "result" || key == "output" || key == "error")) {
            text.text = *value;
            part.isError = key == "error";
            part.content.push_back(std::move(text));
            return;
        }
    }
    text.text = json::serialize(response);
    part.content.push_back(std::move(text));
}

void readResult(Part& part, dom::Fields& fields, CallIds& ids, json::object& innerRest)
{
    dom::Fields inner = fieldsOf(*fields.takeObject("functionResponse"));
    part.kind = Part::Kind::ToolResult;
    part.name = inner.takeText("name").value_or(std::string());
    part.id = ids.ofResult(part.name, inner.takeText("id").value_or(std::string()));
    const json::value* response = inner.peek("response");
    if (const json::object* object = response != nullptr ? response->if_object() : nullptr) {
        readResponse(part, *object);
    }
    if (const json::value* parts = inner.take("parts")) {
        for (const json::object* entry : objectsOf(*parts)) {
            part.content.push_back(readPart(*entry, ids));
        }
    }
    innerRest = inner.rest(); // with the response as it came
}

/// Google wants a type where other protocols give an address or nothing.
std::string mimeOf(const Part& part)
{
    if (!part.mime.empty()) {
        return part.mime;
    }
    struct Ending {
        std::string_view text;
        const char* mime;
    };
    constexpr std::array endings{Ending{".png", "image/png"}, Ending{".jpg", "image/jpeg"},
        Ending{".jpeg", "image/jpeg"}, Ending{".webp", "image/webp"}, Ending{".gif", "image/gif"},
        Ending{".heic", "image/heic"}, Ending{".pdf", "application/pdf"},
        Ending{".txt", "text/plain"}, Ending{".mp3", "audio/mpeg"}, Ending{".wav", "audio/wav"},
        Ending{".mp4", "video/mp4"}};
    const std::string_view name = part.url.empty() ? part.fileName : part.url;
    const std::string_view path = name.substr(0, name.find_first_of("?#"));
    for (const Ending& ending : endings) {
        if (path.size() > ending.text.size()
            && path.substr(path.size() - ending.text.size()) == ending.text) {
            return ending.mime;
        }
    }
    const char* const usual = part.kind == Part::Kind::Audio ? "audio/wav" : "application/pdf";
    return part.kind == Part::Kind::Image ? "image/jpeg" : usual;
}

json::object mediaOf(const Part& part)
{
    json::object media;
    if (!part.data.empty()) {
        media["mimeType"] = mimeOf(part);
        media["data"] = part.data;
        if (!part.fileName.empty() && part.native.of(Dialect::Gemini) != nullptr) {
            media["displayName"] = part.fileName;
        }
        return json::object{{"inlineData", std::move(media)}};
    }
    // What Google itself keeps has a type already, and its own clients may leave it out.
    const bool guess = !part.url.empty() && part.native.of(Dialect::Gemini) == nullptr;
    if (!part.mime.empty() || guess) {
        media["mimeType"] = mimeOf(part);
    }
    media["fileUri"] = part.url.empty() ? part.fileId : part.url;
    if (!part.fileName.empty() && part.native.of(Dialect::Gemini) != nullptr) {
        media["displayName"] = part.fileName;
    }
    return json::object{{"fileData", std::move(media)}};
}

json::object textObject(std::string_view text)
{
    return json::object{{"text", std::string(text)}};
}

/// Names of files belong to the provider that keeps them, and what is no URL nobody can fetch.
bool foreignFile(const Part& part)
{
    if (!part.data.empty()) {
        return false;
    }
    return part.url.empty()
        ? part.fileId.find("/files/") == std::string::npos && !part.fileId.starts_with("files/")
        : part.url.find("://") == std::string::npos;
}

json::value writeMedia(const Part& part, Losses& losses)
{
    if (!foreignFile(part)) {
        return mediaOf(part);
    }
    if (!part.text.empty()) {
        return textObject(part.text); // a transcript or a plain document
    }
    addLoss(losses,
        part.fileId.empty() ? "an image, audio or file without content or a URL to fetch it from"
                            : "a file that only its own provider can read (file id)");
    return nullptr;
}

json::value writeCall(const Part& part)
{
    json::object call;
    if (!part.id.empty() && !part.id.starts_with(madeUpIdPrefix)) {
        call["id"] = part.id;
    }
    call["name"] = part.name;
    call["args"] = argumentsOf(part);
    return json::object{{"functionCall", std::move(call)}};
}

json::value writeResult(const Part& part, Losses& losses)
{
    json::object result;
    if (!part.id.empty() && !part.id.starts_with(madeUpIdPrefix)) {
        result["id"] = part.id;
    }
    result["name"] = part.name;
    const json::value* native = part.native.of(Dialect::Gemini);
    const json::object* root = native != nullptr ? native->if_object() : nullptr;
    const json::object* kept = root != nullptr ? dom::objectAt(*root, "functionResponse") : nullptr;
    if (kept == nullptr || dom::find(*kept, "response") == nullptr) {
        result["response"] = responseOf(part);
    }
    json::array media;
    for (const Part& entry : part.content) {
        if (entry.kind != Part::Kind::Text && entry.kind != Part::Kind::Refusal) {
            json::value written = writePart(entry, losses);
            if (!written.is_null()) {
                media.push_back(std::move(written));
            }
        }
    }
    if (!media.empty()) {
        result["parts"] = std::move(media);
    }
    return json::object{{"functionResponse", std::move(result)}};
}

json::value writeThinking(const Part& part, Losses& losses)
{
    const bool ours = part.native.of(Dialect::Gemini) != nullptr
        || (part.signedBy == Dialect::Gemini && !part.redacted);
    if (!ours) {
        addLoss(losses, "thinking of another provider (Gemini reads only what it signed)");
        return nullptr;
    }
    json::object object = textObject(part.text);
    object["thought"] = true;
    return object;
}

json::value writeByKind(const Part& part, Losses& losses)
{
    switch (part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
        return textObject(part.text);
    case Part::Kind::Thinking:
        return writeThinking(part, losses);
    case Part::Kind::Image:
    case Part::Kind::Audio:
    case Part::Kind::File:
        return writeMedia(part, losses);
    case Part::Kind::ToolCall:
        return writeCall(part);
    case Part::Kind::ToolResult:
        return writeResult(part, losses);
    case Part::Kind::Native:
        break;
    }
    if (const json::value* whole = part.native.of(Dialect::Gemini)) {
        return *whole;
    }
    addLoss(
        losses, std::string("content that only ") + dialectName(part.native.dialect) + " knows");
    return nullptr;
}

/// Our own chat answers give the signature of a call so; Google's chat endpoint has a form, too.
std::string chatSignature(const Part& call)
{
    const json::value* native = call.native.of(Dialect::Chat);
    const json::object* root = native != nullptr ? native->if_object() : nullptr;
    const json::object* extra = root != nullptr ? dom::objectAt(*root, "extra_content") : nullptr;
    if (extra == nullptr) {
        return {};
    }
    if (const json::object* ours = dom::objectAt(*extra, "headgate")) {
        return std::string(dom::stringAt(*ours, "gemini"));
    }
    const json::object* google = dom::objectAt(*extra, "google");
    return google != nullptr ? std::string(dom::stringAt(*google, "thought_signature"))
                             : std::string();
}

/// How Google and OpenAI name the pieces of a log probability.
json::object chatToken(const json::object& candidate)
{
    json::object out;
    const std::string token = std::string(dom::stringAt(candidate, "token"));
    out["token"] = token;
    const json::value* logprob = dom::find(candidate, "logProbability");
    out["logprob"] = logprob != nullptr ? *logprob : json::value(0);
    json::array bytes;
    for (const char c : token) {
        bytes.emplace_back(static_cast<std::int64_t>(static_cast<unsigned char>(c)));
    }
    out["bytes"] = std::move(bytes);
    return out;
}

json::object googleToken(const json::object& token)
{
    json::object out;
    out["token"] = std::string(dom::stringAt(token, "token"));
    const json::value* logprob = dom::find(token, "logprob");
    out["logProbability"] = logprob != nullptr ? *logprob : json::value(0);
    return out;
}

} // namespace

dom::Fields fieldsOf(const json::object& object)
{
    return dom::Fields(object, dom::Fields::Spelling::SnakeToo);
}

std::vector<const json::object*> objectsOf(const json::value& value)
{
    std::vector<const json::object*> out;
    if (const json::object* one = value.if_object()) {
        out.push_back(one);
    } else if (const json::array* array = value.if_array()) {
        for (const json::value& entry : *array) {
            if (const json::object* object = entry.if_object()) {
                out.push_back(object);
            }
        }
    }
    return out;
}

int generationOf(std::string_view model)
{
    constexpr std::string_view family = "gemini-";
    const std::size_t at = model.find(family);
    if (at == std::string_view::npos || at + family.size() >= model.size()) {
        return 0;
    }
    const char digit = model[at + family.size()];
    return digit >= '0' && digit <= '9' ? digit - '0' : 0;
}

std::string plainModel(std::string_view name)
{
    constexpr std::string_view prefix = "models/";
    return std::string(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
}

Part readPart(const json::object& object, CallIds& ids)
{
    dom::Fields fields = fieldsOf(object);
    const std::string field = dataFieldOf(fields);
    const json::value* data = field.empty() ? nullptr : fields.peek(field);
    Part part;
    json::object innerRest;
    const bool signatureAlone = field.empty() && !fields.spelled("thoughtSignature").empty();
    if (field == "text" && data->is_string()) {
        part.text = fields.takeText("text").value_or(std::string());
    } else if ((field == "inlineData" || field == "fileData") && data->is_object()) {
        readMedia(part, fields, field, innerRest);
    } else if (field == "functionCall" && data->is_object()) {
        readCall(part, fields, ids, innerRest);
    } else if (field == "functionResponse" && data->is_object()) {
        readResult(part, fields, ids, innerRest);
    } else if (!signatureAlone) {
        return nativePart(object);
    }
    if (part.kind == Part::Kind::Text && fields.takeBoolean("thought").value_or(false)) {
        part.kind = Part::Kind::Thinking;
        part.signedBy = Dialect::Gemini;
    }
    part.signature = fields.takeText("thoughtSignature").value_or(std::string());
    if (!part.signature.empty()) {
        part.signedBy = Dialect::Gemini;
    }
    json::object rest = fields.rest();
    if (field == "fileData" && part.mime.empty() && innerRest.empty()) {
        rest["fileData"] = json::object(); // so that no type is guessed for it
    }
    addInner(rest, field, std::move(innerRest));
    setNative(part, std::move(rest));
    return part;
}

json::value writePart(const Part& part, Losses& losses)
{
    json::value written = writeByKind(part, losses);
    json::object* object = written.if_object();
    if (object == nullptr || part.kind == Part::Kind::Native) {
        return written;
    }
    if (!part.signature.empty() && part.signedBy == Dialect::Gemini) {
        (*object)["thoughtSignature"] = part.signature;
    }
    if (const json::value* native = part.native.of(Dialect::Gemini)) {
        if (const json::object* more = native->if_object()) {
            dom::mergeMissing(*object, *more);
        }
    }
    if (part.cacheControl) {
        addLoss(losses, "cache control (Gemini caches by itself)");
    }
    return written;
}

std::optional<Part> sealOf(const Part& call)
{
    const bool sealed = call.kind == Part::Kind::ToolCall && !call.signature.empty()
        && call.signedBy == Dialect::Gemini;
    if (!sealed) {
        return std::nullopt;
    }
    Part part;
    part.kind = Part::Kind::Thinking;
    part.signature = call.signature;
    part.signedBy = Dialect::Gemini;
    return part;
}

void appendWithSeal(std::vector<Part>& parts, Part call)
{
    if (std::optional<Part> seal = sealOf(call)) {
        const bool thought = !parts.empty() && parts.back().kind == Part::Kind::Thinking
            && parts.back().signature.empty();
        if (thought) {
            parts.back().signature = std::move(seal->signature);
        } else {
            parts.push_back(std::move(*seal));
        }
    }
    parts.push_back(std::move(call));
}

std::vector<Part> withoutSeals(const std::vector<Part>& parts, Thoughts thoughts)
{
    std::vector<Part> out;
    for (const Part& part : parts) {
        Part copy = part;
        Part* before = out.empty() ? nullptr : &out.back();
        const bool after = part.kind == Part::Kind::ToolCall && before != nullptr
            && before->kind == Part::Kind::Thinking && before->signedBy == Dialect::Gemini
            && !before->signature.empty();
        if (part.kind == Part::Kind::ToolCall && part.signature.empty()) {
            copy.signature = after ? before->signature : chatSignature(part);
            copy.signedBy = Dialect::Gemini;
        }
        if (after && copy.signature == before->signature) {
            before->signature.clear();
            if (before->text.empty() || thoughts == Thoughts::Drop) {
                out.pop_back();
            }
        }
        out.push_back(std::move(copy));
    }
    return out;
}

json::object responseOf(const Part& result)
{
    std::string text;
    for (const Part& part : result.content) {
        if (part.kind == Part::Kind::Text || part.kind == Part::Kind::Refusal) {
            text += text.empty() ? part.text : "\n" + part.text;
        }
    }
    if (!result.isError) {
        if (Result<json::object> object = dom::parseObject(text, "The result")) {
            return std::move(*object);
        }
    }
    return json::object{{result.isError ? "error" : "result", text}};
}

json::object argumentsOf(const Part& call)
{
    if (!call.custom) {
        if (call.arguments.empty()) {
            return {};
        }
        if (Result<json::object> object = dom::parseObject(call.arguments, "The arguments")) {
            return std::move(*object);
        }
    }
    return json::object{{"input", call.arguments}};
}

StopReason stopOf(std::string_view finishReason, bool calledTools)
{
    if (finishReason == "STOP") {
        return calledTools ? StopReason::ToolCall : StopReason::End;
    }
    if (finishReason == "MAX_TOKENS") {
        return StopReason::Length;
    }
    constexpr std::array<std::string_view, 9> declined{"SAFETY", "RECITATION", "BLOCKLIST",
        "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION", "MODEL_ARMOR"};
    if (std::find(declined.begin(), declined.end(), finishReason) != declined.end()) {
        return StopReason::Refusal;
    }
    // Gateways that speak this dialect have words of their own for a call ("FUNCTION_CALL").
    return calledTools && finishReason != "MALFORMED_FUNCTION_CALL" ? StopReason::ToolCall
                                                                    : StopReason::Other;
}

std::string finishReasonOf(StopReason stop, std::string_view stopText)
{
    switch (stop) {
    case StopReason::Length:
        return "MAX_TOKENS";
    case StopReason::Refusal:
        return stopOf(stopText, false) == StopReason::Refusal ? std::string(stopText) : "SAFETY";
    case StopReason::Other: {
        const bool googleWord = !stopText.empty()
            && std::all_of(stopText.begin(), stopText.end(),
                [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
        return googleWord ? std::string(stopText) : "OTHER";
    }
    case StopReason::None:
    case StopReason::End:
    case StopReason::StopSequence:
    case StopReason::ToolCall:
    case StopReason::Pause:
        break;
    }
    return "STOP";
}

json::value toChatLogprobs(const json::object& logprobsResult)
{
    const json::array* chosen = dom::arrayAt(logprobsResult, "chosenCandidates");
    if (chosen == nullptr) {
        return nullptr;
    }
    const json::array* tops = dom::arrayAt(logprobsResult, "topCandidates");
    json::array out;
    for (std::size_t i = 0; i < chosen->size(); ++i) {
        const json::object* candidate = (*chosen)[i].if_object();
        if (candidate == nullptr) {
            continue;
        }
        json::object token = chatToken(*candidate);
        json::array top;
        const json::object* entry
            = tops != nullptr && i < tops->size() ? (*tops)[i].if_object() : nullptr;
        const json::array* others = entry != nullptr ? dom::arrayAt(*entry, "candidates") : nullptr;
        for (std::size_t j = 0; others != nullptr && j < others->size(); ++j) {
            if (const json::object* other = (*others)[j].if_object()) {
                top.push_back(chatToken(*other));
            }
        }
        token["top_logprobs"] = std::move(top);
        out.push_back(std::move(token));
    }
    return out;
}

json::object fromChatLogprobs(const json::array& logprobs)
{
    json::array chosen;
    json::array tops;
    for (const json::value& value : logprobs) {
        const json::object* token = value.if_object();
        if (token == nullptr) {
            continue;
        }
        chosen.push_back(googleToken(*token));
        json::array candidates;
        if (const json::array* others = dom::arrayAt(*token, "top_logprobs")) {
            for (const json::value& other : *others) {
                if (const json::object* object = other.if_object()) {
                    candidates.push_back(googleToken(*object));
                }
            }
        }
        tops.push_back(json::object{{"candidates", std::move(candidates)}});
    }
    return json::object{
        {"topCandidates", std::move(tops)}, {"chosenCandidates", std::move(chosen)}};
}

std::optional<catalog::Usage> readUsage(const json::object& root)
{
    const dom::Fields fields = fieldsOf(root);
    const json::value* value = fields.peek("usageMetadata");
    const json::object* object = value != nullptr ? value->if_object() : nullptr;
    if (object == nullptr) {
        return std::nullopt;
    }
    // Mid-stream chunks of Vertex carry only trafficType: that is no usage yet.
    Result<catalog::Usage> usage = catalog::usageFromRaw("google", "", json::serialize(*object));
    return usage ? std::optional(*usage) : std::nullopt;
}

json::object writeUsage(const catalog::Usage& usage)
{
    json::object out;
    const std::int64_t thoughts = std::min(usage.reasoning, usage.output);
    out["promptTokenCount"] = usage.inputTotal();
    out["candidatesTokenCount"] = usage.output - thoughts;
    out["totalTokenCount"] = usage.inputTotal() + usage.output;
    if (usage.cacheRead > 0) {
        out["cachedContentTokenCount"] = usage.cacheRead;
    }
    if (thoughts > 0) {
        out["thoughtsTokenCount"] = thoughts;
    }
    if (usage.inputAudio > 0) {
        json::object audio{{"modality", "AUDIO"}, {"tokenCount", usage.inputAudio}};
        out["promptTokensDetails"] = json::array{std::move(audio)};
    }
    if (usage.outputAudio > 0) {
        json::object audio{{"modality", "AUDIO"}, {"tokenCount", usage.outputAudio}};
        out["candidatesTokensDetails"] = json::array{std::move(audio)};
    }
    if (!usage.serviceTier.empty()) {
        out["serviceTier"] = usage.serviceTier;
    }
    return out;
}

std::int64_t searchesOf(const json::object& candidate, std::string_view model)
{
    const dom::Fields fields = fieldsOf(candidate);
    const json::value* value = fields.peek("groundingMetadata");
    const json::object* grounding = value != nullptr ? value->if_object() : nullptr;
    const json::array* queries
        = grounding != nullptr ? dom::arrayAt(*grounding, "webSearchQueries") : nullptr;
    if (queries == nullptr || queries->empty()) {
        return 0;
    }
    constexpr int billedPerQuery = 3;
    const int generation = generationOf(model);
    const bool perPrompt = generation > 0 && generation < billedPerQuery;
    return perPrompt ? 1 : static_cast<std::int64_t>(queries->size());
}

} // namespace headgate::wire::gemini
