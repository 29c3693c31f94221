// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Editing a few fields of a JSON body by byte ranges, so that everything else survives byte for
// byte. Pure; no I/O.

#include "core/base/result.h"
#include "core/wire/request_view.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

/// A field at the root ("model") or one level below ("generationConfig.maxOutputTokens").
struct FieldEdit {
    std::string path;
    std::optional<std::string> json; ///< the new value as JSON text; absent: the field is removed
};

/// Splices the edits in; a field (and the object around it) that is absent is added. Fields that
/// must not reach a provider (api_base, base_url, api_key, …) are removed in any case.
/// Errors: not a JSON object, an edited field given twice.
[[nodiscard]] Result<std::string> editBody(
    std::string_view body, const std::vector<FieldEdit>& edits);

/// Refuses a body that is no JSON object, is nested too deeply, or gives any field twice, at any
/// depth: two servers may read two different requests, and a parser that keeps the last one would
/// price what the provider does not read.
[[nodiscard]] Result<void> checkBody(std::string_view body);

/// Fields with which some gateways and servers let a client choose another upstream, another key,
/// another model or a fee that no price sheet bounds. They must not reach a provider.
[[nodiscard]] bool isSteering(std::string_view key);

/// A piece of text to put in place of a range of the body.
struct Splice {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string text;
};
/// The body with the pieces in place. Pieces do not overlap; those that begin at one place follow
/// each other in the order given.
[[nodiscard]] std::string spliced(std::string_view body, std::vector<Splice> splices);

/// Finds the ranges that take fields out of one object, each with the comma that goes with it:
/// a field after a kept one goes with the comma before it, leading ones with the comma after them.
class FieldRemover {
public:
    /// A field begins (at its key's quote).
    void begin(std::size_t fieldBegin);
    /// Its value ended.
    void end(std::size_t valueEnd, bool keep);
    [[nodiscard]] const std::vector<ByteRange>& ranges() const { return m_ranges; }
    [[nodiscard]] std::vector<ByteRange> take() { return std::move(m_ranges); }
    /// A new field may be put here behind a comma: the end of the first kept one. 0: none is kept.
    [[nodiscard]] std::size_t firstKeptEnd() const { return m_firstKeptEnd; }

private:
    std::vector<ByteRange> m_ranges;
    std::size_t m_fieldBegin = 0;
    std::size_t m_previousEnd = 0;
    std::size_t m_firstKeptEnd = 0;
    bool m_open = false; ///< the last range ends where the next field begins
};

} // namespace headgate::wire
