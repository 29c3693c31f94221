// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_file.h"

#include <boost/json.hpp>

namespace headgate::catalog {

namespace {

namespace json = boost::json;

std::string memberText(const json::object& object, const char* key)
{
    const json::value* value = object.if_contains(key);
    const json::string* text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

json::array linesOf(const Cost& cost)
{
    json::array lines;
    for (const CostLine& line : cost.lines) {
        lines.push_back(json::object{{"what", line.what}, {"quantity", line.quantity},
            {"price_per_million_usd", line.price.toPerMillion()},
            {"amount_usd", line.amount.toDecimal()}});
    }
    return lines;
}

} // namespace

const PriceList& defaultPriceList()
{
    static const PriceList list = PriceList::fromBook(defaultBook());
    return list;
}

Result<std::string> priceRow(std::string_view row, const PriceList& list, TimeUs at)
{
    boost::system::error_code failed;
    const json::value value = json::parse({row.data(), row.size()}, failed);
    if (failed || !value.is_object()) {
        return Error(ErrorCode::InvalidArgument, "The row is not a JSON object.",
            "Write {\"id\", \"provider\", \"flavor\", \"model\", \"raw_usage\"} on each line.");
    }
    const json::object& object = value.get_object();
    const std::string provider = memberText(object, "provider");
    const std::string model = memberText(object, "model");
    const json::value* raw = object.if_contains("raw_usage");
    if (provider.empty() || model.empty() || raw == nullptr) {
        return Error(
            ErrorCode::InvalidArgument, "The row needs \"provider\", \"model\" and \"raw_usage\".");
    }
    const auto usage = usageFromRaw(provider, memberText(object, "flavor"), json::serialize(*raw));
    if (!usage) {
        return usage.error();
    }
    const json::value* when = object.if_contains("at_us");
    if (when != nullptr && when->is_int64()) {
        at = when->get_int64();
    }
    const PriceList::Query query{provider, model, at};
    const auto sheet = list.sheetFor(query);
    if (!sheet) {
        return sheet.error();
    }
    const auto cost = costOfUsage(*usage, *sheet, at);
    if (!cost) {
        return cost.error();
    }
    const json::value* id = object.if_contains("id");
    return json::serialize(json::object{{"id", id != nullptr ? *id : json::value()},
        {"cost_usd", cost->total.toDecimal()}, {"lines", linesOf(*cost)}});
}

} // namespace headgate::catalog
