// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the tests of the codecs share: small JSON texts, the captured samples when they are there,
// and a stream read in any slicing. Tests only.

#include "core/wire/stream_relay.h"

#include <QByteArray>
#include <QDir>
#include <QFile>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace headgate::wire::test {

/// JSON with ' for ", which moc and people read more easily.
inline std::string quoted(std::string text)
{
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

inline boost::json::value parsed(const std::string& text)
{
    boost::system::error_code failed;
    boost::json::value value = boost::json::parse(text, failed);
    return failed ? boost::json::value() : value;
}

inline QDir sharedDir()
{
    const QByteArray shared = qgetenv("HEADGATE_SHARED");
    return QDir(QString::fromUtf8(
        shared.isEmpty() ? QByteArray(HEADGATE_SOURCE_DIR "/../shared") : shared));
}

struct Sample {
    std::string name; ///< "case/file"
    std::string text;
};

/// The captured files of a dialect's folder whose name ends so.
inline std::vector<Sample> samples(const char* folder, const char* ending)
{
    std::vector<Sample> out;
    const QDir root(sharedDir().filePath(QStringLiteral("data/wire-samples")));
    for (const QString& name : root.entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        const QDir dir(root.filePath(name) + QLatin1Char('/') + QString::fromLatin1(folder));
        for (const QString& file : dir.entryList(QDir::Files)) {
            QFile source(dir.filePath(file));
            if (file.endsWith(QString::fromLatin1(ending)) && source.open(QIODevice::ReadOnly)) {
                out.push_back({(name + QLatin1Char('/') + file).toStdString(),
                    source.readAll().toStdString()});
            }
        }
    }
    return out;
}

struct Relayed {
    std::string out;
    AnswerFacts facts;
    bool failed = false;
    bool operator==(const Relayed& other) const
    {
        return out == other.out && facts.text == other.facts.text && facts.done == other.facts.done
            && facts.finishReason == other.facts.finishReason
            && facts.usage.has_value() == other.facts.usage.has_value()
            && (!facts.usage
                || (facts.usage->inputTotal() == other.facts.usage->inputTotal()
                    && facts.usage->output == other.facts.usage->output))
            && failed == other.failed;
    }
};

/// Relays a stream in slices; `size` says how long the next one is.
inline Relayed relay(const std::string& stream, const RelayOptions& options,
    const std::function<std::size_t()>& size)
{
    StreamRelay relay(options);
    Relayed result;
    for (std::size_t at = 0; at < stream.size() && !result.failed;) {
        const std::size_t length = std::min(std::max<std::size_t>(size(), 1), stream.size() - at);
        result.failed
            = !relay.feed(std::string_view(stream).substr(at, length), result.out).has_value();
        at += length;
    }
    relay.finish(result.out);
    result.facts = relay.facts();
    return result;
}

inline Relayed relayWhole(const std::string& stream, const RelayOptions& options)
{
    return relay(stream, options, [&] { return stream.size(); });
}

/// Fixed and random slices give what the whole gives; names the slicing that does not.
inline std::string slicingThatDiffers(const std::string& stream, const RelayOptions& options)
{
    const Relayed whole = relayWhole(stream, options);
    for (const std::size_t size : {1, 2, 3, 7, 64}) {
        if (!(whole == relay(stream, options, [&] { return size; }))) {
            return "slices of " + std::to_string(size);
        }
    }
    std::mt19937 random(7);
    for (int round = 0; round < 3; ++round) {
        if (!(whole == relay(stream, options, [&] { return 1 + random() % 40; }))) {
            return "random slices, round " + std::to_string(round);
        }
    }
    return {};
}

/// The answer that the events of a stream build.
inline Answer answerOf(const Codec& codec, const std::vector<std::string>& events)
{
    AnswerBuilder builder;
    const std::unique_ptr<EventReader> reader = codec.eventReader();
    std::vector<AnswerEvent> out;
    for (const std::string& event : events) {
        static_cast<void>(reader->read("", event, out));
    }
    reader->finish(out);
    for (const AnswerEvent& event : out) {
        builder.add(event);
    }
    return builder.take();
}

inline std::string textOf(const Answer::Choice& choice, Part::Kind kind = Part::Kind::Text)
{
    std::string text;
    for (const Part& part : choice.parts) {
        text += part.kind == kind ? part.text : std::string();
    }
    return text;
}

} // namespace headgate::wire::test
