// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/result.h"

#include <stdexcept>

namespace headgate {

void throw_exception_from_error(const Error& error, const boost::source_location&)
{
    throw std::logic_error("value() of a failed result: " + error.text());
}

const char* errorCodeName(ErrorCode code)
{
    switch (code) {
    case ErrorCode::InvalidArgument:
        return "invalid_argument";
    case ErrorCode::NotFound:
        return "not_found";
    case ErrorCode::AlreadyExists:
        return "already_exists";
    case ErrorCode::OutOfRange:
        return "out_of_range";
    case ErrorCode::Unauthorized:
        return "unauthorized";
    case ErrorCode::Refused:
        return "refused";
    case ErrorCode::Unavailable:
        return "unavailable";
    case ErrorCode::Io:
        return "io";
    case ErrorCode::Corrupt:
        return "corrupt";
    case ErrorCode::TooNew:
        return "too_new";
    case ErrorCode::Unsupported:
        return "unsupported";
    case ErrorCode::Internal:
        break;
    }
    return "internal";
}

} // namespace headgate
