// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What can be called and what it costs: providers, models and effective-dated prices.
// A Catalog is an immutable value, shared between threads behind shared_ptr<const Catalog>.
// No I/O here; the price book is read by price_book.h.

#include "core/base/clock.h"
#include "core/base/money.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::catalog {

enum class Dialect { OpenAi, Anthropic, Gemini, Ollama };
[[nodiscard]] const char* dialectName(Dialect dialect);
[[nodiscard]] std::optional<Dialect> dialectFromName(std::string_view name);

/// How several keys of one provider take turns.
enum class KeyRotation {
    Failover, ///< the first that is not set aside
    RoundRobin
};
[[nodiscard]] const char* keyRotationName(KeyRotation rotation); ///< "failover", "round-robin"
[[nodiscard]] std::optional<KeyRotation> keyRotationFromName(std::string_view name);

/// A key beside the first one; the secret is in the key vault under "provider:<name>/<label>".
struct ExtraKey {
    std::string label; ///< unique within the provider
    std::string hint; ///< "…abcd"
};

struct Provider {
    std::string name; ///< unique, lower case: "openai", "sim"
    Dialect dialect = Dialect::OpenAi;
    bool simulated = false; ///< answered inside the program
    bool enabled = true;
    std::string baseUrl; ///< "https://api.openai.com/v1"; empty when simulated
    bool hasKey = false; ///< the key itself is in the key vault under "provider:<name>"
    std::string keyHint; ///< "…abcd"
    bool needsKey = true; ///< false: servers on this machine or in the house answer without one
    std::vector<ExtraKey> extraKeys; ///< after the first one, in the order of their use
    KeyRotation keyRotation = KeyRotation::Failover;
    int concurrencyMax = 0; ///< 0: only the global limit
    int connectTimeoutMs = 0; ///< 0: the default in limits.h, for all three
    int firstByteTimeoutMs = 0;
    int idleTimeoutMs = 0;
    bool injectUsage = true; ///< understands stream_options: ask for include_usage
    /// Chat's name of the output ceiling. Reasoning models refuse "max_tokens"; servers that do not
    /// know "max_completion_tokens" ignore it, and a ceiling that is ignored is no ceiling.
    std::string ceilingField = "max_tokens";
    bool servesResponses = false; ///< OpenAI dialect: has POST {base}/responses
    /// Empty: direct. "env": HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Else "http://host:port"; its
    /// "user:password" is in the key vault under "proxy:<name>".
    std::string proxy;
    bool hasProxyAuth = false;
    std::string caFile; ///< PEM file of authorities trusted beside the system's; empty: none
    int discountPermille = 0; ///< agreed with the provider, taken off every bill: 50 is 5 %
};

/// What is known of an API when a stored or typed provider does not say: OpenAI's own.
[[nodiscard]] bool isOpenAiItself(const Provider& provider);

/// What one token of each class costs. Absent: not offered, or not known.
struct TokenPrices {
    std::optional<Price> input;
    std::optional<Price> output;
    std::optional<Price> outputReasoning; ///< absent: reasoning is billed as output
    std::optional<Price> cacheRead;
    std::optional<Price> cacheWrite5m;
    std::optional<Price> cacheWrite1h;
    std::optional<Price> inputAudio;
    std::optional<Price> outputAudio;
    std::optional<Price> cacheReadAudio;
    std::optional<Price> inputImage;
    std::optional<Price> outputImage;
    std::optional<Price> cacheReadImage;

    bool operator==(const TokenPrices&) const = default;
};

/// Every class with the name it has in the price book and (as "<storedName>_pico") in config.db.
struct TokenPriceField {
    const char* bookName;
    const char* storedName;
    bool outputSide; ///< scales with the output price where a tier does not list it
    std::optional<Price> TokenPrices::*member;
};
inline constexpr std::array<TokenPriceField, 12> tokenPriceFields{{
    {"input", "input", false, &TokenPrices::input},
    {"output", "output", true, &TokenPrices::output},
    {"outputReasoning", "output_reasoning", true, &TokenPrices::outputReasoning},
    {"cacheRead", "cache_read", false, &TokenPrices::cacheRead},
    {"cacheWrite5m", "cache_write_5m", false, &TokenPrices::cacheWrite5m},
    {"cacheWrite1h", "cache_write_1h", false, &TokenPrices::cacheWrite1h},
    {"inputAudio", "input_audio", false, &TokenPrices::inputAudio},
    {"outputAudio", "output_audio", true, &TokenPrices::outputAudio},
    {"cacheReadAudio", "cache_read_audio", false, &TokenPrices::cacheReadAudio},
    {"inputImage", "input_image", false, &TokenPrices::inputImage},
    {"outputImage", "output_image", true, &TokenPrices::outputImage},
    {"cacheReadImage", "cache_read_image", false, &TokenPrices::cacheReadImage},
}};

/// When the whole input is strictly above `above` tokens, the whole request has these prices. What
/// a tier does not list is the base price in proportion to the tier's input (or output) price.
struct ContextTier {
    std::int64_t above = 0;
    TokenPrices prices;

    bool operator==(const ContextTier&) const = default;
};

/// A served service tier other than standard. What it does not list follows the standard price in
/// proportion; its own context tiers, where a list has them, go before the sheet's.
struct ServiceTier {
    TokenPrices prices;
    std::vector<ContextTier> contextTiers;

    bool operator==(const ServiceTier&) const = default;
};

/// Other prices at some hours of the day, for what a list names; the rest is not made cheaper.
/// Start is inclusive, end exclusive; end ≤ start runs across midnight (equal: the whole day).
struct TimeWindow {
    std::string zone = "UTC";
    int startMinute = 0; ///< of the local day, 0…1439
    int endMinute = 0;
    TokenPrices prices;

    bool operator==(const TimeWindow&) const = default;
    [[nodiscard]] bool contains(TimeUs at) const;
};

/// One price list, valid from `validFrom` on.
struct PriceSheet : TokenPrices {
    using ServiceTier = catalog::ServiceTier;

    TimeUs validFrom = 0;
    Money perCall;
    /// For each use of a hosted tool: toolWebSearch, toolCodeExecution, … A tool that is not here
    /// has an unknown fee, which is an error and never $0; a free tool is listed with $0.
    std::map<std::string, Money, std::less<>> perTool;
    std::optional<Money> perImageOut; ///< for each image made, beside its tokens
    std::optional<Money> perImageIn; ///< for each image read, beside its tokens
    std::vector<ContextTier> contextTiers; ///< ascending `above`
    std::map<std::string, catalog::ServiceTier, std::less<>> serviceTiers; ///< "batch", "flex", …
    /// Inference in a region multiplies all token prices: {"us", 1100} is ×1.1.
    std::map<std::string, int, std::less<>> geoPermille;
    std::vector<TimeWindow> windows; ///< the first that holds counts
    /// What the provider takes off the whole bill, 50 is 5 %. Copied in from the provider
    /// (applyDiscounts), so that the hold and the charge of a call use the same one; not stored.
    int discountPermille = 0;
    std::string source; ///< "operator", "models.dev 2026-09-28", …
    TimeUs fetchedAtUs = 0; ///< when the list it comes from was read; 0: not from a list
};

inline constexpr std::string_view toolWebSearch = "web_search";
inline constexpr std::string_view toolCodeExecution = "code_execution"; ///< a session
inline constexpr std::string_view toolFileSearch = "file_search";
inline constexpr std::string_view toolMaps = "maps";
inline constexpr std::string_view toolWebFetch = "web_fetch";
inline constexpr std::string_view toolComputerUse = "computer_use";
inline constexpr std::string_view toolImageGeneration = "image_generation";

struct Capabilities {
    bool tools = true;
    bool images = false;
    bool audio = false;
    bool jsonSchema = true;
    bool reasoning = false;
    bool logprobs = false;
};

struct Model {
    std::string provider;
    std::string name; ///< what the provider is asked for
    std::string displayName;
    int tier = 1; ///< 1 cheapest … 4 strongest
    std::int64_t contextTokens = 0; ///< input + output; 0: unknown, treated as 128,000
    std::int64_t maxOutputTokens = 0; ///< 0: unknown
    Capabilities can;
    std::string tokenizer; ///< "o200k_base", "cl100k_base" or a family of tokens/estimator.h
    bool enabled = true;
    bool embedding = false;
    std::vector<PriceSheet> prices; ///< ascending validFrom
    std::vector<std::string> fallbacks; ///< ids, tried in this order when the provider took nothing

    [[nodiscard]] std::string id() const { return provider + "/" + name; }
    /// The sheet in force at `at`; null when there is none or it has no input and output price.
    [[nodiscard]] const PriceSheet* priceAt(TimeUs at) const;
};

/// Normalised usage of one answer; every count is tokens unless named otherwise. The parts are
/// disjoint: total input = inputUncached + cacheRead + cacheWrite5m + cacheWrite1h. Audio and
/// images are inside inputUncached, cacheRead and output and named again. Reasoning is inside
/// output.
struct Usage {
    std::int64_t inputUncached = 0;
    std::int64_t cacheRead = 0;
    std::int64_t cacheWrite5m = 0;
    std::int64_t cacheWrite1h = 0;
    std::int64_t output = 0;
    std::int64_t reasoning = 0;
    std::int64_t inputAudio = 0;
    std::int64_t outputAudio = 0;
    std::int64_t cacheReadAudio = 0;
    std::int64_t inputImage = 0;
    std::int64_t outputImage = 0;
    std::int64_t cacheReadImage = 0;
    std::int64_t imagesIn = 0; ///< images, for prices by the image
    std::int64_t imagesOut = 0;
    std::int64_t webSearches = 0;
    /// Uses of other hosted tools that may have a fee, by the names above.
    std::map<std::string, std::int64_t, std::less<>> toolCalls;
    std::string serviceTier; ///< as served, in the provider's word
    std::string geo; ///< where it ran (inference_geo), when the provider says so
    bool clamped = false; ///< a part was larger than its total and was clamped

    [[nodiscard]] std::int64_t inputTotal() const
    {
        return inputUncached + cacheRead + cacheWrite5m + cacheWrite1h;
    }
};

struct CostLine {
    std::string what; ///< "input", "output", "cache_read", "cache_write_5m", "per_call", …
    std::int64_t quantity = 0;
    Price price; ///< zero for the discount
    Money amount; ///< this line alone, rounded up; lines may add up to more than the total
};

struct Cost {
    Money total; ///< exact sum, rounded up once
    std::vector<CostLine> lines;
};

/// Our word for a provider's: "SERVICE_TIER_FLEX" and "ON_DEMAND_FLEX" are "flex", "scale" and
/// "ON_DEMAND" are the standard tier, which is empty. Unknown words come back in lower case.
[[nodiscard]] std::string servedTier(std::string_view word);

/// Exact cost of a usage. Errors: a used class or tool has no price (the message names it),
/// overflow. A missing cache price falls back to the input price (never cheaper than billed),
/// missing audio and image prices to the text price of their side only when the sheet has none.
/// `endedAt` is when the answer was complete: that instant decides about time-of-day windows, as it
/// does at the providers that have them. Without it the dearest window counts. (The sheet itself is
/// chosen at admission, so that the hold and the charge have the same one.)
[[nodiscard]] Result<Cost> costOfUsage(
    const Usage& usage, const PriceSheet& sheet, std::optional<TimeUs> endedAt = std::nullopt);

/// The most a call can cost: the dearest input class × inputTokens + the dearest output class ×
/// outputTokens + fees (ledger.md "The bound"), over every context tier, time window and region
/// that could apply, less the discount. Both counts are upper limits.
[[nodiscard]] Result<Money> boundOfRequest(
    std::int64_t inputTokens, std::int64_t outputTokens, const PriceSheet& sheet);

/// What of a request changes its bound.
struct BoundOptions {
    /// Service tier the request asks for. When it asks for none we write none upstream and the
    /// standard price bounds it; a named tier is bounded by the dearer of standard and that tier
    /// (a provider may serve a cheaper or a dearer request at the standard tier).
    std::string_view serviceTier;
    bool audio = false; ///< audio may go in or come out, so audio prices count too
    bool images = false; ///< images may go in, so image prices count too
    std::int64_t webSearchesMax = 0; ///< searches the request allows
    std::int64_t imagesInMax = 0; ///< for prices by the image
    std::int64_t imagesOutMax = 0;
    std::map<std::string, std::int64_t, std::less<>> toolCallsMax; ///< of other hosted tools
    /// Region the request asks for; without one an account's default may be the dearest.
    std::string_view geo;
};
[[nodiscard]] Result<Money> boundOfRequest(std::int64_t inputTokens, std::int64_t outputTokens,
    const PriceSheet& sheet, const BoundOptions& options);

/// The dearest prices boundOfRequest() uses for an input of that size, for fitting a ceiling.
struct BoundPrices {
    Price input;
    Price output;
    Money fixed;
};
[[nodiscard]] Result<BoundPrices> boundPrices(std::int64_t inputTokens, const PriceSheet& sheet);
[[nodiscard]] Result<BoundPrices> boundPrices(
    std::int64_t inputTokens, const PriceSheet& sheet, const BoundOptions& options);

class Catalog {
public:
    std::vector<Provider> providers;
    std::vector<Model> models;

    [[nodiscard]] const Provider* provider(std::string_view name) const;
    /// By "provider/name", or by bare name when exactly one enabled provider has it (the first in
    /// catalog order otherwise). Null when unknown.
    [[nodiscard]] const Model* model(std::string_view idOrName) const;

    /// Copies each provider's discount into the price sheets of its models. Whoever makes a
    /// catalog for calls does this last.
    void applyDiscounts();
};

} // namespace headgate::catalog
