// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "support/test_house.h"

#include "core/base/secret.h"
#include "core/catalog/price_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace headgate::testing {

DecisionId MemorySink::nextId(TimeUs nowUs)
{
    const std::scoped_lock lock(m_mutex);
    m_last = std::max(m_last + 1, nowUs);
    return {m_last};
}

void MemorySink::append(activity::Decision decision)
{
    const std::scoped_lock lock(m_mutex);
    m_rows.push_back(std::move(decision));
}

std::vector<activity::Decision> MemorySink::rows() const
{
    const std::scoped_lock lock(m_mutex);
    return m_rows;
}

TestHouse::TestHouse(HouseOptions options)
{
    auto pattern = (std::filesystem::temp_directory_path() / "headgate-proxy-XXXXXX").string();
    m_folder = options.folder.empty() ? ::mkdtemp(pattern.data()) : options.folder;
    m_key = options.key.empty() ? "hg-" + randomHex(32) : options.key;
    m_keepFolder = options.keepFolder;
    const Clock& clock = options.clock != nullptr ? *options.clock : m_systemClock;
    ledger::LedgerOptions ledgerOptions;
    ledgerOptions.path = m_folder + "/ledger.db";
    ledgerOptions.powerSafe = false;
    auto opened = ledger::SqliteLedger::open(std::move(ledgerOptions), clock);
    if (!opened) {
        m_error = opened.error().text();
        return;
    }
    m_ledger = std::move(*opened);
    std::vector<ledger::Pool> pools;
    if (!options.cap.empty()) {
        pools.push_back(poolOf("test", "org", "lifetime", options.cap));
        pools.back().id = {1};
    }
    for (ledger::Pool& pool : options.pools) {
        pool.id = {static_cast<std::int64_t>(pools.size()) + (options.cap.empty() ? 2 : 1)};
        pools.push_back(pool);
    }
    if (!pools.empty()) {
        if (auto set = m_ledger->setPools(std::move(pools)); !set) {
            m_error = set.error().text();
        }
    }
    auto config = std::make_shared<proxy::ProxyConfig>();
    config->revision = 1;
    config->catalog.providers.push_back(catalog::simProvider());
    config->catalog.models = catalog::simModels();
    proxy::ClientKey key;
    key.id = {7};
    key.name = "tester";
    key.team = "search";
    config->keysByHash.emplace(strongHashHex(m_key), key);
    m_config = config;
    proxy::ProxyOptions proxyOptions;
    proxyOptions.port = 0;
    proxyOptions.threads = options.threads;
    proxyOptions.inFlightWaitMs = options.inFlightWaitMs;
    proxyOptions.drainTimeoutMs = options.drainTimeoutMs;
    proxyOptions.margins = &m_margins;
    proxyOptions.onAlert = [this](const std::string& text) {
        const std::scoped_lock lock(m_mutex);
        m_alerts.push_back(text);
    };
    proxyOptions.sim.billPath = m_folder + "/sim-bill.log";
    proxyOptions.sim.latencyPermille = options.latencyPermille;
    auto started = proxy::Proxy::start(proxyOptions, m_config, *m_ledger, m_sink, clock);
    if (!started) {
        m_error = started.error().text();
        return;
    }
    m_proxy = std::move(*started);
}

TestHouse::~TestHouse()
{
    stop(0);
    m_proxy.reset();
    m_ledger.reset();
    if (!m_keepFolder) {
        std::error_code ignored;
        std::filesystem::remove_all(m_folder, ignored);
    }
}

void TestHouse::stop(int waitMs)
{
    if (m_proxy) {
        m_proxy->drainAndStop(waitMs);
    }
}

void TestHouse::reconfigure(proxy::ProxyConfig config)
{
    ++config.revision;
    m_config = std::make_shared<const proxy::ProxyConfig>(std::move(config));
    m_proxy->setConfig(m_config);
}

void TestHouse::addProvider(
    const std::string& url, const std::string& name, const std::string& modelName)
{
    auto changed = config();
    catalog::Provider provider;
    provider.name = name;
    provider.baseUrl = url;
    provider.hasKey = true;
    provider.connectTimeoutMs = 2'000;
    provider.firstByteTimeoutMs = 1'000;
    provider.idleTimeoutMs = 1'000;
    changed.catalog.providers.push_back(provider);
    catalog::Model model;
    model.provider = name;
    model.name = modelName;
    model.contextTokens = 128'000;
    model.maxOutputTokens = 16'384;
    model.tokenizer = "o200k_base";
    catalog::PriceSheet sheet;
    sheet.input = Price::fromPico(1'000'000);
    sheet.output = Price::fromPico(10'000'000);
    model.prices.push_back(sheet);
    changed.catalog.models.push_back(model);
    changed.providerKeys[name] = {
        proxy::providerKey("", std::make_shared<const Secret>(std::string("sk-operator-secret")))};
    reconfigure(std::move(changed));
}

proxy::SimBill TestHouse::bill() const
{
    const auto bill = proxy::readSimBill(m_folder + "/sim-bill.log");
    return bill ? *bill : proxy::SimBill();
}

std::vector<std::string> TestHouse::alerts() const
{
    const std::scoped_lock lock(m_mutex);
    return m_alerts;
}

Money TestHouse::settled() const
{
    const auto view = m_ledger->view({}, {});
    return view.lines.empty() ? Money() : view.lines.front().settled;
}

Money TestHouse::held() const
{
    const auto view = m_ledger->view({}, {});
    return view.lines.empty() ? Money() : view.lines.front().held;
}

std::optional<ledger::PoolState> TestHouse::pool(const std::string& name) const
{
    for (ledger::PoolState& state : m_ledger->poolStates()) {
        if (state.pool.name == name) {
            return std::move(state);
        }
    }
    return std::nullopt;
}

bool TestHouse::waitIdle(int timeoutMs) const
{
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs);
    while (std::chrono::steady_clock::now() < until) {
        if (m_proxy->stats().inFlight == 0 && m_ledger->openHoldCount() == 0) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

std::vector<activity::Decision> TestHouse::waitRows(std::size_t count) const
{
    for (int i = 0; i < 4'000 && m_sink.rows().size() < count; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    // A row is written after its answer: that of the next request may come before it.
    auto rows = m_sink.rows();
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return rows;
}

RawReply TestHouse::chat(const std::string& body, const std::string& extraHeaders) const
{
    RawRequest request;
    request.key = m_key;
    request.body = body;
    request.extraHeaders = extraHeaders;
    return ask(m_proxy->port(), request);
}

ledger::Pool poolOf(
    const std::string& name, const char* scope, const char* window, const std::string& cap)
{
    ledger::Pool pool;
    pool.name = name;
    pool.scope = *ledger::Scope::parse(scope);
    pool.window = *ledger::Window::parse(window);
    pool.cap = *Money::parse(cap);
    return pool;
}

std::string chatBody(const std::string& model, const std::string& text, const std::string& extra)
{
    return fmt::format(
        R"({{"model":"{}","messages":[{{"role":"user","content":"{}"}}]{}}})", model, text, extra);
}

} // namespace headgate::testing
