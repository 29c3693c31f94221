// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// HEADGATE_CHECK: an assertion that stays in release builds. For states that only a mistake in this
// program can produce, where going on could spend money; never for network, disk or user input.

#include <cstdio>
#include <cstdlib>

namespace headgate {

[[noreturn]] inline void checkFailed(const char* what, const char* file, int line)
{
    std::fprintf(stderr, "headgate: check failed: %s (%s:%d)\n", what, file, line);
    std::abort();
}

} // namespace headgate

// A macro, because the text and the place of the condition belong into the message.
#define HEADGATE_CHECK(condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) [[unlikely]] {                                                           \
            ::headgate::checkFailed(#condition, __FILE__, __LINE__);                               \
        }                                                                                          \
    } while (false)
