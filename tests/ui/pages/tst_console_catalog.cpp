// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// The Catalog page on a real service, a real proxy and an upstream that misbehaves on purpose:
// states of providers, keys, settings, fallbacks, estimates; by keys, in both themes.

#include "tests/ui/pages/console_bench.h"
#include "tests/ui/pages/find_widgets.h"
#include "tests/ui/pages/unruly_server.h"
#include "ui/charts/bar_list.h"
#include "ui/dialogs/model_dialog.h"
#include "ui/dialogs/provider_dialog.h"
#include "ui/dialogs/provider_keys_dialog.h"
#include "ui/dialogs/provider_settings_dialog.h"
#include "ui/models/config_models.h"
#include "ui/pages/catalog_detail.h"
#include "ui/pages/catalog_page.h"
#include "ui/pages/detail_view.h"

#include "core/service/control.h"

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QListWidget>
#include <QMessageBox>
#include <QSpinBox>
#include <QTableView>
#include <QTest>
#include <QToolButton>

#include <boost/json.hpp>

using namespace headgate;
using namespace headgate::ui;
using headgate::test::child;
using headgate::test::ConsoleBench;
using headgate::test::openDialog;
using headgate::test::UnrulyServer;

namespace {

constexpr int patienceMs = 20'000;

catalog::Model priced(const char* name)
{
    catalog::Model model;
    model.provider = "local";
    model.name = name;
    model.tier = 2;
    model.contextTokens = 128'000;
    model.maxOutputTokens = 4'096;
    model.tokenizer = "o200k_base";
    catalog::PriceSheet sheet;
    sheet.input = Price::parsePerMillion("2").value();
    sheet.output = Price::parsePerMillion("8").value();
    sheet.source = "models.dev 2026-09-28";
    sheet.fetchedAtUs = SystemClock().nowUs() - 3 * usPerDay;
    model.prices = {sheet};
    return model;
}

/// Provider "local" at that server with a key and two models; a client key.
struct Set {
    ConsoleBench bench;
    UnrulyServer server;
    QString key;

    bool open(int callsMax = 0)
    {
        if (!bench.open(true) || !server.listen()) {
            return false;
        }
        service::NewProvider provider;
        provider.name = "local";
        provider.as
            = catalog::providerFor("local", catalog::Dialect::OpenAi, server.url().toStdString());
        provider.as->concurrencyMax = callsMax;
        provider.key = Secret("sk-abcdefghijklmnop");
        provider.addBookModels = false;
        service::NewKey wanted;
        wanted.name = "laptop";
        const bool made = bench.service->addProvider(std::move(provider), "console").has_value()
            && bench.service->putModel(priced("m-one"), "console").has_value()
            && bench.service->putModel(priced("m-two"), "console").has_value();
        const auto created = bench.service->createKey(wanted, "console");
        if (created) {
            key = toQt(created->key.reveal());
        }
        return made && created.has_value();
    }
    int ask(int times = 1)
    {
        int status = 0;
        for (int i = 0; i < times; ++i) {
            status = bench.ask(key, "Say hello.", "local/m-one").status;
        }
        return status;
    }
};

struct Shown {
    explicit Shown(ConsoleBench& bench, QSize size = {1'280, 800}) : page(*bench.context)
    {
        page.setAutoFillBackground(true);
        page.resize(size);
        page.show();
        page.activate();
        providers = child<QTableView>(&page, "providerTable");
        models = child<QTableView>(&page, "modelTable");
        detail = child<DetailView>(&page, "catalogDetail");
        drawer = child<QWidget>(&page, "catalogDrawer");
    }
    [[nodiscard]] QString cell(int column, int row = 1) const
    {
        return providers->model()->index(row, column).data().toString();
    }
    bool choose(const char* modelId) const
    {
        for (int row = 0; row < models->model()->rowCount(); ++row) {
            const auto index = models->model()->index(row, 0);
            if (index.data(IdRole).toString() == QLatin1String(modelId)) {
                models->setCurrentIndex(index);
                return true;
            }
        }
        return false;
    }
    void chooseLocal() const { providers->setCurrentIndex(providers->model()->index(1, 0)); }

    CatalogPage page;
    QTableView* providers = nullptr;
    QTableView* models = nullptr;
    DetailView* detail = nullptr;
    QWidget* drawer = nullptr;
};

const catalog::Provider* local(const service::Config& config)
{
    for (const auto& provider : config.providers) {
        if (provider.name == "local") {
            return &provider;
        }
    }
    return nullptr;
}

std::vector<std::string> chainOf(const ConsoleBench& bench, const std::string& id)
{
    for (const auto& model : bench.service->config()->models) {
        if (model.id() == id) {
            return model.fallbacks;
        }
    }
    return {"there is no such model"};
}

boost::json::object statusRow(service::Service& service)
{
    boost::json::object out;
    static_cast<void>(service::runVerb(service, "status", {}, [&](const auto& row) {
        out = row;
        return true;
    }));
    return out;
}

/// Everything that takes the focus has a name for a screen reader.
QString nameless(QWidget& root)
{
    for (auto* widget : root.findChildren<QWidget*>()) {
        const bool inner = widget->objectName().startsWith(QStringLiteral("qt_"))
            || qobject_cast<QAbstractSpinBox*>(widget->parentWidget()) != nullptr
            || qobject_cast<QComboBox*>(widget->parentWidget()) != nullptr;
        const auto* button = qobject_cast<QAbstractButton*>(widget);
        const bool named = !widget->accessibleName().isEmpty()
            || (button != nullptr && !button->text().isEmpty());
        const bool field = qobject_cast<QLineEdit*>(widget) != nullptr || button != nullptr
            || qobject_cast<QComboBox*>(widget) != nullptr
            || qobject_cast<QAbstractSpinBox*>(widget) != nullptr
            || qobject_cast<QAbstractItemView*>(widget) != nullptr;
        if (field && widget->isVisible() && !inner && !named
            && widget->focusPolicy() != Qt::NoFocus) {
            return QString::fromLatin1(widget->metaObject()->className()) + QLatin1Char(' ')
                + widget->objectName();
        }
    }
    return {};
}

QString cutLabel(QWidget& root)
{
    for (const auto* label : root.findChildren<QLabel*>()) {
        const bool wide = !label->wordWrap() && label->pixmap().isNull()
            && label->width() + 1 < label->sizeHint().width();
        const bool high
            = label->wordWrap() && label->height() + 1 < label->heightForWidth(label->width());
        if (label->isVisible() && (wide || high)) {
            return label->text();
        }
    }
    return {};
}

} // namespace

class TestConsoleCatalog final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { Theme::instance().setMode(QStringLiteral("light")); }

    void statesAreShownAndCleared_data()
    {
        QTest::addColumn<int>("status");
        QTest::addColumn<int>("times");
        QTest::addColumn<QString>("state");
        QTest::addColumn<QString>("why");
        const auto row
            = [](const char* name, int status, int times, const char* state, const char* why) {
                  QTest::newRow(name)
                      << status << times << QString::fromLatin1(state) << QString::fromLatin1(why);
              };
        row("account is empty", 402, 1, "Exhausted until", "exhausted account");
        row("key is refused", 401, 1, "Key refused", "asked again at");
        row("asks for a pause", 429, 1, "1 model aside", "cools down");
        row("nobody answers", 0, 6, "Breaker open until", "left alone");
        row("all is well", 200, 2, "Healthy", "");
    }
    void statesAreShownAndCleared()
    {
        QFETCH(int, status);
        QFETCH(int, times);
        QFETCH(QString, state);
        QFETCH(QString, why);
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        Shown shown(set.bench);
        QCOMPARE(shown.cell(ProviderModel::State), QStringLiteral("Not called yet"));
        if (status == 0) {
            set.server.close();
        }
        set.server.answerWith(status);
        set.ask(times);
        QTRY_VERIFY2_WITH_TIMEOUT(shown.cell(ProviderModel::State).startsWith(state),
            qPrintable(shown.cell(ProviderModel::State)), patienceMs);
        shown.chooseLocal();
        auto* clear = child<QAction>(shown.providers, "clearProvider");
        const auto row = statusRow(*set.bench.service);
        const auto& unwell = row.at("unwell_providers").as_array();
        QCOMPARE(clear->isEnabled(), !why.isEmpty());
        QCOMPARE(unwell.size(), std::size_t(why.isEmpty() ? 0 : 1));
        if (why.isEmpty()) {
            QCOMPARE(shown.cell(ProviderModel::Errors), QStringLiteral("0 of 2"));
            return;
        }
        QVERIFY(toQt(std::string(unwell.front().as_object().at("text").as_string())).contains(why));
        const auto tooltip = shown.providers->model()
                                 ->index(1, ProviderModel::State)
                                 .data(Qt::ToolTipRole)
                                 .toString();
        QVERIFY2(tooltip.contains(why), qPrintable(tooltip));
        QVERIFY(shown.cell(ProviderModel::Errors) != QStringLiteral("–"));
        clear->trigger();
        auto* box = openDialog("confirm");
        QVERIFY(box != nullptr);
        QTest::mouseClick(child<QAbstractButton>(box, "confirmYes"), Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(
            shown.cell(ProviderModel::State), QStringLiteral("Not called yet"), patienceMs);
        QVERIFY(!clear->isEnabled());
        QVERIFY(statusRow(*set.bench.service).at("unwell_providers").as_array().empty());
    }

    void callsUnderWayAndInLine()
    {
        Set set;
        QVERIFY2(set.open(1), qPrintable(set.bench.problem));
        Shown shown(set.bench);
        QCOMPARE(shown.cell(ProviderModel::Calls), QStringLiteral("0 of 1"));
        set.server.hold(true);
        auto* first = set.bench.start(set.key, "One.", "local/m-one");
        auto* second = set.bench.start(set.key, "Two.", "local/m-one");
        QTRY_COMPARE_WITH_TIMEOUT(
            shown.cell(ProviderModel::Calls), QStringLiteral("1 of 1, 1 waits"), patienceMs);
        set.server.hold(false);
        QTRY_VERIFY_WITH_TIMEOUT(first->isFinished() && second->isFinished(), patienceMs);
        QTRY_COMPARE_WITH_TIMEOUT(
            shown.cell(ProviderModel::Calls), QStringLiteral("0 of 1"), patienceMs);
    }

    void aReplacedKeyIsTriedAtOnce()
    {
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        set.server.answerWith(401);
        set.ask();
        Shown shown(set.bench);
        QCOMPARE(shown.cell(ProviderModel::State), QStringLiteral("Key refused"));
        shown.chooseLocal();
        child<QAction>(shown.providers, "providerKeys")->trigger();
        auto* keys = openDialog("providerKeysDialog");
        QVERIFY(keys != nullptr);
        auto* table = child<QTableView>(keys, "providerKeys");
        QCOMPARE(table->model()->rowCount(), 1);
        QCOMPARE(table->model()->index(0, 2).data().toString(), QStringLiteral("Key refused"));
        QVERIFY(child<QLabel>(keys, "keysKept")->text().contains(QStringLiteral("kept")));
        QTest::mouseClick(child<QPushButton>(keys, "setKey"), Qt::LeftButton);
        auto* ask = openDialog("providerKeyDialog");
        QVERIFY(ask != nullptr);
        auto* edit = child<QLineEdit>(ask, "providerKey");
        auto* accept = child<QPushButton>(ask, "accept");
        QTest::keyClicks(edit, QStringLiteral("sk with spaces"));
        QVERIFY(!accept->isEnabled());
        edit->clear();
        QTest::keyClicks(edit, QStringLiteral("sk-better-key-wxyz"));
        QTest::keyClick(edit, Qt::Key_Return);
        QTRY_COMPARE_WITH_TIMEOUT(table->model()->index(0, 2).data().toString(),
            QStringLiteral("Not used yet"), patienceMs);
        QCOMPARE(table->model()->index(0, 1).data().toString(), QStringLiteral("…wxyz"));
        set.server.answerWith(200);
        QCOMPARE(set.ask(), 200);
        QTRY_COMPARE_WITH_TIMEOUT(
            shown.cell(ProviderModel::State), QStringLiteral("Healthy"), patienceMs);
    }

    void keysAreAddedAndRemoved()
    {
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        Shown shown(set.bench);
        shown.chooseLocal();
        child<QAction>(shown.providers, "providerKeys")->trigger();
        auto* keys = openDialog("providerKeysDialog");
        QVERIFY(keys != nullptr);
        QCOMPARE(nameless(*keys), QString());
        QTest::mouseClick(child<QPushButton>(keys, "addKey"), Qt::LeftButton);
        auto* ask = openDialog("providerKeyDialog");
        QVERIFY(ask != nullptr);
        QTest::keyClicks(child<QLineEdit>(ask, "providerKey"), QStringLiteral("sk-second-key"));
        QTest::keyClicks(child<QLineEdit>(ask, "keyLabel"), QStringLiteral("spare"));
        QTest::mouseClick(child<QPushButton>(ask, "accept"), Qt::LeftButton);
        auto* table = child<QTableView>(keys, "providerKeys");
        QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 2, patienceMs);
        QTRY_COMPARE_WITH_TIMEOUT(
            shown.cell(ProviderModel::KeyColumn), QStringLiteral("2 keys"), patienceMs);
        const auto tooltip = shown.providers->model()
                                 ->index(1, ProviderModel::KeyColumn)
                                 .data(Qt::ToolTipRole)
                                 .toString();
        QVERIFY2(tooltip.contains(QStringLiteral("spare")), qPrintable(tooltip));
        QVERIFY2(tooltip.contains(QStringLiteral("kept")), qPrintable(tooltip));
        table->setCurrentIndex(table->model()->index(1, 0));
        QTest::mouseClick(child<QPushButton>(keys, "removeKey"), Qt::LeftButton);
        auto* box = openDialog("confirm");
        QVERIFY(box != nullptr);
        QTest::mouseClick(child<QAbstractButton>(box, "confirmYes"), Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 1, patienceMs);
        QVERIFY(local(*set.bench.service->config())->extraKeys.empty());
    }

    void settingsAreEditedAndUndone()
    {
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        Shown shown(set.bench);
        shown.chooseLocal();
        child<QAction>(shown.providers, "editProvider")->trigger();
        auto* dialog = openDialog("providerSettingsDialog");
        QVERIFY(dialog != nullptr);
        QCOMPARE(nameless(*dialog), QString());
        auto* accept = child<QPushButton>(dialog, "accept");
        const auto type = [&](const char* name, const char* text) {
            auto* edit = child<QLineEdit>(dialog, name);
            edit->setFocus();
            edit->selectAll();
            QTest::keyClick(edit, Qt::Key_Delete);
            QTest::keyClicks(edit, QString::fromLatin1(text));
        };
        type("settingsConnect", "soon");
        QVERIFY(!accept->isEnabled());
        type("settingsConnect", "1500 ms");
        type("settingsIdle", "2 min");
        type("settingsDiscount", "101%");
        QVERIFY(!accept->isEnabled());
        type("settingsDiscount", "12.5%");
        child<QComboBox>(dialog, "settingsProxy")->setCurrentIndex(2);
        QVERIFY(!accept->isEnabled()); // no address yet
        type("settingsProxyUrl", "http://127.0.0.1:3128");
        type("settingsProxyAuth", "ana:secret");
        type("settingsCaFile", "certs.pem");
        QVERIFY(!accept->isEnabled());
        type("settingsCaFile", "");
        child<QSpinBox>(dialog, "settingsCalls")->setValue(7);
        QVERIFY(accept->isEnabled());
        QTest::mouseClick(accept, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(
            local(*set.bench.service->config())->concurrencyMax, 7, patienceMs);
        QTRY_VERIFY_WITH_TIMEOUT(set.bench.context->undoStack().canUndo(), patienceMs);
        const auto config = set.bench.service->config();
        const auto& now = *local(*config);
        QCOMPARE(now.connectTimeoutMs, 1'500);
        QCOMPARE(now.idleTimeoutMs, 120'000);
        QCOMPARE(now.discountPermille, 125);
        QCOMPARE(now.proxy, std::string("http://127.0.0.1:3128"));
        QVERIFY(now.hasProxyAuth);
        QTRY_COMPARE_WITH_TIMEOUT(
            shown.cell(ProviderModel::Calls), QStringLiteral("0 of 7"), patienceMs);
        set.bench.context->undoStack().undo();
        QTRY_COMPARE_WITH_TIMEOUT(
            local(*set.bench.service->config())->concurrencyMax, 0, patienceMs);
    }

    void times_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<int>("ms");
        const auto row = [](const char* text, int ms) {
            QTest::newRow(text) << QString::fromLatin1(text) << ms;
        };
        row("soon", -1);
        row("-1", -1);
        row("1.5 s", -1);
        row("2 h", -1);
        row("99999999999", -1);
        row("61 min", -1);
        row("", 0);
        row("0", 0);
        row("10", 10'000);
        row(" 10 s ", 10'000);
        row("250ms", 250);
        row("60 min", 3'600'000);
    }
    void times()
    {
        QFETCH(QString, text);
        QTEST(timeoutMs(text).value_or(-1), "ms");
    }

    void discounts_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<int>("permille");
        const auto row = [](const char* text, int permille) {
            QTest::newRow(text) << QString::fromLatin1(text) << permille;
        };
        row("a lot", -1);
        row("-5%", -1);
        row("100.1%", -1);
        row("5.25%", -1);
        row("", 0);
        row("5", 50);
        row("12.5 %", 125);
        row("100%", 1'000);
    }
    void discounts()
    {
        QFETCH(QString, text);
        QTEST(discountPermille(text).value_or(-1), "permille");
    }

    void everyPresetAndProtocolIsOffered()
    {
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        const auto presets = catalog::providerPresets();
        ProviderDialog looked(*set.bench.context);
        const int rows = child<QComboBox>(&looked, "providerPreset")->count();
        QCOMPARE(rows, int(presets.size()) + 1 + 4); // a separator, four protocols
        for (int row = 0; row < rows; ++row) {
            const bool preset = row < int(presets.size());
            if (row == int(presets.size())) {
                continue;
            }
            ProviderDialog dialog(*set.bench.context);
            dialog.show();
            child<QComboBox>(&dialog, "providerPreset")->setCurrentIndex(row);
            if (!preset) {
                child<QLineEdit>(&dialog, "providerName")
                    ->setText(QStringLiteral("own-%1").arg(row));
                child<QLineEdit>(&dialog, "providerUrl")
                    ->setText(QStringLiteral("https://llm.example.com/v1"));
            }
            const auto before = set.bench.service->config()->providers.size();
            QTest::mouseClick(child<QPushButton>(&dialog, "accept"), Qt::LeftButton);
            QTRY_COMPARE_WITH_TIMEOUT(
                set.bench.service->config()->providers.size(), before + 1, patienceMs);
            const auto config = set.bench.service->config();
            const auto& made = config->providers.back();
            if (preset) {
                const auto& wanted = presets[std::size_t(row)];
                QCOMPARE(made.name, wanted.name);
                QCOMPARE(made.baseUrl, wanted.baseUrl);
                QVERIFY(made.dialect == wanted.dialect);
                QCOMPARE(made.needsKey, wanted.needsKey);
                QCOMPARE(made.servesResponses, wanted.servesResponses);
                QCOMPARE(made.ceilingField, wanted.ceilingField);
                QCOMPARE(made.injectUsage, wanted.injectUsage);
            } else {
                QCOMPARE(int(made.dialect), row - int(presets.size()) - 1);
            }
        }
    }

    void fallbacksAreEditedAndUndone()
    {
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        Shown shown(set.bench);
        QVERIFY(shown.choose("local/m-one"));
        child<QAction>(shown.models, "editModel")->trigger();
        auto* dialog = openDialog("modelDialog");
        QVERIFY(dialog != nullptr);
        QCOMPARE(nameless(*dialog), QString());
        auto* choice = child<QComboBox>(dialog, "fallbackChoice");
        QCOMPARE(choice->findData(QStringLiteral("local/m-one")), -1); // never itself
        for (const auto* id : {"sim/sim-small", "local/m-two"}) {
            const int at = choice->findData(QString::fromLatin1(id));
            QVERIFY(at >= 0);
            choice->setCurrentIndex(at);
            auto* add = child<QPushButton>(dialog, "fallbackAdd");
            add->setFocus();
            QTest::keyClick(add, Qt::Key_Space);
        }
        QCOMPARE(choice->findData(QStringLiteral("local/m-two")), -1); // not twice
        auto* up = child<QToolButton>(dialog, "fallbackUp");
        up->setFocus();
        QTest::keyClick(up, Qt::Key_Space);
        child<QSpinBox>(dialog, "modelTier")->setValue(3);
        QTest::mouseClick(child<QPushButton>(dialog, "accept"), Qt::LeftButton);
        const std::vector<std::string> wanted{"local/m-two", "sim/sim-small"};
        QTRY_VERIFY_WITH_TIMEOUT(chainOf(set.bench, "local/m-one") == wanted, patienceMs);
        for (const auto& model : set.bench.service->config()->models) {
            if (model.id() == "local/m-one") {
                QCOMPARE(model.tier, 3);
                QCOMPARE(model.prices.size(), std::size_t(1)); // prices stay
            }
        }
        QTRY_COMPARE_WITH_TIMEOUT(
            shown.models->currentIndex().siblingAtColumn(CatalogModel::Fallbacks).data().toString(),
            QStringLiteral("local/m-two → sim/sim-small"), patienceMs);
        QTRY_VERIFY(set.bench.context->undoStack().canUndo());
        set.bench.context->undoStack().undo();
        QTRY_VERIFY_WITH_TIMEOUT(chainOf(set.bench, "local/m-one").empty(), patienceMs);
    }

    void theDrawerOpensByKeysAndFollows()
    {
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        set.server.answerWith(402);
        set.ask();
        Shown shown(set.bench);
        QVERIFY(QTest::qWaitForWindowActive(&shown.page));
        QVERIFY(!shown.drawer->isVisible());
        shown.chooseLocal();
        shown.providers->setFocus();
        QTest::keyClick(shown.providers, Qt::Key_Return);
        QVERIFY(shown.drawer->isVisible());
        auto text = shown.detail->plainText();
        QVERIFY2(text.contains(QStringLiteral("Exhausted until")), qPrintable(text));
        QVERIFY2(text.contains(set.server.url()), qPrintable(text));
        QVERIFY2(text.contains(QStringLiteral("…mnop")), qPrintable(text));
        QTest::keyClick(shown.providers, Qt::Key_Up); // the simulated one
        QVERIFY(!shown.detail->plainText().contains(QStringLiteral("Exhausted")));
        QTest::keyClick(shown.providers, Qt::Key_Escape);
        QVERIFY(!shown.drawer->isVisible());
        QVERIFY(shown.choose("local/m-one"));
        shown.models->setFocus();
        QTest::keyClick(shown.models, Qt::Key_Return);
        QVERIFY(shown.drawer->isVisible());
        text = shown.detail->plainText();
        QVERIFY2(text.contains(QStringLiteral("models.dev 2026-09-28")), qPrintable(text));
        QVERIFY2(text.contains(QStringLiteral("3 days old")), qPrintable(text));
        QVERIFY2(text.contains(QStringLiteral("Nothing was observed yet")), qPrintable(text));
    }

    void estimatesAreADistribution()
    {
        Set set;
        QVERIFY2(set.open(), qPrintable(set.bench.problem));
        for (const int tokens : {8, 9, 9, 10, 14, 40}) {
            set.server.billInput(tokens);
            QCOMPARE(set.ask(), 200);
        }
        Shown shown(set.bench);
        QVERIFY(shown.choose("local/m-one"));
        child<QAction>(shown.models, "modelDetails")->trigger();
        auto* bars = shown.detail->findChild<BarList*>();
        QVERIFY(bars != nullptr);
        qint64 sum = 0;
        for (const auto& bar : bars->bars()) {
            sum += bar.count;
        }
        QCOMPARE(sum, 6);
        QVERIFY(!bars->accessibleName().isEmpty());
        QVERIFY(bars->accessibleDescription().contains(QStringLiteral("over ×2.0")));
        QVERIFY(shown.detail->plainText().contains(QStringLiteral("6 requests: median")));
    }

    void barsOfEstimates()
    {
        tokens::ScriptError script;
        script.marginPermille = 1'300;
        script.bars[4] = 90; // as estimated
        script.bars[9] = 1; // above the margin
        auto bars = estimateBars(script);
        QCOMPARE(bars.front().label, QStringLiteral("×0.95 – ×0.99"));
        QCOMPARE(bars[1].label, QStringLiteral("×0.99 – ×1.01"));
        QCOMPARE(bars.back().label, QStringLiteral("×1.5 – ×2.0"));
        QVERIFY(bars.back().tone == Chip::Tone::Accent); // it stayed below the bound
        script.overruns = 1;
        QVERIFY(estimateBars(script).back().tone == Chip::Tone::Warning);
        script.bars[0] = 2;
        script.bars[10] = 3;
        bars = estimateBars(script);
        QCOMPARE(bars.front().label, QStringLiteral("under ×0.7"));
        QCOMPARE(bars.back().label, QStringLiteral("over ×2.0"));
        QCOMPARE(bars.size(), tokens::errorBarCount);
    }

    void looksWhole_data()
    {
        QTest::addColumn<QString>("theme");
        QTest::addColumn<QSize>("size");
        for (const auto* theme : {"light", "dark"}) {
            for (const auto size : {QSize(1'080, 720), QSize(1'720, 1'000)}) {
                QTest::addRow("%s %d", theme, size.width()) << QString::fromLatin1(theme) << size;
            }
        }
    }
    void looksWhole()
    {
        QFETCH(QString, theme);
        QFETCH(QSize, size);
        Theme::instance().setMode(theme);
        Set set;
        QVERIFY2(set.open(4), qPrintable(set.bench.problem));
        for (const int tokens : {8, 9, 9, 10, 14, 40}) {
            set.server.billInput(tokens);
            set.ask();
        }
        set.server.answerWith(402);
        set.ask();
        Shown shown(set.bench, size);
        QVERIFY(QTest::qWaitForWindowExposed(&shown.page));
        shown.chooseLocal();
        const auto look = [&](QWidget& widget, const char* what) {
            QTest::qWait(120);
            const auto name = QStringLiteral("catalog-%1-%2-%3")
                                  .arg(QString::fromLatin1(what), theme)
                                  .arg(size.width());
            QVERIFY2(test::colourCount(test::grab(widget, name)) >= 12, qPrintable(name));
            QCOMPARE(cutLabel(widget), QString());
            QCOMPARE(nameless(widget), QString());
        };
        look(shown.page, "closed");
        child<QAction>(shown.providers, "providerDetails")->trigger();
        look(shown.page, "provider");
        QVERIFY(shown.page.minimumSizeHint().width() <= size.width());
        QVERIFY(shown.choose("local/m-one"));
        child<QAction>(shown.models, "modelDetails")->trigger();
        look(shown.page, "model");
        const auto config = set.bench.service->config();
        ProviderSettingsDialog settings(*set.bench.context, *local(*config));
        ProviderKeysDialog keys(*set.bench.context, "local");
        ModelDialog model(*set.bench.context, config->models.back());
        ModelDialog added(*set.bench.context);
        ProviderDialog provider(*set.bench.context);
        const std::pair<const char*, QDialog*> dialogs[]
            = {{"settings", &settings}, {"keys", &keys}, {"edit-model", &model},
                {"add-model", &added}, {"add-provider", &provider}};
        for (const auto& [name, dialog] : dialogs) {
            dialog->show();
            QVERIFY(QTest::qWaitForWindowExposed(dialog));
            look(*dialog, name);
            QVERIFY2(dialog->height() <= 760, name); // fits 1280×800 with its frame
            dialog->hide();
        }
        Theme::instance().setMode(QStringLiteral("light"));
    }
};

QTEST_MAIN(TestConsoleCatalog)
#include "tst_console_catalog.moc"
