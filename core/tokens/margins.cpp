// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/margins.h"

#include "core/base/limits.h"

#include <boost/json.hpp>

#include <algorithm>
#include <optional>

namespace headgate::tokens {

namespace json = boost::json;

namespace {

/// Below this a provider's fixed additions (a hidden system prompt, framing) outweigh the text, so
/// that a factor would say nothing: short texts learn what is added, long ones a factor.
constexpr std::int64_t shortTokens = 400;
/// No margin falls below its start on fewer observations than these.
constexpr std::size_t observationsMin = 50;
/// The bound is never below the worst of so many.
constexpr std::size_t worstOf = 512;
/// The quantile looks back further: 99.5 % of 2,048, some twelve of them above it.
constexpr std::size_t keptMax = 2'048;
constexpr std::size_t aboveQuantile = keptMax / 200;
/// The quantile moves slowly: it is measured anew after so many.
constexpr int quantileEvery = 32;
/// Room for one text that is a little worse than all before.
constexpr std::int64_t headroomPermille = 30;
constexpr std::int64_t headroomTokens = 8;
/// A provider that reports nonsense shall not make a model unaffordable for ever.
constexpr std::int64_t permilleMax = 20'000;
constexpr std::int64_t extraTokensMax = 50'000;
constexpr std::int64_t formatKnown = 1;

constexpr std::size_t shortPlain = 0;
constexpr std::size_t longPlain = 1;
constexpr std::array seriesNames{"short_plain", "long_plain", "short_other", "long_other"};

bool isLong(const Count& count)
{
    return count.tokens >= shortTokens;
}

std::size_t seriesFor(const Count& count, bool plain)
{
    return (plain ? 0U : 2U) + (isLong(count) ? 1U : 0U);
}

bool isLongSeries(std::size_t index)
{
    return index % 2 == 1;
}

/// Counts are below 2^40: no overflow.
std::int64_t scaled(std::int64_t tokens, std::int64_t permille)
{
    return (tokens * permille + 999) / 1'000;
}

std::int64_t startOf(const Count& count)
{
    return count.exact ? count.atMost
                       : std::max(count.atMost, scaled(count.tokens, marginStartPermille));
}

std::int32_t observed(const MarginObservation& seen)
{
    const std::int64_t value = isLong(seen.count)
        ? std::min(permilleMax, (seen.actual * 1'000 + seen.count.tokens - 1) / seen.count.tokens)
        : std::clamp(seen.actual - seen.count.tokens, -extraTokensMax, extraTokensMax);
    return static_cast<std::int32_t>(value);
}

Error wrong(const char* what)
{
    return {ErrorCode::Corrupt, std::string("The learned margins cannot be read: ") + what + ".",
        "They are learned again; the file can be removed."};
}

} // namespace

Margin marginOf(const std::vector<Margin>& all, const std::string& model, const std::string& family)
{
    const auto found = std::find_if(all.begin(), all.end(),
        [&](const Margin& margin) { return margin.model == model && margin.family == family; });
    if (found != all.end()) {
        return *found;
    }
    Margin margin;
    margin.model = model;
    margin.family = family;
    margin.exact = countText(family, {}).exact;
    margin.permille = margin.exact ? 1'000 : marginStartPermille;
    return margin;
}

std::string marginText(std::int64_t permille)
{
    std::string text = std::to_string(permille / 1'000) + "."
        + std::to_string(1'000 + permille % 1'000).substr(1);
    while (text.back() == '0' && text[text.size() - 2] != '.') {
        text.pop_back();
    }
    return text;
}

// --- the table

std::int64_t MarginTable::inputAtMost(
    const std::string& model, const Count& count, bool plain) const
{
    const std::int64_t start = startOf(count);
    const auto found = m_limits.find(model);
    if (found == m_limits.end()) {
        return start;
    }
    const Limit& limit = found->second[seriesFor(count, plain)];
    if (!limit.known) {
        return start;
    }
    const std::int64_t learned
        = isLong(count) ? scaled(count.tokens, limit.value) : count.tokens + limit.value;
    return limit.trusted && !count.exact ? std::max(learned, count.tokens)
                                         : std::max(learned, start);
}

// --- learning

void Margins::Series::add(std::int32_t value)
{
    if (values.size() < keptMax) {
        values.push_back(value);
    } else {
        values[next] = value;
    }
    next = (next + 1) % keptMax;
    measure();
}

std::vector<std::int32_t> Margins::Series::inOrder() const
{
    std::vector<std::int32_t> out(values);
    if (values.size() == keptMax) {
        std::rotate(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(next), out.end());
    }
    return out;
}

void Margins::Series::measure()
{
    const std::size_t count = std::min(values.size(), worstOf);
    worst = values[(next + keptMax - 1) % keptMax];
    for (std::size_t i = 2; i <= count; ++i) {
        worst = std::max<std::int64_t>(worst, values[(next + keptMax - i) % keptMax]);
    }
    if (++sinceQuantile < quantileEvery || values.size() <= aboveQuantile) {
        return;
    }
    sinceQuantile = 0;
    std::vector<std::int32_t> sorted(values);
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(values.size() / 200);
    std::nth_element(sorted.begin(), place, sorted.end(), std::greater<>());
    quantile = *place;
}

Margins::Margins() : m_table(std::make_shared<const MarginTable>()) { }

MarginTable::Limits Margins::limitsOf(const Model& model)
{
    MarginTable::Limits limits;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        const Series& series = model.series[i];
        if (series.values.empty()) {
            continue;
        }
        MarginTable::Limit& limit = limits[i];
        limit.known = true;
        limit.trusted = i <= longPlain && series.values.size() >= observationsMin;
        limit.value = series.values.size() > worstOf ? std::max(series.worst, series.quantile)
                                                     : series.worst;
        if (!model.exact) {
            limit.value += isLongSeries(i) ? headroomPermille : headroomTokens;
        }
    }
    return limits;
}

/// The table is made anew only when a margin moves, which is seldom once it has settled.
void Margins::publish(const std::string& id, const Model& model)
{
    const MarginTable::Limits limits = limitsOf(model);
    const auto same = [](const MarginTable::Limit& a, const MarginTable::Limit& b) {
        return a.value == b.value && a.known == b.known && a.trusted == b.trusted;
    };
    const auto found = m_table->m_limits.find(id);
    if (found != m_table->m_limits.end()
        && std::equal(limits.begin(), limits.end(), found->second.begin(), same)) {
        return;
    }
    auto next = std::make_shared<MarginTable>(*m_table);
    next->m_limits[id] = limits;
    m_table = std::move(next);
}

bool Margins::observe(const MarginObservation& observation)
{
    if (observation.actual <= 0 || observation.count.tokens <= 0) {
        return false;
    }
    const bool over = observation.actual > observation.bound;
    const std::scoped_lock lock(m_mutex);
    if (m_models.size() >= limits::marginModelsMax && !m_models.contains(observation.model)) {
        return over;
    }
    Model& model = m_models[observation.model];
    if (model.family != observation.family || model.exact != observation.count.exact) {
        model = Model(); // counted in another way from now on
        model.family = observation.family;
        model.exact = observation.count.exact;
    }
    ++m_changes;
    ++model.observations;
    model.overruns += over ? 1 : 0;
    model.series[seriesFor(observation.count, observation.plain)].add(observed(observation));
    publish(observation.model, model);
    return over;
}

std::shared_ptr<const MarginTable> Margins::table() const
{
    const std::scoped_lock lock(m_mutex);
    return m_table;
}

std::int64_t Margins::changes() const
{
    const std::scoped_lock lock(m_mutex);
    return m_changes;
}

std::vector<Margin> Margins::list() const
{
    std::vector<Margin> out;
    const std::scoped_lock lock(m_mutex);
    for (const auto& [id, model] : m_models) {
        const MarginTable::Limits limits = limitsOf(model);
        Margin margin;
        margin.model = id;
        margin.family = model.family;
        margin.exact = model.exact;
        const std::int64_t start = model.exact ? 1'000 : marginStartPermille;
        const auto& factor = limits[longPlain];
        margin.learned = factor.trusted || (factor.known && factor.value > start);
        margin.permille = !margin.learned ? start
            : model.exact                 ? std::max(start, factor.value)
                                          : std::max<std::int64_t>(1'000, factor.value);
        margin.extraTokens = std::max<std::int64_t>(0, limits[shortPlain].value);
        margin.observations = model.observations;
        margin.worstPermille = model.series[longPlain].worst;
        margin.overruns = model.overruns;
        out.push_back(std::move(margin));
    }
    std::sort(
        out.begin(), out.end(), [](const Margin& a, const Margin& b) { return a.model < b.model; });
    return out;
}

// --- keeping

std::string Margins::toJson() const
{
    json::array models;
    const std::scoped_lock lock(m_mutex);
    for (const auto& [id, model] : m_models) {
        json::object one{{"model", id}, {"family", model.family}, {"exact", model.exact},
            {"observations", model.observations}, {"overruns", model.overruns}};
        for (std::size_t i = 0; i < model.series.size(); ++i) {
            json::array values;
            const auto all = model.series[i].inOrder();
            const std::size_t skip = all.size() > worstOf ? all.size() - worstOf : 0;
            for (std::size_t at = skip; at < all.size(); ++at) {
                values.emplace_back(all[at]);
            }
            one[seriesNames[i]] = std::move(values);
        }
        models.push_back(std::move(one));
    }
    return json::serialize(json::object{{"format", formatKnown}, {"models", std::move(models)}});
}

namespace {

std::optional<std::vector<std::int32_t>> readValues(const json::object& from, std::size_t index)
{
    const json::value* list = from.if_contains(seriesNames[index]);
    if (list == nullptr || !list->is_array() || list->get_array().size() > keptMax) {
        return std::nullopt;
    }
    const bool factor = isLongSeries(index);
    std::vector<std::int32_t> values;
    for (const json::value& item : list->get_array()) {
        const std::int64_t least = factor ? 0 : -extraTokensMax;
        const std::int64_t most = factor ? permilleMax : extraTokensMax;
        if (!item.is_int64() || item.get_int64() < least || item.get_int64() > most) {
            return std::nullopt;
        }
        values.push_back(static_cast<std::int32_t>(item.get_int64()));
    }
    return values;
}

const json::value* typed(const json::object& from, const char* name, json::kind kind)
{
    const json::value* value = from.if_contains(name);
    return value != nullptr && value->kind() == kind ? value : nullptr;
}

} // namespace

Result<void> Margins::readJson(std::string_view text)
{
    boost::system::error_code code;
    const json::value file = json::parse(json::string_view(text.data(), text.size()), code);
    if (code || !file.is_object()) {
        return wrong("not a JSON object");
    }
    const json::value* format = typed(file.get_object(), "format", json::kind::int64);
    const json::value* list = typed(file.get_object(), "models", json::kind::array);
    if (format == nullptr || format->get_int64() != formatKnown || list == nullptr
        || list->get_array().size() > limits::marginModelsMax) {
        return wrong("an unknown format");
    }
    Margins read;
    for (const json::value& item : list->get_array()) {
        if (!item.is_object()) {
            return wrong("a model is not an object");
        }
        const json::object& from = item.get_object();
        const json::value* id = typed(from, "model", json::kind::string);
        const json::value* family = typed(from, "family", json::kind::string);
        const json::value* exact = typed(from, "exact", json::kind::bool_);
        const json::value* observations = typed(from, "observations", json::kind::int64);
        const json::value* overruns = typed(from, "overruns", json::kind::int64);
        if (id == nullptr || family == nullptr || exact == nullptr || observations == nullptr
            || overruns == nullptr) {
            return wrong("a model lacks a field");
        }
        Model model;
        model.family = std::string(family->get_string());
        model.exact = exact->get_bool();
        model.observations = observations->get_int64();
        model.overruns = overruns->get_int64();
        for (std::size_t i = 0; i < model.series.size(); ++i) {
            const auto values = readValues(from, i);
            if (!values) {
                return wrong("a value is out of range");
            }
            Series& series = model.series[i];
            for (const std::int32_t value : *values) {
                series.values.push_back(value);
            }
            series.next = series.values.size() % keptMax;
            if (!series.values.empty()) {
                series.sinceQuantile = quantileEvery;
                series.measure();
            }
        }
        const std::string name(id->get_string());
        read.publish(name, model);
        read.m_models[name] = std::move(model);
    }
    const std::scoped_lock lock(m_mutex);
    m_models = std::move(read.m_models);
    m_table = std::move(read.m_table);
    return {};
}

} // namespace headgate::tokens
