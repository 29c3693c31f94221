// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include "core/wire/body_edit.h"
#include "core/wire/conversation_view.h"
#include "core/wire/held_ids.h"

#include <utility>

namespace headgate::wire::responses {

namespace {

/// The id of an object, or the text itself.
std::string idOf(const json::value& value)
{
    const json::object* object = value.if_object();
    return object != nullptr ? stringAt(*object, "id") : std::string(dom::textOf(value));
}

/// A reasoning item without its content is looked up by its id; a summary is not the content.
bool isKept(const json::object& reasoning)
{
    const json::array* content = arrayAt(reasoning, "content");
    return !stringAt(reasoning, "id").empty() && !trueAt(reasoning, sealedNote)
        && (content == nullptr || content->empty());
}

/// What of these parts only a provider can see: files and items it keeps, files it fetches.
std::string heldIn(const std::vector<Part>& parts)
{
    for (const Part& part : parts) {
        if (!part.fileId.empty()) {
            return part.fileId;
        }
        if (part.kind == Part::Kind::File && !part.url.empty()) {
            return part.url;
        }
        const json::object* own = nativeOf(part.native);
        if (part.kind == Part::Kind::Native && own != nullptr
            && stringAt(*own, "type") == "item_reference") {
            return stringAt(*own, "id").empty() ? "item_reference" : stringAt(*own, "id");
        }
        if (part.kind == Part::Kind::Thinking && part.signature.empty() && own != nullptr
            && isKept(*own)) {
            return stringAt(*own, "id");
        }
        if (std::string inner = heldIn(part.content); !inner.empty()) {
            return inner;
        }
    }
    return {};
}

void addHeld(const Conversation& from, RequestView& view)
{
    const json::object* extra = nativeOf(from.extra);
    for (const char* key : {"conversation", "prompt"}) {
        const json::value* value = extra != nullptr ? find(*extra, key) : nullptr;
        if (value != nullptr && view.heldContext.empty()) {
            view.heldContext = idOf(*value).empty() ? std::string(key) : idOf(*value);
        }
    }
    for (const Turn& turn : from.turns) {
        if (view.heldContext.empty()) {
            view.heldContext = heldIn(turn.parts);
        }
    }
    if (view.heldContext.empty() && !from.previousResponseId.empty()) {
        view.heldContext = from.previousResponseId;
        view.heldContextIsResponse = true;
    }
}

Result<void> addHosted(const Conversation& from, RequestView& view)
{
    view.hostedTools = 0;
    view.hostedNames.clear();
    view.webSearchTools = 0;
    view.hostedUsesMax.reset();
    for (const Tool& tool : from.tools) {
        if (runsAtProvider(tool)) {
            ++view.hostedTools;
            view.hostedNames.push_back(tool.name);
            view.webSearchTools += tool.name.starts_with("web_search") ? 1 : 0;
        }
    }
    const json::object* extra = nativeOf(from.extra);
    const json::value* most = extra != nullptr ? find(*extra, "max_tool_calls") : nullptr;
    if (most != nullptr) {
        const std::optional<std::int64_t> uses = dom::wholeOf(*most);
        if (!uses || *uses < 0) {
            return Error(ErrorCode::InvalidArgument,
                "The field \"max_tool_calls\" must be a whole number of zero or more.");
        }
        view.hostedUsesMax = *uses;
    }
    return {};
}

Result<void> refuseBackground(const Conversation& from)
{
    const json::object* extra = nativeOf(from.extra);
    const json::value* background = extra != nullptr ? find(*extra, "background") : nullptr;
    const bool* asked = background != nullptr ? background->if_bool() : nullptr;
    if (background == nullptr || (asked != nullptr && !*asked)) {
        return {};
    }
    return Error(ErrorCode::InvalidArgument,
        "The field \"background\" asks for an answer whose cost cannot be followed.",
        "Leave it out and read the answer, or its stream, of this request.");
}

} // namespace

Result<RequestView> readView(std::string_view body)
{
    if (Result<void> checked = checkBody(body); !checked) {
        return checked.error();
    }
    Result<Conversation> conversation = readRequest(body);
    if (!conversation) {
        return conversation.error();
    }
    if (Result<void> followed = refuseBackground(*conversation); !followed) {
        return followed.error();
    }
    RequestView view = viewOf(*conversation);
    view.dialect = Dialect::Responses;
    addHeld(*conversation, view);
    if (Result<void> hosted = addHosted(*conversation, view); !hosted) {
        return hosted.error();
    }
    return view;
}

std::optional<std::string> withoutSealed(std::string_view body)
{
    if (body.find("\"headgate.") == std::string_view::npos) {
        return std::nullopt;
    }
    const Result<json::object> root = parseObject(body, "The body");
    const json::array* input = root ? arrayAt(*root, "input") : nullptr;
    if (input == nullptr) {
        return std::nullopt;
    }
    json::array kept;
    for (const json::value& entry : *input) {
        const json::object* item = entry.if_object();
        if (item == nullptr || !isSealed(dom::stringAt(*item, "encrypted_content"))) {
            kept.push_back(entry);
        }
    }
    return kept.size() == input->size() ? std::nullopt : std::optional(dom::write(kept));
}

} // namespace headgate::wire::responses

namespace headgate::wire {

HeldIds heldIdsOf(std::string_view body)
{
    HeldIds out;
    const auto root = dom::parseObject(body, "The body");
    if (root) {
        out.previousResponse = dom::stringAt(*root, "previous_response_id");
        const auto* conversation = dom::find(*root, "conversation");
        out.conversation = conversation != nullptr ? responses::idOf(*conversation) : "";
    }
    return out;
}

} // namespace headgate::wire
