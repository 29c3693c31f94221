// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/json_reader.h"

#include <array>
#include <cstring>
#include <memory>
#include <vector>

namespace headgate::wire {

namespace {

/// Readers nest at most this deep on one thread (a blob inside a body); more would be a mistake.
constexpr std::size_t readersMax = 4;
/// A buffer above this is given back after use: bodies of 20 MB are rare, threads are many.
constexpr std::size_t bufferKeptBytesMax = 1024 * 1024;
/// No model writes a billion tokens; a larger number means "no limit" and must not overflow later.
constexpr std::int64_t countMax = 1'000'000'000;

bool isSpace(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

std::string_view digitsAt(std::string_view text, std::size_t& at)
{
    const std::size_t begin = at;
    while (at < text.size() && isDigit(text[at])) {
        ++at;
    }
    return text.substr(begin, at - begin);
}

/// RFC 8259 number grammar. Own code, because simdjson refuses integers beyond 64 bits, which are
/// legal in fields that are only passed through.
bool isNumber(std::string_view text)
{
    std::size_t at = 0;
    if (at < text.size() && text[at] == '-') {
        ++at;
    }
    const std::string_view whole = digitsAt(text, at);
    if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) {
        return false;
    }
    if (at < text.size() && text[at] == '.') {
        ++at;
        if (digitsAt(text, at).empty()) {
            return false;
        }
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
            ++at;
        }
        if (digitsAt(text, at).empty()) {
            return false;
        }
    }
    return at == text.size();
}

} // namespace

CountKind countOf(std::string_view literal, std::int64_t& value)
{
    const bool negative = !literal.empty() && literal.front() == '-';
    if (negative) {
        literal.remove_prefix(1);
    }
    value = 0;
    for (const char c : literal) {
        if (!isDigit(c)) {
            return CountKind::NotWhole;
        }
        value = std::min(countMax, value * 10 + (c - '0'));
    }
    if (negative && value != 0) {
        return CountKind::Negative;
    }
    return value == countMax ? CountKind::TooLarge : CountKind::Count;
}

/// A parser and its padded copy of the text. Kept per thread, because allocating them costs more
/// than parsing a small body.
struct JsonReader::Buffers {
    simdjson::ondemand::parser parser;
    std::unique_ptr<char[]> text;
    std::size_t capacity = 0;

    void assign(std::string_view from)
    {
        const std::size_t needed = from.size() + simdjson::SIMDJSON_PADDING;
        if (needed > capacity) {
            capacity = std::max<std::size_t>(needed, 16 * 1024);
            text.reset(new char[capacity]);
        }
        if (!from.empty()) {
            std::memcpy(text.get(), from.data(), from.size());
        }
        std::memset(text.get() + from.size(), ' ', simdjson::SIMDJSON_PADDING);
    }
    void shrink()
    {
        if (capacity > bufferKeptBytesMax) {
            text.reset();
            capacity = 0;
            parser = simdjson::ondemand::parser();
        }
    }

    struct Stack;
    static Stack& stack();
};

struct JsonReader::Buffers::Stack {
    std::array<Buffers, readersMax> all;
    std::size_t used = 0;
};

JsonReader::Buffers::Stack& JsonReader::Buffers::stack()
{
    thread_local Stack instance;
    return instance;
}

JsonReader::JsonReader(std::string what) : m_what(std::move(what)), m_buffers(nullptr)
{
    Buffers::Stack& stack = Buffers::stack();
    if (stack.used < stack.all.size()) {
        m_buffers = &stack.all[stack.used++];
    }
}

JsonReader::~JsonReader()
{
    if (m_buffers != nullptr) {
        m_document = simdjson::ondemand::document();
        m_buffers->shrink();
        --Buffers::stack().used;
    }
}

bool JsonReader::fail(std::string message, std::string remedy)
{
    if (!m_failed) {
        m_failed = true;
        m_error = Error(ErrorCode::InvalidArgument, std::move(message), std::move(remedy));
    }
    return false;
}

Error JsonReader::error() const
{
    return m_failed ? m_error : Error(ErrorCode::InvalidArgument, m_what + " could not be read.");
}

bool JsonReader::malformed()
{
    if (m_failed) {
        return false;
    }
    const char* at = nullptr;
    std::string where;
    if (m_document.current_location().get(at) == simdjson::SUCCESS) {
        where = " near byte " + std::to_string(offsetOf(at));
    }
    return fail(m_what + " is not valid JSON" + where + ".", "Send one JSON object in UTF-8.");
}

bool JsonReader::tooDeep()
{
    return fail(
        m_what + " is nested deeper than " + std::to_string(limits::jsonDepthMax) + " levels.",
        "Send flatter JSON.");
}

std::size_t JsonReader::offsetOf(const char* at) const
{
    const char* const begin = m_buffers->text.get();
    if (at < begin) {
        return 0;
    }
    return std::min(m_size, static_cast<std::size_t>(at - begin));
}

bool JsonReader::start(std::string_view text)
{
    if (m_buffers == nullptr) {
        return fail(m_what + " could not be read: too many readers are open.");
    }
    if (text.size() > limits::bodyBytesMax) {
        return fail(m_what + " is larger than " + std::to_string(limits::bodyBytesMax) + " bytes.");
    }
    m_buffers->assign(text);
    m_size = text.size();
    const simdjson::padded_string_view padded(m_buffers->text.get(), m_size, m_buffers->capacity);
    const simdjson::error_code code = m_buffers->parser.iterate(padded).get(m_document);
    switch (code) {
    case simdjson::SUCCESS:
        return true;
    case simdjson::EMPTY:
        return fail(m_what + " is empty.", "Send one JSON object.");
    case simdjson::UTF8_ERROR:
        return fail(m_what + " is not valid UTF-8.", "Send JSON encoded in UTF-8.");
    case simdjson::UNESCAPED_CHARS:
        return fail(m_what + " has a control character inside a string.",
            "Escape line breaks and control characters in JSON strings.");
    case simdjson::UNCLOSED_STRING:
        return fail(m_what + " is not valid JSON: a string is not closed.",
            "Send one complete JSON object.");
    default:
        return fail(m_what + " is not valid JSON.", "Send one JSON object in UTF-8.");
    }
}

bool JsonReader::rootFailed()
{
    for (std::size_t i = 0; i < m_size; ++i) {
        const char c = m_buffers->text[i];
        if (!isSpace(c)) {
            if (c != '{') {
                return fail(m_what + " must be a JSON object.", "Send one JSON object.");
            }
            break;
        }
    }
    return malformed();
}

bool JsonReader::finished()
{
    const char* next = nullptr;
    if (m_document.current_location().get(next) != simdjson::OUT_OF_BOUNDS) {
        return fail(
            m_what + " goes on after the end of its JSON object.", "Send exactly one JSON object.");
    }
    return true;
}

std::string_view JsonReader::token(JsonValue value) const
{
    std::string_view raw = value.raw_json_token();
    while (!raw.empty() && isSpace(raw.back())) {
        raw.remove_suffix(1);
    }
    return raw;
}

TextSpan JsonReader::tokenSpan(JsonValue value) const
{
    const std::string_view raw = token(value);
    const std::size_t begin = offsetOf(raw.data());
    return {begin, std::min(m_size, begin + raw.size())};
}

std::string_view JsonReader::text(TextSpan span) const
{
    return {m_buffers->text.get() + span.begin, span.end - span.begin};
}

std::optional<JsonType> JsonReader::type(JsonValue value)
{
    JsonType kind{};
    if (value.type().get(kind)) {
        malformed();
        return std::nullopt;
    }
    return kind;
}

bool JsonReader::isNull(JsonValue value)
{
    return token(value) == "null";
}

bool JsonReader::string(JsonValue value, std::string_view& out)
{
    if (value.get_string().get(out)) {
        return fail(m_what + " has a string with a bad escape or half a surrogate pair near byte "
                + std::to_string(tokenSpan(value).begin) + ".",
            "Send well-formed Unicode.");
    }
    return true;
}

bool JsonReader::skipScalar(JsonValue value, JsonType kind)
{
    const std::string_view raw = token(value);
    switch (kind) {
    case JsonType::string: {
        std::string_view ignored;
        return string(value, ignored);
    }
    case JsonType::number:
        return isNumber(raw) || malformed();
    case JsonType::boolean:
        return raw == "true" || raw == "false" || malformed();
    case JsonType::null:
        return raw == "null" || malformed();
    default:
        return malformed();
    }
}

bool JsonReader::skip(JsonValue value)
{
    const std::optional<JsonType> kind = type(value);
    if (!kind) {
        return false;
    }
    if (*kind == JsonType::object) {
        return eachField(value, [this](JsonField& field) { return skip(field.value); });
    }
    if (*kind == JsonType::array) {
        return eachElement(value, [this](JsonValue element, std::size_t) { return skip(element); });
    }
    return skipScalar(value, *kind);
}

bool JsonReader::skip(JsonValue value, TextSpan& span)
{
    span = tokenSpan(value);
    if (!skip(value)) {
        return false;
    }
    span.end = endOfLast(span);
    return true;
}

std::size_t JsonReader::endOfLast(TextSpan span)
{
    const char first = m_buffers->text[span.begin];
    const char* next = nullptr;
    // A scalar ends with its token. After an object or array the iterator stands on the token
    // behind the closing bracket.
    if ((first != '{' && first != '[') || m_document.current_location().get(next)) {
        return span.end;
    }
    std::size_t end = offsetOf(next);
    while (end > span.begin && isSpace(m_buffers->text[end - 1])) {
        --end;
    }
    return end;
}

} // namespace headgate::wire
