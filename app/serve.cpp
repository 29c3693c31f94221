// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/serve.h"

#include "app/output.h"
#include "app/signals.h"
#include "core/base/limits.h"

#include <QString>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>
#include <cstdio>
#include <memory>
#include <unistd.h>

namespace headgate::app {

namespace {

Result<int> parseNumber(const std::string& text, int most)
{
    int value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || value < 0 || value > most) {
        return Error(ErrorCode::InvalidArgument,
            "\"" + text + "\" is not a number from 0 to " + std::to_string(most) + ".");
    }
    return value;
}

void printLine(const boost::json::object& row)
{
    std::printf("%s\n", boost::json::serialize(row).c_str());
    std::fflush(stdout);
}

/// A key for the first client ever, so that the first request needs no further step.
Result<std::string> firstKey(service::Service& service)
{
    if (!service.config()->keys.empty()) {
        return std::string();
    }
    service::NewKey key;
    key.name = "default";
    auto created = service.createKey(key, "setup");
    if (!created) {
        return created.error();
    }
    return created->key.reveal();
}

void announce(const std::string& url, const std::string& key)
{
    std::fprintf(stderr, "Headgate serves %s/v1 (Ctrl+C stops it).\n", url.c_str());
    if (key.empty()) {
        std::fprintf(stderr,
            "Clients use the keys you made; make another with: headgate keys create --name NAME\n");
        return;
    }
    std::fprintf(stderr,
        "Your first client key, shown this once:\n\n  %s\n\nSend a first request from another "
        "terminal:\n\n  curl %s/v1/chat/completions \\\n    -H 'Authorization: Bearer %s' \\\n    "
        "-H 'Content-Type: application/json' \\\n    -d '{\"model\":\"auto\",\"messages\":"
        "[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n\n",
        key.c_str(), url.c_str(), key.c_str());
}

} // namespace

Result<ListenAddress> parseListen(const std::string& text)
{
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) {
        return Error(ErrorCode::InvalidArgument,
            "--listen wants HOST:PORT, for example 127.0.0.1:4141, not \"" + text + "\".");
    }
    ListenAddress address;
    address.host = text.substr(0, colon);
    if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
        address.host = address.host.substr(1, address.host.size() - 2);
    }
    const auto port = parseNumber(text.substr(colon + 1), 65535);
    if (!port) {
        return Error(ErrorCode::InvalidArgument, "--listen: the port " + port.error().message);
    }
    address.port = *port;
    return address;
}

Result<service::ServiceOptions> serviceOptionsFromEnvironment()
{
    service::ServiceOptions options;
    options.home = service::defaultHome();
    if (qEnvironmentVariableIsSet("HEADGATE_SIM_LATENCY")) {
        const auto permille
            = parseNumber(qEnvironmentVariable("HEADGATE_SIM_LATENCY").toStdString(), 1'000'000);
        if (!permille) {
            return Error(ErrorCode::InvalidArgument,
                "HEADGATE_SIM_LATENCY (permille of the real latency): " + permille.error().message);
        }
        options.simLatencyPermille = *permille;
    }
    return options;
}

int serve(const ServeOptions& options)
{
    installStopSignals();
    auto serviceOptions = serviceOptionsFromEnvironment();
    if (!serviceOptions) {
        return fail(serviceOptions.error(), exitCannotStart);
    }
    serviceOptions->logToStderr = true;
    auto opened = service::Service::open(*serviceOptions);
    if (!opened) {
        return fail(opened.error(), exitCannotStart);
    }
    // value(): gcc 12 at -O2 sees a null pointer behind operator-> that cannot be.
    std::unique_ptr<service::Service> owner = std::move(opened.value());
    service::Service& service = *owner;
    if (auto serving = service.serve(options.listen.host, options.listen.port); !serving) {
        return fail(serving.error(), exitCannotStart);
    }
    const auto made = firstKey(service);
    if (!made) {
        return fail(made.error(), exitCannotStart);
    }
    const std::string& key = made.value();
    const std::string url = service.status().url;
    if (options.json) {
        printLine({{"event", "ready"}, {"url", url}, {"pid", static_cast<std::int64_t>(getpid())},
            {"client_key", key.empty() ? boost::json::value(nullptr) : boost::json::value(key)}});
    } else {
        announce(url, key);
    }
    (void)waitForStop(-1);
    if (options.json) {
        printLine({{"event", "draining"}});
    } else {
        std::fprintf(
            stderr, "Stopping: no new requests; running ones may end (again to stop at once).\n");
    }
    service.stopServing(limits::drainTimeoutMs);
    owner.reset();
    if (options.json) {
        printLine({{"event", "stopped"}});
    }
    return exitDone;
}

} // namespace headgate::app
