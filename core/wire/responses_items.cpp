// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include "core/wire/data_url.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace headgate::wire::responses {

namespace {

constexpr std::string_view sealPrefix = "headgate.";
constexpr std::string_view redactedSeal = "redacted.";

bool isText(std::string_view type)
{
    return type == "input_text" || type == "output_text" || type == "text" || type == "summary_text"
        || type == "reasoning_text";
}

std::string audioFormat(const std::string& mime)
{
    if (mime == "audio/mpeg" || mime == "audio/mp3") {
        return "mp3";
    }
    const std::size_t slash = mime.find('/');
    const std::string format = slash == std::string::npos ? mime : mime.substr(slash + 1);
    return format == "x-wav" || format == "wave" || format.empty() ? "wav" : format;
}

std::string audioMime(const std::string& format)
{
    return "audio/" + (format == "mp3" ? std::string("mpeg") : format);
}

void readImage(const json::object& content, Part& part)
{
    part.kind = Part::Kind::Image;
    const std::string url = stringAt(content, "image_url");
    if (!takeDataUrl(part, url)) {
        part.url = url;
    }
    part.fileId = stringAt(content, "file_id");
    part.detail = stringAt(content, "detail");
    part.native = nativeFrom(without(content, {"type", "image_url", "file_id", "detail"}));
}

void readFile(const json::object& content, Part& part)
{
    part.kind = Part::Kind::File;
    const std::string data = stringAt(content, "file_data");
    if (!takeDataUrl(part, data)) {
        part.data = data;
    }
    part.url = stringAt(content, "file_url");
    part.fileId = stringAt(content, "file_id");
    part.fileName = stringAt(content, "filename");
    part.detail = stringAt(content, "detail");
    part.native = nativeFrom(
        without(content, {"type", "file_data", "file_url", "file_id", "filename", "detail"}));
}

bool readAudio(const json::object& content, Part& part)
{
    const json::object* audio = objectAt(content, "input_audio");
    if (audio == nullptr) {
        return false;
    }
    part.kind = Part::Kind::Audio;
    part.data = stringAt(*audio, "data");
    part.mime = audioMime(stringAt(*audio, "format"));
    part.native = nativeFrom(without(content, {"type", "input_audio"}));
    return true;
}

std::string joinedTexts(const json::array* list)
{
    std::string text;
    for (const json::value& entry : list != nullptr ? *list : json::array()) {
        if (const json::object* object = entry.if_object()) {
            const std::string piece = stringAt(*object, "text");
            text += (text.empty() || piece.empty() ? "" : "\n\n") + piece;
        }
    }
    return text;
}

void note(Part& part, std::string_view key, json::value value)
{
    json::object fields;
    if (const json::object* own = nativeOf(part.native)) {
        fields = *own;
    }
    fields[key] = std::move(value);
    part.native = nativeFrom(std::move(fields));
}

std::vector<Part> partsOfMessage(const json::object& item)
{
    const json::value* content = find(item, "content");
    std::vector<Part> parts;
    if (content != nullptr) {
        parts = partsOfContent(*content, true);
    }
    if (parts.empty()) {
        Part whole;
        whole.kind = Part::Kind::Native;
        whole.native = nativeFrom(item);
        parts.push_back(std::move(whole));
        return parts;
    }
    json::object fields = without(item, {"role", "content"});
    if (content->is_string()) {
        fields[stringNote] = true;
    }
    for (Part& part : parts) {
        if (part.kind == Part::Kind::Native) {
            note(part, contentNote, true);
        }
    }
    note(parts.front(), messageNote, std::move(fields));
    return parts;
}

json::object textContent(const Part& part, bool ofAssistant)
{
    json::object out;
    if (part.kind == Part::Kind::Refusal) {
        out["type"] = "refusal";
        out["refusal"] = part.text;
        return out;
    }
    out["type"] = ofAssistant ? "output_text" : "input_text";
    out["text"] = part.text;
    return out;
}

json::value imageContent(const Part& part)
{
    json::object out;
    out["type"] = "input_image";
    if (!part.detail.empty()) {
        out["detail"] = part.detail;
    }
    if (!part.fileId.empty()) {
        out["file_id"] = part.fileId;
    } else {
        out["image_url"] = part.data.empty() ? part.url : dataUrl(part, "image/png");
    }
    return out;
}

json::value fileContent(const Part& part)
{
    json::object out;
    const bool held = !part.data.empty() || !part.url.empty() || !part.fileId.empty();
    if (!held && !part.text.empty()) { // a document that is plain text
        out["type"] = "input_text";
        out["text"] = part.text;
        return out;
    }
    out["type"] = "input_file";
    if (!part.detail.empty()) {
        out["detail"] = part.detail;
    }
    if (!part.fileName.empty()) {
        out["filename"] = part.fileName;
    }
    if (!part.fileId.empty()) {
        out["file_id"] = part.fileId;
    }
    if (!part.data.empty()) {
        out["file_data"] = part.mime.empty() ? part.data : dataUrl(part, "application/pdf");
        if (part.fileName.empty() && nativeOf(part.native) == nullptr) {
            out["filename"] = part.mime == "application/pdf" ? "document.pdf" : "document";
        }
    }
    if (!part.url.empty()) {
        out["file_url"] = part.url;
    }
    return out;
}

json::value audioContent(const Part& part)
{
    json::object audio;
    audio["data"] = part.data;
    audio["format"] = audioFormat(part.mime);
    json::object out;
    out["type"] = "input_audio";
    out["input_audio"] = std::move(audio);
    return out;
}

json::value reasoningItem(const Part& part, Losses& losses)
{
    const json::object* own = nativeOf(part.native);
    const bool sealed = own != nullptr && trueAt(*own, sealedNote);
    if (sealed || (!part.signature.empty() && part.signedBy != Dialect::Responses)) {
        losses.emplace_back("Thinking signed by another provider is not sent to responses.");
        return nullptr;
    }
    if (own == nullptr && part.signature.empty()) {
        if (!part.text.empty()) {
            losses.emplace_back("Thinking without a signature is not sent to responses.");
        }
        return nullptr;
    }
    json::object out;
    out["type"] = "reasoning";
    if (own != nullptr) {
        addMissing(out, *own);
    } else {
        json::array summary;
        if (!part.text.empty()) {
            summary.push_back(json::object{{"type", "summary_text"}, {"text", part.text}});
        }
        out["summary"] = std::move(summary);
    }
    if (!part.signature.empty()) {
        out["encrypted_content"] = part.signature;
    }
    return out;
}

json::value callItem(const Part& part)
{
    json::object out;
    out["type"] = part.custom ? "custom_tool_call" : "function_call";
    out["call_id"] = part.id;
    out["name"] = part.name;
    out[part.custom ? "input" : "arguments"]
        = part.arguments.empty() && !part.custom ? std::string("{}") : part.arguments;
    if (const json::object* own = nativeOf(part.native)) {
        if (const json::value* name = find(*own, nameNote)) {
            out["name"] = *name;
        }
        if (own->contains("arguments")) { // was not a string; nothing else can say it
            out.erase("arguments");
        }
        addMissing(out, *own);
    }
    return out;
}

json::value resultItem(const Part& part, Losses& losses)
{
    json::object out;
    out["type"] = part.custom ? "custom_tool_call_output" : "function_call_output";
    out["call_id"] = part.id;
    const json::object* own = nativeOf(part.native);
    const bool listed = own != nullptr && !trueAt(*own, stringNote);
    const bool onlyText = std::all_of(part.content.begin(), part.content.end(),
        [](const Part& piece) { return piece.kind == Part::Kind::Text; });
    if (part.isError) {
        losses.emplace_back("Responses cannot mark a tool result as an error; its text is kept.");
    }
    if (onlyText && !listed) {
        std::string text;
        for (const Part& piece : part.content) {
            text += (text.empty() ? "" : "\n") + piece.text;
        }
        out["output"] = text;
    } else {
        json::array list;
        for (const Part& piece : part.content) {
            json::value content = contentOf(piece, false, losses);
            if (!content.is_null()) {
                list.push_back(std::move(content));
            }
        }
        out["output"] = std::move(list);
    }
    if (own != nullptr) {
        addMissing(out, *own);
    }
    return out;
}

/// Stands inside a message, not beside it.
bool isContent(const Part& part)
{
    if (part.kind == Part::Kind::Native) {
        const json::object* own = nativeOf(part.native);
        return own != nullptr && trueAt(*own, contentNote);
    }
    return part.kind == Part::Kind::Text || part.kind == Part::Kind::Refusal
        || part.kind == Part::Kind::Image || part.kind == Part::Kind::Audio
        || part.kind == Part::Kind::File;
}

/// A message item being put together from an assistant's parts.
struct OpenMessage {
    bool open = false;
    json::object fields;
    json::array content;

    void flush(json::array& out)
    {
        if (!open) {
            return;
        }
        json::object item;
        item["type"] = "message";
        item["role"] = "assistant";
        const bool asString = trueAt(fields, stringNote);
        if (!fields.contains("type") && !fields.empty()) {
            item.erase("type");
        }
        if (asString && !content.empty() && content.front().is_object()) {
            item["content"] = stringAt(content.front().get_object(), "text");
        } else {
            item["content"] = std::move(content);
        }
        addMissing(item, fields);
        out.push_back(std::move(item));
        open = false;
        fields = {};
        content = {};
    }
};

} // namespace

std::string stringAt(const json::object& object, std::string_view key)
{
    return std::string(dom::stringAt(object, key));
}

bool trueAt(const json::object& object, std::string_view key)
{
    return dom::boolAt(object, key).value_or(false);
}

json::value numberOf(double number)
{
    const json::value value(number);
    const std::optional<std::int64_t> whole = dom::wholeOf(value);
    return whole ? json::value(*whole) : value;
}

json::object without(const json::object& object, std::initializer_list<std::string_view> keys)
{
    json::object out;
    for (const auto& entry : object) {
        const std::string_view key(entry.key().data(), entry.key().size());
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
            out.emplace(entry.key(), entry.value());
        }
    }
    return out;
}

void addMissing(json::object& to, const json::object& from)
{
    for (const auto& entry : from) {
        if (!entry.key().empty() && entry.key().front() != '@' && !to.contains(entry.key())) {
            to.emplace(entry.key(), entry.value());
        }
    }
}

const json::object* nativeOf(const Native& native)
{
    const json::value* value = native.of(Dialect::Responses);
    return value != nullptr ? value->if_object() : nullptr;
}

Native nativeFrom(json::object fields)
{
    Native native;
    native.dialect = Dialect::Responses;
    if (!fields.empty()) {
        native.value = std::move(fields);
    }
    return native;
}

Part partOfContent(const json::object& content, bool ofAssistant)
{
    Part part;
    const std::string type = stringAt(content, "type");
    const json::value* text = find(content, "text");
    if (type == "refusal") {
        part.kind = Part::Kind::Refusal;
        part.text = stringAt(content, "refusal");
        part.native = nativeFrom(without(content, {"type", "refusal"}));
    } else if (isText(type) && text != nullptr && text->is_string()) {
        part.text = stringAt(content, "text");
        json::object fields = without(content, {"type", "text"});
        if (type != (ofAssistant ? "output_text" : "input_text")) {
            fields[typeNote] = type;
        }
        part.native = nativeFrom(std::move(fields));
    } else if (type == "input_image") {
        readImage(content, part);
    } else if (type == "input_file") {
        readFile(content, part);
    } else if (type != "input_audio" || !readAudio(content, part)) {
        part.kind = Part::Kind::Native;
        part.native = nativeFrom(content);
    }
    part.cacheControl = find(content, "prompt_cache_breakpoint") != nullptr;
    return part;
}

std::vector<Part> partsOfContent(const json::value& content, bool ofAssistant)
{
    std::vector<Part> parts;
    if (const json::string* text = content.if_string()) {
        Part part;
        part.text = std::string(text->data(), text->size());
        parts.push_back(std::move(part));
    } else if (const json::array* list = content.if_array()) {
        for (const json::value& entry : *list) {
            if (const json::object* object = entry.if_object()) {
                parts.push_back(partOfContent(*object, ofAssistant));
            }
        }
    }
    return parts;
}

Part partOfReasoning(const json::object& item)
{
    Part part;
    part.kind = Part::Kind::Thinking;
    part.text = joinedTexts(arrayAt(item, "content"));
    if (part.text.empty()) {
        part.text = joinedTexts(arrayAt(item, "summary"));
    }
    part.signature = stringAt(item, "encrypted_content");
    part.signedBy = Dialect::Responses;
    part.redacted = part.text.empty();
    part.native = nativeFrom(without(item,
        part.signature.empty()
            ? std::initializer_list<std::string_view>{"type"}
            : std::initializer_list<std::string_view>{"type", "encrypted_content"}));
    unsealSignature(part);
    return part;
}

Part partOfCall(const json::object& item, const ToolNames& names)
{
    Part part;
    part.kind = Part::Kind::ToolCall;
    part.custom = stringAt(item, "type") == "custom_tool_call";
    part.id = stringAt(item, "call_id");
    part.name = stringAt(item, "name");
    json::object fields = without(item, {"type", "call_id", "name"});
    const std::string_view key = part.custom ? "input" : "arguments";
    const json::value* arguments = find(item, key);
    if (arguments != nullptr && arguments->is_string()) {
        part.arguments = stringAt(item, key);
        fields.erase(key);
    } else if (arguments != nullptr) {
        part.arguments = json::serialize(*arguments);
    }
    const auto named = names.find({stringAt(item, "namespace"), part.name});
    if (named != names.end() && named->second != part.name) {
        fields[nameNote] = part.name;
        part.name = named->second;
    }
    part.native = nativeFrom(std::move(fields));
    return part;
}

std::vector<Part> partsOfItem(const json::object& item, const ToolNames& names)
{
    const std::string type = stringAt(item, "type");
    if (type == "message" || (type.empty() && item.contains("role"))) {
        return partsOfMessage(item);
    }
    if (type == "reasoning") {
        return {partOfReasoning(item)};
    }
    if (type == "function_call" || type == "custom_tool_call") {
        return {partOfCall(item, names)};
    }
    Part part;
    part.kind = Part::Kind::Native;
    part.native = nativeFrom(item);
    return {part};
}

json::value contentOf(const Part& part, bool ofAssistant, Losses& losses)
{
    json::value out;
    switch (part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
        out = textContent(part, ofAssistant);
        break;
    case Part::Kind::Image:
        out = imageContent(part);
        break;
    case Part::Kind::File:
        out = fileContent(part);
        break;
    case Part::Kind::Audio:
        out = audioContent(part);
        break;
    case Part::Kind::Native:
        if (const json::object* own = nativeOf(part.native)) {
            json::object whole;
            addMissing(whole, *own);
            return whole;
        }
        losses.emplace_back(std::string("A part that only ") + dialectName(part.native.dialect)
            + " knows is left out.");
        return nullptr;
    case Part::Kind::Thinking:
    case Part::Kind::ToolCall:
    case Part::Kind::ToolResult:
        return nullptr; // items, not content
    }
    const bool media = part.kind == Part::Kind::Image || part.kind == Part::Kind::Audio
        || part.kind == Part::Kind::File;
    const json::object* own = nativeOf(part.native);
    if (media && ofAssistant && own == nullptr) {
        losses.emplace_back("Images, audio and files of an assistant are left out.");
        return nullptr;
    }
    json::object& object = out.get_object();
    if (own != nullptr) {
        if (const json::value* type = find(*own, typeNote)) {
            object["type"] = *type;
        }
        addMissing(object, *own);
    }
    return out;
}

json::value itemOf(const Part& part, Losses& losses)
{
    switch (part.kind) {
    case Part::Kind::Thinking:
        return reasoningItem(part, losses);
    case Part::Kind::ToolCall:
        return callItem(part);
    case Part::Kind::ToolResult:
        return resultItem(part, losses);
    case Part::Kind::Native:
        return contentOf(part, false, losses);
    default:
        return nullptr;
    }
}

json::array itemsOf(const std::vector<Part>& parts, Losses& losses)
{
    json::array out;
    OpenMessage message;
    for (const Part& part : parts) {
        const json::object* own = nativeOf(part.native);
        if (!isContent(part)) {
            message.flush(out);
            json::value item = itemOf(part, losses);
            if (!item.is_null()) {
                out.push_back(std::move(item));
            }
            continue;
        }
        const json::object* fields = own != nullptr ? objectAt(*own, messageNote) : nullptr;
        if (fields != nullptr || !message.open) {
            message.flush(out);
            message.open = true;
            message.fields = fields != nullptr ? *fields : json::object();
        }
        json::value written = contentOf(part, true, losses);
        if (!written.is_null()) {
            message.content.push_back(std::move(written));
        }
    }
    message.flush(out);
    return out;
}

bool isSealed(std::string_view encryptedContent)
{
    return encryptedContent.starts_with(sealPrefix);
}

std::string sealedSignature(const Part& part)
{
    if (part.signedBy == Dialect::Responses) {
        return part.signature;
    }
    std::string out = std::string(sealPrefix) + dialectName(part.signedBy) + ".";
    out += part.redacted ? redactedSeal : std::string_view();
    return out + part.signature;
}

void unsealSignature(Part& part)
{
    std::string_view text = part.signature;
    if (!isSealed(text)) {
        return;
    }
    text.remove_prefix(sealPrefix.size());
    const std::size_t dot = text.find('.');
    const std::optional<Dialect> by
        = dot == std::string_view::npos ? std::nullopt : dialectFromName(text.substr(0, dot));
    if (!by) {
        return;
    }
    text.remove_prefix(dot + 1);
    part.redacted = text.starts_with(redactedSeal);
    text.remove_prefix(part.redacted ? redactedSeal.size() : 0);
    note(part, sealedNote, true);
    part.signedBy = *by;
    part.signature = std::string(text);
}

} // namespace headgate::wire::responses
