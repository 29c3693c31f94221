// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the tests of the responses codec share: JSON in single quotes, events made by hand, streams
// taken apart again.

#include "core/wire/codec.h"
#include "core/wire/json_dom.h"
#include "core/wire/stream_relay.h"

#include <QString>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace headgate::wire::test {

namespace json = boost::json;

/// JSON is written with single quotes in this file.
inline std::string q(std::string text)
{
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

inline json::object object(const std::string& text)
{
    const Result<json::object> parsed = dom::parseObject(text, "The test's JSON");
    return parsed ? *parsed : json::object();
}

inline std::string message(const Error& error)
{
    return error.message + " " + error.remedy;
}

inline const Codec& codec()
{
    return responsesCodec();
}

inline Conversation conversationOf(const std::string& body)
{
    const Result<Conversation> read = codec().readRequest(q(body), {});
    return read ? *read : Conversation();
}

inline std::string written(
    const Conversation& conversation, Losses& losses, WriteOptions options = {})
{
    if (options.model.empty()) {
        options.model = conversation.model;
    }
    options.stream = conversation.stream;
    const Result<std::string> body = codec().writeRequest(conversation, options, losses);
    return body ? *body : "error: " + body.error().message;
}

/// One event of a stream as it was written.
struct Sent {
    std::string name;
    json::object data;
};

inline std::vector<Sent> eventsIn(const std::string& stream)
{
    std::vector<Sent> out;
    StreamSplitter splitter(StreamSplitter::Framing::Sse);
    if (!splitter.feed(stream)) {
        return out;
    }
    StreamSplitter::Event event;
    while (splitter.next(event)) {
        out.push_back({std::string(event.name), object(std::string(event.data))});
    }
    return out;
}

inline std::vector<std::string> typesIn(const std::string& stream)
{
    std::vector<std::string> out;
    for (const Sent& event : eventsIn(stream)) {
        out.emplace_back(dom::stringAt(event.data, "type"));
    }
    return out;
}

/// What every stream must keep: names equal to types, numbers that rise by one, one terminal event
/// at the end, no [DONE].
inline QString faultOf(const std::string& stream)
{
    std::int64_t next = 0;
    int terminals = 0;
    if (stream.find("[DONE]") != std::string::npos) {
        return QStringLiteral("[DONE]");
    }
    for (const Sent& event : eventsIn(stream)) {
        const std::string type(dom::stringAt(event.data, "type"));
        if (event.name != type) {
            return QStringLiteral("the name is not the type of ") + QString::fromStdString(type);
        }
        if (dom::wholeAt(event.data, "sequence_number") != next++) {
            return QStringLiteral("sequence_number of ") + QString::fromStdString(type);
        }
        if (terminals > 0) {
            return QStringLiteral("something after the end: ") + QString::fromStdString(type);
        }
        terminals += type == "response.completed" || type == "response.incomplete"
                || type == "response.failed" || type == "error"
            ? 1
            : 0;
    }
    return terminals == 1 ? QString() : QStringLiteral("terminals: %1").arg(terminals);
}

inline json::object lastResponse(const std::string& stream)
{
    const std::vector<Sent> events = eventsIn(stream);
    const json::object* response
        = events.empty() ? nullptr : dom::objectAt(events.back().data, "response");
    return response != nullptr ? *response : json::object();
}

inline AnswerEvent eventOf(AnswerEvent::Kind kind, int block = 0)
{
    AnswerEvent out;
    out.kind = kind;
    out.block = block;
    return out;
}

inline AnswerEvent begun(
    int block, Part::Kind kind, const std::string& id = {}, const std::string& name = {})
{
    AnswerEvent out = eventOf(AnswerEvent::Kind::BlockStart, block);
    out.part.kind = kind;
    out.part.id = id;
    out.part.name = name;
    return out;
}

inline AnswerEvent more(int block, const std::string& text)
{
    AnswerEvent out = eventOf(AnswerEvent::Kind::Delta, block);
    out.text = text;
    return out;
}

inline AnswerEvent ended(int block)
{
    return eventOf(AnswerEvent::Kind::BlockEnd, block);
}

inline AnswerEvent finished(StopReason stop)
{
    AnswerEvent out = eventOf(AnswerEvent::Kind::Finish);
    out.stop = stop;
    return out;
}

inline AnswerEvent used(std::int64_t uncached, std::int64_t cached, std::int64_t output)
{
    AnswerEvent out = eventOf(AnswerEvent::Kind::Usage);
    out.usage.inputUncached = uncached;
    out.usage.cacheRead = cached;
    out.usage.output = output;
    out.usage.reasoning = 2;
    return out;
}

inline AnswerContext contextFor(const Conversation* request = nullptr)
{
    AnswerContext context;
    context.model = "named";
    context.id = "d1";
    context.nowS = 1'700'000'000;
    context.inputTokens = 9;
    context.request = request;
    return context;
}

inline std::string streamOf(const std::vector<AnswerEvent>& events, const AnswerContext& context)
{
    const std::unique_ptr<EventWriter> writer = codec().eventWriter(context);
    std::string out;
    for (const AnswerEvent& each : events) {
        writer->write(each, out);
    }
    writer->end(out);
    return out;
}

inline Answer reread(const std::string& stream)
{
    const std::unique_ptr<EventReader> reader = codec().eventReader();
    AnswerBuilder builder;
    for (const Sent& sent : eventsIn(stream)) {
        std::vector<AnswerEvent> events;
        if (reader->read(sent.name, json::serialize(sent.data), events)) {
            for (const AnswerEvent& each : events) {
                builder.add(each);
            }
        }
    }
    return builder.take();
}

inline std::vector<AnswerEvent> eventsRead(const std::vector<std::string>& datas)
{
    const std::unique_ptr<EventReader> reader = codec().eventReader();
    std::vector<AnswerEvent> out;
    for (const std::string& data : datas) {
        if (!reader->read({}, q(data), out)) {
            return {};
        }
    }
    return out;
}

} // namespace headgate::wire::test
