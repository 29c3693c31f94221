// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The shipped price book (resources/prices/book.json, compiled in) and the simulated provider's
// models. Read once at start; immutable afterwards.

#include "core/catalog/catalog.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::catalog {

struct PriceBook {
    std::string date; ///< "2026-09-28"
    std::string sources;
    std::vector<Model> models; ///< provider names: openai, anthropic, google, mistral, …

    /// Exact name, else the longest listed name that the asked one extends by a date or version
    /// suffix ("gpt-4o-2024-08-06" → "gpt-4o"). Null when unknown.
    [[nodiscard]] const Model* find(std::string_view provider, std::string_view model) const;
};

/// The book compiled into the program.
[[nodiscard]] const PriceBook& defaultBook();

/// Reads a book from JSON text in the format of resources/prices/README.md. Refuses the whole text
/// on the first bad row: a half-read price list is worse than none.
[[nodiscard]] Result<PriceBook> parseBook(std::string_view json);

/// sim-small (tier 1), sim-medium (tier 2), sim-large (tier 3), with prices.
[[nodiscard]] Provider simProvider();
[[nodiscard]] std::vector<Model> simModels();

/// Provider presets an operator can add by name: base URL, dialect and what the API understands
/// ("openai", "openrouter", …).
[[nodiscard]] std::vector<Provider> providerPresets();
[[nodiscard]] std::optional<Provider> providerPreset(std::string_view name);
/// A provider of which only name, URL and dialect are known: the preset of that name, if it is of
/// the same dialect, says what else the API understands; OpenAI's own URL does, too.
[[nodiscard]] Provider providerFor(std::string name, Dialect dialect, std::string baseUrl);

/// Normalises a provider's raw usage object (JSON text). flavor: "chat", "responses", "embeddings"
/// for OpenAI-like providers, "default" for others (the words of golden_costs.jsonl).
[[nodiscard]] Result<Usage> usageFromRaw(
    std::string_view provider, std::string_view flavor, std::string_view rawUsageJson);

} // namespace headgate::catalog
