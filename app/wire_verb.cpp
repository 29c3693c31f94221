// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "app/local_verbs.h"
#include "app/output.h"
#include "core/wire/codec.h"
#include "core/wire/wire_check.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace headgate::app {

namespace {

namespace fs = std::filesystem;

Error unreadable(const fs::path& path)
{
    return Error(ErrorCode::Io, "Cannot read " + path.string() + ".",
        "Name a folder with one folder a case, as the wire samples have them.");
}

/// The entries of a folder by name, so that the rows come in the same order everywhere.
Result<std::vector<fs::path>> entriesOf(const fs::path& dir)
{
    std::vector<fs::path> out;
    std::error_code failed;
    for (fs::directory_iterator it(dir, failed), end; !failed && it != end; it.increment(failed)) {
        out.push_back(it->path());
    }
    if (failed) {
        return unreadable(dir);
    }
    std::sort(out.begin(), out.end());
    return out;
}

/// Folders and files with other names are not ours to judge.
Result<std::vector<wire::WireSample>> samplesOf(const fs::path& dir)
{
    std::vector<wire::WireSample> out;
    const Result<std::vector<fs::path>> dialects = entriesOf(dir);
    if (!dialects) {
        return dialects.error();
    }
    for (const fs::path& folder : *dialects) {
        const std::optional<wire::Dialect> dialect
            = wire::dialectOfFolder(folder.filename().string());
        if (!dialect || !fs::is_directory(folder)) {
            continue;
        }
        const Result<std::vector<fs::path>> files = entriesOf(folder);
        if (!files) {
            return files.error();
        }
        for (const fs::path& file : *files) {
            if (file.extension() != ".json") {
                continue;
            }
            Result<std::string> text = readFile(file.string());
            if (!text) {
                return text.error();
            }
            out.push_back(
                {dir.filename().string(), *dialect, file.filename().string(), std::move(*text)});
        }
    }
    return out;
}

bool print(const wire::WireRow& row)
{
    const boost::json::object json{{"case", row.caseName},
        {"dialect", wire::dialectName(row.dialect)}, {"file", row.file}, {"ok", row.ok},
        {"why", row.why}};
    const std::string line = boost::json::serialize(json) + "\n";
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size();
}

} // namespace

int checkWire(const boost::json::object& args, bool /*json*/)
{
    const fs::path root(std::string(args.at("dir").as_string()));
    const Result<std::vector<fs::path>> cases = entriesOf(root);
    if (!cases) {
        return fail(cases.error());
    }
    std::size_t rows = 0;
    std::size_t bad = 0;
    std::size_t seen = 0;
    for (const fs::path& dir : *cases) {
        if (!fs::is_directory(dir)) {
            continue;
        }
        const Result<std::vector<wire::WireSample>> samples = samplesOf(dir);
        if (!samples) {
            return fail(samples.error());
        }
        seen += samples->empty() ? 0 : 1;
        for (const wire::WireRow& row : wire::checkCase(*samples)) {
            ++rows;
            bad += row.ok ? 0 : 1;
            if (!print(row)) {
                return exitFailed;
            }
        }
    }
    std::fflush(stdout);
    if (rows == 0) {
        return fail(
            Error(ErrorCode::NotFound, "There is no captured case in " + root.string() + ".",
                "Expected CASE/{chat-completions,responses,anthropic,google,ollama}/*.json."));
    }
    std::fprintf(stderr, "headgate: %zu cases, %zu files, %zu ok, %zu not ok\n", seen, rows,
        rows - bad, bad);
    return bad == 0 ? exitDone : exitFailed;
}

} // namespace headgate::app
