// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/exchange_impl.h"

#include "core/base/limits.h"
#include "core/proxy/identity.h"
#include "core/proxy/provider_headers.h"
#include "core/wire/chat_request.h"
#include "core/wire/embeddings.h"
#include "core/wire/held_ids.h"

#include <fmt/format.h>

namespace headgate::proxy {

namespace {

/// Losses named in the decision; the rest is counted.
constexpr std::size_t lossesNamedMax = 4;

/// How a client names the limit that a hard pool needs for tools that the provider runs.
const char* usesRemedy(wire::Dialect dialect)
{
    switch (dialect) {
    case wire::Dialect::Anthropic:
        return "Set \"max_uses\" in each of them, or leave them out.";
    case wire::Dialect::Responses:
        return "Set \"max_tool_calls\", or leave them out.";
    case wire::Dialect::Chat:
    case wire::Dialect::Gemini:
    case wire::Dialect::Ollama:
        break;
    }
    return "Leave them out: this dialect has no field for such a limit.";
}

} // namespace

bool Exchange::rejectRequest(const Error& error)
{
    Refusal refusal;
    refusal.kind = RefusalKind::BadRequest;
    refusal.message = error.text();
    refusal.param = wire::offendingField(error);
    m_refusal = std::move(refusal);
    return false;
}

bool Exchange::readBody()
{
    auto view = m_kind == CallKind::Embeddings
        ? wire::readEmbeddings(m_request.body)
        : m_codec.readView(m_request.body, m_request.path.request);
    if (!view) {
        return rejectRequest(view.error());
    }
    m_view = std::move(*view);
    m_askedModel = m_view.model;
    m_keepsUsage = m_view.includeUsage.value_or(false);
    if (!findHeld()) {
        return false;
    }
    m_hosted = wire::hostedUsesOf(m_request.body, m_view);
    return true;
}

/// Whose is what the request goes on from? The provider knows one account only, and would show any
/// client of Headgate what another one said there.
bool Exchange::findHeld()
{
    if (m_request.path.dialect != wire::Dialect::Responses || m_view.heldContext.empty()
        || m_env.responses == nullptr) {
        return true;
    }
    const auto held = wire::heldIdsOf(m_request.body);
    const auto now = m_env.clock.nowUs();
    Refusal refusal;
    refusal.kind = RefusalKind::NotFound;
    if (!held.previousResponse.empty()) {
        m_pin = m_env.responses->find(responseName(m_request.key.id, held.previousResponse), now);
        if (!m_pin) { // of another key, too old, or never made: they all look the same
            refusal.param = "previous_response_id";
            refusal.message = fmt::format(
                "Previous response with id '{}' not found. Send the earlier items in full in "
                "\"input\", with \"store\": false.",
                printable(held.previousResponse, limits::nameBytesMax));
            m_refusal = std::move(refusal);
            return false;
        }
    }
    if (!held.conversation.empty()) {
        m_conversationName = conversationName(held.conversation);
        const auto pin = m_env.responses->find(m_conversationName, now);
        if (pin && pin->owner != m_request.key.id.value) {
            refusal.param = "conversation";
            refusal.message = fmt::format("Conversation with id '{}' not found.",
                printable(held.conversation, limits::nameBytesMax));
            m_refusal = std::move(refusal);
            return false;
        }
        m_pin = pin ? pin : m_pin;
    }
    if (m_pin && isAuto()) {
        m_askedModel = m_pin->model;
    }
    return true;
}

routing::UnseenInput Exchange::unseenInput() const
{
    routing::UnseenInput unseen;
    // A conversation grows behind our back; a response is as long as it was.
    const bool known = m_pin && m_pin->tokens >= 0 && m_view.heldContextIsResponse;
    unseen.tokens = known ? m_pin->tokens : 0;
    unseen.wholeContext = !m_view.heldContext.empty() && !known;
    unseen.hostedTools = m_view.hostedNames;
    unseen.hostedUsesMax = hostedUsesMax();
    unseen.limitRemedy = usesRemedy(m_request.path.dialect);
    unseen.audioOut = m_view.audioOut;
    return unseen;
}

std::optional<std::int64_t> Exchange::hostedUsesMax() const
{
    return m_hosted.unlimited > 0 ? m_hosted.with(m_uses) : m_view.hostedUsesMax;
}

bool Exchange::hardPoolAt(const catalog::Model& model) const
{
    ledger::Target target;
    target.provider = model.provider;
    target.model = model.name;
    target.tier = model.tier;
    return m_env.ledger.view(m_identity, target).hasHardPool();
}

/// Chat and Ollama have no tools that the provider runs: translating to them leaves those out.
bool Exchange::leavesOutHosted(const catalog::Model& model) const
{
    const auto* provider = m_config.catalog.provider(model.provider);
    if (provider == nullptr) {
        return false;
    }
    const auto upstream = upstreamDialectOf(*provider, m_request.path.dialect);
    return upstream != m_request.path.dialect
        && (upstream == wire::Dialect::Chat || upstream == wire::Dialect::Ollama);
}

/// Why a model cannot be asked this at all, whatever it costs.
std::string Exchange::whyUnfit(const catalog::Model& model) const
{
    if (const auto it = m_unfit.find(model.id()); it != m_unfit.end()) {
        return it->second;
    }
    const auto* provider = m_config.catalog.provider(model.provider);
    if (provider == nullptr) {
        return {};
    }
    if (m_kind == CallKind::Embeddings) {
        const bool serves = provider->simulated || provider->dialect == catalog::Dialect::OpenAi
            || provider->dialect == catalog::Dialect::Ollama;
        return serves ? "" : "Its provider makes no embeddings in OpenAI's way.";
    }
    const auto client = m_request.path.dialect;
    const auto upstream = upstreamDialectOf(*provider, client);
    if (!m_view.hostedNames.empty() && upstream == wire::Dialect::Gemini && client != upstream
        && hardPoolAt(model)) {
        return "Its provider's protocol has no limit for the tools that it runs, and a hard pool "
               "applies.";
    }
    if (m_view.heldContext.empty()) {
        return {};
    }
    if (m_pin && m_pin->provider != model.provider) {
        return fmt::format("What it continues is kept by the provider \"{}\".", m_pin->provider);
    }
    return upstream == client
        ? ""
        : "The request continues what only a provider of the same protocol keeps. Send the earlier "
          "items in full, with \"store\": false, instead of their ids.";
}

/// The body for the provider that was chosen. Errors: the request cannot be said in its dialect.
Result<void> Exchange::prepare()
{
    const auto client = m_request.path.dialect;
    m_upstream = m_kind == CallKind::Embeddings ? wire::Dialect::Chat
                                                : upstreamDialectOf(*m_provider, client);
    m_losses.clear();
    m_limitsUses = m_hosted.unlimited > 0 && !leavesOutHosted(*m_model) && hardPoolAt(*m_model);
    if (m_limitsUses) {
        m_plan.reason += fmt::format(" Limited to {} use{} of {}, because a hard pool applies.",
            m_uses, m_uses == 1 ? "" : "s",
            client == wire::Dialect::Responses ? "the tools that the provider runs"
                                               : "each tool that the provider runs");
    }
    auto body = m_upstream == client ? editedBody() : translatedBody();
    if (!body) {
        return body.error();
    }
    m_body = std::move(*body);
    return {};
}

Result<std::string> Exchange::editedBody() const
{
    if (m_kind == CallKind::Embeddings) {
        return wire::editEmbeddings(m_request.body, m_view, m_plan.modelName);
    }
    wire::RequestEdits edits;
    edits.model = m_plan.modelName;
    if (m_plan.outputCeiling > 0) {
        edits.outputCeiling = m_plan.outputCeiling;
    }
    edits.ceilingField = ceilingField();
    edits.injectUsage = m_view.stream && !m_keepsUsage && m_provider->injectUsage;
    auto body = m_codec.edit(m_request.body, m_view, edits);
    return body && m_limitsUses ? wire::limitHostedUses(*body, m_upstream, m_uses) : body;
}

Result<std::string> Exchange::translatedBody()
{
    if (!m_conversation) {
        auto read = m_codec.readRequest(m_request.body, m_request.path.request);
        if (!read) {
            return read.error();
        }
        m_conversation = std::make_unique<wire::Conversation>(std::move(*read));
    }
    wire::WriteOptions options;
    options.model = m_plan.modelName;
    if (m_plan.outputCeiling > 0) {
        options.outputCeiling = m_plan.outputCeiling;
    }
    options.stream = m_view.stream;
    options.injectUsage = m_provider->injectUsage;
    options.ceilingField = ceilingField();
    options.reasoningModel = m_model->can.reasoning;
    const auto& codec = wire::codecOf(m_upstream);
    const auto uses = m_limitsUses || m_view.hostedUsesMax ? hostedUsesMax() : std::nullopt;
    if (m_view.hostedTools > 0 && uses) { // what bounds the hold has to bound the provider, too
        auto limited = *m_conversation;
        wire::limitHostedUses(limited, *uses);
        return codec.writeRequest(limited, options, m_losses);
    }
    return codec.writeRequest(*m_conversation, options, m_losses);
}

/// OpenAI's reasoning models refuse max_tokens; many compatible servers ignore the newer name, and
/// a ceiling that is ignored is no ceiling.
std::string Exchange::ceilingField() const
{
    const bool newName = m_provider->simulated || catalog::isOpenAiItself(*m_provider);
    return newName ? "max_completion_tokens" : m_provider->ceilingField;
}

UpstreamRequest Exchange::upstreamRequest()
{
    const bool same = m_upstream == m_request.path.dialect;
    UpstreamRoute route;
    route.dialect = m_upstream;
    route.kind = m_kind;
    route.model = m_plan.modelName;
    route.stream = m_view.stream;
    route.beta = same && queryValue(m_request.head.target, "beta") == "true";
    UpstreamRequest request;
    request.path = upstreamPathOf(*m_provider, route);
    request.stream = m_view.stream;
    request.body = std::move(m_body);
    request.headers = providerHeaders(m_request.head, {m_upstream, same, m_view.stream});
    return request;
}

wire::AnswerContext Exchange::answerContext() const
{
    wire::AnswerContext context;
    context.model = m_plan.modelName;
    context.id = activity::decisionIdText(m_decision.id);
    context.nowS = m_request.atUs / usPerSecond;
    context.includeUsage = m_keepsUsage;
    context.generate = m_request.path.request.generate;
    context.jsonArray = m_request.path.arrayStream;
    context.inputTokens = chosenInput();
    context.request = m_conversation.get();
    return context;
}

/// What the record says about the way there: another protocol, and what it could not carry.
std::string Exchange::wireNote() const
{
    if (m_decision.attempts.empty() || m_upstream == m_request.path.dialect
        || m_kind == CallKind::Embeddings) {
        return {};
    }
    auto note = fmt::format(" Translated from {} to {}", wire::dialectName(m_request.path.dialect),
        wire::dialectName(m_upstream));
    for (std::size_t i = 0; i < m_losses.size() && i < lossesNamedMax; ++i) {
        note += (i == 0 ? "; left out: " : ", ") + printable(m_losses[i], 80);
    }
    if (m_losses.size() > lossesNamedMax) {
        note += fmt::format(" and {} more", m_losses.size() - lossesNamedMax);
    }
    return note + ".";
}

} // namespace headgate::proxy
