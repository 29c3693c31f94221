// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/tokens.h"

#include "core/base/rng.h"
#include "core/tokens/embedded.h"
#include "core/tokens/merger.h"
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
        // A quadratic merge of these 400 kB would run for an hour: the test's time limit finds it.
        QFETCH(QByteArray, unit);
        const QByteArray text = unit.repeated(400'000 / static_cast<int>(unit.size()));
        const std::string_view view(text.data(), static_cast<std::size_t>(text.size()));
        for (const char* name : {"o200k_base", "cl100k_base"}) {
            const std::int64_t count = (*Encoding::named(name))->count(view);
            QVERIFY(count > 0);
            QVERIFY(count <= text.size());
        }
    }

    /// The definition itself: join the pair of lowest rank, leftmost first, until none is left.
    static std::vector<std::uint32_t> mergedByDefinition(
        const headgate::tokens::Vocabulary& vocabulary, std::string_view piece)
    {
        using headgate::tokens::Vocabulary;
        if (const std::uint32_t whole = vocabulary.find(piece); whole != Vocabulary::none) {
            return {whole};
        }
        std::vector<std::string_view> parts;
        for (std::size_t i = 0; i < piece.size(); ++i) {
            parts.push_back(piece.substr(i, 1));
        }
        for (;;) {
            std::size_t best = 0;
            std::uint32_t bestRank = Vocabulary::none;
            for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
                const std::string_view both(parts[i].data(), parts[i].size() + parts[i + 1].size());
                if (const std::uint32_t rank = vocabulary.find(both); rank < bestRank) {
                    best = i;
                    bestRank = rank;
                }
            }
            if (bestRank == Vocabulary::none) {
                break;
            }
            parts[best] = {parts[best].data(), parts[best].size() + parts[best + 1].size()};
            parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
        }
        std::vector<std::uint32_t> ids;
        for (const std::string_view part : parts) {
            ids.push_back(vocabulary.find(part));
        }
        return ids;
    }

    void mergingFollowsItsDefinition_data()
    {
        QTest::addColumn<bool>("o200k");
        QTest::newRow("o200k_base") << true;
        QTest::newRow("cl100k_base") << false;
    }
    void mergingFollowsItsDefinition()
    {
        using namespace headgate::tokens;
        QFETCH(bool, o200k);
        const Vocabulary vocabulary(o200k ? embeddedO200k() : embeddedCl100k());
        const Merger merger(vocabulary);
        headgate::Rng rng(o200k ? 11 : 12);
        for (int round = 0; round < 6'000; ++round) {
            std::string piece;
            const auto kind = rng.below(5);
            const auto length
                = static_cast<std::size_t>(rng.between(2, round % 50 == 0 ? 400 : 60));
            while (piece.size() < length) {
                if (kind == 0) { // any bytes at all, also such as no text has
                    piece += static_cast<char>(rng.below(256));
                } else if (kind == 1) { // few letters: the most ambiguous merges
                    piece += static_cast<char>('a' + rng.below(3));
                } else if (kind == 2) {
                    piece += static_cast<char>('a' + rng.below(26));
                } else if (kind == 3) { // whole tokens side by side, and their halves
                    const auto bytes = vocabulary.bytesOf(
                        static_cast<std::uint32_t>(rng.below(vocabulary.size())));
                    piece += bytes.substr(0, static_cast<std::size_t>(rng.between(1, 128)));
                } else {
                    piece += " =-*/\n\t"[rng.below(7)];
                }
            }
            std::vector<std::uint32_t> ids;
            if (const std::uint32_t whole = vocabulary.find(piece); whole != Vocabulary::none) {
                ids.push_back(whole);
            } else {
                merger.forEachToken(piece, [&](std::uint32_t id) { ids.push_back(id); });
            }
            QCOMPARE(ids, mergedByDefinition(vocabulary, piece));
        }
    }

    /// Each token's own bytes inside a longer piece: what no merge reaches must not be used.
    void everyTokenSplitsAsItsDefinition()
    {
        using namespace headgate::tokens;
        const Vocabulary vocabulary(embeddedCl100k());
        const Merger merger(vocabulary);
        for (std::uint32_t id = 0; id < vocabulary.size(); id += 7) {
            const std::string piece = std::string(vocabulary.bytesOf(id)) + "\x01\x02\x03";
            std::vector<std::uint32_t> ids;
            merger.forEachToken(piece, [&](std::uint32_t token) { ids.push_back(token); });
            if (vocabulary.find(piece) == Vocabulary::none) {
                QCOMPARE(ids, mergedByDefinition(vocabulary, piece));
            }
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
