// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QTemporaryDir>
#include <QtTest>

#ifndef Q_MOC_RUN // it stumbles over the standard headers that come with these
#include "core/catalog/price_book.h"
#include "core/service/config.h"
#include "core/service/csv.h"
#include "core/service/secret_store.h"
#endif

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

using namespace headgate;
using namespace headgate::service;

namespace {

Config fullConfig()
{
    Config config;
    config.revision = 7;
    config.atUs = 1790000000000001;
    config.actor = "cli";
    config.summary = "Say \"hello\" – äöü";
    config.providers.push_back(catalog::simProvider());
    catalog::Provider provider;
    provider.name = "openai";
    provider.baseUrl = "https://api.openai.com/v1";
    provider.hasKey = true;
    provider.keyHint = "…abcd";
    provider.concurrencyMax = 3;
    provider.idleTimeoutMs = 1000;
    provider.injectUsage = false;
    provider.enabled = false;
    provider.needsKey = false;
    provider.extraKeys = {{"second", "…efgh"}, {"third", ""}};
    provider.keyRotation = catalog::KeyRotation::RoundRobin;
    provider.ceilingField = "max_tokens";
    provider.servesResponses = true;
    provider.proxy = "http://proxy.corp:3128";
    provider.hasProxyAuth = true;
    provider.caFile = "/etc/corp.pem";
    provider.discountPermille = 125;
    config.providers.push_back(provider);
    config.models = catalog::simModels();
    for (const auto& model : catalog::defaultBook().models) {
        config.models.push_back(model);
    }
    catalog::PriceSheet& rich = config.models.front().prices.front();
    std::int64_t pico = 1;
    for (const auto& field : catalog::tokenPriceFields) {
        rich.*field.member = Price::fromPico(pico++);
    }
    rich.contextTiers = {{1'000, rich}, {2'000, rich}};
    rich.serviceTiers["flex"] = {rich, {{500, rich}}};
    rich.perTool = {{"maps", Money::fromNano(5)}, {"web_fetch", Money()}};
    rich.perImageIn = Money::fromNano(6);
    rich.perImageOut = Money::fromNano(7);
    rich.perCall = Money::fromNano(8);
    rich.geoPermille["us"] = 1'100;
    rich.windows = {{"Asia/Shanghai", 540, 1'080, rich}, {"UTC", 1'320, 120, rich}};
    rich.fetchedAtUs = 1'790'000'000'000'000;
    config.models.front().fallbacks = {"openai/gpt-4o", "sim/sim-large"};
    ledger::Pool pool;
    pool.id = PoolId{3};
    pool.name = "team-search";
    pool.scope = *ledger::Scope::parse("team=search");
    pool.window = *ledger::Window::parse("month");
    pool.cap = Money::fromNano(9223372036854775807);
    pool.hard = false;
    pool.reservePercent = 20;
    pool.zone = "Europe/Berlin";
    pool.fiscalStartDay = 15;
    pool.frozen = true;
    pool.archived = true;
    config.pools.push_back(pool);
    KeyRecord key;
    key.id = KeyId{4};
    key.name = "laptop";
    key.hash = std::string(64, 'a');
    key.hint = "…wxyz";
    key.team = "search";
    key.user = "ana";
    key.tags = {"project:x", "cost:y"};
    key.createdAtUs = 1;
    key.expiresAtUs = 2;
    key.revokedAtUs = 3;
    config.keys.push_back(key);
    config.settings.org = "acme";
    config.settings.theme = "dark";
    config.settings.firstRunDone = true;
    config.settings.powerSafe = false;
    config.settings.zone = "UTC";
    config.settings.loops = {false, 7, 30, 5, true};
    config.paused = true;
    config.nextId = 99;
    return config;
}

} // namespace

class TestConfig : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badTextIsRefused_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QString>("says");
        QTest::newRow("empty") << QByteArray("") << QString();
        QTest::newRow("array") << QByteArray("[]") << QString();
        QTest::newRow("cut") << QByteArray("{\"revision\":1") << QString();
        QTest::newRow("wrong type")
            << QByteArray("{\"revision\":\"1\"}") << QStringLiteral("revision");
        QTest::newRow("fraction") << QByteArray(
            "{\"pools\":[{\"scope\":\"org\",\"window\":\"day\",\"cap_nano\":1.5}]}")
                                  << QStringLiteral("pools[0].cap_nano");
        QTest::newRow("scope") << QByteArray(
            "{\"pools\":[{\"scope\":\"moon\",\"window\":\"day\"}]}")
                               << QStringLiteral("pools[0].scope");
        QTest::newRow("not an object") << QByteArray("{\"keys\":[1]}") << QStringLiteral("keys");
        QTest::newRow("negative price")
            << QByteArray("{\"models\":[{\"prices\":[{\"input_pico\":-1}]}]}")
            << QStringLiteral("models[0].prices[0].input_pico");
        QTest::newRow("policy") << QByteArray("{\"policy\":{\"no_such_field\":1}}")
                                << QStringLiteral("policy");
    }
    void badTextIsRefused()
    {
        QFETCH(QByteArray, text);
        QFETCH(QString, says);
        const auto config = configFromJson(text.toStdString());
        QVERIFY(!config);
        QVERIFY2(QString::fromStdString(config.error().message).contains(says),
            config.error().message.c_str());
    }

    void newerFormatIsRefused()
    {
        const auto config = configFromJson("{\"format\":3}");
        QVERIFY(!config);
        QCOMPARE(config.error().code, ErrorCode::TooNew);
    }

    void roundTrip()
    {
        const Config config = fullConfig();
        const std::string text = configToJson(config);
        const auto back = configFromJson(text);
        QVERIFY2(back, back ? "" : back.error().message.c_str());
        QCOMPARE(QByteArray::fromStdString(configToJson(*back)), QByteArray::fromStdString(text));
        QCOMPARE(back->pools.front(), config.pools.front());
        QCOMPARE(back->models.size(), config.models.size());
        QCOMPARE(back->keys.front().tags, config.keys.front().tags);
        QCOMPARE(back->nextId, 99);
        QVERIFY(back->paused);
    }

    void pricesOfTheFirstFormatAreRead()
    {
        const auto config = configFromJson(
            "{\"format\":1,\"models\":[{\"provider\":\"openai\",\"name\":\"m\",\"prices\":[{"
            "\"input_pico\":1,\"output_pico\":2,\"tier_above\":272000,\"tier_input_pico\":3,"
            "\"tier_output_pico\":4,\"tier_cache_write_pico\":5,\"per_web_search_nano\":10,"
            "\"per_call_nano\":0,\"service_tiers\":{\"flex\":{\"input_pico\":6,"
            "\"cache_write_pico\":7}}},{\"input_pico\":1,\"output_pico\":2,\"tier_above\":0,"
            "\"per_web_search_nano\":0}]}]}");
        QVERIFY2(config, config ? "" : config.error().message.c_str());
        const catalog::PriceSheet& sheet = config->models.front().prices.front();
        QCOMPARE(sheet.contextTiers.size(), std::size_t{1});
        QCOMPARE(sheet.contextTiers[0].above, 272'000);
        QCOMPARE(sheet.contextTiers[0].prices.output->pico(), 4);
        QCOMPARE(sheet.contextTiers[0].prices.cacheWrite5m->pico(), 5);
        QCOMPARE(sheet.perTool.at("web_search").nano(), 10);
        QCOMPARE(sheet.serviceTiers.at("flex").prices.cacheWrite5m->pico(), 7);
        const catalog::PriceSheet& plain = config->models.front().prices.back();
        QVERIFY(plain.contextTiers.empty());
        QVERIFY(plain.perTool.empty()); // 0 was "not known"
    }

    // --- secrets

    void secretsRoundTripEncrypted()
    {
        const QTemporaryDir dir;
        const std::string box = dir.filePath(QStringLiteral("box")).toStdString();
        const std::string key = dir.filePath(QStringLiteral("key")).toStdString();
        {
            auto store = SecretStore::open(box, key);
            QVERIFY(store);
            QVERIFY(store->put("provider:a", Secret("sk-first-secret-value")));
            QVERIFY(store->put("provider:b", Secret("sk-second-secret-value")));
            QVERIFY(store->remove("provider:b"));
        }
        struct stat info { };
        QCOMPARE(::stat(box.c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777U, 0600U);
        QCOMPARE(::stat(key.c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777U, 0600U);
        std::ifstream in(box, std::ios::binary);
        const std::string content{std::istreambuf_iterator<char>(in), {}};
        QVERIFY(content.starts_with("headgate provider keys"));
        QVERIFY(content.find("secret-value") == std::string::npos);
        const auto store = SecretStore::open(box, key);
        QVERIFY(store);
        QCOMPARE(store->all().size(), std::size_t{1});
        QVERIFY(store->get("provider:a"));
        QVERIFY(!store->get("provider:b"));
    }

    void damagedSecretsAreRefused()
    {
        const QTemporaryDir dir;
        const std::string box = dir.filePath(QStringLiteral("box")).toStdString();
        const std::string key = dir.filePath(QStringLiteral("key")).toStdString();
        {
            auto store = SecretStore::open(box, key);
            QVERIFY(store && store->put("a", Secret("0123456789")));
        }
        {
            std::fstream file(box, std::ios::binary | std::ios::in | std::ios::out);
            file.seekp(-1, std::ios::end);
            file.put('!');
        }
        const auto damaged = SecretStore::open(box, key);
        QVERIFY(!damaged);
        QCOMPARE(damaged.error().code, ErrorCode::Corrupt);
        QVERIFY(!damaged.error().remedy.empty());
        std::filesystem::remove(key);
        QVERIFY(!SecretStore::open(box, key)); // never a fresh key beside an old box
    }

    // --- CSV

    void formulasAreEscaped_data()
    {
        QTest::addColumn<QByteArray>("in");
        QTest::addColumn<QByteArray>("out");
        QTest::newRow("empty") << QByteArray("") << QByteArray("\"\"");
        QTest::newRow("plain") << QByteArray("a b") << QByteArray("\"a b\"");
        QTest::newRow("equals") << QByteArray("=1+1") << QByteArray("\"'=1+1\"");
        QTest::newRow("plus") << QByteArray("+1") << QByteArray("\"'+1\"");
        QTest::newRow("minus") << QByteArray("-1") << QByteArray("\"'-1\"");
        QTest::newRow("at") << QByteArray("@x") << QByteArray("\"'@x\"");
        QTest::newRow("tab") << QByteArray("\t=1") << QByteArray("\"'\t=1\"");
        QTest::newRow("quote") << QByteArray("a\"b") << QByteArray("\"a\"\"b\"");
        QTest::newRow("comma and line") << QByteArray("a,b\nc") << QByteArray("\"a,b\nc\"");
    }
    void formulasAreEscaped()
    {
        QFETCH(QByteArray, in);
        QFETCH(QByteArray, out);
        QCOMPARE(QByteArray::fromStdString(csvCell(in.toStdString())), out);
    }

    void exportedNumbersAreExact()
    {
        activity::Decision decision;
        decision.id = DecisionId{1790000000000000};
        decision.cost = Money::fromNano(42);
        decision.reason = "=HYPERLINK(\"http://evil\")";
        const QByteArray line = QByteArray::fromStdString(decisionCsvLine(decision));
        QVERIFY(line.contains("\"0.000000042\""));
        QVERIFY(line.contains("\"USD\""));
        QVERIFY(line.contains("\"'=HYPERLINK(\"\"http://evil\"\")\""));
        const QByteArray head = QByteArray::fromStdString(decisionCsvHead());
        QCOMPARE(line.count("\",\""), head.count("\",\""));
    }
};

QTEST_GUILESS_MAIN(TestConfig)
#include "tst_config.moc"
