// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Edits by byte ranges: the result is JSON with the edited fields as asked for, without steering
// fields, and with every other field as it was.

#include "core/wire/body_edit.h"
#include "core/wire/json_dom.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

namespace {

std::vector<wire::FieldEdit> editsFor(std::uint8_t choice)
{
    std::vector<wire::FieldEdit> edits;
    edits.push_back({"model", R"("edited")"});
    if ((choice & 1U) != 0) {
        edits.push_back({"max_tokens", "17"});
    }
    if ((choice & 2U) != 0) {
        edits.push_back({"options.num_predict", "18"});
    }
    if ((choice & 4U) != 0) {
        edits.push_back({"stream_options.include_usage", "true"});
    }
    if ((choice & 8U) != 0) {
        edits.push_back({"temperature", std::nullopt});
    }
    return edits;
}

bool isEdited(std::string_view name)
{
    return name == "model" || name == "max_tokens" || name == "options" || name == "stream_options"
        || name == "temperature";
}

void compare(const boost::json::object& before, const boost::json::object& after)
{
    for (const auto& [key, value] : before) {
        const std::string_view name(key.data(), key.size());
        if (isEdited(name) || wire::isSteering(name)) {
            continue;
        }
        const auto* kept = after.if_contains(key);
        must(kept != nullptr && *kept == value, "an unedited field is as it was");
    }
    for (const auto& [key, value] : after) {
        const std::string_view name(key.data(), key.size());
        must(!wire::isSteering(name), "no steering field is left");
        must(isEdited(name) || before.contains(key), "no field comes from nowhere");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::Input input(data, size);
    const auto choice = input.byte();
    const auto body = input.rest();
    const auto edited = wire::editBody(body, editsFor(choice));
    const auto before = wire::dom::parseObject(body, "The body");
    if (!edited) {
        must(!edited.error().message.empty(), "an error has a message");
        return 0;
    }
    const auto after = wire::dom::parseObject(*edited, "The body");
    must(!before || static_cast<bool>(after), "the result is JSON");
    if (!before) {
        return 0;
    }
    must(wire::dom::stringAt(*after, "model") == "edited", "the model is edited");
    if ((choice & 1U) != 0) {
        must(wire::dom::wholeAt(*after, "max_tokens") == 17, "the ceiling is edited");
    }
    if ((choice & 2U) != 0) {
        const auto* options = wire::dom::objectAt(*after, "options");
        must(options != nullptr && wire::dom::wholeAt(*options, "num_predict") == 18,
            "a field one level below is edited");
    }
    if ((choice & 8U) != 0) {
        must(!after->contains("temperature"), "a field is removed");
    }
    if (wire::checkBody(body)) {
        compare(*before, *after);
    }
    return 0;
}
