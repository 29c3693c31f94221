// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/text.h"

#include <QTest>

using namespace headgate;

class TestText : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void lower();
};

void TestText::lower()
{
    QCOMPARE(toLower(std::string_view()), std::string());
    QCOMPARE(toLower(std::string_view("@AZ[`az{09")), std::string("@az[`az{09"));
    // Other letters stay, whatever the locale says.
    QCOMPARE(toLower(std::string_view("\xC3\x84I\xC4\xB0")), std::string("\xC3\x84i\xC4\xB0"));
    QCOMPARE(toLower(std::string_view("A\0B", 3)), std::string("a\0b", 3));
    QCOMPARE(toLower('Q'), 'q');
    QCOMPARE(toLower('\xC4'), '\xC4');
}

QTEST_GUILESS_MAIN(TestText)
#include "tst_text.moc"
