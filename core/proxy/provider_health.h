// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What all loops know of how providers do, by provider, by model and by key: what routing leaves
// out, which key is next, when to tell the operator. Thread-safe, one short lock; no I/O. Simulated
// providers are counted but never left out: they fail when a prompt asks for it.

#include "core/base/result.h"
#include "core/proxy/health_state.h"
#include "core/proxy/proxy_config.h"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace headgate::proxy {

/// Something that is not to be called now.
struct Trouble {
    std::string provider;
    std::string model; ///< name without the provider; empty: all of its models
    HealthState state = HealthState::Healthy;
    TimeUs untilUs = 0; ///< 0: until a trial call comes back
    std::string why; ///< "cools down until 14:05:10 (429: slow down)"
    /// Does not keep a request away that has no other way: a pause or a refused key is the
    /// provider's own business to repeat.
    bool soft = false;
};

/// For people and scripts.
struct HealthRow {
    std::string provider;
    std::string model; ///< empty: the provider as a whole, or one of its keys
    std::string key; ///< label of a key; "key" for the first one; empty: not about a key
    HealthState state = HealthState::Healthy;
    TimeUs untilUs = 0;
    std::int64_t successes = 0;
    std::int64_t failures = 0;
    int consecutive = 0;
    std::int64_t latencyUs = 0;
    std::string lastError;
    TimeUs lastErrorAtUs = 0;
    std::string words; ///< "cools down until 14:05:10"; empty while healthy
};

class ProviderHealth {
public:
    explicit ProviderHealth(const Clock& clock) : m_clock(clock) { }
    ProviderHealth(const ProviderHealth&) = delete;
    ProviderHealth& operator=(const ProviderHealth&) = delete;

    /// Called on any thread, outside the lock; one sentence for the operator.
    void setOnAlert(std::function<void(const std::string&)> callback);

    /// One call that is under way; ends as Neutral if nobody says how it ended. Movable.
    class Call {
    public:
        Call() = default;
        Call(Call&& other) noexcept;
        Call& operator=(Call&& other) noexcept;
        ~Call() { end({}); }
        void end(CallOutcome outcome);
        [[nodiscard]] const ProviderKey& key() const { return m_key; }
        [[nodiscard]] bool isUnderWay() const { return m_health != nullptr; }

    private:
        friend class ProviderHealth;
        ProviderHealth* m_health = nullptr;
        std::string m_provider;
        std::string m_model;
        ProviderKey m_key;
        bool m_simulated = false;
        bool m_severalKeys = false;
    };

    /// Takes the provider's next key and, where a trial call is due, makes this one the trial.
    /// `only`: the request has no other way, see Trouble::soft. Error: what keeps it away.
    [[nodiscard]] Result<Call> begin(const ProxyConfig& config, const catalog::Provider& provider,
        const std::string& model, bool only);
    /// What routing has to leave out; usually nothing.
    [[nodiscard]] std::vector<Trouble> troubles(const ProxyConfig& config) const;
    /// Of one model; nothing: it may be called.
    [[nodiscard]] std::optional<Trouble> trouble(const ProxyConfig& config,
        const catalog::Provider& provider, const std::string& model) const;

    [[nodiscard]] std::vector<HealthRow> rows() const;
    /// Forgets what is held against a provider: an operator says that it is well again.
    void forget(const std::string& provider);
    /// What is held against one key ("key" is the first one): it was replaced or is gone.
    void forgetKey(const std::string& provider, const std::string& label);

    /// Exhausted accounts, so that a restart remembers them. Grows with each change of them.
    [[nodiscard]] std::int64_t changes() const { return m_changes.load(); }
    [[nodiscard]] std::string toJson() const;
    [[nodiscard]] Result<void> readJson(std::string_view json);

private:
    enum class Kind { Provider, Model, Key };
    using Name = std::tuple<std::string, Kind, std::string>; ///< provider, kind, model or key
    struct Entry {
        Health health;
        std::string label; ///< of a key
    };

    void end(const Call& call, const CallOutcome& outcome);
    [[nodiscard]] std::string note(
        const Name& name, const CallOutcome& outcome, TimeUs nowUs, const std::string& label);
    [[nodiscard]] const Health* find(const Name& name) const;
    [[nodiscard]] std::optional<Trouble> troubleOf(const Name& name, TimeUs nowUs) const;
    /// Of all keys together: one that may be used is enough.
    [[nodiscard]] std::optional<Trouble> keyTrouble(
        const ProxyConfig& config, const std::string& provider, TimeUs nowUs) const;
    [[nodiscard]] std::optional<Trouble> worst(const ProxyConfig& config,
        const std::string& provider, const std::string& model, TimeUs nowUs) const;
    [[nodiscard]] const ProviderKey* pickKey(const std::vector<ProviderKey>& keys,
        const catalog::Provider& provider, bool only, TimeUs nowUs);

    const Clock& m_clock;
    std::atomic<std::int64_t> m_changes{0};
    std::atomic<bool> m_quiet{true}; ///< nothing was ever held against anyone: the usual case
    mutable std::mutex m_mutex;
    std::function<void(const std::string&)> m_onAlert;
    std::map<Name, Entry> m_entries;
    std::map<std::string, std::uint64_t> m_turns; ///< by provider
};

/// "14:05:10" today, "2026-12-01 00:00" later, in the machine's own zone.
[[nodiscard]] std::string clockText(TimeUs atUs, TimeUs nowUs);

} // namespace headgate::proxy
