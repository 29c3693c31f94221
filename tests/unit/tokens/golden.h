// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Rows of the golden token file: the subset in ./data, or the full file when it is there.

#include <boost/json.hpp>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace golden {

inline std::string fullPath()
{
    const char* shared = std::getenv("HEADGATE_SHARED");
    const std::string root = shared != nullptr ? shared : HEADGATE_SOURCE_DIR "/../shared";
    return root + "/data/tokenizers/golden.jsonl";
}

inline std::string subsetPath()
{
    return HEADGATE_SOURCE_DIR "/tests/unit/tokens/data/golden_subset.jsonl";
}

inline std::vector<boost::json::value> rows(const std::string& path)
{
    std::vector<boost::json::value> out;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (!line.empty()) {
            out.push_back(boost::json::parse(line));
        }
    }
    return out;
}

inline std::string textOf(const boost::json::value& row)
{
    const auto& text = row.at("text").as_string();
    return {text.data(), text.size()};
}

} // namespace golden
