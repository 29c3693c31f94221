// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Messages for the operator, on standard error and in $HEADGATE_HOME/logs. Every line passes
// redaction, so that a key that slipped into a message does not reach a file. Safe on any thread.

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace headgate::log {

enum class Level { Debug, Info, Warning, Error };

/// Where lines go. `filePath` may be empty (standard error only). Call once at start.
void start(const std::string& filePath, Level minimum, bool toStderr);
void stop();
void write(Level level, std::string_view text);

/// Replaces what looks like a key or bearer token ("sk-…", "hg-…", "Bearer …", "AIza…") by its
/// first characters and "…". Pure.
[[nodiscard]] std::string redacted(std::string_view text);

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args)
{
    write(Level::Info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args)
{
    write(Level::Warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args)
{
    write(Level::Error, fmt::format(format, std::forward<Args>(args)...));
}

} // namespace headgate::log
