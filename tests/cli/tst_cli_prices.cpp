// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/cli/headgate_process.h"

#include <QJsonArray>
#include <QTest>

using namespace headgate::clitest;

namespace {

/// A LiteLLM list with one model of openai, as dollars a token.
QByteArray list(const QByteArray& input, const QByteArray& output)
{
    return "{\"gpt-9\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
           "\"input_cost_per_token\":"
        + input + ",\"output_cost_per_token\":" + output + "}}";
}

QString text(const QJsonObject& row, const char* field)
{
    return row[QLatin1String(field)].toString();
}

} // namespace

class TestCliPrices : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QString why;
        m_serving = Serving::start(m_home, &why);
        QVERIFY2(m_serving != nullptr, qPrintable(why));
    }

    void withoutAProviderThereIsNothingToImport()
    {
        const QString file = m_home.write(QStringLiteral("a.json"), list("1e-06", "2e-06"));
        const Ran ran = import(file);
        QCOMPARE(ran.code, 1);
        QVERIFY2(ran.err.contains("provider"), ran.err.constData());
        const Ran added = m_home.run("providers add --name openai --dialect openai "
                                     "--url https://api.openai.com/v1 --no-models");
        if (added.code != 0) { // the flag may not be there: then with the book's models
            QCOMPARE(m_home
                         .run("providers add --name openai --dialect openai "
                              "--url https://api.openai.com/v1")
                         .code,
                0);
        }
    }

    void addressesThatAreNotSafeAreRefused_data()
    {
        QTest::addColumn<QString>("url");
        QTest::newRow("plain http") << QStringLiteral("http://example.com/prices.json");
        QTest::newRow("metadata") << QStringLiteral("https://169.254.169.254/latest");
        QTest::newRow("nobody there") << QStringLiteral("http://127.0.0.1:1/prices.json");
        QTest::newRow("user info") << QStringLiteral("https://a:b@example.com/prices.json");
    }
    void addressesThatAreNotSafeAreRefused()
    {
        QFETCH(QString, url);
        const Ran ran = import(url);
        QCOMPARE(ran.code, 1);
        QVERIFY(!ran.err.isEmpty());
    }

    void aListIsShownThenAppliedThenUndone()
    {
        const QString file = m_home.write(QStringLiteral("b.json"), list("1e-06", "2e-06"));
        const Ran shown = import(file);
        QVERIFY2(shown.code == 0, shown.err.constData());
        QCOMPARE(text(shown.rows().last(), "change"), QStringLiteral("not applied"));
        QVERIFY(model(QStringLiteral("openai/gpt-9")).isEmpty());
        const Ran applied = import(file, {QStringLiteral("--apply")});
        QVERIFY2(applied.code == 0, applied.err.constData());
        QCOMPARE(text(applied.rows().last(), "change"), QStringLiteral("applied"));
        QJsonObject row = model(QStringLiteral("openai/gpt-9"));
        QCOMPARE(text(row, "input_usd_per_million"), QStringLiteral("1.00"));
        QCOMPARE(text(row, "output_usd_per_million"), QStringLiteral("2.00"));
        QCOMPARE(text(row, "price_age"), QStringLiteral("today"));
        QVERIFY(text(row, "source").startsWith(QLatin1String("LiteLLM")));
        // A change is a new sheet from now on.
        const QString dearer = m_home.write(QStringLiteral("c.json"), list("3e-06", "2e-06"));
        const Ran changed = import(dearer, {QStringLiteral("--apply")});
        QVERIFY2(changed.code == 0, changed.err.constData());
        QCOMPARE(text(changed.rows().first(), "percent"), QStringLiteral("+200%"));
        QCOMPARE(text(model(QStringLiteral("openai/gpt-9")), "input_usd_per_million"),
            QStringLiteral("3.00"));
        const auto revisions = m_home.json("config revisions --limit 2").rows();
        const auto earlier = revisions.last()[QLatin1String("revision")].toInteger();
        QCOMPARE(m_home
                     .run({QStringLiteral("config"), QStringLiteral("restore"),
                         QString::number(earlier)})
                     .code,
            0);
        QCOMPARE(text(model(QStringLiteral("openai/gpt-9")), "input_usd_per_million"),
            QStringLiteral("1.00"));
    }

    void pricesInAnotherUnitNeedConsent()
    {
        const QString file = m_home.write(QStringLiteral("d.json"), list("1e-12", "2e-06"));
        const Ran refused = import(file, {QStringLiteral("--apply")});
        QCOMPARE(refused.code, 1);
        QVERIFY2(refused.err.contains("accept-large-changes"), refused.err.constData());
        QCOMPARE(text(model(QStringLiteral("openai/gpt-9")), "input_usd_per_million"),
            QStringLiteral("1.00"));
        const Ran accepted
            = import(file, {QStringLiteral("--apply"), QStringLiteral("--accept-large-changes")});
        QVERIFY2(accepted.code == 0, accepted.err.constData());
    }

    void hostileListsChangeNothing()
    {
        const auto before = m_home.json("config revisions --limit 1").row();
        for (const QByteArray& bad : {QByteArray("{"), list("-1e-06", "1e-06"),
                 list("1e999", "1e-06"), list("2.5", "10"), QByteArray("[[[[[[[")}) {
            const QString file = m_home.write(QStringLiteral("e.json"), bad);
            const Ran ran = import(
                file, {QStringLiteral("--apply"), QStringLiteral("--accept-large-changes")});
            QVERIFY2(ran.code == 1, bad.constData());
            QVERIFY(!ran.err.isEmpty());
        }
        QCOMPARE(m_home.json("config revisions --limit 1").row(), before);
    }

    void discountsAreSet()
    {
        QCOMPARE(m_home.run("providers set openai --discount 12.5%").code, 0);
        for (const QJsonObject& row : m_home.json("providers list").rows()) {
            if (text(row, "name") == QLatin1String("openai")) {
                QCOMPARE(row[QLatin1String("discount_permille")].toInt(), 125);
            }
        }
        QCOMPARE(m_home.run("providers set openai --discount 100%").code, 1);
        QCOMPARE(m_home.run("providers set openai --discount -1%").code, 1);
        QCOMPARE(m_home.run("providers set nobody --discount 1%").code, 1);
    }

    void everyListFormatPricesUsage()
    {
        const QString rows = m_home.write(QStringLiteral("rows.jsonl"),
            "{\"id\":\"a\",\"provider\":\"openai\",\"flavor\":\"chat\",\"model\":\"gpt-9\","
            "\"raw_usage\":{\"prompt_tokens\":1000,\"completion_tokens\":10}}\n");
        const QString book = m_home.write(QStringLiteral("f.json"), list("1e-06", "2e-06"));
        const Ran ran = m_home.run({QStringLiteral("price"), rows, QStringLiteral("--book"), book});
        QVERIFY2(ran.code == 0, ran.err.constData());
        QCOMPARE(text(ran.row(), "cost_usd"), QStringLiteral("0.00102"));
    }

    void estimatesAreListed() { QCOMPARE(m_home.json("models estimates").code, 0); }

private:
    [[nodiscard]] Ran import(const QString& source, const QStringList& more = {}) const
    {
        return m_home.run(QStringList{QStringLiteral("models"), QStringLiteral("import"), source,
                              QStringLiteral("--json")}
            + more);
    }
    [[nodiscard]] QJsonObject model(const QString& id) const
    {
        for (const QJsonObject& row : m_home.json("models list").rows()) {
            if (text(row, "id") == id) {
                return row;
            }
        }
        return {};
    }

    Home m_home;
    std::unique_ptr<Serving> m_serving;
};

QTEST_GUILESS_MAIN(TestCliPrices)
#include "tst_cli_prices.moc"
