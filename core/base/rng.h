// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A small seeded generator (SplitMix64, Steele, Lea and Flood 2014): same seed, same numbers on
// every platform. For simulation, sampling and tests; never for secrets. Not thread-safe.

#include <cstdint>

namespace headgate {

class Rng {
public:
    explicit constexpr Rng(std::uint64_t seed) : m_state(seed) { }
    constexpr std::uint64_t next()
    {
        m_state += 0x9E3779B97F4A7C15ULL;
        std::uint64_t z = m_state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    /// Uniform in [0, bound); bound > 0. The bias of the multiply method is below 2^-32 here.
    constexpr std::uint64_t below(std::uint64_t bound)
    {
        __extension__ typedef unsigned __int128 Wide;
        return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
    }
    constexpr std::int64_t between(std::int64_t low, std::int64_t high)
    {
        return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
    }
    constexpr bool chancePermille(std::uint64_t permille) { return below(1000) < permille; }

private:
    std::uint64_t m_state;
};

} // namespace headgate
