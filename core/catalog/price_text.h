// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// JSON whose numbers keep their decimal text, and exact decimals with an exponent: public price
// lists write prices as JSON numbers, and binary fractions cannot hold most of them. Pure
// functions.

#include "core/base/money.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::catalog {

struct JsonMember;

struct JsonText {
    enum class Kind { Null, Boolean, Number, String, Array, Object };
    Kind kind = Kind::Null;
    std::string text; ///< the value of a string, the text of a number, "true" or "false"
    std::vector<JsonMember> members; ///< array entries have empty names

    [[nodiscard]] const JsonText* find(std::string_view key) const;
    /// Text of a member that is a string; empty when absent or of another kind.
    [[nodiscard]] std::string_view string(std::string_view key) const;
    [[nodiscard]] bool boolean(std::string_view key, bool otherwise) const;
    [[nodiscard]] bool isObject() const { return kind == Kind::Object; }
    [[nodiscard]] bool isArray() const { return kind == Kind::Array; }
    /// A number or a string, which may hold a decimal.
    [[nodiscard]] bool isScalar() const { return kind == Kind::Number || kind == Kind::String; }
};

/// Not a std::pair: that needs to know whether a JsonText can be made before it is complete.
struct JsonMember {
    std::string first;
    JsonText second;
};

/// Errors: malformed JSON, deeper than limits::jsonDepthMax.
[[nodiscard]] Result<JsonText> parseJsonText(std::string_view json);

/// A name that one object has twice, empty when there is none: readers differ about which counts.
[[nodiscard]] std::string duplicateName(const JsonText& root);

/// decimal × 10^scale as a whole number, rounded **up** when digits remain: a price that a list
/// wrote as 2.9999999999999997e-06 is never made cheaper. Negative and malformed are errors.
[[nodiscard]] Result<std::int64_t> scaledDecimalUp(std::string_view decimal, int scale);

} // namespace headgate::catalog
