// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/security/secret_session.h"

#include <QDir>
#include <QFile>
#include <QStandardPaths>
#include <QThread>

#include <csignal>
#include <sys/prctl.h>

namespace headgate::testing {

namespace {

constexpr int startMs = 20'000;

/// A test that is itself killed leaves nothing behind.
void dieWithParent()
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void end(QProcess& process)
{
    if (process.state() != QProcess::NotRunning) {
        process.kill();
        process.waitForFinished(5'000);
    }
}

} // namespace

SecretSession::SecretSession() = default;

SecretSession::~SecretSession()
{
    stopRing();
    end(m_bus);
}

bool SecretSession::start(QString* why)
{
    for (const char* program : {"dbus-daemon", "dbus-send", "gnome-keyring-daemon"}) {
        if (QStandardPaths::findExecutable(QString::fromLatin1(program)).isEmpty()) {
            *why = QString::fromLatin1(program) + QStringLiteral(" is not here");
            return false;
        }
    }
    const QString run = m_dir.filePath(QStringLiteral("run"));
    QDir().mkpath(run);
    QFile::setPermissions(run, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    const QByteArray address = "unix:path=" + run.toUtf8() + "/bus";
    // No service folders: a keyring that is gone stays gone, none is started in its place.
    QFile config(m_dir.filePath(QStringLiteral("bus.conf")));
    if (!config.open(QIODevice::WriteOnly)) {
        return false;
    }
    config.write("<busconfig><type>session</type><listen>" + address
        + "</listen><auth>EXTERNAL</auth><policy context=\"default\">"
          "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>"
          "<allow own=\"*\"/></policy></busconfig>\n");
    config.close();
    qputenv("HOME", m_dir.path().toUtf8());
    qputenv("XDG_RUNTIME_DIR", run.toUtf8());
    for (const char* name : {"DATA", "CONFIG", "CACHE", "STATE"}) {
        qputenv(("XDG_" + QByteArray(name) + "_HOME").constData(),
            m_dir.filePath(QString::fromLatin1(name)).toUtf8());
    }
    qputenv("DBUS_SESSION_BUS_ADDRESS", address);
    qunsetenv("GNOME_KEYRING_CONTROL");
    qunsetenv("HEADGATE_KEYS");
    m_bus.setChildProcessModifier(dieWithParent);
    m_bus.start(QStringLiteral("dbus-daemon"),
        {QStringLiteral("--config-file=") + config.fileName(), QStringLiteral("--nofork"),
            QStringLiteral("--print-address")});
    if (!m_bus.waitForReadyRead(startMs)) {
        *why = QStringLiteral("the message bus does not start: ")
            + QString::fromUtf8(m_bus.readAllStandardError());
        return false;
    }
    return true;
}

bool SecretSession::hasOwner() const
{
    QProcess ask;
    ask.start(QStringLiteral("dbus-send"),
        {QStringLiteral("--session"), QStringLiteral("--print-reply"),
            QStringLiteral("--dest=org.freedesktop.DBus"), QStringLiteral("/org/freedesktop/DBus"),
            QStringLiteral("org.freedesktop.DBus.NameHasOwner"),
            QStringLiteral("string:org.freedesktop.secrets")});
    return ask.waitForFinished(startMs) && ask.readAllStandardOutput().contains("boolean true");
}

bool SecretSession::startRing(Ring ring, QString* why)
{
    stopRing();
    QStringList args{QStringLiteral("--foreground"), QStringLiteral("--components=secrets")};
    args += ring == Ring::Unlocked ? QStringList(QStringLiteral("--unlock")) : QStringList();
    m_ring.setChildProcessModifier(dieWithParent);
    m_ring.start(QStringLiteral("gnome-keyring-daemon"), args);
    if (ring == Ring::Unlocked) {
        m_ring.write("password of the test");
    }
    m_ring.closeWriteChannel();
    for (int i = 0; i < startMs / 50; ++i) {
        if (hasOwner()) {
            return true;
        }
        if (m_ring.waitForFinished(50)) {
            break;
        }
    }
    *why = QStringLiteral("the keyring does not start: ")
        + QString::fromUtf8(m_ring.readAllStandardError());
    return false;
}

void SecretSession::stopRing()
{
    thawRing();
    end(m_ring);
}

void SecretSession::freezeRing()
{
    ::kill(static_cast<pid_t>(m_ring.processId()), SIGSTOP);
    m_frozen = true;
}

void SecretSession::thawRing()
{
    if (m_frozen && m_ring.state() != QProcess::NotRunning) {
        ::kill(static_cast<pid_t>(m_ring.processId()), SIGCONT);
    }
    m_frozen = false;
}

} // namespace headgate::testing
