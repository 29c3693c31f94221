// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/gemini_parts.h"

#include <algorithm>
#include <utility>

namespace headgate::wire::gemini {

namespace json = boost::json;

namespace {

Native nativeOf(json::object rest)
{
    return rest.empty() ? Native() : Native{Dialect::Gemini, std::move(rest)};
}

Answer::Choice readCandidate(const json::object& object, CallIds& ids)
{
    dom::Fields fields = fieldsOf(object);
    fields.take("index");
    Answer::Choice choice;
    bool calledTools = false;
    if (const json::object* content = fields.takeObject("content")) {
        if (const json::value* parts = dom::find(*content, "parts")) {
            for (const json::object* part : objectsOf(*parts)) {
                Part read = readPart(*part, ids);
                calledTools = calledTools || read.kind == Part::Kind::ToolCall;
                appendWithSeal(choice.parts, std::move(read));
            }
        }
    }
    choice.stopText = fields.takeText("finishReason").value_or(std::string());
    if (!choice.stopText.empty()) {
        choice.stop = stopOf(choice.stopText, calledTools);
    }
    if (const json::object* logprobs = fields.takeObject("logprobsResult")) {
        choice.logprobs = toChatLogprobs(*logprobs);
    }
    choice.native = nativeOf(fields.rest());
    return choice;
}

void readCandidates(Answer& answer, const json::value& candidates, std::int64_t& searches)
{
    const std::vector<const json::object*> objects = objectsOf(candidates);
    for (std::size_t i = 0; i < objects.size(); ++i) {
        CallIds ids(madeUpIdPrefix,
            answer.id.empty() || i == 0 ? answer.id : answer.id + std::to_string(i));
        answer.choices.push_back(readCandidate(*objects[i], ids));
        searches = std::max(searches, searchesOf(*objects[i], answer.model));
    }
}

/// A prompt that was refused has no candidates: the refusal is its answer.
void addBlocked(Answer& answer, const json::object& root)
{
    const json::value* value = fieldsOf(root).peek("promptFeedback");
    const json::object* feedback = value != nullptr ? value->if_object() : nullptr;
    const std::string reason
        = feedback != nullptr ? std::string(dom::stringAt(*feedback, "blockReason")) : "";
    if (reason.empty() || !answer.choices.empty()) {
        return;
    }
    Answer::Choice choice;
    choice.stop = StopReason::Refusal;
    choice.stopText = reason;
    answer.choices.push_back(std::move(choice));
}

json::object candidateOf(const Answer::Choice& choice, std::size_t index)
{
    json::object candidate;
    json::array parts;
    Losses losses;
    for (const Part& part : withoutSeals(choice.parts, Thoughts::Keep)) {
        json::value written = writePart(part, losses);
        if (!written.is_null()) {
            parts.push_back(std::move(written));
        }
    }
    // What was declined or failed has no content at all.
    const bool bare = choice.stop == StopReason::Refusal || choice.stop == StopReason::Other;
    if (!parts.empty() || !bare) {
        json::object content;
        if (!parts.empty()) {
            content["parts"] = std::move(parts);
        }
        content["role"] = "model";
        candidate["content"] = std::move(content);
    }
    candidate["finishReason"] = finishReasonOf(choice.stop, choice.stopText);
    candidate["index"] = index;
    if (const json::array* logprobs = choice.logprobs.if_array()) {
        candidate["logprobsResult"] = fromChatLogprobs(*logprobs);
    }
    if (const json::value* native = choice.native.of(Dialect::Gemini)) {
        if (const json::object* more = native->if_object()) {
            dom::mergeMissing(candidate, *more);
        }
    }
    return candidate;
}

bool blocked(const Answer& answer)
{
    const json::value* native = answer.native.of(Dialect::Gemini);
    const json::object* root = native != nullptr ? native->if_object() : nullptr;
    return root != nullptr && root->contains("promptFeedback") && answer.choices.size() == 1
        && answer.choices.front().parts.empty();
}

} // namespace

Result<Answer> readAnswer(std::string_view body)
{
    const Result<json::object> root = dom::parseObject(body, "The body");
    if (!root) {
        return root.error();
    }
    Answer answer;
    if (const json::object* error = dom::objectAt(*root, "error")) {
        answer.error = std::string(dom::stringAt(*error, "message"));
        answer.errorType = std::string(dom::stringAt(*error, "status"));
        return answer;
    }
    dom::Fields fields = fieldsOf(*root);
    answer.id = fields.takeText("responseId").value_or(std::string());
    answer.model = fields.takeText("modelVersion").value_or(std::string());
    answer.usage = readUsage(*root);
    std::int64_t searches = 0;
    const json::value* candidates = fields.take("candidates");
    if (candidates != nullptr) {
        readCandidates(answer, *candidates, searches);
    }
    addBlocked(answer, *root);
    if (answer.choices.empty() && !answer.usage) {
        return Error(ErrorCode::InvalidArgument,
            "The answer has neither candidates nor usage: it is not a generateContent answer.");
    }
    if (answer.usage) {
        answer.usage->webSearches = searches;
    }
    // The usage stays among the rest: its details by modality go back as they came.
    answer.native = nativeOf(fields.rest());
    return answer;
}

std::string writeAnswer(const Answer& answer, const AnswerContext& context)
{
    json::object root;
    if (!answer.error.empty()) {
        ErrorText error;
        error.message = answer.error;
        error.type = answer.errorType;
        constexpr int internal = 500;
        return geminiCodec().writeError(internal, error);
    }
    if (!blocked(answer)) {
        json::array candidates;
        for (const Answer::Choice& choice : answer.choices) {
            candidates.push_back(candidateOf(choice, candidates.size()));
        }
        root["candidates"] = std::move(candidates);
    }
    const json::value* value = answer.native.of(Dialect::Gemini);
    const json::object* native = value != nullptr ? value->if_object() : nullptr;
    const bool usageKept = native != nullptr && !fieldsOf(*native).spelled("usageMetadata").empty();
    if (answer.usage && !usageKept) {
        root["usageMetadata"] = writeUsage(*answer.usage);
    }
    if (native != nullptr) {
        dom::mergeMissing(root, *native);
    }
    root["modelVersion"] = answer.model.empty() ? context.model : answer.model;
    root["responseId"] = answer.id.empty() ? context.id : answer.id;
    return json::serialize(root);
}

} // namespace headgate::wire::gemini
