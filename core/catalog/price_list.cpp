// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_list.h"

#include "core/catalog/price_list_formats.h"
#include "core/catalog/price_names.h"

#include <algorithm>

namespace headgate::catalog {

namespace {

/// Binary fractions printed with all their digits ("1.5000000000000002e-07") mean the short
/// decimal beside them. Above this many digits the rest is the noise of a double.
constexpr std::size_t exactDigits = 15;
constexpr std::size_t meantDigits = 13;

/// The decimal with that noise rounded away; anything else comes back as it is.
std::string withoutFloatNoise(std::string_view decimal)
{
    const std::size_t end = std::min(decimal.find_first_of("eE"), decimal.size());
    std::string mantissa(decimal.substr(0, end));
    const std::size_t dot = mantissa.find('.');
    const std::size_t first = mantissa.find_first_of("123456789");
    if (dot == std::string::npos || first == std::string::npos
        || mantissa.find_first_not_of("0123456789.") != std::string::npos) {
        return std::string(decimal);
    }
    const std::size_t digits = mantissa.size() - first - (first < dot ? 1 : 0);
    if (digits <= exactDigits) {
        return std::string(decimal);
    }
    const std::size_t keep = first + meantDigits + (first < dot ? 1 : 0);
    if (keep <= dot) {
        return std::string(decimal);
    }
    bool carry = mantissa[keep] >= '5';
    mantissa.resize(keep);
    for (std::size_t at = mantissa.size(); carry && at-- > 0;) {
        if (mantissa[at] == '.') {
            continue;
        }
        carry = mantissa[at] == '9';
        mantissa[at] = carry ? '0' : static_cast<char>(mantissa[at] + 1);
    }
    return (carry ? "1" : "") + mantissa + std::string(decimal.substr(end));
}

Error unknownModel(const PriceList::Query& query)
{
    return {ErrorCode::NotFound,
        "The price list has no model \"" + std::string(query.model) + "\" of provider \""
            + std::string(query.provider) + "\"."};
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

std::optional<Price> PriceReader::price(const JsonText* value)
{
    const auto number = scaled(value, m_scale);
    return number ? std::optional(Price::fromPico(*number)) : std::nullopt;
}

std::optional<Money> PriceReader::fee(const JsonText* value, int scale)
{
    const auto number = scaled(value, scale);
    return number ? std::optional(Money::fromNano(*number)) : std::nullopt;
}

std::optional<std::int64_t> PriceReader::scaled(const JsonText* value, int scale)
{
    if (value == nullptr || value->kind == JsonText::Kind::Null) {
        return std::nullopt;
    }
    if (!value->isScalar()) {
        m_error = m_error
            ? m_error
            : Error(ErrorCode::InvalidArgument, "A price is neither number nor text.");
        return std::nullopt;
    }
    const auto number = scaledDecimalUp(withoutFloatNoise(value->text), scale);
    if (!number && !m_error) {
        m_error = number.error();
    }
    return number ? std::optional(*number) : std::nullopt;
}

std::int64_t tokenCount(const JsonText* value)
{
    const auto number = value != nullptr && value->kind == JsonText::Kind::Number
        ? scaledDecimalUp(value->text, 0)
        : Result<std::int64_t>(std::int64_t{0});
    return number ? *number : 0;
}

bool listHas(const JsonText* list, std::string_view word)
{
    return list != nullptr
        && std::any_of(list->members.begin(), list->members.end(),
            [word](const auto& entry) { return entry.second.text == word; });
}

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

void finishListed(ListedModel& listed, bool wellFormed, const PriceReader& reader)
{
    if (!wellFormed || reader.error()) {
        listed.bad = true;
        listed.problem = reader.error() ? reader.error()->message : "Its prices are malformed.";
        return;
    }
    bool any = false;
    std::stable_sort(listed.model.prices.begin(), listed.model.prices.end(),
        [](const PriceSheet& a, const PriceSheet& b) { return a.validFrom < b.validFrom; });
    for (PriceSheet& sheet : listed.model.prices) {
        any = any || sheet.input || sheet.output;
        if (listed.model.embedding && !sheet.output) {
            sheet.output = Price(); // an embedding has no output to bill
        }
    }
    if (listed.problem.empty() && !any) {
        listed.problem = "It has no price for tokens.";
    }
}

Result<PriceList> PriceList::parse(std::string_view json)
{
    Result<JsonText> root = parseJsonText(json);
    if (!root) {
        return Error(root.error().code, "The price list cannot be read. " + root.error().message);
    }
    if (const std::string twice = duplicateName(*root); !twice.empty()) {
        return Error(ErrorCode::InvalidArgument,
            "The price list names \"" + twice.substr(0, 80) + "\" twice in one object.",
            "Nothing of it is used: either of the two could be the wrong one.");
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

const char* PriceList::formatName() const
{
    switch (m_format) {
    case Format::GenaiPrices:
        return "genai-prices";
    case Format::ModelsDev:
        return "models.dev";
    case Format::LiteLlm:
        return "LiteLLM";
    case Format::Book:
        break;
    }
    return "Headgate book";
}

std::optional<ListedModel> PriceList::find(std::string_view provider, std::string_view model) const
{
    const JsonText* found = nullptr;
    switch (m_format) {
    case Format::GenaiPrices:
        found = findGenaiModel(m_root, provider, model);
        return found != nullptr ? std::optional(readGenaiModel(provider, *found)) : std::nullopt;
    case Format::ModelsDev:
        found = findModelsDevModel(m_root, provider, model);
        return found != nullptr ? std::optional(readModelsDevModel(provider, model, *found))
                                : std::nullopt;
    case Format::LiteLlm:
        found = findLiteLlmModel(m_root, provider, model);
        return found != nullptr ? std::optional(readLiteLlmModel(provider, model, *found))
                                : std::nullopt;
    case Format::Book:
        break;
    }
    const Model* listed = m_book.find(provider, model);
    return listed != nullptr ? std::optional(ListedModel{*listed, {}, false}) : std::nullopt;
}

std::vector<ListedModel> PriceList::all() const
{
    switch (m_format) {
    case Format::GenaiPrices:
        return allGenaiModels(m_root);
    case Format::ModelsDev:
        return allModelsDevModels(m_root);
    case Format::LiteLlm:
        return allLiteLlmModels(m_root);
    case Format::Book:
        break;
    }
    std::vector<ListedModel> out;
    for (const Model& model : m_book.models) {
        out.push_back({model, {}, false});
    }
    return out;
}

Result<PriceSheet> PriceList::sheetFor(const Query& query) const
{
    const std::string provider = canonicalProvider(query.provider);
    std::optional<ListedModel> listed = find(provider, query.model);
    if (!listed) {
        return unknownModel(query);
    }
    if (!listed->problem.empty()) {
        return Error(listed->bad ? ErrorCode::InvalidArgument : ErrorCode::NotFound,
            "The price list cannot price \"" + std::string(query.model) + "\": " + listed->problem);
    }
    const PriceSheet* inForce = nullptr;
    for (const PriceSheet& sheet : listed->model.prices) {
        inForce = sheet.validFrom <= query.at ? &sheet : inForce;
    }
    if (inForce == nullptr) {
        return Error(
            ErrorCode::NotFound, "The price of " + listed->model.id() + " is not valid yet.");
    }
    return *inForce;
}

} // namespace headgate::catalog
