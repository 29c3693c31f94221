// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One reader for each foreign price list. Internal to price_list.cpp; pure functions over text that
// is parsed but not trusted: a bad number is an error of the entry that has it.

#include "core/catalog/price_list.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::catalog {

/// Powers of ten between a list's unit and ours.
inline constexpr int picoPerDollarPerMillion = 6; ///< $/MTok → pico-dollars a token
inline constexpr int picoPerDollarPerToken = 12; ///< $/token → pico-dollars a token
inline constexpr int nanoPerDollarPerThousand = 6; ///< $/1000 calls → nano-dollars a call
inline constexpr int nanoPerDollar = 9;

/// Reads prices and keeps the first error.
class PriceReader {
public:
    explicit PriceReader(int scale) : m_scale(scale) { }

    /// Nothing when absent, null, or no number or text.
    std::optional<Price> price(const JsonText* value);
    std::optional<Money> fee(const JsonText* value, int scale);
    [[nodiscard]] const std::optional<Error>& error() const { return m_error; }

private:
    std::optional<std::int64_t> scaled(const JsonText* value, int scale);

    int m_scale;
    std::optional<Error> m_error;
};

/// A whole number of tokens, 0 when absent or not one.
[[nodiscard]] std::int64_t tokenCount(const JsonText* value);
[[nodiscard]] bool listHas(const JsonText* list, std::string_view word);
/// The member of that name, else the longest one that the name extends by a version.
[[nodiscard]] const JsonText* memberOrVersion(const JsonText& object, std::string_view name);

/// Says what keeps an entry from being used: a broken price, or none for tokens.
void finishListed(ListedModel& listed, bool wellFormed, const PriceReader& reader);

// --- by name, and all of them. A null pointer: unknown model.
[[nodiscard]] const JsonText* findGenaiModel(
    const JsonText& root, std::string_view provider, std::string_view name);
[[nodiscard]] ListedModel readGenaiModel(std::string_view provider, const JsonText& model);
[[nodiscard]] std::vector<ListedModel> allGenaiModels(const JsonText& root);

[[nodiscard]] const JsonText* findModelsDevModel(
    const JsonText& root, std::string_view provider, std::string_view name);
[[nodiscard]] ListedModel readModelsDevModel(
    std::string_view provider, std::string_view name, const JsonText& model);
[[nodiscard]] std::vector<ListedModel> allModelsDevModels(const JsonText& root);

[[nodiscard]] const JsonText* findLiteLlmModel(
    const JsonText& root, std::string_view provider, std::string_view name);
[[nodiscard]] ListedModel readLiteLlmModel(
    std::string_view provider, std::string_view name, const JsonText& model);
[[nodiscard]] std::vector<ListedModel> allLiteLlmModels(const JsonText& root);

} // namespace headgate::catalog
