// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Reading an OpenAI chat-completions request in one pass, and editing it by byte ranges so that
// unknown fields survive untouched. No I/O.

#include "core/base/result.h"
#include "core/wire/request_view.h"

#include <string>
#include <string_view>

namespace headgate::wire {

/// Reads a body. Errors (InvalidArgument) name the field and the remedy: malformed JSON, duplicate
/// keys of fields that are edited or priced, wrong types, missing messages or model, n outside
/// 1…128, depth or counts above limits.h. `body` needs no padding.
[[nodiscard]] Result<RequestView> readChatRequest(std::string_view body);

/// The field an error of readChatRequest() is about ("messages[2].content"); empty when none.
[[nodiscard]] std::string offendingField(const Error& error);

/// The client's bytes with the edits spliced in; everything else byte for byte.
[[nodiscard]] std::string editChatRequest(
    std::string_view body, const RequestView& request, const RequestEdits& edits);

} // namespace headgate::wire
