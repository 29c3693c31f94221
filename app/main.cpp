// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/cli.h"

#ifdef HEADGATE_CONSOLE
#include "app/console.h"
#endif

#include <cstdio>
#include <exception>

namespace {

int run(int argc, char** argv)
{
    headgate::app::ConsoleRequest console;
    const int code = headgate::app::runCommandLine(argc, argv, console);
    if (!console.wanted) {
        return code;
    }
#ifdef HEADGATE_CONSOLE
    return headgate::app::runConsoleProgram(argc, argv, console);
#else
    return headgate::app::fail(
        headgate::Error(headgate::ErrorCode::Unsupported,
            "This Headgate was built without the console.", "Serve without it: headgate serve"),
        headgate::app::exitCannotStart);
#endif
}

} // namespace

int main(int argc, char** argv)
{
    // Only start-up may throw; a message and an exit code are better than a trace.
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "headgate: %s\n", error.what());
        return headgate::app::exitCannotStart;
    }
}
