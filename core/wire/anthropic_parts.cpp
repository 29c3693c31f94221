// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"

#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

Error bad(const std::string& where, const char* what)
{
    return Error(ErrorCode::InvalidArgument, where + " " + what + ".",
        "Send content as a string or as an array of objects that have a type.");
}

Native own(json::value value)
{
    return Native{Dialect::Anthropic, std::move(value)};
}

Part nativePart(const json::object& block)
{
    Part part;
    part.kind = Part::Kind::Native;
    part.native = own(block);
    return part;
}

void readCacheControl(const json::object& block, Part& part)
{
    if (const json::object* control = dom::objectAt(block, "cache_control")) {
        part.cacheControl = true;
        part.cacheTtl = dom::stringAt(*control, "ttl");
    }
}

/// Texts of blocks, or none when one of them is no text.
std::optional<std::string> plainTexts(const json::value& content)
{
    if (content.is_string()) {
        return std::string(dom::textOf(content));
    }
    const json::array* blocks = content.if_array();
    if (blocks == nullptr) {
        return std::nullopt;
    }
    std::string out;
    for (const json::value& block : *blocks) {
        const json::object* object = block.if_object();
        if (object == nullptr || dom::stringAt(*object, "type") != "text") {
            return std::nullopt;
        }
        out += out.empty() ? "" : "\n";
        out += dom::stringAt(*object, "text");
    }
    return out;
}

/// Image or document; one with a source that others cannot say stays native.
Part readMedia(const json::object& block, Part::Kind kind)
{
    Part part;
    part.kind = kind;
    const json::object* source = dom::objectAt(block, "source");
    const std::string_view type = source != nullptr ? dom::stringAt(*source, "type") : "";
    if (type == "base64") {
        part.mime = dom::stringAt(*source, "media_type");
        part.data = dom::stringAt(*source, "data");
    } else if (type == "url") {
        part.url = dom::stringAt(*source, "url");
    } else if (type == "file") {
        part.fileId = dom::stringAt(*source, "file_id");
    } else if (type == "text" && kind == Part::Kind::File) {
        part.mime = "text/plain";
        part.text = dom::stringAt(*source, "data");
    } else if (type == "content" && kind == Part::Kind::File) {
        const json::value* content = dom::find(*source, "content");
        const auto text = content != nullptr ? plainTexts(*content) : std::nullopt;
        if (!text) {
            return nativePart(block);
        }
        part.mime = "text/plain";
        part.text = *text;
        part.fileName = dom::stringAt(block, "title");
        part.native = own(block); // with its type: written back whole
        return part;
    } else {
        return nativePart(block);
    }
    part.fileName = dom::stringAt(block, "title");
    part.native = own(dom::without(block, {"type", "source", "title", "cache_control"}));
    return part;
}

Part readThinking(const json::object& block, bool redacted)
{
    Part part;
    part.kind = Part::Kind::Thinking;
    part.redacted = redacted;
    part.text = dom::stringAt(block, "thinking");
    unwrapSignature(dom::stringAt(block, redacted ? "data" : "signature"), part);
    part.native
        = own(dom::without(block, {"type", "thinking", "signature", "data", "cache_control"}));
    return part;
}

Part readToolUse(const json::object& block)
{
    Part part;
    part.kind = Part::Kind::ToolCall;
    part.id = dom::stringAt(block, "id");
    part.name = dom::stringAt(block, "name");
    const json::value* input = dom::find(block, "input");
    part.arguments = input != nullptr ? dom::write(*input) : "{}";
    part.native = own(dom::without(block, {"type", "id", "name", "input", "cache_control"}));
    return part;
}

Result<Part> readToolResult(const json::object& block, const std::string& where)
{
    Part part;
    part.kind = Part::Kind::ToolResult;
    part.id = dom::stringAt(block, "tool_use_id");
    part.isError = dom::boolAt(block, "is_error").value_or(false);
    if (const json::value* content = dom::find(block, "content")) {
        Result<std::vector<Part>> parts = readContent(*content, where + ".content");
        if (!parts) {
            return parts.error();
        }
        part.content = std::move(*parts);
    }
    part.native
        = own(dom::without(block, {"type", "tool_use_id", "is_error", "content", "cache_control"}));
    return part;
}

/// Other dialects get a search result as text; this one gets the block again.
Part readSearchResult(const json::object& block)
{
    const json::value* content = dom::find(block, "content");
    Part part;
    part.text = dom::stringAt(block, "title");
    part.text += "\n";
    part.text += dom::stringAt(block, "source");
    if (const auto text = content != nullptr ? plainTexts(*content) : std::nullopt) {
        part.text += "\n" + *text;
    }
    part.native = own(block);
    return part;
}

json::object sourceOf(const Part& part)
{
    json::object source;
    if (!part.fileId.empty()) {
        source["type"] = "file";
        source["file_id"] = part.fileId;
    } else if (!part.url.empty()) {
        source["type"] = "url";
        source["url"] = part.url;
    } else if (!part.text.empty() || part.mime == "text/plain") {
        source["type"] = "text";
        source["media_type"] = "text/plain";
        source["data"] = part.text;
    } else {
        source["type"] = "base64";
        source["media_type"] = part.mime;
        source["data"] = part.data;
    }
    return source;
}

void writeThinking(const Part& part, json::object& block)
{
    if (part.redacted && part.signedBy == Dialect::Anthropic) {
        block["type"] = "redacted_thinking";
        block["data"] = part.signature;
        return;
    }
    block["type"] = "thinking";
    block["thinking"] = part.text;
    block["signature"] = wrapSignature(part);
}

void writeToolResult(const Part& part, json::object& block)
{
    block["type"] = "tool_result";
    block["tool_use_id"] = part.id;
    if (!part.content.empty()) {
        block["content"] = writeContent(part.content);
    }
    if (part.isError) {
        block["is_error"] = true;
    }
}

void writeKnown(const Part& part, json::object& block)
{
    switch (part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
    case Part::Kind::Audio: // its transcript
        block["type"] = "text";
        block["text"] = part.text;
        break;
    case Part::Kind::Thinking:
        writeThinking(part, block);
        break;
    case Part::Kind::Image:
        block["type"] = "image";
        block["source"] = sourceOf(part);
        break;
    case Part::Kind::File:
        block["type"] = "document";
        block["source"] = sourceOf(part);
        if (!part.fileName.empty()) {
            block["title"] = part.fileName;
        }
        break;
    case Part::Kind::ToolCall:
        block["type"] = "tool_use";
        block["id"] = part.id;
        block["name"] = part.name;
        block["input"] = inputOf(part.arguments);
        break;
    case Part::Kind::ToolResult:
        writeToolResult(part, block);
        break;
    case Part::Kind::Native:
        break;
    }
}

bool plainText(const Part& part)
{
    return part.kind == Part::Kind::Text && !part.cacheControl
        && part.native.of(Dialect::Anthropic) == nullptr;
}

} // namespace

std::string wrapSignature(const Part& part)
{
    if (part.signedBy == Dialect::Anthropic) {
        return part.signature;
    }
    return std::string(signatureWrapping) + dialectName(part.signedBy) + "." + part.signature;
}

void unwrapSignature(std::string_view signature, Part& part)
{
    part.signedBy = Dialect::Anthropic;
    part.signature = signature;
    if (signature.substr(0, signatureWrapping.size()) != signatureWrapping) {
        return;
    }
    const std::string_view rest = signature.substr(signatureWrapping.size());
    const std::size_t dot = rest.find('.');
    const auto maker = dialectFromName(rest.substr(0, dot));
    if (maker && dot != std::string_view::npos) {
        part.signedBy = *maker;
        part.signature = rest.substr(dot + 1);
    }
}

Result<Part> readBlock(const json::value& value, const std::string& where)
{
    const json::object* block = value.if_object();
    if (block == nullptr) {
        return bad(where, "is not an object");
    }
    const std::string_view type = dom::stringAt(*block, "type");
    if (type.empty()) {
        return bad(where, "has no type");
    }
    Part part;
    if (type == "text") {
        const json::value* text = block->if_contains("text");
        if (text == nullptr || !text->is_string()) {
            return bad(where, "has no text");
        }
        part.text = dom::textOf(*text);
        part.native = own(dom::without(*block, {"type", "text", "cache_control"}));
    } else if (type == "image") {
        part = readMedia(*block, Part::Kind::Image);
    } else if (type == "document") {
        part = readMedia(*block, Part::Kind::File);
    } else if (type == "thinking" || type == "redacted_thinking") {
        part = readThinking(*block, type != "thinking");
    } else if (type == "tool_use") {
        part = readToolUse(*block);
    } else if (type == "tool_result") {
        Result<Part> result = readToolResult(*block, where);
        if (!result) {
            return result.error();
        }
        part = std::move(*result);
    } else if (type == "search_result") {
        part = readSearchResult(*block);
    } else {
        part = nativePart(*block);
    }
    readCacheControl(*block, part);
    return part;
}

Result<std::vector<Part>> readContent(const json::value& content, const std::string& where)
{
    std::vector<Part> parts;
    if (content.is_string()) {
        Part part;
        part.text = dom::textOf(content);
        parts.push_back(std::move(part));
        return parts;
    }
    const json::array* blocks = content.if_array();
    if (blocks == nullptr) {
        return bad(where, "is neither a string nor an array of blocks");
    }
    parts.reserve(blocks->size());
    for (std::size_t i = 0; i < blocks->size(); ++i) {
        Result<Part> part = readBlock((*blocks)[i], where + "[" + std::to_string(i) + "]");
        if (!part) {
            return part.error();
        }
        parts.push_back(std::move(*part));
    }
    return parts;
}

json::value inputOf(const std::string& arguments)
{
    if (arguments.find_first_not_of(" \t\r\n") == std::string::npos) {
        return json::object();
    }
    Result<json::value> input = dom::parse(arguments, "The input");
    if (input && input->is_object()) {
        return std::move(*input);
    }
    // A tool with free text as its input, or arguments that were cut off.
    json::object wrapped;
    wrapped["input"] = arguments;
    return wrapped;
}

std::string missingNote(const Part& part)
{
    return "[" + (part.mime.empty() ? std::string("file") : part.mime)
        + ": this protocol cannot carry it]";
}

json::value writeBlock(const Part& part)
{
    const json::value* native = part.native.of(Dialect::Anthropic);
    const json::object* fields = native != nullptr ? native->if_object() : nullptr;
    if (fields != nullptr && fields->contains("type")) {
        return *native;
    }
    if (part.kind == Part::Kind::Native) {
        return nullptr;
    }
    json::object block;
    writeKnown(part, block);
    if (part.cacheControl) {
        json::object control{{"type", "ephemeral"}};
        if (!part.cacheTtl.empty()) {
            control["ttl"] = part.cacheTtl;
        }
        block["cache_control"] = std::move(control);
    }
    if (native != nullptr) {
        dom::addMissing(block, *native);
    }
    return block;
}

json::value writeContent(const std::vector<Part>& parts)
{
    if (parts.size() == 1 && plainText(parts.front())) {
        return json::value(parts.front().text);
    }
    json::array blocks;
    for (const Part& part : parts) {
        json::value block = writeBlock(part);
        if (!block.is_null()) {
            blocks.push_back(std::move(block));
        }
    }
    return blocks;
}

} // namespace headgate::wire::anthropic
