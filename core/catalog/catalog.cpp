// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/catalog.h"

#include <algorithm>
#include <array>

namespace headgate::catalog {

namespace {

constexpr std::array<std::pair<Dialect, const char*>, 4> dialects{{{Dialect::OpenAi, "openai"},
    {Dialect::Anthropic, "anthropic"}, {Dialect::Gemini, "gemini"}, {Dialect::Ollama, "ollama"}}};

} // namespace

const char* dialectName(Dialect dialect)
{
    for (const auto& [value, name] : dialects) {
        if (value == dialect) {
            return name;
        }
    }
    return "openai";
}

std::optional<Dialect> dialectFromName(std::string_view name)
{
    for (const auto& [value, text] : dialects) {
        if (name == text) {
            return value;
        }
    }
    return std::nullopt;
}

const char* keyRotationName(KeyRotation rotation)
{
    return rotation == KeyRotation::RoundRobin ? "round-robin" : "failover";
}

std::optional<KeyRotation> keyRotationFromName(std::string_view name)
{
    if (name == "failover") {
        return KeyRotation::Failover;
    }
    return name == "round-robin" ? std::optional(KeyRotation::RoundRobin) : std::nullopt;
}

bool isOpenAiItself(const Provider& provider)
{
    return provider.dialect == Dialect::OpenAi
        && (provider.name == "openai" || provider.baseUrl.starts_with("https://api.openai.com/"));
}

const PriceSheet* Model::priceAt(TimeUs at) const
{
    const PriceSheet* inForce = nullptr;
    for (const PriceSheet& sheet : prices) {
        if (sheet.validFrom <= at
            && (inForce == nullptr || sheet.validFrom >= inForce->validFrom)) {
            inForce = &sheet;
        }
    }
    return inForce != nullptr && inForce->input && inForce->output ? inForce : nullptr;
}

const Provider* Catalog::provider(std::string_view name) const
{
    const auto found = std::find_if(providers.begin(), providers.end(),
        [&](const Provider& candidate) { return candidate.name == name; });
    return found != providers.end() ? &*found : nullptr;
}

const Model* Catalog::model(std::string_view idOrName) const
{
    const auto isId = [&](const Model& candidate) {
        return idOrName.size() == candidate.provider.size() + 1 + candidate.name.size()
            && idOrName.starts_with(candidate.provider)
            && idOrName[candidate.provider.size()] == '/' && idOrName.ends_with(candidate.name);
    };
    const auto byId = std::find_if(models.begin(), models.end(), isId);
    if (byId != models.end()) {
        return &*byId;
    }
    const Model* first = nullptr;
    for (const Model& candidate : models) {
        if (candidate.name != idOrName) {
            continue;
        }
        const Provider* owner = provider(candidate.provider);
        if (candidate.enabled && owner != nullptr && owner->enabled) {
            return &candidate;
        }
        first = first == nullptr ? &candidate : first;
    }
    return first;
}

void Catalog::applyDiscounts()
{
    for (Model& one : models) {
        const Provider* owner = provider(one.provider);
        for (PriceSheet& sheet : one.prices) {
            sheet.discountPermille = owner != nullptr ? owner->discountPermille : 0;
        }
    }
}

} // namespace headgate::catalog
