// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/demo.h"

#include "app/output.h"
#include "app/signals.h"
#include "core/service/control.h"
#include "core/service/demo_traffic.h"
#include "core/service/service.h"

#include <boost/json/serialize.hpp>

#include <cstdio>
#include <memory>
#include <unistd.h>

namespace headgate::app {

namespace {

constexpr std::int64_t ratePerSecondDefault = 2;
constexpr std::int64_t ratePerSecondMax = 10'000;

Result<boost::json::object> oneRow(const std::string& verb, const boost::json::object& args)
{
    boost::json::object found;
    const auto done = service::runVerbAt(
        service::defaultHome(), verb, args, [&](const boost::json::object& row) {
            found = row;
            return true;
        });
    if (!done) {
        return done.error();
    }
    return found;
}

std::int64_t numberOf(const boost::json::object& args, const char* field, std::int64_t otherwise)
{
    const auto* value = args.if_contains(field);
    return value != nullptr ? value->as_int64() : otherwise;
}

/// Keys for the demo's people; whatever was created is revoked when this goes.
class DemoKeys {
public:
    DemoKeys() = default;
    DemoKeys(const DemoKeys&) = delete;
    DemoKeys& operator=(const DemoKeys&) = delete;
    ~DemoKeys()
    {
        for (const auto& name : m_names) {
            (void)oneRow("keys.revoke", {{"name", name}});
        }
    }
    Result<std::vector<service::DemoClient>> create()
    {
        std::vector<service::DemoClient> clients;
        for (const auto& persona : service::demoPersonas()) {
            const std::string name
                = "demo-" + persona.team + "-" + persona.user + "-" + std::to_string(getpid());
            const auto row = oneRow(
                "keys.create", {{"name", name}, {"team", persona.team}, {"user", persona.user}});
            if (!row) {
                return row.error();
            }
            m_names.push_back(name);
            clients.push_back({persona.team, persona.user,
                Secret(std::string(row.value().at("key").as_string()))});
        }
        return clients;
    }

private:
    std::vector<std::string> m_names;
};

boost::json::object toRow(const char* event, const service::DemoCounts& counts)
{
    return {{"event", event}, {"sent", counts.sent}, {"answered", counts.answered},
        {"refused", counts.refused}, {"failed", counts.failed}};
}

void say(const char* event, const service::DemoCounts& counts, bool json)
{
    if (json) {
        std::printf("%s\n", boost::json::serialize(toRow(event, counts)).c_str());
        std::fflush(stdout);
        return;
    }
    std::fprintf(stderr, "%s: %lld sent, %lld answered, %lld refused, %lld failed\n", event,
        static_cast<long long>(counts.sent), static_cast<long long>(counts.answered),
        static_cast<long long>(counts.refused), static_cast<long long>(counts.failed));
}

} // namespace

int runDemo(const boost::json::object& args, bool json)
{
    const std::int64_t rate = numberOf(args, "rate", ratePerSecondDefault);
    const std::int64_t seconds = numberOf(args, "seconds", 0);
    if (rate < 1 || rate > ratePerSecondMax || seconds > 1'000'000) {
        return failUsage("--rate wants 1 to 10000 requests a second, --seconds up to 1000000.");
    }
    installStopSignals();
    const std::string home = service::defaultHome();
    const auto status = service::isRunning(home)
        ? oneRow("status", {})
        : Result<boost::json::object>(Error(ErrorCode::Unavailable, "No Headgate is running here.",
            "Start one first: headgate serve"));
    if (!status) {
        return fail(status.error());
    }
    service::DemoOptions options;
    if (const auto* url = status.value().if_contains("url"); url != nullptr && url->is_string()) {
        options.url = std::string(url->get_string());
    }
    if (options.url.empty()) {
        return fail(Error(ErrorCode::Unavailable, "The running Headgate serves no proxy."));
    }
    DemoKeys keys;
    auto clients = keys.create();
    if (!clients) {
        return fail(clients.error());
    }
    options.clients = std::move(*clients);
    options.requestsPerMinute = static_cast<int>(rate * 60);
    options.seconds = static_cast<int>(seconds);
    auto traffic = service::DemoTraffic::start(std::move(options));
    if (!traffic) {
        return fail(traffic.error());
    }
    // A line a second is fit to be watched; in a log it drowns the rest.
    const int reportEveryMs = isatty(json ? STDOUT_FILENO : STDERR_FILENO) != 0 ? 1'000 : 5'000;
    std::unique_ptr<service::DemoTraffic> running = std::move(traffic.value());
    while (running->running() && !waitForStop(reportEveryMs)) {
        say("sending", running->counts(), json);
    }
    const auto counts = running->counts();
    running.reset();
    say("done", counts, json);
    return exitDone;
}

} // namespace headgate::app
