// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/control.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/service/control_socket.h"
#include "core/service/service.h"

#include <boost/json.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

namespace headgate::service {

namespace json = boost::json;

namespace {

/// Verbs of one user at once; more wait in the socket's backlog.
constexpr std::size_t callsMax = 32;
/// A client sends its line at once.
constexpr int requestSeconds = 10;
constexpr int answerSeconds = 30;
/// Exports and verification of large files take their time before the next row comes.
constexpr int waitSeconds = 900;

json::object errorJson(const Error& error)
{
    return {{"error",
        json::object{{"code", errorCodeName(error.code)}, {"message", error.message},
            {"remedy", error.remedy}}}};
}

ErrorCode codeFromName(std::string_view name)
{
    constexpr std::array all{ErrorCode::InvalidArgument, ErrorCode::NotFound,
        ErrorCode::AlreadyExists, ErrorCode::OutOfRange, ErrorCode::Unauthorized,
        ErrorCode::Refused, ErrorCode::Unavailable, ErrorCode::Io, ErrorCode::Corrupt,
        ErrorCode::TooNew, ErrorCode::Unsupported, ErrorCode::Internal};
    for (const ErrorCode code : all) {
        if (name == errorCodeName(code)) {
            return code;
        }
    }
    return ErrorCode::Internal;
}

std::string textOf(const json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

Result<json::object> parseLine(std::string_view line)
{
    json::parse_options options;
    options.allow_invalid_utf8 = true; // rows may hold what clients sent
    options.max_depth = 64;
    boost::system::error_code error;
    auto value = json::parse(json::string_view(line.data(), line.size()), error, {}, options);
    if (error || !value.is_object()) {
        return Error(ErrorCode::InvalidArgument, "The control line is not a JSON object.");
    }
    return std::move(value.as_object());
}

Error errorFrom(const json::object& object)
{
    return Error(
        codeFromName(textOf(object, "code")), textOf(object, "message"), textOf(object, "remedy"));
}

/// Reads rows until the end mark.
Result<void> readAnswer(LineSocket& socket, const RowSink& row)
{
    for (;;) {
        const auto line = socket.readLine(limits::controlLineBytesMax);
        if (!line) {
            return line.error();
        }
        const auto object = parseLine(*line);
        if (!object) {
            return object.error();
        }
        if (const auto* one = object->if_contains("row"); one != nullptr && one->is_object()) {
            if (!row(one->as_object())) {
                return {};
            }
        } else if (const auto* error = object->if_contains("error");
                   error != nullptr && error->is_object()) {
            return errorFrom(error->as_object());
        } else {
            return {};
        }
    }
}

/// Asks the Headgate that listens; nothing when none does.
std::optional<Result<void>> askRunning(
    const std::string& home, const std::string& verb, const json::object& args, const RowSink& row)
{
    const auto path = controlPath(home);
    if (!path) {
        return Result<void>(path.error());
    }
    auto socket = LineSocket::connect(*path);
    if (!socket) {
        return std::nullopt;
    }
    socket->setTimeouts(waitSeconds, answerSeconds);
    if (!socket->writeLine(json::serialize(json::object{{"verb", verb}, {"args", args}}))) {
        return Result<void>(
            Error(ErrorCode::Unavailable, "The running Headgate does not take the verb.",
                "Try again; if it stays so, restart it."));
    }
    return readAnswer(*socket, row);
}

} // namespace

Result<void> runVerbAt(const std::string& home, const std::string& verb,
    const boost::json::object& args, const RowSink& row)
{
    if (auto answered = askRunning(home, verb, args, row)) {
        return std::move(*answered);
    }
    ServiceOptions options;
    options.home = home;
    options.control = false;
    auto service = Service::open(std::move(options));
    if (!service) {
        if (service.error().code == ErrorCode::Unavailable) {
            // A Headgate started between the two attempts.
            if (auto answered = askRunning(home, verb, args, row)) {
                return std::move(*answered);
            }
        }
        return service.error();
    }
    return runVerb(**service, verb, args, row);
}

bool isRunning(const std::string& home)
{
    const auto path = controlPath(home);
    return path && LineSocket::connect(*path).has_value();
}

// --- server

struct ControlServer::Impl {
    Impl(Service& served, std::string socketPath, int listening)
        : service(served),
          path(std::move(socketPath)),
          listenFd(listening),
          stopFd(::eventfd(0, EFD_CLOEXEC))
    {
    }
    ~Impl();
    void accept();
    void serve(LineSocket& socket);
    void reap(bool all);

    struct Call {
        explicit Call(int fd) : socket(fd) { }
        LineSocket socket;
        std::atomic<bool> done{false};
        std::thread thread;
    };

    Service& service;
    const std::string path;
    int listenFd = -1;
    int stopFd = -1;
    std::mutex mutex;
    std::list<Call> calls;
    std::thread acceptor;
};

ControlServer::Impl::~Impl()
{
    const std::uint64_t one = 1;
    static_cast<void>(::write(stopFd, &one, sizeof one) == sizeof one);
    if (acceptor.joinable()) {
        acceptor.join();
    }
    {
        const std::lock_guard lock(mutex);
        for (auto& call : calls) {
            ::shutdown(call.socket.fd(), SHUT_RD); // ends waiting for a line, not an answer
        }
    }
    reap(true);
    ::close(listenFd);
    ::close(stopFd);
    ::unlink(path.c_str());
}

void ControlServer::Impl::accept()
{
    for (;;) {
        std::array<pollfd, 2> waiting{{{stopFd, POLLIN, 0}, {listenFd, POLLIN, 0}}};
        reap(false);
        std::size_t running = 0;
        {
            const std::lock_guard lock(mutex);
            running = calls.size();
        }
        const bool full = running >= callsMax;
        if (::poll(waiting.data(), full ? 1 : 2, full ? 50 : -1) < 0 && errno != EINTR) {
            return;
        }
        if (waiting[0].revents != 0) {
            return;
        }
        if (full || waiting[1].revents == 0) {
            continue;
        }
        const int fd = ::accept4(listenFd, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        const std::lock_guard lock(mutex);
        auto& call = calls.emplace_back(fd);
        call.thread = std::thread([this, &call] {
            serve(call.socket);
            call.done = true;
        });
    }
}

void ControlServer::Impl::reap(bool all)
{
    for (;;) {
        std::list<Call> ended;
        {
            const std::lock_guard lock(mutex);
            for (auto at = calls.begin(); at != calls.end();) {
                const auto next = std::next(at);
                if (all || at->done) {
                    ended.splice(ended.end(), calls, at);
                }
                at = next;
            }
        }
        if (ended.empty()) {
            return;
        }
        for (auto& call : ended) {
            call.thread.join();
        }
    }
}

void ControlServer::Impl::serve(LineSocket& socket)
{
    if (!socket.peerIsOwner()) {
        log::warning("Another user tried to use the control socket; refused.");
        return;
    }
    socket.setTimeouts(requestSeconds, answerSeconds);
    const auto line = socket.readLine(limits::controlLineBytesMax);
    if (!line) {
        return; // isRunning() connects and says nothing
    }
    Result<void> done;
    const auto request = parseLine(*line);
    if (!request) {
        done = request.error();
    } else {
        const auto* args = request->if_contains("args");
        const json::object none;
        done = runVerb(service, textOf(*request, "verb"),
            args != nullptr && args->is_object() ? args->as_object() : none,
            [&socket](const json::object& row) {
                return socket.writeLine(json::serialize(json::object{{"row", row}}));
            });
    }
    const json::object end = done ? json::object{{"ok", true}} : errorJson(done.error());
    static_cast<void>(socket.writeLine(json::serialize(end)));
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) { }

ControlServer::~ControlServer() = default;

Result<std::unique_ptr<ControlServer>> ControlServer::start(
    Service& service, const std::string& home)
{
    const auto path = controlPath(home);
    if (!path) {
        return path.error();
    }
    const auto fd = listenAt(*path);
    if (!fd) {
        return fd.error();
    }
    auto impl = std::make_unique<Impl>(service, *path, *fd);
    impl->acceptor = std::thread([raw = impl.get()] { raw->accept(); });
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

} // namespace headgate::service
