// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/user_id.h"

#include "core/base/limits.h"
#include "core/wire/json_reader.h"

#include <algorithm>

namespace headgate::wire {

namespace {

bool isPlainWord(std::string_view text)
{
    if (text.empty() || text.size() > limits::scopeValueBytesMax) {
        return false;
    }
    return std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == '{' || c == '"' || c == 0x7F;
    });
}

/// Claude Code packs its ids into metadata.user_id: a JSON object, in older versions
/// "user_…_account_…_session_<id>".
std::string sessionInUserId(std::string_view text)
{
    constexpr std::string_view marker = "_session_";
    if (const std::size_t at = text.rfind(marker);
        text.starts_with("user_") && at != std::string_view::npos) {
        return std::string(text.substr(at + marker.size()));
    }
    if (text.empty() || text.front() != '{') {
        return {};
    }
    std::string session;
    JsonReader blob("metadata.user_id");
    const bool read = blob.readObject(text, [&](JsonField& field) {
        std::string_view value;
        if (field.key == "session_id" && blob.type(field.value) == JsonType::string) {
            if (!blob.string(field.value, value)) {
                return false;
            }
            session = value;
            return true;
        }
        return blob.skip(field.value);
    });
    return read ? session : std::string();
}

} // namespace

Identity identityOf(const IdentityFields& fields)
{
    Identity out;
    out.user = !fields.user.empty() ? fields.user : fields.safetyIdentifier;
    const std::string inner = sessionInUserId(fields.metadataUser);
    if (out.user.empty() && inner.empty() && isPlainWord(fields.metadataUser)) {
        out.user = fields.metadataUser;
    }
    out.session = !fields.metadataSession.empty() ? fields.metadataSession
        : !inner.empty()                          ? inner
                                                  : fields.cacheKey;
    return out;
}

} // namespace headgate::wire
