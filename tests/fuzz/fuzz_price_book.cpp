// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Our own price book: a book is refused whole with a message, or every sheet of it can be charged.

#include "core/catalog/price_book.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const fuzz::Input input(data, size);
    const auto book = catalog::parseBook(input.rest());
    if (!book) {
        must(!book.error().message.empty(), "an error has a message");
        return 0;
    }
    catalog::Usage usage;
    usage.inputUncached = 1'000'000;
    usage.cacheWrite5m = 10;
    usage.output = 1'000'000;
    for (const auto& model : book->models) {
        must(book->find(model.provider, model.name) != nullptr, "a listed model is found");
        for (const auto& sheet : model.prices) {
            const auto cost = catalog::costOfUsage(usage, sheet);
            must(!cost || cost->total.nano() >= 0, "no cost is negative");
            const auto bound = catalog::boundOfRequest(1'000'010, 1'000'000, sheet);
            if (cost && bound) {
                must(*bound >= cost->total, "the bound covers the cost");
            }
        }
    }
    return 0;
}
