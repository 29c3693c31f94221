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
/// A text whose upper limit is this far above its estimate keeps that limit.
constexpr std::int64_t unusualFactor = 2;
constexpr std::int64_t unusualTokens = 32;
/// Room for one text that is a little worse than all before.
constexpr std::int64_t headroomPermille = 30;
constexpr std::int64_t headroomTokens = 8;
/// A provider that reports nonsense shall not make a model unaffordable for ever.
constexpr std::int64_t permilleMax = 20'000;
constexpr std::int64_t extraTokensMax = 50'000;
constexpr std::int64_t formatKnown = 1;

constexpr std::size_t shortPlain = 0;
constexpr std::size_t longPlain = 1;
/// A writing that was seen less often than this also heeds the worst of the other ones: what a
/// vocabulary does to Thai says something about Khmer, and nothing yet about a model is no comfort.
constexpr std::size_t ownOpinionMin = 8;
/// Ratios kept for people, a writing.
constexpr std::size_t ratiosKeptMax = 512;

std::string seriesName(std::size_t index)
{
    const auto group = static_cast<ScriptGroup>(index / 2);
    return std::string(index % 2 == 1 ? "long_" : "short_") + scriptGroupName(group);
}

bool isLong(const Count& count)
{
    return count.tokens >= shortTokens;
}

std::size_t seriesFor(const Count& count, ScriptGroup script)
{
    return static_cast<std::size_t>(script) * 2 + (isLong(count) ? 1U : 0U);
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
    const std::string& model, const Count& count, ScriptGroup script) const
{
    const std::int64_t start = startOf(count);
    const auto found = m_limits.find(model);
    if (found == m_limits.end()) {
        return start;
    }
    const Limit& limit = found->second[seriesFor(count, script)];
    if (!limit.known) {
        return start;
    }
    const std::int64_t learned
        = isLong(count) ? scaled(count.tokens, limit.value) : count.tokens + limit.value;
    // What was learned from ordinary texts says nothing about one that the estimator itself is
    // unsure of: runs of signs, padding, encoded bytes.
    const bool unusual = count.atMost > unusualFactor * count.tokens + unusualTokens;
    return limit.trusted && !count.exact && !unusual ? std::max(learned, count.tokens)
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

void Margins::Errors::add(std::int32_t ratio)
{
    if (ratios.size() < ratiosKeptMax) {
        ratios.push_back(ratio);
    } else {
        ratios[next] = ratio;
    }
    next = (next + 1) % ratiosKeptMax;
    ++observations;
}

ScriptError Margins::Errors::told(ScriptGroup script) const
{
    ScriptError out;
    out.script = script;
    out.observations = observations;
    out.overruns = overruns;
    if (ratios.empty()) {
        return out;
    }
    std::vector<std::int32_t> sorted(ratios);
    std::sort(sorted.begin(), sorted.end());
    out.medianPermille = sorted[sorted.size() / 2];
    out.p95Permille = sorted[std::min(sorted.size() - 1, sorted.size() * 95 / 100)];
    out.worstPermille = sorted.back();
    for (const std::int32_t ratio : sorted) {
        const auto* bar
            = std::upper_bound(errorEdgesPermille.begin(), errorEdgesPermille.end(), ratio);
        ++out.bars[static_cast<std::size_t>(bar - errorEdgesPermille.begin())];
    }
    return out;
}

Margins::Margins() : m_table(std::make_shared<const MarginTable>()) { }

MarginTable::Limits Margins::limitsOf(const Model& model)
{
    MarginTable::Limits limits;
    std::array<MarginTable::Limit, 2> foreign; // the worst of all writings but plain
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
        if (i > longPlain) {
            MarginTable::Limit& worst = foreign[i % 2];
            worst.value = worst.known ? std::max(worst.value, limit.value) : limit.value;
            worst.known = true;
        }
    }
    for (std::size_t i = longPlain + 1; i < limits.size(); ++i) {
        const MarginTable::Limit& worst = foreign[i % 2];
        if (worst.known && model.series[i].values.size() < ownOpinionMin) {
            limits[i].value
                = limits[i].known ? std::max(limits[i].value, worst.value) : worst.value;
            limits[i].known = true;
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
    model.series[seriesFor(observation.count, observation.script)].add(observed(observation));
    Errors& errors = model.errors[static_cast<std::size_t>(observation.script)];
    errors.add(static_cast<std::int32_t>(std::min(permilleMax,
        (observation.actual * 1'000 + observation.count.tokens - 1) / observation.count.tokens)));
    errors.overruns += over ? 1 : 0;
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
        for (std::size_t group = 0; group < scriptGroupCount; ++group) {
            if (model.errors[group].observations > 0) {
                ScriptError told = model.errors[group].told(static_cast<ScriptGroup>(group));
                const MarginTable::Limit& limit = limits[group * 2 + 1];
                told.marginPermille = !limit.known  ? start
                    : limit.trusted && !model.exact ? std::max<std::int64_t>(1'000, limit.value)
                                                    : std::max(start, limit.value);
                margin.scripts.push_back(told);
            }
        }
        out.push_back(std::move(margin));
    }
    std::sort(
        out.begin(), out.end(), [](const Margin& a, const Margin& b) { return a.model < b.model; });
    return out;
}

// --- keeping

namespace {

json::array lastOf(const std::vector<std::int32_t>& values, std::size_t most)
{
    json::array out;
    for (std::size_t at = values.size() > most ? values.size() - most : 0; at < values.size();
         ++at) {
        out.emplace_back(values[at]);
    }
    return out;
}

} // namespace

std::string Margins::toJson() const
{
    json::array models;
    const std::scoped_lock lock(m_mutex);
    for (const auto& [id, model] : m_models) {
        json::object one{{"model", id}, {"family", model.family}, {"exact", model.exact},
            {"observations", model.observations}, {"overruns", model.overruns}};
        for (std::size_t i = 0; i < model.series.size(); ++i) {
            const auto all = model.series[i].inOrder();
            if (!all.empty()) {
                one[seriesName(i)] = lastOf(all, worstOf);
            }
        }
        json::object errors;
        for (std::size_t i = 0; i < model.errors.size(); ++i) {
            const Errors& from = model.errors[i];
            if (from.observations > 0) {
                errors[scriptGroupName(static_cast<ScriptGroup>(i))]
                    = json::object{{"observations", from.observations}, {"overruns", from.overruns},
                        {"ratios", lastOf(from.ratios, ratiosKeptMax)}};
            }
        }
        one["errors"] = std::move(errors);
        models.push_back(std::move(one));
    }
    return json::serialize(json::object{{"format", formatKnown}, {"models", std::move(models)}});
}

namespace {

std::optional<std::vector<std::int32_t>> readNumbers(
    const json::value* list, std::int64_t least, std::int64_t most)
{
    std::vector<std::int32_t> values;
    if (list == nullptr) {
        return values; // nothing was seen
    }
    if (!list->is_array() || list->get_array().size() > keptMax) {
        return std::nullopt;
    }
    for (const json::value& item : list->get_array()) {
        if (!item.is_int64() || item.get_int64() < least || item.get_int64() > most) {
            return std::nullopt;
        }
        values.push_back(static_cast<std::int32_t>(item.get_int64()));
    }
    return values;
}

std::optional<std::vector<std::int32_t>> readValues(const json::object& from, std::size_t index)
{
    const bool factor = isLongSeries(index);
    return readNumbers(from.if_contains(seriesName(index)), factor ? 0 : -extraTokensMax,
        factor ? permilleMax : extraTokensMax);
}

const json::value* typed(const json::object& from, const char* name, json::kind kind)
{
    const json::value* value = from.if_contains(name);
    return value != nullptr && value->kind() == kind ? value : nullptr;
}

} // namespace

bool Margins::readErrors(const json::object& from, Model& model)
{
    const json::value* errors = typed(from, "errors", json::kind::object);
    for (std::size_t i = 0; errors != nullptr && i < model.errors.size(); ++i) {
        const json::value* one
            = errors->get_object().if_contains(scriptGroupName(static_cast<ScriptGroup>(i)));
        if (one == nullptr) {
            continue;
        }
        const json::object* told = one->if_object();
        const json::value* count
            = told != nullptr ? typed(*told, "observations", json::kind::int64) : nullptr;
        const json::value* over
            = told != nullptr ? typed(*told, "overruns", json::kind::int64) : nullptr;
        const auto ratios = told != nullptr
            ? readNumbers(told->if_contains("ratios"), 0, permilleMax)
            : std::nullopt;
        if (count == nullptr || over == nullptr || !ratios || count->get_int64() < 0
            || over->get_int64() < 0) {
            return false;
        }
        Errors& out = model.errors[i];
        for (const std::int32_t ratio : *ratios) {
            out.add(ratio);
        }
        out.observations = count->get_int64();
        out.overruns = over->get_int64();
    }
    return true;
}

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
        if (!readErrors(from, model)) {
            return wrong("an error distribution is out of range");
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
