// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Who a request says it is for: the end user and the session, out of the fields in which clients
// put them. Claude Code packs its ids into metadata.user_id, which is then no user. Pure.

#include <string>
#include <string_view>

namespace headgate::wire {

struct IdentityFields {
    std::string user;
    std::string safetyIdentifier;
    std::string metadataUser; ///< metadata.user_id: a word, a JSON blob or "user_…_session_<id>"
    std::string metadataSession;
    std::string cacheKey;
};

struct Identity {
    std::string user;
    std::string session;
};

[[nodiscard]] Identity identityOf(const IdentityFields& fields);

} // namespace headgate::wire
