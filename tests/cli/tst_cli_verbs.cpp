// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/cli/headgate_process.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QTest>

using namespace headgate::clitest;

namespace {

QString text(const QJsonObject& row, const char* field)
{
    return row[QLatin1String(field)].toString();
}

QJsonObject rowNamed(const Ran& ran, const char* name)
{
    for (const QJsonObject& row : ran.rows()) {
        if (text(row, "name") == QLatin1String(name)) {
            return row;
        }
    }
    return {};
}

std::string good()
{
    return chatBody("auto", "Say hello.", 16);
}

#define RUN(home, words)                                                                           \
    do {                                                                                           \
        const Ran ranHere = (home).run(words);                                                     \
        QVERIFY2(ranHere.code == 0, (QByteArray(words) + ": " + ranHere.err).constData());         \
    } while (false)

} // namespace

class TestCliVerbs : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QString why;
        m_serving = Serving::start(m_home, &why);
        QVERIFY2(m_serving != nullptr, qPrintable(why));
        m_key = m_serving->key;
    }

    void theFirstLineIsReady()
    {
        const QJsonObject& ready = m_serving->ready;
        QCOMPARE(text(ready, "event"), QStringLiteral("ready"));
        QCOMPARE(text(ready, "url"), QStringLiteral("http://127.0.0.1:%1").arg(m_serving->port));
        QCOMPARE(ready[QLatin1String("pid")].toInteger(), m_serving->pid());
        QVERIFY(text(ready, "client_key").startsWith(QLatin1String("hg-")));
    }

    void statusTellsWhatRuns()
    {
        QCOMPARE(ask().status, 200);
        const QJsonObject row = m_home.json("status").row();
        QCOMPARE(row[QLatin1String("serving")].toBool(), true);
        QCOMPARE(text(row, "url"), text(m_serving->ready, "url"));
        QVERIFY(row[QLatin1String("requests")].toInteger() >= 1);
        QVERIFY(!text(row, "spent_today_usd").isEmpty());
        const Ran people = m_home.run("status");
        QVERIFY(people.out.contains("http://127.0.0.1:"));
        QVERIFY(!people.out.contains('{'));
        // Where nothing runs it says so.
        QCOMPARE(Home().json("status").row()[QLatin1String("serving")].toBool(true), false);
    }

    void poolsLiveTheirLife()
    {
        RUN(m_home,
            "pools add --name month --scope team=search --window month --cap 12.50 --zone "
            "Europe/Berlin --reserve 0% --watch");
        QJsonObject row = rowNamed(m_home.json("pools list"), "month");
        QCOMPARE(text(row, "cap_usd"), QStringLiteral("12.50"));
        QCOMPARE(text(row, "scope"), QStringLiteral("team=search"));
        QCOMPARE(text(row, "window"), QStringLiteral("month"));
        QCOMPARE(text(row, "zone"), QStringLiteral("Europe/Berlin"));
        QCOMPARE(row[QLatin1String("hard")].toBool(true), false);
        RUN(m_home, "pools set month --cap 0.000000001 --hard --window week");
        row = rowNamed(m_home.json("pools list"), "month");
        QCOMPARE(text(row, "cap_usd"), QStringLiteral("0.000000001"));
        QCOMPARE(text(row, "window"), QStringLiteral("week"));
        QCOMPARE(row[QLatin1String("hard")].toBool(), true);
        const Ran people = m_home.run("pools list");
        QVERIFY2(people.out.contains("organisation-day") && people.out.contains("25.00"),
            people.out.constData());
        RUN(m_home, "pools archive month");
        QVERIFY(rowNamed(m_home.json("pools list"), "month").isEmpty());
    }

    void poolsOfEveryKind_data()
    {
        QTest::addColumn<QString>("scope");
        QTest::addColumn<QString>("window");
        QTest::addColumn<QString>("more");
        QTest::addColumn<QString>("shown");
        const auto row = [](const char* name, const char* scope, const char* window,
                             const char* more, const char* shown) {
            QTest::newRow(name) << QString::fromLatin1(scope) << QString::fromLatin1(window)
                                << QString::fromLatin1(more) << QString::fromLatin1(shown);
        };
        row("hour", "team=nobody", "hour", "--cap 4", "hour");
        row("fiscal month", "each-team", "month", "--cap 4 --fiscal-day 25", "month");
        row("sliding", "each-user", "sliding:24h", "--cap 4 --reserve 20%", "sliding:1d");
        row("bucket", "org", "bucket:4/0.5-per-hour", "", "bucket:4.00/0.50-per-hour");
        row("lifetime", "tag=project:x", "lifetime", "--cap 4 --watch", "lifetime");
        row("session", "each-session", "session:30m", "--cap 4", "session:30m");
        row("request", "request", "request", "--cap 4", "request");
        row("tier", "tier>=2", "week", "--cap 4", "week");
        row("model", "model=sim/sim-large", "quarter", "--cap 4", "quarter");
        row("provider", "provider=sim", "year", "--cap 4", "year");
    }
    void poolsOfEveryKind()
    {
        QFETCH(QString, scope);
        QFETCH(QString, window);
        QFETCH(QString, more);
        QFETCH(QString, shown);
        const auto run = [this](const QString& words) {
            const auto ran = m_home.run(words.toLatin1().constData());
            return ran.code == 0 ? QByteArray() : words.toLatin1() + ": " + ran.err;
        };
        QCOMPARE(run(QStringLiteral("pools add --name kind --scope %1 --window %2 %3")
                         .arg(scope, window, more)),
            QByteArray());
        const QJsonObject made = m_home.json("pools show kind").row();
        QCOMPARE(text(made, "window"), shown);
        QCOMPARE(text(made, "cap_usd"), QStringLiteral("4.00"));
        QVERIFY(!text(made, "renews").isEmpty());
        QCOMPARE(run(QStringLiteral("pools set kind --cap 6")), QByteArray());
        QCOMPARE(text(m_home.json("pools show kind").row(), "cap_usd"), QStringLiteral("6.00"));
        QCOMPARE(run(QStringLiteral("pools duplicate kind --name twin")), QByteArray());
        const QJsonObject twin = m_home.json("pools show twin").row();
        QCOMPARE(text(twin, "scope"), scope);
        QCOMPARE(text(twin, "cap_usd"), QStringLiteral("6.00"));
        // Back, step by step: the twin goes, the cap returns, the pool goes.
        QCOMPARE(run(QStringLiteral("pools undo")), QByteArray());
        QVERIFY(rowNamed(m_home.json("pools list"), "twin").isEmpty());
        QCOMPARE(run(QStringLiteral("pools undo")), QByteArray());
        QCOMPARE(
            text(rowNamed(m_home.json("pools list"), "kind"), "cap_usd"), QStringLiteral("4.00"));
        QCOMPARE(run(QStringLiteral("pools undo")), QByteArray());
        QVERIFY(rowNamed(m_home.json("pools list"), "kind").isEmpty());
        QVERIFY(!rowNamed(m_home.json("pools list --all"), "kind").isEmpty());
    }

    void moneyMovesAreAuditedAndUndone()
    {
        RUN(m_home, "pools add --name prepaid --scope each-team --window lifetime --cap 5");
        Ran bad = m_home.run("pools top-up prepaid 1 --reason launch");
        QCOMPARE(bad.code, 1);
        QVERIFY2(bad.err.contains("--value"), bad.err.constData());
        bad = m_home.run("pools top-up prepaid -1 --value search --reason launch");
        QCOMPARE(bad.code, 1);
        QVERIFY2(bad.err.contains("pools undo"), bad.err.constData());
        RUN(m_home, "pools top-up prepaid 1.50 --value search --reason launch");
        RUN(m_home, "pools adjust prepaid 0.25 --value search --reason invoice");
        auto rows = m_home.json("pools history prepaid").rows();
        QCOMPARE(rows.size(), 3);
        QCOMPARE(text(rows[0], "what"), QStringLiteral("adjust"));
        QCOMPARE(text(rows[0], "actor"), QStringLiteral("cli"));
        QCOMPARE(text(rows[0], "reason"), QStringLiteral("invoice"));
        QCOMPARE(text(rows[0], "change"), QStringLiteral("settled_usd 0.00 -> 0.25"));
        QCOMPARE(text(rows[1], "change"), QStringLiteral("topped_up_usd 0.00 -> 1.50"));
        QVERIFY(!text(rows[1], "at").isEmpty());
        RUN(m_home, "pools undo");
        RUN(m_home, "pools undo");
        rows = m_home.json("pools history prepaid").rows();
        QCOMPARE(rows.size(), 5);
        QCOMPARE(text(rows[0], "change"), QStringLiteral("topped_up_usd 1.50 -> 0.00"));
        QVERIFY(text(rows[0], "reason").startsWith(QLatin1String("Undo of entry #")));
        QCOMPARE(rows[2][QLatin1String("undone")].toBool(), true);
        QCOMPARE(rows[3][QLatin1String("undone")].toBool(), true);
        const auto people = m_home.run("pools history prepaid");
        QVERIFY2(people.out.contains("topped_up_usd 0.00 -> 1.50"), people.out.constData());
        RUN(m_home, "pools undo");
        RUN(m_home, "pools restore prepaid");
        RUN(m_home, "pools archive prepaid");
        QCOMPARE(m_home.run("pools top-up prepaid 1 --value x --reason y").code, 1);
        QCOMPARE(m_home.run("ledger verify").code, 0);
    }

    void numbersAreExplained()
    {
        RUN(m_home, "pools add --name told --scope each-key --window day --cap 5");
        const Answer answer = ask();
        QCOMPARE(answer.status, 200);
        const QString id = QString::fromStdString(answer.header("x-headgate-decision"));
        const auto run = [this](const QString& what) {
            return m_home.run({QStringLiteral("ledger"), QStringLiteral("explain"), what,
                QStringLiteral("--json")});
        };
        const QJsonObject hold = run(id).row();
        QCOMPARE(text(hold, "kind"), QStringLiteral("hold"));
        QCOMPARE(text(hold, "state"), QStringLiteral("settled"));
        QCOMPARE(text(hold, "decision"), id);
        QCOMPARE(text(hold, "charged_usd"),
            QString::fromStdString(answer.header("x-headgate-cost-usd")));
        QVERIFY(hold[QLatin1String("lines")].toArray().size() >= 2);
        const QByteArray tale = QJsonDocument(hold[QLatin1String("story")].toArray()).toJson();
        QVERIFY2(tale.contains("tokens in at $"), tale.constData());
        QVERIFY2(tale.contains("exact usage"), tale.constData());
        // The same by its number, and in words.
        const auto number = QString::number(hold[QLatin1String("hold")].toInteger());
        QCOMPARE(
            text(run(QLatin1Char('#') + number).row(), "request_id"), text(hold, "request_id"));
        const Ran people = m_home.run(
            {QStringLiteral("ledger"), QStringLiteral("explain"), QLatin1Char('#') + number});
        QVERIFY2(people.code == 0 && people.out.contains("all or none")
                && people.out.contains("told/default"),
            people.out.constData());
        const QJsonObject account = run(QStringLiteral("told/default")).row();
        QCOMPARE(text(account, "kind"), QStringLiteral("account"));
        QCOMPARE(account[QLatin1String("ok")].toBool(), true);
        QCOMPARE(text(account, "settled_usd"), text(account, "journal_settled_usd"));
        QCOMPARE(text(account, "settled_usd"), text(hold, "charged_usd"));
        const Ran which = run(QStringLiteral("told"));
        QCOMPARE(which.code, 1);
        QVERIFY2(which.err.contains("told/default"), which.err.constData());
        const Ran nothing = run(QStringLiteral("no-such-thing"));
        QCOMPARE(nothing.code, 1);
        QVERIFY2(nothing.err.contains("decisions list"), nothing.err.constData());
        QVERIFY(!text(run(QStringLiteral("organisation-day")).row(), "settled_usd").isEmpty());
        RUN(m_home, "pools archive told");
    }

    void aChangeReachesTheRunningProxyAtOnce()
    {
        QCOMPARE(ask().status, 200);
        RUN(m_home, "pools add --name gate --scope org --window lifetime --cap 0.000000001");
        const Answer refused = ask();
        QCOMPARE(refused.status, 402);
        QVERIFY2(refused.errorMessage().contains(QLatin1String("gate")), refused.body.c_str());
        QCOMPARE(QString::fromStdString(refused.header("x-should-retry")), QStringLiteral("false"));
        QVERIFY(refused.header("retry-after").empty());
        RUN(m_home, "pools top-up gate 1.00 --reason more");
        QCOMPARE(ask().status, 200);
        RUN(m_home, "pools freeze gate");
        QCOMPARE(ask().status, 402);
        RUN(m_home, "pools unfreeze gate");
        QCOMPARE(ask().status, 200);
        RUN(m_home, "pools adjust gate 2.50 --reason correction");
        RUN(m_home, "pools adjust gate -2.50 --reason back");
        RUN(m_home, "pools set gate --watch");
        QCOMPARE(ask().status, 200);
        RUN(m_home, "pools archive gate");
        QCOMPARE(ask().status, 200);
    }

    void keysAreShownOnceAndRevokedAtOnce()
    {
        const Ran made = m_home.run(
            "keys create --name search-bot --team search --user ada --tag env:test --tag app:x");
        QCOMPARE(made.code, 0);
        const std::string key = made.out.trimmed().toStdString();
        QVERIFY2(key.starts_with("hg-") && key.find('\n') == std::string::npos, key.c_str());
        QCOMPARE(post(m_serving->port, key, good()).status, 200);
        const Ran listed = m_home.json("keys list");
        QVERIFY(!listed.out.contains(key.c_str()));
        const QJsonObject row = rowNamed(listed, "search-bot");
        QCOMPARE(text(row, "team"), QStringLiteral("search"));
        QCOMPARE(text(row, "user"), QStringLiteral("ada"));
        QCOMPARE(row[QLatin1String("tags")].toArray().size(), 2);
        RUN(m_home, "keys revoke search-bot");
        QCOMPARE(post(m_serving->port, key, good()).status, 401);
        QCOMPARE(
            rowNamed(m_home.json("keys list"), "search-bot")[QLatin1String("revoked")].toBool(),
            true);
        const Ran json = m_home.json("keys create --name second");
        QVERIFY(text(json.row(), "key").startsWith(QLatin1String("hg-")));
    }

    void providersAndModels()
    {
        const Ran added = m_home.run(
            {QStringLiteral("providers"), QStringLiteral("add"), QStringLiteral("--name"),
                QStringLiteral("local"), QStringLiteral("--dialect"), QStringLiteral("openai"),
                QStringLiteral("--url"), QStringLiteral("http://127.0.0.1:9/v1"),
                QStringLiteral("--key-stdin")},
            "sk-canary-0123456789abcdef\n");
        QVERIFY2(added.code == 0, added.err.constData());
        const Ran listed = m_home.json("providers list");
        const QJsonObject row = rowNamed(listed, "local");
        QCOMPARE(row[QLatin1String("has_key")].toBool(), true);
        QVERIFY2(!listed.out.contains("canary"), "a provider's key must never be printed");
        RUN(m_home,
            "models add --provider local --name m1 --tier 2 --input 0.15 --output 0.60 "
            "--cache-read "
            "0.075 --context 128000 --max-output 16384 --effective 2026-01-01");
        const auto models = m_home.json("models list");
        const QJsonObject model = rowNamed(models, "m1");
        QCOMPARE(model[QLatin1String("tier")].toInt(), 2);
        QCOMPARE(text(model, "input_usd_per_million"), QStringLiteral("0.15"));
        QCOMPARE(text(model, "output_usd_per_million"), QStringLiteral("0.60"));
        QVERIFY(!rowNamed(models, "sim-small").isEmpty());
        // Nothing listens there: the failure is named, and no money moved.
        const Ran tested = m_home.run("providers test local");
        QCOMPARE(tested.code, 1);
        QVERIFY(!tested.err.isEmpty());
        const Answer failed = post(m_serving->port, m_key, chatBody("local/m1", "x", 5));
        QVERIFY2(failed.status >= 500, failed.body.c_str());
        QVERIFY2(failed.body.find("canary") == std::string::npos, failed.body.c_str());
        RUN(m_home, "providers test sim");
        RUN(m_home, "providers remove local");
        QVERIFY(rowNamed(m_home.json("providers list"), "local").isEmpty());
        QCOMPARE(post(m_serving->port, m_key, chatBody("local/m1", "x", 5)).status, 404);
    }

    void decisionsAreListedShownAndExported()
    {
        const Answer answer = ask();
        const QString id = QString::fromStdString(answer.header("x-headgate-decision"));
        QVERIFY(!id.isEmpty());
        const QJsonObject newest = m_home.json("decisions list --limit 1").row();
        QCOMPARE(text(newest, "id"), id);
        const Ran shown = m_home.run(
            {QStringLiteral("decisions"), QStringLiteral("show"), id, QStringLiteral("--json")});
        QVERIFY2(shown.code == 0, shown.err.constData());
        const QJsonObject row = shown.row();
        QCOMPARE(text(row, "asked_model"), QStringLiteral("auto"));
        QVERIFY(!text(row, "reason").isEmpty());
        QVERIFY(row[QLatin1String("candidates")].toArray().size() >= 3);
        QCOMPARE(
            QString::fromStdString(answer.header("x-headgate-cost-usd")), text(row, "cost_usd"));
        QVERIFY(m_home.json("decisions list --since 1h --filter key=default").rows().size() > 3);
        QVERIFY(m_home.json("decisions list --filter key=nobody").rows().isEmpty());
        QVERIFY(m_home.run("decisions list").out.contains("sim-small"));
        const Ran csv = m_home.run("decisions export --format csv");
        QVERIFY2(csv.code == 0 && csv.out.count('\n') > 3, csv.err.constData());
        QVERIFY(!csv.out.startsWith('{'));
        const Ran json = m_home.run("decisions export --format json --filter key=default");
        QVERIFY(json.rows().size() > 3);
        QCOMPARE(m_home.run("decisions export --format focus").code, 1);
    }

    void reportsAddUpToTheBill()
    {
        Home home;
        auto serving = Serving::start(home);
        QVERIFY(serving != nullptr);
        for (const char* model : {"sim-small", "sim-medium", "sim-large", "auto"}) {
            QCOMPARE(
                post(serving->port, serving->key, chatBody(model, "Say hello.", 20)).status, 200);
        }
        const QString billed = text(home.json("sim bill").row(), "total_usd");
        for (const char* by : {"model", "team", "user", "key", "tier", "task"}) {
            const Ran ran = home.run({QStringLiteral("report"), QStringLiteral("spend"),
                QStringLiteral("--by"), QString::fromLatin1(by), QStringLiteral("--json")});
            QVERIFY2(ran.code == 0, ran.err.constData());
            qint64 requests = 0;
            for (const QJsonObject& row : ran.rows()) {
                requests += row[QLatin1String("requests")].toInteger();
            }
            QCOMPARE(requests, qint64{4});
        }
        const auto byTeam = home.json("report spend --by team --rollup day").rows();
        QCOMPARE(byTeam.size(), 1);
        QCOMPARE(text(byTeam.front(), "cost_usd"), billed);
        QVERIFY(home.json("report spend --by model --from 2020-01-01 --to 2020-02-01")
                    .rows()
                    .isEmpty());
        QCOMPARE(
            text(rowNamed(home.json("pools list"), "organisation-day"), "settled_usd"), billed);
    }

    void policyIsShownTriedSetAndRolledBack()
    {
        const QJsonObject shown = m_home.json("policy show").row();
        const qint64 revision = shown[QLatin1String("revision")].toInteger();
        const QJsonObject policy = shown[QLatin1String("policy")].toObject();
        QVERIFY(!policy.isEmpty());
        const QString body
            = m_home.write(QStringLiteral("body.json"), QByteArray::fromStdString(good()));
        const QString before = text(m_home.json("sim bill").row(), "total_usd");
        const Ran tried = m_home.run(
            {QStringLiteral("policy"), QStringLiteral("dry-run"), body, QStringLiteral("--json")});
        QVERIFY2(tried.code == 0, tried.err.constData());
        QVERIFY(text(tried.row(), "model").contains(QLatin1String("sim-")));
        QVERIFY(!text(tried.row(), "reason").isEmpty());
        QCOMPARE(text(m_home.json("sim bill").row(), "total_usd"), before);

        QJsonObject changed = policy;
        changed[QLatin1String("output_ceiling")] = 77;
        const auto bytes = [](const QJsonObject& object) {
            return QJsonDocument(object).toJson(QJsonDocument::Compact);
        };
        const Ran set = m_home.run({QStringLiteral("policy"), QStringLiteral("set"),
            m_home.write(QStringLiteral("policy.json"), bytes(changed)), QStringLiteral("--json")});
        QVERIFY2(set.code == 0, set.err.constData());
        QVERIFY(m_home.json("policy show").row()[QLatin1String("policy")].toObject() != policy);
        const Ran bad = m_home.run({QStringLiteral("policy"), QStringLiteral("set"),
            m_home.write(QStringLiteral("bad.json"), "{\"no_such_field\":1}")});
        QCOMPARE(bad.code, 1);
        QVERIFY2(bad.err.contains("no_such_field"), bad.err.constData());
        const Ran back = m_home.run(
            {QStringLiteral("policy"), QStringLiteral("rollback"), QString::number(revision)});
        QVERIFY2(back.code == 0, back.err.constData());
        QCOMPARE(m_home.json("policy show").row()[QLatin1String("policy")].toObject(), policy);
        QVERIFY(m_home.json("config revisions --limit 3").rows().size() == 3);
    }

    void pausingStopsAdmission()
    {
        RUN(m_home, "pause");
        const Answer refused = ask();
        QCOMPARE(refused.status, 503);
        QCOMPARE(m_home.json("status").row()[QLatin1String("paused")].toBool(), true);
        RUN(m_home, "resume");
        QCOMPARE(ask().status, 200);
    }

    void theDemoSendsAndCleansUp()
    {
        const Ran ran = m_home.json("demo --rate 20 --seconds 3");
        QVERIFY2(ran.code == 0, ran.err.constData());
        const QJsonObject last = ran.rows().back();
        QCOMPARE(text(last, "event"), QStringLiteral("done"));
        QVERIFY(last[QLatin1String("sent")].toInteger() > 5);
        QVERIFY(last[QLatin1String("answered")].toInteger() > 0);
        for (const QJsonObject& row : m_home.json("keys list").rows()) {
            QVERIFY2(!text(row, "name").startsWith(QLatin1String("demo"))
                    || row[QLatin1String("revoked")].toBool(),
                qPrintable(text(row, "name")));
        }
        const Ran without = Home().run("demo --seconds 1");
        QCOMPARE(without.code, 1);
        QVERIFY2(without.err.contains("headgate serve"), without.err.constData());
    }

    void theBooksVerifyAndTheBillResets()
    {
        const Ran verified = m_home.json("ledger verify");
        QVERIFY2(verified.code == 0, (verified.out + verified.err).constData());
        QCOMPARE(verified.row()[QLatin1String("ok")].toBool(), true);
        QVERIFY(m_home.json("sim bill").row()[QLatin1String("requests")].toInteger() > 0);
        RUN(m_home, "sim reset");
        QCOMPARE(m_home.json("sim bill").row()[QLatin1String("requests")].toInteger(-1), qint64{0});
        QCOMPARE(ask().status, 200);
        QCOMPARE(m_home.json("sim bill").row()[QLatin1String("requests")].toInteger(-1), qint64{1});
    }

    /// The same verbs without a running Headgate; what they change is there at the next start.
    void verbsWorkWithoutARunningHeadgate()
    {
        Home home;
        const Ran made = home.run("keys create --name offline");
        QVERIFY2(made.code == 0, made.err.constData());
        RUN(home, "pools add --name later --scope org --window day --cap 3");
        RUN(home, "pools list");
        RUN(home, "models list");
        RUN(home, "decisions list");
        RUN(home, "report spend --by model");
        RUN(home, "ledger verify");
        RUN(home, "pools adjust later 0.50 --reason invoice");
        RUN(home, "ledger explain later");
        RUN(home, "pools history");
        RUN(home, "pools undo");
        RUN(home, "sim bill");
        auto serving = Serving::start(home);
        QVERIFY(serving != nullptr);
        QVERIFY2(serving->key.empty(), "a key was there already");
        QVERIFY(serving->ready[QLatin1String("client_key")].isNull());
        const std::string key = made.out.trimmed().toStdString();
        QCOMPARE(post(serving->port, key, good()).status, 200);
        QVERIFY(!rowNamed(home.json("pools list"), "later").isEmpty());
    }

private:
    [[nodiscard]] Answer ask() const { return post(m_serving->port, m_key, good()); }
    Home m_home;
    std::unique_ptr<Serving> m_serving;
    std::string m_key;
};

QTEST_GUILESS_MAIN(TestCliVerbs)
#include "tst_cli_verbs.moc"
