// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Command-line verbs as JSON: the same words whether a Headgate is running (control socket in the
// home folder, owner only) or not (the verb opens the service itself). One request line in, one or
// more result lines out. Verbs and fields are listed in core/service/README.md.

#include "core/base/result.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <memory>
#include <string>

namespace headgate::service {

class Service;

/// Receives result rows; one object, or many for lists. False stops the verb.
using RowSink = std::function<bool(const boost::json::object&)>;

/// Runs a verb ("pools.list", "pools.add", "keys.create", …) on an open service.
[[nodiscard]] Result<void> runVerb(
    Service& service, const std::string& verb, const boost::json::object& args, const RowSink& row);

/// Runs a verb against the Headgate that owns `home`: over its control socket when one is running,
/// else by opening the home folder for the length of the verb (no proxy is started).
[[nodiscard]] Result<void> runVerbAt(const std::string& home, const std::string& verb,
    const boost::json::object& args, const RowSink& row);

/// Is a Headgate running on this home folder?
[[nodiscard]] bool isRunning(const std::string& home);

/// The server side; owned by Service.
class ControlServer {
public:
    [[nodiscard]] static Result<std::unique_ptr<ControlServer>> start(
        Service& service, const std::string& home);
    ~ControlServer();

private:
    struct Impl;
    explicit ControlServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::service
