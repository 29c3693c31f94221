// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "core/base/base64.h"

using namespace headgate;

class TestBase64 : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void refuses_data();
    void refuses();
    void bothWays_data();
    void bothWays();
    void takesOtherForms();
};

void TestBase64::refuses_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("other signs") << QByteArray("aGV$");
    QTest::newRow("one digit too many") << QByteArray("aGVsb");
    QTest::newRow("two alphabets") << QByteArray("+_+_");
}

void TestBase64::refuses()
{
    QFETCH(QByteArray, text);
    QVERIFY(!fromBase64(text.toStdString()));
}

/// The rows of RFC 4648, 10, and bytes that are no text.
void TestBase64::bothWays_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("empty") << QByteArray("") << QByteArray("");
    QTest::newRow("f") << QByteArray("f") << QByteArray("Zg==");
    QTest::newRow("fo") << QByteArray("fo") << QByteArray("Zm8=");
    QTest::newRow("foobar") << QByteArray("foobar") << QByteArray("Zm9vYmFy");
    QTest::newRow("not text") << QByteArray("\0\xff\xfe", 3) << QByteArray("AP/+");
}

void TestBase64::bothWays()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, text);
    QCOMPARE(base64Of(bytes.toStdString()), text.toStdString());
    const auto back = fromBase64(text.toStdString());
    QVERIFY(back);
    QCOMPARE(*back, bytes.toStdString());
}

void TestBase64::takesOtherForms()
{
    QCOMPARE(fromBase64("Zm8"), std::optional<std::string>("fo"));
    QCOMPARE(fromBase64("AP_-"), std::optional<std::string>(std::string("\0\xff\xfe", 3)));
    QCOMPARE(fromBase64("Zm9v\r\nYmFy"), std::optional<std::string>("foobar"));
}

QTEST_APPLESS_MAIN(TestBase64)
#include "tst_base64.moc"
