// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/client.h"

#include "core/proxy/asio.h"
#include "tests/sim/prompts.h"

#include <algorithm>
#include <array>

namespace headgate::sim {

namespace asio = boost::asio;

namespace {

template <typename Array>
auto pick(const Array& from, Rng& rng)
{
    return from[rng.below(from.size())];
}

std::string tagKey(const std::string& tag)
{
    return tag.substr(0, tag.find(':'));
}

} // namespace

void ClientMix::drawWho(ClientRequest& request)
{
    request.key = &m_scenario.keys[m_rng.below(m_scenario.keys.size())];
    ledger::Identity& who = request.identity;
    who.team = request.key->team;
    who.key = request.key->name;
    who.user = request.key->user;
    if (who.user.empty() && m_rng.chancePermille(600)) {
        who.user = pick(std::array{"ann", "bob", "eve"}, m_rng);
    }
    if (m_rng.chancePermille(600)) {
        who.session = fmt::format("s{}", m_rng.between(1, 5));
    }
    const auto draw = m_rng.below(10);
    who.priority = draw == 0 ? ledger::Priority::High
        : draw == 1          ? ledger::Priority::Low
                             : ledger::Priority::Normal;
    who.tags = request.key->tags;
    if (!m_rng.chancePermille(150)) {
        return;
    }
    request.ownTag = "project:apollo";
    const bool isOwn = std::any_of(who.tags.begin(), who.tags.end(),
        [&](const std::string& own) { return tagKey(own) == tagKey(request.ownTag); });
    if (!isOwn) { // a key's own tag of the same name wins
        who.tags.push_back(request.ownTag);
    }
}

std::shared_ptr<ClientRequest> ClientMix::next(int number)
{
    auto request = std::make_shared<ClientRequest>();
    if (!m_named.empty() && m_scenario.strikes(Fault::RepeatedName, m_rng)) {
        const ClientRequest& first = *m_named[m_rng.below(m_named.size())];
        request->number = number;
        request->key = first.key;
        request->identity = first.identity;
        request->ownTag = first.ownTag;
        request->name = first.name;
        request->model = first.model;
        request->maxTokens = first.maxTokens;
        request->hasTools = first.hasTools;
        request->isStream = m_rng.chancePermille(500);
        write(*request, m_rng.between(3, m_scenario.promptWordsMax), true);
        return request;
    }
    request->number = number;
    drawWho(*request);
    request->isStream = m_rng.chancePermille(550);
    request->model = pick(std::array{"auto", "auto", "auto:cheap", "auto:best", "mini",
                              "alpha/large", "mid", "small", "gamma/frontier"},
        m_rng);
    if (m_scenario.isCalm) {
        request->model = pick(std::array{"mini", "small", "auto:cheap"}, m_rng);
    }
    if (m_rng.chancePermille(m_scenario.isCalm ? 700 : 450)) {
        request->maxTokens = m_rng.between(1, m_scenario.isCalm ? 80 : 600);
    }
    if (m_scenario.strikes(Fault::AbsurdMax, m_rng)) {
        request->maxTokens = pick(
            std::array<std::int64_t, 4>{1'000'000'000, 9'223'372'036'854'775'807, 1, 100'000},
            m_rng);
    }
    if (m_scenario.strikes(Fault::UnknownModel, m_rng)) {
        request->model = "no-such-model";
        request->isBad = true;
    }
    request->hasTools = !m_scenario.isCalm && m_rng.chancePermille(80);
    if (m_scenario.has(Fault::RepeatedName) && m_rng.chancePermille(400)) {
        request->name = fmt::format("name-{}", number);
        m_named.push_back(request);
    }
    write(*request, m_rng.between(3, m_scenario.promptWordsMax), true);
    return request;
}

std::shared_ptr<ClientRequest> ClientMix::probe(int number, const KeyOwner& key)
{
    auto request = std::make_shared<ClientRequest>();
    request->number = number;
    request->key = &key;
    request->identity.team = key.team;
    request->identity.key = key.name;
    request->identity.user = key.user;
    request->identity.tags = key.tags;
    request->identity.session = fmt::format("probe-{}", number);
    request->identity.priority = ledger::Priority::High;
    request->model = "mini";
    request->maxTokens = 20;
    write(*request, 5, false);
    return request;
}

void ClientMix::write(ClientRequest& request, std::int64_t words, bool mayBeBad)
{
    const std::string prompt = promptText(request.number, words, m_rng);
    std::string body = fmt::format(
        R"({{"model":"{}","messages":[{{"role":"user","content":"{}"}}])", request.model, prompt);
    if (request.maxTokens) {
        body += fmt::format(R"(,"{}":{})",
            m_rng.chancePermille(500) ? "max_tokens" : "max_completion_tokens", *request.maxTokens);
    }
    if (request.isStream) {
        body += R"(,"stream":true)";
        if (m_rng.chancePermille(300)) {
            body += R"(,"stream_options":{"include_usage":true})";
        }
    }
    if (mayBeBad && !m_scenario.isCalm && m_rng.chancePermille(60)) {
        body += R"(,"n":2)";
    }
    if (request.hasTools) {
        body += R"(,"tools":[{"type":"function","function":{"name":"look","parameters":{}}}])";
    }
    body += "}";
    if (mayBeBad && m_scenario.strikes(Fault::BadRequest, m_rng)) {
        request.isBad = true;
        body.resize(body.size() / 2);
    }
    std::string head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:4141\r\n"
                       "content-type: application/json\r\nuser-agent: sim/1.0\r\n";
    head += fmt::format("authorization: Bearer {}\r\n", request.key->secret);
    const ledger::Identity& who = request.identity;
    if (request.key->user.empty() && !who.user.empty()) {
        head += fmt::format("x-headgate-user: {}\r\n", who.user);
    }
    if (!who.session.empty()) {
        head += fmt::format("x-headgate-session: {}\r\n", who.session);
    }
    if (who.priority != ledger::Priority::Normal) {
        head += fmt::format(
            "x-headgate-priority: {}\r\n", who.priority == ledger::Priority::High ? "high" : "low");
    }
    if (!request.ownTag.empty()) {
        head += fmt::format("x-headgate-tags: {}\r\n", request.ownTag);
    }
    if (!request.name.empty()) {
        head += fmt::format("x-headgate-request-id: {}\r\n", request.name);
    }
    request.bytes = head + fmt::format("content-length: {}\r\n\r\n", body.size()) + body;
}

// --- ClientPipe

ClientPipe::ClientPipe(World& world, std::shared_ptr<ClientRequest> request, bool isSlow)
    : m_world(world),
      m_request(std::move(request)),
      m_isSlow(isSlow)
{
}

asio::awaitable<bool> ClientPipe::pass()
{
    if (m_isSlow && !m_isGone) {
        const std::int64_t us = m_world.rng.between(1'000, 4'000'000);
        co_await m_world.pause(us);
    }
    co_return !m_isGone;
}

asio::awaitable<bool> ClientPipe::reply(proxy::Reply reply)
{
    const bool isThere = co_await pass();
    if (!isThere) {
        co_return false;
    }
    m_request->status = reply.status;
    m_request->isEnded = true;
    m_request->body = std::move(reply.body);
    m_world.note("request {} is answered {} ({} bytes)", m_request->number, reply.status,
        m_request->body.size());
    co_return true;
}

asio::awaitable<bool> ClientPipe::startStream(proxy::Reply head)
{
    const bool isThere = co_await pass();
    if (!isThere) {
        co_return false;
    }
    m_request->status = head.status;
    m_world.note("request {} starts to get a stream", m_request->number);
    co_return true;
}

asio::awaitable<bool> ClientPipe::write(std::string_view bytes)
{
    const std::size_t size = bytes.size();
    const bool isThere = co_await pass();
    if (isThere) {
        m_request->streamBytes += size;
    }
    co_return isThere;
}

asio::awaitable<bool> ClientPipe::endStream()
{
    const bool isThere = co_await pass();
    if (isThere) {
        m_request->isEnded = true;
        m_world.note(
            "request {} has its stream of {} bytes", m_request->number, m_request->streamBytes);
    }
    co_return isThere;
}

void ClientPipe::setOnGone(std::function<void()> callback)
{
    m_onGone = std::move(callback);
    if (m_isGone && m_onGone) {
        const auto once = m_onGone;
        once();
    }
}

void ClientPipe::leave()
{
    if (m_isGone || m_request->isEnded) {
        return;
    }
    m_request->hasLeft = true;
    m_world.note("request {} is left by its client", m_request->number);
    die();
}

void ClientPipe::die()
{
    if (m_isGone) {
        return;
    }
    m_isGone = true;
    if (m_onGone) {
        const auto callback = m_onGone;
        callback();
    }
}

} // namespace headgate::sim
