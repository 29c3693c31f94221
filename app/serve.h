// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The headless proxy: opens the home folder, serves until a signal, drains and closes.

#include "core/base/result.h"
#include "core/service/service.h"

#include <string>

namespace headgate::app {

inline constexpr const char* defaultListen = "127.0.0.1:4141";

struct ListenAddress {
    std::string host;
    int port = 0;
};
/// "127.0.0.1:4141", "[::1]:4141", "localhost:0".
[[nodiscard]] Result<ListenAddress> parseListen(const std::string& text);

/// Home folder and simulator settings from the environment.
[[nodiscard]] Result<service::ServiceOptions> serviceOptionsFromEnvironment();

struct ServeOptions {
    ListenAddress listen;
    bool json = false;
};
/// Blocks until stopped; returns the exit code.
int serve(const ServeOptions& options);

} // namespace headgate::app
