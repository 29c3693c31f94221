// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sim_provider.h"

#include "core/base/rng.h"
#include "core/catalog/price_book.h"
#include "core/proxy/asio.h"
#include "core/proxy/event.h"
#include "core/proxy/prompt_tokens.h"
#include "core/proxy/sim_bill.h"
#include "core/proxy/sim_embed.h"
#include "core/proxy/sim_text.h"
#include "core/wire/chat_request.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace headgate::proxy {

namespace asio = boost::asio;

namespace {

/// How fast a model is: to the first token, then a second. Cheaper models answer sooner.
struct Pace {
    std::int64_t firstTokenMs = 0;
    std::int64_t tokensPerSecond = 1;
};

Pace paceOf(int tier)
{
    switch (tier) {
    case 1:
        return {150, 200};
    case 2:
        return {300, 120};
    default:
        return {600, 70};
    }
}

/// Events are handed over in steps of this length, as network buffers do.
constexpr std::int64_t stepMs = 40;

struct Faults {
    bool reset = false;
    bool stall = false;
    bool noUsage = false;
    bool cut = false;
    bool serverError = false;
    bool ignoreMax = false;
};

Faults faultsOf(const wire::RequestView& request)
{
    Faults faults;
    for (auto it = request.messages.rbegin(); it != request.messages.rend(); ++it) {
        if (it->role != wire::Role::User) {
            continue;
        }
        const auto has
            = [&text = it->text](const char* mark) { return text.find(mark) != std::string::npos; };
        faults.reset = has("[[sim:reset]]");
        faults.stall = has("[[sim:stall]]");
        faults.noUsage = has("[[sim:no-usage]]");
        faults.cut = has("[[sim:cut]]");
        faults.serverError = has("[[sim:500]]");
        faults.ignoreMax = has("[[sim:ignore-max]]");
        break;
    }
    return faults;
}

std::string quoted(std::string_view text)
{
    return boost::json::serialize(boost::json::value(text));
}

std::uint64_t promptHash(const wire::RequestView& request)
{
    std::uint64_t hash = 0xCBF29CE484222325ULL; // FNV-1a: the same on every platform
    const auto add = [&hash](std::string_view text) {
        for (const char c : text) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
        }
    };
    add(request.model);
    for (const wire::Message& message : request.messages) {
        add(message.text);
    }
    return hash;
}

/// What the producer and the reader of one answer share. One executor.
struct Channel {
    explicit Channel(asio::any_io_executor executor) : event(std::move(executor)) { }
    Event event;
    int status = 0; ///< 0: no head yet
    std::string contentType = "application/json";
    std::string buffer;
    bool ended = false;
    bool broken = false;
    bool cancelled = false;

    void answer(int code, const std::string& body)
    {
        status = code;
        buffer += body;
        ended = true;
        event.set();
    }
    void breakOff()
    {
        broken = true;
        event.set();
    }
};

struct Choice {
    SimAnswer answer;
    std::int64_t tokens = 0; ///< produced, after the ceiling
    std::size_t pieces = 0; ///< of answer.pieces, after the ceiling
    bool cutByCeiling = false;

    [[nodiscard]] const char* finishReason() const
    {
        if (cutByCeiling) {
            return "length";
        }
        return answer.kind == SimAnswerKind::ToolCall ? "tool_calls" : "stop";
    }
};

/// One request on its way: what to produce and how.
struct Job {
    std::shared_ptr<Channel> channel;
    std::shared_ptr<const std::atomic<bool>> hurry;
    std::unique_ptr<CallBill> bill;
    catalog::PriceSheet sheet;
    std::string id;
    std::string model;
    std::int64_t createdSeconds = 0;
    Pace pace;
    int latencyPermille = 0;
    bool stream = false;
    bool includeUsage = false;
    Faults faults;
    std::int64_t promptTokens = 0;
    std::vector<Choice> choices;
};

std::int64_t totalTokens(const Job& job)
{
    std::int64_t total = 0;
    for (const Choice& choice : job.choices) {
        total += choice.tokens;
    }
    return total;
}

std::string usageJson(const Job& job)
{
    const auto out = totalTokens(job);
    return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                       R"("prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},)"
                       R"("completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,)"
                       R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}})",
        job.promptTokens, out, job.promptTokens + out);
}

std::string chunkJson(const Job& job, std::string_view choices)
{
    return fmt::format("data: {{\"id\":\"{}\",\"object\":\"chat.completion.chunk\",\"created\":{},"
                       "\"model\":{},\"system_fingerprint\":\"fp_sim\",\"choices\":[{}]{}}}\n\n",
        job.id, job.createdSeconds, quoted(job.model), choices,
        job.includeUsage ? ",\"usage\":null" : "");
}

std::string deltaJson(
    const Job& job, std::size_t index, std::string_view delta, const char* finishReason)
{
    const auto finish
        = finishReason == nullptr ? std::string("null") : fmt::format("\"{}\"", finishReason);
    return chunkJson(job,
        fmt::format(R"({{"index":{},"delta":{},"logprobs":null,"finish_reason":{}}})", index, delta,
            finish));
}

std::string openingDelta(const Job& job, std::size_t index)
{
    const Choice& choice = job.choices[index];
    if (choice.answer.kind != SimAnswerKind::ToolCall) {
        return R"({"role":"assistant","content":"","refusal":null})";
    }
    return fmt::format(R"({{"role":"assistant","content":null,"tool_calls":[{{"index":0,)"
                       R"("id":"call_{}_{}","type":"function",)"
                       R"("function":{{"name":{},"arguments":""}}}}]}})",
        job.id.substr(9), index, quoted(choice.answer.toolName));
}

std::string pieceDelta(const Choice& choice, const SimPiece& piece)
{
    if (choice.answer.kind == SimAnswerKind::ToolCall) {
        return fmt::format(R"({{"tool_calls":[{{"index":0,"function":{{"arguments":{}}}}}]}})",
            quoted(piece.text));
    }
    return fmt::format(R"({{"content":{}}})", quoted(piece.text));
}

std::string wholeBody(const Job& job)
{
    std::string choices;
    for (std::size_t i = 0; i < job.choices.size(); ++i) {
        const Choice& choice = job.choices[i];
        std::string text;
        for (std::size_t p = 0; p < choice.pieces; ++p) {
            text += choice.answer.pieces[p].text;
        }
        std::string message;
        if (choice.answer.kind == SimAnswerKind::ToolCall) {
            message = fmt::format(
                R"({{"role":"assistant","content":null,"refusal":null,"tool_calls":[{{"id":)"
                R"("call_{}_{}","type":"function","function":{{"name":{},"arguments":{}}}}}]}})",
                job.id.substr(9), i, quoted(choice.answer.toolName), quoted(text));
        } else {
            message = fmt::format(
                R"({{"role":"assistant","content":{},"refusal":null}})", quoted(text));
        }
        choices += fmt::format(R"({}{{"index":{},"message":{},"logprobs":null,)"
                               R"("finish_reason":"{}"}})",
            i == 0 ? "" : ",", i, message, choice.finishReason());
    }
    return fmt::format(R"({{"id":"{}","object":"chat.completion","created":{},"model":{},)"
                       R"("choices":[{}]{},"system_fingerprint":"fp_sim"}})",
        job.id, job.createdSeconds, quoted(job.model), choices,
        job.faults.noUsage ? std::string() : ",\"usage\":" + usageJson(job));
}

asio::awaitable<void> pause(const Job& job, std::int64_t sheetMs)
{
    const auto ms = sheetMs * job.latencyPermille / 1'000;
    if (ms <= 0 || job.hurry->load()) {
        co_return;
    }
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_after(std::chrono::milliseconds(ms));
    boost::system::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await timer.async_wait(token);
}

/// Walks over the pieces of all choices in the order in which they are produced.
class Cursor {
public:
    explicit Cursor(const Job& job) : m_job(job) { }
    [[nodiscard]] bool atEnd()
    {
        while (m_choice < m_job.choices.size() && m_piece >= m_job.choices[m_choice].pieces
            && m_opened) {
            ++m_choice;
            m_piece = 0;
            m_opened = false;
        }
        return m_choice >= m_job.choices.size();
    }
    /// Produces the next piece; returns its tokens. Appends its events to `events` when streaming.
    std::int64_t next(std::string& events)
    {
        const Choice& choice = m_job.choices[m_choice];
        std::int64_t tokens = 0;
        if (!m_opened) {
            m_opened = true;
            tokens += choice.answer.overheadTokens;
            events += deltaJson(m_job, m_choice, openingDelta(m_job, m_choice), nullptr);
        }
        if (m_piece < choice.pieces) {
            const SimPiece& piece = choice.answer.pieces[m_piece++];
            tokens += piece.tokens;
            events += deltaJson(m_job, m_choice, pieceDelta(choice, piece), nullptr);
        }
        if (m_piece >= choice.pieces) {
            events += deltaJson(m_job, m_choice, "{}", choice.finishReason());
        }
        return tokens;
    }

private:
    const Job& m_job;
    std::size_t m_choice = 0;
    std::size_t m_piece = 0;
    bool m_opened = false;
};

/// Goes on to its end whether or not anyone listens: every piece is billed before it is handed
/// over.
asio::awaitable<void> produce(std::shared_ptr<Job> job)
{
    co_await pause(*job, job->pace.firstTokenMs);
    Channel& channel = *job->channel;
    if (job->stream) {
        channel.contentType = "text/event-stream; charset=utf-8";
        channel.status = 200;
    }
    const auto cutAfter = job->faults.cut ? totalTokens(*job) / 2 : totalTokens(*job);
    const auto perStep = job->latencyPermille <= 0
        ? totalTokens(*job) + 1
        : std::max<std::int64_t>(1, job->pace.tokensPerSecond * stepMs / 1'000);
    Cursor cursor(*job);
    std::int64_t produced = 0;
    while (!cursor.atEnd() && (!job->faults.cut || produced < cutAfter)) {
        std::string events;
        std::int64_t step = 0;
        while (
            !cursor.atEnd() && step < perStep && (!job->faults.cut || produced + step < cutAfter)) {
            step += cursor.next(events);
        }
        produced += step;
        if (!job->bill->chargeOutput(step, job->sheet)) {
            channel.breakOff(); // unbilled tokens are never handed over
            co_return;
        }
        if (job->stream) {
            channel.buffer += events;
            channel.event.set();
        }
        co_await pause(*job, stepMs * step / perStep);
    }
    if (job->faults.cut) {
        if (!job->stream) {
            const auto body = wholeBody(*job);
            channel.status = 200;
            channel.buffer = body.substr(0, body.size() / 2);
        }
        channel.breakOff();
        co_return;
    }
    if (!job->stream) {
        channel.answer(200, wholeBody(*job));
        co_return;
    }
    if (job->includeUsage) {
        auto chunk = chunkJson(*job, "");
        const std::string none = "\"usage\":null";
        chunk.replace(chunk.rfind(none), none.size(), "\"usage\":" + usageJson(*job));
        channel.buffer += chunk;
    }
    channel.buffer += "data: [DONE]\n\n";
    channel.ended = true;
    channel.event.set();
}

/// An answer that was not cut by a ceiling ends like one.
void endAtSentence(std::vector<SimPiece>& pieces)
{
    for (auto size = pieces.size(); size > pieces.size() / 2; --size) {
        if (pieces[size - 1].text.front() == '.' || pieces[size - 1].text.front() == '`') {
            pieces.resize(size);
            return;
        }
    }
}

std::string errorBody(const std::string& message, const char* type)
{
    return fmt::format(R"({{"error":{{"message":{},"type":"{}","param":null,"code":null}}}})",
        quoted(message), type);
}

} // namespace

struct SimProvider::Impl {
    SimOptions options;
    std::unique_ptr<BillBook> book;
    std::vector<catalog::Model> models; ///< its own price sheet, whatever an operator edits
    std::shared_ptr<std::atomic<bool>> hurry = std::make_shared<std::atomic<bool>>(false);
    std::string runId;
    std::atomic<std::uint64_t> calls{0};

    [[nodiscard]] const catalog::Model* model(const std::string& name) const
    {
        const auto it = std::find_if(models.begin(), models.end(),
            [&name](const catalog::Model& m) { return m.name == name; });
        return it == models.end() ? nullptr : &*it;
    }
    void accept(const UpstreamRequest& request, const std::shared_ptr<Channel>& channel);
    void embed(const UpstreamRequest& request, const std::shared_ptr<Channel>& channel);
    void fillChoices(Job& job, const wire::RequestView& chat, const catalog::Model& model) const;
};

void SimProvider::Impl::fillChoices(
    Job& job, const wire::RequestView& chat, const catalog::Model& model) const
{
    const auto own = model.maxOutputTokens > 0 ? model.maxOutputTokens : std::int64_t{16'384};
    const auto asked = chat.maxTokens ? std::min(*chat.maxTokens, own) : own;
    for (std::int64_t i = 0; i < std::max<std::int64_t>(chat.n, 1); ++i) {
        const auto seed
            = Rng(options.seed ^ promptHash(chat) ^ static_cast<std::uint64_t>(i)).next();
        auto wanted = simAnswerLength(chat, model.tier, seed);
        auto ceiling = asked;
        if (job.faults.ignoreMax) {
            ceiling = wanted = 2 * std::min<std::int64_t>(asked, 4'096);
        }
        Choice choice;
        choice.answer = makeSimAnswer(chat, seed, wanted);
        if (choice.answer.kind == SimAnswerKind::Text && !job.faults.ignoreMax) {
            endAtSentence(choice.answer.pieces);
        }
        choice.tokens = choice.answer.overheadTokens;
        if (choice.tokens > ceiling) { // not even the tool's name fits
            choice.answer = {};
            choice.tokens = 0;
            choice.cutByCeiling = true;
        }
        for (const SimPiece& piece : choice.answer.pieces) {
            if (choice.tokens + piece.tokens > ceiling) {
                choice.cutByCeiling = true;
                break;
            }
            choice.tokens += piece.tokens;
            ++choice.pieces;
        }
        job.choices.push_back(std::move(choice));
    }
}

void SimProvider::Impl::embed(
    const UpstreamRequest& request, const std::shared_ptr<Channel>& channel)
{
    const auto asked = readSimEmbedding(request.body);
    if (!asked) {
        channel->answer(400, errorBody(asked.error().text(), "invalid_request_error"));
        return;
    }
    const auto* known = model(asked->model);
    const auto* sheet
        = known != nullptr && known->embedding ? known->priceAt(SystemClock().nowUs()) : nullptr;
    if (sheet == nullptr) {
        channel->answer(404,
            errorBody("The simulated provider makes no embeddings with " + asked->model,
                "invalid_request_error"));
        return;
    }
    const auto file = book->current();
    CallBill bill(file ? *file : nullptr, fmt::format("{}-{}", runId, ++calls), known->name);
    if (!file || !bill.chargeInput(asked->tokens, *sheet)) {
        channel->answer(503, errorBody("The bill cannot be written.", "server_error"));
        return;
    }
    channel->answer(200, simEmbeddingAnswer(*asked));
}

void SimProvider::Impl::accept(
    const UpstreamRequest& request, const std::shared_ptr<Channel>& channel)
{
    if (request.path == "/embeddings") {
        embed(request, channel);
        return;
    }
    const auto chat = wire::readChatRequest(request.body);
    if (!chat) {
        channel->answer(400, errorBody(chat.error().text(), "invalid_request_error"));
        return;
    }
    const auto* known = model(chat->model);
    known = known != nullptr && known->embedding ? nullptr : known;
    const auto now = SystemClock().nowUs();
    const auto* sheet = known != nullptr ? known->priceAt(now) : nullptr;
    auto file = book->current();
    if (sheet == nullptr) {
        channel->answer(404,
            errorBody(
                "The simulated provider has no model " + chat->model, "invalid_request_error"));
        return;
    }
    if (!file) {
        channel->answer(503, errorBody(file.error().text(), "server_error"));
        return;
    }
    auto job = std::make_shared<Job>();
    job->channel = channel;
    job->hurry = hurry;
    const auto call = fmt::format("{}-{}", runId, ++calls);
    job->id = "chatcmpl-sim" + call;
    job->model = known->name;
    job->bill = std::make_unique<CallBill>(*file, call, known->name);
    job->sheet = *sheet;
    job->createdSeconds = now / usPerSecond;
    job->pace = paceOf(known->tier);
    job->latencyPermille = options.latencyPermille;
    job->stream = chat->stream;
    job->faults = faultsOf(*chat);
    job->includeUsage = chat->stream && chat->includeUsage.value_or(false) && !job->faults.noUsage;
    job->promptTokens = promptTokensAtMost(*chat, "o200k_base", imageTokensSimulated);
    if (!job->bill->chargeInput(job->promptTokens, job->sheet)) {
        channel->answer(503, errorBody("The bill cannot be written.", "server_error"));
        return;
    }
    if (job->faults.reset) {
        channel->breakOff();
    } else if (job->faults.serverError) {
        channel->answer(
            500, errorBody("The simulated provider failed on request.", "server_error"));
    } else if (!job->faults.stall) {
        fillChoices(*job, *chat, *known);
        asio::co_spawn(channel->event.executor(), produce(job), asio::detached);
    }
}

namespace {

class SimCall final : public UpstreamCall {
public:
    using Accept = std::function<void(const UpstreamRequest&, const std::shared_ptr<Channel>&)>;
    explicit SimCall(Accept accept) : m_accept(std::move(accept)) { }

    asio::awaitable<UpstreamResult<void>> send(UpstreamRequest request) override
    {
        m_channel = std::make_shared<Channel>(co_await asio::this_coro::executor);
        m_channel->cancelled = m_cancelled;
        m_accept(request, m_channel);
        co_return UpstreamResult<void>();
    }

    asio::awaitable<UpstreamResult<UpstreamHead>> readHead() override
    {
        while (m_channel->status == 0) {
            if (m_channel->broken || m_channel->cancelled) {
                co_return failure();
            }
            co_await m_channel->event.wait();
        }
        UpstreamHead head;
        head.status = m_channel->status;
        head.headers.emplace_back("content-type", m_channel->contentType);
        co_return head;
    }

    asio::awaitable<UpstreamResult<bool>> readBody(std::string& out) override
    {
        for (;;) {
            if (m_channel->cancelled) {
                co_return failure();
            }
            if (!m_channel->buffer.empty()) {
                out += m_channel->buffer;
                m_channel->buffer.clear();
                co_return true;
            }
            if (m_channel->broken) {
                co_return failure();
            }
            if (m_channel->ended) {
                co_return false;
            }
            co_await m_channel->event.wait();
        }
    }

    void cancel() override
    {
        m_cancelled = true;
        if (m_channel) {
            m_channel->cancelled = true;
            m_channel->event.set();
        }
    }

private:
    [[nodiscard]] UpstreamError failure() const
    {
        UpstreamError error;
        error.message = m_channel->cancelled ? "The call was cancelled."
                                             : "The simulated provider reset the connection.";
        return error;
    }
    Accept m_accept;
    std::shared_ptr<Channel> m_channel;
    bool m_cancelled = false;
};

} // namespace

SimProvider::SimProvider(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) { }

SimProvider::~SimProvider() = default;

Result<std::unique_ptr<SimProvider>> SimProvider::open(SimOptions options)
{
    auto book = BillBook::open(options.billPath);
    if (!book) {
        return book.error();
    }
    auto impl = std::make_unique<Impl>();
    impl->options = std::move(options);
    impl->book = std::move(*book);
    impl->models = catalog::simModels();
    impl->runId = randomHex(5);
    return std::unique_ptr<SimProvider>(new SimProvider(std::move(impl)));
}

std::unique_ptr<UpstreamCall> SimProvider::call()
{
    return std::make_unique<SimCall>(
        [impl = m_impl](const UpstreamRequest& request, const std::shared_ptr<Channel>& channel) {
            impl->accept(request, channel);
        });
}

void SimProvider::hurry()
{
    m_impl->hurry->store(true);
}

} // namespace headgate::proxy
