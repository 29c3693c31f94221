// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/embedded_book.h"

__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".hidden headgatePriceBook\n"
        ".hidden headgatePriceBookEnd\n"
        ".global headgatePriceBook\n"
        ".global headgatePriceBookEnd\n"
        "headgatePriceBook:\n"
        ".incbin \"" HEADGATE_PRICE_BOOK "\"\n"
        "headgatePriceBookEnd:\n"
        ".byte 0\n"
        ".popsection\n");
extern "C" __attribute__((visibility("hidden"))) const char headgatePriceBook[];
extern "C" __attribute__((visibility("hidden"))) const char headgatePriceBookEnd[];

namespace headgate::catalog {

std::string_view embeddedBook()
{
    return {headgatePriceBook, static_cast<std::size_t>(headgatePriceBookEnd - headgatePriceBook)};
}

} // namespace headgate::catalog
