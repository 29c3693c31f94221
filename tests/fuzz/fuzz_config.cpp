// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A stored configuration: what is accepted is written and read back as the same text.

#include "core/service/config.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const fuzz::Input input(data, size);
    const auto config = service::configFromJson(input.rest());
    if (!config) {
        must(!config.error().message.empty(), "an error has a message");
        return 0;
    }
    const auto written = service::configToJson(*config);
    const auto again = service::configFromJson(written);
    must(static_cast<bool>(again), "a written configuration is read");
    must(service::configToJson(*again) == written, "and is the same");
    return 0;
}
