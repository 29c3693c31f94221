// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/first_run_wizard.h"
#include "ui/frame/command_palette.h"
#include "ui/frame/toasts.h"
#include "ui/main_window.h"
#include "ui/widgets/widgets.h"

#include <QDir>
#include <QImage>
#include <QMenu>
#include <QRadioButton>
#include <QSignalSpy>
#include <QStyle>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>

using namespace headgate;
using namespace headgate::ui;

namespace {

constexpr int waitMs = 20'000;

/// Not one flat colour: something was drawn.
bool hasPicture(const QImage& image)
{
    QSet<QRgb> colors;
    for (int y = 0; y < image.height(); y += 7) {
        for (int x = 0; x < image.width(); x += 7) {
            colors.insert(image.pixel(x, y));
        }
    }
    return colors.size() > 8;
}

} // namespace

class TestConsole : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        Theme::instance().setMode(QStringLiteral("light"));
        m_home = std::make_unique<QTemporaryDir>();
        service::ServiceOptions options;
        options.home = fromQt(m_home->path() + QStringLiteral("/home"));
        options.control = false;
        options.simLatencyPermille = 5;
        auto opened = service::Service::open(options);
        QVERIFY2(opened.has_value(), opened ? "" : opened.error().text().c_str());
        m_service = std::move(*opened);
        const auto serving = m_service->serve("127.0.0.1", 0);
        QVERIFY2(serving.has_value(), serving ? "" : serving.error().text().c_str());
        m_window = std::make_unique<MainWindow>(*m_service);
        m_window->show();
        QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
    }

    void cleanup()
    {
        m_window.reset();
        if (m_service) {
            m_service->stopServing(1'000);
        }
        m_service.reset();
        m_home.reset();
    }

    void firstRunEndsWithARoutedRequest()
    {
        m_window->openWizard();
        auto* wizard = m_window->findChild<FirstRunWizard*>();
        QVERIFY(wizard != nullptr);
        QVERIFY(QTest::qWaitForWindowExposed(wizard));
        const auto next = [wizard] { click(wizard, "wizardNext"); };
        const auto at = [wizard](FirstRunWizard::Step step) { return wizard->step() == step; };
        savePicture(*m_window, "overview-empty");
        savePicture(*wizard, "wizard-welcome");
        next();
        QTRY_VERIFY(at(FirstRunWizard::Step::Provider));
        QVERIFY(wizard->findChild<QRadioButton*>(QStringLiteral("wizardProviderSim"))->isChecked());
        next();
        QTRY_VERIFY(at(FirstRunWizard::Step::Cap));
        auto* cap = wizard->findChild<QLineEdit*>(QStringLiteral("wizardCap"));
        cap->clear();
        QTest::keyClicks(cap, QStringLiteral("a lot"));
        next();
        QTest::qWait(50);
        QVERIFY2(at(FirstRunWizard::Step::Cap), "an amount that is none must not be taken");
        cap->clear();
        QTest::keyClicks(cap, QStringLiteral("$3.50"));
        next();
        QTRY_VERIFY_WITH_TIMEOUT(at(FirstRunWizard::Step::Key), waitMs);
        QCOMPARE(hardDayCap(), Money::fromCents(350));
        next(); // makes the key and stays, so that it is seen
        auto* keyText = wizard->findChild<QLineEdit*>(QStringLiteral("wizardKeyText"));
        QTRY_VERIFY_WITH_TIMEOUT(!keyText->text().isEmpty(), waitMs);
        QVERIFY(keyText->text().startsWith(QStringLiteral("hg-")));
        QVERIFY(at(FirstRunWizard::Step::Key));
        savePicture(*wizard, "wizard-key");
        next();
        QTRY_VERIFY(at(FirstRunWizard::Step::Test));
        click(wizard, "wizardSend");
        auto* answer = wizard->findChild<QLabel*>(QStringLiteral("wizardAnswer"));
        QTRY_VERIFY_WITH_TIMEOUT(!answer->text().isEmpty(), waitMs);
        const auto text = [wizard](const char* name) {
            return wizard->findChild<QLabel*>(QString::fromLatin1(name))->text();
        };
        QVERIFY2(text("wizardModel").contains(QStringLiteral("sim")), qPrintable(answer->text()));
        QVERIFY(!text("wizardReason").isEmpty());
        QVERIFY(text("wizardCost").startsWith(QLatin1Char('$')));
        QTest::qWait(50);
        savePicture(*wizard, "wizard-test");
        next();
        QTRY_VERIFY(at(FirstRunWizard::Step::Finish));
        next();
        QTRY_VERIFY_WITH_TIMEOUT(m_service->config()->settings.firstRunDone, waitMs);
        QTRY_VERIFY_WITH_TIMEOUT(m_service->status().spentToday > Money(), waitMs);
        QTRY_VERIFY_WITH_TIMEOUT(
            m_window->findChild<QWidget*>(QStringLiteral("feedView"))->isVisible(), waitMs);
    }

    void wizardRefusesABadProvider()
    {
        m_window->openWizard();
        auto* wizard = m_window->findChild<FirstRunWizard*>();
        wizard->goTo(FirstRunWizard::Step::Provider);
        wizard->findChild<QRadioButton*>(QStringLiteral("wizardProviderOther"))->click();
        wizard->findChild<QLineEdit*>(QStringLiteral("wizardProviderUrl"))
            ->setText(QStringLiteral("not a url"));
        click(wizard, "wizardNext");
        QTest::qWait(50);
        savePicture(*wizard, "wizard-provider");
        QVERIFY(wizard->step() == FirstRunWizard::Step::Provider);
        QCOMPARE(m_service->config()->providers.size(), std::size_t(1));
    }

    void shortcutsReachEveryPage()
    {
        const QHash<QString, Qt::Key> keys{{QStringLiteral("overview"), Qt::Key_1},
            {QStringLiteral("budgets"), Qt::Key_2}, {QStringLiteral("activity"), Qt::Key_3},
            {QStringLiteral("catalog"), Qt::Key_7}, {QStringLiteral("keys"), Qt::Key_8},
            {QStringLiteral("settings"), Qt::Key_Comma}};
        const QStringList names = m_window->pageNames();
        QCOMPARE(names.size(), keys.size());
        for (const QString& name : names) {
            QVERIFY2(keys.contains(name), qPrintable(name));
            QTest::keyClick(m_window.get(), keys[name], Qt::ControlModifier);
            QCOMPARE(m_window->currentPage(), name);
        }
    }

    void historyRemembersPageRangeAndFilters()
    {
        Context& context = m_window->context();
        m_window->showPage(QStringLiteral("overview"));
        context.addFilter({QStringLiteral("team"), QStringLiteral("search")});
        m_window->showPage(QStringLiteral("settings"));
        context.setTimeRange({QStringLiteral("7d"), 0, 0});
        QVERIFY(m_window->findChild<QWidget*>(QStringLiteral("filterChip_team")) != nullptr);
        QTest::keyClick(m_window.get(), Qt::Key_Left, Qt::AltModifier);
        QCOMPARE(context.timeRange().relative, QStringLiteral("24h"));
        QCOMPARE(m_window->currentPage(), QStringLiteral("settings"));
        QTest::keyClick(m_window.get(), Qt::Key_Left, Qt::AltModifier);
        QCOMPARE(m_window->currentPage(), QStringLiteral("overview"));
        QCOMPARE(context.filters().size(), std::size_t(1));
        QTest::keyClick(m_window.get(), Qt::Key_Left, Qt::AltModifier);
        QVERIFY(context.filters().empty());
        QTest::keyClick(m_window.get(), Qt::Key_Right, Qt::AltModifier);
        QCOMPARE(context.filters().size(), std::size_t(1));
        QTest::mouseClick(
            m_window->findChild<QWidget*>(QStringLiteral("filterChip_team")), Qt::LeftButton);
        QVERIFY(context.filters().empty());
    }

    void pauseStopsAndResumes()
    {
        auto* banner = m_window->findChild<QWidget*>(QStringLiteral("banner"));
        QVERIFY(!banner->isVisible());
        click(m_window.get(), "pauseButton");
        QTRY_VERIFY_WITH_TIMEOUT(m_service->status().paused, waitMs);
        QTRY_VERIFY_WITH_TIMEOUT(banner->isVisible(), waitMs);
        QTRY_COMPARE(m_window->findChild<QPushButton*>(QStringLiteral("pauseButton"))->text(),
            QStringLiteral("Resume"));
        m_window->resize(960, 600);
        m_window->context().addFilter(
            {QStringLiteral("team"), QStringLiteral("a-team-with-a-very-long-name-indeed")});
        m_window->context().addFilter({QStringLiteral("model"), QStringLiteral("sim/sim-large")});
        QTest::qWait(50);
        savePicture(*m_window, "paused-small");
        click(m_window.get(), "bannerAction");
        QTRY_VERIFY_WITH_TIMEOUT(!m_service->status().paused, waitMs);
        QTRY_VERIFY_WITH_TIMEOUT(!banner->isVisible(), waitMs);
    }

    void aChangeCanBeUndoneFromItsToast()
    {
        Context& context = m_window->context();
        const Money before = hardDayCap();
        const PoolId pool = m_service->config()->pools.front().id;
        context.runUndoable(QStringLiteral("Cap raised"), [this, pool]() -> Result<void> {
            service::PoolEdit edit;
            edit.cap = Money::fromCents(9'900);
            auto changed = m_service->editPool(pool, edit, "console");
            return changed ? Result<void>() : Result<void>(changed.error());
        });
        QTRY_COMPARE_WITH_TIMEOUT(hardDayCap(), Money::fromCents(9'900), waitMs);
        QPushButton* undo = nullptr;
        QTRY_VERIFY(
            (undo = m_window->findChild<QPushButton*>(QStringLiteral("toastUndo"))) != nullptr);
        QTest::mouseClick(undo, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(hardDayCap(), before, waitMs);
        QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
        QTRY_COMPARE_WITH_TIMEOUT(hardDayCap(), Money::fromCents(9'900), waitMs);
        QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier);
        QTRY_COMPARE_WITH_TIMEOUT(hardDayCap(), before, waitMs);
    }

    void aFailedCommandSaysWhatToDo()
    {
        m_window->context().run([]() -> Result<void> {
            return Error(ErrorCode::Io, "The disk is full.", "Free some space.");
        });
        QLabel* text = nullptr;
        QTRY_VERIFY((text = m_window->findChild<QLabel*>(QStringLiteral("toastText"))) != nullptr);
        QCOMPARE(text->text(), QStringLiteral("The disk is full. Free some space."));
        QVERIFY(m_window->findChild<QPushButton*>(QStringLiteral("toastUndo")) == nullptr);
    }

    void paletteRunsCommands()
    {
        m_window->showPage(QStringLiteral("settings"));
        QTest::keyClick(m_window.get(), Qt::Key_K, Qt::ControlModifier);
        auto* palette = m_window->findChild<CommandPalette*>();
        QVERIFY(palette != nullptr);
        auto* edit = palette->findChild<QLineEdit*>(QStringLiteral("paletteEdit"));
        QTest::keyClicks(edit, QStringLiteral("overv"));
        QTest::qWait(20);
        savePicture(*palette, "palette");
        QTest::keyClick(edit, Qt::Key_Return);
        QCOMPARE(m_window->currentPage(), QStringLiteral("overview"));
        QTRY_VERIFY(m_window->findChild<CommandPalette*>() == nullptr);
        m_window->openPalette();
        palette = m_window->findChild<CommandPalette*>();
        edit = palette->findChild<QLineEdit*>(QStringLiteral("paletteEdit"));
        QTest::keyClicks(edit, QStringLiteral("zzzzqqq"));
        QTest::keyClick(edit, Qt::Key_Return);
        QTRY_VERIFY(m_window->findChild<Toasts*>()->count() > 0);
    }

    void escapeClosesTheDrawer()
    {
        auto* edit = new QLineEdit;
        m_window->openDrawer(QStringLiteral("Details"), edit);
        auto* drawer = m_window->findChild<QWidget*>(QStringLiteral("drawer"));
        QVERIFY(drawer->isVisible());
        QTest::keyClick(edit, Qt::Key_Escape);
        QVERIFY(!drawer->isVisible());
    }

    void filterFieldOffersWhatOccurs()
    {
        QTest::keyClick(m_window.get(), Qt::Key_F, Qt::ControlModifier);
        auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
        QVERIFY(menu != nullptr);
        menu->actions().front()->trigger();
        menu->close();
        auto* edit = m_window->findChild<QLineEdit*>(QStringLiteral("filterValue"));
        QVERIFY(edit != nullptr);
        QTest::keyClicks(edit, QStringLiteral("search"));
        QTest::keyClick(edit, Qt::Key_Return);
        QCOMPARE(m_window->context().filters().size(), std::size_t(1));
        QCOMPARE(m_window->context().filters().front().value, QStringLiteral("search"));
    }

    void statusStripIsNotCut()
    {
        m_window->resize(m_window->minimumSize());
        QCOMPARE(m_window->size(), QSize(960, 600));
        QTRY_VERIFY(m_window->findChild<QLabel*>(QStringLiteral("statusAddress"))
                        ->text()
                        .contains(QStringLiteral("127.0.0.1")));
        QTest::qWait(50);
        for (const char* name : {"statusAddress", "statusInFlight", "statusHeld", "statusToday"}) {
            auto* label = m_window->findChild<QLabel*>(QString::fromLatin1(name));
            QVERIFY2(label->width() >= label->fontMetrics().horizontalAdvance(label->text()), name);
        }
        for (const char* name : {"demoButton", "pauseButton"}) {
            auto* button = m_window->findChild<QPushButton*>(QString::fromLatin1(name));
            QVERIFY2(
                button->width() >= button->fontMetrics().horizontalAdvance(button->text()) + 16,
                name);
            QVERIFY2(m_window->rect().contains(
                         QRect(button->mapTo(m_window.get(), QPoint()), button->size())),
                name);
        }
    }

    void demoMovesTheOverview()
    {
        m_window->showPage(QStringLiteral("overview"));
        click(m_window.get(), "demoButton");
        QTRY_VERIFY_WITH_TIMEOUT(m_service->demoRunning(), waitMs);
        auto* card = m_window->findChild<QWidget*>(QStringLiteral("cardRequests"));
        auto* value = card->findChild<QLabel*>(QStringLiteral("value"));
        QTRY_VERIFY_WITH_TIMEOUT(value->text().toInt() >= 3, waitMs);
        QTRY_VERIFY_WITH_TIMEOUT(
            m_window->findChild<QWidget*>(QStringLiteral("spendChart"))->isVisible(), waitMs);
        m_window->findChild<QToolButton*>(QStringLiteral("byTier"))->click();
        m_window->findChild<QToolButton*>(QStringLiteral("chartTable"))->click();
        QTest::qWait(300);
        savePicture(*m_window, "overview-table");
        click(m_window.get(), "demoButton");
        QTRY_VERIFY_WITH_TIMEOUT(!m_service->demoRunning(), waitMs);
        QTest::mouseClick(
            m_window->findChild<QWidget*>(QStringLiteral("cardRefused")), Qt::LeftButton);
        QCOMPARE(m_window->currentPage(), QStringLiteral("activity"));
        QCOMPARE(m_window->context().filters().front().field, QStringLiteral("status"));
    }

    void everyPageDrawsInBothThemesAndSizes()
    {
        const QString kept = qEnvironmentVariable("HEADGATE_PICTURES");
        QTemporaryDir folder;
        const QString target = kept.isEmpty() ? folder.path() : kept;
        if (!kept.isEmpty()) {
            QVERIFY(m_service->startDemo(600).has_value());
            QTest::qWait(12'000);
        }
        QVERIFY(saveScreenshots(*m_window, target));
        const QDir dir(target);
        for (const QString& name : m_window->pageNames()) {
            for (const char* rest :
                {"-light-1280.png", "-light-1920.png", "-dark-1280.png", "-dark-1920.png"}) {
                const QImage image(dir.filePath(name + QString::fromLatin1(rest)));
                QVERIFY2(!image.isNull(), qPrintable(name));
                QVERIFY2(hasPicture(image), qPrintable(name));
            }
        }
        m_service->stopDemo();
    }

    void windowStateComesBack()
    {
        m_window->showPage(QStringLiteral("settings"));
        m_window->context().setTimeRange({QStringLiteral("7d"), 0, 0});
        m_window->resize(1100, 700);
        m_window->close();
        m_window = std::make_unique<MainWindow>(*m_service);
        QCOMPARE(m_window->currentPage(), QStringLiteral("settings"));
        QCOMPARE(m_window->context().timeRange().relative, QStringLiteral("7d"));
        QCOMPARE(m_window->size(), QSize(1100, 700));
    }

private:
    static void click(QWidget* where, const char* name)
    {
        auto* button = where->findChild<QPushButton*>(QString::fromLatin1(name));
        QVERIFY2(button != nullptr && button->isEnabled(), name);
        QTest::mouseClick(button, Qt::LeftButton);
    }
    static void savePicture(QWidget& widget, const char* name)
    {
        const QString folder = qEnvironmentVariable("HEADGATE_PICTURES");
        const QPixmap picture = widget.grab();
        QVERIFY(hasPicture(picture.toImage()));
        if (!folder.isEmpty()) {
            picture.save(
                folder + QLatin1Char('/') + QString::fromLatin1(name) + QStringLiteral(".png"));
        }
    }
    [[nodiscard]] Money hardDayCap() const
    {
        for (const auto& pool : m_service->config()->pools) {
            if (pool.hard && pool.scope.kind == ledger::ScopeKind::Org) {
                return pool.cap;
            }
        }
        return {};
    }

    std::unique_ptr<QTemporaryDir> m_home;
    std::unique_ptr<service::Service> m_service;
    std::unique_ptr<MainWindow> m_window;
};

QTEST_MAIN(TestConsole)
#include "tst_console.moc"
