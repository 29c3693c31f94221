// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cctype>
#include <mutex>

namespace headgate::log {

namespace {

std::mutex g_mutex;
std::shared_ptr<spdlog::logger> g_logger;

bool isKeyCharacter(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

/// Bearer tokens are often base64; a key that ends at the first "/" would leave its tail readable.
bool isBase64Sign(char c)
{
    return c == '+' || c == '/' || c == '=' || c == '~';
}

/// A key can follow a sign ("url.sk-…") or an escape in quoted text ("\\nsk-…").
bool startsWord(std::string_view text, std::size_t at)
{
    return at == 0 || std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0
        || (at >= 2 && text[at - 2] == '\\');
}

spdlog::level::level_enum toSpdlog(Level level)
{
    switch (level) {
    case Level::Debug:
        return spdlog::level::debug;
    case Level::Info:
        return spdlog::level::info;
    case Level::Warning:
        return spdlog::level::warn;
    case Level::Error:
        break;
    }
    return spdlog::level::err;
}

} // namespace

void start(const std::string& filePath, Level minimum, bool toStderr)
{
    std::vector<spdlog::sink_ptr> sinks;
    if (toStderr) {
        sinks.push_back(std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    }
    if (!filePath.empty()) {
        // Two files of 8 MB: enough for a post-mortem, never a full disk.
        sinks.push_back(
            std::make_shared<spdlog::sinks::rotating_file_sink_mt>(filePath, 8 * 1024 * 1024, 2));
    }
    auto logger = std::make_shared<spdlog::logger>("headgate", sinks.begin(), sinks.end());
    logger->set_level(toSpdlog(minimum));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    logger->flush_on(spdlog::level::warn);
    const std::lock_guard lock(g_mutex);
    g_logger = std::move(logger);
}

void stop()
{
    const std::lock_guard lock(g_mutex);
    if (g_logger) {
        g_logger->flush();
    }
    g_logger.reset();
}

void write(Level level, std::string_view text)
{
    std::shared_ptr<spdlog::logger> logger;
    {
        const std::lock_guard lock(g_mutex);
        logger = g_logger;
    }
    if (logger) {
        logger->log(toSpdlog(level), "{}", redacted(text));
    }
}

std::string redacted(std::string_view text)
{
    static constexpr std::string_view marks[]
        = {"sk-", "hg-", "Bearer ", "bearer ", "AIza", "x-api-key: ", "gsk_", "xai-"};
    std::string out;
    out.reserve(text.size());
    std::size_t at = 0;
    while (at < text.size()) {
        std::string_view found;
        const bool wordStart = startsWord(text, at);
        for (const std::string_view mark : marks) {
            if (wordStart && text.substr(at).starts_with(mark)) {
                found = mark;
                break;
            }
        }
        if (found.empty()) {
            out += text[at++];
            continue;
        }
        std::size_t end = at + found.size();
        while (end < text.size() && (isKeyCharacter(text[end]) || isBase64Sign(text[end]))) {
            ++end;
        }
        if (end - at - found.size() < 8) { // too short to be a key: a word such as "sk-learn"
            out += text.substr(at, end - at);
        } else {
            out += found;
            out += "…";
        }
        at = end;
    }
    return out;
}

} // namespace headgate::log
