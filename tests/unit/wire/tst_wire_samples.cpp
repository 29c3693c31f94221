// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QTest>

#include "core/wire/losses.h"
#include "core/wire/wire_check.h"

#include <set>

using namespace headgate::wire;

namespace {

QString sampleRoot()
{
    const QByteArray shared = qgetenv("HEADGATE_SHARED");
    return QString::fromUtf8(
        (shared.isEmpty() ? QByteArray(HEADGATE_SOURCE_DIR "/../shared") : shared)
        + "/data/wire-samples");
}

std::vector<WireSample> samplesOf(const QString& caseName)
{
    std::vector<WireSample> out;
    const QDir dir(sampleRoot() + QLatin1Char('/') + caseName);
    for (const QString& folder : dir.entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name)) {
        const std::optional<Dialect> dialect = dialectOfFolder(folder.toStdString());
        const QDir inner(dir.filePath(folder));
        for (const QString& name : inner.entryList(QDir::Files, QDir::Name)) {
            QFile file(inner.filePath(name));
            if (dialect && file.open(QIODevice::ReadOnly)) {
                out.push_back({caseName.toStdString(), *dialect, name.toStdString(),
                    file.readAll().toStdString()});
            }
        }
    }
    return out;
}

} // namespace

class TestWireSamples : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void noticesWhatIsWrong_data();
    void noticesWhatIsWrong();
    void acceptsWhatIsRight();
    void docsNameEveryLoss();
    void captured_data();
    void captured();
};

void TestWireSamples::noticesWhatIsWrong_data()
{
    QTest::addColumn<QByteArray>("file");
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("no json") << QByteArray("request.json") << QByteArray("{");
    QTest::newRow("no request") << QByteArray("request.json") << QByteArray("{\"model\":\"m\"}");
    QTest::newRow("no answer") << QByteArray("response.json") << QByteArray("[]");
    QTest::newRow("unknown file") << QByteArray("notes.json") << QByteArray("{}");
    QTest::newRow("cut stream") << QByteArray("response-streaming.json")
                                << QByteArray("{\"choices\":[]}");
    QTest::newRow("a field that no answer has")
        << QByteArray("response.json")
        << QByteArray(
               "{\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
               "\"assistant\",\"content\":\"x\",\"made_up\":1},\"finish_reason\":\"stop\"}]}");
}

void TestWireSamples::noticesWhatIsWrong()
{
    QFETCH(QByteArray, file);
    QFETCH(QByteArray, text);
    const std::vector<WireRow> rows
        = checkCase({{"case", Dialect::Chat, file.toStdString(), text.toStdString()}});
    QCOMPARE(rows.size(), std::size_t(1));
    QVERIFY(!rows.front().ok);
    QVERIFY(!rows.front().why.empty());
}

void TestWireSamples::acceptsWhatIsRight()
{
    const std::string request = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                                "\"hi\"}],\"max_tokens\":5}";
    const std::string answer
        = "{\"id\":\"a\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\"choices\":["
          "{"
          "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"x\",\"refusal\":null},"
          "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,"
          "\"total_tokens\":4}}";
    for (const WireRow& row : checkCase({{"case", Dialect::Chat, "request.json", request},
             {"case", Dialect::Chat, "response.json", answer}})) {
        QVERIFY2(row.ok, row.why.c_str());
    }
}

void TestWireSamples::docsNameEveryLoss()
{
    QFile file(QStringLiteral(HEADGATE_SOURCE_DIR "/docs/translation-losses.md"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    std::set<std::string> named;
    const QRegularExpression row(QStringLiteral("^\\| `([a-z-]+)` \\|"));
    for (const QString& line : QString::fromUtf8(file.readAll()).split(QLatin1Char('\n'))) {
        if (const QRegularExpressionMatch match = row.match(line); match.hasMatch()) {
            named.insert(match.captured(1).toStdString());
        }
    }
    std::set<std::string> known;
    for (const LossClass& one : lossClasses()) {
        known.insert(one.name);
    }
    QVERIFY(named == known);
}

void TestWireSamples::captured_data()
{
    QTest::addColumn<QString>("name");
    for (const QString& name :
        QDir(sampleRoot()).entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name)) {
        QTest::newRow(qPrintable(name)) << name;
    }
    if (!QDir(sampleRoot()).exists()) {
        QTest::newRow("none") << QString();
    }
}

void TestWireSamples::captured()
{
    QFETCH(QString, name);
    if (name.isEmpty()) {
        QSKIP("The captured wire samples (../shared) are not here.");
    }
    std::string wrong;
    for (const WireRow& row : checkCase(samplesOf(name))) {
        if (!row.ok) {
            wrong += std::string(dialectName(row.dialect)) + "/" + row.file + ": " + row.why + "\n";
        }
    }
    QVERIFY2(wrong.empty(), wrong.c_str());
}

QTEST_GUILESS_MAIN(TestWireSamples)
#include "tst_wire_samples.moc"
