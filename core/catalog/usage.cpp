// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_book.h"

#include <boost/json.hpp>

#include <algorithm>

namespace headgate::catalog {

namespace {

namespace json = boost::json;

/// No answer has more; a larger number is a broken or hostile provider.
constexpr std::int64_t countMax = 1'000'000'000'000;

/// Reads counts out of a usage object; the first bad one is remembered as the error.
class Reader {
public:
    explicit Reader(const json::object& object) : m_object(object) { }

    /// The count, 0 when absent or null.
    std::int64_t count(std::string_view key) { return count(m_object, key); }
    std::int64_t count(std::string_view outer, std::string_view key)
    {
        const json::object* inner = object(outer);
        return inner != nullptr ? count(*inner, key) : 0;
    }
    [[nodiscard]] bool has(std::string_view key) const
    {
        const json::value* value = m_object.if_contains({key.data(), key.size()});
        return value != nullptr && !value->is_null();
    }
    [[nodiscard]] const json::object* object(std::string_view key) const
    {
        const json::value* value = m_object.if_contains({key.data(), key.size()});
        return value != nullptr ? value->if_object() : nullptr;
    }
    [[nodiscard]] std::string text(std::string_view key) const
    {
        const json::value* value = m_object.if_contains({key.data(), key.size()});
        const json::string* found = value != nullptr ? value->if_string() : nullptr;
        return found != nullptr ? std::string(found->data(), found->size()) : std::string();
    }
    /// Sum of tokenCount over entries of a Gemini details list with this modality.
    std::int64_t modality(std::string_view list, std::string_view wanted)
    {
        const json::value* value = m_object.if_contains({list.data(), list.size()});
        const json::array* entries = value != nullptr ? value->if_array() : nullptr;
        std::int64_t sum = 0;
        if (entries != nullptr) {
            for (const json::value& entry : *entries) {
                const json::object* detail = entry.if_object();
                const json::value* name
                    = detail != nullptr ? detail->if_contains("modality") : nullptr;
                const json::string* word = name != nullptr ? name->if_string() : nullptr;
                if (word != nullptr && std::string_view(word->data(), word->size()) == wanted) {
                    sum = std::min(countMax, sum + count(*detail, "tokenCount"));
                }
            }
        }
        return sum;
    }
    [[nodiscard]] const std::string& badKey() const { return m_badKey; }

    std::int64_t count(const json::object& object, std::string_view key)
    {
        const json::value* value = object.if_contains({key.data(), key.size()});
        if (value == nullptr || value->is_null()) {
            return 0;
        }
        std::int64_t number = -1;
        if (const std::int64_t* whole = value->if_int64()) {
            number = *whole;
        }
        if (number < 0 || number > countMax) {
            m_badKey = m_badKey.empty() ? std::string(key) : m_badKey;
            return 0;
        }
        return number;
    }

private:
    const json::object& m_object;
    std::string m_badKey;
};

/// Takes the parts out of a total; a part that is larger than what is left is cut and marked.
void splitInput(Usage& usage, std::int64_t total, std::int64_t read, std::int64_t write)
{
    usage.cacheRead = std::min(read, total);
    usage.cacheWrite5m = std::min(write, total - usage.cacheRead);
    usage.clamped = usage.clamped || usage.cacheRead != read || usage.cacheWrite5m != write;
    usage.inputUncached = total - usage.cacheRead - usage.cacheWrite5m;
}

void clampParts(Usage& usage)
{
    const auto clamp = [&](std::int64_t& part, std::int64_t whole) {
        usage.clamped = usage.clamped || part > whole;
        part = std::min(part, whole);
    };
    clamp(usage.reasoning, usage.output);
    clamp(usage.cacheReadAudio, usage.cacheRead);
    clamp(usage.cacheReadImage, usage.cacheRead - usage.cacheReadAudio);
    clamp(usage.inputAudio, usage.inputUncached);
    clamp(usage.inputImage, usage.inputUncached - usage.inputAudio);
    clamp(usage.outputAudio, usage.output);
    clamp(usage.outputImage, usage.output - usage.outputAudio);
}

/// Some OpenAI-like providers leave reasoning out of the completion count; their total tells.
void addReasoningOutside(Usage& usage, std::int64_t input, std::int64_t total)
{
    if (usage.reasoning > 0 && total == input + usage.output + usage.reasoning) {
        usage.output += usage.reasoning;
    }
}

/// Audio and image tokens, all of the input until the cached part is taken out.
void readModalities(
    Usage& usage, Reader& reader, std::string_view inputDetails, std::string_view outputDetails)
{
    usage.inputAudio = reader.count(inputDetails, "audio_tokens");
    usage.inputImage = reader.count(inputDetails, "image_tokens");
    usage.outputAudio = reader.count(outputDetails, "audio_tokens");
    usage.outputImage = reader.count(outputDetails, "image_tokens");
    if (const auto* details = reader.object(inputDetails)) {
        const auto cached = details->if_contains("cached_tokens_details");
        if (const auto* parts = cached != nullptr ? cached->if_object() : nullptr) {
            usage.cacheReadAudio = std::min(reader.count(*parts, "audio_tokens"), usage.inputAudio);
            usage.cacheReadImage = std::min(reader.count(*parts, "image_tokens"), usage.inputImage);
            usage.inputAudio -= usage.cacheReadAudio;
            usage.inputImage -= usage.cacheReadImage;
        }
    }
}

/// Providers that do not split the cached part name modalities of the whole input: what does not
/// fit beside the cached tokens was among them, which is no contradiction.
void keepModalitiesInside(Usage& usage)
{
    const auto move = [](std::int64_t& part, std::int64_t& cachedPart, std::int64_t room,
                          std::int64_t cachedRoom) {
        const std::int64_t over = std::clamp<std::int64_t>(part - room, 0, cachedRoom);
        part -= over;
        cachedPart += over;
    };
    move(usage.inputAudio, usage.cacheReadAudio, usage.inputUncached,
        std::max<std::int64_t>(0, usage.cacheRead - usage.cacheReadAudio - usage.cacheReadImage));
    move(usage.inputImage, usage.cacheReadImage,
        std::max<std::int64_t>(0, usage.inputUncached - usage.inputAudio),
        std::max<std::int64_t>(0, usage.cacheRead - usage.cacheReadAudio - usage.cacheReadImage));
}

Result<Usage> openAiUsage(Reader& reader, bool responses, bool embeddings)
{
    const std::string_view inputKey = responses ? "input_tokens" : "prompt_tokens";
    const std::string_view outputKey = responses ? "output_tokens" : "completion_tokens";
    const std::string_view inputDetails
        = responses ? "input_tokens_details" : "prompt_tokens_details";
    const std::string_view outputDetails
        = responses ? "output_tokens_details" : "completion_tokens_details";
    Usage usage;
    const std::int64_t input = reader.count(inputKey);
    const std::int64_t total = reader.count("total_tokens");
    usage.output = reader.count(outputKey);
    if (!reader.has(outputKey) && !embeddings) {
        if (total < input || !reader.has("total_tokens")) {
            return Error(ErrorCode::InvalidArgument, "The usage has no output token count.");
        }
        usage.output = total - input;
    }
    usage.reasoning = reader.count(outputDetails, "reasoning_tokens");
    readModalities(usage, reader, inputDetails, outputDetails);
    // DeepSeek and Moonshot put the cached part beside the totals.
    const std::int64_t read = std::max({reader.count(inputDetails, "cached_tokens"),
        reader.count("prompt_cache_hit_tokens"), reader.count("cached_tokens")});
    splitInput(usage, input, read, reader.count(inputDetails, "cache_write_tokens"));
    addReasoningOutside(usage, input, total);
    keepModalitiesInside(usage);
    usage.serviceTier = servedTier(reader.text("service_tier"));
    return usage;
}

Usage anthropicUsage(Reader& reader)
{
    Usage usage;
    usage.inputUncached = reader.count("input_tokens");
    usage.output = reader.count("output_tokens");
    usage.cacheRead = reader.count("cache_read_input_tokens");
    usage.cacheWrite5m = reader.count("cache_creation", "ephemeral_5m_input_tokens");
    usage.cacheWrite1h = reader.count("cache_creation", "ephemeral_1h_input_tokens");
    const std::int64_t writes = reader.count("cache_creation_input_tokens");
    const std::int64_t split = usage.cacheWrite5m + usage.cacheWrite1h;
    if (writes > split) {
        usage.cacheWrite5m += writes - split; // the default lifetime
    } else if (writes < split && reader.has("cache_creation_input_tokens")) {
        usage.clamped = true; // the parts say more than the total: the parts are billed
    }
    usage.reasoning = reader.count("output_tokens_details", "thinking_tokens");
    usage.webSearches = reader.count("server_tool_use", "web_search_requests");
    if (const std::int64_t runs = reader.count("server_tool_use", "code_execution_requests")) {
        usage.toolCalls[std::string(toolCodeExecution)] = runs;
    }
    usage.serviceTier
        = reader.text("speed") == "fast" ? "fast" : servedTier(reader.text("service_tier"));
    usage.geo = reader.text("inference_geo");
    if (usage.geo == "global" || usage.geo == "not_available") {
        usage.geo.clear();
    }
    return usage;
}

Usage geminiUsage(Reader& reader)
{
    Usage usage;
    const std::int64_t input
        = reader.count("promptTokenCount") + reader.count("toolUsePromptTokenCount");
    usage.reasoning = reader.count("thoughtsTokenCount");
    usage.output = reader.count("candidatesTokenCount") + usage.reasoning;
    splitInput(usage, input, reader.count("cachedContentTokenCount"), 0);
    const auto inputOf = [&](std::string_view modality) {
        return reader.modality("promptTokensDetails", modality)
            + reader.modality("toolUsePromptTokensDetails", modality);
    };
    const auto cachedOf = [&](std::string_view modality, std::int64_t whole) {
        return std::min(reader.modality("cacheTokensDetails", modality), whole);
    };
    usage.inputAudio = inputOf("AUDIO");
    usage.inputImage = inputOf("IMAGE");
    usage.cacheReadAudio = cachedOf("AUDIO", usage.inputAudio);
    usage.cacheReadImage = cachedOf("IMAGE", usage.inputImage);
    usage.inputAudio -= usage.cacheReadAudio;
    usage.inputImage -= usage.cacheReadImage;
    usage.outputAudio = reader.modality("candidatesTokensDetails", "AUDIO");
    usage.outputImage = reader.modality("candidatesTokensDetails", "IMAGE");
    keepModalitiesInside(usage);
    const std::string tier = servedTier(reader.text("serviceTier"));
    usage.serviceTier = tier.empty() ? servedTier(reader.text("trafficType")) : tier;
    return usage;
}

Result<Usage> usageByShape(Reader& reader, std::string_view provider, std::string_view flavor)
{
    if (reader.has("promptTokenCount") || reader.has("candidatesTokenCount")) {
        return geminiUsage(reader);
    }
    if (reader.has("prompt_tokens")) {
        return openAiUsage(reader, false, flavor == "embeddings");
    }
    if (reader.has("input_tokens")) {
        const bool anthropic = provider == "anthropic" || reader.has("cache_creation_input_tokens")
            || reader.has("cache_read_input_tokens");
        if (flavor != "responses" && anthropic) {
            return anthropicUsage(reader);
        }
        return openAiUsage(reader, true, false);
    }
    return Error(ErrorCode::InvalidArgument, "The usage has no token counts that are known.",
        "Supported are the usage objects of OpenAI chat and responses, Anthropic and Gemini.");
}

} // namespace

Result<Usage> usageFromRaw(
    std::string_view provider, std::string_view flavor, std::string_view rawUsageJson)
{
    boost::system::error_code failed;
    const json::value value = json::parse({rawUsageJson.data(), rawUsageJson.size()}, failed);
    if (failed || !value.is_object()) {
        return Error(ErrorCode::InvalidArgument, "The usage is not a JSON object.");
    }
    Reader reader(value.get_object());
    Result<Usage> usage = usageByShape(reader, provider, flavor);
    if (!reader.badKey().empty()) {
        return Error(ErrorCode::InvalidArgument,
            "The usage field \"" + reader.badKey() + "\" is not a whole number of tokens.");
    }
    if (usage) {
        clampParts(*usage);
    }
    return usage;
}

} // namespace headgate::catalog
