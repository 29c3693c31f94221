// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"
#include "core/wire/body_edit.h"
#include "core/wire/conversation_view.h"

#include <algorithm>
#include <array>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

/// Tools whose schema Anthropic knows but which the client runs: they add no input unseen. A type
/// that is not among them is taken for one that runs at the provider.
constexpr std::array<std::string_view, 5> clientRun{
    "bash_", "text_editor_", "computer_", "memory_", "custom"};

bool runsAtClient(std::string_view type)
{
    return std::any_of(clientRun.begin(), clientRun.end(),
        [type](std::string_view known) { return type.starts_with(known); });
}

/// More uses than this bound nothing; it keeps the sum from overflowing.
constexpr std::int64_t usesCap = 1'000'000;

void countHosted(const Conversation& conversation, RequestView& view)
{
    view.hostedTools = 0;
    view.hostedNames.clear();
    view.webSearchTools = 0;
    view.hostedUsesMax.reset();
    std::int64_t uses = 0;
    bool limited = true;
    for (const Tool& tool : conversation.tools) {
        if (!tool.hosted || runsAtClient(tool.name)) {
            continue;
        }
        ++view.hostedTools;
        view.hostedNames.push_back(tool.name);
        view.webSearchTools += tool.name.starts_with("web_search") ? 1 : 0;
        const json::object* fields = tool.native.value.if_object();
        const auto most = fields != nullptr ? dom::wholeAt(*fields, "max_uses") : std::nullopt;
        limited = limited && most && *most >= 0;
        uses += std::clamp<std::int64_t>(most.value_or(0), 0, usesCap);
    }
    if (view.hostedTools > 0 && limited) {
        view.hostedUsesMax = uses;
    }
}

/// What of a part is billed as input but is not in the body; empty: nothing.
std::string heldBy(const Part& part)
{
    if (!part.fileId.empty()) {
        return "file " + part.fileId;
    }
    if (part.kind == Part::Kind::File && !part.url.empty()) {
        return "document url";
    }
    const json::object* native = part.native.value.if_object();
    if (part.kind == Part::Kind::Native && native != nullptr) {
        if (dom::stringAt(*native, "type") == "container_upload") {
            return "container_upload";
        }
        const json::object* source = dom::objectAt(*native, "source");
        if (source != nullptr && !dom::stringAt(*source, "file_id").empty()) {
            return "file " + std::string(dom::stringAt(*source, "file_id"));
        }
    }
    for (const Part& inner : part.content) {
        if (std::string held = heldBy(inner); !held.empty()) {
            return held;
        }
    }
    return {};
}

std::string heldByFields(const json::object& extra)
{
    if (const json::value* container = dom::find(extra, "container")) {
        return container->is_string() ? "container " + std::string(dom::textOf(*container))
                                      : "container";
    }
    const json::array* servers = dom::arrayAt(extra, "mcp_servers");
    if (servers != nullptr && !servers->empty()) {
        return "mcp_servers";
    }
    // Compaction lets the model read everything once more to write a summary of it.
    const json::object* management = dom::objectAt(extra, "context_management");
    const json::array* edits = management != nullptr ? dom::arrayAt(*management, "edits") : nullptr;
    if (edits != nullptr) {
        for (const json::value& edit : *edits) {
            const json::object* fields = edit.if_object();
            if (fields != nullptr && dom::stringAt(*fields, "type").starts_with("compact")) {
                return "context_management";
            }
        }
    }
    return {};
}

std::string heldContext(const Conversation& conversation)
{
    if (const json::object* extra = conversation.extra.value.if_object()) {
        if (std::string held = heldByFields(*extra); !held.empty()) {
            return held;
        }
    }
    for (const Turn& turn : conversation.turns) {
        for (const Part& part : turn.parts) {
            if (std::string held = heldBy(part); !held.empty()) {
                return held;
            }
        }
    }
    return {};
}

/// Fields outside of messages and tools that ask for a prompt cache or another price.
void readPricedFields(const json::object& extra, RequestView& view)
{
    if (const json::object* control = dom::objectAt(extra, "cache_control")) {
        view.cacheControl = true;
        view.cacheOneHour = view.cacheOneHour || dom::stringAt(*control, "ttl") == "1h";
    }
    if (dom::stringAt(extra, "speed") == "fast") {
        view.serviceTier = "fast";
    }
}

} // namespace

Result<RequestView> readView(std::string_view body)
{
    if (Result<void> checked = checkBody(body); !checked) {
        return checked.error();
    }
    Result<Conversation> read = readRequest(body);
    if (!read) {
        return read.error();
    }
    const Conversation conversation = std::move(read).value();
    RequestView view = viewOf(conversation);
    countHosted(conversation, view);
    if (const json::object* extra = conversation.extra.value.if_object()) {
        readPricedFields(*extra, view);
    }
    view.heldContext = heldContext(conversation);
    view.ceilingPath = "max_tokens";
    return view;
}

} // namespace headgate::wire::anthropic
