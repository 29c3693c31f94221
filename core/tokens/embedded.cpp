// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/embedded.h"

// The assembler copies the files as they are: an array of some millions of numbers would cost the
// compiler minutes and gigabytes.
// The names cannot stand in parentheses: they are declared and pasted.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define EMBED(name, path)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            ".balign 16\n"                                                                         \
            ".hidden " #name "\n"                                                                  \
            ".hidden " #name "End\n"                                                               \
            ".global " #name "\n"                                                                  \
            ".global " #name "End\n" #name ":\n"                                                   \
            ".incbin \"" path "\"\n" #name "End:\n"                                                \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern "C" __attribute__((visibility("hidden"))) const char name[];                            \
    extern "C" __attribute__((visibility("hidden"))) const char name##End[];
// NOLINTEND(bugprone-macro-parentheses)

EMBED(headgateO200k, HEADGATE_TOKENIZERS "/o200k_base.bpev")
EMBED(headgateCl100k, HEADGATE_TOKENIZERS "/cl100k_base.bpev")
EMBED(headgateRatios, HEADGATE_TOKENIZERS "/ratios.json")

namespace headgate::tokens {

namespace {

std::string_view between(const char* begin, const char* end)
{
    return {begin, static_cast<std::size_t>(end - begin)};
}

} // namespace

std::string_view embeddedO200k()
{
    return between(headgateO200k, headgateO200kEnd);
}

std::string_view embeddedCl100k()
{
    return between(headgateCl100k, headgateCl100kEnd);
}

std::string_view embeddedRatios()
{
    return between(headgateRatios, headgateRatiosEnd);
}

} // namespace headgate::tokens
