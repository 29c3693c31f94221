// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/data_url.h"

#include "core/base/base64.h"

namespace headgate::wire {

namespace {

int hexDigit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string percentDecoded(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hexDigit(text[i + 1]) : -1;
        const int low = high >= 0 ? hexDigit(text[i + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

} // namespace

bool takeDataUrl(Part& part, std::string_view url)
{
    constexpr std::string_view scheme = "data:";
    constexpr std::string_view mark = ";base64";
    const std::size_t comma = url.starts_with(scheme) ? url.find(',') : std::string_view::npos;
    if (comma == std::string_view::npos) {
        return false;
    }
    const std::string_view head = url.substr(scheme.size(), comma - scheme.size());
    const std::string_view body = url.substr(comma + 1);
    part.mime = head.substr(0, head.find(';')); // no provider takes its parameters
    part.data = head.ends_with(mark) ? std::string(body) : base64Of(percentDecoded(body));
    return true;
}

std::string dataUrl(const Part& part, std::string_view mimeWhenNone)
{
    return "data:" + (part.mime.empty() ? std::string(mimeWhenNone) : part.mime) + ";base64,"
        + part.data;
}

} // namespace headgate::wire
