// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What requests and answers mean, whatever dialect says it: for comparing a translation with its
// original. Used by the check of captured samples and by tests, never while serving. Pure.

#include "core/wire/answer.h"
#include "core/wire/conversation.h"

#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace headgate::wire {

/// One line each; equal lists mean the same. Texts without white space at their seams; the order of
/// what one side says in one go does not count (dialects disagree about it); thinking and what only
/// one dialect knows are not in it.
using Meaning = std::vector<std::string>;

[[nodiscard]] Meaning meaningOf(const Conversation& conversation);
[[nodiscard]] Meaning meaningOf(const Answer& answer);
/// The first line in which they differ, in words; empty: none.
[[nodiscard]] std::string differenceOf(const Meaning& original, const Meaning& other);

/// Whether every leaf of `original` is in `written`, both in the dialect's simplest form (a string
/// for one text part and the like). Returns the first that is not; empty: all are.
[[nodiscard]] std::string missingLeaf(
    Dialect dialect, const boost::json::value& original, const boost::json::value& written);

} // namespace headgate::wire
