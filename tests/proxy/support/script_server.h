// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A provider made of a script: for each connection it reads one request after the other and does
// what the script says with raw bytes. Its own thread a connection. For tests.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace headgate::testing {

/// What a script can do with a connection.
class ScriptLink {
public:
    virtual ~ScriptLink() = default;
    virtual bool write(const std::string& bytes) = 0;
    virtual std::string read() = 0; ///< what comes next; empty at the end
    virtual void reset() = 0; ///< RST
};

struct ScriptRequest {
    std::string head;
    std::string body;
    int number = 0; ///< on this server, from 1
};

class ScriptServer {
public:
    /// Called for each request; false closes the connection.
    using Script = std::function<bool(const ScriptRequest&, ScriptLink&)>;
    struct TlsFiles {
        std::string certificate;
        std::string key;
    };
    explicit ScriptServer(Script script, TlsFiles tls = {});
    ~ScriptServer();
    ScriptServer(const ScriptServer&) = delete;
    ScriptServer& operator=(const ScriptServer&) = delete;
    [[nodiscard]] int port() const { return m_port; }
    [[nodiscard]] std::string url() const;
    [[nodiscard]] int requests() const { return m_requests.load(); }
    [[nodiscard]] int connections() const { return m_connections.load(); }
    [[nodiscard]] std::vector<ScriptRequest> seen() const;

private:
    void acceptAll();
    void serve(int socket);
    Script m_script;
    TlsFiles m_tls;
    int m_listener = -1;
    int m_port = 0;
    std::atomic<int> m_requests{0};
    std::atomic<int> m_connections{0};
    std::atomic<bool> m_stopping{false};
    mutable std::mutex m_mutex;
    std::vector<ScriptRequest> m_seen;
    std::vector<int> m_open;
    std::vector<std::thread> m_threads;
    std::thread m_acceptor;
};

/// A whole answer with a length.
[[nodiscard]] std::string httpReply(
    int status, const std::string& body, const std::string& contentType = "application/json");
/// The head of a chunked event stream, and one chunk of it.
[[nodiscard]] std::string streamHead();
[[nodiscard]] std::string chunk(const std::string& bytes);
/// A chat completion with `completionTokens`; no usage when negative.
[[nodiscard]] std::string completion(
    int promptTokens, int completionTokens, const std::string& text = "hello there");
[[nodiscard]] std::string deltaEvent(const std::string& text);
[[nodiscard]] std::string finishEvent();
[[nodiscard]] std::string usageEvent(int promptTokens, int completionTokens);

} // namespace headgate::testing
