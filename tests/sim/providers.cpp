// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/providers.h"

#include "core/proxy/asio.h"
#include "core/tokens/tokens.h"
#include "tests/sim/prompts.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <limits>

namespace headgate::sim {

namespace asio = boost::asio;
using proxy::UpstreamError;
using proxy::UpstreamPhase;

namespace {

/// What a provider may have produced but not handed over when it cuts its own answer: less than the
/// slack that Headgate adds to what was delivered.
constexpr std::int64_t undeliveredMax = 40;

std::int64_t numberOf(const boost::json::object& object, const char* name, std::int64_t otherwise)
{
    const auto* value = object.if_contains(name);
    if (value == nullptr) {
        return otherwise;
    }
    boost::system::error_code ec;
    const auto number = value->to_number<std::int64_t>(ec);
    return ec ? otherwise : number;
}

/// The same sum as on a provider's invoice: exact, rounded up once.
Money invoice(const ProviderCall& call, const catalog::PriceSheet& sheet)
{
    __extension__ typedef __int128 Wide;
    const auto pico = [](const std::optional<Price>& price) {
        return static_cast<Wide>(price ? price->pico() : 0);
    };
    const Wide sum = (call.inputTokens - call.cachedTokens) * pico(sheet.input)
        + call.cachedTokens * pico(sheet.cacheRead ? sheet.cacheRead : sheet.input)
        + call.outputTokens * pico(sheet.output) + static_cast<Wide>(sheet.perCall.nano()) * 1'000;
    return Money::fromNano(static_cast<std::int64_t>((sum + 999) / 1'000));
}

std::string errorJson(int status)
{
    return fmt::format(
        R"({{"error":{{"message":"simulated failure","type":"sim_error","code":"{}"}}}})", status);
}

} // namespace

struct Providers::Job {
    ProviderCall call;
    std::shared_ptr<Channel> channel;
    catalog::PriceSheet sheet; ///< in force when the request arrived
    boost::json::object body;
    bool stream = false;
    bool includeUsage = false;
    std::int64_t choices = 1;
    std::int64_t ceiling = 0; ///< per choice
    std::int64_t total = 0; ///< output tokens over all choices
    std::int64_t hidden = 0; ///< of these: reasoning
    std::int64_t perStep = 1;
    std::int64_t stepUs = 0;
    std::int64_t cutAt = -1; ///< output tokens after which the provider breaks off
    std::int64_t silentFrom = -1; ///< output tokens after which nothing is handed over any more
    bool resets = false; ///< the line breaks before the answer, the provider goes on
    std::int64_t delivered = 0; ///< words
    std::int64_t tokensPerMille = 1'000; ///< of words
    int usageFrames = 1; ///< 0: left out
    bool headSent = false;
    std::string whole; ///< text of the answer when it is not streamed

    [[nodiscard]] std::string usage() const
    {
        return fmt::format(
            R"("usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
            R"("prompt_tokens_details":{{"cached_tokens":{}}}}})",
            call.inputTokens, call.outputTokens, call.inputTokens + call.outputTokens,
            call.cachedTokens);
    }
    void send(const std::string& bytes) const
    {
        if (!channel->isCut && !channel->isBroken) {
            channel->buffer += bytes;
            channel->event.set();
        }
    }
    void breakOff() const
    {
        channel->isBroken = true;
        channel->event.set();
    }
};

Providers::Providers(World& world, const Scenario& scenario, ProviderWatch& watch)
    : m_world(world),
      m_scenario(scenario),
      m_watch(watch)
{
    m_densityPerMille = world.rng.between(750, 1'200);
    for (const catalog::Model& model : scenario.models) {
        m_sheets[model.id()] = model.prices.front();
        m_tokenizers[model.id()] = model.tokenizer;
        m_reasons[model.id()] = model.can.reasoning;
        m_tokensPerMille[model.id()] = tokensPerThousandWords(model.tokenizer);
    }
}

Providers::~Providers() = default;

bool Providers::isIdle() const
{
    return m_open == 0;
}

bool Providers::strikes(Fault fault)
{
    return !m_behaves && m_scenario.strikes(fault, m_world.rng);
}

void Providers::setSheet(const std::string& model, const catalog::PriceSheet& sheet)
{
    m_sheets[model] = sheet;
}

void Providers::bill(Job& job)
{
    const Money total = invoice(job.call, job.sheet);
    const Money growth = total.minusSaturated(job.call.billed);
    job.call.billed = total;
    if (growth > Money()) {
        m_watch.onBilled(job.call, growth);
    }
}

void Providers::receive(const std::string& provider, const proxy::UpstreamRequest& request,
    const std::shared_ptr<Channel>& channel)
{
    auto job = std::make_shared<Job>();
    job->channel = channel;
    job->call.number = ++m_lastNumber;
    job->call.provider = provider;
    boost::system::error_code ec;
    auto parsed = boost::json::parse(request.body, ec);
    if (!ec && parsed.is_object()) {
        job->body = parsed.as_object();
    }
    const auto* model = job->body.if_contains("model");
    job->call.model = model != nullptr && model->is_string() ? std::string(model->as_string()) : "";
    job->call.client = clientNumberIn(request.body);
    m_world.note("provider {} got call {} for request {}: {} bytes, model {}", provider,
        job->call.number, job->call.client, request.body.size(), job->call.model);
    m_watch.onBytesAtProvider(job->call);
    ++m_open;
    m_world.after(m_world.rng.between(500, 80'000), Where::Outside, [this, job] { accept(job); });
}

/// Providers that do nothing with the request, and bill nothing.
bool Providers::refuse(const std::shared_ptr<Job>& job)
{
    if (strikes(Fault::ResetBefore)) {
        m_world.note("provider resets call {} before reading it", job->call.number);
        job->breakOff();
        return true;
    }
    int status = 0;
    if (m_sheets.find(job->call.provider + "/" + job->call.model) == m_sheets.end()) {
        status = 404;
    } else if (strikes(Fault::Status429)) {
        constexpr std::array statuses{429, 429, 503, 402, 401};
        status = statuses[m_world.rng.below(statuses.size())];
        job->channel->retryAfterSeconds = static_cast<int>(m_world.rng.between(0, 40));
    }
    if (status == 0) {
        return false;
    }
    m_world.note("provider answers call {} with {}", job->call.number, status);
    job->channel->status = status;
    job->channel->isEnded = true;
    job->send(errorJson(status));
    return true;
}

void Providers::accept(const std::shared_ptr<Job>& job)
{
    if (refuse(job)) {
        job->call.isDone = true;
        --m_open;
        m_watch.onProviderDone(job->call);
        return;
    }
    plan(*job);
    bill(*job); // the input, whatever becomes of the rest
    m_world.note("provider accepts call {}: {} input, {} of {} output, billed {}", job->call.number,
        job->call.inputTokens, job->total, job->ceiling, job->call.billed.toDecimal());
    const bool fails = strikes(Fault::Status500);
    if (fails || strikes(Fault::Status529)) {
        answerLater(job, fails ? (m_world.rng.chancePermille(500) ? 500 : 502) : 529);
        return;
    }
    m_world.after(job->stepUs + m_world.rng.between(1'000, 600'000), Where::Outside,
        [this, job] { produce(job); });
}

void Providers::answerLater(const std::shared_ptr<Job>& job, int status)
{
    m_world.after(m_world.rng.between(1'000, 2'000'000), Where::Outside, [this, job, status] {
        m_world.note("provider fails call {} with {}", job->call.number, status);
        job->channel->status = status;
        job->channel->isEnded = true;
        job->send(errorJson(status));
        job->call.isDone = true;
        --m_open;
        m_watch.onProviderDone(job->call);
    });
}

/// What this provider makes of the request: its own count of the input, the length of its answer
/// and how it will misbehave.
void Providers::plan(Job& job)
{
    Rng& rng = m_world.rng;
    const std::string id = job.call.provider + "/" + job.call.model;
    job.sheet = m_sheets[id];
    job.call.inputTokens = ownInputTokens(m_tokenizers[id], job.body, m_densityPerMille);
    if (rng.chancePermille(200)) {
        job.call.cachedTokens = rng.between(0, job.call.inputTokens - 1);
    }
    const auto* stream = job.body.if_contains("stream");
    job.stream = stream != nullptr && stream->is_bool() && stream->as_bool();
    if (const auto* options = job.body.if_contains("stream_options");
        options != nullptr && options->is_object()) {
        const auto* usage = options->as_object().if_contains("include_usage");
        job.includeUsage = usage != nullptr && usage->is_bool() && usage->as_bool();
    }
    job.choices = std::max<std::int64_t>(1, numberOf(job.body, "n", 1));
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    job.ceiling = std::min(
        numberOf(job.body, "max_tokens", most), numberOf(job.body, "max_completion_tokens", most));
    std::int64_t wanted = rng.between(1, m_scenario.outputTokensMax);
    if (rng.chancePermille(150)) {
        wanted = job.ceiling; // up to the last token
    }
    wanted = std::min({wanted, job.ceiling, std::int64_t{20'000}});
    if (strikes(Fault::IgnoreMax)) {
        job.call.ignoresMax = true;
        wanted = std::min<std::int64_t>(job.ceiling, 3'000) * rng.between(11, 60) / 10 + 1;
    }
    job.total = wanted * job.choices;
    job.hidden = m_reasons[id] ? rng.between(0, job.total - 1) : 0;
    job.perStep = std::max<std::int64_t>(1, job.total / rng.between(1, 9));
    job.stepUs = strikes(Fault::SlowProvider) ? rng.between(2, 120) * usPerSecond
                                              : rng.between(1'000, 250'000);
    const std::int64_t ownPerMille = m_tokensPerMille[id];
    job.tokensPerMille = ownPerMille == 1'000 ? 1'000 : ownPerMille * rng.between(94, 106) / 100;
    if (strikes(Fault::Cut)) {
        job.cutAt = rng.between(0, job.total);
    }
    if (job.cutAt < 0 && strikes(Fault::Stall)) {
        job.silentFrom = rng.between(0, job.total);
    }
    if (job.cutAt < 0 && strikes(Fault::ResetAfter)) {
        job.silentFrom = 0;
        job.resets = true;
    }
    const bool counts = job.includeUsage || !job.stream;
    job.usageFrames = !counts || strikes(Fault::NoUsage) ? 0 : strikes(Fault::RepeatUsage) ? 3 : 1;
}

void Providers::produce(const std::shared_ptr<Job>& job)
{
    std::int64_t step = std::min(job->perStep, job->total - job->call.outputTokens);
    const bool cuts = job->cutAt >= 0 && job->call.outputTokens + step >= job->cutAt;
    if (cuts) {
        step = std::max<std::int64_t>(0, job->cutAt - job->call.outputTokens);
    }
    job->call.outputTokens += step;
    bill(*job); // before a byte of it is handed over
    const bool isSilent = job->silentFrom >= 0 && job->call.outputTokens >= job->silentFrom;
    // Reasoning comes first and is never handed over.
    std::int64_t visible = std::max<std::int64_t>(0, job->call.outputTokens - job->hidden) * 1'000
        / job->tokensPerMille;
    if (cuts && job->stream) {
        const std::int64_t lost = m_world.rng.between(0, undeliveredMax);
        visible = std::max(job->delivered, visible - lost);
    }
    const std::string text = answerWords(job->delivered, visible - job->delivered);
    if (std::exchange(job->resets, false)) {
        m_world.note("the line of call {} breaks, the provider goes on", job->call.number);
        job->breakOff();
    }
    if (!isSilent && job->stream) {
        job->channel->status = 200;
        job->channel->contentType = "text/event-stream";
        std::string events;
        if (!text.empty() || !job->headSent) {
            events = fmt::format("data: {{\"id\":\"c{}\",\"object\":\"chat.completion.chunk\","
                                 "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},"
                                 "\"finish_reason\":null}}]{}}}\n\n",
                job->call.number, text, job->usageFrames > 1 ? "," + job->usage() : std::string());
        }
        job->headSent = true;
        job->delivered = visible;
        job->send(events);
    } else if (!isSilent) {
        job->whole += text;
        job->delivered = visible;
    }
    if (cuts) {
        m_world.note("provider cuts call {} after {} tokens, billed {}", job->call.number,
            job->call.outputTokens, job->call.billed.toDecimal());
        if (!job->stream) {
            job->channel->status = 200;
            job->send(R"({"id":"c","choices":[{"index":0,"mess)");
        }
        job->breakOff();
        job->call.isDone = true;
        --m_open;
        m_watch.onProviderDone(job->call);
        return;
    }
    if (job->call.outputTokens >= job->total) {
        finish(job);
        return;
    }
    m_world.after(job->stepUs, Where::Outside, [this, job] { produce(job); });
}

void Providers::finish(const std::shared_ptr<Job>& job)
{
    m_world.note("provider ends call {}: {} output, billed {}{}", job->call.number,
        job->call.outputTokens, job->call.billed.toDecimal(),
        job->channel->isCut ? ", nobody listens" : "");
    const std::string reason = job->call.outputTokens >= job->ceiling ? "length" : "stop";
    if (job->silentFrom >= 0) {
        m_world.note("nothing of it arrives any more");
    } else if (job->stream) {
        std::string events = fmt::format(
            "data: {{\"id\":\"c{}\",\"object\":\"chat.completion.chunk\",\"choices\":["
            "{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{}\"}}]}}\n\n",
            job->call.number, reason);
        for (int frame = 0; frame < job->usageFrames; ++frame) {
            events += fmt::format("data: {{\"id\":\"c{}\",\"object\":\"chat.completion.chunk\","
                                  "\"choices\":[],{}}}\n\n",
                job->call.number, job->usage());
        }
        job->channel->isEnded = true;
        job->send(events + "data: [DONE]\n\n");
    } else {
        job->channel->status = 200;
        job->channel->isEnded = true;
        job->send(fmt::format(
            R"({{"id":"c{}","object":"chat.completion","choices":[{{"index":0,"message":)"
            R"({{"role":"assistant","content":"{}"}},"finish_reason":"{}"}}]{}}})",
            job->call.number, job->whole, reason,
            job->usageFrames > 0 ? "," + job->usage() : std::string()));
    }
    job->call.isDone = true;
    --m_open;
    m_watch.onProviderDone(job->call);
}

// --- the host's end

namespace {

class PipeCall final : public proxy::UpstreamCall {
public:
    PipeCall(World& world, Providers& providers, std::string provider,
        std::shared_ptr<SimUpstream::Shared> shared)
        : m_world(world),
          m_providers(providers),
          m_provider(std::move(provider)),
          m_shared(std::move(shared)),
          m_channel(std::make_shared<Channel>(world.io.get_executor()))
    {
    }
    ~PipeCall() override { m_channel->isCut = true; }

    bool fails = false; ///< the connection turns out to be dead: nothing is written

    asio::awaitable<proxy::UpstreamResult<void>> send(proxy::UpstreamRequest request) override
    {
        if (fails || m_shared->isDead) {
            co_return UpstreamError{UpstreamPhase::Connect, false, "connection closed"};
        }
        std::erase_if(m_shared->channels, [](const auto& one) { return one.expired(); });
        m_shared->channels.push_back(m_channel);
        m_providers.receive(m_provider, request, m_channel);
        co_return boost::system::in_place_value;
    }
    asio::awaitable<proxy::UpstreamResult<proxy::UpstreamHead>> readHead() override
    {
        while (m_channel->status == 0 && !m_channel->isBroken && !m_channel->isCut) {
            co_await m_channel->event.wait();
        }
        if (m_channel->isCut || m_channel->status == 0) {
            co_return UpstreamError{UpstreamPhase::Sent, false, "connection reset"};
        }
        proxy::UpstreamHead head;
        head.status = m_channel->status;
        head.headers.emplace_back("content-type", m_channel->contentType);
        if (m_channel->retryAfterSeconds > 0) {
            head.headers.emplace_back("retry-after", std::to_string(m_channel->retryAfterSeconds));
        }
        co_return head;
    }
    asio::awaitable<proxy::UpstreamResult<bool>> readBody(std::string& out) override
    {
        for (;;) {
            if (m_channel->isCut) {
                co_return UpstreamError{UpstreamPhase::Sent, false, "connection closed"};
            }
            if (!m_channel->buffer.empty()) {
                const auto size = static_cast<std::size_t>(m_world.rng.between(1,
                    static_cast<std::int64_t>(std::max<std::size_t>(m_channel->buffer.size(), 1))));
                out.append(m_channel->buffer, 0, size);
                m_channel->buffer.erase(0, size);
                co_return true;
            }
            if (m_channel->isEnded) {
                co_return false;
            }
            if (m_channel->isBroken) {
                co_return UpstreamError{UpstreamPhase::Sent, false, "connection reset"};
            }
            co_await m_channel->event.wait();
        }
    }
    void cancel() override
    {
        m_channel->isCut = true;
        m_channel->event.set();
    }

private:
    World& m_world;
    Providers& m_providers;
    std::string m_provider;
    std::shared_ptr<SimUpstream::Shared> m_shared;
    std::shared_ptr<Channel> m_channel;
};

} // namespace

SimUpstream::SimUpstream(World& world, const Scenario& scenario, Providers& providers)
    : m_world(world),
      m_scenario(scenario),
      m_providers(providers)
{
}

bool SimUpstream::readyNow(const catalog::Provider& /*provider*/) const
{
    return m_world.rng.chancePermille(600);
}

asio::awaitable<proxy::UpstreamResult<std::unique_ptr<proxy::UpstreamCall>>> SimUpstream::connect(
    const catalog::Provider& provider, proxy::UpstreamKeys /*keys*/)
{
    const auto shared = m_shared;
    const bool fails = !shared->behaves && m_scenario.strikes(Fault::ConnectFails, m_world.rng);
    const bool isLate = fails && m_world.rng.chancePermille(500);
    auto call = std::make_unique<PipeCall>(m_world, m_providers, provider.name, shared);
    if (m_world.rng.chancePermille(400)) {
        co_await m_world.pause(m_world.rng.between(1'000, fails ? 3'000'000 : 150'000));
    }
    if (shared->isDead || (fails && !isLate)) {
        co_return UpstreamError{
            UpstreamPhase::Connect, m_world.rng.chancePermille(300), "connection refused"};
    }
    call->fails = isLate;
    co_return std::unique_ptr<proxy::UpstreamCall>(std::move(call));
}

void SimUpstream::die()
{
    m_shared->isDead = true;
    for (const auto& one : m_shared->channels) {
        if (const auto channel = one.lock()) {
            channel->isCut = true;
            channel->event.set();
        }
    }
}

} // namespace headgate::sim
