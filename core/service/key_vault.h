// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Where provider keys are kept: the keychain of the operating system when it can be reached, else
// the encrypted file. What is in use stays in memory, so that a keychain that is locked or gone
// later stops nothing; what it does not take goes into the file, and moves over when it is back.
// Not thread-safe; the service guards it. Its calls may wait for the keychain: some seconds at
// most.

#include "core/service/secret_store.h"

#include <functional>
#include <memory>
#include <string>

namespace headgate::service {

/// One entry in the operating system's keychain that holds all secrets of one home folder.
class Keychain {
public:
    virtual ~Keychain() = default;
    /// Empty when there is no entry yet. Errors: locked, gone, too slow.
    [[nodiscard]] virtual Result<Secret> read() = 0;
    [[nodiscard]] virtual Result<void> write(const Secret& whole) = 0;
};
/// Null when no keychain can be reached at all.
using KeychainMaker = std::function<std::unique_ptr<Keychain>()>;
/// The freedesktop Secret Service by way of libsecret, if both are there. Never where the
/// environment says HEADGATE_KEYS=file.
[[nodiscard]] std::unique_ptr<Keychain> openSystemKeychain(const std::string& home);

class KeyVault {
public:
    using Map = std::map<std::string, std::shared_ptr<const Secret>>;

    /// Moves what is in the file into the keychain, if there is one.
    KeyVault(SecretStore box, KeychainMaker maker);

    /// Stores or replaces; durable when it returns. An empty secret removes.
    [[nodiscard]] Result<void> put(const std::string& name, const Secret& secret);
    [[nodiscard]] Result<void> remove(const std::string& name);
    [[nodiscard]] std::shared_ptr<const Secret> get(const std::string& name) const;

    [[nodiscard]] bool inKeychain() const { return m_inKeychain; }
    /// For people: "Keys are kept in the OS keychain."
    [[nodiscard]] std::string text() const;
    /// Tries a keychain again that did not answer. True: secrets came that were not known before.
    [[nodiscard]] bool retry();

private:
    [[nodiscard]] bool connect();
    [[nodiscard]] Result<void> writeChain(const Map& secrets);

    SecretStore m_box;
    KeychainMaker m_maker;
    std::unique_ptr<Keychain> m_chain;
    Map m_kept; ///< as the keychain has it
    bool m_inKeychain = false; ///< m_chain answered the last time
    std::string m_problem; ///< why not
};

} // namespace headgate::service
