// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/http_parser.h"

#include "core/base/limits.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

#include <cstring>

namespace headgate::proxy {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

namespace {

std::string_view view(BeastView text)
{
    return {text.data(), text.size()};
}

Error malformed(const std::string& what)
{
    return {ErrorCode::InvalidArgument, "The request is not well-formed HTTP/1.1: " + what + "."};
}

/// Beast aborts when it asked for more in mid-way of the last chunk's "0\r\n\r\n" and is called
/// again with less than the whole of it. No body that waits for more ends sooner than this.
constexpr std::size_t leastRest = 5;

/// One header line of a request without its CRLF.
Result<void> checkHeaderLine(std::string_view line, int& lengths, int& encodings)
{
    if (line.front() == ' ' || line.front() == '\t') {
        return malformed("a folded header line");
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        return malformed("a header line without a name");
    }
    const auto name = line.substr(0, colon);
    if (name.back() == ' ' || name.back() == '\t') {
        return malformed("a space before a header's colon");
    }
    const auto isLength = equalsIgnoringCase(name, "content-length");
    const auto isEncoding = equalsIgnoringCase(name, "transfer-encoding");
    if (isLength) {
        ++lengths;
    }
    if (isEncoding) {
        ++encodings;
        auto value = line.substr(colon + 1);
        while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
            value.remove_prefix(1);
        }
        while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) {
            value.remove_suffix(1);
        }
        if (!equalsIgnoringCase(value, "chunked")) {
            return malformed("a transfer encoding other than chunked");
        }
    }
    if (isLength && line.find(',') != std::string_view::npos) {
        return malformed("a list of content lengths");
    }
    return {};
}

} // namespace

bool equalsIgnoringCase(std::string_view a, std::string_view b)
{
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (toLower(a[i]) != toLower(b[i])) {
            return false;
        }
    }
    return true;
}

const char* reasonPhrase(int status)
{
    const auto phrase = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
    return phrase.empty() || phrase == "<unknown-status>" ? "Error" : phrase.data();
}

std::string_view RequestHead::header(std::string_view lowerName) const
{
    for (const HeaderView& field : headers) {
        if (equalsIgnoringCase(field.name, lowerName)) {
            return field.value;
        }
    }
    return {};
}

int RequestHead::count(std::string_view lowerName) const
{
    int found = 0;
    for (const HeaderView& field : headers) {
        found += equalsIgnoringCase(field.name, lowerName) ? 1 : 0;
    }
    return found;
}

Result<void> checkHeadBytes(std::string_view block)
{
    if (std::memchr(block.data(), '\0', block.size()) != nullptr) {
        return malformed("a NUL byte");
    }
    std::size_t lines = 0;
    int lengths = 0;
    int encodings = 0;
    while (!block.empty()) {
        const auto end = block.find('\n');
        if (end == std::string_view::npos || end == 0 || block[end - 1] != '\r') {
            return malformed("a line that does not end with CRLF");
        }
        const auto line = block.substr(0, end - 1);
        if (line.find('\r') != std::string_view::npos) {
            return malformed("a carriage return inside a line");
        }
        block.remove_prefix(end + 1);
        if (line.empty()) {
            break;
        }
        if (lines++ == 0) {
            continue; // the request line is Beast's
        }
        if (lines > limits::headersMax + 1) {
            return malformed("more than " + std::to_string(limits::headersMax) + " headers");
        }
        if (auto checked = checkHeaderLine(line, lengths, encodings); !checked) {
            return checked;
        }
    }
    if (lengths > 1 || encodings > 1 || lengths + encodings > 1) {
        return malformed("more than one statement of the body's length");
    }
    return {};
}

// --- requests

struct RequestParser::Impl final : http::basic_parser<true> {
    Impl()
    {
        header_limit(static_cast<std::uint32_t>(limits::headBytesMax));
        body_limit(limits::bodyBytesMax);
        eager(true);
    }

    RequestHead head;
    std::string body;
    bool headReady = false;
    bool waits = false; ///< for leastRest bytes

    void on_request_impl(
        http::verb, BeastView methodText, BeastView target, int version, error_code& ec) override
    {
        head.method = view(methodText);
        head.target = view(target);
        head.version = version;
        if (version != 10 && version != 11) {
            ec = http::error::bad_version;
        }
    }
    void on_response_impl(int, BeastView, int, error_code&) override { }
    void on_field_impl(http::field, BeastView name, BeastView value, error_code&) override
    {
        if (!headReady) { // trailers say nothing that may be believed
            head.headers.push_back({view(name), view(value)});
        }
    }
    void on_header_impl(error_code&) override { }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override { }
    std::size_t on_body_impl(BeastView bytes, error_code&) override
    {
        body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t, BeastView, error_code&) override { }
    std::size_t on_chunk_body_impl(std::uint64_t, BeastView bytes, error_code& ec) override
    {
        if (body.size() + bytes.size() > limits::bodyBytesMax) {
            ec = http::error::body_limit;
            return 0;
        }
        body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_finish_impl(error_code&) override { }

    Result<State> feedHead(std::string& in);
    Result<State> feedBody(std::string& in);
    [[nodiscard]] static Error errorFor(const error_code& ec);
};

Error RequestParser::Impl::errorFor(const error_code& ec)
{
    if (ec == http::error::body_limit) {
        return {ErrorCode::OutOfRange,
            "The request body is larger than " + std::to_string(limits::bodyBytesMax >> 20U)
                + " MiB.",
            "Send a shorter conversation or smaller attachments."};
    }
    return malformed(ec.message());
}

Result<RequestParser::State> RequestParser::Impl::feedHead(std::string& in)
{
    // Empty lines before a request line are a relic; none of our clients sends them.
    const auto end = in.find("\r\n\r\n");
    const auto bare = in.find("\n\n");
    if (bare != std::string::npos && (end == std::string::npos || bare < end)) {
        return malformed("a line that does not end with CRLF");
    }
    if (end == std::string::npos) {
        if (in.size() > limits::headBytesMax) {
            return malformed("a head larger than 32 KiB");
        }
        return State::NeedMore;
    }
    if (end + 4 > limits::headBytesMax) {
        return malformed("a head larger than 32 KiB");
    }
    head.block.assign(in, 0, end + 4);
    in.erase(0, end + 4);
    if (auto checked = checkHeadBytes(head.block); !checked) {
        return checked.error();
    }
    error_code ec;
    const auto used = put(boost::asio::buffer(head.block), ec);
    if ((ec && ec != http::error::need_more) || !is_header_done()) {
        return errorFor(ec ? ec : error_code(http::error::bad_field));
    }
    if (used != head.block.size()) {
        return malformed("bytes after the head's end");
    }
    headReady = true;
    head.keepAlive = keep_alive();
    const auto length = content_length();
    head.contentLength = length ? static_cast<std::int64_t>(*length) : -1;
    head.hasBody = !is_done();
    head.expectsContinue = equalsIgnoringCase(head.header("expect"), "100-continue");
    return State::HeadDone;
}

Result<RequestParser::State> RequestParser::Impl::feedBody(std::string& in)
{
    std::size_t used = 0;
    while (!is_done() && used < in.size() && !(waits && in.size() - used < leastRest)) {
        error_code ec;
        const auto n = put(boost::asio::buffer(in.data() + used, in.size() - used), ec);
        used += n;
        waits = ec == http::error::need_more;
        if (ec && !waits) {
            return errorFor(ec);
        }
        if (n == 0 || waits) {
            break;
        }
    }
    in.erase(0, used);
    return is_done() ? State::Done : State::NeedMore;
}

RequestParser::RequestParser() : m_impl(std::make_unique<Impl>()) { }

RequestParser::~RequestParser() = default;

Result<RequestParser::State> RequestParser::feed(std::string& in)
{
    return m_impl->headReady ? m_impl->feedBody(in) : m_impl->feedHead(in);
}

const RequestHead& RequestParser::head() const
{
    return m_impl->head;
}

bool RequestParser::headDone() const
{
    return m_impl->headReady;
}

std::string& RequestParser::body()
{
    return m_impl->body;
}

// --- responses

namespace {

class ResponseGrammar final : public http::basic_parser<false> {
public:
    explicit ResponseGrammar(std::string*& target) : m_target(target)
    {
        header_limit(static_cast<std::uint32_t>(2 * limits::headBytesMax));
        body_limit(limits::answerBytesMax);
        eager(true);
    }
    int status = 0;
    std::size_t fields = 0;
    std::vector<std::pair<std::string, std::string>> headers;

protected:
    void on_request_impl(http::verb, BeastView, BeastView, int, error_code&) override { }
    void on_response_impl(int code, BeastView, int, error_code& ec) override
    {
        status = code;
        if (code < 100) { // three digits all the same, for Beast
            ec = http::error::bad_status;
        }
    }
    void on_field_impl(http::field, BeastView name, BeastView value, error_code& ec) override
    {
        if (++fields > 2 * limits::headersMax) {
            ec = http::error::header_limit;
            return;
        }
        if (!is_header_done()) {
            headers.emplace_back(toLower(view(name)), std::string(view(value)));
        }
    }
    void on_header_impl(error_code&) override { }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override { }
    std::size_t on_body_impl(BeastView bytes, error_code&) override
    {
        m_target->append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t, BeastView, error_code&) override { }
    std::size_t on_chunk_body_impl(std::uint64_t, BeastView bytes, error_code& ec) override
    {
        m_total += bytes.size();
        if (m_total > limits::answerBytesMax) {
            ec = http::error::body_limit;
            return 0;
        }
        m_target->append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_finish_impl(error_code&) override { }

private:
    std::string*& m_target;
    std::size_t m_total = 0;
};

Error badAnswer(const error_code& ec)
{
    return {ErrorCode::Io, "The provider's answer is not well-formed HTTP: " + ec.message() + "."};
}

} // namespace

struct ResponseParser::Impl {
    Impl() { grammar = std::make_unique<ResponseGrammar>(target); }
    std::string* target = nullptr;
    std::unique_ptr<ResponseGrammar> grammar;
    int interim = 0;
    bool waits = false; ///< for leastRest bytes

    [[nodiscard]] bool isInterim() const
    {
        return grammar->is_header_done() && grammar->status >= 100 && grammar->status < 200;
    }
};

ResponseParser::ResponseParser() : m_impl(std::make_unique<Impl>()) { }

ResponseParser::~ResponseParser() = default;

Result<void> ResponseParser::feed(std::string& in, std::string& body)
{
    m_impl->target = &body;
    std::size_t used = 0;
    while (used < in.size() && !m_impl->grammar->is_done()
        && !(m_impl->waits && in.size() - used < leastRest)) {
        error_code ec;
        const auto n
            = m_impl->grammar->put(boost::asio::buffer(in.data() + used, in.size() - used), ec);
        used += n;
        if (ec && ec != http::error::need_more) {
            return badAnswer(ec);
        }
        m_impl->waits = ec && m_impl->grammar->is_header_done();
        if (m_impl->isInterim()) {
            if (++m_impl->interim > 8) {
                return badAnswer(http::error::bad_status);
            }
            m_impl->waits = false;
            m_impl->grammar = std::make_unique<ResponseGrammar>(m_impl->target);
            continue;
        }
        if (n == 0 || m_impl->waits) {
            break;
        }
    }
    in.erase(0, used);
    return {};
}

Result<void> ResponseParser::feedEnd()
{
    if (m_impl->grammar->is_done()) {
        return {};
    }
    if (!m_impl->grammar->is_header_done() || !m_impl->grammar->need_eof()) {
        return Error(ErrorCode::Io, "The provider closed the connection before its answer's end.");
    }
    std::string none;
    m_impl->target = &none;
    error_code ec;
    m_impl->grammar->put_eof(ec);
    if (ec) {
        return badAnswer(ec);
    }
    return {};
}

bool ResponseParser::headDone() const
{
    return m_impl->grammar->is_header_done() && !m_impl->isInterim();
}

bool ResponseParser::done() const
{
    return m_impl->grammar->is_done() && !m_impl->isInterim();
}

bool ResponseParser::keepAlive() const
{
    return m_impl->grammar->keep_alive() && !m_impl->grammar->need_eof();
}

int ResponseParser::status() const
{
    return m_impl->grammar->status;
}

std::vector<std::pair<std::string, std::string>> ResponseParser::takeHeaders()
{
    return std::move(m_impl->grammar->headers);
}

} // namespace headgate::proxy
