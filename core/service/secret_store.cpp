// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/secret_store.h"

#include "core/service/private_file.h"

#include <boost/json.hpp>
#include <sodium.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace headgate::service {

namespace json = boost::json;

namespace {

/// Says what the file is to whoever finds it.
constexpr std::string_view boxLabel = "headgate provider keys, encrypted with secrets.key, v1\n";
constexpr std::string_view keyLabel = "headgate key of secrets.box, keep private, v1\n";

unsigned char* bytesOf(std::string& text)
{
    return reinterpret_cast<unsigned char*>(text.data());
}

const unsigned char* bytesOf(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

Result<Secret> readOrMakeKey(const std::string& path, bool mayMake)
{
    auto content = readPrivate(path);
    if (content) {
        if (content->size() != keyLabel.size() + crypto_secretbox_KEYBYTES
            || !content->starts_with(keyLabel)) {
            return Error(ErrorCode::Corrupt, path + " is damaged.",
                "Restore it from a backup, or remove it and secrets.box and enter the provider "
                "keys "
                "again.");
        }
        Secret key(content->substr(keyLabel.size()));
        sodium_memzero(content->data(), content->size());
        return key;
    }
    if (content.error().code != ErrorCode::NotFound) {
        return content.error();
    }
    if (!mayMake) {
        return Error(ErrorCode::Corrupt, path + " is missing, so secrets.box cannot be opened.",
            "Restore it from a backup, or remove secrets.box and enter the provider keys again.");
    }
    std::string fresh(crypto_secretbox_KEYBYTES, '\0');
    randombytes_buf(fresh.data(), fresh.size());
    std::string file = std::string(keyLabel) + fresh;
    auto done = writePrivate(path, file);
    sodium_memzero(file.data(), file.size());
    if (!done) {
        return done.error();
    }
    return Secret(std::move(fresh));
}

} // namespace

Result<SecretStore> SecretStore::open(std::string boxPath, std::string keyPath)
{
    if (sodium_init() < 0) {
        return Error(ErrorCode::Internal, "libsodium cannot start: no source of randomness.");
    }
    SecretStore store;
    store.m_boxPath = std::move(boxPath);
    store.m_keyPath = std::move(keyPath);
    const bool haveBox = ::access(store.m_boxPath.c_str(), F_OK) == 0;
    auto key = readOrMakeKey(store.m_keyPath, !haveBox);
    if (!key) {
        return key.error();
    }
    store.m_key = std::move(*key);
    if (haveBox) {
        if (auto done = store.load(); !done) {
            return done.error();
        }
    }
    return store;
}

Result<void> SecretStore::load()
{
    const auto content = readPrivate(m_boxPath);
    if (!content) {
        return content.error();
    }
    const Error damaged(ErrorCode::Corrupt,
        m_boxPath + " is damaged or belongs to another key file.",
        "Restore it from a backup, or remove it and enter the provider keys again.");
    const std::size_t head = boxLabel.size() + crypto_secretbox_NONCEBYTES;
    if (!content->starts_with(boxLabel) || content->size() < head + crypto_secretbox_MACBYTES) {
        return damaged;
    }
    const std::string_view nonce(content->data() + boxLabel.size(), crypto_secretbox_NONCEBYTES);
    const std::string_view cipher(content->data() + head, content->size() - head);
    std::string plain(cipher.size() - crypto_secretbox_MACBYTES, '\0');
    if (crypto_secretbox_open_easy(bytesOf(plain), bytesOf(cipher), cipher.size(), bytesOf(nonce),
            bytesOf(std::string_view(m_key.reveal())))
        != 0) {
        return damaged;
    }
    boost::system::error_code error;
    const auto value = json::parse(plain, error);
    sodium_memzero(plain.data(), plain.size());
    if (error || !value.is_object()) {
        return damaged;
    }
    for (const auto& member : value.as_object()) {
        if (member.value().is_string()) {
            m_secrets[std::string(member.key())]
                = std::make_shared<const Secret>(std::string(member.value().as_string()));
        }
    }
    return {};
}

Result<void> SecretStore::save(const Map& secrets) const
{
    json::object object;
    for (const auto& [name, secret] : secrets) {
        object[name] = secret->reveal();
    }
    std::string plain = json::serialize(object);
    std::string file(boxLabel);
    std::string nonce(crypto_secretbox_NONCEBYTES, '\0');
    randombytes_buf(nonce.data(), nonce.size());
    std::string cipher(plain.size() + crypto_secretbox_MACBYTES, '\0');
    crypto_secretbox_easy(bytesOf(cipher), bytesOf(std::string_view(plain)), plain.size(),
        bytesOf(std::string_view(nonce)), bytesOf(std::string_view(m_key.reveal())));
    sodium_memzero(plain.data(), plain.size());
    return writePrivate(m_boxPath, file + nonce + cipher);
}

Result<void> SecretStore::put(const std::string& name, const Secret& secret)
{
    if (secret.empty()) {
        return remove(name);
    }
    Map next = m_secrets;
    next[name] = std::make_shared<const Secret>(secret.reveal());
    if (auto done = save(next); !done) {
        return done;
    }
    m_secrets = std::move(next);
    return {};
}

Result<void> SecretStore::remove(const std::string& name)
{
    Map next = m_secrets;
    if (next.erase(name) == 0) {
        return {};
    }
    if (auto done = save(next); !done) {
        return done;
    }
    m_secrets = std::move(next);
    return {};
}

std::shared_ptr<const Secret> SecretStore::get(const std::string& name) const
{
    const auto found = m_secrets.find(name);
    return found == m_secrets.end() ? nullptr : found->second;
}

} // namespace headgate::service
