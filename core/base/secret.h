// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A string that must not be shown. It has no stream operator and no implicit conversion; its memory
// is wiped when it dies. Move-only, so that copies are deliberate. Not thread-safe.

#include <string>
#include <string_view>

namespace headgate {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : m_value(std::move(value)) { }
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    /// The one way to read it; every call site is a place to review.
    [[nodiscard]] const std::string& reveal() const { return m_value; }
    [[nodiscard]] Secret clone() const { return Secret(m_value); }
    [[nodiscard]] bool empty() const { return m_value.empty(); }
    /// "…abcd": the last four characters of a long secret, for people to tell keys apart.
    [[nodiscard]] std::string hint() const;

private:
    std::string m_value;
};

/// BLAKE2b-256 in lower-case hex. Client keys are 256 random bits, so a plain strong hash is enough
/// at rest (no dictionary to slow down).
[[nodiscard]] std::string strongHashHex(std::string_view bytes);
/// Compares in time that depends on the length only.
[[nodiscard]] bool equalConstantTime(std::string_view a, std::string_view b);
/// `bytes` random bytes from the operating system as lower-case hex.
[[nodiscard]] std::string randomHex(std::size_t bytes);

} // namespace headgate
