// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/count_tokens.h"

#include "core/wire/anthropic_wire.h"

namespace headgate::wire {

Result<RequestView> readCountTokens(std::string_view body)
{
    Result<RequestView> view = anthropic::readView(body);
    if (view) {
        view->stream = false; // the answer is one number, whatever the client copied along
    }
    return view;
}

std::string writeCountTokens(std::int64_t inputTokens)
{
    return dom::write(boost::json::object{{"input_tokens", inputTokens}});
}

} // namespace headgate::wire
