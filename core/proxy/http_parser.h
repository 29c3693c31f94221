// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The strict HTTP/1.1 grammar of both sides, on Beast's basic_parser with our own callbacks (no
// fields, no message types). Fed with bytes, never reads a socket. One object per message.
// Clients (requests) are held to the letter: what two parsers could read differently is refused.

#include "core/base/result.h"
#include "core/base/text.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::proxy {

struct HeaderView {
    std::string_view name; ///< as sent
    std::string_view value; ///< trimmed
};

/// The head of a request. The views point into `block`, so it is neither copied nor moved.
struct RequestHead {
    RequestHead() = default;
    RequestHead(const RequestHead&) = delete;
    RequestHead& operator=(const RequestHead&) = delete;

    std::string block;
    std::string_view method;
    std::string_view target;
    int version = 11; ///< 10 or 11
    bool keepAlive = true;
    bool hasBody = false;
    bool expectsContinue = false;
    std::int64_t contentLength = -1; ///< -1: chunked or none
    std::vector<HeaderView> headers;

    /// First value of a header, any case; empty when absent.
    [[nodiscard]] std::string_view header(std::string_view lowerName) const;
    [[nodiscard]] int count(std::string_view lowerName) const;
};

/// The rules that a head must keep beyond Beast's grammar: CRLF only, no NUL, no folded line, at
/// most limits::headersMax lines, no repeated length, no length beside an encoding. `block` ends
/// with the empty line.
[[nodiscard]] Result<void> checkHeadBytes(std::string_view block);

class RequestParser {
public:
    RequestParser();
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    enum class State { NeedMore, HeadDone, Done };
    /// Takes bytes from the front of `in` and erases what it used. Stops once at HeadDone. Errors:
    /// OutOfRange when the body is above limits::bodyBytesMax, else InvalidArgument.
    [[nodiscard]] Result<State> feed(std::string& in);
    [[nodiscard]] const RequestHead& head() const;
    [[nodiscard]] bool headDone() const;
    [[nodiscard]] std::string& body();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

class ResponseParser {
public:
    ResponseParser();
    ~ResponseParser();
    ResponseParser(const ResponseParser&) = delete;
    ResponseParser& operator=(const ResponseParser&) = delete;

    /// Takes bytes from the front of `in`, erases what it used, appends body bytes to `body`.
    /// Interim answers (1xx) are skipped.
    [[nodiscard]] Result<void> feed(std::string& in, std::string& body);
    /// The connection ended. An error when the message was not complete.
    [[nodiscard]] Result<void> feedEnd();
    [[nodiscard]] bool headDone() const;
    [[nodiscard]] bool done() const;
    [[nodiscard]] bool keepAlive() const;
    [[nodiscard]] int status() const;
    /// Names in lower case; taken out.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> takeHeaders();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// "Content-Type" equals "content-type"; ASCII only.
[[nodiscard]] bool equalsIgnoringCase(std::string_view a, std::string_view b);
/// "OK" for 200; "Error" when unknown.
[[nodiscard]] const char* reasonPhrase(int status);

} // namespace headgate::proxy
