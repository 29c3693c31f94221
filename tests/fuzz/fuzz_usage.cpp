// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A provider's usage object: the parts are never negative, never more than their total, and a cost
// of them is never negative.

#include "core/catalog/price_book.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static constexpr const char* flavors[]{"chat", "responses", "embeddings", "default"};
    static constexpr const char* providers[]{"openai", "anthropic", "google", "mistral"};
    fuzz::Input input(data, size);
    const auto choice = input.byte();
    const auto usage
        = catalog::usageFromRaw(providers[choice % 4U], flavors[(choice / 4U) % 4U], input.rest());
    if (!usage) {
        must(!usage.error().message.empty(), "an error has a message");
        return 0;
    }
    for (const auto count : {usage->inputUncached, usage->cacheRead, usage->cacheWrite5m,
             usage->cacheWrite1h, usage->output, usage->reasoning, usage->inputAudio,
             usage->outputAudio, usage->webSearches}) {
        must(count >= 0, "no count is negative");
    }
    must(usage->reasoning <= usage->output, "reasoning is inside the output");
    must(usage->inputTotal() >= 0, "the total does not overflow");
    catalog::PriceSheet sheet;
    sheet.input = Price::fromPico(2'500'000);
    sheet.output = Price::fromPico(10'000'000);
    const auto cost = catalog::costOfUsage(*usage, sheet);
    must(!cost || cost->total.nano() >= 0, "no cost is negative");
    return 0;
}
