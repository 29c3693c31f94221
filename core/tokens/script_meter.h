// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Which writing a prompt is in, as far as vocabularies treat writings differently: margins are
// learned apart for each (margins.h). Pure; one meter belongs to one thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace headgate::tokens {

enum class ScriptGroup : std::uint8_t {
    Plain, ///< nearly all ASCII
    Latin, ///< with many letters beyond ASCII: Polish, Vietnamese
    Cyrillic,
    Arabic, ///< and Hebrew
    Devanagari, ///< and the other Indic scripts
    Thai, ///< and the other scripts of Southeast Asia
    Cjk, ///< Chinese and Japanese
    Hangul,
    Other ///< Greek, Georgian, pictographs, bytes that are no text
};
inline constexpr std::size_t scriptGroupCount = 9;
/// "plain", "latin", …
[[nodiscard]] const char* scriptGroupName(ScriptGroup group);
[[nodiscard]] std::optional<ScriptGroup> scriptGroupFromName(std::string_view name);

/// Adds up texts of one prompt.
class ScriptMeter {
public:
    void add(std::string_view text);
    /// The writing of most of what is not ASCII; Plain when that is next to nothing.
    [[nodiscard]] ScriptGroup group() const;

private:
    std::array<std::uint64_t, scriptGroupCount> m_bytes{};
    std::uint64_t m_all = 0;
};

} // namespace headgate::tokens
