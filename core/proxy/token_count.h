// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The routes that only count tokens (messages/count_tokens, :countTokens). Providers count free of
// charge, so nothing is held and nothing is charged: the provider is asked when it speaks the
// client's dialect, with the key whose turn it is and then the others, else the request is counted
// here. Leaves no decision: coding agents count several times for each answer, and such rows would
// halve the cost of a request in every report. It is counted in the status. One executor's thread.

#include "core/proxy/exchange.h"

namespace headgate::proxy {

/// True when the request was refused or rejected (for the counters).
boost::asio::awaitable<bool> runTokenCount(
    ExchangeEnv env, ExchangeRequest request, ClientStream& client);

} // namespace headgate::proxy
