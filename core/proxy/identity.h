// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Who asks, for what, under which name: what the headers and the key say about a request. Pure.

#include "core/ledger/pool.h"
#include "core/proxy/http_parser.h"
#include "core/proxy/proxy_config.h"
#include "core/wire/chat_request.h"

#include <string>
#include <string_view>

namespace headgate::proxy {

/// Key → team, user, tags; headers and body → session, end user, priority, more tags. What the key
/// says always wins over what the request says.
[[nodiscard]] ledger::Identity identityOf(const ProxyConfig& config, const ClientKey& key,
    const RequestHead& head, const wire::RequestView& chat);

/// The id that a client wants its request to be known by when it comes twice; empty: none.
[[nodiscard]] std::string idempotencyKey(const RequestHead& head);

/// Printable ASCII without control characters, at most `bytesMax`: safe in a header, a log and a
/// terminal.
[[nodiscard]] std::string printable(std::string_view text, std::size_t bytesMax);
/// A scope value as the ledger keeps it: printable; longer ones are replaced by their hash, so that
/// two long values never share one account.
[[nodiscard]] std::string scopeValue(std::string_view text);
[[nodiscard]] const char* priorityName(ledger::Priority priority);

} // namespace headgate::proxy
