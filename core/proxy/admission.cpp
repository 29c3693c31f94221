// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/admission.h"

#include "core/base/limits.h"
#include "core/proxy/identity.h"

#include <fmt/format.h>

#include <array>

namespace headgate::proxy {

using wire::Refusal;
using wire::RefusalKind;

namespace {

/// Routes that other programs serve under these names and this build does not.
constexpr std::array<std::string_view, 12> knownElsewhere{"/responses", "/embeddings", "/messages",
    "/messages/count_tokens", "/completions", "/api/chat", "/api/generate", "/api/tags",
    "/moderations", "/audio/speech", "/audio/transcriptions", "/images/generations"};

constexpr const char* servedRoutes
    = "Served here: POST /v1/chat/completions, GET /v1/models, GET /v1/models/{id}, GET /healthz.";

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

std::string_view presentedKey(const RequestHead& head)
{
    if (const auto key = head.header("x-api-key"); !key.empty()) {
        return key;
    }
    const auto authorization = head.header("authorization");
    constexpr std::string_view bearer = "bearer ";
    if (authorization.size() > bearer.size()
        && equalsIgnoringCase(authorization.substr(0, bearer.size()), bearer)) {
        auto key = authorization.substr(bearer.size());
        while (!key.empty() && key.front() == ' ') {
            key.remove_prefix(1);
        }
        return key;
    }
    return {};
}

std::optional<Refusal> checkKey(
    const RequestHead& head, const ProxyConfig& config, TimeUs nowUs, ClientKey& found)
{
    constexpr const char* remedy = " Create a key with \"headgate keys create\" or in the console "
                                   "under Keys, and send it as "
                                   "\"Authorization: Bearer hg-…\" or \"x-api-key: hg-…\".";
    const auto key = presentedKey(head);
    if (key.empty()) {
        return refusal(
            RefusalKind::Unauthorized, fmt::format("{}{}", "A Headgate key is missing.", remedy));
    }
    const auto it = config.keysByHash.find(strongHashHex(key));
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

std::string decodePercent(std::string_view text)
{
    const auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') {
            return c - '0';
        }
        const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0
            && digit(text[i + 2]) >= 0) {
            out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

const char* methodsOf(Route route)
{
    switch (route) {
    case Route::ChatCompletions:
        return "POST";
    case Route::Root:
    case Route::Health:
    case Route::Models:
    case Route::Model:
        return "GET, HEAD";
    case Route::None:
        break;
    }
    return "";
}

std::optional<Refusal> checkMethod(const RequestHead& head, Admission& admission)
{
    const bool post = admission.path.route == Route::ChatCompletions;
    const bool fits = post ? head.method == "POST" : head.method == "GET" || head.method == "HEAD";
    if (admission.path.route == Route::None || fits) {
        return std::nullopt;
    }
    admission.allow = methodsOf(admission.path.route);
    return refusal(RefusalKind::MethodNotAllowed,
        fmt::format("{} is not possible on {}; use {}.", printable(head.method, 32),
            printable(head.target, 200), admission.allow));
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
    for (const auto known : knownElsewhere) {
        if (path.path == known) {
            return refusal(RefusalKind::NotFound,
                fmt::format(
                    "{} is not served by this version of Headgate. {}", known, servedRoutes));
        }
    }
    return refusal(RefusalKind::NotFound,
        fmt::format("There is nothing at {}. {}", printable(path.path, 200), servedRoutes));
}

/// "/models/M:generateContent" and its like are calls, not models.
bool isGeminiCall(std::string_view path)
{
    return path.find(":generateContent") != std::string_view::npos
        || path.find(":streamGenerateContent") != std::string_view::npos
        || path.find(":countTokens") != std::string_view::npos;
}

/// Absolute-form targets are for proxies that fetch what a client names; this one never does.
bool isOriginForm(std::string_view target)
{
    return !target.empty() && target.front() == '/' && target.substr(0, 2) != "//";
}

} // namespace

RoutedPath routePath(std::string_view target)
{
    RoutedPath out;
    auto path = target.substr(0, target.find_first_of("?#"));
    while (path.size() > 1 && path.back() == '/') {
        path.remove_suffix(1);
    }
    if (path == "/v1") {
        path = "/";
    } else if (path.substr(0, 4) == "/v1/") {
        path.remove_prefix(3);
    }
    out.path = std::string(path);
    if (path == "/") {
        out.route = Route::Root;
    } else if (path == "/healthz") {
        out.route = Route::Health;
    } else if (path == "/chat/completions") {
        out.route = Route::ChatCompletions;
    } else if (path == "/models") {
        out.route = Route::Models;
    } else if (path.substr(0, 8) == "/models/" && !isGeminiCall(path)) {
        out.route = Route::Model;
        out.argument = decodePercent(path.substr(8));
    }
    return out;
}

Admission admit(const RequestHead& head, const ProxyConfig& config, int port, TimeUs nowUs)
{
    Admission admission;
    if ((admission.refusal = checkHost(head, port))) {
        return admission;
    }
    if (!isOriginForm(head.target)) {
        admission.refusal = refusal(RefusalKind::BadRequest,
            "The request target must be a path. Headgate forwards only to the providers that are "
            "configured.");
        return admission;
    }
    admission.path = routePath(head.target);
    if ((admission.refusal = checkOrigin(head, port))) {
        return admission;
    }
    const auto route = admission.path.route;
    if (route != Route::Health && route != Route::Root) {
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
    if (route == Route::ChatCompletions) {
        admission.refusal = checkMedia(head);
    }
    return admission;
}

} // namespace headgate::proxy
