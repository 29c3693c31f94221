// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// Journeys through the pages with clicks and keys against a real service: caps, pools, keys,
// prices, the log and its export.

#include "tests/ui/pages/console_bench.h"
#include "tests/ui/pages/find_widgets.h"
#include "tests/ui/pages/tree_text.h"
#include "ui/dialogs/key_dialog.h"
#include "ui/dialogs/model_dialog.h"
#include "ui/dialogs/pool_dialog.h"
#include "ui/dialogs/provider_dialog.h"
#include "ui/models/config_models.h"
#include "ui/models/decision_export.h"
#include "ui/models/decision_table_model.h"
#include "ui/models/pool_tree_model.h"
#include "ui/pages/activity_page.h"
#include "ui/pages/budgets_page.h"
#include "ui/pages/catalog_page.h"
#include "ui/pages/detail_view.h"
#include "ui/pages/keys_page.h"
#include "ui/pages/page_parts.h"
#include "ui/pages/pool_detail.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QLineEdit>
#include <QMenu>
#include <QSignalSpy>
#include <QStackedWidget>
#include <QTableView>
#include <QTest>
#include <QToolButton>
#include <QToolTip>
#include <QTreeView>

using namespace headgate;
using namespace headgate::ui;
using headgate::test::child;
using headgate::test::ConsoleBench;
using headgate::test::openDialog;
using headgate::test::typeInto;

namespace {

constexpr int patienceMs = 15'000;

activity::Decision decision(activity::ActivityLog& log, int number)
{
    activity::Decision made;
    made.atUs = SystemClock().nowUs();
    made.id = log.nextId(made.atUs);
    made.requestId = "req-" + std::to_string(number);
    made.key = number % 2 == 0 ? "laptop" : "=server";
    made.team = number % 3 == 0 ? "search" : "support";
    made.task = number % 4 == 0 ? "code_fix" : "chat";
    made.askedModel = "auto";
    made.model = number % 5 == 0 ? "" : "sim/sim-small";
    made.provider = "sim";
    made.outcome = number % 5 == 0 ? "refuse_budget" : "route";
    made.status = number % 5 == 0 ? activity::Status::Refused : activity::Status::Ok;
    made.reason = "The cheapest capable model.";
    made.inputTokens = number;
    made.outputTokens = 20;
    made.cost = Money::fromNano(1'000 + number);
    made.totalUs = 12'345;
    return made;
}

} // namespace

class TestConsolePages final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void capIsEditedByKeysAndUndone();
    void aPoolRefusesAndIsRaised();
    void moneyMovesWithAReason();
    void poolsFreezeArchiveAndEmpty();
    void keysAreMadeCopiedRevokedRestored();
    void aPriceIsEditedAndUndone();
    void providersAreAddedAndTested();
    void pagingEqualsTheLog();
    void liveTrafficIsFollowed();
    void filtersAndFacets();
    void exports();
    void poolSentences_data();
    void poolSentences();
    void onlyEnforcedWindowsAreOffered();
    void addresses_data();
    void addresses();
    void pagesAreNotBlank_data();
    void pagesAreNotBlank();
    void dialogsAreWhole_data();
    void dialogsAreWhole();

private:
    QString makeKey(ConsoleBench& bench, const char* name);
};

void TestConsolePages::initTestCase()
{
    Theme::instance().setMode(QStringLiteral("light"));
}

QString TestConsolePages::makeKey(ConsoleBench& bench, const char* name)
{
    service::NewKey wanted;
    wanted.name = name;
    wanted.team = "search";
    wanted.user = "ana";
    const auto created = bench.service->createKey(wanted, "console");
    return created ? toQt(created->key.reveal()) : QString();
}

void TestConsolePages::capIsEditedByKeysAndUndone()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    BudgetsPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    QVERIFY(QTest::qWaitForWindowActive(&page));
    page.activate();
    auto* tree = child<QTreeView>(&page, "poolTree");
    QTRY_VERIFY(tree->currentIndex().isValid());
    const auto before = bench.service->poolStates().front().pool.cap;
    tree->setFocus();
    QTest::keyClick(tree, Qt::Key_F2);
    auto* editor = tree->findChild<QLineEdit*>();
    QVERIFY(editor != nullptr);
    QTest::keyClicks(editor, QStringLiteral("lots"));
    QVERIFY(!QToolTip::text().isEmpty());
    QTest::keyClick(editor, Qt::Key_Return);
    QVERIFY(editor->isVisible());
    QCOMPARE(bench.service->poolStates().front().pool.cap, before);
    editor->selectAll();
    QTest::keyClicks(editor, QStringLiteral("31.50"));
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_COMPARE_WITH_TIMEOUT(
        bench.service->poolStates().front().pool.cap, *Money::parse("31.50"), patienceMs);
    const auto cap = tree->model()->index(0, PoolTreeModel::Cap);
    QTRY_COMPARE_WITH_TIMEOUT(cap.data().toString(), QStringLiteral("$31.50"), patienceMs);
    QTRY_VERIFY(bench.context->undoStack().canUndo());
    bench.context->undoStack().undo();
    QTRY_COMPARE_WITH_TIMEOUT(bench.service->poolStates().front().pool.cap, before, patienceMs);
    QTRY_COMPARE_WITH_TIMEOUT(cap.data().toString(), moneyText(before), patienceMs);
}

void TestConsolePages::aPoolRefusesAndIsRaised()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(true), qPrintable(bench.problem));
    const auto key = makeKey(bench, "laptop");
    QVERIFY(!key.isEmpty());
    QCOMPARE(bench.ask(key).status, 200);

    BudgetsPage budgets(*bench.context);
    budgets.resize(1'280, 800);
    budgets.show();
    budgets.activate();
    QTest::mouseClick(child<QPushButton>(&budgets, "addPool"), Qt::LeftButton);
    auto* dialog = openDialog("poolDialog");
    QVERIFY(dialog != nullptr);
    auto* scope = child<QComboBox>(dialog, "poolScope");
    scope->setCurrentIndex(scope->findText(QStringLiteral("One team")));
    QCOMPARE(child<QComboBox>(dialog, "poolValue")->currentText(), QStringLiteral("search"));
    auto* accept = child<QPushButton>(dialog, "accept");
    QVERIFY(!accept->isEnabled());
    typeInto(child<MoneyEdit>(dialog, "poolCap")->lineEdit(), "0.0001c");
    QVERIFY(accept->isEnabled());
    QVERIFY(child<QLabel>(dialog, "poolSentence")->text().contains(QStringLiteral("team search")));
    QTest::mouseClick(accept, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(bench.service->poolStates().size(), std::size_t(2), patienceMs);
    QTRY_VERIFY(openDialog("poolDialog") == nullptr);

    const auto refused = bench.ask(key);
    QVERIFY2(refused.status >= 400 && refused.status < 500, refused.body.constData());
    ActivityPage activity(*bench.context);
    activity.resize(1'280, 800);
    activity.show();
    activity.activate();
    auto* table = child<QTableView>(&activity, "decisionTable");
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 2, patienceMs);
    QCOMPARE(table->model()->index(0, DecisionTableModel::StatusColumn).data().toString(),
        QStringLiteral("Refused"));
    table->setCurrentIndex(table->model()->index(0, 0));
    QTest::keyClick(table, Qt::Key_Return);
    auto* detail = child<DetailView>(&activity, "decisionDetail");
    QTRY_VERIFY_WITH_TIMEOUT(
        detail->plainText().contains(QStringLiteral("Said no: team-search-day")), patienceMs);
    QTRY_VERIFY(child<QWidget>(&activity, "decisionDrawer")->isVisible());
    QTest::keyClick(&activity, Qt::Key_Escape);
    QVERIFY(!child<QWidget>(&activity, "decisionDrawer")->isVisible());

    auto* tree = child<QTreeView>(&budgets, "poolTree");
    const auto chosen = [&] {
        for (const auto& state : bench.service->poolStates()) {
            if (state.pool.name == "team-search-day") {
                budgets.showPool(state.pool.id);
            }
        }
        return tree->currentIndex().siblingAtColumn(0).data().toString();
    };
    QTRY_COMPARE_WITH_TIMEOUT(chosen(), QStringLiteral("team-search-day"), patienceMs);
    child<QTabWidget>(&budgets, "poolTabs")->setCurrentIndex(PoolDetail::Refusals);
    auto* refusals = child<QTableView>(&budgets, "poolRefusals");
    QTRY_COMPARE_WITH_TIMEOUT(refusals->model()->rowCount(), 1, patienceMs);
    budgets.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&budgets));
    child<QAction>(tree, "editCap")->trigger();
    auto* editor = tree->findChild<QLineEdit*>();
    QVERIFY(editor != nullptr);
    typeInto(editor, "5");
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(bench.context->undoStack().count() == 2, patienceMs);
    QCOMPARE(bench.ask(key).status, 200);
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 3, patienceMs);
}

void TestConsolePages::moneyMovesWithAReason()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    BudgetsPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    auto* tree = child<QTreeView>(&page, "poolTree");
    QTRY_VERIFY(tree->currentIndex().isValid());
    child<QAction>(tree, "adjust")->trigger();
    auto* dialog = openDialog("poolMoneyDialog");
    QVERIFY(dialog != nullptr);
    child<QComboBox>(dialog, "direction")->setCurrentIndex(1);
    typeInto(child<MoneyEdit>(dialog, "amount")->lineEdit(), "2.25");
    QVERIFY(!child<QPushButton>(dialog, "accept")->isEnabled());
    typeInto(child<QLineEdit>(dialog, "reason"), "Invoice of November");
    QTest::mouseClick(child<QPushButton>(dialog, "accept"), Qt::LeftButton);
    const auto used = tree->model()->index(0, PoolTreeModel::Used);
    QTRY_COMPARE_WITH_TIMEOUT(used.data().toString(), QStringLiteral("$2.25"), patienceMs);
    QTRY_VERIFY(openDialog("poolMoneyDialog") == nullptr);
    child<QTabWidget>(&page, "poolTabs")->setCurrentIndex(PoolDetail::Journal);
    auto* journal = child<QTableView>(&page, "poolJournal");
    QTRY_VERIFY_WITH_TIMEOUT(
        test::treeText(*journal->model(), {1, 3, 7})
            .contains(QStringLiteral("Adjustment | +$2.25 | Invoice of November")),
        patienceMs);
    // Undo books the opposite entry; both stay in the journal.
    QTRY_VERIFY(bench.context->undoStack().canUndo());
    bench.context->undoStack().undo();
    QTRY_COMPARE_WITH_TIMEOUT(used.data().toString(), QStringLiteral("$0.00"), patienceMs);
    QTRY_VERIFY_WITH_TIMEOUT(test::treeText(*journal->model(), {1, 3, 7})
                                 .contains(QStringLiteral("Adjustment | -$2.25 | Undo of entry #")),
        patienceMs);
    bench.context->undoStack().redo();
    QTRY_COMPARE_WITH_TIMEOUT(used.data().toString(), QStringLiteral("$2.25"), patienceMs);
}

void TestConsolePages::poolsFreezeArchiveAndEmpty()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    BudgetsPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    auto* tree = child<QTreeView>(&page, "poolTree");
    QTRY_VERIFY(tree->currentIndex().isValid());
    auto* freeze = child<QAction>(tree, "freeze");
    freeze->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(bench.service->poolStates().front().pool.frozen, patienceMs);
    QTRY_COMPARE_WITH_TIMEOUT(freeze->text(), QStringLiteral("Unfreeze"), patienceMs);
    freeze->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(!bench.service->poolStates().front().pool.frozen, patienceMs);
    child<QAction>(tree, "archive")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(child<QWidget>(&page, "budgetsEmpty")->isVisible(), patienceMs);
    QTRY_COMPARE(bench.context->undoStack().count(), 3);
    bench.context->undoStack().undo();
    QTRY_VERIFY_WITH_TIMEOUT(!child<QWidget>(&page, "budgetsEmpty")->isVisible(), patienceMs);
}

void TestConsolePages::keysAreMadeCopiedRevokedRestored()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(true), qPrintable(bench.problem));
    KeysPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    QTRY_VERIFY(child<QWidget>(&page, "keysEmpty")->isVisible());
    QTest::mouseClick(child<QPushButton>(&page, "emptyCreateKey"), Qt::LeftButton);
    auto* dialog = openDialog("keyDialog");
    QVERIFY(dialog != nullptr);
    auto* accept = child<QPushButton>(dialog, "accept");
    QVERIFY(!accept->isEnabled());
    typeInto(child<QLineEdit>(dialog, "keyName"), "laptop");
    typeInto(child<QLineEdit>(dialog, "keyTags"), "atlas");
    QVERIFY(!accept->isEnabled());
    typeInto(child<QLineEdit>(dialog, "keyTags"), "project:atlas");
    QVERIFY(accept->isEnabled());
    QTest::mouseClick(accept, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(openDialog("keyShownDialog") != nullptr, patienceMs);
    auto* shown = openDialog("keyShownDialog");
    const auto key = child<QLineEdit>(shown, "shownKey")->text();
    QVERIFY(key.startsWith(QStringLiteral("hg-")));
    QTest::mouseClick(child<QPushButton>(shown, "copyKey"), Qt::LeftButton);
    QCOMPARE(QApplication::clipboard()->text(), key);
    QTest::mouseClick(child<QPushButton>(shown, "copySnippet"), Qt::LeftButton);
    QVERIFY(QApplication::clipboard()->text().contains(key));
    QVERIFY(QApplication::clipboard()->text().contains(toQt(bench.service->status().url)));
    QTest::mouseClick(child<QPushButton>(shown, "done"), Qt::LeftButton);
    QCOMPARE(bench.ask(key).status, 200);

    auto* table = child<QTableView>(&page, "keyTable");
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 1, patienceMs);
    QTRY_VERIFY_WITH_TIMEOUT(
        table->model()->index(0, KeyModel::LastUsed).data().toString() != QStringLiteral("never"),
        patienceMs);
    table->setCurrentIndex(table->model()->index(0, 0));
    child<QAction>(table, "revokeKey")->trigger();
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 0, patienceMs);
    QCOMPARE(bench.ask(key).status, 401);
    QTRY_COMPARE(bench.context->undoStack().count(), 2);
    bench.context->undoStack().undo();
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 1, patienceMs);
    QCOMPARE(bench.ask(key).status, 200);
}

void TestConsolePages::aPriceIsEditedAndUndone()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    CatalogPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    QVERIFY(QTest::qWaitForWindowActive(&page));
    page.activate();
    auto* table = child<QTableView>(&page, "modelTable");
    QTRY_VERIFY(table->model()->rowCount() > 0);
    const auto id = table->model()->index(0, 0).data(IdRole).toString().toStdString();
    auto sheets = [&] {
        for (const auto& model : bench.service->config()->models) {
            if (model.id() == id) {
                return model.prices;
            }
        }
        return std::vector<catalog::PriceSheet>{};
    };
    const auto before = sheets();
    const auto input = table->model()->index(0, CatalogModel::Input);
    table->setFocus();
    table->setCurrentIndex(input);
    QTest::keyClick(table, Qt::Key_F2);
    auto* editor = child<QLineEdit>(table, "priceCellEditor");
    QVERIFY(editor != nullptr);
    QTest::keyClicks(editor, QStringLiteral("dear"));
    QVERIFY(QToolTip::text().contains(QStringLiteral("million tokens")));
    QTest::keyClick(editor, Qt::Key_Return);
    QCOMPARE(sheets().size(), before.size());
    editor->selectAll();
    QTest::keyClicks(editor, QStringLiteral("0.4242"));
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_COMPARE_WITH_TIMEOUT(sheets().size(), before.size() + 1, patienceMs);
    QCOMPARE(sheets().front().input->pico(), before.front().input->pico());
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->index(0, CatalogModel::Input).data().toString(),
        QStringLiteral("$0.4242"), patienceMs);
    QTRY_VERIFY(bench.context->undoStack().canUndo());
    bench.context->undoStack().undo();
    QTRY_COMPARE_WITH_TIMEOUT(sheets().size(), before.size(), patienceMs);
}

void TestConsolePages::providersAreAddedAndTested()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    CatalogPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    QTest::mouseClick(child<QPushButton>(&page, "addProvider"), Qt::LeftButton);
    auto* dialog = openDialog("providerDialog");
    QVERIFY(dialog != nullptr);
    auto* accept = child<QPushButton>(dialog, "accept");
    typeInto(child<QLineEdit>(dialog, "providerName"), "Local One");
    typeInto(child<QLineEdit>(dialog, "providerUrl"), "http://127.0.0.1:9/v1");
    QVERIFY(!accept->isEnabled());
    typeInto(child<QLineEdit>(dialog, "providerName"), "local");
    QCOMPARE(child<QLineEdit>(dialog, "providerKey")->echoMode(), QLineEdit::Password);
    typeInto(child<QLineEdit>(dialog, "providerKey"), "sk-abcdefghijklmnop");
    QVERIFY(accept->isEnabled());
    QTest::mouseClick(accept, Qt::LeftButton);
    auto* table = child<QTableView>(&page, "providerTable");
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 2, patienceMs);
    QCOMPARE(table->model()->index(1, ProviderModel::KeyColumn).data().toString(),
        QStringLiteral("…mnop"));
    table->setCurrentIndex(table->model()->index(1, 0));
    QSignalSpy toasts(bench.context.get(), &Context::toastRequested);
    child<QAction>(table, "testProvider")->trigger();
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->index(1, ProviderModel::Test).data().toString(),
        QStringLiteral("Problem"), patienceMs);
    child<QAction>(table, "toggleProvider")->trigger();
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->index(1, ProviderModel::State).data().toString(),
        QStringLiteral("Disabled"), patienceMs);
    table->setCurrentIndex(table->model()->index(0, 0));
    child<QAction>(table, "testProvider")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(!table->model()
                                  ->index(0, ProviderModel::Test)
                                  .data()
                                  .toString()
                                  .startsWith(QStringLiteral("asking")),
        patienceMs);
    QVERIFY(table->model()->index(0, ProviderModel::Test).data().toString()
        != QStringLiteral("Problem"));
}

void TestConsolePages::pagingEqualsTheLog()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    auto& log = bench.service->activityLog();
    for (int i = 0; i < 730; ++i) {
        log.append(decision(log, i));
    }
    log.flush();
    ActivityPage page(*bench.context);
    page.resize(1'280, 800);
    page.show();
    page.activate();
    auto* table = child<QTableView>(&page, "decisionTable");
    auto* model = qobject_cast<DecisionTableModel*>(table->model());
    QTRY_COMPARE_WITH_TIMEOUT(model->rowCount(), DecisionTableModel::pageRows, patienceMs);
    while (model->rowCount() < 730) {
        const int before = model->rowCount();
        table->scrollToBottom();
        QTRY_VERIFY_WITH_TIMEOUT(model->rowCount() > before, patienceMs);
    }
    QVERIFY(!model->canFetchMore({}));
    int at = 730;
    const auto rows = log.forEach(model->filter(), [&](const activity::Decision& row) {
        --at;
        return model->decisionAt(at).id == row.id
            && model->decisionAt(at).requestId == row.requestId;
    });
    QVERIFY(bool(rows));
    QCOMPARE(*rows, 730);
    QCOMPARE(at, 0);
}

void TestConsolePages::liveTrafficIsFollowed()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(true), qPrintable(bench.problem));
    ActivityPage page(*bench.context);
    BudgetsPage budgets(*bench.context);
    for (Page* shown : {static_cast<Page*>(&page), static_cast<Page*>(&budgets)}) {
        shown->resize(1'400, 800);
        shown->show();
        shown->activate();
    }
    auto* table = child<QTableView>(&page, "decisionTable");
    auto* model = qobject_cast<DecisionTableModel*>(table->model());
    QVERIFY(bool(bench.service->startDemo(3'000)));
    QTRY_VERIFY_WITH_TIMEOUT(model->rowCount() >= 30, patienceMs);
    // What is chosen stays chosen while rows come in above it.
    table->setCurrentIndex(model->index(0, 0));
    const auto chosen = model->decisionAt(0).id;
    const int before = model->rowCount();
    QTRY_VERIFY_WITH_TIMEOUT(model->rowCount() >= before + 20, patienceMs);
    QCOMPARE(model->decisionAt(table->currentIndex().row()).id, chosen);
    QVERIFY(table->currentIndex().row() > 0);
    bench.service->stopDemo();
    // Requests cut off by the end of the demo are logged a moment later: count again each time.
    const auto complete = [&] {
        const auto logged = bench.service->activityLog().forEach(
            model->filter(), [](const activity::Decision&) { return true; });
        if (model->canFetchMore({})) {
            model->fetchMore({});
        }
        return logged && model->rowCount() == *logged;
    };
    QTRY_VERIFY_WITH_TIMEOUT(complete(), patienceMs);
    for (int row = 1; row < model->rowCount(); ++row) {
        QVERIFY(model->decisionAt(row).id < model->decisionAt(row - 1).id);
    }
    auto* tree = child<QTreeView>(&budgets, "poolTree");
    QTRY_VERIFY_WITH_TIMEOUT(
        tree->model()->index(0, PoolTreeModel::Used).data().toString() != QStringLiteral("$0.00"),
        patienceMs);
    test::grab(page, QStringLiteral("activityPage-demo"));
    test::grab(budgets, QStringLiteral("budgetsPage-demo"));
}

void TestConsolePages::filtersAndFacets()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    ActivityPage page(*bench.context);
    page.resize(1'400, 800);
    page.show();
    page.activate();
    QTRY_VERIFY_WITH_TIMEOUT(child<QWidget>(&page, "noTraffic")->isVisible(), patienceMs);
    auto& log = bench.service->activityLog();
    for (int i = 0; i < 60; ++i) {
        log.append(decision(log, i));
    }
    log.flush();
    page.activate();
    auto* table = child<QTableView>(&page, "decisionTable");
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 60, patienceMs);
    auto* facets = child<QTreeView>(&page, "facetTree");
    QTRY_VERIFY_WITH_TIMEOUT(
        test::treeText(*facets->model(), {0, 1}).contains(QStringLiteral("search | 20")),
        patienceMs);
    QVERIFY(test::treeText(*facets->model(), {0, 1}).contains(QStringLiteral("Refused | 12")));
    const auto group = facets->model()->index(0, 0);
    QTest::mouseClick(facets->viewport(), Qt::LeftButton, {},
        facets->visualRect(facets->model()->index(1, 0, group)).center());
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 12, patienceMs);
    QCOMPARE(bench.context->filters().size(), std::size_t(1));

    typeInto(child<QLineEdit>(&page, "activityText"), "no such text");
    QTRY_VERIFY_WITH_TIMEOUT(child<QWidget>(&page, "nothingMatches")->isVisible(), patienceMs);
    QTest::mouseClick(child<QPushButton>(&page, "clearFilters"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 60, patienceMs);
    QVERIFY(bench.context->filters().empty());

    const auto cell = table->model()->index(1, DecisionTableModel::Team);
    const auto team = cell.data().toString();
    Q_EMIT table->customContextMenuRequested(table->visualRect(cell).center());
    auto* menu = child<QMenu>(&page, "cellMenu");
    QVERIFY(menu != nullptr);
    auto* only = menu->findChild<QAction*>(QStringLiteral("filterByCell"));
    QVERIFY(only != nullptr);
    only->trigger();
    menu->close();
    QCOMPARE(bench.context->filters().front().value, team);
    bench.context->clearFilters();
}

void TestConsolePages::exports()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    auto& log = bench.service->activityLog();
    for (int i = 0; i < 30; ++i) {
        log.append(decision(log, i));
    }
    log.flush();
    ActivityPage page(*bench.context);
    page.show();
    page.activate();
    QSignalSpy toasts(bench.context.get(), &Context::toastRequested);
    const auto csv = bench.home.filePath(QStringLiteral("out.csv"));
    page.exportTo(csv);
    QTRY_COMPARE_WITH_TIMEOUT(toasts.count(), 1, patienceMs);
    QFile file(csv);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const auto lines
        = QString::fromUtf8(file.readAll()).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 31);
    QVERIFY(lines[0].contains(QStringLiteral(",unit,")));
    QVERIFY(lines[2].contains(QStringLiteral("\"'=server\"")));
    QVERIFY(lines[2].contains(QStringLiteral(",0.000001001,")));
    const auto json = bench.home.filePath(QStringLiteral("out.jsonl"));
    page.exportTo(json);
    QTRY_COMPARE_WITH_TIMEOUT(toasts.count(), 2, patienceMs);
    QFile rows(json);
    QVERIFY(rows.open(QIODevice::ReadOnly));
    QCOMPARE(rows.readAll().count('\n'), 30);
    page.exportTo(QStringLiteral("/nowhere/at/all.csv"));
    QTRY_COMPARE_WITH_TIMEOUT(toasts.count(), 3, patienceMs);
    QVERIFY(toasts[2][1].toBool());
    QVERIFY(toasts[2][0].toString().contains(QStringLiteral("/nowhere/at/all.csv")));
    const std::atomic<bool> stop{true};
    ExportJob job;
    job.path = bench.home.filePath(QStringLiteral("never.csv"));
    job.cancelled = &stop;
    QVERIFY(!exportDecisions(log, job));
    QVERIFY(!QFile::exists(job.path));
}

void TestConsolePages::poolSentences_data()
{
    QTest::addColumn<QString>("scope");
    QTest::addColumn<QString>("window");
    QTest::addColumn<bool>("hard");
    QTest::addColumn<QString>("part");
    QTest::newRow("org") << "org"
                         << "day" << true << "All requests together may spend at most $5.00 a day";
    QTest::newRow("team") << "team=search"
                          << "month" << true << "All requests of team search together";
    QTest::newRow("each") << "each-session"
                          << "lifetime" << true << "Each session on its own";
    QTest::newRow("request") << "request"
                             << "request" << true
                             << "A single request that could cost more than $5.00";
    QTest::newRow("watch") << "org"
                           << "hour" << false << "Nothing is refused";
    QTest::newRow("zone") << "org"
                          << "week" << true << "on Monday at midnight (Europe/Berlin)";
}

void TestConsolePages::poolSentences()
{
    QFETCH(QString, scope);
    QFETCH(QString, window);
    QFETCH(bool, hard);
    QFETCH(QString, part);
    service::NewPool pool;
    pool.scope = *ledger::Scope::parse(scope.toStdString());
    pool.window = *ledger::Window::parse(window.toStdString());
    pool.cap = *Money::parse("5");
    pool.zone = "Europe/Berlin";
    pool.hard = hard;
    QVERIFY2(poolSentence(pool).contains(part), qPrintable(poolSentence(pool)));
}

void TestConsolePages::onlyEnforcedWindowsAreOffered()
{
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    PoolDialog dialog(*bench.context);
    dialog.show();
    auto* scopes = child<QComboBox>(&dialog, "poolScope");
    auto* windows = child<QComboBox>(&dialog, "poolWindow");
    auto* cap = child<MoneyEdit>(&dialog, "poolCap");
    cap->setMoney(*Money::parse("1"));
    child<QComboBox>(&dialog, "poolValue")->setCurrentText(QStringLiteral("x"));
    QVERIFY(scopes->count() >= 6);
    for (int scope = 0; scope < scopes->count(); ++scope) {
        scopes->setCurrentIndex(scope);
        const auto words = scopes->currentText();
        child<QComboBox>(&dialog, "poolValue")
            ->setCurrentText(words.contains(QStringLiteral("tier")) ? QStringLiteral("2")
                    : words.contains(QStringLiteral("tag"))         ? QStringLiteral("k:x")
                                                                    : QStringLiteral("x"));
        QVERIFY(windows->count() > 0);
        for (int window = 0; window < windows->count(); ++window) {
            windows->setCurrentIndex(window);
            QVERIFY2(child<QPushButton>(&dialog, "accept")->isEnabled(), qPrintable(words));
            const auto value = dialog.value();
            QVERIFY2(ledger::isEnforced(value.scope, value.window),
                qPrintable(scopes->currentText() + windows->currentText()));
            const auto added = bench.service->addPool(value, "console");
            QVERIFY2(bool(added) || added.error().code == ErrorCode::AlreadyExists,
                added ? "" : added.error().text().c_str());
        }
    }
}

void TestConsolePages::addresses_data()
{
    QTest::addColumn<QString>("url");
    QTest::addColumn<bool>("fine");
    QTest::newRow("empty") << "" << false;
    QTest::newRow("word") << "example" << false;
    QTest::newRow("file") << "file:///etc/passwd" << false;
    QTest::newRow("key inside") << "https://user:pass@example.com/v1" << false;
    QTest::newRow("query") << "https://example.com/v1?key=1" << false;
    QTest::newRow("endpoint") << "https://example.com/v1/chat/completions" << false;
    QTest::newRow("plain http") << "http://example.com/v1" << false;
    QTest::newRow("local http") << "http://127.0.0.1:8080/v1" << true;
    QTest::newRow("localhost") << "http://localhost:11434/v1" << true;
    QTest::newRow("https") << "https://api.example.com/v1" << true;
}

void TestConsolePages::addresses()
{
    QFETCH(QString, url);
    QTEST(urlProblem(url).isEmpty(), "fine");
}

void TestConsolePages::pagesAreNotBlank_data()
{
    QTest::addColumn<QString>("theme");
    QTest::addColumn<QSize>("size");
    QTest::addColumn<bool>("filled");
    for (const auto* theme : {"light", "dark"}) {
        for (const auto size : {QSize(1'080, 720), QSize(1'720, 1'000)}) {
            for (const bool filled : {false, true}) {
                QTest::addRow("%s %d %s", theme, size.width(), filled ? "filled" : "empty")
                    << QString::fromLatin1(theme) << size << filled;
            }
        }
    }
}

void TestConsolePages::pagesAreNotBlank()
{
    QFETCH(QString, theme);
    QFETCH(QSize, size);
    QFETCH(bool, filled);
    Theme::instance().setMode(theme);
    ConsoleBench bench;
    QVERIFY2(bench.open(filled), qPrintable(bench.problem));
    if (filled) {
        service::NewPool pool;
        pool.name = "users-day";
        pool.scope = *ledger::Scope::parse("each-user");
        pool.cap = *Money::parse("1");
        QVERIFY(bool(bench.service->addPool(pool, "console")));
        pool.name = "search-hour";
        pool.scope = *ledger::Scope::parse("team=search");
        pool.window = *ledger::Window::parse("hour");
        pool.cap = *Money::parse("0.000030");
        QVERIFY(bool(bench.service->addPool(pool, "console")));
        const auto key = makeKey(bench, "laptop-ana");
        makeKey(bench, "server");
        for (int i = 0; i < 12; ++i) {
            bench.ask(key,
                i % 2 == 0 ? "Translate to German: good morning, dear colleagues."
                           : "Why does this C++ code crash?");
        }
        bench.service->activityLog().flush();
    } else {
        service::PoolEdit archive;
        archive.archived = true;
        QVERIFY(bool(bench.service->editPool(
            bench.service->poolStates().front().pool.id, archive, "console")));
    }
    BudgetsPage budgets(*bench.context);
    ActivityPage activity(*bench.context);
    CatalogPage catalog(*bench.context);
    KeysPage keys(*bench.context);
    const std::vector<Page*> pages{&budgets, &activity, &catalog, &keys};
    for (auto* page : pages) {
        page->setAutoFillBackground(true);
        page->resize(size);
        page->show();
        page->activate();
    }
    auto* table = child<QTableView>(&activity, "decisionTable");
    if (filled) {
        QTRY_VERIFY_WITH_TIMEOUT(table->model()->rowCount() > 5, patienceMs);
        child<QTreeView>(&budgets, "poolTree")->expandAll();
        table->setCurrentIndex(table->model()->index(0, 0));
        QTest::keyClick(table, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(
            child<QWidget>(&activity, "decisionDrawer")->isVisible(), patienceMs);
    } else {
        QTRY_VERIFY_WITH_TIMEOUT(child<QWidget>(&activity, "noTraffic")->isVisible(), patienceMs);
        QVERIFY(child<QWidget>(&budgets, "budgetsEmpty")->isVisible());
        QVERIFY(child<QWidget>(&keys, "keysEmpty")->isVisible());
    }
    QTest::qWait(150);
    for (auto* page : pages) {
        const auto name = QStringLiteral("%1-%2-%3-%4")
                              .arg(page->objectName(), theme, QString::number(size.width()),
                                  filled ? QStringLiteral("filled") : QStringLiteral("empty"));
        const auto image = test::grab(*page, name);
        QVERIFY2(test::colourCount(image) >= 12, qPrintable(name));
        for (const auto* label : page->findChildren<QLabel*>()) {
            const bool cut = label->isVisible() && !label->wordWrap() && label->pixmap().isNull()
                && label->width() + 1 < label->sizeHint().width();
            QVERIFY2(!cut, qPrintable(name + QStringLiteral(" cuts: ") + label->text()));
        }
    }
    Theme::instance().setMode(QStringLiteral("light"));
}

void TestConsolePages::dialogsAreWhole_data()
{
    QTest::addColumn<QString>("theme");
    QTest::newRow("light") << "light";
    QTest::newRow("dark") << "dark";
}

void TestConsolePages::dialogsAreWhole()
{
    QFETCH(QString, theme);
    Theme::instance().setMode(theme);
    ConsoleBench bench;
    QVERIFY2(bench.open(false), qPrintable(bench.problem));
    service::NewProvider provider;
    provider.name = "local";
    provider.url = "http://127.0.0.1:9/v1";
    QVERIFY(bool(bench.service->addProvider(std::move(provider), "console")));
    service::NewKey wanted;
    wanted.name = "laptop";
    const auto created = bench.service->createKey(wanted, "console");
    QVERIFY(bool(created));
    PoolDialog pool(*bench.context);
    child<MoneyEdit>(&pool, "poolCap")->setMoney(*Money::parse("5"));
    PoolMoneyDialog topUp(
        *bench.context, PoolMoneyDialog::Kind::Adjust, bench.service->poolStates().front(), {});
    KeyDialog key(*bench.context);
    typeInto(child<QLineEdit>(&key, "keyTags"), "wrong");
    KeyShownDialog shown(*created, QStringLiteral("http://127.0.0.1:4141"));
    ProviderDialog provide(*bench.context);
    typeInto(child<QLineEdit>(&provide, "providerUrl"), "http://example.com");
    const auto problems = [&provide] {
        QStringList words;
        for (const auto* label : provide.findChildren<QLabel*>()) {
            words << label->text();
        }
        return words.join(QLatin1Char('\n'));
    };
    QVERIFY2(problems().contains(QStringLiteral("Use https://")), qPrintable(problems()));
    QCOMPARE(child<QLineEdit>(&pool, "poolName")->text(), QStringLiteral("organisation-day-2"));
    QVERIFY(child<QPushButton>(&pool, "accept")->isEnabled());
    ModelDialog model(*bench.context);
    typeInto(child<QLineEdit>(&model, "modelOutput"), "dear");
    const std::vector<QDialog*> dialogs{&pool, &topUp, &key, &shown, &provide, &model};
    for (auto* dialog : dialogs) {
        dialog->show();
        QVERIFY(QTest::qWaitForWindowExposed(dialog));
        QTest::qWait(50);
        const auto name = dialog->objectName() + QLatin1Char('-') + theme;
        QVERIFY(test::colourCount(test::grab(*dialog, name)) >= 12);
        for (const auto* label : dialog->findChildren<QLabel*>()) {
            const int needed = label->wordWrap() ? label->heightForWidth(label->width())
                                                 : label->sizeHint().height();
            QVERIFY2(!label->isVisible() || label->height() + 1 >= needed,
                qPrintable(name + QStringLiteral(" cuts: ") + label->text()));
        }
        for (const auto* field : dialog->findChildren<QLineEdit*>()) {
            QVERIFY2(!field->accessibleName().isEmpty() || !field->isVisible()
                    || qobject_cast<QComboBox*>(field->parentWidget()) != nullptr
                    || field->objectName().startsWith(QStringLiteral("qt_")),
                qPrintable(
                    name + QStringLiteral(" has a field without a name: ") + field->objectName()));
        }
        dialog->hide();
    }
    Theme::instance().setMode(QStringLiteral("light"));
}

QTEST_MAIN(TestConsolePages)
#include "tst_console_pages.moc"
