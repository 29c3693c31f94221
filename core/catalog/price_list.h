// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Price lists of other projects beside our own book: genai-prices, models.dev and LiteLLM. They are
// read for pricing usage from a file, never into the catalog by themselves. Immutable after
// parse(), safe on any thread. No I/O.

#include "core/catalog/catalog.h"
#include "core/catalog/price_book.h"
#include "core/catalog/price_text.h"

#include <string_view>

namespace headgate::catalog {

class PriceList {
public:
    enum class Format { Book, GenaiPrices, ModelsDev, LiteLlm };

    /// The format is told from the text's shape. Errors: malformed, or none of the four.
    [[nodiscard]] static Result<PriceList> parse(std::string_view json);
    [[nodiscard]] static PriceList fromBook(PriceBook book);

    [[nodiscard]] Format format() const { return m_format; }

    struct Query {
        std::string_view provider;
        std::string_view model;
        const Usage* usage = nullptr; ///< context tiers depend on its input; not null
        TimeUs at = 0; ///< prices can depend on the date and on the time of day
    };
    /// Prices for one call. Errors: unknown model, no price at that time, a bad price in the list.
    [[nodiscard]] Result<PriceSheet> sheetFor(const Query& query) const;

private:
    Format m_format = Format::Book;
    PriceBook m_book;
    JsonText m_root;
};

} // namespace headgate::catalog
