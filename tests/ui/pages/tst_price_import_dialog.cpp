// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// The import dialog on a real service: refused lists, the comparison, consent, apply and undo.

#include "tests/ui/pages/console_bench.h"
#include "tests/ui/pages/find_widgets.h"
#include "ui/dialogs/price_import_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QTableView>
#include <QTest>
#include <QToolButton>

using namespace headgate;
using namespace headgate::ui;
using headgate::test::child;
using headgate::test::ConsoleBench;

namespace {

constexpr int patienceMs = 20'000;

/// models.dev, one provider "local" with these costs of three models.
std::string list(const char* input)
{
    return std::string(R"({"local":{"models":{"m-one":{"cost":{"input":)") + input
        + R"(,"output":8,"cache_read":0.2}},"m-two":{"cost":{"input":3,"output":15,)"
          R"("tiers":[{"input":6,"output":22.5,"tier":{"type":"context","size":272000}}]}},)"
          R"("m-three":{"cost":{"input":0.1,"output":0.4}}}}})";
}

/// A service with the provider "local" and its model m-one at $2 and $8.
bool prepare(ConsoleBench& bench)
{
    if (!bench.open(false)) {
        return false;
    }
    service::NewProvider provider;
    provider.name = "local";
    provider.url = "http://127.0.0.1:9/v1";
    provider.addBookModels = false;
    catalog::Model model;
    model.provider = "local";
    model.name = "m-one";
    catalog::PriceSheet sheet;
    sheet.input = Price::parsePerMillion("2").value();
    sheet.output = Price::parsePerMillion("8").value();
    model.prices = {sheet};
    return bench.service->addProvider(std::move(provider), "console").has_value()
        && bench.service->putModel(model, "console").has_value();
}

std::size_t modelCount(const ConsoleBench& bench)
{
    return bench.service->config()->models.size();
}

} // namespace

class TestPriceImportDialog : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aHostileListIsRefusedInWords()
    {
        ConsoleBench bench;
        QVERIFY2(prepare(bench), qPrintable(bench.problem));
        PriceImportDialog dialog(*bench.context);
        dialog.show();
        dialog.showList(list("-1"), "bad.json");
        auto* problem = child<QLabel>(&dialog, "problem");
        QTRY_VERIFY_WITH_TIMEOUT(problem->isVisible(), patienceMs);
        QVERIFY(problem->text().contains(QStringLiteral("refused")));
        QVERIFY(!child<QPushButton>(&dialog, "accept")->isEnabled());
        QCOMPARE(child<QTableView>(&dialog, "importTable")->model()->rowCount(), 0);
    }

    void realListsAreReadable_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("theme");
        for (const auto* theme : {"light", "dark"}) {
            for (const auto* file : {"litellm_model_prices.json", "models_dev_2026-09-28.json",
                     "genai_prices_0.1.8.json"}) {
                QTest::addRow("%s %s", file, theme)
                    << QString::fromLatin1(file) << QString::fromLatin1(theme);
            }
        }
    }
    void realListsAreReadable()
    {
        QFETCH(QString, file);
        QFETCH(QString, theme);
        const QString shared = qEnvironmentVariable(
            "HEADGATE_SHARED", QStringLiteral(HEADGATE_SOURCE_DIR "/../shared"));
        const QString path = shared + QStringLiteral("/data/prices/") + file;
        if (!QFile::exists(path)) {
            QSKIP("The shared price lists are not here.");
        }
        Theme::instance().setMode(theme);
        ConsoleBench bench;
        QVERIFY2(prepare(bench), qPrintable(bench.problem));
        for (const auto* name : {"openai", "anthropic"}) {
            const auto preset = catalog::providerPreset(name);
            service::NewProvider provider;
            provider.name = name;
            provider.as = *preset;
            QVERIFY(bench.service->addProvider(std::move(provider), "console").has_value());
        }
        for (const QSize size : {QSize(1'280, 800), QSize(1'920, 1'080)}) {
            QWidget window;
            window.resize(size);
            PriceImportDialog dialog(*bench.context, &window);
            dialog.show();
            auto* source = child<QLineEdit>(&dialog, "importSource");
            source->setText(path);
            QTest::keyClick(source, Qt::Key_Return);
            auto* table = child<QTableView>(&dialog, "importTable");
            QTRY_VERIFY_WITH_TIMEOUT(table->model()->rowCount() > 5, patienceMs);
            QVERIFY(!child<QLabel>(&dialog, "problem")->isVisible());
            QVERIFY(dialog.height() < size.height() && dialog.width() < size.width());
            QTest::qWait(100);
            test::grab(
                dialog, QStringLiteral("priceImport-%1-%2-%3").arg(file, theme).arg(size.width()));
            QVERIFY(table->height() > size.height() / 4); // the room is the table's
            const int all = table->model()->rowCount();
            auto* kind = child<QComboBox>(&dialog, "importKind");
            int parts = 0;
            for (const int one : {1, 2, 4}) { // new, changed, not in the list
                kind->setCurrentIndex(one);
                parts += table->model()->rowCount();
            }
            QCOMPARE(parts, all);
            kind->setCurrentIndex(0);
            child<QLineEdit>(&dialog, "importFilter")->setText(QStringLiteral("local/m-one"));
            QCOMPARE(table->model()->rowCount(), 1);
            QCOMPARE(table->model()->index(0, 0).data().toString(), QStringLiteral("Not listed"));
        }
        Theme::instance().setMode(QStringLiteral("light"));
    }

    void emptyRefusedAndUnreadableSaySo_data()
    {
        QTest::addColumn<QString>("theme");
        QTest::newRow("light") << QStringLiteral("light");
        QTest::newRow("dark") << QStringLiteral("dark");
    }
    void emptyRefusedAndUnreadableSaySo()
    {
        QFETCH(QString, theme);
        Theme::instance().setMode(theme);
        ConsoleBench bench;
        QVERIFY2(prepare(bench), qPrintable(bench.problem));
        PriceImportDialog dialog(*bench.context);
        dialog.show();
        auto* note = child<QLabel>(&dialog, "emptyNote");
        auto* problem = child<QLabel>(&dialog, "problem");
        const auto look = [&](const char* what) {
            QTest::qWait(80);
            test::grab(
                dialog, QStringLiteral("priceImport-%1-%2").arg(QString::fromLatin1(what), theme));
            QVERIFY(note->isVisible());
            QVERIFY(!child<QPushButton>(&dialog, "accept")->isEnabled());
        };
        look("empty");
        dialog.showList(
            R"({"local":{"models":{"m-one":{"cost":{"input":2,"output":8}}}}})", "same");
        QTRY_VERIFY_WITH_TIMEOUT(
            note->text().contains(QStringLiteral("differs from the catalog")), patienceMs);
        look("same");
        dialog.showList(
            R"({"local":{"models":{"m-one":{"cost":{"input":1e400,"output":8}}}}})", "bad");
        QTRY_VERIFY_WITH_TIMEOUT(problem->isVisible(), patienceMs);
        QVERIFY(note->text().contains(QStringLiteral("refused whole")));
        look("hostile");
        auto* source = child<QLineEdit>(&dialog, "importSource");
        for (auto* action : child<QToolButton>(&dialog, "importWeb")->menu()->actions()) {
            action->trigger();
            QVERIFY(source->text().startsWith(QStringLiteral("https://")));
        }
        for (const auto* where : {"/no/such/list.json", "http://prices.example.com/list.json"}) {
            source->setText(QString::fromLatin1(where));
            QTest::mouseClick(child<QPushButton>(&dialog, "importCompare"), Qt::LeftButton);
            QTRY_VERIFY_WITH_TIMEOUT(problem->isVisible(), patienceMs);
            QVERIFY2(!problem->text().isEmpty(), where);
        }
        look("unreadable");
        Theme::instance().setMode(QStringLiteral("light"));
    }

    void aLargeChangeNeedsConsent()
    {
        ConsoleBench bench;
        QVERIFY2(prepare(bench), qPrintable(bench.problem));
        PriceImportDialog dialog(*bench.context);
        dialog.show();
        dialog.showList(list("0.000002"), "units.json");
        auto* consent = child<QCheckBox>(&dialog, "importAcceptLarge");
        auto* accept = child<QPushButton>(&dialog, "accept");
        QTRY_VERIFY_WITH_TIMEOUT(consent->isVisible(), patienceMs);
        QVERIFY(!accept->isEnabled());
        consent->setChecked(true);
        QVERIFY(accept->isEnabled());
    }

    void aListIsComparedAppliedAndUndone_data()
    {
        QTest::addColumn<QString>("theme");
        QTest::newRow("light") << QStringLiteral("light");
        QTest::newRow("dark") << QStringLiteral("dark");
    }
    void aListIsComparedAppliedAndUndone()
    {
        QFETCH(QString, theme);
        Theme::instance().setMode(theme);
        ConsoleBench bench;
        QVERIFY2(prepare(bench), qPrintable(bench.problem));
        const std::size_t before = modelCount(bench);
        PriceImportDialog dialog(*bench.context);
        dialog.show();
        dialog.showList(list("2.5"), "prices.json");
        auto* table = child<QTableView>(&dialog, "importTable");
        QTRY_VERIFY_WITH_TIMEOUT(table->model()->rowCount() >= 6, patienceMs);
        QCOMPARE(modelCount(bench), before); // nothing yet
        QTest::qWait(100);
        const auto image = test::grab(dialog, QStringLiteral("priceImport-") + theme);
        QVERIFY(test::colourCount(image) >= 12);
        for (const auto* label : dialog.findChildren<QLabel*>()) {
            const bool cut = label->isVisible() && !label->wordWrap() && label->pixmap().isNull()
                && label->width() + 1 < label->sizeHint().width();
            QVERIFY2(!cut, qPrintable(label->text()));
        }
        auto* accept = child<QPushButton>(&dialog, "accept");
        QVERIFY(accept->isEnabled());
        QTest::mouseClick(accept, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(modelCount(bench), before + 2, patienceMs);
        QTRY_VERIFY_WITH_TIMEOUT(!dialog.isVisible(), patienceMs);
        QTRY_VERIFY_WITH_TIMEOUT(bench.context->undoStack().canUndo(), patienceMs);
        bench.context->undoStack().undo();
        QTRY_COMPARE_WITH_TIMEOUT(modelCount(bench), before, patienceMs);
        Theme::instance().setMode(QStringLiteral("light"));
    }
};

QTEST_MAIN(TestPriceImportDialog)
#include "tst_price_import_dialog.moc"
