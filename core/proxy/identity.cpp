// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/identity.h"

#include "core/base/limits.h"
#include "core/base/secret.h"

#include <algorithm>
#include <initializer_list>

namespace headgate::proxy {

namespace {

std::string_view firstHeader(const RequestHead& head, std::initializer_list<std::string_view> names)
{
    for (const auto name : names) {
        if (const auto value = head.header(name); !value.empty()) {
            return value;
        }
    }
    return {};
}

std::string_view tagKey(std::string_view tag)
{
    return tag.substr(0, tag.find(':'));
}

void addClientTags(std::vector<std::string>& tags, std::string_view list)
{
    while (!list.empty() && tags.size() < limits::tagsMax) {
        const auto comma = list.find(',');
        auto tag = scopeValue(list.substr(0, comma));
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
        if (const auto equals = tag.find('=');
            tag.find(':') == std::string::npos && equals != std::string::npos) {
            tag[equals] = ':';
        }
        const auto sameKey = [&tag](const std::string& own) { return tagKey(own) == tagKey(tag); };
        if (!tag.empty() && std::none_of(tags.begin(), tags.end(), sameKey)) {
            tags.push_back(std::move(tag));
        }
    }
}

} // namespace

std::string printable(std::string_view text, std::size_t bytesMax)
{
    std::string out;
    for (const char c : text.substr(0, bytesMax)) {
        out += c >= 0x20 && c < 0x7F ? c : '?';
    }
    return out;
}

std::string scopeValue(std::string_view text)
{
    while (!text.empty() && text.front() == ' ') {
        text.remove_prefix(1);
    }
    while (!text.empty() && text.back() == ' ') {
        text.remove_suffix(1);
    }
    const auto isControl
        = [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7F; };
    if (text.size() > limits::scopeValueBytesMax
        || std::any_of(text.begin(), text.end(), isControl)) {
        return "hash-" + strongHashHex(text);
    }
    return std::string(text);
}

const char* priorityName(ledger::Priority priority)
{
    switch (priority) {
    case ledger::Priority::Low:
        return "low";
    case ledger::Priority::High:
        return "high";
    case ledger::Priority::Normal:
        break;
    }
    return "normal";
}

ledger::Identity identityOf(const ProxyConfig& config, const ClientKey& key,
    const RequestHead& head, const wire::RequestView& chat)
{
    ledger::Identity identity;
    identity.org = config.org;
    identity.team = key.team;
    identity.key = key.name;
    const auto asked = head.header("x-headgate-user");
    identity.user = !key.user.empty() ? key.user : scopeValue(asked.empty() ? chat.user : asked);
    const auto session = firstHeader(
        head, {"x-headgate-session", "x-claude-code-session-id", "session-id", "x-session-id"});
    identity.session = scopeValue(session.empty() ? chat.sessionId : session);
    identity.tags = key.tags;
    addClientTags(identity.tags, head.header("x-headgate-tags"));
    const auto priority = head.header("x-headgate-priority");
    if (equalsIgnoringCase(priority, "high")) {
        identity.priority = ledger::Priority::High;
    } else if (equalsIgnoringCase(priority, "low")) {
        identity.priority = ledger::Priority::Low;
    }
    return identity;
}

std::string idempotencyKey(const RequestHead& head)
{
    const auto value = firstHeader(head, {"x-headgate-request-id", "idempotency-key"});
    return value.empty() ? std::string() : scopeValue(value);
}

} // namespace headgate::proxy
