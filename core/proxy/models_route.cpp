// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/models_route.h"

#include "core/proxy/identity.h"
#include "core/wire/gemini_routes.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <vector>

namespace headgate::proxy {

namespace {

constexpr std::array<std::string_view, 3> routingNames{"auto", "auto:cheap", "auto:best"};

/// One line of a list, before it is written in a dialect.
struct Entry {
    std::string id;
    std::string owner;
    std::string title;
    std::int64_t contextTokens = 0;
    std::int64_t outputTokens = 0;
};

/// Nobody says when a model was made; the fields must be there all the same.
constexpr const char* noTime = "1970-01-01T00:00:00Z";

boost::json::object chatEntry(const Entry& entry)
{
    return {{"id", entry.id}, {"object", "model"}, {"created", 0}, {"owned_by", entry.owner}};
}

boost::json::object anthropicEntry(const Entry& entry)
{
    return {
        {"type", "model"}, {"id", entry.id}, {"display_name", entry.title}, {"created_at", noTime}};
}

boost::json::object ollamaEntry(const Entry& entry)
{
    boost::json::object details{{"parent_model", ""}, {"format", ""}, {"family", entry.owner},
        {"families", boost::json::array{entry.owner}}, {"parameter_size", ""},
        {"quantization_level", ""}};
    return {{"name", entry.id}, {"model", entry.id}, {"modified_at", noTime}, {"size", 0},
        {"digest", ""}, {"details", std::move(details)}};
}

boost::json::object written(const Entry& entry, wire::Dialect dialect)
{
    switch (dialect) {
    case wire::Dialect::Anthropic:
        return anthropicEntry(entry);
    case wire::Dialect::Ollama:
        return ollamaEntry(entry);
    case wire::Dialect::Gemini: // written by wire
    case wire::Dialect::Chat:
    case wire::Dialect::Responses:
        break;
    }
    return chatEntry(entry);
}

Entry routingEntry(std::string_view name)
{
    Entry entry;
    entry.id = name;
    entry.owner = "headgate";
    entry.title = "Headgate routing: " + entry.id;
    return entry;
}

bool isServed(const catalog::Catalog& catalog, const catalog::Model& model)
{
    const auto* provider = catalog.provider(model.provider);
    return model.enabled && provider != nullptr && provider->enabled;
}

/// The bare name where it means this model, else with its provider.
std::string publicName(const catalog::Catalog& catalog, const catalog::Model& model)
{
    return catalog.model(model.name) == &model ? model.name : model.id();
}

Entry modelEntry(const catalog::Catalog& catalog, const catalog::Model& model)
{
    Entry entry;
    entry.id = publicName(catalog, model);
    entry.owner = model.provider;
    entry.title = model.displayName.empty() ? entry.id : model.displayName;
    entry.contextTokens = model.contextTokens;
    entry.outputTokens = model.maxOutputTokens;
    return entry;
}

wire::GeminiModel geminiModel(const Entry& entry)
{
    wire::GeminiModel out;
    out.id = entry.id;
    out.displayName = entry.title;
    out.inputTokenLimit = entry.contextTokens;
    out.outputTokenLimit = entry.outputTokens;
    return out;
}

boost::json::object listOf(boost::json::array entries, wire::Dialect dialect)
{
    boost::json::object out;
    if (dialect == wire::Dialect::Ollama) {
        out["models"] = std::move(entries);
    } else if (dialect == wire::Dialect::Anthropic) {
        const auto idOf
            = [](const boost::json::value& entry) { return entry.as_object().at("id"); };
        out["first_id"] = idOf(entries.front());
        out["last_id"] = idOf(entries.back());
        out["has_more"] = false;
        out["data"] = std::move(entries);
    } else {
        out["object"] = "list";
        out["data"] = std::move(entries);
    }
    return out;
}

} // namespace

std::string modelsJson(const catalog::Catalog& catalog, wire::Dialect dialect)
{
    std::vector<Entry> entries;
    entries.reserve(routingNames.size() + catalog.models.size());
    for (const auto name : routingNames) {
        entries.push_back(routingEntry(name));
    }
    for (const auto& model : catalog.models) {
        if (isServed(catalog, model)) {
            entries.push_back(modelEntry(catalog, model));
        }
    }
    if (dialect == wire::Dialect::Gemini) {
        std::vector<wire::GeminiModel> models;
        models.reserve(entries.size());
        for (const auto& entry : entries) {
            models.push_back(geminiModel(entry));
        }
        return wire::writeGeminiModels(models);
    }
    boost::json::array list;
    for (const auto& entry : entries) {
        list.push_back(written(entry, dialect));
    }
    return boost::json::serialize(listOf(std::move(list), dialect));
}

Result<std::string> modelJson(
    const catalog::Catalog& catalog, std::string_view id, wire::Dialect dialect)
{
    const auto text = [dialect](const Entry& entry) {
        return dialect == wire::Dialect::Gemini
            ? wire::writeGeminiModel(geminiModel(entry))
            : std::string(boost::json::serialize(written(entry, dialect)));
    };
    for (const auto name : routingNames) {
        if (name == id) {
            return text(routingEntry(name));
        }
    }
    const auto* model = catalog.model(id);
    if (model == nullptr || !isServed(catalog, *model)) {
        return Error(ErrorCode::NotFound, "There is no model \"" + printable(id, 128) + "\" here.",
            "GET /v1/models lists the models that are.");
    }
    return text(modelEntry(catalog, *model));
}

} // namespace headgate::proxy
