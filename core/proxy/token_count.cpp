// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/token_count.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/asio.h"
#include "core/proxy/identity.h"
#include "core/proxy/prompt_tokens.h"
#include "core/proxy/provider_error.h"
#include "core/proxy/provider_headers.h"
#include "core/proxy/provider_keys.h"
#include "core/proxy/upstream_route.h"
#include "core/wire/codec.h"
#include "core/wire/count_tokens.h"
#include "core/wire/gemini_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace headgate::proxy {

namespace asio = boost::asio;
using wire::Refusal;
using wire::RefusalKind;

namespace {

/// A count is an answer of a few bytes; more is no count.
constexpr std::size_t countBytesMax = 64 * 1024;
/// What a large image costs at most vendors; a count is a guess for those who plan.
constexpr std::int64_t tokensPerImage = 1'500;

class TokenCount final : public Sweepable {
public:
    TokenCount(ExchangeEnv env, ExchangeRequest request, ClientStream& client)
        : m_env(std::move(env)),
          m_request(std::move(request)),
          m_client(client),
          m_codec(wire::codecOf(m_request.path.dialect))
    {
        m_env.sweeper.add(*this);
        m_client.setOnGone([this] { cancel(); });
    }
    ~TokenCount() override { m_client.setOnGone({}); }

    asio::awaitable<bool> run();

    void onDeadline() override { cancel(); }
    void onShutdown() override { cancel(); }

private:
    void cancel()
    {
        m_cancelled = true;
        deadlineMs = 0;
        if (m_call) {
            m_call->cancel();
        }
    }
    [[nodiscard]] std::optional<Refusal> read();
    enum class Asked { Answered, AnotherKey, Failed };
    [[nodiscard]] const catalog::Provider* providerToAsk() const;
    /// The key whose turn it is, once each. False: none is left, or the provider is not well.
    [[nodiscard]] bool takeKey(const catalog::Provider& provider);
    asio::awaitable<bool> askWithEachKey(const catalog::Provider& provider);
    asio::awaitable<Asked> ask(const catalog::Provider& provider);
    [[nodiscard]] Asked afterError(
        const catalog::Provider& provider, const UpstreamHead& head, const std::string& body);
    asio::awaitable<bool> readAll(std::string& body);
    asio::awaitable<bool> refuse(Refusal refusal);
    [[nodiscard]] std::string countHere() const;

    ExchangeEnv m_env;
    ExchangeRequest m_request;
    ClientStream& m_client;
    const wire::Codec& m_codec;
    wire::RequestView m_view;
    const catalog::Model* m_model = nullptr;
    ProviderHealth::Call m_healthCall;
    ProviderKey m_key;
    std::set<std::string> m_tried; ///< keys by fingerprint
    std::unique_ptr<UpstreamCall> m_call;
    bool m_cancelled = false;
};

std::optional<Refusal> TokenCount::read()
{
    Refusal refusal;
    auto view = m_request.path.dialect == wire::Dialect::Gemini
        ? wire::readGeminiCountTokens(m_request.body, m_request.path.request)
        : wire::readCountTokens(m_request.body);
    if (!view) {
        refusal.kind = RefusalKind::BadRequest;
        refusal.message = view.error().text();
        return refusal;
    }
    m_view = std::move(*view);
    m_model = m_env.config->catalog.model(m_view.model);
    const bool isAuto = m_view.model == "auto" || m_view.model.starts_with("auto:");
    if (m_model == nullptr && !isAuto) {
        refusal.kind = RefusalKind::NotFound;
        refusal.message = "There is no model \"" + printable(m_view.model, 128)
            + "\" here. GET /v1/models lists the models that are.";
        return refusal;
    }
    return std::nullopt;
}

const catalog::Provider* TokenCount::providerToAsk() const
{
    if (m_model == nullptr || !m_model->enabled || m_env.config->paused) {
        return nullptr;
    }
    const auto* provider = m_env.config->catalog.provider(m_model->provider);
    const bool speaks = provider != nullptr && provider->enabled && !provider->simulated
        && (hasKeys(*provider) || !provider->needsKey)
        && upstreamDialectOf(*provider, m_request.path.dialect) == m_request.path.dialect;
    return speaks ? provider : nullptr;
}

std::string TokenCount::countHere() const
{
    const auto family = m_model != nullptr ? m_model->tokenizer : std::string("o200k_base");
    const auto tokens = promptTokens(m_view, family, tokensPerImage).tokens;
    return m_request.path.dialect == wire::Dialect::Gemini ? wire::writeGeminiTokenCount(tokens)
                                                           : wire::writeCountTokens(tokens);
}

asio::awaitable<bool> TokenCount::refuse(Refusal refusal)
{
    auto written = m_codec.writeRefusal(refusal);
    Reply reply;
    reply.status = written.status;
    reply.headers = std::move(written.headers);
    reply.body = std::move(written.body);
    co_await m_client.reply(std::move(reply));
    co_return true;
}

asio::awaitable<bool> TokenCount::readAll(std::string& body)
{
    for (;;) {
        const auto piece = co_await m_call->readBody(body);
        if (!piece || body.size() > countBytesMax) {
            co_return false;
        }
        if (!*piece) {
            co_return true;
        }
    }
}

bool TokenCount::takeKey(const catalog::Provider& provider)
{
    if (keysOutOfReach(*m_env.config, provider)) {
        return false;
    }
    const auto& keys = keysOf(*m_env.config, provider.name);
    const auto isNew
        = [this](const ProviderKey& key) { return !m_tried.contains(key.fingerprint); };
    m_healthCall = {};
    if (m_env.health != nullptr) {
        auto begun = m_env.health->begin(*m_env.config, provider, m_model->name, false);
        if (!begun) {
            return false; // not well: a count is not worth a try
        }
        m_healthCall = std::move(*begun);
        m_key = m_healthCall.key();
    } else {
        m_key = keys.front();
    }
    if (!isNew(m_key)) {
        const auto next = std::find_if(keys.begin(), keys.end(), isNew);
        if (next == keys.end()) {
            return false;
        }
        m_healthCall = {};
        m_key = *next;
    }
    m_tried.insert(m_key.fingerprint);
    return true;
}

/// Only what is true of answers, too, is remembered: counts have rate limits of their own, and some
/// servers fail at nothing but them.
TokenCount::Asked TokenCount::afterError(
    const catalog::Provider& provider, const UpstreamHead& head, const std::string& body)
{
    ProviderAnswer answer{provider.name, head, body};
    answer.upstream = m_request.path.dialect;
    answer.client = m_request.path.dialect;
    answer.nowUs = m_env.clock.nowUs();
    auto error = readProviderError(answer);
    const auto end = error.outcome.end;
    const bool ofTheKey = end == CallEnd::KeyRefused || end == CallEnd::Exhausted;
    m_healthCall.end(ofTheKey ? std::move(error.outcome) : CallOutcome());
    return ofTheKey || end == CallEnd::RateLimited ? Asked::AnotherKey : Asked::Failed;
}

/// False: no key brought a usable answer, and the client has none yet.
asio::awaitable<bool> TokenCount::askWithEachKey(const catalog::Provider& provider)
{
    for (int i = 0; i <= limits::fallbacksMax && !m_cancelled; ++i) {
        if (!takeKey(provider)) {
            co_return false;
        }
        const auto asked = co_await ask(provider);
        m_call.reset();
        if (asked != Asked::AnotherKey) {
            co_return asked == Asked::Answered;
        }
    }
    co_return false;
}

asio::awaitable<TokenCount::Asked> TokenCount::ask(const catalog::Provider& provider)
{
    wire::RequestEdits edits;
    edits.model = m_model->name;
    auto body = m_codec.edit(m_request.body, m_view, edits);
    if (!body) {
        co_return Asked::Failed;
    }
    UpstreamKeys keys;
    keys.key = m_key.secret;
    if (const auto it = m_env.config->proxyAuth.find(provider.name);
        it != m_env.config->proxyAuth.end()) {
        keys.proxyAuth = it->second;
    }
    deadlineMs = m_env.sweeper.in(limits::tokenCountTimeoutMs);
    auto call = co_await m_env.upstream.connect(provider, std::move(keys));
    if (!call && !m_cancelled && !call.error().ours) {
        CallOutcome outcome;
        outcome.end = CallEnd::Unreachable;
        outcome.words = log::redacted(call.error().message);
        m_healthCall.end(std::move(outcome));
    }
    if (!call || m_cancelled) {
        co_return Asked::Failed;
    }
    m_call = std::move(*call);
    UpstreamRoute route{m_request.path.dialect, CallKind::CountTokens, m_model->name, false,
        queryValue(m_request.head.target, "beta") == "true"};
    UpstreamRequest request;
    request.path = upstreamPathOf(provider, route);
    request.headers = providerHeaders(m_request.head, {route.dialect, true, false});
    request.body = std::move(*body);
    const auto sent = co_await m_call->send(std::move(request));
    if (!sent) {
        co_return Asked::Failed;
    }
    auto head = co_await m_call->readHead();
    std::string text;
    const bool whole = head && co_await readAll(text);
    deadlineMs = 0;
    if (!whole || m_cancelled) {
        co_return Asked::Failed;
    }
    if (head->status < 200 || head->status >= 300) {
        co_return afterError(provider, *head, text);
    }
    Reply reply;
    if (const auto id = upstreamIdOf(head->headers); !id.empty()) {
        reply.headers.emplace_back("x-headgate-upstream-request-id", id);
    }
    reply.body = std::move(text);
    if (m_env.counts != nullptr) {
        m_env.counts->byProvider.fetch_add(1);
    }
    co_await m_client.reply(std::move(reply));
    co_return Asked::Answered;
}

asio::awaitable<bool> TokenCount::run()
{
    if (auto refusal = read()) {
        co_return co_await refuse(std::move(*refusal));
    }
    if (const auto* provider = providerToAsk()) {
        const bool answered = co_await askWithEachKey(*provider);
        if (answered || m_client.gone()) {
            co_return false;
        }
    }
    if (m_env.counts != nullptr) {
        m_env.counts->here.fetch_add(1);
    }
    Reply reply;
    reply.body = countHere();
    co_await m_client.reply(std::move(reply));
    co_return false;
}

} // namespace

asio::awaitable<bool> runTokenCount(ExchangeEnv env, ExchangeRequest request, ClientStream& client)
{
    const auto count = std::make_unique<TokenCount>(std::move(env), std::move(request), client);
    const bool refused = co_await count->run();
    co_return refused;
}

} // namespace headgate::proxy
