// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a translation between two dialects cannot carry over, by name. docs/translation-losses.md
// lists the same names for people (a test compares them); every sentence that a writer reports must
// belong to one of them. Pure.

#include "core/wire/conversation.h"

#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

struct LossClass {
    const char* name; ///< "foreign-thinking"
    std::vector<std::string_view> phrases; ///< its sentences contain one of these
};

[[nodiscard]] const std::vector<LossClass>& lossClasses();
/// The name of the class a sentence of a writer belongs to; empty: of none.
[[nodiscard]] std::string_view lossClassOf(std::string_view sentence);

/// Names a loss once, however often it happens.
void addLoss(Losses& losses, std::string loss);

} // namespace headgate::wire
