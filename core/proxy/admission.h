// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Who may come in: Host, Origin, key, method and media type, judged on the head alone before a byte
// of the body is read. Pure functions over the head and a configuration snapshot.

#include "core/base/clock.h"
#include "core/proxy/http_parser.h"
#include "core/proxy/proxy_config.h"
#include "core/proxy/routes.h"
#include "core/wire/refusal.h"

#include <optional>
#include <string>

namespace headgate::proxy {

struct Admission {
    RoutedPath path; ///< its dialect is the one that the client understands
    ClientKey key; ///< empty id on routes that need none
    std::optional<wire::Refusal> refusal;
    std::string allow; ///< 405: the methods that the route has
};

/// `port`: the one we listen on; part of the exact Host list.
[[nodiscard]] Admission admit(
    const RequestHead& head, const ProxyConfig& config, int port, TimeUs nowUs);

} // namespace headgate::proxy
