// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/validate.h"

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/proxy/upstream_target.h"
#include "core/service/price_json.h"

#include <algorithm>
#include <charconv>

namespace headgate::service {

namespace {

Error invalid(std::string message, std::string remedy = {})
{
    return Error(ErrorCode::InvalidArgument, std::move(message), std::move(remedy));
}

bool isValidUtf8(std::string_view text)
{
    std::size_t at = 0;
    while (at < text.size()) {
        const auto lead = static_cast<unsigned char>(text[at]);
        const std::size_t length = lead < 0x80 ? 1
            : lead >= 0xC2 && lead <= 0xDF     ? 2
            : lead >= 0xE0 && lead <= 0xEF     ? 3
            : lead >= 0xF0 && lead <= 0xF4     ? 4
                                               : 0;
        if (length == 0 || at + length > text.size()) {
            return false;
        }
        for (std::size_t i = 1; i < length; ++i) {
            if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) {
                return false;
            }
        }
        at += length;
    }
    return true;
}

bool isPlain(std::string_view text)
{
    const bool controls = std::any_of(text.begin(), text.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    return !controls && isValidUtf8(text);
}

/// Host part of an URL's authority in lower case; empty when it is malformed.
std::string hostOf(std::string_view authority)
{
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        return end == std::string_view::npos ? std::string()
                                             : std::string(authority.substr(1, end - 1));
    }
    return toLower(authority.substr(0, authority.find(':')));
}

bool portIsFine(std::string_view authority)
{
    const auto bracket = authority.find(']');
    const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon == std::string_view::npos) {
        return true;
    }
    const std::string_view digits = authority.substr(colon + 1);
    int port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return error == std::errc() && end == digits.data() + digits.size() && port > 0 && port < 65536;
}

bool isLoopback(const std::string& host)
{
    return host == "localhost" || host.starts_with("127.") || host == "::1";
}

Result<void> checkFees(const catalog::PriceSheet& sheet, const std::string& model)
{
    const auto isNegative
        = [](const std::optional<Money>& fee) { return fee && fee->isNegative(); };
    const bool badTool = std::any_of(sheet.perTool.begin(), sheet.perTool.end(),
        [](const auto& tool) { return tool.second.isNegative(); });
    if (sheet.validFrom < 0 || sheet.perCall.isNegative() || badTool || isNegative(sheet.perImageIn)
        || isNegative(sheet.perImageOut)) {
        return invalid("The price of " + model + " has a negative part.", "Use 0 or more.");
    }
    for (const auto& region : sheet.geoPermille) {
        if (region.second <= 0 || region.second > limits::geoPermilleMax) {
            return invalid(
                "The factor for region \"" + region.first + "\" of " + model + " is wrong.",
                "Give it in permille: 1100 is ten percent more.");
        }
    }
    return {};
}

Result<void> checkContextTiers(
    const std::vector<catalog::ContextTier>& tiers, const std::string& model)
{
    std::int64_t above = 0;
    for (const auto& tier : tiers) {
        if (tier.above <= above) {
            return invalid("The long-context prices of " + model + " are out of order.",
                "Give each a threshold above the one before.");
        }
        if (!tier.prices.input || !tier.prices.output) {
            return invalid("The long-context price of " + model + " is incomplete.",
                "Give its input and output price.");
        }
        above = tier.above;
    }
    return {};
}

Result<void> checkSheet(const catalog::PriceSheet& sheet, const std::string& model)
{
    if (!sheet.input || !sheet.output) {
        return invalid("The price of " + model + " needs an input and an output price.",
            "Give both in dollars per million tokens; 0 for a free model.");
    }
    if (auto done = checkFees(sheet, model); !done) {
        return done;
    }
    if (auto done = checkContextTiers(sheet.contextTiers, model); !done) {
        return done;
    }
    for (const auto& service : sheet.serviceTiers) {
        if (auto done = checkContextTiers(service.second.contextTiers, model); !done) {
            return done;
        }
    }
    constexpr int minutesPerDay = 24 * 60;
    for (const auto& window : sheet.windows) {
        if (window.startMinute < 0 || window.startMinute >= minutesPerDay || window.endMinute < 0
            || window.endMinute > minutesPerDay || !isKnownZone(window.zone)) {
            return invalid("A time window of " + model + " is wrong.",
                "Give its start and end as times of day and an IANA zone.");
        }
    }
    return {};
}

} // namespace

Result<void> checkName(std::string_view text, const std::string& what)
{
    if (text.empty()) {
        return invalid("The " + what + " is empty.", "Give it a name.");
    }
    if (text.size() > limits::nameBytesMax) {
        return invalid("The " + what + " is too long.",
            "Use at most " + std::to_string(limits::nameBytesMax) + " bytes.");
    }
    if (!isPlain(text)) {
        return invalid("The " + what + " holds control characters or broken text.",
            "Use letters, digits and punctuation.");
    }
    if (text.front() == ' ' || text.back() == ' ') {
        return invalid("The " + what + " begins or ends with a space.", "Take the space away.");
    }
    return {};
}

Result<void> checkTags(const std::vector<std::string>& tags)
{
    if (tags.size() > limits::tagsMax) {
        return invalid(
            "There are too many tags.", "Use at most " + std::to_string(limits::tagsMax) + ".");
    }
    for (const auto& tag : tags) {
        const auto colon = tag.find(':');
        if (colon == std::string::npos || colon == 0 || colon + 1 == tag.size()) {
            return invalid("The tag \"" + tag + "\" is not of the form key:value.",
                "Write for instance project:search.");
        }
        if (auto done = checkName(tag, "tag"); !done) {
            return done;
        }
    }
    return {};
}

Result<void> checkPool(const Config& config, const ledger::Pool& pool)
{
    if (auto done = checkName(pool.name, "pool name"); !done) {
        return done;
    }
    if (pool.cap.isNegative() || pool.cap.isZero()) {
        return invalid("The cap of pool \"" + pool.name + "\" must be more than $0.",
            "To stop all spending, freeze the pool instead.");
    }
    if (pool.reservePercent < 0 || pool.reservePercent > 99) {
        return invalid(
            "The reserve must be 0 to 99 percent.", "20% keeps a fifth for priority high.");
    }
    if (!isKnownZone(pool.zone)) {
        return invalid("The time zone \"" + pool.zone + "\" is unknown.",
            "Use an IANA name such as Europe/Berlin or UTC.");
    }
    if (pool.fiscalStartDay < 1 || pool.fiscalStartDay > 28) {
        return invalid("The first day of the month must be 1 to 28.",
            "A later day is missing in February: use 28 at most.");
    }
    if (pool.window.kind == ledger::WindowKind::Bucket && pool.cap != pool.window.bucketCapacity) {
        return invalid("The cap of pool \"" + pool.name + "\" must be its bucket's capacity, $"
                + pool.window.bucketCapacity.toDecimal() + ".",
            "Change both together: the window bucket:CAPACITY/RATE-per-hour says the capacity.");
    }
    if (pool.scope.value.size() > limits::scopeValueBytesMax || !isPlain(pool.scope.value)) {
        return invalid("The scope's value is too long or holds control characters.");
    }
    if (!pool.archived && !ledger::isEnforced(pool.scope, pool.window)) {
        return Error(ErrorCode::Unsupported,
            "This version does not enforce a pool of scope " + pool.scope.text() + " with window "
                + pool.window.text() + " yet, and a cap that does not hold is not offered.",
            "Use org, team, user, key, session or request with hour, day, week, month or "
            "lifetime.");
    }
    std::size_t count = 0;
    for (const auto& other : config.pools) {
        ++count;
        if (other.id != pool.id && !other.archived && !pool.archived && other.name == pool.name) {
            return Error(ErrorCode::AlreadyExists, "There is a pool \"" + pool.name + "\" already.",
                "Choose another name, or change that pool.");
        }
    }
    if (count >= limits::poolsMax) {
        return Error(ErrorCode::OutOfRange, "There are too many pools.",
            "Use each-team, each-user or each-key pools: one of them covers every value.");
    }
    return {};
}

Result<void> checkKey(const Config& config, const KeyRecord& key, TimeUs nowUs)
{
    if (auto done = checkName(key.name, "key name"); !done) {
        return done;
    }
    if (!key.team.empty()) {
        if (auto done = checkName(key.team, "team"); !done) {
            return done;
        }
    }
    if (!key.user.empty()) {
        if (auto done = checkName(key.user, "user"); !done) {
            return done;
        }
    }
    if (auto done = checkTags(key.tags); !done) {
        return done;
    }
    if (key.expiresAtUs != 0 && key.expiresAtUs <= nowUs) {
        return invalid("The key would have expired already.", "Give a time in the future.");
    }
    if (config.keys.size() >= limits::keysMax) {
        return Error(ErrorCode::OutOfRange, "There are too many keys.");
    }
    for (const auto& other : config.keys) {
        if (other.id != key.id && other.revokedAtUs == 0 && other.name == key.name) {
            return Error(ErrorCode::AlreadyExists, "There is a key \"" + key.name + "\" already.",
                "Choose another name, or revoke that key first.");
        }
    }
    return {};
}

Result<std::string> checkedUrl(std::string_view url)
{
    const std::string remedy = "Write for instance https://api.openai.com/v1 or "
                               "http://127.0.0.1:11434/v1.";
    if (url.size() > 2'048 || !isPlain(url) || url.find(' ') != std::string_view::npos
        || url.find('\\') != std::string_view::npos) {
        return invalid("The URL holds spaces or characters that do not belong there.", remedy);
    }
    const bool secure = url.starts_with("https://");
    if (!secure && !url.starts_with("http://")) {
        return invalid("The URL must begin with https:// or http://.", remedy);
    }
    const std::string_view rest = url.substr(secure ? 8 : 7);
    const std::string_view authority = rest.substr(0, rest.find('/'));
    if (authority.find('@') != std::string_view::npos) {
        return invalid("The URL holds a user name or password.",
            "Give the key separately; it is stored encrypted.");
    }
    if (rest.find('?') != std::string_view::npos || rest.find('#') != std::string_view::npos) {
        return invalid("The URL holds a query or a fragment.", "End it with the path, like /v1.");
    }
    const std::string host = hostOf(authority);
    if (host.empty() || !portIsFine(authority)) {
        return invalid("The URL has no proper host or port.", remedy);
    }
    if (proxy::isForbiddenHost(host)) { // nobody runs a model there
        return invalid("The address " + host
                + " is link-local or a metadata service: cloud machines keep credentials there.",
            "Use the provider's own address.");
    }
    if (!secure && !isLoopback(host)) {
        return invalid("Plain http would send the key readable over the network.",
            "Use https://; http:// is for servers on this machine only.");
    }
    std::string out(url);
    while (out.ends_with('/')) {
        out.pop_back();
    }
    return out;
}

Result<void> checkProvider(const Config& config, const catalog::Provider& provider, bool isNew)
{
    if (auto done = checkName(provider.name, "provider name"); !done) {
        return done;
    }
    const bool plain = std::all_of(provider.name.begin(), provider.name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
    if (!plain) {
        return invalid("The provider name \"" + provider.name + "\" may not be used.",
            "Use lower-case letters, digits, - _ and . only.");
    }
    const bool exists = std::any_of(config.providers.begin(), config.providers.end(),
        [&](const catalog::Provider& other) { return other.name == provider.name; });
    if (exists && isNew) {
        return Error(ErrorCode::AlreadyExists,
            "There is a provider \"" + provider.name + "\" already.",
            "Choose another name, or remove that one first.");
    }
    if (!provider.simulated) {
        if (const auto url = checkedUrl(provider.baseUrl); !url) {
            return url.error();
        }
    }
    if (!provider.proxy.empty() && provider.proxy != "env") {
        const auto url = proxy::parseBaseUrl(provider.proxy);
        if (!url || url->tls || !url->path.empty()) {
            return invalid("The proxy of provider \"" + provider.name + "\" cannot be used.",
                "Write http://host:port, env or none; a user name and password go into "
                "--proxy-auth-env VARIABLE.");
        }
    }
    if (!provider.caFile.empty() && provider.caFile.front() != '/') {
        return invalid("The file of authorities must be a full path.", "Begin it with /.");
    }
    if (provider.ceilingField != "max_tokens" && provider.ceilingField != "max_completion_tokens") {
        return invalid("The ceiling field of provider \"" + provider.name + "\" is unknown.",
            "Use max_tokens or max_completion_tokens.");
    }
    if (provider.discountPermille < 0 || provider.discountPermille > 1'000) {
        return invalid(
            "The discount of provider \"" + provider.name + "\" is not one.", "Use 0 % to 100 %.");
    }
    if (provider.concurrencyMax < 0 || provider.connectTimeoutMs < 0
        || provider.firstByteTimeoutMs < 0 || provider.idleTimeoutMs < 0) {
        return invalid(
            "A limit of provider \"" + provider.name + "\" is negative.", "Use 0 for the default.");
    }
    return {};
}

Result<void> checkSecret(const Secret& key)
{
    // Far above any provider's key; a header of more is refused by most servers.
    constexpr std::size_t keyBytesMax = 8 * 1024;
    const std::string& text = key.reveal();
    const bool visible
        = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    if (!visible || text.size() > keyBytesMax) {
        return invalid("The key holds spaces, line breaks or other characters no key has.",
            "Copy it again, alone and on one line.");
    }
    return {};
}

Result<void> checkModel(const Config& config, const catalog::Model& model)
{
    const bool known = std::any_of(config.providers.begin(), config.providers.end(),
        [&](const catalog::Provider& provider) { return provider.name == model.provider; });
    if (!known) {
        return Error(ErrorCode::NotFound, "There is no provider \"" + model.provider + "\".",
            "Add the provider first.");
    }
    if (auto done = checkName(model.name, "model name"); !done) {
        return done;
    }
    if (model.tier < 1 || model.tier > 4) {
        return invalid("The tier of " + model.id() + " must be 1 (cheapest) to 4 (strongest).");
    }
    if (model.contextTokens < 0 || model.maxOutputTokens < 0) {
        return invalid("A token limit of " + model.id() + " is negative.", "Use 0 for unknown.");
    }
    for (const auto& sheet : model.prices) {
        if (auto done = checkSheet(sheet, model.id()); !done) {
            return done;
        }
    }
    return {};
}

Result<void> checkPolicy(const Config& config, const routing::Policy& policy)
{
    const catalog::Catalog all{config.providers, config.models};
    const auto known = [&all](const std::string& name) { return all.model(name) != nullptr; };
    for (const auto& rule : policy.rules) {
        for (const auto& model : rule.models) {
            if (!known(model)) {
                return Error(ErrorCode::NotFound,
                    "Rule \"" + rule.name + "\" names the unknown model \"" + model + "\".",
                    "Use a model of the catalog, as provider/name.");
            }
        }
    }
    if (!policy.baselineModel.empty() && !known(policy.baselineModel)) {
        return Error(ErrorCode::NotFound,
            "The baseline model \"" + policy.baselineModel + "\" is unknown.",
            "Use a model of the catalog, as provider/name.");
    }
    return {};
}

namespace {

Result<void> checkLoopRules(const proxy::LoopRules& rules)
{
    // Below three a person who asks again is a loop.
    const auto within
        = [](int value, int least, int most) { return value >= least && value <= most; };
    if (!within(rules.repeats, 3, limits::loopRepeatsMax)) {
        return invalid("A loop cannot be " + std::to_string(rules.repeats) + " equal requests.",
            "Use 3 to " + std::to_string(limits::loopRepeatsMax) + ".");
    }
    if (!within(rules.withinSeconds, 10, 3'600)) {
        return invalid(
            "A loop cannot be looked for over " + std::to_string(rules.withinSeconds) + " seconds.",
            "Use 10 to 3600 seconds.");
    }
    if (!within(rules.toolRepeats, 3, limits::loopRepeatsMax)) {
        return invalid(
            "A loop cannot be " + std::to_string(rules.toolRepeats) + " equal tool calls.",
            "Use 3 to " + std::to_string(limits::loopRepeatsMax) + ".");
    }
    return {};
}

} // namespace

Result<void> checkSettings(const Settings& settings)
{
    if (auto done = checkName(settings.org, "organisation name"); !done) {
        return done;
    }
    if (settings.theme != "light" && settings.theme != "dark" && settings.theme != "system") {
        return invalid(
            "The theme \"" + settings.theme + "\" is unknown.", "Use light, dark or system.");
    }
    if (!settings.zone.empty() && !isKnownZone(settings.zone)) {
        return invalid("The time zone \"" + settings.zone + "\" is unknown.",
            "Use an IANA name such as Europe/Berlin or UTC.");
    }
    return checkLoopRules(settings.loops);
}

std::vector<catalog::PriceSheet> mergedPrices(const std::vector<catalog::PriceSheet>& known,
    const std::vector<catalog::PriceSheet>& wanted, TimeUs nowUs)
{
    std::vector<catalog::PriceSheet> out = known;
    for (catalog::PriceSheet sheet : wanted) {
        const auto sameDate = [&sheet](const catalog::PriceSheet& other) {
            return other.validFrom == sheet.validFrom;
        };
        auto found = std::find_if(out.begin(), out.end(), sameDate);
        if (found != out.end() && samePrices(*found, sheet)) {
            continue;
        }
        if (found != out.end() && found->validFrom <= nowUs) {
            sheet.validFrom = nowUs; // what was billed so far was billed at the old price
            found = std::find_if(out.begin(), out.end(), sameDate);
        }
        if (found != out.end()) {
            *found = std::move(sheet);
        } else {
            out.push_back(std::move(sheet));
        }
    }
    std::stable_sort(out.begin(), out.end(),
        [](const auto& a, const auto& b) { return a.validFrom < b.validFrom; });
    return out;
}

} // namespace headgate::service
