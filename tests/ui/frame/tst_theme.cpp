// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/charts/spend_chart.h"
#include "ui/delegates/delegates.h"
#include "ui/frame/command_palette.h"
#include "ui/theme/icon_engine.h"
#include "ui/theme/theme.h"
#include "ui/widgets/widgets.h"

#include <QDir>
#include <QImage>
#include <QLineEdit>
#include <QPainter>
#include <QTableView>
#include <QTest>

#include <cmath>

using namespace headgate;
using namespace headgate::ui;

namespace {

/// WCAG 2: relative luminance and contrast.
double luminance(const QColor& color)
{
    const auto linear = [](double part) {
        return part <= 0.03928 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF())
        + 0.0722 * linear(color.blueF());
}

double contrast(const QColor& a, const QColor& b)
{
    const double x = luminance(a);
    const double y = luminance(b);
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

bool isBlank(const QImage& image)
{
    for (int y = 0; y < image.height(); ++y) {
        for (int x = 0; x < image.width(); ++x) {
            if (qAlpha(image.pixel(x, y)) != 0) {
                return false;
            }
        }
    }
    return true;
}

} // namespace

class TestTheme : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { Theme::instance().setMode(QStringLiteral("light")); }

    void textIsReadable_data()
    {
        QTest::addColumn<QString>("mode");
        QTest::newRow("light") << QStringLiteral("light");
        QTest::newRow("dark") << QStringLiteral("dark");
    }

    void textIsReadable()
    {
        QFETCH(QString, mode);
        Theme::instance().setMode(mode);
        const Tokens& t = Theme::instance().tokens();
        for (const QColor& back : {t.window, t.surface, t.sunken}) {
            for (const QColor& words :
                {t.text, t.secondary, t.muted, t.accent, t.ok, t.warning, t.danger, t.info}) {
                const QString what = words.name() + QStringLiteral(" on ") + back.name();
                QVERIFY2(contrast(words, back) >= 4.5, qPrintable(what));
            }
        }
        QVERIFY(contrast(t.onAccent, t.accent) >= 4.5);
        for (const QColor& tint : {t.accent, t.ok, t.warning, t.danger, t.info}) {
            QVERIFY2(contrast(t.text, t.wash(tint)) >= 4.5, qPrintable(tint.name()));
        }
        for (const QColor& border : {t.border}) {
            QVERIFY(contrast(border, t.surface) >= 3.0);
        }
        for (const QColor& series : t.series) {
            QVERIFY2(contrast(series, t.surface) >= 3.0, qPrintable(series.name()));
        }
    }

    void modeSwitchesLive()
    {
        Theme::instance().setMode(QStringLiteral("dark"));
        QVERIFY(Theme::instance().tokens().dark);
        QCOMPARE(
            QApplication::palette().color(QPalette::Window), Theme::instance().tokens().window);
        Theme::instance().setMode(QStringLiteral("light"));
        QVERIFY(!Theme::instance().tokens().dark);
        QCOMPARE(
            QApplication::palette().color(QPalette::Window), Theme::instance().tokens().window);
    }

    void namesKeepTheirColours()
    {
        Theme& theme = Theme::instance();
        theme.keepSeriesIn(nullptr);
        QSet<QString> seen;
        for (int i = 0; i < 8; ++i) {
            seen.insert(theme.seriesColor(QStringLiteral("model-%1").arg(i)).name());
        }
        QCOMPARE(seen.size(), 8);
        QCOMPARE(theme.seriesColor(QStringLiteral("model-3")), theme.tokens().series[3]);
    }

    void everyIconDraws()
    {
        const QDir dir(QStringLiteral(HEADGATE_SOURCE_DIR "/resources/icons"));
        const QStringList files = dir.entryList({QStringLiteral("*.svg")});
        QVERIFY(files.size() > 30);
        for (const QString& file : files) {
            const QPixmap pixmap = iconPixmap(file.chopped(4), Qt::red, 20, 1.5);
            QCOMPARE(pixmap.width(), 30);
            QVERIFY2(!isBlank(pixmap.toImage()), qPrintable(file));
        }
        QVERIFY(isBlank(iconPixmap(QStringLiteral("no such icon"), Qt::red, 20, 1).toImage()));
    }

    void moneyEditExplains_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("valid");
        QTest::addColumn<qint64>("nano");
        QTest::newRow("empty") << QString() << false << qint64(0);
        QTest::newRow("words") << QStringLiteral("lots") << false << qint64(0);
        QTest::newRow("negative") << QStringLiteral("-1") << false << qint64(0);
        QTest::newRow("ten decimals") << QStringLiteral("0.0000000001") << false << qint64(0);
        QTest::newRow("overflow") << QStringLiteral("99999999999999999999") << false << qint64(0);
        QTest::newRow("plain") << QStringLiteral("50") << true << qint64(50'000'000'000);
        QTest::newRow("dollar") << QStringLiteral(" $50 ") << true << qint64(50'000'000'000);
        QTest::newRow("cents") << QStringLiteral("0.5c") << true << qint64(5'000'000);
    }

    void moneyEditExplains()
    {
        QFETCH(QString, text);
        QFETCH(bool, valid);
        QFETCH(qint64, nano);
        MoneyEdit edit;
        edit.lineEdit()->setText(QStringLiteral("1"));
        edit.lineEdit()->setText(text);
        QCOMPARE(edit.money().has_value(), valid);
        if (valid) {
            QCOMPARE(edit.money()->nano(), nano);
        }
        const auto notes = edit.findChildren<QLabel*>();
        QVERIFY(std::any_of(notes.begin(), notes.end(),
            [](const QLabel* note) { return !note->text().isEmpty(); }));
    }

    void hostileTextIsShownAsText()
    {
        QCOMPARE(safeText("a\x1b[31mb"), QStringLiteral("a\u241b[31mb"));
        QCOMPARE(safeText("a\u202Eb"), QStringLiteral("a<U+202E>b"));
        QCOMPARE(safeText("<b>x</b>"), QStringLiteral("<b>x</b>"));
    }

    void barsNeverOverflow_data()
    {
        QTest::addColumn<qint64>("settled");
        QTest::addColumn<qint64>("held");
        QTest::addColumn<qint64>("cap");
        QTest::addColumn<int>("percent");
        const qint64 most = std::numeric_limits<qint64>::max();
        QTest::newRow("no cap") << qint64(5) << qint64(0) << qint64(0) << 0;
        QTest::newRow("tiny cap") << qint64(5) << qint64(0) << qint64(3) << 100;
        QTest::newRow("half") << qint64(50) << qint64(0) << qint64(100) << 50;
        QTest::newRow("with held") << qint64(50) << qint64(25) << qint64(100) << 75;
        QTest::newRow("huge") << most << most << most << 100;
        QTest::newRow("over") << qint64(3'000'000'000) << qint64(0) << qint64(2'000'000'000) << 150;
    }

    void barsNeverOverflow()
    {
        QFETCH(qint64, settled);
        QFETCH(qint64, held);
        QFETCH(qint64, cap);
        QFETCH(int, percent);
        const MoneyBar bar{settled, held, cap, 10};
        QCOMPARE(usedPercent(bar), percent);
        QImage image(100, 20, QImage::Format_ARGB32_Premultiplied);
        image.fill(Qt::transparent);
        QPainter painter(&image);
        paintMoneyBar(&painter, QRect(0, 6, 100, 8), bar);
        painter.end();
        QVERIFY(!isBlank(image));
    }

    void bucketsFit_data()
    {
        QTest::addColumn<qint64>("spanUs");
        for (const qint64 hours : {1, 2, 12, 24, 36, 24 * 7, 24 * 30, 24 * 366, 24 * 3660}) {
            QTest::addRow("%lld h", static_cast<long long>(hours)) << hours * usPerHour;
        }
        QTest::newRow("nothing") << qint64(0);
        QTest::newRow("backwards") << qint64(-usPerDay);
    }

    void bucketsFit()
    {
        QFETCH(qint64, spanUs);
        const TimeUs to = 1'790'000'123'000'000;
        const TimeUs from = to - spanUs;
        const Buckets buckets = Buckets::forRange(from, to);
        QVERIFY(buckets.count >= 1);
        QVERIFY(buckets.count <= 61);
        QSet<QString> labels;
        for (int i = 0; i < buckets.count; ++i) {
            QCOMPARE(buckets.indexOf(buckets.startOf(i)), i);
            labels.insert(buckets.longLabel(i));
        }
        QCOMPARE(labels.size(), buckets.count);
        QCOMPARE(buckets.indexOf(buckets.fromUs - 1), -1);
        if (spanUs > 0) {
            QCOMPARE(buckets.indexOf(from), 0);
            QCOMPARE(buckets.indexOf(to - 1), buckets.count - 1);
        }
    }

    void smallSeriesFoldIntoOther()
    {
        SpendData data;
        data.buckets.count = 2;
        for (int i = 1; i <= 10; ++i) {
            data.series.push_back(
                {QString::number(i), {Money::fromCents(i), Money::fromCents(1)}, -1});
        }
        data.foldSmall(7, QStringLiteral("Other"));
        QCOMPARE(data.series.size(), std::size_t(8));
        QCOMPARE(data.series.front().name, QStringLiteral("10"));
        QCOMPARE(data.series.back().name, QStringLiteral("Other"));
        QCOMPARE(data.series.back().total(), Money::fromCents(1 + 2 + 3 + 3));
    }

    void chartShowsItsStates()
    {
        SpendChart chart;
        chart.resize(600, 300);
        chart.show();
        const auto shows = [&chart](const char* type) {
            const auto all = chart.findChildren<QWidget*>();
            return std::any_of(all.begin(), all.end(), [type](const QWidget* widget) {
                return widget->isVisible() && widget->inherits(type);
            });
        };
        QVERIFY(shows("headgate::ui::EmptyState"));
        chart.setLoading();
        QTRY_VERIFY(!shows("headgate::ui::EmptyState"));
        chart.setError(QStringLiteral("The log is being repaired."));
        QVERIFY(shows("headgate::ui::EmptyState"));
        SpendData data;
        data.buckets = Buckets::forRange(1'790'000'000'000'000, 1'790'000'000'000'000 + usPerDay);
        std::vector<Money> values(
            static_cast<std::size_t>(data.buckets.count), Money::fromCents(3));
        data.series = {{QStringLiteral("<b>sim-small</b>"), values, -1},
            {QStringLiteral("sim-large"), values, -1}};
        chart.setData(data);
        QVERIFY(!shows("headgate::ui::EmptyState"));
        QVERIFY(shows("QGraphicsView"));
        data.series[0].values.back() = Money::fromCents(900);
        chart.setData(data); // only the last bar changes
        QCOMPARE(chart.data().series[0].values.back(), Money::fromCents(900));
        chart.setTableShown(true);
        QVERIFY(shows("QTableView"));
        const auto* table = chart.findChild<QTableView*>();
        QCOMPARE(table->model()->rowCount(), data.buckets.count);
        QCOMPARE(table->model()->index(0, 1).data().toString(), QStringLiteral("$9.00"));
        QCOMPARE(table->model()->index(0, 3).data().toString(), QStringLiteral("$9.03"));
        chart.setTableShown(false);
        Theme::instance().setMode(QStringLiteral("dark"));
        QVERIFY(!chart.grab().isNull());
        data.series.clear();
        chart.setData(data);
        QVERIFY(shows("headgate::ui::EmptyState"));
    }

    void fuzzyMatching()
    {
        QCOMPARE(fuzzyScore(QStringLiteral("xyz"), QStringLiteral("Overview")), -1);
        QVERIFY(fuzzyScore(QString(), QStringLiteral("Overview")) >= 0);
        QVERIFY(fuzzyScore(QStringLiteral("pa"), QStringLiteral("Pause all"))
            > fuzzyScore(QStringLiteral("pa"), QStringLiteral("Go to Budgets page")));
        QList<int> where;
        QVERIFY(fuzzyScore(QStringLiteral("bud"), QStringLiteral("Go to Budgets"), &where) > 0);
        QCOMPARE(where, QList<int>({6, 7, 8}));
    }
};

QTEST_MAIN(TestTheme)
#include "tst_theme.moc"
