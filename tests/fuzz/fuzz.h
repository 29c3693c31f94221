// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What every fuzz entry point needs: a way to take bytes off the front of an input, to cut the rest
// into slices, and to state a property. A property that does not hold aborts: libFuzzer keeps the
// input, the replayed corpus fails its test. No state, any thread.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace headgate::fuzz {

inline void must(bool holds, const char* what)
{
    if (!holds) {
        std::fprintf(stderr, "property does not hold: %s\n", what);
        std::abort();
    }
}

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size)
        : m_rest(reinterpret_cast<const char*>(data), size)
    {
    }
    /// The next byte; 0 when there is none.
    std::uint8_t byte()
    {
        if (m_rest.empty()) {
            return 0;
        }
        const auto value = static_cast<std::uint8_t>(m_rest.front());
        m_rest.remove_prefix(1);
        return value;
    }
    [[nodiscard]] std::string_view rest() const { return m_rest; }

private:
    std::string_view m_rest;
};

/// Calls take(slice) for pieces of text whose lengths are a function of `seed`; 0: one piece.
/// Stops when take returns false.
template <typename F>
void eachSlice(std::string_view text, std::uint8_t seed, F&& take)
{
    std::uint32_t state = seed;
    while (!text.empty()) {
        state = state * 1103515245U + 12345U;
        std::size_t length = seed == 0 ? text.size() : 1 + (state >> 16U) % (1 + seed % 40U);
        length = length < text.size() ? length : text.size();
        if (!take(text.substr(0, length))) {
            return;
        }
        text.remove_prefix(length);
    }
}

} // namespace headgate::fuzz
