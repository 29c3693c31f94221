// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/stream_relay.h"

#include "core/base/limits.h"

#include <algorithm>
#include <vector>

namespace headgate::wire {

namespace {

constexpr std::string_view byteOrderMark = "\xEF\xBB\xBF";
/// Bytes are taken in pieces of this size, so that what is kept stays bounded whatever is fed.
constexpr std::size_t pieceBytes = 64 * 1024;

/// Where the line ends: at an LF or CR, else at the end. string_view::find_first_of calls memchr
/// for every byte, which costs more than the rest of the framing.
std::size_t lineEndIn(std::string_view bytes, std::size_t at)
{
    while (at < bytes.size() && bytes[at] != '\n' && bytes[at] != '\r') {
        ++at;
    }
    return at;
}

Error eventTooLarge()
{
    return Error(ErrorCode::OutOfRange,
        "The provider sent a stream event above " + std::to_string(limits::sseLineBytesMax)
            + " bytes.");
}

} // namespace

StreamSplitter::StreamSplitter(Framing framing) : m_framing(framing) { }

Result<void> StreamSplitter::feed(std::string_view bytes)
{
    // Only an unfinished event is kept: it moves to the front once, not for every piece.
    if (m_at > 0) {
        m_buffer.erase(0, m_at);
        m_at = 0;
    }
    m_buffer += bytes;
    return tooLarge() ? Result<void>(eventTooLarge()) : Result<void>();
}

/// Whether the first unread event is above the limit. Only a buffer above it needs a closer look.
bool StreamSplitter::tooLarge() const
{
    const std::string_view bytes = unread();
    if (bytes.size() <= limits::sseLineBytesMax) {
        return false;
    }
    std::size_t line = m_line;
    for (std::size_t at = m_seen; at < bytes.size(); ++at) {
        const bool lineEnds = bytes[at] == '\n' || (bytes[at] == '\r' && m_framing == Framing::Sse);
        const bool secondOfCrlf = at > 0 && bytes[at] == '\n' && bytes[at - 1] == '\r';
        if (lineEnds && (at == line || m_framing == Framing::Ndjson) && !secondOfCrlf) {
            return at > limits::sseLineBytesMax;
        }
        line = lineEnds ? at + 1 : line;
    }
    return true;
}

void StreamSplitter::takeLine(std::string_view line)
{
    std::size_t begin = static_cast<std::size_t>(line.data() - unread().data());
    if (m_first && line.starts_with(byteOrderMark)) {
        line.remove_prefix(byteOrderMark.size());
        begin += byteOrderMark.size();
    }
    m_first = false;
    std::size_t value = 0;
    if (m_framing == Framing::Sse) {
        const std::size_t colon = std::min(line.find(':'), line.size());
        const std::string_view field = line.substr(0, colon);
        value = std::min(line.size(), colon + 1);
        value += value < line.size() && line[value] == ' ' ? 1 : 0;
        if (field == "event") {
            m_name = {begin + value, begin + line.size()};
        }
        if (field != "data") {
            return;
        }
    } else if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    ++m_lines;
    if (m_lines == 1) {
        m_one = {begin + value, begin + line.size()};
        return;
    }
    if (m_lines == 2) {
        m_data.assign(unread().substr(m_one.begin, m_one.end - m_one.begin));
    }
    m_data += '\n';
    m_data += line.substr(value);
}

void StreamSplitter::deliver(Event& event, std::size_t size)
{
    const std::string_view bytes = unread();
    event.raw = bytes.substr(0, size);
    event.name = bytes.substr(m_name.begin, m_name.end - m_name.begin);
    event.data = m_lines > 1 ? std::string_view(m_data)
                             : bytes.substr(m_one.begin, m_one.end - m_one.begin);
    event.late = false;
    m_at += size;
    m_seen = 0;
    m_line = 0;
    m_name = {};
    m_one = {};
    m_lines = 0;
}

bool StreamSplitter::next(Event& event)
{
    const std::string_view bytes = unread();
    while (m_seen < bytes.size()) {
        if (m_afterCr) {
            m_afterCr = false;
            if (bytes[m_seen] == '\n') {
                m_line = ++m_seen;
                if (m_line == 1) {
                    deliver(event, 1);
                    event.late = true;
                    return true;
                }
                continue;
            }
        }
        const bool sse = m_framing == Framing::Sse;
        const std::size_t end
            = sse ? lineEndIn(bytes, m_seen) : std::min(bytes.find('\n', m_seen), bytes.size());
        m_seen = end;
        if (end == bytes.size()) {
            return false;
        }
        m_seen = end + 1;
        m_afterCr = sse && bytes[end] == '\r';
        const bool blank = end == m_line;
        if (!blank || !sse) {
            takeLine(bytes.substr(m_line, end - m_line));
        }
        m_first = false;
        m_line = m_seen;
        if (blank || !sse) {
            // The LF of a CRLF that is already here goes with its event.
            if (m_afterCr && m_seen < bytes.size()) {
                m_seen += bytes[m_seen] == '\n' ? 1 : 0;
                m_afterCr = false;
            }
            deliver(event, m_seen);
            return true;
        }
    }
    return false;
}

bool StreamSplitter::last(Event& event)
{
    const std::string_view bytes = unread();
    if (bytes.empty()) {
        return false;
    }
    if (m_line < bytes.size()) {
        takeLine(bytes.substr(m_line));
    }
    deliver(event, bytes.size());
    return true;
}

struct StreamRelay::Impl {
    explicit Impl(RelayOptions given)
        : options(std::move(given)),
          splitter(options.upstream == Dialect::Ollama ? StreamSplitter::Framing::Ndjson
                                                       : StreamSplitter::Framing::Sse),
          reader(codecOf(options.upstream).eventReader())
    {
        if (options.upstream != options.client) {
            writer = codecOf(options.client).eventWriter(options.context);
        }
    }

    [[nodiscard]] Result<void> drain(std::string& out);
    [[nodiscard]] Result<void> take(const StreamSplitter::Event& event, std::string& out);
    [[nodiscard]] Result<void> read(const StreamSplitter::Event& event);
    void translate(std::string& out);
    void close(std::string& out);
    void tellMissingUsage(std::string& out);
    /// Gemini clients that did not ask for SSE get the same events as one JSON array.
    [[nodiscard]] bool framesArray() const
    {
        return options.client == Dialect::Gemini && options.context.jsonArray && !writer;
    }
    void addElement(std::string_view data, std::string& out);
    /// What the event just read says. One buffer for all streams of a thread: a stream that waits
    /// keeps none.
    [[nodiscard]] static std::vector<AnswerEvent>& scratch()
    {
        thread_local std::vector<AnswerEvent> events;
        return events;
    }

    RelayOptions options;
    StreamSplitter splitter;
    std::unique_ptr<EventReader> reader;
    std::unique_ptr<EventWriter> writer; ///< null when the dialects are the same
    AnswerFacts facts;
    bool kept = true; ///< the last event was handed on
    bool ended = false; ///< a translated stream was closed
    bool arrayBegun = false;
};

void StreamRelay::Impl::addElement(std::string_view data, std::string& out)
{
    if (!data.empty()) {
        out += arrayBegun ? ",\r\n" : "[";
        out += data;
        arrayBegun = true;
    }
}

Result<void> StreamRelay::Impl::drain(std::string& out)
{
    StreamSplitter::Event event;
    while (splitter.next(event)) {
        if (Result<void> taken = take(event, out); !taken) {
            return taken;
        }
    }
    return {};
}

Result<void> StreamRelay::Impl::read(const StreamSplitter::Event& event)
{
    std::vector<AnswerEvent>& events = scratch();
    events.clear();
    if (event.data.empty()) {
        return {};
    }
    Result<void> done = reader->read(event.name, event.data, events);
    for (const AnswerEvent& said : events) {
        addFacts(facts, said);
    }
    facts.done = reader->done();
    return done;
}

Result<void> StreamRelay::Impl::take(const StreamSplitter::Event& event, std::string& out)
{
    Result<void> done;
    if (!event.late) {
        done = read(event);
    }
    if (writer) {
        translate(out);
        scratch().clear();
        return done;
    }
    if (!event.late) {
        const bool usageOnly = done && !event.data.empty() && reader->lastWasUsageOnly();
        kept = !(usageOnly && options.stripUsage);
    }
    if (framesArray()) {
        addElement(event.late ? std::string_view() : event.data, out);
    } else if (kept) {
        out += event.raw;
    }
    return {};
}

void StreamRelay::Impl::translate(std::string& out)
{
    for (const AnswerEvent& event : scratch()) {
        if (ended) {
            return;
        }
        writer->write(event, out);
        if (event.kind == AnswerEvent::Kind::Error) {
            // The client has its error; nothing may follow but the protocol's own end.
            writer->end(out);
            ended = true;
        }
    }
}

/// What the reader kept until the end.
void StreamRelay::Impl::close(std::string& out)
{
    std::vector<AnswerEvent>& events = scratch();
    events.clear();
    reader->finish(events);
    for (const AnswerEvent& said : events) {
        addFacts(facts, said);
    }
    facts.done = reader->done();
    if (writer) {
        translate(out);
    }
}

void StreamRelay::Impl::tellMissingUsage(std::string& out)
{
    auto usage = options.missingUsage ? options.missingUsage(facts) : std::nullopt;
    if (usage) {
        AnswerEvent event;
        event.kind = AnswerEvent::Kind::Usage;
        event.usage = std::move(*usage);
        writer->write(event, out);
    }
}

StreamRelay::StreamRelay(RelayOptions options) : m_impl(std::make_unique<Impl>(std::move(options)))
{
}

StreamRelay::~StreamRelay() = default;

Result<void> StreamRelay::feed(std::string_view bytes, std::string& out)
{
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, pieceBytes);
        bytes.remove_prefix(piece.size());
        if (Result<void> fed = m_impl->splitter.feed(piece); !fed) {
            return fed;
        }
        if (Result<void> drained = m_impl->drain(out); !drained) {
            return drained;
        }
    }
    return {};
}

void StreamRelay::finish(std::string& out)
{
    Impl& me = *m_impl;
    StreamSplitter::Event event;
    if (me.splitter.last(event)) {
        // Half an event is no error of its own: the answer is then incomplete.
        static_cast<void>(me.take(event, out));
    }
    me.close(out);
    if (me.writer && !me.ended && me.reader->done()) {
        me.tellMissingUsage(out);
        me.writer->end(out);
        me.ended = true;
    } else if (me.framesArray() && !me.ended) {
        out += me.arrayBegun ? "]" : "[]";
        me.ended = true;
    }
}

void StreamRelay::fail(const Refusal& refusal, std::string& out)
{
    Impl& me = *m_impl;
    if (me.framesArray()) {
        me.addElement(geminiCodec().writeRefusal(refusal).body, out);
        out += "]";
    } else if (!me.writer) {
        out += codecOf(me.options.client).writeStreamError(refusal);
    } else if (!me.ended) {
        me.writer->fail(refusal, out);
    }
    me.ended = true;
}

const AnswerFacts& StreamRelay::facts() const
{
    return m_impl->facts;
}

} // namespace headgate::wire
