// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sim_embed.h"

#include "core/base/base64.h"
#include "core/base/rng.h"
#include "core/tokens/tokens.h"
#include "core/wire/json_dom.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>

namespace headgate::proxy {

namespace dom = wire::dom;

namespace {

constexpr int ownDimensions = 256;
constexpr int dimensionsMax = 4'096;
constexpr std::size_t inputsMax = 2'048;
constexpr const char* encoding = "o200k_base";

Error wrong(const char* text)
{
    return Error(ErrorCode::InvalidArgument, text);
}

/// A list of numbers is one input that was counted elsewhere.
bool isTokens(const boost::json::array& list)
{
    return !list.empty() && list[0].is_number();
}

void addTokens(SimEmbeddingRequest& out, const boost::json::array& tokens)
{
    out.inputs.push_back(boost::json::serialize(tokens));
    out.tokens += static_cast<std::int64_t>(tokens.size());
}

bool addInput(SimEmbeddingRequest& out, const boost::json::value& input)
{
    if (const auto* tokens = input.if_array(); tokens != nullptr && isTokens(*tokens)) {
        addTokens(out, *tokens);
        return true;
    }
    if (!input.is_string() || dom::textOf(input).empty()) {
        return false;
    }
    out.inputs.emplace_back(dom::textOf(input));
    out.tokens += tokens::countText(encoding, out.inputs.back()).tokens;
    return true;
}

bool addInputs(SimEmbeddingRequest& out, const boost::json::value& input)
{
    const auto* list = input.if_array();
    if (list == nullptr || isTokens(*list)) {
        return addInput(out, input);
    }
    if (list->empty() || list->size() > inputsMax) {
        return false;
    }
    for (const auto& one : *list) {
        if (!addInput(out, one)) {
            return false;
        }
    }
    return true;
}

std::uint64_t hashOf(std::string_view text)
{
    std::uint64_t hash = 0xCBF29CE484222325ULL; // FNV-1a: the same on every platform
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    }
    return hash;
}

/// The sum of a vector for each word, brought to length one.
std::vector<float> vectorOf(std::string_view text, int dimensions)
{
    std::vector<float> out(static_cast<std::size_t>(dimensions), 0.0F);
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        Rng rng(hashOf(word));
        for (float& x : out) {
            x += static_cast<float>(rng.between(-1'000, 1'000));
        }
    }
    double squares = 0;
    for (const float x : out) {
        squares += static_cast<double>(x) * static_cast<double>(x);
    }
    const double length = squares > 0 ? std::sqrt(squares) : 1.0;
    for (float& x : out) {
        x = static_cast<float>(static_cast<double>(x) / length);
    }
    return out;
}

/// Little-endian floats, as OpenAI sends them.
std::string packed(const std::vector<float>& vector)
{
    std::string bytes;
    for (const float x : vector) {
        const auto bits = std::bit_cast<std::uint32_t>(x);
        for (unsigned shift = 0; shift < 32; shift += 8) {
            bytes += static_cast<char>((bits >> shift) & 0xFFU);
        }
    }
    return bytes;
}

} // namespace

Result<SimEmbeddingRequest> readSimEmbedding(std::string_view body)
{
    const auto object = dom::parseObject(body, "The body");
    if (!object) {
        return object.error();
    }
    SimEmbeddingRequest out;
    out.model = dom::stringAt(*object, "model");
    const auto* input = dom::find(*object, "input");
    if (input == nullptr || !addInputs(out, *input)) {
        return wrong("input must be a text, a list of texts, or a list of tokens.");
    }
    const auto dimensions = dom::wholeAt(*object, "dimensions");
    if (dom::find(*object, "dimensions") != nullptr
        && (!dimensions || *dimensions < 1 || *dimensions > dimensionsMax)) {
        return wrong("dimensions must be a whole number from 1 to 4096.");
    }
    out.dimensions = static_cast<int>(dimensions.value_or(0));
    const auto format = dom::stringAt(*object, "encoding_format");
    if (!format.empty() && format != "float" && format != "base64") {
        return wrong("encoding_format must be \"float\" or \"base64\".");
    }
    out.base64 = format == "base64";
    return out;
}

std::string simEmbeddingAnswer(const SimEmbeddingRequest& request)
{
    std::string data;
    for (std::size_t i = 0; i < request.inputs.size(); ++i) {
        const auto vector = vectorOf(
            request.inputs[i], request.dimensions > 0 ? request.dimensions : ownDimensions);
        std::string written;
        if (request.base64) {
            written = '"' + base64Of(packed(vector)) + '"';
        } else {
            for (const float x : vector) {
                written += fmt::format("{}{:.7f}", written.empty() ? "[" : ",", x);
            }
            written += ']';
        }
        data += fmt::format(R"({}{{"object":"embedding","index":{},"embedding":{}}})",
            i == 0 ? "" : ",", i, written);
    }
    return fmt::format(R"({{"object":"list","data":[{}],"model":{},)"
                       R"("usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
        data, boost::json::serialize(boost::json::value(request.model)), request.tokens,
        request.tokens);
}

} // namespace headgate::proxy
