// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/token_count.h"

#include "core/base/limits.h"
#include "core/proxy/asio.h"
#include "core/proxy/identity.h"
#include "core/proxy/prompt_tokens.h"
#include "core/proxy/provider_error.h"
#include "core/proxy/provider_headers.h"
#include "core/proxy/upstream_route.h"
#include "core/wire/codec.h"
#include "core/wire/count_tokens.h"
#include "core/wire/gemini_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

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
    [[nodiscard]] const catalog::Provider* providerToAsk() const;
    asio::awaitable<bool> ask(const catalog::Provider& provider);
    asio::awaitable<bool> readAll(std::string& body);
    asio::awaitable<bool> refuse(Refusal refusal);
    [[nodiscard]] std::string countHere() const;

    ExchangeEnv m_env;
    ExchangeRequest m_request;
    ClientStream& m_client;
    const wire::Codec& m_codec;
    wire::RequestView m_view;
    const catalog::Model* m_model = nullptr;
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
        && (provider->hasKey || !provider->extraKeys.empty() || !provider->needsKey)
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

/// False: the provider gave no usable answer, and the client none yet.
asio::awaitable<bool> TokenCount::ask(const catalog::Provider& provider)
{
    wire::RequestEdits edits;
    edits.model = m_model->name;
    auto body = m_codec.edit(m_request.body, m_view, edits);
    if (!body) {
        co_return false;
    }
    UpstreamKeys keys;
    if (const auto it = m_env.config->providerKeys.find(provider.name);
        it != m_env.config->providerKeys.end() && !it->second.empty()) {
        keys.key = it->second.front().secret; // counting costs nothing: no turns are taken
    } else if (provider.hasKey) {
        co_return false; // its key is out of reach
    }
    if (const auto it = m_env.config->proxyAuth.find(provider.name);
        it != m_env.config->proxyAuth.end()) {
        keys.proxyAuth = it->second;
    }
    deadlineMs = m_env.sweeper.in(limits::tokenCountTimeoutMs);
    auto call = co_await m_env.upstream.connect(provider, std::move(keys));
    if (!call || m_cancelled) {
        co_return false;
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
        co_return false;
    }
    auto head = co_await m_call->readHead();
    std::string text;
    const bool whole = head && co_await readAll(text);
    deadlineMs = 0;
    if (!whole || m_cancelled || head->status < 200 || head->status >= 300) {
        co_return false;
    }
    Reply reply;
    if (const auto id = upstreamIdOf(head->headers); !id.empty()) {
        reply.headers.emplace_back("x-headgate-upstream-request-id", id);
    }
    reply.body = std::move(text);
    co_await m_client.reply(std::move(reply));
    co_return true;
}

asio::awaitable<bool> TokenCount::run()
{
    if (auto refusal = read()) {
        co_return co_await refuse(std::move(*refusal));
    }
    if (const auto* provider = providerToAsk()) {
        const bool answered = co_await ask(*provider);
        if (answered || m_client.gone()) {
            co_return false;
        }
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
