// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/verbs.h"

#include <boost/json.hpp>

namespace headgate::service {

namespace json = boost::json;

namespace {

json::object keyRow(const KeyRecord& key, TimeUs lastUsedUs)
{
    json::object row{{"id", key.id.value}, {"name", key.name}, {"hint", key.hint},
        {"team", key.team}, {"user", key.user}, {"tags", textsJson(key.tags)},
        {"revoked", key.revokedAtUs != 0}};
    putTime(row, "created_at", key.createdAtUs);
    putTime(row, "expires_at", key.expiresAtUs);
    putTime(row, "revoked_at", key.revokedAtUs);
    putTime(row, "last_used_at", lastUsedUs);
    return row;
}

Result<void> listKeys(const VerbCall& call)
{
    const auto used = call.service.keysLastUsed();
    const auto config = call.service.config();
    for (const auto& key : config->keys) {
        TimeUs lastUsedUs = 0;
        for (const auto& use : used) {
            lastUsedUs = use.key == key.id ? use.lastUsedUs : lastUsedUs;
        }
        if (auto done = send(call, keyRow(key, lastUsedUs)); !done) {
            return done;
        }
    }
    return {};
}

Result<void> createKey(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    const auto expires = timeArg(call.args, "expires");
    if (!expires) {
        return expires.error();
    }
    NewKey key;
    key.name = *name;
    key.team = textArg(call.args, "team");
    key.user = textArg(call.args, "user");
    key.tags = listArg(call.args, "tags");
    for (auto& tag : listArg(call.args, "tag")) {
        key.tags.push_back(std::move(tag));
    }
    key.expiresAtUs = *expires;
    const auto created = call.service.createKey(key, actorArg(call.args));
    if (!created) {
        return created.error();
    }
    auto row = keyRow(created->record, 0);
    row["key"] = created->key.reveal(); // the one time it is shown
    return send(call, row);
}

Result<void> revokeKey(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    const auto config = call.service.config();
    for (const auto& key : config->keys) {
        if (key.name == *name && key.revokedAtUs == 0) {
            if (auto done = call.service.revokeKey(key.id, actorArg(call.args)); !done) {
                return done;
            }
            const auto now = call.service.config();
            for (const auto& revoked : now->keys) {
                if (revoked.id == key.id) {
                    return send(call, keyRow(revoked, 0));
                }
            }
        }
    }
    return Error(ErrorCode::NotFound, "There is no key \"" + *name + "\" in force.",
        "`headgate keys list` shows the names.");
}

} // namespace

void addKeyVerbs(VerbTable& table)
{
    table["keys.list"] = listKeys;
    table["keys.create"] = createKey;
    table["keys.revoke"] = revokeKey;
}

} // namespace headgate::service
