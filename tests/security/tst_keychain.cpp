// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The real process and a real keyring (gnome-keyring by way of libsecret): provider keys go into
// it, are used, rotated and removed, and appear nowhere else; a keyring that is locked, gone or
// silent is said so and costs no key. Skips where there is no keyring to start.

#include <QDirIterator>
#include <QFile>
#include <QTest>

#include "core/service/key_vault.h"
#include "support/script_server.h"
#include "tests/cli/headgate_process.h"
#include "tests/security/secret_session.h"

#include <csignal>

using namespace headgate;
using namespace headgate::clitest;
using headgate::testing::ScriptLink;
using headgate::testing::ScriptRequest;
using headgate::testing::ScriptServer;
using headgate::testing::SecretSession;
using Ring = headgate::testing::SecretSession::Ring;

namespace {

QStringList words(const char* text)
{
    return QString::fromUtf8(text).split(QLatin1Char(' '));
}

/// What the keyring has for a home folder.
std::string inRing(const Home& home)
{
    const auto chain = service::openSystemKeychain(home.path().toStdString());
    if (!chain) {
        return "no keychain";
    }
    const auto whole = chain->read();
    return whole ? whole->reveal() : whole.error().text();
}

/// What the encrypted file has.
std::size_t inFile(const Home& home)
{
    const auto at = home.path().toStdString();
    const auto box = service::SecretStore::open(at + "/secrets.box", at + "/secrets.key");
    return box ? box->all().size() : 0;
}

/// The first file below the home folder that holds the text.
QString fileWith(const Home& home, const QByteArray& text)
{
    QDirIterator it(home.path(), QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
    while (it.hasNext()) {
        QFile file(it.next());
        if (file.open(QIODevice::ReadOnly) && file.readAll().contains(text)) {
            return file.fileName();
        }
    }
    return {};
}

} // namespace

class TestKeychain : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void keysLiveInTheRing();
    void otherHomesSeeNothing();
    void theFileMovesIntoTheRing();
    void lockedRing();
    void deadRing();
    void ringStartedAnew();
    void silentRing();

private:
    /// Serves, with a provider that notes what it is sent.
    void serve()
    {
        QString why;
        m_serving = Serving::start(m_home, &why);
        QVERIFY2(m_serving != nullptr, qPrintable(why));
        if (!m_serving->key.empty()) {
            m_key = m_serving->key;
        }
    }
    /// Ends it, and looks that it said no secret.
    void stop()
    {
        m_serving->signal(SIGTERM);
        QCOMPARE(m_serving->waitForEnd(), 0);
        const QByteArray said = m_serving->errors();
        QVERIFY2(!said.contains("sk-"), said.constData());
        m_said = said;
        m_serving.reset();
    }
    void addProvider()
    {
        const Ran added = m_home.run(words("providers add --dialect openai --name p --url")
            << QString::fromStdString(m_provider->url()));
        QVERIFY2(added.code == 0, added.err.constData());
        QCOMPARE(
            m_home.run("models add --provider p --name m --tier 1 --input 1 --output 2").code, 0);
    }
    [[nodiscard]] Ran setKey(const char* verb, const QByteArray& key) const
    {
        return m_home.run(words(verb) << QStringLiteral("--key-stdin"), key + "\n");
    }
    /// The key that the provider is called with; empty when it is not called.
    [[nodiscard]] std::string usedKey()
    {
        const auto before = m_provider->seen().size();
        m_status = post(m_serving->port, m_key, chatBody("p/m", "Hi.", 16)).status;
        const auto seen = m_provider->seen();
        if (seen.size() == before) {
            return {};
        }
        const std::string& head = seen.back().head;
        const auto at = head.find("Bearer ");
        return at == std::string::npos ? std::string("none")
                                       : head.substr(at + 7, head.find("\r\n", at) - at - 7);
    }
    [[nodiscard]] QString keysText() const
    {
        return m_home.json("providers list").rows().last()[QLatin1String("keys_kept")].toString();
    }

    SecretSession m_session;
    Home m_home;
    std::unique_ptr<ScriptServer> m_provider;
    std::unique_ptr<Serving> m_serving;
    std::string m_key;
    QByteArray m_said;
    int m_status = 0;
};

void TestKeychain::initTestCase()
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    QSKIP("GLib and libsecret are not built for sanitizers: what they say of them is not ours");
#endif
    QString why;
    if (!m_session.start(&why) || !m_session.startRing(Ring::Unlocked, &why)) {
        QSKIP(qPrintable(QStringLiteral("no keyring to test with: ") + why));
    }
    if (!service::openSystemKeychain("/")) {
        QSKIP("libsecret is not here");
    }
    m_provider = std::make_unique<ScriptServer>([](const ScriptRequest&, ScriptLink& link) {
        return link.write(testing::httpReply(200, testing::completion(10, 3)));
    });
}

void TestKeychain::init()
{
    QString why;
    QVERIFY2(m_session.startRing(Ring::Unlocked, &why), qPrintable(why));
    m_home.setPath(
        m_home.tempPath() + QLatin1Char('/') + QString::fromLatin1(QTest::currentTestFunction()));
}

void TestKeychain::cleanup()
{
    if (m_serving) {
        stop();
    }
    m_home.clearServeVariable(QStringLiteral("HEADGATE_KEYS"));
}

void TestKeychain::keysLiveInTheRing()
{
    serve();
    addProvider();
    QCOMPARE(setKey("providers set p", "sk-first-11111111").code, 0);
    QCOMPARE(keysText(), QStringLiteral("Keys are kept in the OS keychain."));
    QCOMPARE(usedKey(), std::string("sk-first-11111111"));
    QCOMPARE(m_status, 200);
    QVERIFY2(inRing(m_home).find("sk-first-11111111") != std::string::npos, "not in the keyring");
    QCOMPARE(inFile(m_home), std::size_t(0));
    stop();
    serve(); // read back by another process
    QCOMPARE(usedKey(), std::string("sk-first-11111111"));
    QCOMPARE(setKey("providers set p", "sk-newer-22222222").code, 0);
    QCOMPARE(usedKey(), std::string("sk-newer-22222222"));
    QVERIFY(inRing(m_home).find("sk-first-11111111") == std::string::npos);
    QCOMPARE(setKey("providers add-key p --label spare", "sk-spare-33333333").code, 0);
    QCOMPARE(m_home.run("providers remove-key p key").code, 0);
    QCOMPARE(usedKey(), std::string("sk-spare-33333333"));
    for (const char* key : {"sk-first-11111111", "sk-newer-22222222", "sk-spare-33333333"}) {
        QVERIFY2(fileWith(m_home, key).isEmpty(), qPrintable(fileWith(m_home, key)));
    }
    QCOMPARE(m_home.run("providers remove p").code, 0);
    QVERIFY2(inRing(m_home).find("sk-") == std::string::npos, "still in the keyring");
    stop();
    QVERIFY2(!m_said.contains("OS keychain does not"), m_said.constData());
}

void TestKeychain::otherHomesSeeNothing()
{
    serve();
    addProvider();
    QCOMPARE(setKey("providers set p", "sk-first-11111111").code, 0);
    const Home other;
    QVERIFY2(inRing(other).empty(), inRing(other).c_str());
    QVERIFY(inRing(m_home).find("sk-first-11111111") != std::string::npos);
}

void TestKeychain::theFileMovesIntoTheRing()
{
    m_home.setServeVariable(QStringLiteral("HEADGATE_KEYS"), QStringLiteral("file"));
    serve();
    addProvider();
    QCOMPARE(setKey("providers set p", "sk-moved-44444444").code, 0);
    QCOMPARE(keysText(), QStringLiteral("Keys are kept in an encrypted file."));
    QVERIFY2(inRing(m_home).empty(), inRing(m_home).c_str());
    QCOMPARE(inFile(m_home), std::size_t(1));
    QVERIFY(fileWith(m_home, "sk-moved-44444444").isEmpty());
    stop();
    m_home.clearServeVariable(QStringLiteral("HEADGATE_KEYS"));
    serve();
    QCOMPARE(keysText(), QStringLiteral("Keys are kept in the OS keychain."));
    QCOMPARE(usedKey(), std::string("sk-moved-44444444"));
    QCOMPARE(inFile(m_home), std::size_t(0));
    QVERIFY(inRing(m_home).find("sk-moved-44444444") != std::string::npos);
}

void TestKeychain::lockedRing()
{
    serve();
    addProvider();
    QCOMPARE(setKey("providers set p", "sk-inring-5555555").code, 0);
    stop();
    QString why;
    QVERIFY2(m_session.startRing(Ring::Locked, &why), qPrintable(why));
    serve();
    QVERIFY2(keysText().contains(QStringLiteral("it is locked")), qPrintable(keysText()));
    const QByteArray status = m_home.run("status").out;
    QVERIFY2(status.contains("locked or gone"), status.constData());
    QVERIFY2(usedKey().empty(), "called without its key");
    QVERIFY(m_status >= 400);
    // A new key goes into the file, and wins over the one that cannot be read.
    QCOMPARE(setKey("providers set p", "sk-infile-6666666").code, 0);
    QCOMPARE(inFile(m_home), std::size_t(1));
    QCOMPARE(usedKey(), std::string("sk-infile-6666666"));
    stop();
    QVERIFY2(m_session.startRing(Ring::Unlocked, &why), qPrintable(why));
    serve();
    QCOMPARE(usedKey(), std::string("sk-infile-6666666"));
    QCOMPARE(inFile(m_home), std::size_t(0));
    QVERIFY(inRing(m_home).find("sk-inring-5555555") == std::string::npos);
}

void TestKeychain::deadRing()
{
    serve();
    addProvider();
    QCOMPARE(setKey("providers set p", "sk-inring-7777777").code, 0);
    m_session.stopRing();
    QCOMPARE(usedKey(), std::string("sk-inring-7777777")); // what is in use stays in memory
    QCOMPARE(setKey("providers set p", "sk-infile-8888888").code, 0);
    QVERIFY2(
        keysText().contains(QStringLiteral("encrypted file, because")), qPrintable(keysText()));
    QCOMPARE(usedKey(), std::string("sk-infile-8888888"));
    stop();
    serve(); // with no keyring from the start
    QVERIFY2(keysText().contains(QStringLiteral("cannot be reached"))
            || keysText().contains(QStringLiteral("no default keyring")),
        qPrintable(keysText()));
    QCOMPARE(usedKey(), std::string("sk-infile-8888888"));
    // Removed while the keyring is away: it is not back with the keyring.
    QCOMPARE(m_home.run("providers remove-key p key").code, 0);
    stop();
    QString why;
    QVERIFY2(m_session.startRing(Ring::Unlocked, &why), qPrintable(why));
    serve();
    QCOMPARE(keysText(), QStringLiteral("Keys are kept in the OS keychain."));
    QVERIFY(inRing(m_home).find("sk-") == std::string::npos);
    QCOMPARE(inFile(m_home), std::size_t(0));
}

/// A keyring that was restarted meanwhile is found again without restarting Headgate.
void TestKeychain::ringStartedAnew()
{
    serve();
    addProvider();
    QCOMPARE(setKey("providers set p", "sk-before-1212121").code, 0);
    QString why;
    QVERIFY2(m_session.startRing(Ring::Unlocked, &why), qPrintable(why));
    QCOMPARE(setKey("providers set p", "sk-after-34343434").code, 0);
    QCOMPARE(keysText(), QStringLiteral("Keys are kept in the OS keychain."));
    QCOMPARE(inFile(m_home), std::size_t(0));
    QVERIFY2(inRing(m_home).find("sk-after-34343434") != std::string::npos, "not in the keyring");
    QCOMPARE(usedKey(), std::string("sk-after-34343434"));
}

void TestKeychain::silentRing()
{
    serve();
    addProvider();
    QCOMPARE(setKey("providers set p", "sk-inring-9999999").code, 0);
    m_session.freezeRing();
    QCOMPARE(setKey("providers set p", "sk-infile-0000000").code, 0);
    QVERIFY2(
        keysText().contains(QStringLiteral("does not answer in time")), qPrintable(keysText()));
    QCOMPARE(usedKey(), std::string("sk-infile-0000000"));
    stop(); // a thread still waits for the keyring: it keeps nobody from ending
    m_session.thawRing();
    serve();
    QCOMPARE(usedKey(), std::string("sk-infile-0000000"));
    QVERIFY(inRing(m_home).find("sk-inring-9999999") == std::string::npos);
}

QTEST_GUILESS_MAIN(TestKeychain)
#include "tst_keychain.moc"
