// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/estimator.h"

#include "core/tokens/embedded.h"
#include "core/tokens/features.h"

#include <boost/json.hpp>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <stdexcept>
#include <unordered_map>

namespace headgate::tokens {

namespace {

using Ratios = std::array<std::int64_t, scriptCount>; ///< thousandths

struct Family {
    Ratios guessO200k{};
    Ratios guessCl100k{};
    Ratios atMostO200k{};
    Ratios atMostCl100k{};
    Ratios atMostBytes{};
    std::int64_t perText = 0; ///< whole tokens
};
using Families = std::map<std::string, Family, std::less<>>;

Ratios ratiosFrom(const boost::json::value& list)
{
    const boost::json::array& values = list.as_array();
    if (values.size() != scriptCount) {
        throw std::logic_error("ratios.json has a list of the wrong length");
    }
    Ratios ratios{};
    for (std::size_t i = 0; i < scriptCount; ++i) {
        ratios[i] = values[i].as_int64();
    }
    return ratios;
}

Families loadFamilies()
{
    const std::string_view text = embeddedRatios();
    const boost::json::value file = boost::json::parse({text.data(), text.size()});
    Families families;
    for (const auto& entry : file.at("families").as_object()) {
        const boost::json::object& from = entry.value().as_object();
        Family family;
        family.guessO200k = ratiosFrom(from.at("guessO200k"));
        family.guessCl100k = ratiosFrom(from.at("guessCl100k"));
        family.atMostO200k = ratiosFrom(from.at("atMostO200k"));
        family.atMostCl100k = ratiosFrom(from.at("atMostCl100k"));
        family.atMostBytes = ratiosFrom(from.at("atMostBytes"));
        family.perText = from.at("perText").as_int64();
        families.emplace(std::string(entry.key()), family);
    }
    if (families.find(std::string_view("unknown")) == families.end()) {
        throw std::logic_error("ratios.json has no family \"unknown\"");
    }
    return families;
}

const Families& families()
{
    static const Families loaded = loadFamilies();
    return loaded;
}

Families::const_iterator familyOrUnknown(std::string_view name)
{
    const auto found = families().find(name);
    return found != families().end() ? found : families().find(std::string_view("unknown"));
}

std::int64_t thousandthsUp(std::int64_t value)
{
    return (value + 999) / 1000;
}

/// BLAKE2b-128 of family and text: an attacker who could make two texts collide could have one of
/// them counted as the other, so the hash must be strong.
struct CacheKey {
    std::array<std::uint64_t, 2> words{};
    bool operator==(const CacheKey&) const = default;
};
struct CacheKeyHash {
    std::size_t operator()(const CacheKey& key) const noexcept { return key.words[0]; }
};

CacheKey cacheKeyOf(std::string_view family, std::string_view text)
{
    static const bool ready = sodium_init() >= 0;
    if (!ready) {
        throw std::runtime_error("libsodium cannot start: no source of randomness");
    }
    CacheKey key;
    crypto_generichash_state state;
    const auto add = [&](std::string_view bytes) {
        crypto_generichash_update(
            &state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    };
    crypto_generichash_init(&state, nullptr, 0, sizeof key.words);
    add(family);
    add(std::string_view("\0", 1));
    add(text);
    crypto_generichash_final(
        &state, reinterpret_cast<unsigned char*>(key.words.data()), sizeof key.words);
    return key;
}

/// Two generations: when the young one is full it becomes the old one, so that what is asked again
/// stays and nothing is ever walked. Per thread: no lock on the hot path.
class CountCache {
public:
    const Count* find(const CacheKey& key)
    {
        if (const auto found = m_young.find(key); found != m_young.end()) {
            return &found->second;
        }
        const auto old = m_old.find(key);
        return old != m_old.end() ? &insert(key, old->second) : nullptr;
    }
    const Count& insert(const CacheKey& key, Count count)
    {
        if (m_young.size() >= entriesMax / 2) {
            m_old = std::move(m_young);
            m_young.clear();
        }
        return m_young.insert_or_assign(key, count).first->second;
    }

private:
    /// Some 80 bytes an entry: 1.3 MB a thread at most; long agent conversations have hundreds of
    /// messages, and a few dozen of them are active at once.
    static constexpr std::size_t entriesMax = 16'384;
    using Map = std::unordered_map<CacheKey, Count, CacheKeyHash>;
    Map m_young;
    Map m_old;
};

/// Hashing a short text costs as much as counting it.
constexpr std::size_t cachedBytesMin = 256;

} // namespace

std::string_view estimatedFamily(std::string_view family)
{
    return familyOrUnknown(family)->first;
}

std::vector<std::string_view> estimatedFamilies()
{
    std::vector<std::string_view> names;
    for (const auto& entry : families()) {
        names.push_back(entry.first);
    }
    return names;
}

Count estimate(std::string_view family, std::string_view text)
{
    if (text.empty()) {
        return {};
    }
    const Family& ratios = familyOrUnknown(family)->second;
    const TextFeatures found = textFeatures(text);
    std::int64_t guess = 0;
    std::int64_t atMost = 0;
    // A text has at most 2^36 bytes and a ratio is below 2^20: no overflow.
    for (std::size_t i = 0; i < scriptCount; ++i) {
        guess += ratios.guessO200k[i] * found.o200k[i] + ratios.guessCl100k[i] * found.cl100k[i];
        atMost += ratios.atMostO200k[i] * found.o200k[i] + ratios.atMostCl100k[i] * found.cl100k[i]
            + ratios.atMostBytes[i] * found.bytes[i];
    }
    Count count;
    count.tokens = std::max<std::int64_t>(1, (guess + 500) / 1000);
    count.atMost = std::max(count.tokens, ratios.perText + thousandthsUp(atMost));
    return count;
}

Count countText(std::string_view family, std::string_view text)
{
    const Result<const Encoding*> encoding = Encoding::named(family);
    if (!encoding) {
        return estimate(family, text);
    }
    const std::int64_t tokens = (*encoding)->count(text);
    return {tokens, tokens, true};
}

Count countTextCached(std::string_view family, std::string_view text)
{
    if (text.size() < cachedBytesMin) {
        return countText(family, text);
    }
    thread_local CountCache cache;
    const CacheKey key = cacheKeyOf(family, text);
    if (const Count* known = cache.find(key)) {
        return *known;
    }
    return cache.insert(key, countText(family, text));
}

} // namespace headgate::tokens
