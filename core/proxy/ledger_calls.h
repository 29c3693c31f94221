// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The ledger's callbacks as awaitables: the callback runs on the ledger thread, the coroutine goes
// on on its own executor. No logic here.

#include "core/ledger/ledger.h"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace headgate::proxy {

boost::asio::awaitable<ledger::Decision> reserveHold(ledger::Ledger& ledger, ledger::Ask ask);
boost::asio::awaitable<Result<void>> dispatchHold(ledger::Ledger& ledger, HoldId hold);
boost::asio::awaitable<Result<ledger::Settled>> settleHold(
    ledger::Ledger& ledger, ledger::Settle settle);
boost::asio::awaitable<Result<ledger::Settled>> releaseHold(
    ledger::Ledger& ledger, HoldId hold, std::string reason);

} // namespace headgate::proxy
