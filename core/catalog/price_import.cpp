// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_import.h"

#include "core/base/limits.h"
#include "core/catalog/price_diff.h"
#include "core/catalog/price_names.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace headgate::catalog {

namespace {

/// The host of "https://host:port/path".
std::string_view hostOf(std::string_view url)
{
    const std::size_t scheme = url.find("://");
    const std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
    return rest.substr(0, rest.find_first_of(":/"));
}

/// What price lists call a configured provider: its own name, or the service behind its URL.
std::string listNameOf(const Provider& provider)
{
    static const std::vector<Provider> known = providerPresets();
    const std::string_view host = hostOf(provider.baseUrl);
    for (const Provider& preset : known) {
        const bool local = host == "127.0.0.1" || host == "localhost" || host.empty();
        if (!local && hostOf(preset.baseUrl) == host) {
            return canonicalProvider(preset.name);
        }
    }
    return canonicalProvider(provider.name);
}

const PriceSheet* sheetAt(const std::vector<PriceSheet>& sheets, TimeUs at)
{
    const PriceSheet* found = nullptr;
    for (const PriceSheet& sheet : sheets) {
        found = sheet.validFrom <= at ? &sheet : found;
    }
    return found;
}

/// A class the list does not have keeps its price, moved with the price of its side when that went
/// up: a list that knows less must not make a call cheaper than it is.
void keepUnlisted(TokenPrices& listed, const TokenPrices& known)
{
    const TokenPrices base = listed;
    for (const TokenPriceField& field : tokenPriceFields) {
        if (base.*field.member || !(known.*field.member)) {
            continue;
        }
        const auto& before = field.outputSide ? known.output : known.input;
        const auto& after = field.outputSide ? base.output : base.input;
        const Price kept = *(known.*field.member);
        listed.*field.member = kept;
        if (before && after && *after > *before && before->pico() > 0) {
            const auto moved = mulDivUp(kept.pico(), after->pico(), before->pico());
            listed.*field.member = moved ? Price::fromPico(*moved) : kept;
        }
    }
}

/// The list's sheet with what only the catalog knows: fees, regions, other service tiers.
PriceSheet overlaid(const PriceSheet& listed, const PriceSheet* known)
{
    PriceSheet out = listed;
    if (known == nullptr) {
        return out;
    }
    keepUnlisted(out, *known);
    out.perTool.insert(known->perTool.begin(), known->perTool.end());
    out.geoPermille.insert(known->geoPermille.begin(), known->geoPermille.end());
    out.perImageIn = out.perImageIn ? out.perImageIn : known->perImageIn;
    out.perImageOut = out.perImageOut ? out.perImageOut : known->perImageOut;
    for (const auto& [name, tier] : known->serviceTiers) {
        const auto [found, isNew] = out.serviceTiers.try_emplace(name, tier);
        if (!isNew) {
            keepUnlisted(found->second.prices, tier.prices);
        }
    }
    for (ContextTier& tier : out.contextTiers) {
        const auto same = std::find_if(known->contextTiers.begin(), known->contextTiers.end(),
            [&](const ContextTier& other) { return other.above == tier.above; });
        if (same != known->contextTiers.end()) {
            keepUnlisted(tier.prices, same->prices);
        }
    }
    return out;
}

/// Builds the diff of one list against the catalog.
class Importer {
public:
    Importer(const Catalog& current, const ImportOptions& options)
        : m_current(current),
          m_options(options)
    {
    }

    Result<ImportDiff> run(const PriceList& list)
    {
        m_diff.list = list.formatName();
        if (auto done = chooseProviders(); !done) {
            return done.error();
        }
        const std::vector<ListedModel> all = list.all();
        if (auto done = checkWhole(all); !done) {
            return done.error();
        }
        for (const Model& model : m_current.models) {
            if (auto done = compare(model, list); !done) {
                return done.error();
            }
        }
        for (const ListedModel& listed : all) {
            if (auto done = addNew(listed, list); !done) {
                return done.error();
            }
        }
        return std::move(m_diff);
    }

private:
    Result<void> chooseProviders()
    {
        bool found = m_options.provider.empty();
        for (const Provider& provider : m_current.providers) {
            const bool chosen = m_options.provider.empty() ? !provider.simulated
                                                           : provider.name == m_options.provider;
            found = found || chosen;
            if (chosen) {
                m_listNames.emplace(provider.name, listNameOf(provider));
                m_byListName.emplace(listNameOf(provider), provider.name);
            }
        }
        if (!found) {
            return Error(ErrorCode::NotFound,
                "There is no provider \"" + m_options.provider + "\".",
                "`headgate providers list` shows them.");
        }
        if (m_listNames.empty() && !m_options.all) {
            return Error(ErrorCode::NotFound,
                "No provider is set up that a list could have prices of.",
                "Add a provider first, or look at the whole list with --all.");
        }
        return {};
    }

    /// Broken entries refuse the list even where nobody asked for them: what wrote them wrote the
    /// others too.
    static Result<void> checkWhole(const std::vector<ListedModel>& all)
    {
        if (all.empty() || all.size() > limits::priceListModelsMax) {
            return Error(ErrorCode::OutOfRange,
                all.empty() ? "The price list has no models."
                            : "The price list has more than "
                        + std::to_string(limits::priceListModelsMax) + " models.",
                "Nothing of it was taken over.");
        }
        std::set<std::string> seen;
        for (const ListedModel& listed : all) {
            const std::string id = listed.model.id();
            if (listed.bad) {
                return refuse(id, listed.problem);
            }
            if (listed.model.name.empty() || listed.model.name.size() > limits::nameBytesMax * 4) {
                return refuse(id, "Its name is empty or too long.");
            }
        }
        return {};
    }

    static Error refuse(const std::string& id, const std::string& why)
    {
        return {ErrorCode::InvalidArgument,
            "The price list is refused because of \"" + id.substr(0, 120) + "\": " + why,
            "Nothing of it was taken over."};
    }

    static Result<void> checkAbsurd(const Model& model)
    {
        for (const PriceSheet& sheet : model.prices) {
            if (const std::string why = absurdPart(sheet); !why.empty()) {
                return refuse(model.id(), why);
            }
        }
        return {};
    }

    [[nodiscard]] PriceSheet stamped(PriceSheet sheet) const
    {
        sheet.fetchedAtUs = m_options.fetchedAtUs != 0 ? m_options.fetchedAtUs : m_options.nowUs;
        if (!m_options.origin.empty()) {
            sheet.source += " (" + m_options.origin + ")";
        }
        return sheet;
    }

    Result<void> compare(const Model& model, const PriceList& list)
    {
        const auto named = m_listNames.find(model.provider);
        if (named == m_listNames.end()) {
            return {};
        }
        const std::optional<ListedModel> listed = list.find(named->second, model.name);
        if (!listed || !listed->problem.empty()) {
            ModelChange gone;
            gone.kind = ModelChange::Kind::Unlisted;
            gone.model = model;
            gone.model.prices.clear();
            m_diff.changes.push_back(std::move(gone));
            return {};
        }
        m_seen.insert(named->second + "/" + listed->model.name);
        m_seen.insert(named->second + "/" + model.name);
        if (auto done = checkAbsurd(listed->model); !done) {
            return done;
        }
        const PriceSheet* before = sheetAt(model.prices, m_options.nowUs);
        ModelChange change;
        change.model = model;
        change.model.prices.clear();
        for (const PriceSheet& sheet : listed->model.prices) {
            const bool inForce = &sheet == sheetAt(listed->model.prices, m_options.nowUs);
            if (!inForce && sheet.validFrom <= m_options.nowUs) {
                continue; // past prices stay what was billed
            }
            PriceSheet next = stamped(overlaid(sheet, before));
            const PriceSheet* same = inForce ? before : sheetAt(model.prices, sheet.validFrom);
            if (same != nullptr && sameBilling(*same, next)) {
                continue;
            }
            next.validFrom = inForce ? m_options.nowUs : sheet.validFrom;
            if (!next.input || !next.output) {
                m_diff.skipped.push_back(model.id() + ": It lists no input or no output price.");
                return {};
            }
            addDeltas(change.prices, before, next);
            change.model.prices.push_back(std::move(next));
        }
        if (change.model.prices.empty()) {
            ++m_diff.unchanged;
            return {};
        }
        push(std::move(change));
        return {};
    }

    Result<void> addNew(const ListedModel& entry, const PriceList& list)
    {
        const std::string& listName = entry.model.provider;
        const auto ours = m_byListName.find(listName);
        if (ours == m_byListName.end() && (!m_options.all || !m_options.provider.empty())) {
            ++m_diff.otherProviders;
            return {};
        }
        if (m_seen.contains(listName + "/" + entry.model.name)) {
            return {};
        }
        // A list can have a model under two keys: the one that a call would be priced by counts.
        ListedModel listed = list.find(listName, entry.model.name).value_or(entry);
        listed.model.name = entry.model.name;
        const PriceSheet* inForce = sheetAt(listed.model.prices, m_options.nowUs);
        if (!listed.problem.empty() || inForce == nullptr || !inForce->input || !inForce->output) {
            m_diff.skipped.push_back(listed.model.id() + ": "
                + (listed.problem.empty() ? "It lists no input or no output price."
                                          : listed.problem));
            return {};
        }
        if (m_options.onlyKnown) {
            return {};
        }
        if (listed.model.name.size() > limits::nameBytesMax) {
            m_diff.skipped.push_back(listed.model.id() + ": Its name is too long.");
            return {};
        }
        if (ours != m_byListName.end()) { // shown only: nothing of it can be applied
            if (auto done = checkAbsurd(listed.model); !done) {
                return done;
            }
        }
        m_seen.insert(listName + "/" + listed.model.name);
        ModelChange change;
        change.kind = ModelChange::Kind::Added;
        change.configured = ours != m_byListName.end();
        change.model = listed.model;
        change.model.provider = change.configured ? ours->second : listName;
        change.model.tokenizer = tokenizerGuess(listName, listed.model.name);
        change.model.tier = tierGuess(*inForce);
        change.model.prices.clear();
        for (const PriceSheet& sheet : listed.model.prices) {
            if (&sheet == inForce || sheet.validFrom > m_options.nowUs) {
                change.model.prices.push_back(stamped(sheet));
            }
        }
        addDeltas(change.prices, nullptr, change.model.prices.front());
        push(std::move(change));
        return {};
    }

    void push(ModelChange change)
    {
        change.large = std::any_of(change.prices.begin(), change.prices.end(),
            [](const PriceDelta& delta) { return delta.large; });
        m_diff.large = m_diff.large || (change.large && change.configured);
        m_diff.changes.push_back(std::move(change));
    }

    const Catalog& m_current;
    const ImportOptions& m_options;
    ImportDiff m_diff;
    std::map<std::string, std::string> m_listNames; ///< by our name
    std::map<std::string, std::string> m_byListName; ///< the first of ours
    std::set<std::string> m_seen;
};

} // namespace

std::int64_t ImportDiff::count(ModelChange::Kind kind) const
{
    return std::count_if(changes.begin(), changes.end(),
        [kind](const ModelChange& change) { return change.kind == kind; });
}

Result<ImportDiff> diffPrices(
    const Catalog& current, const PriceList& list, const ImportOptions& options)
{
    return Importer(current, options).run(list);
}

Result<ImportDiff> diffPriceText(
    const Catalog& current, std::string_view text, const ImportOptions& options)
{
    if (text.size() > limits::priceListBytesMax) {
        return Error(ErrorCode::OutOfRange, "The price list is too large.",
            "The longest public list has 5 MB: is this the right file?");
    }
    const Result<PriceList> list = PriceList::parse(text);
    if (!list) {
        return list.error();
    }
    return diffPrices(current, *list, options);
}

std::string priceAgeText(const PriceSheet& sheet, TimeUs nowUs)
{
    if (sheet.fetchedAtUs == 0) {
        return {};
    }
    const std::int64_t days = std::max<std::int64_t>(0, nowUs - sheet.fetchedAtUs) / usPerDay;
    return days == 0 ? "today" : days == 1 ? "1 day" : std::to_string(days) + " days";
}

bool isPriceOld(const PriceSheet& sheet, TimeUs nowUs)
{
    return sheet.fetchedAtUs != 0
        && nowUs - sheet.fetchedAtUs > limits::priceAgeWarnDays * usPerDay;
}

std::string tokenizerGuess(std::string_view provider, std::string_view model)
{
    using Pair = std::pair<std::string_view, std::string_view>;
    constexpr std::array<Pair, 11> byName{{
        {"gpt-oss", "o200k_base"},
        {"text-embedding", "cl100k_base"},
        {"gpt-3.5", "cl100k_base"},
        {"gpt-4-", "cl100k_base"},
        {"llama-3", "llama3"},
        {"llama3", "llama3"},
        {"qwen", "qwen"},
        {"gemma", "gemini"},
        {"claude", "claude"},
        {"deepseek", "deepseek"},
        {"mistral", "mistral"},
    }};
    constexpr std::array<Pair, 6> byProvider{{
        {"openai", "o200k_base"},
        {"anthropic", "claude"},
        {"google", "gemini"},
        {"mistral", "mistral"},
        {"deepseek", "deepseek"},
        {"alibaba", "qwen"},
    }};
    for (const auto& [part, tokenizer] : byName) {
        if (model.find(part) != std::string_view::npos) {
            return std::string(tokenizer);
        }
    }
    for (const auto& [name, tokenizer] : byProvider) {
        if (provider == name) {
            return std::string(tokenizer);
        }
    }
    return "unknown";
}

int tierGuess(const PriceSheet& sheet)
{
    constexpr std::int64_t dollar = 1'000'000; // a million tokens, in pico-dollars a token
    const std::int64_t output = sheet.output ? sheet.output->pico() : 0;
    return output <= dollar ? 1 : output <= 5 * dollar ? 2 : output <= 20 * dollar ? 3 : 4;
}

} // namespace headgate::catalog
