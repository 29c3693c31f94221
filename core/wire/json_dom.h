// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Reading foreign JSON as a tree (Boost.JSON) without ever throwing: for translation, where all of
// a request or an answer is looked at. Depth is bounded; numbers that do not fit are absent. Pure.

#include "core/base/result.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace headgate::wire::dom {

/// Any JSON. `what` begins the sentence of an error: "The body", "The event".
[[nodiscard]] Result<boost::json::value> parse(std::string_view text, std::string_view what);
[[nodiscard]] Result<boost::json::object> parseObject(std::string_view text, std::string_view what);
[[nodiscard]] std::string write(const boost::json::value& value);

/// A member, or null when it is absent or JSON null.
[[nodiscard]] const boost::json::value* find(
    const boost::json::object& object, std::string_view key);
[[nodiscard]] const boost::json::object* objectAt(
    const boost::json::object& object, std::string_view key);
[[nodiscard]] const boost::json::array* arrayAt(
    const boost::json::object& object, std::string_view key);
/// Empty when it is absent or no string; the view lives as long as the object.
[[nodiscard]] std::string_view stringAt(const boost::json::object& object, std::string_view key);
/// Absent when it is no whole number that fits. 1e3 and 64.0 are whole.
[[nodiscard]] std::optional<std::int64_t> wholeAt(
    const boost::json::object& object, std::string_view key);
[[nodiscard]] std::optional<double> numberAt(
    const boost::json::object& object, std::string_view key);
[[nodiscard]] std::optional<bool> boolAt(const boost::json::object& object, std::string_view key);

[[nodiscard]] std::optional<std::int64_t> wholeOf(const boost::json::value& value);
[[nodiscard]] std::string_view textOf(const boost::json::value& value); ///< of a string, else empty
[[nodiscard]] boost::json::string_view key(std::string_view text); ///< for Boost's own functions

/// A copy without these members; null when nothing is left.
[[nodiscard]] boost::json::value without(
    const boost::json::object& object, std::initializer_list<std::string_view> keys);
/// Adds the members of `more` that `object` does not have.
void addMissing(boost::json::object& object, const boost::json::value& more);

} // namespace headgate::wire::dom
