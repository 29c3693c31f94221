// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/signals.h"

#include "app/output.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace headgate::app {

namespace {

int g_pipe[2] = {-1, -1};
std::atomic<int> g_signals{0};

void onSignal(int)
{
    const int saved = errno;
    if (g_signals.fetch_add(1) > 0) {
        _exit(exitFailed);
    }
    const char byte = 1;
    // The pipe is empty at the first signal, so this cannot block or fail in a way that matters.
    [[maybe_unused]] const auto written = ::write(g_pipe[1], &byte, 1);
    errno = saved;
}

} // namespace

void installStopSignals()
{
    if (::pipe2(g_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return;
    }
    struct sigaction action { };
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        sigaction(number, &action, nullptr);
    }
    struct sigaction ignore { };
    ignore.sa_handler = SIG_IGN;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, nullptr);
}

int stopSignalFd()
{
    return g_pipe[0];
}

bool waitForStop(int timeoutMs)
{
    for (;;) {
        pollfd poller{g_pipe[0], POLLIN, 0};
        const int ready = ::poll(&poller, 1, timeoutMs);
        if (ready > 0) {
            return true;
        }
        if (ready == 0 || errno != EINTR) {
            return g_signals.load() > 0;
        }
        if (g_signals.load() > 0) {
            return true;
        }
    }
}

} // namespace headgate::app
