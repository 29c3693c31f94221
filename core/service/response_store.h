// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Keeps over a restart which provider holds which response, for whom and how much of it
// (responses.db in the home folder). Holds hashes of ids, names, numbers and times: no text, no
// key, no id that a provider would answer to. One thread at a time; never on the data plane.

#include "core/base/result.h"
#include "core/base/sqlite.h"
#include "core/proxy/response_pins.h"

#include <string>

namespace headgate::service {

class ResponseStore {
public:
    [[nodiscard]] static Result<ResponseStore> open(const std::string& path);
    /// Fills `pins`; forgets what is too old or too much.
    [[nodiscard]] Result<void> load(proxy::ResponsePins& pins, TimeUs nowUs);
    /// Writes what changed since the last time; nothing when nothing did. What could not be
    /// written is tried again with the next change.
    [[nodiscard]] Result<void> save(proxy::ResponsePins& pins, TimeUs nowUs);

private:
    [[nodiscard]] Result<void> forget(TimeUs nowUs) const;
    [[nodiscard]] Result<void> write(const proxy::NamedPins& changed) const;

    sqlite::Connection m_connection;
    TimeUs m_forgotAtUs = 0;
};

} // namespace headgate::service
