// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// How provider, models and keys add up to one state.

#include <QTest>

#include "core/service/provider_status.h"

using namespace headgate;
using namespace headgate::service;
using proxy::HealthState;

namespace {

Config config()
{
    Config out;
    catalog::Provider acme;
    acme.name = "acme";
    acme.hasKey = true;
    acme.extraKeys = {{"spare", "…wxyz"}};
    acme.concurrencyMax = 8;
    catalog::Provider sim = catalog::Provider();
    sim.name = "sim";
    sim.simulated = true;
    out.providers = {acme, sim};
    return out;
}

proxy::HealthRow row(const char* model, const char* key, HealthState state, TimeUs untilUs)
{
    proxy::HealthRow out;
    out.provider = "acme";
    out.model = model;
    out.key = key;
    out.state = state;
    out.untilUs = untilUs;
    out.words = state == HealthState::Healthy ? "" : "rests";
    return out;
}

} // namespace

class TestProviderStatus final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void nothingKnownIsWell()
    {
        const auto all = summedUp(config(), {}, {});
        QCOMPARE(all.size(), std::size_t{2});
        QVERIFY(all[0].state == HealthState::Healthy);
        QVERIFY(!all[0].isUnwell());
        QCOMPARE(all[0].keys, std::int64_t{2});
        QCOMPARE(all[1].keys, std::int64_t{0});
    }

    void rowsOfOthersAreNotMine()
    {
        auto foreign = row("", "", HealthState::Open, 9);
        foreign.provider = "gone";
        const auto all = summedUp(config(), {foreign}, {{"gone", 1, 1}});
        QVERIFY(!all[0].isUnwell());
        QCOMPARE(all[0].inFlight, std::int64_t{0});
    }

    void oneKeyAsideIsNotTheWhole()
    {
        const auto one = summedUp(config(), {row("", "key", HealthState::Exhausted, 50)}, {})[0];
        QVERIFY(one.state == HealthState::Healthy);
        QVERIFY(one.isUnwell());
        QCOMPARE(one.keysAside, std::int64_t{1});
        QCOMPARE(one.words, std::string("key \"key\": rests"));
    }

    void allKeysAsideAreTheWholeUntilTheFirstIsBack()
    {
        const auto one = summedUp(config(),
            {row("", "key", HealthState::Exhausted, 50),
                row("", "spare", HealthState::KeyRefused, 20)},
            {})[0];
        QVERIFY(one.state == HealthState::KeyRefused);
        QCOMPARE(one.untilUs, TimeUs{20});
        QCOMPARE(one.keysAside, std::int64_t{2});
    }

    void aBreakerGoesBeforeKeys()
    {
        const auto one = summedUp(config(),
            {row("", "", HealthState::Open, 70), row("", "key", HealthState::KeyRefused, 20),
                row("", "spare", HealthState::KeyRefused, 30)},
            {})[0];
        QVERIFY(one.state == HealthState::Open);
        QCOMPARE(one.untilUs, TimeUs{70});
    }

    void aModelAsideLeavesTheRestWell()
    {
        const auto one
            = summedUp(config(), {row("m", "", HealthState::CoolingDown, 50)}, {{"acme", 3, 2}})[0];
        QVERIFY(one.state == HealthState::Healthy);
        QCOMPARE(one.modelsAside, std::int64_t{1});
        QCOMPARE(one.words, std::string("model m: rests"));
        QCOMPARE(one.inFlight, std::int64_t{3});
        QCOMPARE(one.waiting, std::int64_t{2});
        QCOMPARE(one.callsMax, std::int64_t{8});
    }

    void callsAreCountedOnce()
    {
        auto whole = row("", "", HealthState::Healthy, 0);
        whole.successes = 10;
        whole.failures = 1; // not reached
        auto model = row("m", "", HealthState::Healthy, 0);
        model.successes = 10;
        model.failures = 2; // server errors
        model.lastError = "500";
        model.lastErrorAtUs = 5;
        auto key = row("", "key", HealthState::Healthy, 0);
        key.successes = 10;
        const auto one = summedUp(config(), {whole, model, key}, {})[0];
        QCOMPARE(one.answers, std::int64_t{10});
        QCOMPARE(one.errors, std::int64_t{3});
        QCOMPARE(one.lastError, std::string("500"));
    }

    void aSimulatedProviderIsNeverUnwell()
    {
        auto failed = row("sim-small", "", HealthState::Open, 9);
        failed.provider = "sim";
        failed.failures = 7;
        const auto one = summedUp(config(), {failed}, {})[1];
        QVERIFY(!one.isUnwell());
        QCOMPARE(one.errors, std::int64_t{7});
    }
};

QTEST_GUILESS_MAIN(TestProviderStatus)
#include "tst_provider_status.moc"
