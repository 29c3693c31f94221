// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/base64.h"

#include <sodium/utils.h>

namespace headgate {

std::string base64Of(std::string_view bytes)
{
    constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
    std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
        bytes.size(), variant);
    out.pop_back(); // the terminating zero
    return out;
}

std::optional<std::string> fromBase64(std::string_view text)
{
    const std::string_view digits = text.substr(0, text.find('='));
    const bool urlSafe = digits.find_first_of("-_") != std::string_view::npos;
    std::string out(digits.size() / 4 * 3 + 3, '\0');
    std::size_t size = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), digits.data(),
            digits.size(), "\r\n ", &size, nullptr,
            urlSafe ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
                    : sodium_base64_VARIANT_ORIGINAL_NO_PADDING)
        != 0) {
        return std::nullopt;
    }
    out.resize(size);
    return out;
}

} // namespace headgate
