// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/script_meter.h"

#include "core/tokens/unicode.h"

#include <algorithm>
#include <numeric>

namespace headgate::tokens {

namespace {

constexpr std::array<const char*, scriptGroupCount> names{
    "plain", "latin", "cyrillic", "arabic", "devanagari", "thai", "cjk", "hangul", "other"};
/// Typographic quotes and a name or two do not make another writing.
constexpr std::uint64_t foreignPercentMax = 3;

ScriptGroup groupOf(Script script)
{
    switch (script) {
    case Script::AsciiLetter:
    case Script::Digit:
    case Script::WhiteSpace:
    case Script::AsciiSign:
        return ScriptGroup::Plain;
    case Script::Latin:
        return ScriptGroup::Latin;
    case Script::Cyrillic:
        return ScriptGroup::Cyrillic;
    case Script::Arabic:
    case Script::Hebrew:
        return ScriptGroup::Arabic;
    case Script::Devanagari:
    case Script::OtherIndic:
        return ScriptGroup::Devanagari;
    case Script::SoutheastAsian:
        return ScriptGroup::Thai;
    case Script::Han:
    case Script::Kana:
        return ScriptGroup::Cjk;
    case Script::Hangul:
        return ScriptGroup::Hangul;
    case Script::Greek:
    case Script::GeorgianArmenianEthiopic:
    case Script::Pictograph:
    case Script::Other:
        break;
    }
    return ScriptGroup::Other;
}

std::size_t indexOf(ScriptGroup group)
{
    return static_cast<std::size_t>(group);
}

} // namespace

const char* scriptGroupName(ScriptGroup group)
{
    return names[indexOf(group)];
}

std::optional<ScriptGroup> scriptGroupFromName(std::string_view name)
{
    const auto found = std::find(names.begin(), names.end(), name);
    return found != names.end() ? std::optional(static_cast<ScriptGroup>(found - names.begin()))
                                : std::nullopt;
}

void ScriptMeter::add(std::string_view text)
{
    m_all += text.size();
    while (!text.empty()) {
        const std::size_t valid = validUtf8Prefix(text);
        for (std::size_t at = 0; at < valid;) {
            if (static_cast<unsigned char>(text[at]) < 0x80) {
                ++at;
                continue;
            }
            const CodePoint point = codePointAt(text, at);
            // Signs and spaces beyond ASCII go with whatever else the text is in.
            const ScriptGroup group = groupOf(scriptOf(point.code));
            m_bytes[indexOf(group == ScriptGroup::Plain ? ScriptGroup::Other : group)]
                += point.size;
            at += point.size;
        }
        if (valid == text.size()) {
            return;
        }
        ++m_bytes[indexOf(ScriptGroup::Other)];
        text.remove_prefix(valid + 1);
    }
}

ScriptGroup ScriptMeter::group() const
{
    const std::uint64_t foreign = std::accumulate(m_bytes.begin(), m_bytes.end(), std::uint64_t{0});
    if (foreign * 100 <= m_all * foreignPercentMax) {
        return ScriptGroup::Plain;
    }
    const auto most = std::max_element(m_bytes.begin(), m_bytes.end());
    return static_cast<ScriptGroup>(most - m_bytes.begin());
}

} // namespace headgate::tokens
