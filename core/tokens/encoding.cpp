// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/embedded.h"
#include "core/tokens/features.h"
#include "core/tokens/merger.h"
#include "core/tokens/pretokenizer.h"
#include "core/tokens/tokens.h"
#include "core/tokens/unicode.h"
#include "core/tokens/vocabulary.h"

#include <algorithm>
#include <string>

namespace headgate::tokens {

namespace {

/// Each ill-formed byte becomes U+FFFD.
std::string repaired(std::string_view text)
{
    std::string out;
    out.reserve(text.size() + 16);
    while (!text.empty()) {
        const std::size_t good = validUtf8Prefix(text);
        out += text.substr(0, good);
        text.remove_prefix(good);
        if (!text.empty()) {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
        }
    }
    return out;
}

} // namespace

struct Encoding::Impl {
    Impl(Split splitBy, std::string_view file)
        : split(splitBy),
          vocabulary(file),
          merger(vocabulary)
    {
    }
    Split split;
    Vocabulary vocabulary;
    Merger merger;

    /// Calls onToken(id) for each token of one piece.
    template <typename OnToken>
    void tokenizePiece(std::string_view piece, OnToken&& onToken) const
    {
        const std::uint32_t whole = vocabulary.find(piece);
        if (whole != Vocabulary::none) {
            onToken(whole);
        } else {
            merger.forEachToken(piece, onToken);
        }
    }

    [[nodiscard]] std::int64_t countPiece(std::string_view piece) const
    {
        std::int64_t tokens = 0;
        tokenizePiece(piece, [&](std::uint32_t) { ++tokens; });
        return tokens;
    }
};

struct EncodingLoader {
    static const Encoding& o200k()
    {
        static const Loaded loaded(Split::O200k, embeddedO200k());
        return loaded.encoding;
    }
    static const Encoding& cl100k()
    {
        static const Loaded loaded(Split::Cl100k, embeddedCl100k());
        return loaded.encoding;
    }

    static TextFeatures features(std::string_view text);

private:
    struct Loaded {
        Loaded(Split split, std::string_view file)
        {
            encoding.m_impl = new Encoding::Impl(split, file);
        }
        Encoding encoding;
    };
};

Encoding::Encoding() : m_impl(nullptr) { }

Encoding::~Encoding()
{
    delete m_impl;
}

Result<const Encoding*> Encoding::named(std::string_view name)
{
    if (name == "o200k_base") {
        return &EncodingLoader::o200k();
    }
    if (name == "cl100k_base") {
        return &EncodingLoader::cl100k();
    }
    return Error(ErrorCode::NotFound, "The encoding \"" + std::string(name) + "\" is not known.",
        "Use o200k_base or cl100k_base.");
}

std::int64_t Encoding::count(std::string_view text) const
{
    if (validUtf8Prefix(text) != text.size()) {
        return count(repaired(text));
    }
    std::int64_t tokens = 0;
    for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
        end = pieceEnd(m_impl->split, text, at);
        tokens += m_impl->countPiece(text.substr(at, end - at));
    }
    return tokens;
}

std::vector<std::uint32_t> Encoding::encode(std::string_view text) const
{
    if (validUtf8Prefix(text) != text.size()) {
        return encode(repaired(text));
    }
    std::vector<std::uint32_t> ids;
    ids.reserve(text.size() / 4);
    const auto onToken = [&](std::uint32_t id) { ids.push_back(id); };
    for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
        end = pieceEnd(m_impl->split, text, at);
        m_impl->tokenizePiece(text.substr(at, end - at), onToken);
    }
    return ids;
}

namespace {

Script scriptOfPiece(std::string_view piece)
{
    std::uint32_t sign = ' ';
    for (std::size_t at = 0; at < piece.size();) {
        const CodePoint point = codePointAt(piece, at);
        const unsigned word = unicodeWordOf(point.code);
        if ((word & Letter) != 0) {
            return static_cast<Script>(word >> 8);
        }
        if (sign == ' ') {
            sign = point.code;
        }
        at += point.size;
    }
    return scriptOf(sign);
}

} // namespace

TextFeatures EncodingLoader::features(std::string_view text)
{
    if (validUtf8Prefix(text) != text.size()) {
        return features(repaired(text));
    }
    TextFeatures found;
    const auto add = [&](const Encoding& encoding, TextFeatures::Counts& tokens, bool bytesToo) {
        for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
            end = pieceEnd(encoding.m_impl->split, text, at);
            const std::string_view piece = text.substr(at, end - at);
            const auto group = static_cast<std::size_t>(scriptOfPiece(piece));
            tokens[group] += encoding.m_impl->countPiece(piece);
            found.bytes[group] += bytesToo ? static_cast<std::int64_t>(piece.size()) : 0;
        }
    };
    add(o200k(), found.o200k, true);
    add(cl100k(), found.cl100k, false);
    return found;
}

TextFeatures textFeatures(std::string_view text)
{
    return EncodingLoader::features(text);
}

} // namespace headgate::tokens
