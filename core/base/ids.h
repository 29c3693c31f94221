// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Typed identifiers, so that a pool cannot be passed where a hold is meant. Plain values.

#include <compare>
#include <cstdint>
#include <functional>

namespace headgate {

template <typename Tag>
struct Id {
    std::int64_t value = 0; ///< 0 means "none"
    [[nodiscard]] constexpr explicit operator bool() const { return value != 0; }
    constexpr auto operator<=>(const Id&) const = default;
};

using PoolId = Id<struct PoolTag>;
using AccountId = Id<struct AccountTag>;
using HoldId = Id<struct HoldTag>;
using KeyId = Id<struct KeyTag>;
/// A decision's id is the microsecond of its birth, made unique by stepping on: it orders the log
/// by time without a second index.
using DecisionId = Id<struct DecisionTag>;

} // namespace headgate

template <typename Tag>
struct std::hash<headgate::Id<Tag>> {
    std::size_t operator()(const headgate::Id<Tag>& id) const noexcept
    {
        return std::hash<std::int64_t>()(id.value);
    }
};
