// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/unit/catalog/price_lists.h"

std::string liteLlmList(const std::string& model, const std::string& fields)
{
    return R"({")" + model + R"(":{"litellm_provider":"openai","mode":"chat",)" + fields + "}}";
}

namespace {

std::string repeated(const char* text, int times)
{
    std::string out;
    for (int i = 0; i < times; ++i) {
        out += text;
    }
    return out;
}

std::string prices(const char* input, const char* output)
{
    return std::string(R"("input_cost_per_token":)") + input + R"(,"output_cost_per_token":)"
        + output;
}

std::string genai(const std::string& body)
{
    return R"([{"id":"openai","models":[{"id":"gpt-4o","match":{"equals":"gpt-4o"},"prices":)"
        + body + "}]}]";
}

std::string modelsDev(const std::string& cost)
{
    return R"({"openai":{"models":{"gpt-4o":{"id":"gpt-4o","cost":)" + cost + "}}}}";
}

std::string book(const std::string& sheet)
{
    return R"({"format":1,"models":[{"provider":"openai","name":"gpt-4o","tier":3,"prices":[)"
        + sheet + "]}]}";
}

} // namespace

std::vector<NamedList> hostileLists()
{
    const std::string fine = prices("2.5e-06", "1e-05");
    return {
        {"empty", ""},
        {"no list at all", "<html><body>404</body></html>"},
        {"a number", "42"},
        {"cut off", R"({"gpt-4o":{"litellm_provider":"openai","input_cost_per_token":1e-06)"},
        {"text after the end", liteLlmList("gpt-4o", fine) + "{}"},
        {"bad UTF-8", liteLlmList("gpt-\xff", fine)},
        {"a list of nothing", "[]"},
        {"an unknown format", R"({"gpt-4o":{"price":1}})"},
        {"deeper than allowed", repeated("[", 5'000) + repeated("]", 5'000)},
        {"deep inside a model",
            liteLlmList("gpt-4o", fine + R"(,"x":)" + repeated("[", 400) + repeated("]", 400))},
        {"negative input", liteLlmList("gpt-4o", prices("-2.5e-06", "1e-05"))},
        {"negative output", modelsDev(R"({"input":1,"output":-1})")},
        {"negative fee", genai(R"({"input_mtok":1,"output_mtok":2,"web_searches_kcount":-10})")},
        {"NaN", liteLlmList("gpt-4o", prices("NaN", "1e-05"))},
        {"NaN as text", liteLlmList("gpt-4o", prices(R"("NaN")", "1e-05"))},
        {"infinity", liteLlmList("gpt-4o", prices("1e999", "1e-05"))},
        {"infinity as text", liteLlmList("gpt-4o", prices(R"("Infinity")", "1e-05"))},
        {"a huge exponent", liteLlmList("gpt-4o", prices("1e-05", "1e99999999999"))},
        {"too many digits", liteLlmList("gpt-4o", prices(repeated("9", 80).c_str(), "1e-05"))},
        {"does not fit", modelsDev(R"({"input":99999999999999999999,"output":1})")},
        {"text for a price", modelsDev(R"({"input":"cheap","output":1})")},
        {"true for a price", modelsDev(R"({"input":true,"output":1})")},
        {"an object for a price", modelsDev(R"({"input":{"usd":1},"output":1})")},
        {"a list for the costs", modelsDev("[1,2]")},
        {"a number for the costs", modelsDev("3")},
        {"a number for the prices", genai("3")},
        {"an unknown condition",
            genai(R"([{"prices":{"input_mtok":1,"output_mtok":2}},{"constraint":{"type":"moon"},)"
                  R"("prices":{"input_mtok":0,"output_mtok":0}}])")},
        {"no such day",
            genai(R"([{"constraint":{"type":"start_date","start_date":"2026-13-41"},)"
                  R"("prices":{"input_mtok":1,"output_mtok":2}}])")},
        {"the same model twice",
            R"({"gpt-4o":{"litellm_provider":"openai",)" + fine
                + R"(},"gpt-4o":{"litellm_provider":"openai",)" + prices("0", "0") + "}}"},
        {"the same price twice", liteLlmList("gpt-4o", fine + R"(,"input_cost_per_token":0)")},
        {"dollars a million where a token was meant", liteLlmList("gpt-4o", prices("2.5", "10"))},
        {"dearer than anything", modelsDev(R"({"input":100001,"output":100002})")},
        {"a fee dearer than anything",
            liteLlmList("gpt-4o", fine + R"(,"input_cost_per_request":1000)")},
        {"a region's factor", book(R"({"input":"1","output":"2","geoPermille":{"us":99999999}})")},
        {"a book of another format", R"({"format":2,"models":[]})"},
        {"a book with a number for a price", book(R"({"input":1,"output":"2"})")},
        {"a book with tiers out of order",
            book(R"({"input":"1","output":"2","contextTiers":[{"above":9,"input":"1"},)"
                 R"({"above":9,"input":"2"}]})")},
        {"a book with a window of no time",
            book(R"({"input":"1","output":"2","windows":[{"start":"25:00","end":"1:00"}]})")},
        {"a book with a window of no zone",
            book(R"({"input":"1","output":"2","windows":[{"zone":"Moon/Base","start":"01:00",)"
                 R"("end":"02:00"}]})")},
    };
}

std::vector<NamedList> honestLists()
{
    return {
        {"LiteLLM",
            liteLlmList("gpt-4o",
                prices("3.0000000000000004e-06", "1.2e-05")
                    + R"(,"cache_read_input_token_cost":1.5e-06)")},
        {"models.dev", modelsDev(R"({"input":3,"output":12,"cache_read":1.5})")},
        {"genai-prices", genai(R"({"input_mtok":3,"output_mtok":12,"cache_read_mtok":1.5})")},
        {"Headgate book", book(R"({"input":"3","output":"12","cacheRead":"1.5"})")},
    };
}
