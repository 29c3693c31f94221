// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Taking an object of foreign JSON apart field by field, and keeping what is left over for its own
// dialect. Google spells each field in two ways and writes some numbers as text. Pure; any thread.
// Never throws on input, however odd.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire::dom {

[[nodiscard]] std::optional<std::string> text(const boost::json::value& value);
/// A whole number however it is written: 128, 128.0, "128".
[[nodiscard]] std::optional<std::int64_t> whole(const boost::json::value& value);
[[nodiscard]] std::optional<double> number(const boost::json::value& value);
[[nodiscard]] std::optional<bool> boolean(const boost::json::value& value);
/// All elements are strings.
[[nodiscard]] std::optional<std::vector<std::string>> texts(const boost::json::value& value);

/// A number as people write it: 0 and not 0E0.
[[nodiscard]] boost::json::value plainNumber(double number);
/// "maxOutputTokens" → "max_output_tokens".
[[nodiscard]] std::string snakeCase(std::string_view camelCase);
/// Adds what `object` lacks, in nested objects too.
void mergeMissing(boost::json::object& object, const boost::json::object& more);

/// Takes the known fields out of an object and keeps what is left over.
class Fields {
public:
    /// How names may be spelled: as given, or also in snake case (Google's servers take both).
    enum class Spelling { AsGiven, SnakeToo };
    explicit Fields(const boost::json::object& object, Spelling spelling = Spelling::AsGiven)
        : m_object(&object),
          m_spelling(spelling)
    {
    }
    /// The field without taking it; null when absent.
    [[nodiscard]] const boost::json::value* peek(std::string_view name) const;
    /// The name under which the object has the field; empty when absent.
    [[nodiscard]] std::string spelled(std::string_view name) const;
    /// Takes the field, whatever its type; a JSON null counts as absent and is left.
    const boost::json::value* take(std::string_view name);
    /// Takes the field when it is of that type; else it stays among the rest.
    const boost::json::object* takeObject(std::string_view name);
    std::optional<std::string> takeText(std::string_view name);
    std::optional<std::int64_t> takeWhole(std::string_view name);
    std::optional<double> takeNumber(std::string_view name);
    std::optional<bool> takeBoolean(std::string_view name);
    std::optional<std::vector<std::string>> takeTexts(std::string_view name);
    /// What was not taken, in its order.
    [[nodiscard]] boost::json::object rest() const;

private:
    template <typename T>
    std::optional<T> takeAs(
        std::string_view name, std::optional<T> (*read)(const boost::json::value&));

    const boost::json::object* m_object;
    Spelling m_spelling;
    std::vector<const boost::json::value*> m_taken;
};

} // namespace headgate::wire::dom
