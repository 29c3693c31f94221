// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Provider keys at rest: one libsodium secretbox file and a random key file beside it, both for the
// owner only. It protects against a copied or leaked secrets file, not against someone who can read
// the whole home folder; README.md says so. Not thread-safe; the service guards it.

#include "core/base/result.h"
#include "core/base/secret.h"

#include <map>
#include <memory>
#include <string>

namespace headgate::service {

class SecretStore {
public:
    [[nodiscard]] static Result<SecretStore> open(std::string boxPath, std::string keyPath);

    /// Stores or replaces; durable when it returns. An empty secret removes.
    [[nodiscard]] Result<void> put(const std::string& name, const Secret& secret);
    [[nodiscard]] Result<void> remove(const std::string& name);
    [[nodiscard]] std::shared_ptr<const Secret> get(const std::string& name) const;
    [[nodiscard]] const std::map<std::string, std::shared_ptr<const Secret>>& all() const
    {
        return m_secrets;
    }

private:
    using Map = std::map<std::string, std::shared_ptr<const Secret>>;
    [[nodiscard]] Result<void> load();
    [[nodiscard]] Result<void> save(const Map& secrets) const;

    std::string m_boxPath;
    std::string m_keyPath;
    Secret m_key; ///< 32 bytes
    Map m_secrets;
};

} // namespace headgate::service
