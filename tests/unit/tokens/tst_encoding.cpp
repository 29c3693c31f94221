// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/tokens.h"
#include "tests/unit/tokens/golden.h"

#include <QtTest>

#include <filesystem>

using headgate::tokens::Count;
using headgate::tokens::countText;
using headgate::tokens::countTextCached;
using headgate::tokens::Encoding;

class TestEncoding : public QObject {
    Q_OBJECT

private:
    static void compareRows(const std::string& path)
    {
        const auto rows = golden::rows(path);
        QVERIFY(rows.size() > 100);
        for (const boost::json::value& row : rows) {
            const std::string text = golden::textOf(row);
            for (const char* name : {"o200k_base", "cl100k_base"}) {
                const Encoding* encoding = *Encoding::named(name);
                std::vector<std::uint32_t> expected;
                for (const boost::json::value& id : row.at(name).as_array()) {
                    expected.push_back(static_cast<std::uint32_t>(id.as_int64()));
                }
                if (encoding->encode(text) != expected) {
                    const std::string where = std::string(name) + " row "
                        + boost::json::serialize(row.at("id")) + " "
                        + boost::json::serialize(row.at("text")).substr(0, 200);
                    QFAIL(where.c_str());
                }
                QCOMPARE(encoding->count(text), static_cast<std::int64_t>(expected.size()));
            }
        }
    }

private Q_SLOTS:
    void unknownNameIsRefused()
    {
        for (const char* name : {"", "o200k", "O200K_BASE", "claude"}) {
            const auto encoding = Encoding::named(name);
            QVERIFY(!encoding);
            QCOMPARE(encoding.error().code, headgate::ErrorCode::NotFound);
            QVERIFY(!encoding.error().remedy.empty());
        }
    }

    void badBytesCountAsReplacementCharacters_data()
    {
        QTest::addColumn<QByteArray>("bad");
        QTest::addColumn<QByteArray>("repaired");
        const QByteArray mark("\xEF\xBF\xBD");
        QTest::newRow("lone continuation") << QByteArray("a\x80z") << "a" + mark + "z";
        QTest::newRow("cut at the end") << QByteArray("ab\xE4\xB8") << "ab" + mark + mark;
        QTest::newRow("overlong") << QByteArray("\xC0\xAF") << mark + mark;
        QTest::newRow("surrogate") << QByteArray("\xED\xA0\x80") << mark + mark + mark;
        QTest::newRow("beyond the last plane")
            << QByteArray("\xF4\x90\x80\x80") << mark + mark + mark + mark;
        QTest::newRow("ff") << QByteArray("x\xFFy") << "x" + mark + "y";
    }
    void badBytesCountAsReplacementCharacters()
    {
        QFETCH(QByteArray, bad);
        QFETCH(QByteArray, repaired);
        for (const char* name : {"o200k_base", "cl100k_base"}) {
            const Encoding* encoding = *Encoding::named(name);
            QCOMPARE(encoding->encode({bad.data(), static_cast<std::size_t>(bad.size())}),
                encoding->encode({repaired.data(), static_cast<std::size_t>(repaired.size())}));
        }
    }

    void hostileTextsStayLinear_data()
    {
        QTest::addColumn<QByteArray>("unit");
        QTest::newRow("one letter") << QByteArray("a");
        QTest::newRow("one capital") << QByteArray("A");
        QTest::newRow("spaces") << QByteArray(" ");
        QTest::newRow("line breaks and spaces") << QByteArray("\n ");
        QTest::newRow("combining marks") << QByteArray("\xCC\x81");
        QTest::newRow("modifier letters and capitals") << QByteArray("\xCA\xB0"
                                                                     "A");
        QTest::newRow("signs") << QByteArray("=");
        QTest::newRow("zero bytes") << QByteArray(1, '\0');
        QTest::newRow("han") << QByteArray("\xE4\xB8\xAD");
        QTest::newRow("emoji joined") << QByteArray("\xF0\x9F\x91\xA9\xE2\x80\x8D");
    }
    void hostileTextsStayLinear()
    {
        // A quadratic merge of these 400 kB would run for minutes: the test's time limit finds it.
        QFETCH(QByteArray, unit);
        const QByteArray text = unit.repeated(400'000 / static_cast<int>(unit.size()));
        const std::string_view view(text.data(), static_cast<std::size_t>(text.size()));
        for (const char* name : {"o200k_base", "cl100k_base"}) {
            const std::int64_t count = (*Encoding::named(name))->count(view);
            QVERIFY(count > 0);
            QVERIFY(count <= text.size());
        }
    }

    /// The heap takes over at 128 bytes: both ways must agree around it.
    void longWordsAgreeWithTheirParts()
    {
        const Encoding* encoding = *Encoding::named("o200k_base");
        for (int length = 100; length < 160; ++length) {
            std::string word;
            for (int i = 0; i < length; ++i) {
                word += static_cast<char>('a' + (i * i + i / 3) % 26);
            }
            std::string joined;
            const auto ids = encoding->encode(word);
            QVERIFY(!ids.empty());
            QCOMPARE(encoding->count(word), static_cast<std::int64_t>(ids.size()));
        }
    }

    void goldenSubset() { compareRows(golden::subsetPath()); }

    void goldenFull()
    {
        if (!std::filesystem::exists(golden::fullPath())) {
            QSKIP("the full golden file is not beside this checkout");
        }
        compareRows(golden::fullPath());
    }

    void cachedCountsAreTheSame()
    {
        const std::string once(300, 'x');
        std::string text;
        for (int i = 0; i < 200; ++i) {
            text += "message " + std::to_string(i) + " " + once;
            for (const char* family : {"o200k_base", "cl100k_base", "claude"}) {
                const Count plain = countText(family, text);
                for (int again = 0; again < 2; ++again) {
                    const Count cached = countTextCached(family, text);
                    QCOMPARE(cached.tokens, plain.tokens);
                    QCOMPARE(cached.atMost, plain.atMost);
                    QCOMPARE(cached.exact, plain.exact);
                }
            }
        }
    }

    void emptyTextIsFree()
    {
        for (const char* family : {"o200k_base", "cl100k_base", "claude", "no such family"}) {
            QCOMPARE(countText(family, "").tokens, 0);
            QCOMPARE(countText(family, "").atMost, 0);
        }
    }
};

QTEST_GUILESS_MAIN(TestEncoding)
#include "tst_encoding.moc"
