// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_book.h"

#include "core/catalog/embedded_book.h"
#include "core/catalog/price_names.h"
#include "core/catalog/price_text.h"

#include "core/base/calendar.h"
#include "core/base/limits.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace headgate::catalog {

namespace {

/// Reads members of one row; the first bad one is kept and the rest read as empty.
class Row {
public:
    explicit Row(const JsonText& node) : m_node(node) { }

    std::optional<Price> price(std::string_view key) { return priceIn(m_node, key); }
    std::optional<Price> priceIn(const JsonText& node, std::string_view key)
    {
        const JsonText* text = present(node, key, JsonText::Kind::String);
        if (text == nullptr) {
            return std::nullopt;
        }
        const Result<Price> value = Price::parsePerMillion(text->text);
        if (!value) {
            fail(key, value.error().message);
            return std::nullopt;
        }
        return *value;
    }
    std::optional<Money> money(std::string_view key) { return moneyIn(m_node, key); }
    std::optional<Money> moneyIn(const JsonText& node, std::string_view key)
    {
        const JsonText* text = present(node, key, JsonText::Kind::String);
        if (text == nullptr) {
            return std::nullopt;
        }
        const Result<Money> value = Money::parse(text->text);
        if (!value || value->isNegative()) {
            fail(key, value ? "an amount is negative" : value.error().message);
            return std::nullopt;
        }
        return *value;
    }
    std::int64_t count(std::string_view key) { return countIn(m_node, key); }
    std::int64_t countIn(const JsonText& node, std::string_view key)
    {
        const JsonText* text = present(node, key, JsonText::Kind::Number);
        if (text == nullptr) {
            return 0;
        }
        const Result<std::int64_t> value = scaledDecimalUp(text->text, 0);
        const bool whole = text->text.find_first_not_of("0123456789") == std::string::npos;
        if (!value || !whole) {
            fail(key, "it is not a whole number");
            return 0;
        }
        return *value;
    }
    /// The entries of a list that must be objects.
    std::vector<const JsonText*> objects(const JsonText& node, std::string_view key)
    {
        std::vector<const JsonText*> out;
        const JsonText* list = present(node, key, JsonText::Kind::Array);
        if (list == nullptr) {
            return out;
        }
        for (const auto& entry : list->members) {
            if (!entry.second.isObject()) {
                fail(key, "it must be a list of objects");
                return {};
            }
            out.push_back(&entry.second);
        }
        return out;
    }
    std::string text(std::string_view key, bool required)
    {
        const JsonText* found = present(m_node, key, JsonText::Kind::String);
        if (required && (found == nullptr || found->text.empty())) {
            fail(key, "it is missing");
        }
        return found != nullptr ? found->text : std::string();
    }
    TimeUs date(std::string_view key)
    {
        const std::string value = text(key, false);
        if (value.empty()) {
            return 0;
        }
        const auto at = dateUs(value);
        if (!at) {
            fail(key, "it is not a date such as 2026-09-28");
        }
        return at.value_or(0);
    }
    void fail(std::string_view key, const std::string& why)
    {
        if (m_error.empty()) {
            m_error = "\"" + std::string(key) + "\": " + why;
        }
    }
    [[nodiscard]] const std::string& error() const { return m_error; }

private:
    const JsonText* present(const JsonText& node, std::string_view key, JsonText::Kind kind)
    {
        const JsonText* found = node.find(key);
        if (found == nullptr || found->kind == JsonText::Kind::Null) {
            return nullptr;
        }
        if (found->kind != kind) {
            fail(key,
                kind == JsonText::Kind::String      ? "it must be text in quotes"
                    : kind == JsonText::Kind::Array ? "it must be a list"
                                                    : "it must be a number");
            return nullptr;
        }
        return found;
    }

    const JsonText& m_node;
    std::string m_error;
};

TokenPrices readPrices(Row& row, const JsonText& node)
{
    TokenPrices prices;
    for (const TokenPriceField& field : tokenPriceFields) {
        prices.*field.member = row.priceIn(node, field.bookName);
    }
    // One word where both lifetimes are meant, as price pages write it.
    if (const auto write = row.priceIn(node, "cacheWrite"); write && !prices.cacheWrite5m) {
        prices.cacheWrite5m = write;
    }
    return prices;
}

/// Rows with one context tier write it beside the other prices: "tierAbove", "tierInput", ….
void readFlatTier(Row& row, PriceSheet& sheet)
{
    const std::int64_t above = row.count("tierAbove");
    if (above == 0) {
        return;
    }
    ContextTier tier;
    tier.above = above;
    tier.prices.input = row.price("tierInput");
    tier.prices.output = row.price("tierOutput");
    tier.prices.cacheRead = row.price("tierCacheRead");
    tier.prices.cacheWrite5m = row.price("tierCacheWrite");
    tier.prices.cacheWrite1h = row.price("tierCacheWrite1h");
    sheet.contextTiers.push_back(tier);
}

std::vector<ContextTier> readContextTiers(Row& row, const JsonText& node)
{
    std::vector<ContextTier> tiers;
    for (const JsonText* entry : row.objects(node, "contextTiers")) {
        ContextTier tier;
        tier.above = row.countIn(*entry, "above");
        tier.prices = readPrices(row, *entry);
        if (tier.above <= 0 || (!tiers.empty() && tier.above <= tiers.back().above)) {
            row.fail("contextTiers", "\"above\" must be more than 0 and ascending");
        }
        tiers.push_back(tier);
    }
    return tiers;
}

void readWindows(Row& row, const JsonText& node, PriceSheet& sheet)
{
    for (const JsonText* entry : row.objects(node, "windows")) {
        TimeWindow window;
        if (!entry->string("zone").empty()) {
            window.zone = std::string(entry->string("zone"));
        }
        const auto start = minuteOfDay(entry->string("start"));
        const auto end = minuteOfDay(entry->string("end"));
        if (!start || !end || !isKnownZone(window.zone)) {
            row.fail("windows", "a window needs \"start\" and \"end\" such as 16:30 and a zone");
            return;
        }
        window.startMinute = *start;
        window.endMinute = *end;
        window.prices = readPrices(row, *entry);
        sheet.windows.push_back(window);
    }
}

void readFees(Row& row, const JsonText& node, PriceSheet& sheet)
{
    sheet.perCall = row.money("perCall").value_or(Money());
    sheet.perImageIn = row.money("perImageIn");
    sheet.perImageOut = row.money("perImageOut");
    if (const auto search = row.money("perWebSearch")) {
        sheet.perTool[std::string(toolWebSearch)] = *search;
    }
    if (const JsonText* tools = node.find("perTool")) {
        for (const auto& member : tools->members) {
            sheet.perTool[member.first] = row.moneyIn(*tools, member.first).value_or(Money());
        }
    }
    if (const JsonText* regions = node.find("geoPermille")) {
        for (const auto& member : regions->members) {
            const std::int64_t permille = row.countIn(*regions, member.first);
            if (permille <= 0 || permille > limits::geoPermilleMax) {
                row.fail("geoPermille", "a region needs a factor in permille, such as 1100");
                return;
            }
            sheet.geoPermille[member.first] = static_cast<int>(permille);
        }
    }
}

PriceSheet readSheet(Row& row, const JsonText& node)
{
    PriceSheet sheet;
    static_cast<TokenPrices&>(sheet) = readPrices(row, node);
    sheet.validFrom = row.date("validFrom");
    sheet.source = row.text("source", false);
    sheet.fetchedAtUs = row.date("fetched");
    readFlatTier(row, sheet);
    if (node.find("contextTiers") != nullptr) {
        sheet.contextTiers = readContextTiers(row, node);
    }
    if (const JsonText* services = node.find("serviceTiers")) {
        for (const auto& [name, prices] : services->members) {
            sheet.serviceTiers[name] = {readPrices(row, prices), readContextTiers(row, prices)};
        }
    }
    readWindows(row, node, sheet);
    readFees(row, node, sheet);
    if (!sheet.input || !sheet.output) {
        row.fail("input", "input and output prices are needed");
    }
    return sheet;
}

Capabilities readCapabilities(const JsonText* node)
{
    Capabilities can;
    if (node != nullptr) {
        can.tools = node->boolean("tools", can.tools);
        can.images = node->boolean("images", can.images);
        can.audio = node->boolean("audio", can.audio);
        can.jsonSchema = node->boolean("jsonSchema", can.jsonSchema);
        can.reasoning = node->boolean("reasoning", can.reasoning);
        can.logprobs = node->boolean("logprobs", can.logprobs);
    }
    return can;
}

/// Adds the row's price sheets; the reason when one of them is bad.
std::string addSheets(Model& model, const JsonText& node)
{
    const JsonText* prices = node.find("prices");
    if (prices == nullptr || !prices->isArray() || prices->members.empty()) {
        return "\"prices\": at least one price list is needed";
    }
    for (const auto& entry : prices->members) {
        Row row(entry.second);
        model.prices.push_back(readSheet(row, entry.second));
        if (!row.error().empty()) {
            return row.error();
        }
    }
    std::stable_sort(model.prices.begin(), model.prices.end(),
        [](const PriceSheet& a, const PriceSheet& b) { return a.validFrom < b.validFrom; });
    return {};
}

Result<Model> readModel(const JsonText& node)
{
    Row row(node);
    Model model;
    model.provider = row.text("provider", true);
    model.name = row.text("name", true);
    model.displayName = row.text("displayName", false);
    model.contextTokens = row.count("context");
    model.maxOutputTokens = row.count("maxOutput");
    model.tokenizer = row.text("tokenizer", false);
    model.embedding = node.boolean("embedding", false);
    model.can = readCapabilities(node.find("can"));
    const std::int64_t tier = row.count("tier");
    if (tier < 1 || tier > 4) {
        row.fail("tier", "it must be 1, 2, 3 or 4");
    }
    model.tier = static_cast<int>(tier);
    std::string bad = row.error();
    if (bad.empty()) {
        bad = addSheets(model, node);
    }
    if (!bad.empty()) {
        return Error(
            ErrorCode::InvalidArgument, model.provider + "/" + model.name + ": " + bad + ".");
    }
    return model;
}

} // namespace

const Model* PriceBook::find(std::string_view provider, std::string_view model) const
{
    const Model* best = nullptr;
    for (const Model& candidate : models) {
        if (candidate.provider != provider) {
            continue;
        }
        if (candidate.name == model) {
            return &candidate;
        }
        if (extendsByVersion(model, candidate.name)
            && (best == nullptr || candidate.name.size() > best->name.size())) {
            best = &candidate;
        }
    }
    return best;
}

const PriceBook& defaultBook()
{
    static const PriceBook book = [] {
        Result<PriceBook> read = parseBook(embeddedBook());
        if (!read) {
            throw std::logic_error("the price book compiled in is bad: " + read.error().message);
        }
        return std::move(*read);
    }();
    return book;
}

Result<PriceBook> parseBook(std::string_view json)
{
    const Result<JsonText> root = parseJsonText(json);
    if (!root) {
        return Error(root.error().code, "The price book cannot be read. " + root.error().message);
    }
    const JsonText* format = root->find("format");
    const JsonText* models = root->find("models");
    if (format == nullptr || format->text != "1" || models == nullptr || !models->isArray()) {
        return Error(ErrorCode::InvalidArgument,
            "The price book needs \"format\": 1 and a list \"models\".",
            "The format is described in resources/prices/README.md.");
    }
    PriceBook book;
    book.date = std::string(root->string("date"));
    book.sources = std::string(root->string("sources"));
    const auto readUs = dateUs(book.date);
    if (!book.date.empty() && !readUs) {
        return Error(ErrorCode::InvalidArgument,
            "The price book's \"date\" is not a date such as 2026-09-28.",
            "Nothing of the book was taken over.");
    }
    std::set<std::string> seen;
    std::size_t number = 0;
    for (const auto& entry : models->members) {
        ++number;
        const std::string where = "Row " + std::to_string(number) + " of the price book is bad: ";
        Result<Model> model = readModel(entry.second);
        if (!model) {
            return Error(ErrorCode::InvalidArgument, where + model.error().message,
                "Nothing of the book was taken over.");
        }
        if (!seen.insert(model->id()).second) {
            return Error(ErrorCode::AlreadyExists, where + model->id() + " is listed twice.",
                "Nothing of the book was taken over.");
        }
        for (PriceSheet& sheet : model->prices) { // every price says where it is from, and when
            sheet.fetchedAtUs = sheet.fetchedAtUs != 0 ? sheet.fetchedAtUs : readUs.value_or(0);
            sheet.source = sheet.source.empty() ? book.sources : sheet.source;
        }
        book.models.push_back(std::move(*model));
    }
    return book;
}

} // namespace headgate::catalog
