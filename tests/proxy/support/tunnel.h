// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a company's network has in a test: a proxy that opens tunnels, and certificates of an own
// authority made by the openssl command. For tests.

#include "support/script_server.h"

#include <QString>

#include <string>

namespace headgate::testing {

/// For a ScriptServer: answers CONNECT to any name and carries bytes to and from a port of this
/// machine. With `auth` ("user:password" in base64) it refuses whoever does not bring it.
[[nodiscard]] ScriptServer::Script tunnelTo(int port, const std::string& auth = {});

struct Certificate {
    std::string certificate; ///< PEM files; empty: they could not be made
    std::string key;
};
/// Signed by itself, for names such as "DNS:api.example" or "IP:127.0.0.1".
[[nodiscard]] Certificate makeCertificate(
    const QString& folder, const QString& fileName, const QString& names);

} // namespace headgate::testing
