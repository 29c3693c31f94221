// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Price lists of other projects beside our own book: genai-prices, models.dev and LiteLLM. They
// price usage from a file and are imported (price_import.h). Immutable after parse(), safe on any
// thread. No I/O.

#include "core/catalog/catalog.h"
#include "core/catalog/price_book.h"
#include "core/catalog/price_text.h"

#include <string>
#include <string_view>
#include <vector>

namespace headgate::catalog {

/// One model as a list has it.
struct ListedModel {
    Model model; ///< provider in our words; prices ascending by validFrom
    std::string problem; ///< why its prices cannot be used; empty: they can
    bool bad = false; ///< the problem is a broken entry, not one of a kind we do not bill
};

class PriceList {
public:
    enum class Format { Book, GenaiPrices, ModelsDev, LiteLlm };

    /// The format is told from the text's shape. Errors: malformed, a name twice in one object, or
    /// none of the four.
    [[nodiscard]] static Result<PriceList> parse(std::string_view json);
    [[nodiscard]] static PriceList fromBook(PriceBook book);

    [[nodiscard]] Format format() const { return m_format; }
    /// "genai-prices", "models.dev", "LiteLLM" or "Headgate book".
    [[nodiscard]] const char* formatName() const;

    struct Query {
        std::string_view provider;
        std::string_view model;
        TimeUs at = 0; ///< when the call was made: prices have effective dates
    };
    /// The whole sheet in force: context tiers and time windows are inside. Errors: unknown model,
    /// no price at that time, a bad price in the list.
    [[nodiscard]] Result<PriceSheet> sheetFor(const Query& query) const;

    /// The entry that names this model, by the list's own rules or by a version suffix.
    [[nodiscard]] std::optional<ListedModel> find(
        std::string_view provider, std::string_view model) const;
    /// Every entry of the list, in its order.
    [[nodiscard]] std::vector<ListedModel> all() const;

private:
    Format m_format = Format::Book;
    PriceBook m_book;
    JsonText m_root;
};

} // namespace headgate::catalog
