// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// The tables and trees of the console without a service: what they announce, what they show, what
// survives a live update.

#include "tests/ui/pages/tree_text.h"
#include "ui/delegates/delegates.h"
#include "ui/models/cells.h"
#include "ui/models/config_models.h"
#include "ui/models/decision_export.h"
#include "ui/models/decision_table_model.h"
#include "ui/models/pool_tree_model.h"

#include <QAbstractItemModelTester>
#include <QItemSelectionModel>
#include <QLineEdit>
#include <QRandomGenerator>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>
#include <QTreeView>

using namespace headgate;
using namespace headgate::ui;
using headgate::test::treeText;

namespace {

using Mode = QAbstractItemModelTester::FailureReportingMode;

SnapshotRow row(const QString& id, const QString& text, std::vector<SnapshotRow> children = {})
{
    SnapshotRow made;
    made.id = id;
    made.cells = {textCell(text), textCell(id)};
    made.children = std::move(children);
    return made;
}

SnapshotRow row(const char* id, const char* text, std::vector<SnapshotRow> children = {})
{
    return row(QString::fromLatin1(id), QString::fromLatin1(text), std::move(children));
}

ledger::PoolState pool(std::int64_t id, const char* name, const char* scope, const char* cap)
{
    ledger::PoolState state;
    state.pool.id = PoolId{id};
    state.pool.name = name;
    state.pool.scope = *ledger::Scope::parse(scope);
    state.pool.cap = *Money::parse(cap);
    return state;
}

ledger::AccountView account(const char* value, const char* settled, const char* held)
{
    ledger::AccountView view;
    view.key.value = value;
    view.balance.settled = *Money::parse(settled);
    view.balance.held = *Money::parse(held);
    view.resetsAtUs = 4 * usPerHour;
    return view;
}

activity::Decision decision(std::int64_t id)
{
    activity::Decision made;
    made.id = DecisionId{id};
    made.atUs = id;
    made.team = id % 2 == 0 ? "search" : "support";
    made.askedModel = "auto";
    made.model = "sim/small";
    made.outcome = "route";
    made.cost = Money::fromNano(id);
    return made;
}

std::vector<DecisionId> ids(std::int64_t first, std::int64_t last)
{
    std::vector<DecisionId> made;
    for (auto id = first; id <= last; ++id) {
        made.push_back(DecisionId{id});
    }
    return made;
}

/// A log in memory that answers like the real one, at once or when asked to.
struct FakeLog {
    std::vector<activity::Decision> rows; ///< oldest first
    bool answerNow = true;
    bool readEarly = false; ///< a late answer holds what was there when it was asked for
    std::vector<std::function<void()>> waiting;
    int asked = 0;

    DecisionTableModel::Fetch fetch()
    {
        return [this](const QString&, const activity::PageQuery& query,
                   DecisionTableModel::Answer answer) {
            ++asked;
            auto work = [this, query, answer, early = page(query), readEarly = readEarly] {
                answer(readEarly ? early : page(query));
            };
            if (answerNow) {
                work();
            } else {
                waiting.push_back(work);
            }
        };
    }
    [[nodiscard]] Result<activity::Page> page(const activity::PageQuery& query) const
    {
        activity::Page page;
        for (auto found = rows.rbegin(); found != rows.rend(); ++found) {
            if (query.before && found->id >= query.before) {
                continue;
            }
            if (int(page.rows.size()) == query.limit) {
                page.more = true;
                break;
            }
            page.rows.push_back(*found);
        }
        return page;
    }
};

catalog::Model pricedModel()
{
    catalog::Model model;
    model.provider = "acme";
    model.name = "large";
    model.tier = 3;
    model.contextTokens = 128'000;
    catalog::PriceSheet sheet;
    sheet.validFrom = 10 * usPerDay;
    sheet.input = *Price::parsePerMillion("2.5");
    sheet.output = *Price::parsePerMillion("10");
    sheet.source = "models.dev 1970-01-11";
    model.prices.push_back(sheet);
    return model;
}

} // namespace

class TestConsoleModels final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void snapshotsDiffById();
    void snapshotsSurviveAnyShuffle();
    void onlyChangedCellsAreAnnounced();
    void anUpdateKeepsSelectionAndEditor();
    void poolsAndAccounts();
    void poolStates_data();
    void poolStates();
    void capEditIsHandedOn();
    void hostileTextStaysPlain();
    void decisionsPageInOrder();
    void decisionsFollow();
    void decisionsIgnoreLateAnswers();
    void nothingIsMissedWhileLoading();
    void decisionsMergeLateBirths();
    void decisionsFindVeryLateBirths();
    void decisionsTrimWhileFollowing();
    void decisionsSurviveErrors();
    void conditionsOfCells();
    void twinsAreShownOnce();
    void catalogShowsAndEdits();
    void aPriceChangeKeepsThePast();
    void providersAndKeys();
    void csvCells_data();
    void csvCells();
};

void TestConsoleModels::snapshotsDiffById()
{
    SnapshotModel model({{QStringLiteral("A")}, {QStringLiteral("B")}});
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    model.setRows({row("a", "1"), row("b", "2", {row("x", "9")}), row("c", "3")});
    QCOMPARE(treeText(model, {0, 1}), QStringLiteral("1 | a\n2 | b\n  9 | x\n3 | c"));

    QSignalSpy inserted(&model, &QAbstractItemModel::rowsInserted);
    QSignalSpy removed(&model, &QAbstractItemModel::rowsRemoved);
    model.setRows({row("b", "2", {row("y", "8"), row("x", "9")}), row("c", "3"), row("d", "4")});
    QCOMPARE(treeText(model, {0, 1}), QStringLiteral("2 | b\n  8 | y\n  9 | x\n3 | c\n4 | d"));
    QCOMPARE(removed.count(), 1);
    QCOMPARE(inserted.count(), 2);

    QSignalSpy moved(&model, &QAbstractItemModel::rowsMoved);
    model.setRows({row("d", "4"), row("b", "2", {row("x", "9")}), row("c", "3")});
    QCOMPARE(treeText(model, {0, 1}), QStringLiteral("4 | d\n2 | b\n  9 | x\n3 | c"));
    QCOMPARE(moved.count(), 1);
    model.setRows({});
    QCOMPARE(model.rowCount(), 0);
    QCOMPARE(resets.count(), 0);
}

void TestConsoleModels::snapshotsSurviveAnyShuffle()
{
    SnapshotModel model({{QStringLiteral("A")}, {QStringLiteral("B")}});
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    SnapshotProxy proxy;
    QAbstractItemModelTester proxyTester(&proxy, Mode::Fatal);
    proxy.setSourceModel(&model);
    proxy.sort(0);
    QRandomGenerator random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<SnapshotRow> rows;
        QStringList expected;
        QStringList ids;
        for (int i = 0; i < 12; ++i) {
            ids << QString::number(i);
        }
        std::shuffle(ids.begin(), ids.end(), random);
        for (const auto& id : ids.first(random.bounded(12))) {
            const auto text = QString::number(random.bounded(5));
            expected << text + QStringLiteral(" | ") + id;
            rows.push_back(row(id, text));
            if (random.bounded(3) == 0) {
                rows.back().children.push_back(row(QStringLiteral("k"), text));
                expected << QStringLiteral("  ") + text + QStringLiteral(" | k");
            }
        }
        model.setRows(std::move(rows));
        QCOMPARE(treeText(model, {0, 1}), expected.join(QLatin1Char('\n')));
    }
}

void TestConsoleModels::onlyChangedCellsAreAnnounced()
{
    SnapshotModel model({{QStringLiteral("A")}, {QStringLiteral("B")}});
    model.setRows({row("a", "1"), row("b", "2")});
    QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
    model.setRows({row("a", "1"), row("b", "2")});
    QCOMPARE(changed.count(), 0);
    model.setRows({row("a", "1"), row("b", "3")});
    QCOMPARE(changed.count(), 1);
    QCOMPARE(changed[0][0].toModelIndex(), model.index(1, 0));
    QCOMPARE(changed[0][1].toModelIndex(), model.index(1, 0));
}

void TestConsoleModels::anUpdateKeepsSelectionAndEditor()
{
    PoolTreeModel model;
    SnapshotProxy proxy;
    proxy.setSourceModel(&model);
    auto org = pool(1, "organisation", "org", "10");
    org.accounts = {account("", "1", "0")};
    auto team = pool(2, "search", "team=search", "5");
    team.accounts = {account("search", "1", "0")};
    model.setPools({org, team}, 0, false);
    QTreeView view;
    view.setModel(&proxy);
    view.setItemDelegateForColumn(PoolTreeModel::Cap, new MoneyEditDelegate(&view));
    view.show();
    const auto cap = proxy.index(1, PoolTreeModel::Cap);
    view.setCurrentIndex(cap);
    view.edit(cap);
    auto* editor = view.findChild<QLineEdit*>();
    QVERIFY(editor != nullptr);
    QTest::keyClicks(editor, QStringLiteral("7.25"));

    team.accounts[0].balance.settled = *Money::parse("2");
    auto added = pool(3, "another", "each-user", "1");
    model.setPools({added, org, team}, 0, false);
    QCOMPARE(editor->text(), QStringLiteral("7.25"));
    QVERIFY(editor->isVisible());
    QCOMPARE(view.currentIndex().siblingAtColumn(0).data().toString(), QStringLiteral("search"));
    QCOMPARE(view.currentIndex().siblingAtColumn(PoolTreeModel::Used).data().toString(),
        QStringLiteral("$2.00"));
}

void TestConsoleModels::poolsAndAccounts()
{
    PoolTreeModel model;
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    auto org = pool(1, "organisation-day", "org", "25");
    org.accounts = {account("", "15.50", "0.042")};
    auto users = pool(2, "users", "each-user", "1");
    users.accounts = {account("ana", "0.25", "0"), account("bo", "0.90", "0.05")};
    users.accountsTotal = 5;
    const QList<int> columns{PoolTreeModel::Name, PoolTreeModel::ScopeColumn, PoolTreeModel::Used,
        PoolTreeModel::Cap, PoolTreeModel::Left, PoolTreeModel::Resets, PoolTreeModel::State};
    model.setPools({org, users}, 0, false);
    QCOMPARE(treeText(model, columns),
        QStringLiteral(
            "organisation-day | everyone | $15.50 | $25.00 | $9.46 | in 4 h 0 min | Open\n"
            "users | each user (5) | $1.15 | $1.00 each | $0.05 | in 4 h 0 min | Nearly empty\n"
            "  ana |  | $0.25 | $1.00 | $0.75 | in 4 h 0 min | Open\n"
            "  bo |  | $0.90 | $1.00 | $0.05 | in 4 h 0 min | Nearly empty\n"
            "  and 3 more |  |  |  |  |  | "));
    const auto bar = model.index(0, PoolTreeModel::Bar);
    QCOMPARE(bar.data(SettledRole).toLongLong(), 15'500'000'000);
    QCOMPARE(bar.data(HeldRole).toLongLong(), 42'000'000);
    QCOMPARE(bar.data(CapRole).toLongLong(), 25'000'000'000);
    QVERIFY(bar.data(Qt::ToolTipRole).toString().contains(QStringLiteral("$15.500000000")));
    const auto bo = model.index(1, 0, model.index(1, 0));
    QCOMPARE(PoolTreeModel::poolOf(bo), PoolId{2});
    QCOMPARE(PoolTreeModel::accountOf(bo), QStringLiteral("bo"));

    users.pool.archived = true;
    model.setPools({org, users}, 0, false);
    QCOMPARE(model.rowCount(), 1);
    model.setPools({org, users}, 0, true);
    QCOMPARE(model.index(1, PoolTreeModel::State).data().toString(), QStringLiteral("Archived"));
}

void TestConsoleModels::poolStates_data()
{
    QTest::addColumn<QString>("settled");
    QTest::addColumn<bool>("hard");
    QTest::addColumn<bool>("frozen");
    QTest::addColumn<bool>("overrun");
    QTest::addColumn<QString>("state");
    QTest::addColumn<int>("tone");
    const int ok = int(Chip::Tone::Ok);
    const int warning = int(Chip::Tone::Warning);
    const int danger = int(Chip::Tone::Danger);
    QTest::newRow("open") << "1" << true << false << false << "Open" << ok;
    QTest::newRow("nearly") << "9.01" << true << false << false << "Nearly empty" << warning;
    QTest::newRow("empty") << "10" << true << false << false << "Empty" << danger;
    QTest::newRow("over") << "11" << true << false << true << "Overrun" << danger;
    QTest::newRow("watch") << "11" << false << false << false << "Empty" << warning;
    QTest::newRow("frozen") << "1" << true << true << false << "Frozen" << danger;
}

void TestConsoleModels::poolStates()
{
    QFETCH(QString, settled);
    QFETCH(bool, hard);
    QFETCH(bool, frozen);
    QFETCH(bool, overrun);
    auto state = pool(1, "p", "org", "10");
    state.pool.hard = hard;
    state.pool.frozen = frozen;
    state.accounts = {account("", settled.toLatin1().constData(), "0")};
    state.accounts[0].balance.frozen = overrun;
    PoolTreeModel model;
    model.setPools({state}, 0, false);
    QTEST(model.index(0, PoolTreeModel::State).data().toString(), "state");
    QTEST(model.index(0, PoolTreeModel::State).data(ToneRole).toInt(), "tone");
}

void TestConsoleModels::capEditIsHandedOn()
{
    PoolTreeModel model;
    model.setPools({pool(4, "p", "org", "10")}, 0, false);
    QSignalSpy edited(&model, &PoolTreeModel::capEdited);
    const auto cap = model.index(0, PoolTreeModel::Cap);
    QVERIFY(!model.setData(cap, QStringLiteral("lots")));
    QVERIFY(!model.setData(cap, qlonglong(-1)));
    QVERIFY(!model.setData(model.index(0, PoolTreeModel::Name), QStringLiteral("5")));
    QVERIFY(model.setData(cap, qlonglong(10'000'000'000)));
    QCOMPARE(edited.count(), 0);
    QVERIFY(model.setData(cap, QStringLiteral("$12.50")));
    QCOMPARE(edited.count(), 1);
    QCOMPARE(edited[0][0].toLongLong(), 4);
    QCOMPARE(edited[0][1].toLongLong(), 12'500'000'000);
    QCOMPARE(cap.data().toString(), QStringLiteral("$10.00"));
}

void TestConsoleModels::hostileTextStaysPlain()
{
    auto state = pool(1, "<b>bold</b>\x01", "org", "1");
    PoolTreeModel model;
    model.setPools({state}, 0, false);
    const auto name = model.index(0, 0);
    QVERIFY(!name.data().toString().contains(QChar(u'\x01')));
    QVERIFY(name.data(Qt::ToolTipRole).toString().contains(QStringLiteral("&lt;b&gt;")));
}

void TestConsoleModels::decisionsPageInOrder()
{
    FakeLog log;
    for (int id = 1; id <= 1'234; ++id) {
        log.rows.push_back(decision(id));
    }
    DecisionTableModel model(log.fetch());
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    tester.setUseFetchMore(false);
    model.reload();
    QCOMPARE(model.rowCount(), DecisionTableModel::pageRows);
    while (model.canFetchMore({})) {
        model.fetchMore({});
    }
    QCOMPARE(model.rowCount(), 1'234);
    for (int at = 0; at < model.rowCount(); ++at) {
        QCOMPARE(model.decisionAt(at).id.value, 1'234 - at);
        QCOMPARE(model.rowOf(DecisionId{1'234 - at}), at);
    }
    QCOMPARE(model.rowOf(DecisionId{5'000}), -1);
}

void TestConsoleModels::decisionsFollow()
{
    FakeLog log;
    DecisionTableModel model(log.fetch());
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    tester.setUseFetchMore(false);
    model.reload();
    QCOMPARE(model.rowCount(), 0);
    for (int id = 1; id <= 300; ++id) {
        log.rows.push_back(decision(id));
    }
    model.refreshTop(ids(1, 300));
    QVERIFY(model.rowCount() >= 100);
    QCOMPARE(model.decisionAt(0).id.value, 300);
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    QItemSelectionModel selection(&model);
    selection.setCurrentIndex(model.index(3, 0), QItemSelectionModel::SelectCurrent);
    for (int id = 301; id <= 310; ++id) {
        log.rows.push_back(decision(id));
    }
    model.refreshTop(ids(301, 310));
    QCOMPARE(resets.count(), 0);
    QCOMPARE(model.decisionAt(0).id.value, 310);
    QCOMPARE(selection.currentIndex().row(), 13);
    while (model.canFetchMore({})) {
        model.fetchMore({});
    }
    QCOMPARE(model.rowCount(), 310);
    // More came than one look can hold: the list starts over instead of lying about a gap.
    for (int id = 311; id <= 5'000; ++id) {
        log.rows.push_back(decision(id));
    }
    model.refreshTop(ids(311, 5'000));
    QCOMPARE(model.decisionAt(0).id.value, 5'000);
    while (model.canFetchMore({}) && model.rowCount() < 2'000) {
        model.fetchMore({});
    }
    for (int at = 0; at < 2'000; ++at) {
        QCOMPARE(model.decisionAt(at).id.value, 5'000 - at);
    }
}

void TestConsoleModels::decisionsIgnoreLateAnswers()
{
    FakeLog log;
    for (int id = 1; id <= 250; ++id) {
        log.rows.push_back(decision(id));
    }
    DecisionTableModel model(log.fetch());
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    tester.setUseFetchMore(false);
    model.reload();
    log.answerNow = false;
    model.fetchMore({});
    QVERIFY(!model.canFetchMore({}));
    log.answerNow = true;
    model.reload();
    QCOMPARE(model.rowCount(), 100);
    log.waiting.front()();
    QCOMPARE(model.rowCount(), 100);
    QVERIFY(model.canFetchMore({}));
}

void TestConsoleModels::nothingIsMissedWhileLoading()
{
    FakeLog log;
    for (int id = 1; id <= 5; ++id) {
        log.rows.push_back(decision(id));
    }
    DecisionTableModel model(log.fetch());
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    tester.setUseFetchMore(false);
    // The first page was read before the row was logged, and answers after it was announced.
    log.answerNow = false;
    log.readEarly = true;
    model.reload();
    log.rows.push_back(decision(6));
    model.refreshTop(ids(6, 6));
    QCOMPARE(log.waiting.size(), std::size_t(1));
    log.answerNow = true;
    log.waiting.front()();
    QCOMPARE(model.rowCount(), 6);
    // The first look is dropped for a newer one, as the service does with a slot.
    log.answerNow = false;
    log.waiting.clear();
    log.rows.push_back(decision(7));
    model.refreshTop(ids(7, 7));
    log.rows.push_back(decision(8));
    model.refreshTop(ids(8, 8));
    log.waiting.back()();
    QCOMPARE(model.rowCount(), 8);
}

void TestConsoleModels::decisionsMergeLateBirths()
{
    FakeLog log;
    for (const int id : {10, 20, 40}) {
        log.rows.push_back(decision(id));
    }
    DecisionTableModel model(log.fetch());
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    tester.setUseFetchMore(false);
    model.reload();
    // Asked before 40, answered and logged after it.
    log.rows.insert(log.rows.begin() + 2, decision(30));
    log.rows.insert(log.rows.begin(), decision(5));
    log.rows.push_back(decision(50));
    model.refreshTop({DecisionId{30}, DecisionId{5}, DecisionId{50}});
    QCOMPARE(model.rowCount(), 6);
    const QList<int> expected{50, 40, 30, 20, 10, 5};
    for (int at = 0; at < 6; ++at) {
        QCOMPARE(model.decisionAt(at).id.value, expected[at]);
    }
}

void TestConsoleModels::decisionsFindVeryLateBirths()
{
    FakeLog log;
    for (int id = 1; id <= 500; ++id) {
        log.rows.push_back(decision(id * 10));
    }
    DecisionTableModel model(log.fetch());
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    tester.setUseFetchMore(false);
    model.reload();
    while (model.rowCount() < 400) {
        model.fetchMore({});
    }
    // Far below the first page, but among the loaded rows; and one beyond them.
    log.rows.insert(log.rows.begin() + 150, decision(1'505));
    log.rows.insert(log.rows.begin() + 20, decision(205));
    model.refreshTop({DecisionId{1'505}, DecisionId{205}});
    QCOMPARE(model.rowCount(), 401);
    QVERIFY(model.rowOf(DecisionId{1'505}) > 300);
    QCOMPARE(model.rowOf(DecisionId{205}), -1);
    model.fetchMore({});
    model.fetchMore({});
    QCOMPARE(model.rowCount(), 502);
    for (int at = 1; at < model.rowCount(); ++at) {
        QVERIFY(model.decisionAt(at).id < model.decisionAt(at - 1).id);
    }
}

void TestConsoleModels::decisionsTrimWhileFollowing()
{
    FakeLog log;
    int next = 1;
    DecisionTableModel model(log.fetch());
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    tester.setUseFetchMore(false);
    model.reload();
    while (next <= 9'000) {
        for (int i = 0; i < 400; ++i) {
            log.rows.push_back(decision(next++));
        }
        model.refreshTop(ids(next - 400, next - 1));
    }
    QCOMPARE(model.rowCount(), DecisionTableModel::followRowsMax);
    QVERIFY(model.canFetchMore({}));
    model.fetchMore({});
    for (int at = 0; at < model.rowCount(); ++at) {
        QCOMPARE(model.decisionAt(at).id.value, next - 1 - at);
    }
}

void TestConsoleModels::decisionsSurviveErrors()
{
    bool bad = true;
    FakeLog log;
    log.rows.push_back(decision(1));
    DecisionTableModel model(
        [&](const QString&, const activity::PageQuery& query, DecisionTableModel::Answer answer) {
            if (bad) {
                answer(Error(ErrorCode::Io, "The log cannot be read.", "Check the disk."));
            } else {
                answer(log.page(query));
            }
        });
    QSignalSpy failed(&model, &DecisionTableModel::failed);
    model.reload();
    QCOMPARE(failed.count(), 1);
    QVERIFY(failed[0][0].toString().contains(QStringLiteral("Check the disk.")));
    QCOMPARE(model.rowCount(), 0);
    bad = false;
    model.reload();
    QCOMPARE(model.rowCount(), 1);
    bad = true;
    model.refreshTop(ids(2, 2));
    QCOMPARE(model.rowCount(), 1);
}

void TestConsoleModels::conditionsOfCells()
{
    FakeLog log;
    auto refused = decision(2);
    refused.status = activity::Status::Refused;
    refused.outcome = "refuse_budget";
    refused.model.clear();
    log.rows = {decision(1), refused};
    DecisionTableModel model(log.fetch());
    model.reload();
    using Condition = std::pair<std::string, std::string>;
    QVERIFY(
        model.conditionAt(model.index(0, DecisionTableModel::Team)) == Condition("team", "search"));
    QVERIFY(model.conditionAt(model.index(0, DecisionTableModel::Model))
        == Condition("asked_model", "auto"));
    QVERIFY(model.conditionAt(model.index(1, DecisionTableModel::Model))
        == Condition("model", "sim/small"));
    QVERIFY(model.conditionAt(model.index(0, DecisionTableModel::StatusColumn))
        == Condition("status", "refused"));
    QVERIFY(model.conditionAt(model.index(0, DecisionTableModel::CostColumn)).first.empty());
    QCOMPARE(
        model.index(0, DecisionTableModel::Outcome).data().toString(), QStringLiteral("No budget"));
    QCOMPARE(model.index(1, DecisionTableModel::Model).data().toString(),
        QStringLiteral("auto → sim/small"));
}

/// A snapshot put together while a change is under way may name one thing twice.
void TestConsoleModels::twinsAreShownOnce()
{
    PoolTreeModel model;
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    const auto one = pool(1, "one", "org", "10");
    const auto two = pool(2, "two", "org", "5");
    model.setPools({one, two}, 0, false);
    model.setPools({one, one, two}, 0, false);
    QCOMPARE(model.rowCount(), 2);
    model.setPools({two, one, two, one}, 0, false);
    QCOMPARE(treeText(model, {0}), QStringLiteral("two\none"));
}

void TestConsoleModels::catalogShowsAndEdits()
{
    service::Config config;
    config.models.push_back(pricedModel());
    catalog::Model unpriced;
    unpriced.provider = "acme";
    unpriced.name = "new";
    config.models.push_back(unpriced);
    CatalogModel model;
    QAbstractItemModelTester tester(&model, Mode::Fatal);
    model.setConfig(config, 65 * usPerDay);
    QCOMPARE(treeText(model,
                 {CatalogModel::Name, CatalogModel::Tier, CatalogModel::ContextColumn,
                     CatalogModel::Input, CatalogModel::Output, CatalogModel::CacheRead,
                     CatalogModel::Effective, CatalogModel::Age}),
        QStringLiteral("large | 3 | 128,000 | $2.50 | $10.00 | – | 1970-01-11 | 55 days old\n"
                       "new | 1 | unknown | – | – | – | – | –"));
    QCOMPARE(model.index(1, CatalogModel::Source).data().toString(), QStringLiteral("No price"));
    tokens::Margin margin;
    margin.model = config.models[0].id();
    margin.family = config.models[0].tokenizer;
    margin.permille = 1'085;
    margin.learned = true;
    margin.observations = 300;
    model.setConfig(config, 65 * usPerDay, {margin});
    const auto learned = model.index(0, CatalogModel::MarginColumn);
    QCOMPARE(learned.data().toString(), QStringLiteral("×1.085"));
    QVERIFY(learned.data(Qt::ToolTipRole).toString().contains(QStringLiteral("300")));
    QCOMPARE(model.index(1, CatalogModel::MarginColumn).data().toString(), QStringLiteral("×1.3"));
    QSignalSpy price(&model, &CatalogModel::priceEdited);
    QSignalSpy tier(&model, &CatalogModel::tierEdited);
    QSignalSpy enabled(&model, &CatalogModel::enabledEdited);
    QVERIFY(!model.setData(model.index(0, CatalogModel::Input), QStringLiteral("cheap")));
    QVERIFY(!model.setData(model.index(0, CatalogModel::Input), QStringLiteral("-1")));
    QVERIFY(model.setData(model.index(0, CatalogModel::Input), QStringLiteral("2.50")));
    QCOMPARE(price.count(), 0);
    QVERIFY(model.setData(model.index(0, CatalogModel::Output), QStringLiteral("$12")));
    QCOMPARE(price.count(), 1);
    QCOMPARE(price[0][0].toString(), QStringLiteral("acme/large"));
    QCOMPARE(price[0][2].toLongLong(), 12'000'000);
    QVERIFY(!model.setData(model.index(0, CatalogModel::Tier), 9));
    QVERIFY(model.setData(model.index(0, CatalogModel::Tier), 2));
    QCOMPARE(tier.count(), 1);
    QVERIFY(model.setData(
        model.index(0, CatalogModel::Enabled), int(Qt::Unchecked), Qt::CheckStateRole));
    QCOMPARE(enabled.count(), 1);
}

void TestConsoleModels::aPriceChangeKeepsThePast()
{
    const auto before = pricedModel();
    const auto nowUs = 70 * usPerDay;
    const auto after = withPrice(before, CatalogModel::Input, *Price::parsePerMillion("3"), nowUs);
    QCOMPARE(after.prices.size(), std::size_t(2));
    QCOMPARE(after.prices[0].input->toPerMillion(), before.prices[0].input->toPerMillion());
    QCOMPARE(after.priceAt(nowUs - 1)->input->toPerMillion(), std::string("2.50"));
    QCOMPARE(after.priceAt(nowUs)->input->toPerMillion(), std::string("3.00"));
    QCOMPARE(after.priceAt(nowUs)->output->toPerMillion(), std::string("10.00"));
    QCOMPARE(after.priceAt(nowUs)->source, std::string("operator"));
    QCOMPARE(priceHistory(after).count(QLatin1Char('\n')), 1);
    // A sheet that is known to begin later stays the last one.
    auto planned = before;
    planned.prices.push_back(before.prices[0]);
    planned.prices.back().validFrom = 100 * usPerDay;
    const auto changed
        = withPrice(planned, CatalogModel::Output, *Price::parsePerMillion("11"), nowUs);
    QCOMPARE(changed.prices.size(), std::size_t(3));
    QCOMPARE(changed.prices[1].validFrom, nowUs);
    QCOMPARE(changed.prices[2].validFrom, 100 * usPerDay);
}

void TestConsoleModels::providersAndKeys()
{
    service::Config config;
    catalog::Provider acme;
    acme.name = "acme";
    acme.baseUrl = "https://acme.example/v1";
    config.providers.push_back(acme);
    config.models.push_back(pricedModel());
    ProviderModel providers;
    QAbstractItemModelTester tester(&providers, Mode::Fatal);
    providers.setConfig(config, {});
    config.providers[0].hasKey = true;
    config.providers[0].keyHint = "…abcd";
    config.providers[0].enabled = false;
    ProviderModel::Live live;
    live.tests["acme"] = QStringLiteral("!No route.");
    providers.setConfig(config, live);
    QCOMPARE(treeText(providers,
                 {ProviderModel::Name, ProviderModel::KeyColumn, ProviderModel::Models,
                     ProviderModel::State, ProviderModel::Test}),
        QStringLiteral("acme | …abcd | 1 | Disabled | Problem"));

    service::KeyRecord key;
    key.id = KeyId{3};
    key.name = "laptop";
    key.hint = "…beef";
    key.team = "search";
    key.createdAtUs = usPerDay;
    auto old = key;
    old.id = KeyId{4};
    old.name = "gone";
    old.revokedAtUs = 2 * usPerDay;
    auto expired = key;
    expired.id = KeyId{5};
    expired.name = "late";
    expired.expiresAtUs = 2 * usPerDay;
    KeyModel keys;
    QAbstractItemModelTester keyTester(&keys, Mode::Fatal);
    keys.setKeys({key, old, expired}, {}, 3 * usPerDay, false);
    const QList<int> columns{KeyModel::Name, KeyModel::Hint, KeyModel::LastUsed, KeyModel::State};
    QCOMPARE(treeText(keys, columns),
        QStringLiteral("laptop | …beef | never | In force\nlate | …beef | never | Expired"));
    keys.setKeys({key, old, expired}, {}, 3 * usPerDay, true);
    QCOMPARE(keys.rowCount(), 3);
    QCOMPARE(keys.index(1, KeyModel::State).data().toString(), QStringLiteral("Revoked"));
}

void TestConsoleModels::csvCells_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("cell");
    QTest::newRow("plain") << "a b"
                           << "\"a b\"";
    QTest::newRow("quote") << "a\"b"
                           << "\"a\"\"b\"";
    QTest::newRow("comma") << "a,b\nc"
                           << "\"a,b\nc\"";
    QTest::newRow("equals") << "=1+1"
                            << "\"'=1+1\"";
    QTest::newRow("plus") << "+1"
                          << "\"'+1\"";
    QTest::newRow("minus") << "-1"
                           << "\"'-1\"";
    QTest::newRow("at") << "@x"
                        << "\"'@x\"";
    QTest::newRow("tab") << "\t=1"
                         << "\"'\t=1\"";
    QTest::newRow("empty") << ""
                           << "\"\"";
}

void TestConsoleModels::csvCells()
{
    QFETCH(QString, text);
    QTEST(toQt(csvCell(fromQt(text))), "cell");
}

QTEST_MAIN(TestConsoleModels)
#include "tst_console_models.moc"
