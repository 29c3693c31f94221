// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// `headgate demo`: simulated clients against a Headgate that runs on this home folder, with keys of
// their own that are revoked at the end. Main thread; the traffic has a thread of its own.

#include <boost/json/object.hpp>

namespace headgate::app {

int runDemo(const boost::json::object& args, bool json);

} // namespace headgate::app
