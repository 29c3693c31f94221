// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Both ends of many slow streams, on loopback only: an upstream that sends an event a stream at a
// steady pace, and readers that count what arrives. Plain epoll, one thread each.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace headgate::bench {

/// A word in every event's text: what the readers count, whatever dialect it arrives in.
inline constexpr const char* streamMark = "zqxjkv";

/// Answers every request with the head of a chat stream and one event, and goes on when told to.
class StreamUpstream {
public:
    StreamUpstream();
    ~StreamUpstream();
    StreamUpstream(const StreamUpstream&) = delete;
    StreamUpstream& operator=(const StreamUpstream&) = delete;
    [[nodiscard]] int port() const { return m_port; }
    /// `events` more on every open stream, one each `gapMs`, evenly spread over the streams.
    void flow(int events, int gapMs);
    /// Usage and the end mark on every open stream.
    void end();

private:
    struct State;
    void run();
    void signal(std::uint64_t what) const;
    int m_listener = -1;
    int m_signal = -1;
    int m_port = 0;
    std::atomic<int> m_events{0};
    std::atomic<int> m_gapMs{0};
    std::thread m_thread;
};

/// Opens one connection for each stream, sends the request and counts marks in the background.
class StreamReaders {
public:
    StreamReaders(int port, const std::string& request, int streams);
    ~StreamReaders();
    StreamReaders(const StreamReaders&) = delete;
    StreamReaders& operator=(const StreamReaders&) = delete;
    /// Waits until so many marks arrived in all, or nothing came for 20 s; true when they did.
    [[nodiscard]] bool waitForMarks(std::int64_t marks) const;
    /// Waits until every stream has ended properly.
    [[nodiscard]] bool waitForEnds() const;
    [[nodiscard]] std::int64_t marks() const { return m_marks.load(); }

private:
    struct State;
    void run();
    [[nodiscard]] bool waitFor(const std::atomic<std::int64_t>& value, std::int64_t wanted) const;
    std::vector<int> m_fds;
    int m_stop = -1;
    std::atomic<std::int64_t> m_marks{0};
    std::atomic<std::int64_t> m_ended{0};
    std::thread m_thread;
};

} // namespace headgate::bench
