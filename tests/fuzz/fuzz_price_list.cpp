// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A price list of any format: it is refused with a message, or every question about it is answered
// with prices that can be charged (never negative) or an error.

#include "core/catalog/price_list.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

namespace {

catalog::Usage someUsage()
{
    catalog::Usage usage;
    usage.inputUncached = 300'000;
    usage.cacheRead = 1'000;
    usage.output = 2'000;
    return usage;
}

void charge(const catalog::PriceSheet& sheet)
{
    for (const auto& price : {sheet.input, sheet.output, sheet.cacheRead}) {
        must(!price || price->pico() >= 0, "no price is negative");
    }
    const auto usage = someUsage();
    const auto cost = catalog::costOfUsage(usage, sheet, TimeUs(1'790'000'000'000'000));
    must(!cost || cost->total.nano() >= 0, "no cost is negative");
    const auto bound = catalog::boundOfRequest(usage.inputTotal(), usage.output, sheet);
    if (cost && bound) {
        must(*bound >= cost->total, "the bound covers the cost");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const fuzz::Input input(data, size);
    const auto list = catalog::PriceList::parse(input.rest());
    if (!list) {
        must(!list.error().message.empty(), "an error has a message");
        return 0;
    }
    for (const char* provider : {"openai", "anthropic", "google", "p"}) {
        for (const char* model : {"gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro", "m"}) {
            for (const TimeUs at : {TimeUs(0), TimeUs(1'790'000'000'000'000)}) {
                const auto sheet = list->sheetFor({provider, model, at});
                must(sheet || !sheet.error().message.empty(), "an error has a message");
                if (sheet) {
                    charge(*sheet);
                }
            }
        }
    }
    for (const auto& listed : list->all()) {
        if (listed.problem.empty()) {
            for (const auto& sheet : listed.model.prices) {
                charge(sheet);
            }
        }
    }
    return 0;
}
