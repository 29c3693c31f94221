// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The routes that only count tokens (messages/count_tokens, :countTokens). Providers count free of
// charge, so nothing is held, nothing is charged and nothing is recorded: the provider is asked
// when it speaks the client's dialect, else the request is counted here. One executor's thread.

#include "core/proxy/exchange.h"

namespace headgate::proxy {

/// True when the request was refused or rejected (for the counters).
boost::asio::awaitable<bool> runTokenCount(
    ExchangeEnv env, ExchangeRequest request, ClientStream& client);

} // namespace headgate::proxy
