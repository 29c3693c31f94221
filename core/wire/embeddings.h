// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// POST /v1/embeddings: no codec, because there is one form of it and nothing to translate. The
// request is read into the RequestView that routing and bounds know (one message an input, tokens
// that come as numbers in `rawTokens`, Dialect::Chat for its refusals), edited by byte ranges, and
// its answer is metered. `encoding_format`, `dimensions` and unknown fields are forwarded as they
// came. No I/O; any thread.

#include "core/base/result.h"
#include "core/wire/answer.h"
#include "core/wire/request_view.h"

#include <string>
#include <string_view>

namespace headgate::wire {

/// Errors (InvalidArgument) name the field: model or input missing, wrong types, a field given
/// twice, too many inputs.
[[nodiscard]] Result<RequestView> readEmbeddings(std::string_view body);

/// The client's bytes with the model put in and fields that must not reach a provider taken out.
[[nodiscard]] std::string editEmbeddings(
    std::string_view body, const RequestView& view, std::string_view model);

/// Usage, model and error of a whole answer; the vectors are skipped. Errors: not a JSON object.
[[nodiscard]] Result<AnswerFacts> readEmbeddingsAnswer(std::string_view body);

} // namespace headgate::wire
