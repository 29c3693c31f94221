// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/models_route.h"

#include "core/proxy/identity.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <array>

namespace headgate::proxy {

namespace {

constexpr std::array<std::string_view, 3> routingNames{"auto", "auto:cheap", "auto:best"};

boost::json::object entry(std::string_view id, std::string_view owner)
{
    boost::json::object out;
    out["id"] = id;
    out["object"] = "model";
    out["created"] = 0;
    out["owned_by"] = owner;
    return out;
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

} // namespace

std::string modelsJson(const catalog::Catalog& catalog)
{
    boost::json::array data;
    for (const auto name : routingNames) {
        data.push_back(entry(name, "headgate"));
    }
    for (const auto& model : catalog.models) {
        if (isServed(catalog, model)) {
            data.push_back(entry(publicName(catalog, model), model.provider));
        }
    }
    boost::json::object out;
    out["object"] = "list";
    out["data"] = std::move(data);
    return boost::json::serialize(out);
}

Result<std::string> modelJson(const catalog::Catalog& catalog, std::string_view id)
{
    for (const auto name : routingNames) {
        if (name == id) {
            return boost::json::serialize(entry(name, "headgate"));
        }
    }
    const auto* model = catalog.model(id);
    if (model == nullptr || !isServed(catalog, *model)) {
        return Error(ErrorCode::NotFound, "There is no model \"" + printable(id, 128) + "\" here.",
            "GET /v1/models lists the models that are.");
    }
    return boost::json::serialize(entry(publicName(catalog, *model), model->provider));
}

} // namespace headgate::proxy
