// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/demo_traffic.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/service/demo_prompts.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace headgate::service {

namespace asio = boost::asio;
namespace json = boost::json;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using Steady = std::chrono::steady_clock;

namespace {

/// Requests that may wait for their answer at once: a slow proxy is not buried.
constexpr int inFlightMax = 256;
constexpr std::size_t idleConnectionsMax = 64;
/// Below the proxy's own limit, so that a connection is never used just as it is closed.
constexpr auto idleMax = std::chrono::seconds(20);
constexpr auto requestTimeout = std::chrono::seconds(120);
constexpr std::size_t sessionsMax = 60;
constexpr int turnsMax = 6;
constexpr std::size_t answerBytesMax = 4 * 1024 * 1024;
/// The rate swings around its mean, as a day's does, in minutes instead of hours.
constexpr double rhythmSeconds = 300.0;
constexpr double rhythmShare = 0.35;

struct Session {
    std::string id;
    std::size_t client = 0;
    std::string task;
    json::array messages;
    int turns = 0;
    bool busy = false;
};

struct Connection {
    tcp::socket socket;
    Steady::time_point since;
};

struct Answer {
    int status = 0; ///< 0: the connection failed
    std::string body;
};

/// What an HTTP/1.1 answer head says about its body.
struct Head {
    int status = 0;
    bool chunked = false;
    bool close = false;
    std::size_t length = 0;
};

Head parseHead(std::string_view text)
{
    Head head;
    if (text.size() > 12) {
        std::from_chars(text.data() + 9, text.data() + 12, head.status);
    }
    std::size_t at = text.find("\r\n");
    while (at != std::string_view::npos && at + 2 < text.size()) {
        const auto end = text.find("\r\n", at + 2);
        const std::string line = toLower(text.substr(at + 2, end - at - 2));
        const auto colon = line.find(':');
        if (colon != std::string::npos) {
            const auto start = line.find_first_not_of(' ', colon + 1);
            const std::string value = start == std::string::npos ? "" : line.substr(start);
            const std::string name = line.substr(0, colon);
            if (name == "content-length") {
                std::from_chars(value.data(), value.data() + value.size(), head.length);
            } else if (name == "transfer-encoding") {
                head.chunked = value.find("chunked") != std::string::npos;
            } else if (name == "connection") {
                head.close = value == "close";
            }
        }
        at = end;
    }
    return head;
}

/// What the assistant said, out of a body or out of a stream's events.
std::string textOfChoice(const json::object& object, const char* part)
{
    const auto* choices = object.if_contains("choices");
    if (choices == nullptr || !choices->is_array() || choices->as_array().empty()
        || !choices->as_array().front().is_object()) {
        return {};
    }
    const auto* message = choices->as_array().front().as_object().if_contains(part);
    if (message == nullptr || !message->is_object()) {
        return {};
    }
    const auto* content = message->as_object().if_contains("content");
    return content != nullptr && content->is_string() ? std::string(content->as_string())
                                                      : std::string();
}

std::string textOfAnswer(const std::string& body, bool stream)
{
    error_code error;
    if (!stream) {
        const auto value = json::parse(body, error);
        return error || !value.is_object() ? std::string()
                                           : textOfChoice(value.as_object(), "message");
    }
    std::string out;
    std::size_t at = 0;
    while ((at = body.find("data: {", at)) != std::string::npos) {
        const auto end = body.find('\n', at);
        const auto value = json::parse(
            std::string_view(body).substr(at + 6, end == std::string::npos ? end : end - at - 6),
            error);
        if (!error && value.is_object()) {
            out += textOfChoice(value.as_object(), "delta");
        }
        at += 6;
    }
    return out;
}

json::array demoTools()
{
    const auto tool = [](const char* name, const char* what, const char* parameter) {
        return json::object{{"type", "function"},
            {"function",
                json::object{{"name", name}, {"description", what},
                    {"parameters",
                        json::object{{"type", "object"},
                            {"properties",
                                json::object{{parameter, json::object{{"type", "string"}}}}},
                            {"required", json::array{parameter}}}}}}};
    };
    return {tool("order_status", "Looks up an order", "order"),
        tool("restart_worker", "Restarts a worker", "name"),
        tool("queue_depth", "Tells how many jobs wait", "queue")};
}

} // namespace

struct DemoTraffic::Impl {
    explicit Impl(DemoOptions given)
        : options(std::move(given)),
          rng(options.seed),
          context(1),
          arrival(context)
    {
    }

    asio::awaitable<void> arrive();
    asio::awaitable<void> ask(std::size_t session);
    asio::awaitable<Answer> exchange(std::string request);
    asio::awaitable<bool> connect(Connection& connection);
    static asio::awaitable<Answer> readAnswer(Connection& connection, bool& reusable);
    [[nodiscard]] bool takeIdle(Connection& connection);
    [[nodiscard]] std::size_t chooseSession();
    [[nodiscard]] std::size_t newSession();
    [[nodiscard]] std::string requestFor(Session& session, bool stream);
    [[nodiscard]] Steady::duration nextPause();
    void count(const Answer& answer);
    void finish();

    DemoOptions options;
    Rng rng;
    asio::io_context context;
    asio::steady_timer arrival;
    tcp::endpoint endpoint;
    std::string authority;
    std::deque<Session> sessions; ///< stays put while coroutines refer to entries
    std::deque<Connection> idle;
    Steady::time_point startedAt = Steady::now();
    int inFlight = 0;
    std::int64_t sessionsMade = 0;
    bool arriving = true;

    std::atomic<std::int64_t> sent{0};
    std::atomic<std::int64_t> answered{0};
    std::atomic<std::int64_t> refused{0};
    std::atomic<std::int64_t> failed{0};
    std::atomic<bool> active{true};
    std::mutex mutex;
    std::condition_variable ended;
    std::thread thread;
};

Steady::duration DemoTraffic::Impl::nextPause()
{
    const double seconds = std::chrono::duration<double>(Steady::now() - startedAt).count();
    const double swing = 1.0 + rhythmShare * std::sin(seconds * 6.283185307 / rhythmSeconds);
    const double perSecond = static_cast<double>(options.requestsPerMinute) / 60.0 * swing;
    // Exponential pauses make arrivals without memory, as independent people do.
    const double u = (static_cast<double>(rng.below(1'000'000)) + 1.0) / 1'000'001.0;
    return std::chrono::duration_cast<Steady::duration>(
        std::chrono::duration<double>(-std::log(u) / perSecond));
}

asio::awaitable<void> DemoTraffic::Impl::arrive()
{
    const auto end = options.seconds > 0 ? startedAt + std::chrono::seconds(options.seconds)
                                         : Steady::time_point::max();
    auto next = Steady::now();
    for (;;) {
        next += nextPause();
        if (next >= end) {
            break;
        }
        arrival.expires_at(next);
        error_code error;
        co_await arrival.async_wait(asio::redirect_error(asio::use_awaitable, error));
        if (error || !arriving) {
            break;
        }
        if (inFlight >= inFlightMax) {
            continue;
        }
        const std::size_t session = chooseSession();
        sessions[session].busy = true;
        ++inFlight;
        asio::co_spawn(context, ask(session), asio::detached);
    }
    arriving = false;
    if (inFlight == 0) {
        finish();
    }
}

std::size_t DemoTraffic::Impl::chooseSession()
{
    if (rng.chancePermille(550)) {
        const std::size_t start = sessions.empty() ? 0 : rng.below(sessions.size());
        for (std::size_t i = 0; i < sessions.size(); ++i) {
            const std::size_t at = (start + i) % sessions.size();
            if (!sessions[at].busy && sessions[at].turns > 0 && sessions[at].turns < turnsMax) {
                return at;
            }
        }
    }
    return newSession();
}

std::size_t DemoTraffic::Impl::newSession()
{
    std::size_t at = sessions.size();
    for (std::size_t i = 0; sessions.size() >= sessionsMax && i < sessions.size(); ++i) {
        const std::size_t candidate = rng.below(sessions.size());
        if (!sessions[candidate].busy) {
            at = candidate;
            break;
        }
    }
    if (at == sessions.size()) {
        sessions.emplace_back();
    }
    Session& session = sessions[at];
    session = Session();
    session.client = rng.below(options.clients.size());
    session.id = fmt::format("{}-{}", options.clients[session.client].user, ++sessionsMade);
    return at;
}

std::string DemoTraffic::Impl::requestFor(Session& session, bool stream)
{
    const DemoClient& client = options.clients[session.client];
    json::object body;
    DemoPrompt prompt;
    if (session.turns == 0) {
        prompt = demoPrompt(client.team, rng);
        session.task = prompt.task;
        session.messages.push_back(json::object{{"role", "system"}, {"content", prompt.system}});
        session.messages.push_back(json::object{{"role", "user"}, {"content", prompt.user}});
    } else {
        session.messages.push_back(
            json::object{{"role", "user"}, {"content", demoFollowUp(session.task, rng)}});
    }
    const auto dice = rng.below(100);
    body["model"] = dice < 86 ? "auto"
        : dice < 92           ? "sim-large"
        : dice < 96           ? "sim-medium"
                              : "sim-small";
    body["messages"] = session.messages;
    if (prompt.maxTokens > 0) {
        body["max_tokens"] = prompt.maxTokens;
    }
    if (prompt.tools) {
        body["tools"] = demoTools();
    }
    if (prompt.json) {
        body["response_format"] = json::object{{"type", "json_object"}};
    }
    if (stream) {
        body["stream"] = true;
    }
    const std::string text = json::serialize(body);
    const auto urgency = rng.below(100);
    const char* priority = urgency < 5 ? "high" : urgency < 20 ? "low" : "normal";
    return fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\n"
                       "Content-Type: application/json\r\nAuthorization: Bearer {}\r\n"
                       "User-Agent: headgate-demo\r\nx-headgate-session: {}\r\n"
                       "x-headgate-priority: {}\r\nx-headgate-tags: project:{}\r\n"
                       "Content-Length: {}\r\n\r\n{}",
        authority, client.key.reveal(), session.id, priority, client.team, text.size(), text);
}

asio::awaitable<void> DemoTraffic::Impl::ask(std::size_t at)
{
    const bool stream = rng.chancePermille(600);
    std::string request = requestFor(sessions[at], stream);
    ++sent;
    const Answer answer = co_await exchange(std::move(request));
    count(answer);
    Session& session = sessions[at];
    session.busy = false;
    std::string text = answer.status == 200 ? textOfAnswer(answer.body, stream) : std::string();
    if (text.empty()) {
        session.turns = turnsMax; // people give up on a conversation that was refused
    } else {
        session.messages.push_back(json::object{{"role", "assistant"}, {"content", text}});
        ++session.turns;
    }
    --inFlight;
    if (!arriving && inFlight == 0) {
        finish();
    }
}

void DemoTraffic::Impl::count(const Answer& answer)
{
    if (answer.status == 200) {
        ++answered;
    } else if (answer.status == 402 || answer.status == 429 || answer.status == 503) {
        ++refused;
    } else {
        ++failed;
    }
}

bool DemoTraffic::Impl::takeIdle(Connection& connection)
{
    while (!idle.empty()) {
        Connection last = std::move(idle.back());
        idle.pop_back();
        error_code error;
        if (Steady::now() - last.since < idleMax && last.socket.available(error) == 0 && !error) {
            connection.socket = std::move(last.socket);
            return true;
        }
    }
    return false;
}

asio::awaitable<bool> DemoTraffic::Impl::connect(Connection& connection)
{
    if (takeIdle(connection)) {
        co_return true;
    }
    error_code error;
    co_await connection.socket.async_connect(
        endpoint, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
}

asio::awaitable<Answer> DemoTraffic::Impl::exchange(std::string request)
{
    Connection connection{tcp::socket(context), Steady::now()};
    const bool connected = co_await connect(connection);
    if (!connected) {
        co_return Answer();
    }
    asio::steady_timer limit(context);
    limit.expires_after(requestTimeout);
    limit.async_wait([&connection](const error_code& error) {
        if (!error) {
            error_code ignored;
            connection.socket.close(ignored);
        }
    });
    error_code error;
    co_await asio::async_write(
        connection.socket, asio::buffer(request), asio::redirect_error(asio::use_awaitable, error));
    Answer answer;
    bool reusable = false;
    if (!error) {
        answer = co_await readAnswer(connection, reusable);
    }
    const bool inTime = limit.cancel() > 0;
    if (reusable && inTime && idle.size() < idleConnectionsMax) {
        connection.since = Steady::now();
        idle.push_back(std::move(connection));
    }
    co_return answer;
}

asio::awaitable<Answer> DemoTraffic::Impl::readAnswer(Connection& connection, bool& reusable)
{
    Answer answer;
    std::string buffer;
    std::string chunk(16 * 1024, '\0');
    Head head;
    std::size_t bodyAt = 0;
    reusable = false;
    for (;;) {
        if (bodyAt == 0) {
            const auto end = buffer.find("\r\n\r\n");
            if (end != std::string::npos) {
                head = parseHead(std::string_view(buffer).substr(0, end + 2));
                bodyAt = end + 4;
            }
        }
        // The last chunk of a chunked body is its only line that ends like this.
        const bool whole = bodyAt > 0
            && (head.chunked ? buffer.ends_with("\r\n0\r\n\r\n")
                             : buffer.size() >= bodyAt + head.length);
        if (whole) {
            reusable = !head.close;
            break;
        }
        error_code error;
        const std::size_t n = co_await connection.socket.async_read_some(
            asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
        if (error || buffer.size() > answerBytesMax) {
            co_return answer; // cut: counted as failed
        }
        buffer.append(chunk, 0, n);
    }
    answer.status = head.status;
    answer.body = buffer.substr(bodyAt);
    co_return answer;
}

void DemoTraffic::Impl::finish()
{
    const std::lock_guard lock(mutex);
    active = false;
    ended.notify_all();
}

DemoTraffic::DemoTraffic(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) { }

Result<std::unique_ptr<DemoTraffic>> DemoTraffic::start(DemoOptions options)
{
    if (options.clients.empty() || options.requestsPerMinute < 1) {
        return Error(ErrorCode::InvalidArgument, "Demo traffic needs clients and a rate.");
    }
    const std::string prefix = "http://";
    const auto colon = options.url.rfind(':');
    int port = 0;
    if (options.url.starts_with(prefix) && colon > prefix.size()) {
        std::from_chars(
            options.url.data() + colon + 1, options.url.data() + options.url.size(), port);
    }
    error_code error;
    const auto address = port > 0 && port < 65'536
        ? asio::ip::make_address(options.url.substr(prefix.size(), colon - prefix.size()), error)
        : asio::ip::address();
    if (port <= 0 || port >= 65'536 || error) {
        return Error(ErrorCode::InvalidArgument, "Demo traffic cannot use " + options.url + ".");
    }
    auto impl = std::make_unique<Impl>(std::move(options));
    impl->endpoint = tcp::endpoint(address, static_cast<std::uint16_t>(port));
    impl->authority = impl->options.url.substr(prefix.size());
    asio::co_spawn(impl->context, impl->arrive(), asio::detached);
    impl->thread = std::thread([raw = impl.get()] {
        raw->context.run();
        raw->finish();
    });
    return std::unique_ptr<DemoTraffic>(new DemoTraffic(std::move(impl)));
}

DemoTraffic::~DemoTraffic()
{
    // What is in flight is dropped, as when a client program is closed.
    m_impl->context.stop();
    m_impl->thread.join();
}

DemoCounts DemoTraffic::counts() const
{
    return {m_impl->sent, m_impl->answered, m_impl->refused, m_impl->failed};
}

bool DemoTraffic::running() const
{
    return m_impl->active;
}

void DemoTraffic::waitUntilDone()
{
    std::unique_lock lock(m_impl->mutex);
    m_impl->ended.wait(lock, [this] { return !m_impl->active; });
}

} // namespace headgate::service
