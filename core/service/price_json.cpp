// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/price_json.h"

#include <boost/json/array.hpp>

#include <string>
#include <utility>

namespace headgate::service {

namespace json = boost::json;

namespace {

std::string picoName(const catalog::TokenPriceField& field)
{
    return std::string(field.storedName) + "_pico";
}

void putPrices(json::object& out, const catalog::TokenPrices& prices)
{
    for (const auto& field : catalog::tokenPriceFields) {
        if (const auto& price = prices.*field.member) {
            out[picoName(field)] = price->pico();
        }
    }
}

catalog::TokenPrices readPrices(JsonFields& fields)
{
    catalog::TokenPrices prices;
    for (const auto& field : catalog::tokenPriceFields) {
        fields.read(picoName(field).c_str(), prices.*field.member);
    }
    return prices;
}

json::array tiersToJson(const std::vector<catalog::ContextTier>& tiers)
{
    json::array out;
    for (const auto& tier : tiers) {
        json::object one{{"above", tier.above}};
        putPrices(one, tier.prices);
        out.push_back(std::move(one));
    }
    return out;
}

std::vector<catalog::ContextTier> readTiers(JsonFields& fields)
{
    std::vector<catalog::ContextTier> tiers;
    fields.eachObject("context_tiers", [&tiers](JsonFields& one) {
        catalog::ContextTier tier;
        one.read("above", tier.above);
        tier.prices = readPrices(one);
        tiers.push_back(tier);
    });
    return tiers;
}

/// The one context tier that format 1 had before lists of them.
void readOldTier(JsonFields& fields, catalog::PriceSheet& sheet)
{
    catalog::ContextTier tier;
    fields.read("tier_above", tier.above);
    if (tier.above <= 0) {
        return;
    }
    fields.read("tier_input_pico", tier.prices.input);
    fields.read("tier_output_pico", tier.prices.output);
    fields.read("tier_cache_read_pico", tier.prices.cacheRead);
    fields.read("tier_cache_write_pico", tier.prices.cacheWrite5m);
    sheet.contextTiers.push_back(tier);
}

void readServiceTiers(JsonFields& fields, catalog::PriceSheet& sheet)
{
    fields.object("service_tiers", [&sheet](JsonFields& tiers) {
        for (const auto& member : tiers.raw()) {
            const std::string name(member.key());
            tiers.object(name.c_str(), [&](JsonFields& one) {
                catalog::ServiceTier tier{readPrices(one), readTiers(one)};
                one.read("cache_write_pico", tier.prices.cacheWrite5m); // the earlier name
                sheet.serviceTiers[name] = std::move(tier);
            });
        }
    });
}

void readFees(JsonFields& fields, catalog::PriceSheet& sheet)
{
    fields.read("per_call_nano", sheet.perCall);
    fields.read("per_image_in_nano", sheet.perImageIn);
    fields.read("per_image_out_nano", sheet.perImageOut);
    Money search;
    fields.read("per_web_search_nano", search);
    if (!search.isZero()) { // what earlier versions stored; 0 was "not known"
        sheet.perTool[std::string(catalog::toolWebSearch)] = search;
    }
    fields.object("per_tool_nano", [&sheet](JsonFields& tools) {
        for (const auto& member : tools.raw()) {
            const std::string name(member.key());
            tools.read(name.c_str(), sheet.perTool[name]);
        }
    });
    fields.object("geo_permille", [&sheet](JsonFields& regions) {
        for (const auto& member : regions.raw()) {
            const std::string name(member.key());
            regions.read(name.c_str(), sheet.geoPermille[name]);
        }
    });
}

void readWindows(JsonFields& fields, catalog::PriceSheet& sheet)
{
    fields.eachObject("windows", [&sheet](JsonFields& one) {
        catalog::TimeWindow window;
        one.read("zone", window.zone);
        one.read("start_minute", window.startMinute);
        one.read("end_minute", window.endMinute);
        window.prices = readPrices(one);
        sheet.windows.push_back(window);
    });
}

void putFees(json::object& out, const catalog::PriceSheet& sheet)
{
    if (sheet.perImageIn) {
        out["per_image_in_nano"] = sheet.perImageIn->nano();
    }
    if (sheet.perImageOut) {
        out["per_image_out_nano"] = sheet.perImageOut->nano();
    }
    json::object tools;
    for (const auto& [name, fee] : sheet.perTool) {
        tools[name] = fee.nano();
    }
    if (!tools.empty()) {
        out["per_tool_nano"] = std::move(tools);
    }
    json::object regions;
    for (const auto& [name, permille] : sheet.geoPermille) {
        regions[name] = permille;
    }
    if (!regions.empty()) {
        out["geo_permille"] = std::move(regions);
    }
}

json::array windowsToJson(const std::vector<catalog::TimeWindow>& windows)
{
    json::array out;
    for (const auto& window : windows) {
        json::object one{{"zone", window.zone}, {"start_minute", window.startMinute},
            {"end_minute", window.endMinute}};
        putPrices(one, window.prices);
        out.push_back(std::move(one));
    }
    return out;
}

} // namespace

json::object priceSheetToJson(const catalog::PriceSheet& sheet)
{
    json::object out{{"valid_from_us", sheet.validFrom}, {"per_call_nano", sheet.perCall.nano()},
        {"source", sheet.source}};
    if (sheet.fetchedAtUs != 0) {
        out["fetched_at_us"] = sheet.fetchedAtUs;
    }
    putPrices(out, sheet);
    if (!sheet.contextTiers.empty()) {
        out["context_tiers"] = tiersToJson(sheet.contextTiers);
    }
    json::object services;
    for (const auto& [name, tier] : sheet.serviceTiers) {
        json::object one;
        putPrices(one, tier.prices);
        if (!tier.contextTiers.empty()) {
            one["context_tiers"] = tiersToJson(tier.contextTiers);
        }
        services[name] = std::move(one);
    }
    if (!services.empty()) {
        out["service_tiers"] = std::move(services);
    }
    putFees(out, sheet);
    if (!sheet.windows.empty()) {
        out["windows"] = windowsToJson(sheet.windows);
    }
    return out;
}

catalog::PriceSheet priceSheetFromJson(JsonFields& fields)
{
    catalog::PriceSheet sheet;
    static_cast<catalog::TokenPrices&>(sheet) = readPrices(fields);
    fields.read("valid_from_us", sheet.validFrom);
    fields.read("source", sheet.source);
    fields.read("fetched_at_us", sheet.fetchedAtUs);
    sheet.contextTiers = readTiers(fields);
    readOldTier(fields, sheet);
    readServiceTiers(fields, sheet);
    readFees(fields, sheet);
    readWindows(fields, sheet);
    return sheet;
}

bool samePrices(const catalog::PriceSheet& a, const catalog::PriceSheet& b)
{
    auto left = priceSheetToJson(a);
    auto right = priceSheetToJson(b);
    for (auto* sheet : {&left, &right}) {
        sheet->erase("source");
        sheet->erase("fetched_at_us");
    }
    return left == right;
}

} // namespace headgate::service
