// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_list.h"

#include "core/catalog/price_names.h"

#include <re2/re2.h>

#include <algorithm>
#include <chrono>

namespace headgate::catalog {

namespace {

/// Powers of ten between a list's unit and ours.
constexpr int picoPerDollarPerMillion = 6; ///< $/MTok → pico-dollars a token
constexpr int picoPerDollarPerToken = 12; ///< $/token → pico-dollars a token
constexpr int nanoPerDollarPerThousand = 6; ///< $/1000 calls → nano-dollars a call
constexpr int nanoPerDollar = 9;

Error unknownModel(const PriceList::Query& query)
{
    return {ErrorCode::NotFound,
        "The price list has no model \"" + std::string(query.model) + "\" of provider \""
            + std::string(query.provider) + "\"."};
}

/// Reads prices and keeps the first error.
class PriceReader {
public:
    explicit PriceReader(int scale) : m_scale(scale) { }
    std::optional<Price> price(const JsonText* value)
    {
        const auto number = scaled(value, m_scale);
        return number ? std::optional(Price::fromPico(*number)) : std::nullopt;
    }
    Money fee(const JsonText* value, int scale)
    {
        return Money::fromNano(scaled(value, scale).value_or(0));
    }
    Result<PriceSheet> finish(PriceSheet sheet, const PriceList::Query& query)
    {
        if (m_error) {
            return *m_error;
        }
        if (!sheet.input && !sheet.output) {
            return Error(ErrorCode::NotFound,
                "The price list names \"" + std::string(query.model) + "\" without a token price.");
        }
        return sheet;
    }

private:
    std::optional<std::int64_t> scaled(const JsonText* value, int scale)
    {
        if (value == nullptr || !value->isScalar()) {
            return std::nullopt;
        }
        const auto number = scaledDecimalUp(value->text, scale);
        if (!number && !m_error) {
            m_error = number.error();
        }
        return number ? std::optional(*number) : std::nullopt;
    }

    int m_scale;
    std::optional<Error> m_error;
};

std::optional<Error> separateReasoningPrice(const JsonText* price, const Usage& usage)
{
    if (price == nullptr || usage.reasoning == 0) {
        return std::nullopt;
    }
    return Error(ErrorCode::Unsupported,
        "The price list bills reasoning tokens of this model apart from output.",
        "Price it with another list or set a price in the catalog.");
}

// --- genai-prices: providers, each with models that match names by rules

bool matches(const JsonText& rule, const std::string& name)
{
    for (const auto& [kind, value] : rule.members) {
        const auto each = [&](const auto& entry) { return matches(entry.second, name); };
        if (kind == "or") {
            return std::any_of(value.members.begin(), value.members.end(), each);
        }
        if (kind == "and") {
            return std::all_of(value.members.begin(), value.members.end(), each);
        }
        if (kind == "equals") {
            return name == value.text;
        }
        if (kind == "starts_with") {
            return name.starts_with(value.text);
        }
        if (kind == "ends_with") {
            return name.ends_with(value.text);
        }
        if (kind == "contains") {
            return name.find(value.text) != std::string::npos;
        }
        if (kind == "regex") {
            return RE2::PartialMatch(name, value.text);
        }
    }
    return false;
}

std::string lowerCase(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
        [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

const JsonText* genaiModel(const JsonText& root, std::string_view provider, const std::string& name)
{
    const std::string_view id = provider == "xai" ? std::string_view("x-ai") : provider;
    for (const auto& entry : root.members) {
        const JsonText* models = entry.second.find("models");
        if (entry.second.string("id") != id || models == nullptr) {
            continue;
        }
        for (const auto& model : models->members) {
            const JsonText* rule = model.second.find("match");
            if (rule != nullptr && matches(*rule, name)) {
                return &model.second;
            }
        }
        if (const JsonText* others = entry.second.find("fallback_model_providers")) {
            for (const auto& other : others->members) {
                const JsonText* found
                    = other.second.text != id ? genaiModel(root, other.second.text, name) : nullptr;
                if (found != nullptr) {
                    return found;
                }
            }
        }
    }
    return nullptr;
}

/// Seconds since midnight of "16:30:00Z" or "16:30".
std::int64_t secondOfDay(std::string_view text)
{
    std::int64_t seconds = 0;
    std::int64_t part = 0;
    std::int64_t unit = 3600;
    for (const char c : text) {
        if (c >= '0' && c <= '9') {
            part = part * 10 + (c - '0');
        } else {
            seconds += part * unit;
            part = 0;
            unit /= 60;
        }
    }
    return seconds + part * unit;
}

bool isActive(const JsonText* constraint, TimeUs at)
{
    if (constraint == nullptr || constraint->kind == JsonText::Kind::Null) {
        return true;
    }
    if (constraint->string("type") == "start_date") {
        const auto start = dateUs(constraint->string("start_date"));
        return start && at >= *start;
    }
    if (constraint->string("type") == "time_of_date") {
        const std::int64_t now = (at / usPerSecond) % (24 * 3600);
        const std::int64_t start = secondOfDay(constraint->string("start_time"));
        const std::int64_t end = secondOfDay(constraint->string("end_time"));
        return start <= end ? now >= start && now < end : now >= start || now < end;
    }
    return false;
}

/// The last entry whose condition holds.
const JsonText* genaiPrices(const JsonText& model, TimeUs at)
{
    const JsonText* prices = model.find("prices");
    if (prices == nullptr || prices->isObject()) {
        return prices;
    }
    for (auto entry = prices->members.rbegin(); entry != prices->members.rend(); ++entry) {
        if (isActive(entry->second.find("constraint"), at)) {
            return entry->second.find("prices");
        }
    }
    return nullptr;
}

/// A price, or the step of a stepped price whose start the whole input is above.
const JsonText* genaiStep(const JsonText& prices, std::string_view key, std::int64_t inputTotal)
{
    const JsonText* price = prices.find(key);
    if (price == nullptr || !price->isObject()) {
        return price;
    }
    const JsonText* found = price->find("base");
    if (const JsonText* tiers = price->find("tiers")) {
        for (const auto& tier : tiers->members) {
            const JsonText* start = tier.second.find("start");
            const auto above = start != nullptr ? scaledDecimalUp(start->text, 0)
                                                : Result<std::int64_t>(std::int64_t{0});
            if (above && inputTotal > *above) {
                found = tier.second.find("price");
            }
        }
    }
    return found;
}

Result<PriceSheet> genaiSheet(const JsonText& root, const PriceList::Query& query)
{
    const JsonText* model = genaiModel(root, query.provider, lowerCase(query.model));
    const JsonText* prices = model != nullptr ? genaiPrices(*model, query.at) : nullptr;
    if (prices == nullptr) {
        return unknownModel(query);
    }
    if (auto error = separateReasoningPrice(prices->find("output_reasoning_mtok"), *query.usage)) {
        return *error;
    }
    PriceReader reader(picoPerDollarPerMillion);
    const auto price = [&](std::string_view key) {
        return reader.price(genaiStep(*prices, key, query.usage->inputTotal()));
    };
    PriceSheet sheet;
    sheet.input = price("input_mtok");
    sheet.output = price("output_mtok");
    sheet.cacheRead = price("cache_read_mtok");
    sheet.cacheWrite5m = price("cache_write_mtok");
    sheet.cacheWrite1h = price("cache_write_1h_mtok");
    sheet.inputAudio = price("input_audio_mtok");
    sheet.outputAudio = price("output_audio_mtok");
    sheet.perCall = reader.fee(prices->find("requests_kcount"), nanoPerDollarPerThousand);
    sheet.perWebSearch = reader.fee(prices->find("web_searches_kcount"), nanoPerDollarPerThousand);
    sheet.source = "genai-prices";
    return reader.finish(sheet, query);
}

// --- models.dev: providers by id, each with models by name

/// The member of that name, else the longest one that the name extends by a version.
const JsonText* memberOrVersion(const JsonText& object, std::string_view name)
{
    if (const JsonText* exact = object.find(name)) {
        return exact;
    }
    const JsonText* best = nullptr;
    std::size_t bestSize = 0;
    for (const auto& [key, value] : object.members) {
        if (key.size() > bestSize && extendsByVersion(name, key)) {
            best = &value;
            bestSize = key.size();
        }
    }
    return best;
}

/// The context tier with the largest size below the input, flattened into the base prices.
const JsonText* modelsDevTier(const JsonText& cost, std::int64_t inputTotal)
{
    const JsonText* best = nullptr;
    std::int64_t bestSize = -1;
    const JsonText* tiers = cost.find("tiers");
    if (tiers == nullptr) {
        return nullptr;
    }
    for (const auto& entry : tiers->members) {
        const JsonText* rule = entry.second.find("tier");
        const JsonText* size = rule != nullptr ? rule->find("size") : nullptr;
        const auto above = size != nullptr ? scaledDecimalUp(size->text, 0)
                                           : Result<std::int64_t>(std::int64_t{-1});
        if (above && *above > bestSize && inputTotal > *above) {
            best = &entry.second;
            bestSize = *above;
        }
    }
    return best;
}

void addModelsDevModes(PriceSheet& sheet, PriceReader& reader, const JsonText& model)
{
    const JsonText* experimental = model.find("experimental");
    const JsonText* modes = experimental != nullptr ? experimental->find("modes") : nullptr;
    if (modes == nullptr) {
        return;
    }
    for (const auto& [name, mode] : modes->members) {
        const JsonText* cost = mode.find("cost");
        if (cost == nullptr) {
            continue;
        }
        const PriceSheet::ServiceTier tier{reader.price(cost->find("input")),
            reader.price(cost->find("output")), reader.price(cost->find("cache_read")),
            reader.price(cost->find("cache_write"))};
        sheet.serviceTiers[name] = tier;
        const JsonText* provider = mode.find("provider");
        const JsonText* body = provider != nullptr ? provider->find("body") : nullptr;
        if (body != nullptr && !body->string("service_tier").empty()) {
            sheet.serviceTiers[std::string(body->string("service_tier"))] = tier;
        }
    }
}

Result<PriceSheet> modelsDevSheet(const JsonText& root, const PriceList::Query& query)
{
    const JsonText* provider = root.find(query.provider);
    const JsonText* models = provider != nullptr ? provider->find("models") : nullptr;
    const JsonText* model = models != nullptr ? memberOrVersion(*models, query.model) : nullptr;
    const JsonText* cost = model != nullptr ? model->find("cost") : nullptr;
    if (cost == nullptr) {
        return unknownModel(query);
    }
    if (auto error = separateReasoningPrice(cost->find("reasoning"), *query.usage)) {
        return *error;
    }
    PriceReader reader(picoPerDollarPerMillion);
    const JsonText* tier = modelsDevTier(*cost, query.usage->inputTotal());
    const auto price = [&](std::string_view key) {
        const JsonText* inTier = tier != nullptr ? tier->find(key) : nullptr;
        return reader.price(inTier != nullptr ? inTier : cost->find(key));
    };
    PriceSheet sheet;
    sheet.input = price("input");
    sheet.output = price("output");
    sheet.cacheRead = price("cache_read");
    sheet.cacheWrite5m = price("cache_write");
    sheet.inputAudio = price("input_audio");
    sheet.outputAudio = price("output_audio");
    sheet.source = "models.dev";
    addModelsDevModes(sheet, reader, *model);
    return reader.finish(sheet, query);
}

// --- LiteLLM: one flat object, keys with or without a provider prefix, prices per token

std::string liteLlmPrefix(std::string_view provider)
{
    return provider == "google" ? "gemini" : std::string(provider);
}

/// "…_above_272k_tokens" of `key`, when the input is above it: the highest such step.
const JsonText* liteLlmStep(const JsonText& model, const std::string& key, std::int64_t inputTotal)
{
    const JsonText* found = model.find(key);
    std::int64_t foundAbove = -1;
    const std::string prefix = key + "_above_";
    constexpr std::string_view suffix = "k_tokens";
    for (const auto& [name, value] : model.members) {
        if (!name.starts_with(prefix) || !name.ends_with(suffix)
            || name.size() <= prefix.size() + suffix.size()) {
            continue;
        }
        const auto thousands = scaledDecimalUp(std::string_view(name).substr(prefix.size(),
                                                   name.size() - prefix.size() - suffix.size()),
            3);
        if (thousands && inputTotal > *thousands && *thousands > foundAbove) {
            found = &value;
            foundAbove = *thousands;
        }
    }
    return found;
}

Result<PriceSheet> liteLlmSheet(const JsonText& root, const PriceList::Query& query)
{
    const std::string prefixed = liteLlmPrefix(query.provider) + "/" + std::string(query.model);
    const JsonText* model = memberOrVersion(root, prefixed);
    if (model == nullptr) {
        model = memberOrVersion(root, query.model);
    }
    if (model == nullptr) {
        return unknownModel(query);
    }
    PriceReader reader(picoPerDollarPerToken);
    const auto price = [&](const std::string& key) {
        return reader.price(liteLlmStep(*model, key, query.usage->inputTotal()));
    };
    PriceSheet sheet;
    sheet.input = price("input_cost_per_token");
    sheet.output = price("output_cost_per_token");
    sheet.cacheRead = price("cache_read_input_token_cost");
    sheet.cacheWrite5m = price("cache_creation_input_token_cost");
    sheet.cacheWrite1h = price("cache_creation_input_token_cost_above_1hr");
    sheet.inputAudio = price("input_cost_per_audio_token");
    sheet.outputAudio = price("output_cost_per_audio_token");
    for (const auto& [name, suffix] : {std::pair("batch", "_batches"), std::pair("flex", "_flex"),
             std::pair("priority", "_priority")}) {
        const auto tierPrice
            = [&](const char* key) { return reader.price(model->find(std::string(key) + suffix)); };
        const PriceSheet::ServiceTier tier{tierPrice("input_cost_per_token"),
            tierPrice("output_cost_per_token"), tierPrice("cache_read_input_token_cost"),
            tierPrice("cache_creation_input_token_cost")};
        if (tier.input || tier.output) {
            sheet.serviceTiers[name] = tier;
        }
    }
    sheet.perCall = reader.fee(model->find("input_cost_per_request"), nanoPerDollar);
    if (const JsonText* search = model->find("search_context_cost_per_query")) {
        sheet.perWebSearch = reader.fee(search->find("search_context_size_medium"), nanoPerDollar);
    }
    sheet.source = "LiteLLM";
    return reader.finish(sheet, query);
}

Result<PriceList::Format> formatOf(const JsonText& root)
{
    if (root.isArray() && !root.members.empty()
        && root.members.front().second.find("models") != nullptr) {
        return PriceList::Format::GenaiPrices;
    }
    if (root.isObject() && root.find("format") != nullptr) {
        return PriceList::Format::Book;
    }
    for (const auto& entry : root.members) {
        const JsonText* models = entry.second.find("models");
        if (models != nullptr && models->isObject()) {
            return PriceList::Format::ModelsDev;
        }
        if (entry.second.find("litellm_provider") != nullptr) {
            return PriceList::Format::LiteLlm;
        }
    }
    return Error(ErrorCode::Unsupported, "The price list is in no format that is known.",
        "Supported are Headgate's own book and the lists of genai-prices, models.dev and LiteLLM.");
}

} // namespace

bool extendsByVersion(std::string_view asked, std::string_view listed)
{
    if (asked.size() < listed.size() + 2 || !asked.starts_with(listed)) {
        return false;
    }
    const std::string_view suffix = asked.substr(listed.size() + 1);
    const char separator = asked[listed.size()];
    if (separator != '-' && separator != '@') {
        return false;
    }
    if (suffix == "latest" || suffix == "0") {
        return true;
    }
    const std::size_t digits = std::min(suffix.find_first_not_of("0123456789"), suffix.size());
    return digits >= 3 && suffix.find_first_not_of("0123456789-") == std::string_view::npos;
}

std::optional<TimeUs> dateUs(std::string_view date)
{
    const auto number = [&](std::size_t at, std::size_t size) {
        int value = 0;
        for (const char c : date.substr(at, size)) {
            value = c >= '0' && c <= '9' && value >= 0 ? value * 10 + (c - '0') : -1;
        }
        return value;
    };
    if (date.size() != 10 || date[4] != '-' || date[7] != '-' || number(0, 4) < 0
        || number(5, 2) < 0 || number(8, 2) < 0) {
        return std::nullopt;
    }
    const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
        std::chrono::month(static_cast<unsigned>(number(5, 2))),
        std::chrono::day(static_cast<unsigned>(number(8, 2)))};
    if (!day.ok()) {
        return std::nullopt;
    }
    return std::chrono::sys_days(day).time_since_epoch().count() * usPerDay;
}

Result<PriceList> PriceList::parse(std::string_view json)
{
    Result<JsonText> root = parseJsonText(json);
    if (!root) {
        return Error(root.error().code, "The price list cannot be read. " + root.error().message);
    }
    const Result<Format> format = formatOf(*root);
    if (!format) {
        return format.error();
    }
    if (*format == Format::Book) {
        Result<PriceBook> book = parseBook(json);
        if (!book) {
            return book.error();
        }
        return fromBook(std::move(*book));
    }
    PriceList list;
    list.m_format = *format;
    list.m_root = std::move(*root);
    return list;
}

PriceList PriceList::fromBook(PriceBook book)
{
    PriceList list;
    list.m_book = std::move(book);
    return list;
}

Result<PriceSheet> PriceList::sheetFor(const Query& query) const
{
    switch (m_format) {
    case Format::GenaiPrices:
        return genaiSheet(m_root, query);
    case Format::ModelsDev:
        return modelsDevSheet(m_root, query);
    case Format::LiteLlm:
        return liteLlmSheet(m_root, query);
    case Format::Book:
        break;
    }
    const Model* model = m_book.find(query.provider, query.model);
    if (model == nullptr) {
        return unknownModel(query);
    }
    const PriceSheet* sheet = model->priceAt(query.at);
    if (sheet == nullptr) {
        return Error(ErrorCode::NotFound, "The price of " + model->id() + " is not valid yet.");
    }
    return *sheet;
}

} // namespace headgate::catalog
