// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Reads typed fields out of a JSON object and keeps the first thing that is wrong, with its path.
// Absent fields leave the default. Plain helper, one object at a time, any thread.

#include "core/base/money.h"
#include "core/base/result.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::service {

class JsonFields {
public:
    explicit JsonFields(const boost::json::object& object, std::string path = {})
        : m_object(object),
          m_path(std::move(path)),
          m_problem(std::make_shared<std::string>())
    {
    }

    void read(const char* name, std::string& out)
    {
        if (const auto* value = find(name)) {
            if (value->is_string()) {
                out = std::string(value->as_string());
            } else {
                fail(name, "is not a text");
            }
        }
    }
    void read(const char* name, bool& out)
    {
        if (const auto* value = find(name)) {
            if (value->is_bool()) {
                out = value->as_bool();
            } else {
                fail(name, "is not true or false");
            }
        }
    }
    void read(const char* name, std::int64_t& out)
    {
        if (const auto* value = find(name)) {
            if (value->is_int64()) {
                out = value->as_int64();
            } else {
                fail(name, "is not a whole number");
            }
        }
    }
    void read(const char* name, int& out)
    {
        std::int64_t wide = out;
        read(name, wide);
        if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) {
            fail(name, "is out of range");
        } else {
            out = static_cast<int>(wide);
        }
    }
    void read(const char* name, Money& out)
    {
        std::int64_t nano = out.nano();
        read(name, nano);
        out = Money::fromNano(nano);
    }
    void read(const char* name, std::optional<Money>& out)
    {
        if (find(name) != nullptr) {
            Money amount;
            read(name, amount);
            out = amount;
        }
    }
    void read(const char* name, std::optional<Price>& out)
    {
        if (find(name) != nullptr) {
            std::int64_t pico = 0;
            read(name, pico);
            if (pico < 0) {
                fail(name, "is negative");
            }
            out = Price::fromPico(pico);
        }
    }
    void read(const char* name, std::vector<std::string>& out)
    {
        each(name, [&](const boost::json::value& value) {
            if (value.is_string()) {
                out.emplace_back(value.as_string());
            } else {
                fail(name, "holds something that is not a text");
            }
        });
    }
    template <typename F>
    void each(const char* name, F&& take)
    {
        if (const auto* value = find(name)) {
            if (!value->is_array()) {
                fail(name, "is not a list");
                return;
            }
            for (const auto& item : value->as_array()) {
                take(item);
            }
        }
    }
    /// Calls `take(JsonFields&)` for every object of a list; its problems become this one's.
    template <typename F>
    void eachObject(const char* name, F&& take)
    {
        std::size_t index = 0;
        each(name, [&](const boost::json::value& value) {
            const std::string path = m_path + name + "[" + std::to_string(index++) + "].";
            if (!value.is_object()) {
                fail(name, "holds something that is not an object");
                return;
            }
            JsonFields fields(value.as_object(), path);
            fields.m_problem = m_problem;
            take(fields);
        });
    }
    template <typename F>
    void object(const char* name, F&& take)
    {
        if (const auto* value = find(name)) {
            if (!value->is_object()) {
                fail(name, "is not an object");
                return;
            }
            JsonFields fields(value->as_object(), m_path + name + ".");
            fields.m_problem = m_problem;
            take(fields);
        }
    }
    [[nodiscard]] const boost::json::value* find(const char* name) const
    {
        const auto* value = m_object.if_contains(name);
        return value == nullptr || value->is_null() ? nullptr : value;
    }
    [[nodiscard]] const boost::json::object& raw() const { return m_object; }
    void fail(const char* name, const std::string& what)
    {
        if (m_problem->empty()) {
            *m_problem = "\"" + m_path + name + "\" " + what + ".";
        }
    }
    [[nodiscard]] const std::string& problem() const { return *m_problem; }

private:
    const boost::json::object& m_object;
    std::string m_path;
    std::shared_ptr<std::string> m_problem;
};

} // namespace headgate::service
