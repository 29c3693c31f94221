// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/near_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace headgate::routing {

namespace {

constexpr std::size_t namesMax = 3;
constexpr std::size_t comparedBytesMax = 80;

/// Levenshtein distance over bytes.
std::size_t distance(std::string_view a, std::string_view b)
{
    a = a.substr(0, comparedBytesMax);
    b = b.substr(0, comparedBytesMax);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row[b.size()];
}

using Scored = std::vector<std::pair<std::size_t, std::string>>;

bool isNear(std::size_t score, std::string_view asked)
{
    return score <= std::max<std::size_t>(2, asked.size() / 3);
}

std::vector<std::string> nearest(Scored found)
{
    std::sort(found.begin(), found.end());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < found.size() && i < namesMax; ++i) {
        names.push_back(std::move(found[i].second));
    }
    return names;
}

} // namespace

std::vector<std::string> nearWords(const std::vector<std::string>& known, std::string_view asked)
{
    Scored found;
    for (const std::string& name : known) {
        if (const auto score = distance(asked, name); isNear(score, asked)) {
            found.emplace_back(score, name);
        }
    }
    return nearest(std::move(found));
}

std::string didYouMean(const std::vector<std::string>& names)
{
    std::string text = names.empty() ? "" : "Did you mean ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
        text += "\"" + names[i] + "\"";
    }
    return names.empty() ? text : text + "?";
}

std::vector<std::string> nearNames(const catalog::Catalog& catalog, std::string_view asked)
{
    Scored found;
    for (const catalog::Model& model : catalog.models) {
        if (!model.enabled || model.embedding) {
            continue;
        }
        const std::string id = model.id();
        std::size_t score = std::min(distance(asked, model.name), distance(asked, id));
        const bool part = asked.size() >= 3
            && (model.name.find(asked) != std::string::npos
                || asked.find(model.name) != std::string_view::npos);
        if (part) {
            score = std::min<std::size_t>(score, 2);
        }
        if (isNear(score, asked)) {
            found.emplace_back(score, id);
        }
    }
    return nearest(std::move(found));
}

std::string unknownModelText(const catalog::Catalog& catalog, std::string_view asked)
{
    std::string text = "The model \"" + std::string(asked) + "\" is not in the catalog.";
    if (const auto meant = didYouMean(nearNames(catalog, asked)); !meant.empty()) {
        text += " " + meant;
    }
    return text
        + " Use \"auto\" to have a model chosen, or add it in the console under Catalog or with "
          "`headgate models add`.";
}

} // namespace headgate::routing
