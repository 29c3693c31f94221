// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The inside of one exchange, shared by its rooms: exchange.cpp (a request's life, reading,
// deadlines), exchange_wire.cpp (from the client's protocol to the provider's), exchange_hold.cpp
// (plan and hold), exchange_call.cpp (call and relay), exchange_end.cpp (settle, refuse, record).
// Nothing else includes this. One executor's thread.

#include "core/proxy/asio.h"
#include "core/proxy/event.h"
#include "core/proxy/exchange.h"
#include "core/proxy/provider_error.h"
#include "core/proxy/settlement.h"
#include "core/proxy/upstream_route.h"
#include "core/routing/plan.h"
#include "core/wire/codec.h"
#include "core/wire/hosted_uses.h"
#include "core/wire/refusal.h"
#include "core/wire/stream_relay.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace headgate::proxy {

namespace asio = boost::asio;
using activity::Status;
using wire::Refusal;
using wire::RefusalKind;

/// Lets the ledger thread wake an exchange that may be gone by then.
class MoneyBell {
public:
    explicit MoneyBell(asio::any_io_executor executor)
        : event(executor),
          m_executor(std::move(executor))
    {
    }
    Event event;
    bool armed = false; ///< a callback is registered and has not run

    static void arm(const std::shared_ptr<MoneyBell>& bell, ledger::Ledger& ledger)
    {
        bell->armed = true;
        ledger.onceMoneyReturns([bell] { ring(bell); });
    }
    void silence()
    {
        const std::scoped_lock lock(m_mutex);
        m_silent = true;
    }

private:
    static void ring(const std::shared_ptr<MoneyBell>& bell)
    {
        // The executor may be gone once the exchange is: it silences the bell before it ends.
        const std::scoped_lock lock(bell->m_mutex);
        if (!bell->m_silent) {
            asio::post(bell->m_executor, [bell] {
                bell->armed = false;
                bell->event.set();
            });
        }
    }
    std::mutex m_mutex;
    bool m_silent = false;
    asio::any_io_executor m_executor;
};

[[nodiscard]] Refusal nameUsedRefusal();
[[nodiscard]] const char* settleOutcome(const Result<ledger::Settled>& settled);

class Exchange final : public Sweepable {
public:
    Exchange(ExchangeEnv env, ExchangeRequest request, ClientStream& client,
        asio::any_io_executor executor);
    ~Exchange() override;

    asio::awaitable<bool> run();

    void onDeadline() override;
    void onShutdown() override;

private:
    enum class Held { Granted, Refused, ClientLeft, ConnectFailed };
    enum class Called { Done, TryAnother };

    // read and know
    [[nodiscard]] bool mayAsk();
    [[nodiscard]] bool read();
    [[nodiscard]] bool claimName();
    void know();
    [[nodiscard]] bool goesInCircles();
    [[nodiscard]] bool isAuto() const { return m_askedModel.rfind("auto", 0) == 0; }

    // from the client's protocol to the provider's
    [[nodiscard]] bool readBody();
    [[nodiscard]] bool findHeld();
    [[nodiscard]] bool rejectRequest(const Error& error);
    [[nodiscard]] routing::UnseenInput unseenInput() const;
    [[nodiscard]] std::optional<std::int64_t> hostedUsesMax() const;
    [[nodiscard]] bool hardPoolAt(const catalog::Model& model) const;
    [[nodiscard]] bool leavesOutHosted(const catalog::Model& model) const;
    [[nodiscard]] std::string whyUnfit(const catalog::Model& model) const;
    [[nodiscard]] Result<void> prepare();
    [[nodiscard]] Result<std::string> editedBody() const;
    [[nodiscard]] Result<std::string> translatedBody();
    [[nodiscard]] std::string ceilingField() const;
    [[nodiscard]] UpstreamRequest upstreamRequest();
    [[nodiscard]] wire::AnswerContext answerContext() const;
    [[nodiscard]] std::string wireNote() const;
    [[nodiscard]] bool isTranslated() const { return m_upstream != m_request.path.dialect; }

    // plan and hold
    void makePlan();
    [[nodiscard]] const tokens::Count& countedInput(const std::string& family);
    [[nodiscard]] tokens::ScriptGroup scriptOf(const tokens::Count& count);
    [[nodiscard]] routing::InputTokens inputTokens(const catalog::Model& model);
    [[nodiscard]] Refusal refusalForPlan() const;
    asio::awaitable<Held> holdMoney();
    asio::awaitable<Held> tryToHold(std::optional<ledger::Denial>& denial);
    asio::awaitable<Held> connectAndDispatch(const catalog::Provider& provider);
    asio::awaitable<bool> connect(const catalog::Provider& provider);
    asio::awaitable<void> waitForMoney();
    asio::awaitable<void> release(std::string reason);
    // health and fallback (exchange_health.cpp)
    void leaveOutUnwell(routing::PlanInput& input, bool softToo);
    /// Asks routing, around what is not well and along an operator's chain of fallbacks.
    void planAround(routing::PlanInput& input);
    void beginChain(const catalog::Model& model);
    void nextInChain();
    [[nodiscard]] std::optional<Refusal> refusalForUnwell() const;
    [[nodiscard]] Result<UpstreamKeys> takeKeys(const catalog::Provider& provider);
    void noteHealth(CallEnd end, const std::string& words = {});
    void noteConnectFailed(const UpstreamError& error);
    void noteBrokenOff(const std::string& words);
    /// The provider took nothing: something else may be tried with a hold of its own. `failure` is
    /// told if nothing else can take its place.
    [[nodiscard]] bool mayFallBack(
        const wire::RefusalReply& failure, const std::string& text, CallEnd end);
    [[nodiscard]] bool mayFallBackFromRefusal(); ///< told as `m_refusal` says
    /// The provider's error is the truer answer than this refusal of what came after it.
    [[nodiscard]] bool lastFailureIsTruer(const Refusal& refusal) const;
    /// A request that cannot be said in the chosen model's dialect: leaves that model out, or says
    /// so to the client. True: plan again.
    [[nodiscard]] bool leaveOut(const Error& error);

    // call and relay
    asio::awaitable<Called> call();
    asio::awaitable<Called> notReached(UpstreamError error);
    asio::awaitable<Called> providerRefused(UpstreamHead head);
    void forgetPrompt();
    asio::awaitable<void> relayWhole();
    asio::awaitable<void> relayStream();
    asio::awaitable<bool> readWhole(std::string& body);
    [[nodiscard]] Result<wire::AnswerFacts> readFacts(
        const std::string& body, wire::Answer& answer) const;
    asio::awaitable<void> handAsStream(wire::Answer answer);
    [[nodiscard]] RunningMeter runningMeter() const;
    asio::awaitable<bool> pump(wire::StreamRelay& relay);
    asio::awaitable<void> hand(std::string bytes);
    [[nodiscard]] bool handAtOnce(std::string_view bytes);
    [[nodiscard]] Result<void> relayPiece(
        wire::StreamRelay& relay, std::string_view piece, std::string& rest);
    asio::awaitable<void> bookStream(wire::StreamRelay& relay, bool ended);
    asio::awaitable<void> endStream(wire::StreamRelay& relay, bool properEnd);
    asio::awaitable<void> failCall(UpstreamError error);
    void onClientLeft();
    void setPhaseDeadline(int ms);
    void updateDeadline();

    // settle and record
    [[nodiscard]] CallTerms terms() const;
    [[nodiscard]] std::int64_t chosenInput() const;
    [[nodiscard]] Charge chargeForWhole(const wire::AnswerFacts& facts) const;
    void rememberResponse(const wire::AnswerFacts& facts);
    [[nodiscard]] Charge chargeForEarlyEnd(const wire::AnswerFacts& facts) const;
    asio::awaitable<void> settle(Charge charge);
    void learnMargin(const Charge& charge);
    asio::awaitable<void> refuse(Refusal refusal);
    /// As `m_refusal` says.
    asio::awaitable<void> refuseAsFound() { return refuse(*m_refusal); }
    void record();
    [[nodiscard]] Money baseline() const;
    [[nodiscard]] Headers successHeaders(bool whole) const;
    [[nodiscard]] Headers baseHeaders() const;
    void setFailure(Status status, int httpStatus, const std::string& error);

    ExchangeEnv m_env;
    ExchangeRequest m_request;
    ClientStream& m_client;
    std::shared_ptr<MoneyBell> m_bell;
    const ProxyConfig& m_config;
    const wire::Codec& m_codec; ///< of the client's dialect
    CallKind m_kind = CallKind::Answer;

    wire::RequestView m_view;
    std::string m_askedModel; ///< as the client named it, or where its conversation is kept
    std::optional<ResponsePin> m_pin; ///< of the response or conversation that it continues
    std::string m_conversationName; ///< among the pins; empty: the request names none
    int m_pinned = 0; ///< what is remembered of the answer: 1 its id, 2 its size, too
    wire::HostedUses m_hosted; ///< tools that the provider runs and that may be given a limit
    std::int64_t m_uses = 0; ///< of this plan: what each of them is given
    bool m_limitsUses = false; ///< of this plan: a hard pool wants the limit in the body
    std::unique_ptr<wire::Conversation> m_conversation; ///< read when it is first translated
    routing::Facts m_facts;
    ledger::Identity m_identity;
    std::map<std::string, tokens::Count> m_counted; ///< the input by tokenizer family
    std::optional<tokens::ScriptGroup> m_script; ///< of the prompt; empty: nobody asked yet
    std::shared_ptr<const tokens::MarginTable> m_margins; ///< of this plan; null: none learned
    LoopDetector::Watch m_watch;
    std::string m_name; ///< the client's own id for this request, scoped by key; may be empty
    std::string m_ledgerId;
    std::optional<wire::RefusalReply> m_repeated; ///< what the first request of this name was told

    routing::Plan m_plan;
    const catalog::Provider* m_provider = nullptr;
    const catalog::Model* m_model = nullptr;
    const catalog::PriceSheet* m_sheet = nullptr;
    wire::Dialect m_upstream = wire::Dialect::Chat; ///< in which the provider is asked
    std::string m_body; ///< for the provider, of this plan
    wire::Losses m_losses; ///< of the translation
    std::map<std::string, std::string> m_unfit; ///< models that cannot be asked this, and why
    std::set<std::string> m_excluded;
    std::map<std::string, std::string> m_unwell; ///< of this plan: ids and what keeps them away
    bool m_onlyWay = false; ///< of this plan: what cools down is called all the same
    std::vector<std::string> m_chain; ///< fallbacks that an operator named and that are left
    bool m_chainBegun = false;
    std::string m_askInstead; ///< the fallback that is asked for now; empty: the client's word
    ledger::Target m_replaced; ///< what failed last
    ProviderHealth::Call m_healthCall;
    std::int64_t m_sentAtUs = 0; ///< monotonic
    std::int64_t m_latencyUs = 0; ///< until the provider's head
    int m_attempt = 0;
    int m_fallbacks = 0;
    HoldId m_hold;
    std::vector<ledger::BudgetLine> m_lines; ///< as of the last hold or settle
    std::unique_ptr<UpstreamCall> m_call;
    std::optional<Refusal> m_refusal; ///< what the client will be told
    std::optional<wire::RefusalReply> m_lastFailure; ///< of the model that was replaced
    std::string m_lastFailureText;
    bool m_keepsUsage = false; ///< the client asked for the usage chunk itself

    bool m_streaming = false; ///< the head went to the client
    bool m_left = false; ///< the client has gone
    bool m_overrun = false; ///< the provider ignored its ceiling
    bool m_timedOut = false;
    bool m_drainExpired = false;
    bool m_shutdown = false;
    std::int64_t m_phaseDeadlineMs = 0;
    std::int64_t m_drainDeadlineMs = 0;
    bool m_sent = false;

    activity::Decision m_decision;
};

} // namespace headgate::proxy
