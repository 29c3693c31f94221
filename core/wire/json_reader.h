// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A strict walk over client or provider JSON with simdjson's on-demand parser: everything is
// validated, also what nobody reads, because an on-demand parser accepts rubbish in skipped values
// and a provider might understand that rubbish differently. One reader a call; any thread.

#include "core/base/limits.h"
#include "core/base/result.h"

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headgate::wire {

using JsonValue = simdjson::ondemand::value;
using JsonType = simdjson::ondemand::json_type;

/// A half-open span of the text that is read.
struct TextSpan {
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// One member of an object, its value not yet read.
struct JsonField {
    std::string_view key; ///< unescaped
    std::size_t begin = 0; ///< of the key's opening quote
    JsonValue value;
};

/// What a number literal is worth as a count.
enum class CountKind { Count, Negative, NotWhole, TooLarge };
[[nodiscard]] CountKind countOf(std::string_view literal, std::int64_t& value);

/// Parses one text; the first failure is kept and everything after it returns false.
class JsonReader {
public:
    /// `what` begins the sentences about malformed text: "The body", "The answer".
    explicit JsonReader(std::string what);
    ~JsonReader();
    JsonReader(const JsonReader&) = delete;
    JsonReader& operator=(const JsonReader&) = delete;

    /// Copies the text into a padded buffer and calls `field(JsonField&)` for each member of the
    /// root object; `field` returns false to give up.
    template <typename F>
    [[nodiscard]] bool readObject(std::string_view text, F&& field)
    {
        JsonValue root;
        simdjson::ondemand::object object;
        if (!start(text)) {
            return false;
        }
        if (m_document.get_object().get(object)) {
            return rootFailed();
        }
        return members(object, field) && finished();
    }

    /// Calls `field(JsonField&)` for each member of an object value.
    template <typename F>
    [[nodiscard]] bool eachField(JsonValue value, F&& field)
    {
        simdjson::ondemand::object object;
        if (value.get_object().get(object)) {
            return malformed();
        }
        return members(object, field);
    }

    /// Calls `element(JsonValue, std::size_t index)` for each element of an array value.
    template <typename F>
    [[nodiscard]] bool eachElement(JsonValue value, F&& element)
    {
        simdjson::ondemand::array array;
        if (value.get_array().get(array)) {
            return malformed();
        }
        Deeper deeper(*this);
        if (m_depth > limits::jsonDepthMax) {
            return tooDeep();
        }
        std::size_t index = 0;
        for (auto result : array) {
            JsonValue child;
            if (result.get(child)) {
                return malformed();
            }
            if (!element(child, index++)) {
                return false;
            }
        }
        return true;
    }

    /// Validates a value to its end without keeping it.
    [[nodiscard]] bool skip(JsonValue value);
    /// Validates a value and says where it lies.
    [[nodiscard]] bool skip(JsonValue value, TextSpan& span);
    /// Where the value ends that began at `span` and was read to its end just now.
    [[nodiscard]] std::size_t endOfLast(TextSpan span);
    /// The literal of a scalar that is not read as a string: number, true, false, null.
    [[nodiscard]] std::string_view token(JsonValue value) const;
    [[nodiscard]] TextSpan tokenSpan(JsonValue value) const;
    /// Reads a string value; the view lives as long as the reader.
    [[nodiscard]] bool string(JsonValue value, std::string_view& out);
    /// The kind of a value; absent (and failed) when it starts with no JSON character.
    [[nodiscard]] std::optional<JsonType> type(JsonValue value);
    [[nodiscard]] bool isNull(JsonValue value);

    /// Keeps the first failure; returns false for use in a return statement.
    bool fail(std::string message, std::string remedy = {});
    bool malformed();
    [[nodiscard]] Error error() const;
    [[nodiscard]] std::string_view text(TextSpan span) const;

private:
    struct Buffers;
    struct Deeper {
        explicit Deeper(JsonReader& reader) : m_reader(reader) { ++m_reader.m_depth; }
        ~Deeper() { --m_reader.m_depth; }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;
        JsonReader& m_reader;
    };

    template <typename F>
    [[nodiscard]] bool members(simdjson::ondemand::object& object, F&& field)
    {
        Deeper deeper(*this);
        if (m_depth > limits::jsonDepthMax) {
            return tooDeep();
        }
        for (auto result : object) {
            simdjson::ondemand::field raw;
            if (std::move(result).get(raw)) {
                return malformed();
            }
            JsonField member;
            member.begin = offsetOf(raw.key().raw()) - 1;
            if (raw.unescaped_key().get(member.key)) {
                return malformed();
            }
            member.value = raw.value();
            if (!field(member)) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool start(std::string_view text);
    [[nodiscard]] bool finished();
    bool rootFailed();
    bool tooDeep();
    [[nodiscard]] bool skipScalar(JsonValue value, JsonType kind);
    [[nodiscard]] std::size_t offsetOf(const char* at) const;

    std::string m_what;
    Buffers* m_buffers; ///< borrowed from this thread's stack of buffers
    simdjson::ondemand::document m_document;
    std::size_t m_size = 0;
    std::size_t m_depth = 0;
    bool m_failed = false;
    Error m_error;
};

} // namespace headgate::wire
