// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A policy as an operator writes it: what is accepted is written and read back as the same text.

#include "core/routing/policy.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const fuzz::Input input(data, size);
    const auto policy = routing::policyFromJson(input.rest());
    if (!policy) {
        must(!policy.error().message.empty(), "an error has a message");
        return 0;
    }
    const auto written = routing::policyToJson(*policy);
    const auto again = routing::policyFromJson(written);
    must(static_cast<bool>(again), "a written policy is read");
    must(routing::policyToJson(*again) == written, "and is the same");
    return 0;
}
