// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "core/wire/data_url.h"

using namespace headgate::wire;

class TestDataUrl : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void leavesOthers_data();
    void leavesOthers();
    void takes_data();
    void takes();
};

void TestDataUrl::leavesOthers_data()
{
    QTest::addColumn<QByteArray>("url");
    QTest::newRow("empty") << QByteArray("");
    QTest::newRow("web") << QByteArray("https://a.b/c,d.png");
    QTest::newRow("nothing after the type") << QByteArray("data:image/png;base64");
    QTest::newRow("bare base64") << QByteArray("iVBORw0KGgo=");
}

void TestDataUrl::leavesOthers()
{
    QFETCH(QByteArray, url);
    Part part;
    part.mime = "kept";
    QVERIFY(!takeDataUrl(part, url.toStdString()));
    QCOMPARE(part.mime, std::string("kept"));
    QVERIFY(part.data.empty());
}

void TestDataUrl::takes_data()
{
    QTest::addColumn<QByteArray>("url");
    QTest::addColumn<QByteArray>("mime");
    QTest::addColumn<QByteArray>("data");
    QTest::newRow("usual") << QByteArray("data:image/png;base64,iVBORw0KGgo=")
                           << QByteArray("image/png") << QByteArray("iVBORw0KGgo=");
    QTest::newRow("parameters") << QByteArray("data:text/plain;charset=utf-8;base64,aGk=")
                                << QByteArray("text/plain") << QByteArray("aGk=");
    QTest::newRow("percent") << QByteArray("data:text/plain,h%69%0a") << QByteArray("text/plain")
                             << QByteArray("aGkK");
    QTest::newRow("percent, cut") << QByteArray("data:,%6") << QByteArray("") << QByteArray("JTY=");
    QTest::newRow("empty") << QByteArray("data:,") << QByteArray("") << QByteArray("");
}

void TestDataUrl::takes()
{
    QFETCH(QByteArray, url);
    QFETCH(QByteArray, mime);
    QFETCH(QByteArray, data);
    Part part;
    QVERIFY(takeDataUrl(part, url.toStdString()));
    QCOMPARE(part.mime, mime.toStdString());
    QCOMPARE(part.data, data.toStdString());
    QVERIFY(part.url.empty());
}

QTEST_APPLESS_MAIN(TestDataUrl)
#include "tst_data_url.moc"
