// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/reasoning_table.h"

#include <array>

namespace headgate::wire {

namespace {

struct Row {
    const char* effort;
    std::int64_t budget;
    std::int64_t upTo; ///< half-way to the next budget
};

constexpr std::array rows{
    Row{"minimal", 1'024, 2'560},
    Row{"low", 4'096, 6'144},
    Row{"medium", 8'192, 12'288},
    Row{"high", 16'384, 24'576},
    Row{"xhigh", 32'768, 49'152},
    Row{"max", 65'536, 0},
};

} // namespace

std::optional<std::int64_t> budgetOfEffort(std::string_view effort)
{
    for (const Row& row : rows) {
        if (effort == row.effort) {
            return row.budget;
        }
    }
    return std::nullopt;
}

const char* effortOfBudget(std::int64_t tokens)
{
    if (tokens <= 0) {
        return tokens == 0 ? "none" : "medium";
    }
    for (const Row& row : rows) {
        if (tokens <= row.upTo) {
            return row.effort;
        }
    }
    return rows.back().effort;
}

} // namespace headgate::wire
