// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A blocking HTTP client over a plain socket that sends exactly the bytes it is given, well-formed
// or not, and leaves when it is told to. For tests; one thread an object.

#include <map>
#include <string>
#include <string_view>

namespace headgate::testing {

struct RawReply {
    int status = 0; ///< 0: the connection ended before an answer
    std::multimap<std::string, std::string> headers; ///< names in lower case
    std::string body; ///< unchunked
    bool complete = false; ///< ended as its framing says
    [[nodiscard]] std::string header(const std::string& name) const;
};

class RawClient {
public:
    explicit RawClient(int port, int timeoutMs = 20'000);
    ~RawClient();
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    [[nodiscard]] bool connected() const { return m_socket >= 0; }
    bool send(std::string_view bytes);
    [[nodiscard]] RawReply receive(bool headOnly = false);
    /// Reads at least `bytes` bytes of whatever comes (0 at the end).
    std::size_t readSome(std::size_t bytes);
    /// True when the other side has closed (waits for it).
    [[nodiscard]] bool waitForClose();
    void shutdownSend();
    void close();
    void reset(); ///< closes with RST

private:
    bool fill();
    int m_socket = -1;
    std::string m_in;
};

struct RawRequest {
    std::string method = "POST";
    std::string target = "/v1/chat/completions";
    std::string key;
    std::string body;
    std::string host; ///< empty: 127.0.0.1:port
    std::string extraHeaders; ///< whole lines with CRLF
};
[[nodiscard]] std::string wireText(int port, const RawRequest& request);
/// One request on a connection of its own.
[[nodiscard]] RawReply ask(int port, const RawRequest& request);

} // namespace headgate::testing
