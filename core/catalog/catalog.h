// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What can be called and what it costs: providers, models and effective-dated prices.
// A Catalog is an immutable value, shared between threads behind shared_ptr<const Catalog>.
// No I/O here; the price book is read by price_book.h.

#include "core/base/clock.h"
#include "core/base/money.h"

#include <cstdint>
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
};

/// What is known of an API when a stored or typed provider does not say: OpenAI's own.
[[nodiscard]] bool isOpenAiItself(const Provider& provider);

/// One price list, valid from `validFrom` on. Absent prices mean "not offered or not known".
struct PriceSheet {
    TimeUs validFrom = 0;
    std::optional<Price> input;
    std::optional<Price> output;
    std::optional<Price> cacheRead;
    std::optional<Price> cacheWrite5m;
    std::optional<Price> cacheWrite1h;
    std::optional<Price> inputAudio;
    std::optional<Price> outputAudio;
    Money perCall;
    Money perWebSearch;
    /// Context tier: when the whole input is strictly above `tierAbove` tokens, the whole request
    /// is priced at these; 0 means no tier.
    std::int64_t tierAbove = 0;
    std::optional<Price> tierInput;
    std::optional<Price> tierOutput;
    std::optional<Price> tierCacheRead;
    std::optional<Price> tierCacheWrite;
    std::optional<Price> tierCacheWrite1h; ///< absent: cacheWrite1h in proportion to the input
    /// Served service tiers other than standard: "batch", "flex", "priority", "fast".
    struct ServiceTier {
        std::optional<Price> input;
        std::optional<Price> output;
        std::optional<Price> cacheRead;
        std::optional<Price> cacheWrite;
    };
    std::map<std::string, ServiceTier, std::less<>> serviceTiers;
    std::string source; ///< "operator", "models.dev 2026-09-28", …
};

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
/// disjoint: total input = inputUncached + cacheRead + cacheWrite5m + cacheWrite1h (audio is inside
/// inputUncached and named again in inputAudio). Reasoning is inside output.
struct Usage {
    std::int64_t inputUncached = 0;
    std::int64_t cacheRead = 0;
    std::int64_t cacheWrite5m = 0;
    std::int64_t cacheWrite1h = 0;
    std::int64_t output = 0;
    std::int64_t reasoning = 0;
    std::int64_t inputAudio = 0;
    std::int64_t outputAudio = 0;
    std::int64_t webSearches = 0;
    std::string serviceTier; ///< as served; empty or "default"/"standard" is the standard one
    bool clamped = false; ///< a part was larger than its total and was clamped

    [[nodiscard]] std::int64_t inputTotal() const
    {
        return inputUncached + cacheRead + cacheWrite5m + cacheWrite1h;
    }
};

struct CostLine {
    std::string what; ///< "input", "output", "cache_read", "cache_write", "per_call", …
    std::int64_t quantity = 0;
    Price price; ///< zero for fixed fees
    Money amount; ///< this line alone, rounded up; lines may add up to more than the total
};

struct Cost {
    Money total; ///< exact sum, rounded up once
    std::vector<CostLine> lines;
};

/// Exact cost of a usage. Errors: a used class has no price (the message names it), overflow.
/// A missing cache price falls back to the input price (never cheaper than billed), missing audio
/// prices likewise to the text price of their side only when the sheet has none at all.
[[nodiscard]] Result<Cost> costOfUsage(const Usage& usage, const PriceSheet& sheet);

/// The most a call can cost: the dearest input class × inputTokens + the dearest output class ×
/// outputTokens + fees (ledger.md "The bound"). Both counts are upper limits.
[[nodiscard]] Result<Money> boundOfRequest(
    std::int64_t inputTokens, std::int64_t outputTokens, const PriceSheet& sheet);

/// What of a request changes its bound.
struct BoundOptions {
    /// Service tier the request asks for. When it asks for none we write none upstream and the
    /// standard price bounds it; a named tier is bounded by the dearer of standard and that tier
    /// (a provider may serve a cheaper or a dearer request at the standard tier).
    std::string_view serviceTier;
    bool audio = false; ///< audio may go in or come out, so audio prices count too
    std::int64_t webSearchesMax = 0; ///< searches the request allows
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
};

} // namespace headgate::catalog
