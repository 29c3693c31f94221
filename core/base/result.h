// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Errors as values. Every function that can fail for a reason outside the program returns
// Result<T>; the error says what went wrong and what the reader can do about it.
// Thread-safe (plain values). Never throws on the error path.

#include <boost/system/result.hpp>

#include <string>
#include <utility>

namespace headgate {

enum class ErrorCode {
    InvalidArgument, ///< input breaks a rule; the message says which
    NotFound,
    AlreadyExists,
    OutOfRange, ///< arithmetic would overflow or a limit is exceeded
    Unauthorized,
    Refused, ///< a cap or a policy says no
    Unavailable, ///< a resource is busy, locked, closed or gone
    Io, ///< disk or network failed
    Corrupt, ///< stored data breaks its own rules
    TooNew, ///< a file was written by a newer program
    Unsupported,
    Internal
};

struct Error {
    ErrorCode code = ErrorCode::Internal;
    std::string message; ///< what went wrong, one sentence, no secrets
    std::string remedy; ///< what to do next; may be empty

    Error() = default;
    Error(ErrorCode errorCode, std::string what, std::string fix = {})
        : code(errorCode),
          message(std::move(what)),
          remedy(std::move(fix))
    {
    }

    /// "message (remedy)" for logs and terminals.
    [[nodiscard]] std::string text() const
    {
        return remedy.empty() ? message : message + " " + remedy;
    }
};

/// boost::system::result calls this when value() is used on an error: a programming mistake.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location&);

template <typename T>
using Result = boost::system::result<T, Error>;

/// A stable lower-case word for each code, used in JSON ("invalid_argument").
[[nodiscard]] const char* errorCodeName(ErrorCode code);

} // namespace headgate
