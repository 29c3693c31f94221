// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/secret.h"

#include <sodium.h>

#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace headgate {

namespace {

void ensureSodium()
{
    static const bool ready = sodium_init() >= 0;
    if (!ready) {
        throw std::runtime_error("libsodium cannot start: no source of randomness");
    }
}

std::string toHex(const unsigned char* bytes, std::size_t size)
{
    std::string out(size * 2 + 1, '\0');
    sodium_bin2hex(out.data(), out.size(), bytes, size);
    out.pop_back();
    return out;
}

} // namespace

Secret::Secret(Secret&& other) noexcept
    : m_value(other.m_value) // NOLINT(performance-move-constructor-init): see below
{
    // A copy and a wipe: moving a short string would leave its bytes in the old object.
    sodium_memzero(other.m_value.data(), other.m_value.size());
    other.m_value.clear();
}

Secret& Secret::operator=(Secret&& other) noexcept
{
    if (this != &other) {
        sodium_memzero(m_value.data(), m_value.size());
        m_value = other.m_value;
        sodium_memzero(other.m_value.data(), other.m_value.size());
        other.m_value.clear();
    }
    return *this;
}

Secret::~Secret()
{
    sodium_memzero(m_value.data(), m_value.size());
}

std::string Secret::hint() const
{
    return m_value.size() < 12 ? std::string("…") : "…" + m_value.substr(m_value.size() - 4);
}

std::string strongHashHex(std::string_view bytes)
{
    ensureSodium();
    std::array<unsigned char, crypto_generichash_BYTES> hash{};
    crypto_generichash(hash.data(), hash.size(),
        reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
    return toHex(hash.data(), hash.size());
}

bool equalConstantTime(std::string_view a, std::string_view b)
{
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string randomHex(std::size_t bytes)
{
    ensureSodium();
    std::vector<unsigned char> buffer(bytes);
    randombytes_buf(buffer.data(), buffer.size());
    return toHex(buffer.data(), buffer.size());
}

} // namespace headgate
