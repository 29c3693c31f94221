// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// Pools of every kind made, edited and undone in the Budgets page with clicks and keys; the
// burn-down, the stories and the audit beside them.

#include "tests/ui/pages/console_bench.h"
#include "tests/ui/pages/find_widgets.h"
#include "tests/ui/pages/tree_text.h"
#include "ui/charts/burn_down_chart.h"
#include "ui/dialogs/pool_dialog.h"
#include "ui/models/pool_tree_model.h"
#include "ui/pages/budgets_page.h"
#include "ui/pages/detail_view.h"
#include "ui/pages/pool_detail.h"

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableView>
#include <QTest>
#include <QToolButton>
#include <QTreeView>

using namespace headgate;
using namespace headgate::ui;
using headgate::test::child;
using headgate::test::ConsoleBench;
using headgate::test::openDialog;
using headgate::test::typeInto;

namespace {

constexpr int patienceMs = 20'000;

std::optional<ledger::Pool> poolNamed(ConsoleBench& bench, const std::string& name)
{
    for (const auto& pool : bench.service->config()->pools) {
        if (pool.name == name && !pool.archived) {
            return pool;
        }
    }
    return std::nullopt;
}

BurnDownData burning()
{
    BurnDownData data;
    data.fromUs = 1'790'000'000'000'000;
    data.toUs = data.fromUs + usPerDay;
    data.nowUs = data.fromUs + 10 * usPerHour;
    data.limit = Money::fromCents(2'500);
    data.reservePercent = 10;
    data.hasPace = true;
    for (int hour = 0; hour <= 10; ++hour) {
        data.points.push_back(
            {data.fromUs + hour * usPerHour, Money::fromCents(150 * hour), Money::fromCents(40)});
    }
    data.hasForecast = true;
    data.expected = Money::fromCents(3'600);
    data.low = Money::fromCents(3'100);
    data.high = Money::fromCents(4'100);
    data.exhaustedAtUs = data.nowUs + 6 * usPerHour;
    return data;
}

} // namespace

class TestConsoleBudgets : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyKindIsMadeEditedUndone_data();
    void everyKindIsMadeEditedUndone();
    void badFieldsAreSaid();
    void topUpsOfOneValueAreUndone();
    void numbersAreExplained();
    void burnDownIsDrawn_data();
    void burnDownIsDrawn();
    void burnDownFollowsSpending();
};

void TestConsoleBudgets::everyKindIsMadeEditedUndone_data()
{
    QTest::addColumn<QString>("scope");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QString>("detail"); ///< how long, or the refill
    QTest::addColumn<QString>("text"); ///< of the window that is made
    QTest::addColumn<QString>("words"); ///< in the sentence
    QTest::newRow("hour") << "Everyone"
                          << ""
                          << "hour"
                          << ""
                          << "hour"
                          << "at the full hour";
    QTest::newRow("month") << "Each team"
                           << ""
                           << "month"
                           << ""
                           << "month"
                           << "Each team on its own";
    QTest::newRow("sliding") << "One team"
                             << "search"
                             << "sliding"
                             << "7d"
                             << "sliding:1w"
                             << "in any 7 days";
    QTest::newRow("bucket") << "One user"
                            << "ada"
                            << "bucket"
                            << "1.50"
                            << "bucket:4.00/1.50-per-hour"
                            << "refills by $1.50 an hour";
    QTest::newRow("lifetime") << "One tag (project)"
                              << "project:x"
                              << "lifetime"
                              << ""
                              << "lifetime"
                              << "never resets";
    QTest::newRow("session") << "Each session"
                             << ""
                             << "session"
                             << "45m"
                             << "session:45m"
                             << "After 45 min without a request";
    QTest::newRow("request") << "Each single request"
                             << ""
                             << "request"
                             << ""
                             << "request"
                             << "A single request";
    QTest::newRow("tier") << "Models from one tier up"
                          << "2"
                          << "day"
                          << ""
                          << "day"
                          << "at midnight";
}

void TestConsoleBudgets::everyKindIsMadeEditedUndone()
{
    QFETCH(QString, scope);
    QFETCH(QString, value);
    QFETCH(QString, kind);
    QFETCH(QString, detail);
    QFETCH(QString, text);
    QFETCH(QString, words);
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    BudgetsPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    QTest::mouseClick(child<QPushButton>(&page, "addPool"), Qt::LeftButton);
    auto* dialog = openDialog("poolDialog");
    QVERIFY(dialog != nullptr);
    auto* scopes = child<QComboBox>(dialog, "poolScope");
    QVERIFY2(scopes->findText(scope) >= 0, qPrintable(scope));
    scopes->setCurrentIndex(scopes->findText(scope));
    if (!value.isEmpty()) {
        child<QComboBox>(dialog, "poolValue")->setCurrentText(value);
    }
    auto* windows = child<QComboBox>(dialog, "poolWindow");
    QVERIFY(windows->findData(kind) >= 0);
    windows->setCurrentIndex(windows->findData(kind));
    typeInto(child<MoneyEdit>(dialog, "poolCap")->lineEdit(), "4");
    if (kind == QLatin1String("bucket")) {
        typeInto(child<MoneyEdit>(dialog, "poolRefill")->lineEdit(), detail.toLatin1());
    } else if (!detail.isEmpty()) {
        typeInto(child<QLineEdit>(dialog, "poolDuration"), detail.toLatin1());
    }
    typeInto(child<QLineEdit>(dialog, "poolName"), "mine");
    const auto sentence = child<QLabel>(dialog, "poolSentence")->text();
    QVERIFY2(sentence.contains(words), qPrintable(sentence));
    QVERIFY(child<QPushButton>(dialog, "accept")->isEnabled());
    QTest::mouseClick(child<QPushButton>(dialog, "accept"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(poolNamed(bench, "mine").has_value(), patienceMs);
    QCOMPARE(QString::fromStdString(poolNamed(bench, "mine")->window.text()), text);
    QTRY_VERIFY_WITH_TIMEOUT(openDialog("poolDialog") == nullptr, patienceMs);

    // Edit it, then take both changes back with the undo stack.
    auto* tree = child<QTreeView>(&page, "poolTree");
    const auto id = poolNamed(bench, "mine")->id;
    const auto chosen = [&] {
        page.showPool(id);
        return tree->currentIndex().siblingAtColumn(PoolTreeModel::Name).data().toString();
    };
    QTRY_COMPARE_WITH_TIMEOUT(chosen(), QStringLiteral("mine"), patienceMs);
    child<QAction>(tree, "editPool")->trigger();
    dialog = openDialog("poolDialog");
    QVERIFY(dialog != nullptr);
    QVERIFY(!child<QComboBox>(dialog, "poolScope")->isEnabled());
    typeInto(child<MoneyEdit>(dialog, "poolCap")->lineEdit(), "9");
    QTest::mouseClick(child<QPushButton>(dialog, "accept"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(poolNamed(bench, "mine")->cap, Money::fromCents(900), patienceMs);
    QTRY_COMPARE_WITH_TIMEOUT(bench.context->undoStack().count(), 2, patienceMs);
    bench.context->undoStack().undo();
    QTRY_COMPARE_WITH_TIMEOUT(poolNamed(bench, "mine")->cap, Money::fromCents(400), patienceMs);
    QCOMPARE(QString::fromStdString(poolNamed(bench, "mine")->window.text()), text);
    bench.context->undoStack().undo();
    QTRY_VERIFY_WITH_TIMEOUT(!poolNamed(bench, "mine").has_value(), patienceMs);

    // It is archived, not gone: shown on demand and taken back into use.
    child<QCheckBox>(&page, "withArchived")->setChecked(true);
    QTRY_COMPARE_WITH_TIMEOUT(chosen(), QStringLiteral("mine"), patienceMs);
    QCOMPARE(child<QAction>(tree, "archive")->text(), QStringLiteral("Restore"));
    child<QAction>(tree, "archive")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(poolNamed(bench, "mine").has_value(), patienceMs);
}

void TestConsoleBudgets::badFieldsAreSaid()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    PoolDialog dialog(*bench.context);
    dialog.show();
    auto* accept = child<QPushButton>(&dialog, "accept");
    auto* windows = child<QComboBox>(&dialog, "poolWindow");
    child<MoneyEdit>(&dialog, "poolCap")->setMoney(Money::fromCents(100));
    QVERIFY(accept->isEnabled());
    windows->setCurrentIndex(windows->findData(QStringLiteral("sliding")));
    QVERIFY(accept->isEnabled()); // a day is proposed
    for (const char* bad : {"", "soon", "0h", "-1h", "400d", "5"}) {
        child<QLineEdit>(&dialog, "poolDuration")->setText(QString::fromLatin1(bad));
        QVERIFY2(!accept->isEnabled(), bad);
    }
    child<QLineEdit>(&dialog, "poolDuration")->setText(QStringLiteral("90m"));
    QVERIFY(accept->isEnabled());
    windows->setCurrentIndex(windows->findData(QStringLiteral("bucket")));
    QVERIFY(accept->isEnabled());
    typeInto(child<MoneyEdit>(&dialog, "poolRefill")->lineEdit(), "0");
    QVERIFY(!accept->isEnabled());
    windows->setCurrentIndex(windows->findData(QStringLiteral("month")));
    QVERIFY(accept->isEnabled());
    child<QSpinBox>(&dialog, "poolFiscalDay")->setValue(25);
    QVERIFY(child<QLabel>(&dialog, "poolSentence")->text().contains(QStringLiteral("on day 25")));
    QCOMPARE(dialog.value().fiscalStartDay, 25);
    auto* scopes = child<QComboBox>(&dialog, "poolScope");
    scopes->setCurrentIndex(scopes->findText(QStringLiteral("Models from one tier up")));
    child<QComboBox>(&dialog, "poolValue")->setCurrentText(QStringLiteral("lots"));
    QVERIFY(!accept->isEnabled());
    scopes->setCurrentIndex(scopes->findText(QStringLiteral("One tag (project)")));
    child<QComboBox>(&dialog, "poolValue")->setCurrentText(QStringLiteral("untidy"));
    QVERIFY(!accept->isEnabled());
}

void TestConsoleBudgets::topUpsOfOneValueAreUndone()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    service::NewPool teams;
    teams.name = "teams";
    teams.scope = *ledger::Scope::parse("each-team");
    teams.window = *ledger::Window::parse("lifetime");
    teams.cap = Money::fromCents(500);
    const auto pool = bench.service->addPool(teams, "console");
    QVERIFY(bool(pool));
    service::MoneyOrder order;
    order.pool = pool->id;
    order.value = "search";
    order.amount = Money::fromCents(200);
    order.reason = "launch";
    bench.context->moveMoney(QStringLiteral("Top up teams"), order);
    const auto toppedUp = [&] {
        for (const auto& state : bench.service->poolStates()) {
            for (const auto& account : state.accounts) {
                if (state.pool.id == pool->id && account.key.value == "search") {
                    return account.balance.toppedUp;
                }
            }
        }
        return Money();
    };
    QTRY_COMPARE_WITH_TIMEOUT(toppedUp(), Money::fromCents(200), patienceMs);
    QTRY_VERIFY_WITH_TIMEOUT(bench.context->undoStack().canUndo(), patienceMs);
    bench.context->undoStack().undo();
    QTRY_COMPARE_WITH_TIMEOUT(toppedUp(), Money(), patienceMs);
    BudgetsPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    page.showPool(pool->id);
    child<QTabWidget>(&page, "poolTabs")->setCurrentIndex(PoolDetail::History);
    auto* history = child<QTableView>(&page, "poolHistory");
    QTRY_COMPARE_WITH_TIMEOUT(history->model()->rowCount(), 3, patienceMs);
    const auto text = test::treeText(*history->model(), {1, 2, 3, 4, 5});
    QVERIFY2(text.contains(QStringLiteral("console | Pool teams/search: top up $2.00 | "
                                          "topped_up_usd: 0.00 → 2.00 | launch | Undone")),
        qPrintable(text));
}

void TestConsoleBudgets::numbersAreExplained()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(true), qPrintable(bench.problem));
    service::NewKey wanted;
    wanted.name = "laptop";
    const auto key = bench.service->createKey(wanted, "console");
    QVERIFY(bool(key));
    QCOMPARE(bench.ask(QString::fromStdString(std::string(key->key.reveal()))).status, 200);
    BudgetsPage page(*bench.context);
    page.resize(1'600, 900);
    page.show();
    page.activate();
    child<QTabWidget>(&page, "poolTabs")->setCurrentIndex(PoolDetail::Journal);
    auto* journal = child<QTableView>(&page, "poolJournal");
    QTRY_VERIFY_WITH_TIMEOUT(journal->model()->rowCount() >= 2, patienceMs);
    journal->setCurrentIndex(journal->model()->index(0, 0));
    journal->setFocus();
    QTest::keyClick(journal, Qt::Key_Return);
    const auto story = [&] {
        auto* view = child<DetailView>(&page, "story");
        return view == nullptr ? QString() : view->plainText();
    };
    QTRY_VERIFY_WITH_TIMEOUT(story().contains(QStringLiteral("was charged")), patienceMs);
    QVERIFY2(story().contains(QStringLiteral("tokens in at $")), qPrintable(story()));
    QVERIFY2(story().contains(QStringLiteral("organisation-day")), qPrintable(story()));
    QTest::mouseClick(child<QPushButton>(&page, "explainAccount"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(
        story().contains(QStringLiteral("The journal says the same")), patienceMs);
    QVERIFY(child<QWidget>(&page, "storyDrawer")->isVisible());
}

void TestConsoleBudgets::burnDownIsDrawn_data()
{
    QTest::addColumn<QString>("mode");
    QTest::newRow("light") << "light";
    QTest::newRow("dark") << "dark";
}

void TestConsoleBudgets::burnDownIsDrawn()
{
    QFETCH(QString, mode);
    Theme::instance().setMode(mode);
    BurnDownChart chart;
    chart.resize(700, 260);
    chart.setMessage(QStringLiteral("Nothing yet."));
    chart.show();
    const auto empty = test::grab(chart, QStringLiteral("burn-empty-") + mode);
    chart.setData(burning());
    const auto full = test::grab(chart, QStringLiteral("burn-") + mode);
    QVERIFY(test::colourCount(full) > 8);
    QVERIFY(full != empty);
    auto without = burning();
    without.hasForecast = false;
    without.exhaustedAtUs.reset();
    chart.setData(without);
    QVERIFY(test::grab(chart, QStringLiteral("burn-bare-") + mode) != full);
    const auto words = forecastWords(burning());
    QVERIFY2(words.contains(QStringLiteral("$36.00")) && words.contains(QStringLiteral("$31.00"))
            && words.contains(QStringLiteral("in 6 h")),
        qPrintable(words));
    // The same as a table.
    chart.setData(burning());
    child<QToolButton>(&chart, "burnDownTable")->click();
    QVERIFY(chart.tableShown());
    QCOMPARE(chart.findChild<QTableView*>()->model()->rowCount(), 11);
    Theme::instance().setMode(QStringLiteral("light"));
}

void TestConsoleBudgets::burnDownFollowsSpending()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    const auto pool = bench.service->config()->pools.front().id;
    QVERIFY(bool(bench.service->adjustPool(pool, {}, Money::fromCents(700), "late bill", "cli")));
    BudgetsPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    auto* chart = child<BurnDownChart>(&page, "burnDown");
    QTRY_VERIFY_WITH_TIMEOUT(!chart->data().points.empty()
            && chart->data().points.back().settled == Money::fromCents(700),
        patienceMs);
    QCOMPARE(chart->data().limit, Money::fromCents(2'500));
    QVERIFY(chart->data().hasPace);
    QVERIFY(bool(bench.service->adjustPool(pool, {}, Money::fromCents(100), "more", "cli")));
    QTRY_COMPARE_WITH_TIMEOUT(
        chart->data().points.back().settled, Money::fromCents(800), patienceMs);
}

QTEST_MAIN(TestConsoleBudgets)
#include "tst_console_budgets.moc"
