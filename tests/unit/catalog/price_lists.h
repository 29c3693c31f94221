// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Texts of price lists for tst_price_import: honest small ones and hostile ones.

#include <string>
#include <vector>

struct NamedList {
    const char* name;
    std::string text;
};

/// Each must be refused whole.
[[nodiscard]] std::vector<NamedList> hostileLists();
/// One honest model in each foreign format, the same prices in all.
[[nodiscard]] std::vector<NamedList> honestLists();
/// A LiteLLM list with one model of openai.
[[nodiscard]] std::string liteLlmList(const std::string& model, const std::string& fields);
