// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/proxy/https_get.h"
#include "core/service/service_impl.h"
#include "core/service/validate.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::service {

namespace {

using Kind = catalog::ModelChange::Kind;

/// Which prices moved too far, as many as fit into a message.
std::string largeNames(const catalog::ImportDiff& diff)
{
    constexpr int named = 3;
    std::string out;
    int count = 0;
    for (const auto& change : diff.changes) {
        if (!change.large || !change.configured) {
            continue;
        }
        const auto delta = std::find_if(change.prices.begin(), change.prices.end(),
            [](const catalog::PriceDelta& price) { return price.large; });
        if (++count <= named && delta != change.prices.end()) {
            out += fmt::format("{}{} {} {} → {}", count > 1 ? "; " : "", change.model.id(),
                delta->what, delta->before.empty() ? "none" : delta->before,
                delta->after.empty() ? "none" : delta->after);
        }
    }
    return count > named ? fmt::format("{} and {} more", out, count - named) : out;
}

/// Puts the new sheets of one change into the configuration.
Result<void> applyChange(Config& next, const catalog::ModelChange& change, TimeUs nowUs)
{
    if (change.kind == Kind::Unlisted || !change.configured) {
        return {};
    }
    if (auto fine = checkModel(next, change.model); !fine) {
        return fine;
    }
    const auto known = std::find_if(next.models.begin(), next.models.end(),
        [&](const catalog::Model& model) { return model.id() == change.model.id(); });
    if (known == next.models.end()) {
        next.models.push_back(change.model);
    } else {
        known->prices = mergedPrices(known->prices, change.model.prices, nowUs);
    }
    return {};
}

} // namespace

Result<catalog::ImportDiff> Service::previewPrices(
    const std::string& text, const catalog::ImportOptions& options) const
{
    const auto config = m_impl->current();
    catalog::ImportOptions now = options;
    now.nowUs = now.nowUs != 0 ? now.nowUs : m_impl->clock.nowUs();
    const catalog::Catalog all{config->providers, config->models};
    return catalog::diffPriceText(all, text, now);
}

Result<catalog::ImportDiff> Service::importPrices(const std::string& text,
    const catalog::ImportOptions& options, const ImportConsent& consent, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    const auto config = m_impl->current();
    if (consent.seenRevision != 0 && consent.seenRevision != config->revision) {
        return Error(ErrorCode::Refused,
            "The catalog has changed since these prices were compared.",
            "Compare again, and apply what you see then.");
    }
    auto diff = previewPrices(text, options);
    if (!diff) {
        return diff;
    }
    if (diff->large && !consent.acceptLarge) {
        return Error(ErrorCode::Refused,
            fmt::format("Prices move by more than {} times or vanish: {}. Nothing was applied.",
                limits::priceChangeFactorMax, largeNames(*diff)),
            "A list in another unit does that. If the prices are right, use "
            "--accept-large-changes.");
    }
    const bool any = std::any_of(
        diff->changes.begin(), diff->changes.end(), [](const catalog::ModelChange& change) {
            return change.kind != Kind::Unlisted && change.configured;
        });
    if (!any) {
        return diff; // no revision that changes nothing
    }
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        for (const auto& change : diff->changes) {
            if (auto applied = applyChange(next, change, m_impl->clock.nowUs()); !applied) {
                return applied.error();
            }
        }
        return fmt::format("Import prices from {}: {} models added, {} changed", diff->list,
            diff->count(Kind::Added), diff->count(Kind::Changed));
    });
    if (!done) {
        return done.error();
    }
    return diff;
}

Result<std::string> Service::fetchPrices(const std::string& url)
{
    return proxy::httpsGet(url, {limits::priceListFetchMs, limits::priceListBytesMax});
}

Result<void> Service::setDiscount(
    const std::string& provider, int permille, const std::string& actor)
{
    constexpr int whole = 1000;
    if (permille < 0 || permille >= whole) {
        return Error(ErrorCode::InvalidArgument, "A discount must be 0% to 99.9%.",
            "5% takes a twentieth off every bill of the provider.");
    }
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        const auto found = std::find_if(next.providers.begin(), next.providers.end(),
            [&](const catalog::Provider& known) { return known.name == provider; });
        if (found == next.providers.end()) {
            return noProvider(next, provider);
        }
        found->discountPermille = permille;
        return fmt::format(
            "Set the discount of provider {} to {}.{}%", provider, permille / 10, permille % 10);
    });
}

} // namespace headgate::service
