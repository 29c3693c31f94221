// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Realistic simulated traffic: several teams, users, sessions and task kinds, a day's rhythm,
// streamed and not, sent over HTTP to a running proxy like any client. Own thread.

#include "core/base/result.h"
#include "core/base/secret.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace headgate::service {

struct DemoClient {
    std::string team;
    std::string user;
    Secret key;
};

struct DemoOptions {
    std::string url; ///< of the proxy
    std::vector<DemoClient> clients;
    int requestsPerMinute = 120;
    int seconds = 0; ///< 0: until stopped
    std::uint64_t seed = 1;
};

struct DemoCounts {
    std::int64_t sent = 0;
    std::int64_t answered = 0;
    std::int64_t refused = 0;
    std::int64_t failed = 0;
};

class DemoTraffic {
public:
    [[nodiscard]] static Result<std::unique_ptr<DemoTraffic>> start(DemoOptions options);
    ~DemoTraffic(); ///< stops and joins
    [[nodiscard]] DemoCounts counts() const;
    [[nodiscard]] bool running() const;
    void waitUntilDone();

private:
    struct Impl;
    explicit DemoTraffic(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

/// The teams and users demo keys are made for.
struct DemoPersona {
    std::string team;
    std::string user;
};
[[nodiscard]] const std::vector<DemoPersona>& demoPersonas();

} // namespace headgate::service
