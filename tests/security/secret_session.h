// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A desktop session for tests: a message bus and a keyring of their own, in a temporary folder,
// never the user's. Both are ended with the object, by their process. One thread.

#include <QProcess>
#include <QString>
#include <QTemporaryDir>

namespace headgate::testing {

class SecretSession {
public:
    SecretSession();
    ~SecretSession();
    SecretSession(const SecretSession&) = delete;
    SecretSession& operator=(const SecretSession&) = delete;

    /// Starts the bus and sets this process's environment to the session, for its children too.
    [[nodiscard]] bool start(QString* why);
    enum class Ring { Unlocked, Locked };
    /// The keyring must have been unlocked once before it can be there and locked.
    [[nodiscard]] bool startRing(Ring ring, QString* why);
    void stopRing();
    /// It is there, and answers nothing any more.
    void freezeRing();
    void thawRing();

private:
    [[nodiscard]] bool hasOwner() const; ///< somebody answers for org.freedesktop.secrets

    QTemporaryDir m_dir;
    QProcess m_bus;
    QProcess m_ring;
    bool m_frozen = false;
};

} // namespace headgate::testing
