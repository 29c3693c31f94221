// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/key_vault.h"

#include "core/base/log.h"

#include <boost/json.hpp>
#include <sodium.h>

#include <utility>

namespace headgate::service {

namespace json = boost::json;

namespace {

/// In the file: a secret that the keychain still has and that was removed while it was away.
constexpr std::string_view removedMark = "removed:";

Secret packed(const KeyVault::Map& secrets)
{
    json::object object;
    for (const auto& [name, secret] : secrets) {
        object[name] = secret->reveal();
    }
    return Secret(json::serialize(object));
}

Result<KeyVault::Map> unpacked(const Secret& whole)
{
    KeyVault::Map out;
    if (whole.empty()) {
        return out;
    }
    boost::system::error_code ec;
    const auto value = json::parse(whole.reveal(), ec);
    if (ec || !value.is_object()) {
        return Error(ErrorCode::Corrupt, "Headgate's entry in the OS keychain is damaged.",
            "Remove it there and enter the provider keys again.");
    }
    for (const auto& member : value.as_object()) {
        if (member.value().is_string()) {
            out[std::string(member.key())]
                = std::make_shared<const Secret>(std::string(member.value().as_string()));
        }
    }
    return out;
}

bool same(const KeyVault::Map& a, const KeyVault::Map& b)
{
    return a.size() == b.size()
        && std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
               return x.first == y.first && x.second->reveal() == y.second->reveal();
           });
}

} // namespace

KeyVault::KeyVault(SecretStore box, KeychainMaker maker)
    : m_box(std::move(box)),
      m_maker(std::move(maker))
{
    static_cast<void>(connect());
}

/// Reads the keychain and moves the file's secrets into it. The file is emptied only after the
/// keychain gave back what it was given.
bool KeyVault::connect()
{
    m_inKeychain = false;
    if (!m_chain && m_maker) {
        m_chain = m_maker();
    }
    if (!m_chain) {
        m_problem.clear();
        return false;
    }
    const auto whole = m_chain->read();
    if (!whole) {
        m_problem = whole.error().message;
        return false;
    }
    auto kept = unpacked(*whole);
    if (!kept) {
        m_problem = kept.error().message;
        return false;
    }
    m_kept = *kept;
    m_inKeychain = true;
    const auto inFile = m_box.all();
    for (const auto& [name, secret] : inFile) { // the file is newer: it is written in its absence
        if (name.starts_with(removedMark)) {
            kept->erase(name.substr(removedMark.size()));
        } else {
            (*kept)[name] = secret;
        }
    }
    if (!inFile.empty() && writeChain(*kept)) {
        for (const auto& [name, secret] : inFile) {
            static_cast<void>(m_box.remove(name));
        }
        log::info("Provider keys moved from the encrypted file into the OS keychain.");
    }
    return true;
}

/// Durable and read back, or an error.
Result<void> KeyVault::writeChain(const Map& secrets)
{
    if (!m_chain || !m_inKeychain) {
        return Error(ErrorCode::Unavailable, "No OS keychain can be reached.");
    }
    auto done = m_chain->write(packed(secrets));
    if (done) {
        const auto whole = m_chain->read();
        const auto back = whole ? unpacked(*whole) : Result<Map>(whole.error());
        if (!back) {
            done = back.error();
        } else if (!same(*back, secrets)) {
            done = Error(ErrorCode::Io, "The OS keychain did not keep what it was given.");
        }
    }
    if (done) {
        m_kept = secrets;
        m_problem.clear();
        return done;
    }
    m_inKeychain = false;
    m_problem = done.error().message;
    log::warning("{} Keys go into the encrypted file until it answers again.", m_problem);
    return done;
}

Result<void> KeyVault::put(const std::string& name, const Secret& secret)
{
    if (secret.empty()) {
        return remove(name);
    }
    auto next = m_kept;
    next[name] = std::make_shared<const Secret>(secret.reveal());
    if (m_inKeychain && writeChain(next)) {
        static_cast<void>(m_box.remove(std::string(removedMark) + name));
        return m_box.remove(name);
    }
    if (auto done = m_box.put(name, secret); !done) {
        return done;
    }
    return m_box.remove(std::string(removedMark) + name);
}

Result<void> KeyVault::remove(const std::string& name)
{
    auto next = m_kept;
    const bool known = next.erase(name) > 0;
    const bool gone = m_inKeychain && (!known || writeChain(next));
    if (!gone && m_chain) { // it may have it: taken out when it is back
        const Secret mark(std::string("1"));
        if (auto done = m_box.put(std::string(removedMark) + name, mark); !done) {
            return done;
        }
    }
    return m_box.remove(name);
}

std::shared_ptr<const Secret> KeyVault::get(const std::string& name) const
{
    if (auto newer = m_box.get(name)) {
        return newer;
    }
    if (m_box.get(std::string(removedMark) + name)) {
        return nullptr;
    }
    const auto found = m_kept.find(name);
    return found == m_kept.end() ? nullptr : found->second;
}

std::string KeyVault::text() const
{
    if (m_inKeychain) {
        return "Keys are kept in the OS keychain.";
    }
    return m_problem.empty()
        ? "Keys are kept in an encrypted file."
        : "Keys are kept in an encrypted file, because the OS keychain does not answer: "
            + m_problem;
}

bool KeyVault::retry()
{
    if (m_inKeychain) {
        return false;
    }
    const auto before = m_kept;
    return connect() && !same(before, m_kept);
}

} // namespace headgate::service
