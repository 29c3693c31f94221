// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/candidates.h"

#include "core/catalog/media_tokens.h"

#include <algorithm>
#include <array>
#include <limits>

namespace headgate::routing {

namespace {

constexpr std::int64_t contextUnknownTokens = 128'000;
/// Hidden thinking is output too; without room for it a reasoning model returns nothing.
constexpr std::int64_t reasoningTokens = 500;
constexpr std::int64_t tokensMost = 1'000'000'000'000;
/// A ceiling below every floor, also below that of an embedding, which is nothing.
constexpr std::int64_t cannotPay = -1;

bool isLoopback(std::string_view url)
{
    const std::size_t scheme = url.find("://");
    std::string_view host = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
    host = host.substr(0, host.find_first_of("/?#"));
    if (host.find('@') != std::string_view::npos) {
        return false;
    }
    if (host.starts_with("[::1]")) {
        return true;
    }
    host = host.substr(0, host.find(':'));
    return host == "localhost"
        || (host.starts_with("127.")
            && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

bool isNamed(const std::vector<std::string>& names, const catalog::Model& model)
{
    const std::string id = model.id();
    return std::any_of(names.begin(), names.end(),
        [&](const std::string& name) { return name == id || name == model.name; });
}

void lose(Option& option, Lost lost, std::string why)
{
    option.candidate.lost = lost;
    option.candidate.why = std::move(why);
}

bool available(const Frame& frame, Option& option)
{
    const catalog::Model& model = *option.model;
    const catalog::Provider* provider = frame.input.catalog->provider(model.provider);
    if (model.embedding != frame.input.embedding) {
        lose(option, Lost::Embedding,
            model.embedding ? "It makes embeddings, not answers."
                            : "It makes answers, not embeddings.");
    } else if (!model.enabled) {
        lose(option, Lost::Disabled, "It is switched off in the catalog.");
    } else if (provider == nullptr || !provider->enabled) {
        lose(option, Lost::ProviderDisabled, "Its provider is switched off or missing.");
    } else if (!isUsable(*provider)) {
        lose(option, Lost::NoKey, "Its provider has no key.");
    } else if (frame.input.excludedModels.contains(model.id())) {
        lose(option, Lost::Excluded, "It failed a moment ago.");
    } else if (const auto unwell = frame.input.unwell.find(model.id());
               unwell != frame.input.unwell.end()) {
        lose(option, Lost::Excluded, unwell->second);
    } else if (!frame.isExplicit && provider->simulated && frame.realProviders) {
        lose(option, Lost::NotAsked,
            "The simulated provider answers only while no real provider is set up.");
    } else if (!frame.isExplicit && frame.rule != nullptr && !frame.rule->models.empty()
        && !frame.input.embedding && !isNamed(frame.rule->models, model)) {
        lose(option, Lost::NotInRule, "The rule does not list it.");
    } else if (std::string why = frame.input.unfit ? frame.input.unfit(model) : std::string();
               !why.empty()) {
        lose(option, Lost::Unfit, std::move(why));
    } else {
        return true;
    }
    return false;
}

bool isHard(const Frame& frame, const catalog::Model& model)
{
    return frame.input.budget(ledger::Target{model.provider, model.name, model.tier}).hasHardPool();
}

/// Our name for a tool that a provider runs, by which its fee is listed; empty: not known.
std::string_view feeNameOf(std::string_view tool)
{
    struct Word {
        std::string_view part;
        std::string_view name;
    };
    // The first that is found in the client's word counts.
    static constexpr std::array words{
        Word{"web_search", catalog::toolWebSearch},
        Word{"webSearch", catalog::toolWebSearch},
        Word{"google_search", catalog::toolWebSearch},
        Word{"googleSearch", catalog::toolWebSearch},
        Word{"code_execution", catalog::toolCodeExecution},
        Word{"codeExecution", catalog::toolCodeExecution},
        Word{"code_interpreter", catalog::toolCodeExecution},
        Word{"file_search", catalog::toolFileSearch},
        Word{"fileSearch", catalog::toolFileSearch},
        Word{"web_fetch", catalog::toolWebFetch},
        Word{"url_context", catalog::toolWebFetch},
        Word{"urlContext", catalog::toolWebFetch},
        Word{"google_maps", catalog::toolMaps},
        Word{"googleMaps", catalog::toolMaps},
        Word{"computer", catalog::toolComputerUse},
        Word{"image_generation", catalog::toolImageGeneration},
    };
    for (const Word& word : words) {
        if (tool.find(word.part) != std::string_view::npos) {
            return word.name;
        }
    }
    return {};
}

/// The tools that this model's provider would run, in the client's words.
const std::vector<std::string>& hostedTools(const Frame& frame, const catalog::Model& model)
{
    static const std::vector<std::string> none;
    const bool left = frame.input.leavesOutHosted && frame.input.leavesOutHosted(model);
    return left ? none : frame.input.unseen.hostedTools;
}

/// Tools that run at the provider and sound are billed beside the text (ledger.md, "The bound").
bool extrasBounded(const Frame& frame, Option& option)
{
    const UnseenInput& unseen = frame.input.unseen;
    const auto& hosted = hostedTools(frame, *option.model);
    if ((hosted.empty() && !unseen.audioOut) || !isHard(frame, *option.model)) {
        return true;
    }
    if (!hosted.empty() && !unseen.hostedUsesMax) {
        lose(option, Lost::NoTools,
            "The tools that the provider runs have no limit of uses in this request, and a hard "
            "pool applies. "
                + unseen.limitRemedy);
        return false;
    }
    for (const std::string& tool : hosted) {
        const auto name = feeNameOf(tool);
        if (name.empty() || (option.sheet != nullptr && !option.sheet->perTool.contains(name))) {
            lose(option, Lost::NoTools,
                "The price list has no fee for the tool \"" + tool
                    + "\", which the provider runs, and a hard pool applies. Leave it out, or "
                    + (name == catalog::toolWebSearch ? "set its fee with `headgate models set "
                                + option.model->id() + " --web-search DOLLARS`."
                                                      : "import a price list that names it."));
            return false;
        }
    }
    if (unseen.audioOut && option.sheet != nullptr && !option.sheet->outputAudio) {
        lose(option, Lost::NoAudio,
            "The price list has no price for audio that it speaks, and a hard pool applies.");
        return false;
    }
    return true;
}

/// Hard pools want a published maximum for every part (ledger.md, "The bound").
bool partsBounded(const Frame& frame, Option& option)
{
    const Facts& facts = *frame.input.facts;
    const catalog::Model& model = *option.model;
    if (facts.images + facts.audio + facts.files == 0 || !isHard(frame, model)) {
        return true;
    }
    if (facts.images > 0 && !catalog::imageTokensMax(model)) {
        lose(option, Lost::NoImages,
            "No published maximum cost of an image is known, and a hard pool applies.");
        return false;
    }
    if (facts.audio > 0) {
        lose(option, Lost::NoAudio,
            "No published maximum cost of audio is known, and a hard pool applies.");
        return false;
    }
    if (facts.files > 0) {
        lose(option, Lost::NoFiles,
            "No published maximum cost of a file is known, and a hard pool applies.");
        return false;
    }
    return true;
}

/// What the catalog says a model can do. An explicitly named model is taken at the client's word:
/// the catalog may be behind the provider.
bool able(const Frame& frame, Option& option)
{
    const Facts& facts = *frame.input.facts;
    const catalog::Capabilities& can = option.model->can;
    if (frame.isExplicit) {
        return partsBounded(frame, option) && extrasBounded(frame, option);
    }
    if (facts.tools > 0 && !can.tools) {
        lose(option, Lost::NoTools, "It cannot call tools.");
    } else if (facts.images > 0 && !can.images) {
        lose(option, Lost::NoImages, "It cannot read images.");
    } else if (facts.audio > 0 && !can.audio) {
        lose(option, Lost::NoAudio, "It cannot hear audio.");
    } else if (facts.jsonSchema && !can.jsonSchema) {
        lose(option, Lost::NoJsonSchema, "It cannot follow a JSON schema.");
    } else if (frame.input.logprobs && frame.someLogprobs && !can.logprobs) {
        lose(option, Lost::NoLogprobs, "It returns no log-probabilities.");
    } else {
        return partsBounded(frame, option) && extrasBounded(frame, option);
    }
    return false;
}

void setCeilings(const Frame& frame, Option& option)
{
    const PlanInput& input = frame.input;
    if (input.embedding) {
        option.floor = 0;
        return;
    }
    const catalog::Model& model = *option.model;
    const std::int64_t modelMax = model.maxOutputTokens > 0 ? model.maxOutputTokens : tokensMost;
    std::optional<std::int64_t> ruleMax;
    if (frame.rule != nullptr) {
        ruleMax = frame.rule->outputCeiling;
    }
    // A client's own number stands up to the rule's; the policy's is only for those that name none.
    const std::int64_t asked = input.clientMaxTokens
        ? std::min(*input.clientMaxTokens, ruleMax.value_or(tokensMost))
        : ruleMax.value_or(input.policy->outputCeiling);
    option.wish = std::max<std::int64_t>(1, std::min({asked, modelMax, tokensMost}));
    option.floor
        = std::min(option.wish, std::max<std::int64_t>(1, input.policy->leastUsefulOutput));
    option.usual = std::max(option.floor, std::min(option.wish, usualOutput(*input.facts, model)));
}

std::int64_t contextOf(const catalog::Model& model)
{
    return model.contextTokens > 0 ? model.contextTokens : contextUnknownTokens;
}

/// Each use of a hosted tool is another turn of the model, which may read its whole context again.
void addUnseen(const Frame& frame, Option& option)
{
    const UnseenInput& unseen = frame.input.unseen;
    const std::int64_t context = contextOf(*option.model);
    std::int64_t& input = option.candidate.inputTokens;
    if (unseen.wholeContext) {
        input = std::max(input, context);
    }
    if (!hostedTools(frame, *option.model).empty()) {
        constexpr std::int64_t usesMost = 10'000;
        const std::int64_t uses
            = std::clamp<std::int64_t>(unseen.hostedUsesMax.value_or(1), 0, usesMost);
        const std::int64_t turns
            = context > tokensMost / (uses + 1) ? tokensMost : context * (uses + 1);
        input = std::max(input, turns);
    }
}

bool fitsContext(Option& option)
{
    const std::int64_t context = contextOf(*option.model);
    const std::int64_t room = context - option.candidate.inputTokens;
    if (room < option.floor) {
        lose(option, Lost::ContextTooSmall,
            "The input of up to " + std::to_string(option.candidate.inputTokens)
                + " tokens leaves no room in its context of " + std::to_string(context) + ".");
        return false;
    }
    option.wish = std::min(option.wish, room);
    option.usual = std::min(option.usual, option.wish);
    return true;
}

catalog::BoundOptions boundOptions(const Frame& frame, const Option& option)
{
    const catalog::Model& model = *option.model;
    const catalog::PriceSheet& sheet = *option.sheet;
    catalog::BoundOptions options;
    options.serviceTier = frame.input.serviceTier;
    options.audio = frame.input.facts->audio > 0 || frame.input.unseen.audioOut;
    options.images = frame.input.facts->images > 0;
    options.imagesInMax = frame.input.facts->images;
    const std::int64_t uses
        = std::max<std::int64_t>(0, frame.input.unseen.hostedUsesMax.value_or(1));
    for (const std::string& tool : hostedTools(frame, model)) {
        const auto name = feeNameOf(tool);
        // Without a hard pool a fee may be unknown: then nothing bounds it.
        if (name == catalog::toolWebSearch && sheet.perTool.contains(name)) {
            options.webSearchesMax = uses;
        } else if (sheet.perTool.contains(name)) {
            options.toolCallsMax[std::string(name)] = uses;
        }
    }
    return options;
}

/// Nothing when the sum does not fit into money: no pool can pay that.
std::optional<Money> boundAt(const Frame& frame, const Option& option, std::int64_t ceiling)
{
    const std::int64_t choices = std::max<std::int64_t>(1, frame.input.choices);
    if (ceiling > std::numeric_limits<std::int64_t>::max() / choices) {
        return std::nullopt;
    }
    const Result<Money> bound = catalog::boundOfRequest(option.candidate.inputTokens,
        choices * ceiling, *option.sheet, boundOptions(frame, option));
    return bound ? std::optional<Money>(*bound) : std::nullopt;
}

/// The largest ceiling up to the wish that `money` can pay; below the floor when it cannot pay.
std::int64_t affordableCeiling(const Frame& frame, const Option& option, Money money)
{
    if (const std::optional<Money> whole = boundAt(frame, option, option.wish);
        whole && *whole <= money) {
        return option.wish;
    }
    const std::int64_t input = option.candidate.inputTokens;
    const Result<catalog::BoundPrices> prices
        = catalog::boundPrices(input, *option.sheet, boundOptions(frame, option));
    if (!prices) {
        return cannotPay;
    }
    CostSum fixedPart;
    fixedPart.add(input, prices->input);
    fixedPart.add(prices->fixed);
    const Result<Money> fixed = fixedPart.total();
    if (!fixed || *fixed > money) {
        return cannotPay;
    }
    const std::int64_t choices = std::max<std::int64_t>(1, frame.input.choices);
    std::int64_t ceiling = std::min(
        option.wish, tokensAffordable(money.minusSaturated(*fixed), prices->output) / choices);
    // The bound is rounded once, its parts were rounded here: the last token may be one too many.
    for (int step = 0; step < 2 && ceiling > 0; ++step) {
        const std::optional<Money> bound = boundAt(frame, option, ceiling);
        if (bound && *bound <= money) {
            return ceiling;
        }
        --ceiling;
    }
    return cannotPay;
}

ledger::Denial denialOf(const ledger::BudgetLine& line, Money asked, bool waiting)
{
    ledger::Denial denial;
    denial.reason = line.frozen                         ? ledger::DenialReason::Frozen
        : line.scope.kind == ledger::ScopeKind::Request ? ledger::DenialReason::RequestCeiling
        : waiting                                       ? ledger::DenialReason::InFlight
                                                        : ledger::DenialReason::CapReached;
    denial.pool = line.pool;
    denial.poolName = line.poolName;
    denial.accountValue = line.accountValue;
    denial.cap = line.cap;
    denial.settled = line.settled;
    denial.held = line.held;
    denial.asked = asked;
    denial.resetsAtUs = line.resetsAtUs;
    denial.zone = line.zone;
    return denial;
}

/// The account that cannot pay, one that waiting does not help before one that it would.
void deny(Option& option, const ledger::BudgetView& view, Money needed)
{
    const ledger::BudgetLine* worst = nullptr;
    bool worstWaits = true;
    for (const ledger::BudgetLine& line : view.lines) {
        if (!line.frozen && (!line.hard || line.available() >= needed)) {
            continue;
        }
        const bool waits = !line.frozen && line.cap.minusSaturated(line.settled) >= needed;
        const bool worse = worst == nullptr || (worstWaits && !waits)
            || (worstWaits == waits && line.available() < worst->available());
        if (worse) {
            worst = &line;
            worstWaits = waits;
        }
    }
    if (worst != nullptr) {
        option.waiting = worstWaits;
        option.denial = denialOf(*worst, needed, worstWaits);
    }
}

} // namespace

bool isUsable(const catalog::Provider& provider)
{
    return provider.simulated || provider.hasKey || !provider.extraKeys.empty()
        || !provider.needsKey || isLoopback(provider.baseUrl);
}

bool hasRealProvider(const catalog::Catalog& catalog, bool embedding)
{
    return std::any_of(
        catalog.models.begin(), catalog.models.end(), [&](const catalog::Model& model) {
            const catalog::Provider* provider = catalog.provider(model.provider);
            return provider != nullptr && !provider->simulated && provider->enabled
                && isUsable(*provider) && model.enabled && model.embedding == embedding;
        });
}

std::int64_t usualOutput(const Facts& facts, const catalog::Model& model)
{
    const std::int64_t asLong = std::clamp<std::int64_t>(facts.lastUserTokens, 30, 4'000);
    std::int64_t tokens = 120;
    switch (facts.task) {
    case TaskType::Classification:
        tokens = 12;
        break;
    case TaskType::Extraction:
        tokens = 150;
        break;
    case TaskType::Formatting:
    case TaskType::Translation:
        tokens = asLong;
        break;
    case TaskType::Summarisation:
    case TaskType::QuestionAnswering:
        tokens = 250;
        break;
    case TaskType::Writing:
        tokens = 700;
        break;
    case TaskType::CodeGeneration:
        tokens = 900;
        break;
    case TaskType::CodeExplanation:
        tokens = 500;
        break;
    case TaskType::CodeFix:
        tokens = 700;
        break;
    case TaskType::Maths:
        tokens = 500;
        break;
    case TaskType::Reasoning:
        tokens = 900;
        break;
    case TaskType::ToolRouting:
        tokens = 100;
        break;
    case TaskType::Chat:
        tokens = 120;
        break;
    }
    return model.can.reasoning ? tokens + reasoningTokens : tokens;
}

Money expectedCost(const Frame& frame, const Option& option)
{
    catalog::Usage usage;
    usage.inputUncached = option.candidate.inputTokens;
    usage.output = option.usual * std::max<std::int64_t>(1, frame.input.choices);
    const Result<catalog::Cost> cost = catalog::costOfUsage(usage, *option.sheet);
    return cost ? cost->total : Money::fromNano(std::numeric_limits<std::int64_t>::max());
}

Option makeOption(const Frame& frame, const catalog::Model& model, bool asked)
{
    Option option;
    option.model = &model;
    option.sheet = model.priceAt(frame.input.nowUs);
    option.candidate.model = model.id();
    option.candidate.tier = model.tier;
    if (!available(frame, option) || !able(frame, option)) {
        return option;
    }
    const InputTokens text = frame.input.inputTokens(model);
    option.candidate.inputEstimate = text.estimate;
    option.candidate.inputTokens = text.atMost;
    option.candidate.inputTokens
        += frame.input.facts->images * catalog::imageTokensMax(model).value_or(0);
    option.candidate.inputTokens += frame.input.unseen.tokens;
    setCeilings(frame, option);
    option.candidate.outputCeiling = option.wish;
    // A list of embeddings is many inputs, each with a context of its own.
    if (!frame.input.embedding && !fitsContext(option)) {
        return option;
    }
    addUnseen(frame, option);
    option.candidate.outputCeiling = option.wish;
    const auto& hosted = hostedTools(frame, model);
    const bool searches = std::any_of(hosted.begin(), hosted.end(),
        [](const std::string& tool) { return feeNameOf(tool) == catalog::toolWebSearch; });
    const bool searchUnpriced = option.sheet != nullptr && searches
        && !option.sheet->perTool.contains(catalog::toolWebSearch);
    if (searchUnpriced) {
        option.sheet = nullptr; // a fee that is not known is no fee of $0
    }
    if (option.sheet == nullptr) {
        lose(option, Lost::Unpriced,
            searchUnpriced ? "The price list has no fee for its web searches."
                           : "It has no price.");
        // Capable all the same: without a hard pool a client may name it.
        option.capable = asked;
        return option;
    }
    option.candidate.expected = expectedCost(frame, option);
    option.capable = true;
    return option;
}

void fitMoney(const Frame& frame, Option& option)
{
    if (option.fit != Fit::Unknown || option.sheet == nullptr) {
        return;
    }
    const catalog::Model& model = *option.model;
    const ledger::BudgetView view
        = frame.input.budget(ledger::Target{model.provider, model.name, model.tier});
    const Money most = Money::fromNano(std::numeric_limits<std::int64_t>::max());
    const Money money = view.tightest().value_or(most);
    // A frozen pool pays for nothing, not even for a free model; nor does one that only watches.
    const bool frozen = std::any_of(view.lines.begin(), view.lines.end(),
        [](const ledger::BudgetLine& line) { return line.frozen; });
    const std::int64_t ceiling = frozen ? cannotPay : affordableCeiling(frame, option, money);
    if (ceiling < option.floor) {
        const Money needed = boundAt(frame, option, option.floor).value_or(most);
        option.fit = Fit::None;
        option.candidate.outputCeiling = option.floor;
        option.candidate.bound = needed;
        deny(option, view, needed);
        return;
    }
    option.fit = ceiling >= option.usual ? Fit::Full : Fit::Shrunk;
    option.candidate.outputCeiling = ceiling;
    option.candidate.bound = boundAt(frame, option, ceiling).value_or(most);
}

} // namespace headgate::routing
