// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A keychain that comes, goes and forgets must never cost a key.

#include <QTemporaryDir>
#include <QTest>

#include "core/service/key_vault.h"

using namespace headgate;
using namespace headgate::service;

namespace {

/// What the operating system would keep, and how it behaves now.
struct Ring {
    std::string kept;
    bool locked = false;
    bool forgets = false;
    int writes = 0;
};

class FakeKeychain final : public Keychain {
public:
    explicit FakeKeychain(Ring& ring) : m_ring(ring) { }
    Result<Secret> read() override
    {
        if (m_ring.locked) {
            return Error(ErrorCode::Unavailable, "it is locked.");
        }
        return Secret(m_ring.kept);
    }
    Result<void> write(const Secret& whole) override
    {
        if (m_ring.locked) {
            return Error(ErrorCode::Unavailable, "it is locked.");
        }
        ++m_ring.writes;
        if (!m_ring.forgets) {
            m_ring.kept = whole.reveal();
        }
        return {};
    }

private:
    Ring& m_ring;
};

struct Place {
    QTemporaryDir dir;
    Ring ring;

    [[nodiscard]] SecretStore box() const
    {
        const auto at = dir.path().toStdString();
        return std::move(*SecretStore::open(at + "/secrets.box", at + "/secrets.key"));
    }
    [[nodiscard]] KeyVault vault(bool withRing = true)
    {
        return KeyVault(box(),
            withRing ? KeychainMaker([this]() -> std::unique_ptr<Keychain> {
                return std::make_unique<FakeKeychain>(ring);
            })
                     : KeychainMaker());
    }
};

std::string textOf(const KeyVault& vault, const std::string& name)
{
    const auto secret = vault.get(name);
    return secret ? secret->reveal() : std::string("-");
}

} // namespace

class TestKeyVault : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void withoutAKeychainTheFileKeeps()
    {
        Place place;
        {
            auto vault = place.vault(false);
            QVERIFY(!vault.inKeychain());
            QVERIFY(vault.put("provider:a", Secret(std::string("one"))));
        }
        auto vault = place.vault(false);
        QCOMPARE(textOf(vault, "provider:a"), std::string("one"));
        QVERIFY(vault.text().find("encrypted file") != std::string::npos);
    }

    void movesIntoTheKeychain()
    {
        Place place;
        QVERIFY(place.vault(false).put("provider:a", Secret(std::string("one"))));
        auto vault = place.vault();
        QVERIFY(vault.inKeychain());
        QCOMPARE(textOf(vault, "provider:a"), std::string("one"));
        QVERIFY(place.box().all().empty()); // the file is empty only now
        QCOMPARE(textOf(place.vault(), "provider:a"), std::string("one"));
        QVERIFY(vault.text().find("OS keychain") != std::string::npos);
    }

    void aKeychainThatForgetsGetsNothing()
    {
        Place place;
        QVERIFY(place.vault(false).put("provider:a", Secret(std::string("one"))));
        place.ring.forgets = true;
        auto vault = place.vault();
        QCOMPARE(textOf(vault, "provider:a"), std::string("one"));
        QCOMPARE(place.box().all().size(), std::size_t(1)); // still in the file
        QVERIFY(vault.put("provider:b", Secret(std::string("two"))));
        QCOMPARE(textOf(place.vault(false), "provider:b"), std::string("two"));
    }

    void lockedAtStart()
    {
        Place place;
        QVERIFY(place.vault().put("provider:a", Secret(std::string("one"))));
        place.ring.locked = true;
        auto vault = place.vault();
        QVERIFY(!vault.inKeychain());
        QCOMPARE(textOf(vault, "provider:a"), std::string("-"));
        QVERIFY2(vault.text().find("locked") != std::string::npos, vault.text().c_str());
        QVERIFY(!vault.retry());
        place.ring.locked = false;
        QVERIFY(vault.retry()); // unlocked meanwhile
        QCOMPARE(textOf(vault, "provider:a"), std::string("one"));
    }

    void goneInBetween()
    {
        Place place;
        auto vault = place.vault();
        QVERIFY(vault.put("provider:a", Secret(std::string("one"))));
        QVERIFY(vault.put("provider:b", Secret(std::string("two"))));
        place.ring.locked = true;
        QCOMPARE(textOf(vault, "provider:a"), std::string("one")); // in memory
        QVERIFY(vault.put("provider:a", Secret(std::string("new"))));
        QVERIFY(vault.remove("provider:b"));
        QCOMPARE(textOf(vault, "provider:a"), std::string("new"));
        QCOMPARE(textOf(vault, "provider:b"), std::string("-"));
        place.ring.locked = false;
        auto later = place.vault(); // the newer one won, the removed one stays away
        QCOMPARE(textOf(later, "provider:a"), std::string("new"));
        QCOMPARE(textOf(later, "provider:b"), std::string("-"));
        QVERIFY(place.box().all().empty());
        QVERIFY(place.ring.kept.find("two") == std::string::npos);
    }

    void damagedEntryIsLeftAlone()
    {
        Place place;
        place.ring.kept = "not ours";
        auto vault = place.vault();
        QVERIFY(!vault.inKeychain());
        QVERIFY(vault.put("provider:a", Secret(std::string("one"))));
        QCOMPARE(place.ring.kept, std::string("not ours"));
        QCOMPARE(textOf(place.vault(), "provider:a"), std::string("one"));
    }

    void neverTheSystemsInTests()
    {
        QCOMPARE(qgetenv("HEADGATE_KEYS"), QByteArray("file"));
        QVERIFY(openSystemKeychain("/tmp/nowhere") == nullptr);
    }
};

QTEST_GUILESS_MAIN(TestKeyVault)
#include "tst_key_vault.moc"
