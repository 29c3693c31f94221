// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the tests of the Gemini codec share: parts and turns by hand, requests written and read
// again, streams. Tests only.

#include "turns.h"
#include "wire_samples.h"

#include "core/wire/codec.h"
#include "core/wire/gemini_routes.h"

namespace headgate::wire::test {

namespace json = boost::json;

inline const Codec& gemini = geminiCodec();

inline RequestPath pathOf(const char* model, bool stream = false)
{
    RequestPath path;
    path.model = model;
    path.stream = stream;
    return path;
}

inline WriteOptions toModel(const char* model)
{
    WriteOptions options;
    options.model = model;
    return options;
}

/// Written for Gemini and parsed again.
inline json::object writtenBy(
    const Conversation& conversation, Losses& losses, const char* model = "gemini-3-flash-preview")
{
    const Result<std::string> body = gemini.writeRequest(conversation, toModel(model), losses);
    const json::value value = body ? parsed(*body) : json::value();
    return value.is_object() ? value.get_object() : json::object();
}

inline Part callPart(const char* id, const char* name, const char* arguments)
{
    Part part;
    part.kind = Part::Kind::ToolCall;
    part.id = id;
    part.name = name;
    part.arguments = arguments;
    return part;
}

inline Part resultPart(const char* id, const char* text)
{
    Part part;
    part.kind = Part::Kind::ToolResult;
    part.id = id;
    part.content.push_back(textPart(text));
    return part;
}

/// What the API reads as the same: spelling of defaults, ids that were found for results.
inline json::value normal(const json::value& value)
{
    if (const json::array* array = value.if_array()) {
        json::array out;
        for (const json::value& entry : *array) {
            out.push_back(normal(entry));
        }
        return out;
    }
    const json::object* object = value.if_object();
    if (object == nullptr) {
        return value;
    }
    json::object out;
    for (const auto& [key, entry] : *object) {
        if (key == "functionResponse" && entry.is_object()) {
            json::object response = entry.get_object();
            response.erase("id");
            out[key] = normal(response);
        } else if (key != "model") {
            out[key] = normal(entry);
        }
    }
    return out;
}

inline std::string sse(const json::array& chunks)
{
    std::string out;
    for (const json::value& chunk : chunks) {
        out += "data: " + json::serialize(chunk) + "\r\n\r\n";
    }
    return out;
}

inline RelayOptions fromGemini(Dialect client)
{
    RelayOptions options;
    options.upstream = Dialect::Gemini;
    options.client = client;
    options.context.model = "m";
    options.context.id = "d1";
    return options;
}

} // namespace headgate::wire::test
