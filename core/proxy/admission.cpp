// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/admission.h"

#include "core/base/limits.h"
#include "core/proxy/identity.h"

#include <fmt/format.h>

#include <vector>

namespace headgate::proxy {

using wire::Refusal;
using wire::RefusalKind;

namespace {

Refusal refusal(RefusalKind kind, std::string message)
{
    Refusal out;
    out.kind = kind;
    out.message = std::move(message);
    return out;
}

std::optional<Refusal> checkHost(const RequestHead& head, int port)
{
    const auto allowed = fmt::format("Use http://127.0.0.1:{} as the base address.", port);
    if (head.count("host") != 1) {
        return refusal(RefusalKind::Misdirected,
            fmt::format("The request must name exactly one Host. {}", allowed));
    }
    const auto host = toLower(head.header("host"));
    for (const char* name : {"127.0.0.1", "localhost", "[::1]"}) {
        if (host == fmt::format("{}:{}", name, port) || (port == 80 && host == name)) {
            return std::nullopt;
        }
    }
    return refusal(RefusalKind::Misdirected,
        fmt::format("The Host \"{}\" is not this program. {}", printable(host, 200), allowed));
}

std::optional<Refusal> checkOrigin(const RequestHead& head, int port)
{
    constexpr const char* message = "Requests from web pages are not accepted: a page must not "
                                    "spend your budget. Call from a "
                                    "program instead.";
    for (const HeaderView& field : head.headers) {
        if (equalsIgnoringCase(field.name, "origin")) {
            const auto origin = toLower(field.value);
            bool own = false;
            for (const char* name : {"127.0.0.1", "localhost", "[::1]"}) {
                own = own || origin == fmt::format("http://{}:{}", name, port);
            }
            if (!own) {
                return refusal(RefusalKind::Forbidden, message);
            }
        }
        // Node's fetch sends sec-fetch-mode alone; browsers always say where they come from.
        if (equalsIgnoringCase(field.name, "sec-fetch-site")
            && !equalsIgnoringCase(field.value, "same-origin")
            && !equalsIgnoringCase(field.value, "none")) {
            return refusal(RefusalKind::Forbidden, message);
        }
    }
    return std::nullopt;
}

/// Every place where some SDK puts its key, in the order in which they count.
std::vector<std::string> presentedKeys(const RequestHead& head)
{
    std::vector<std::string> keys;
    const auto add = [&keys](std::string_view key) {
        while (!key.empty() && key.front() == ' ') {
            key.remove_prefix(1);
        }
        if (!key.empty()) {
            keys.emplace_back(key);
        }
    };
    add(head.header("x-api-key"));
    add(head.header("x-goog-api-key"));
    const auto authorization = head.header("authorization");
    constexpr std::string_view bearer = "bearer ";
    if (authorization.size() > bearer.size()
        && equalsIgnoringCase(authorization.substr(0, bearer.size()), bearer)) {
        add(authorization.substr(bearer.size()));
    }
    add(queryValue(head.target, "key"));
    return keys;
}

std::optional<Refusal> checkKey(
    const RequestHead& head, const ProxyConfig& config, TimeUs nowUs, ClientKey& found)
{
    constexpr const char* remedy = " Create a key with \"headgate keys create\" or in the console "
                                   "under Keys, and send it as "
                                   "\"Authorization: Bearer hg-…\" or \"x-api-key: hg-…\".";
    const auto keys = presentedKeys(head);
    if (keys.empty()) {
        return refusal(
            RefusalKind::Unauthorized, fmt::format("{}{}", "A Headgate key is missing.", remedy));
    }
    // An SDK may send a provider's key from its environment beside ours: the first known one
    // counts.
    auto it = config.keysByHash.end();
    for (const auto& key : keys) {
        if (it = config.keysByHash.find(strongHashHex(key)); it != config.keysByHash.end()) {
            break;
        }
    }
    if (it == config.keysByHash.end()) {
        return refusal(RefusalKind::Unauthorized,
            fmt::format("{}{}", "This key is not known to Headgate.", remedy));
    }
    if (it->second.revoked) {
        return refusal(
            RefusalKind::Unauthorized, fmt::format("{}{}", "This key was revoked.", remedy));
    }
    if (it->second.expiresAtUs != 0 && it->second.expiresAtUs <= nowUs) {
        return refusal(
            RefusalKind::Unauthorized, fmt::format("{}{}", "This key has expired.", remedy));
    }
    found = it->second;
    return std::nullopt;
}

bool takesBody(Route route)
{
    return std::string_view(methodsOf(route)) == "POST";
}

std::optional<Refusal> checkMethod(const RequestHead& head, Admission& admission)
{
    const bool post = takesBody(admission.path.route);
    const bool fits = post ? head.method == "POST" : head.method == "GET" || head.method == "HEAD";
    if (admission.path.route == Route::None || fits) {
        return std::nullopt;
    }
    admission.allow = methodsOf(admission.path.route);
    return refusal(RefusalKind::MethodNotAllowed,
        fmt::format("{} is not possible on {}; use {}.", printable(head.method, 32),
            printable(admission.path.path, 200), admission.allow));
}

std::optional<Refusal> checkMedia(const RequestHead& head)
{
    auto type = head.header("content-type");
    type = type.substr(0, type.find(';'));
    while (!type.empty() && type.back() == ' ') {
        type.remove_suffix(1);
    }
    if (head.count("content-type") == 1 && equalsIgnoringCase(type, "application/json")) {
        return std::nullopt;
    }
    return refusal(
        RefusalKind::UnsupportedMedia, "Send the body as content-type: application/json.");
}

Refusal unknownRoute(const RoutedPath& path)
{
    if (isKnownElsewhere(path.path)) {
        return refusal(RefusalKind::NotFound,
            fmt::format(
                "{} is not served by this version of Headgate. {}", path.path, servedRoutes()));
    }
    return refusal(RefusalKind::NotFound,
        fmt::format("There is nothing at {}. {}", printable(path.path, 200), servedRoutes()));
}

/// Absolute-form targets are for proxies that fetch what a client names; this one never does.
bool isOriginForm(std::string_view target)
{
    return !target.empty() && target.front() == '/' && target.substr(0, 2) != "//";
}

} // namespace

Admission admit(const RequestHead& head, const ProxyConfig& config, int port, TimeUs nowUs)
{
    Admission admission;
    admission.path = routePath(head.target);
    const bool lists = admission.path.route == Route::Models || admission.path.route == Route::Model
        || admission.path.route == Route::None;
    if (lists && admission.path.dialect == wire::Dialect::Chat
        && !head.header("anthropic-version").empty()) {
        admission.path.dialect = wire::Dialect::Anthropic;
    }
    if ((admission.refusal = checkHost(head, port))) {
        return admission;
    }
    if (!isOriginForm(head.target)) {
        admission.refusal = refusal(RefusalKind::BadRequest,
            "The request target must be a path. Headgate forwards only to the providers that are "
            "configured.");
        return admission;
    }
    if ((admission.refusal = checkOrigin(head, port))) {
        return admission;
    }
    const auto route = admission.path.route;
    if (route != Route::Health && route != Route::Root && route != Route::Version) {
        if ((admission.refusal = checkKey(head, config, nowUs, admission.key))) {
            return admission;
        }
    }
    if (route == Route::None) {
        admission.refusal = unknownRoute(admission.path);
        return admission;
    }
    if ((admission.refusal = checkMethod(head, admission))) {
        return admission;
    }
    if (takesBody(route)) {
        admission.refusal = checkMedia(head);
    }
    return admission;
}

} // namespace headgate::proxy
