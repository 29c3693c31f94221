// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/upstream.h"

#include <stdexcept>

namespace headgate::proxy {

void throw_exception_from_error(const UpstreamError& error, const boost::source_location&)
{
    throw std::logic_error("value() on an upstream error: " + error.message);
}

} // namespace headgate::proxy
