// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/body_edit.h"
#include "core/wire/conversation_view.h"
#include "core/wire/json_dom.h"
#include "core/wire/ollama_routes.h"
#include "core/wire/ollama_wire.h"
#include "core/wire/refusal_parts.h"

#include <boost/json/serialize.hpp>

#include <utility>

namespace headgate::wire {

namespace json = boost::json;

namespace {

constexpr const char* ceilingPath = "options.num_predict";

/// Tokens of an earlier answer come back as numbers: they are input, but no text.
std::int64_t takeContext(Conversation& conversation)
{
    json::object* extra = conversation.extra.value.if_object();
    const json::array* context = extra != nullptr ? dom::arrayAt(*extra, "context") : nullptr;
    if (context == nullptr) {
        return 0;
    }
    const auto tokens = static_cast<std::int64_t>(context->size());
    extra->erase("context");
    return tokens;
}

class OllamaCodec final : public Codec {
public:
    [[nodiscard]] Dialect dialect() const override { return Dialect::Ollama; }
    [[nodiscard]] const char* streamType() const override { return "application/x-ndjson"; }
    [[nodiscard]] Result<RequestView> readView(
        std::string_view body, const RequestPath& path) const override
    {
        if (Result<void> checked = checkBody(body); !checked) {
            return checked.error();
        }
        Result<Conversation> conversation = ollama::readRequest(body, path);
        if (!conversation) {
            return conversation.error();
        }
        const std::int64_t tokens = takeContext(*conversation);
        RequestView view = viewOf(*conversation);
        view.rawTokens = tokens;
        view.ceilingPath = ceilingPath;
        return view;
    }
    [[nodiscard]] Result<std::string> edit(std::string_view body, const RequestView& /*view*/,
        const RequestEdits& edits) const override
    {
        std::vector<FieldEdit> fields{{"model", json::serialize(json::value(edits.model))}};
        if (edits.outputCeiling) {
            fields.push_back({ceilingPath, std::to_string(*edits.outputCeiling)});
        }
        return editBody(body, fields);
    }
    [[nodiscard]] Result<Conversation> readRequest(
        std::string_view body, const RequestPath& path) const override
    {
        return ollama::readRequest(body, path);
    }
    [[nodiscard]] Result<std::string> writeRequest(const Conversation& conversation,
        const WriteOptions& options, Losses& losses) const override
    {
        return ollama::writeRequest(conversation, options, losses);
    }
    [[nodiscard]] Result<Answer> readAnswer(std::string_view body) const override
    {
        return ollama::readAnswer(body);
    }
    [[nodiscard]] std::string writeAnswer(
        const Answer& answer, const AnswerContext& context) const override
    {
        return ollama::writeAnswer(answer, context);
    }
    [[nodiscard]] std::unique_ptr<EventReader> eventReader() const override
    {
        return ollama::eventReader();
    }
    [[nodiscard]] std::unique_ptr<EventWriter> eventWriter(
        const AnswerContext& context) const override
    {
        return ollama::eventWriter(context);
    }
    [[nodiscard]] RefusalReply writeRefusal(const Refusal& refusal) const override
    {
        RefusalParts parts = refusalParts(refusal);
        RefusalReply reply;
        reply.status = parts.status;
        reply.headers = std::move(parts.headers);
        reply.body = ollama::errorBody(parts.message);
        return reply;
    }
    [[nodiscard]] std::string writeStreamError(const Refusal& refusal) const override
    {
        return ollama::errorBody(refusalParts(refusal).message) + "\n";
    }
    [[nodiscard]] ErrorText readError(std::string_view body) const override
    {
        ErrorText text;
        const Result<json::object> root = dom::parseObject(body, "The error");
        const std::string message = root ? ollama::errorOf(*root) : std::string();
        text.message = cleanText(message.empty() ? body : std::string_view(message));
        return text;
    }
    [[nodiscard]] std::string writeError(int /*status*/, const ErrorText& error) const override
    {
        return ollama::errorBody(error.message);
    }
};

} // namespace

std::string writeOllamaTags(const std::vector<OllamaModel>& models)
{
    json::array list;
    for (const OllamaModel& model : models) {
        json::array families;
        if (!model.family.empty()) {
            families.emplace_back(model.family);
        }
        json::object details;
        details["parent_model"] = "";
        details["format"] = "";
        details["family"] = model.family;
        details["families"] = std::move(families);
        details["parameter_size"] = model.parameterSize;
        details["quantization_level"] = "";
        json::object entry;
        entry["name"] = model.name;
        entry["model"] = model.name;
        entry["modified_at"] = toIso8601(model.modifiedAtUs);
        entry["size"] = model.sizeBytes;
        entry["digest"] = model.digest;
        entry["details"] = std::move(details);
        list.push_back(std::move(entry));
    }
    return json::serialize(json::object{{"models", std::move(list)}});
}

const Codec& ollamaCodec()
{
    static const OllamaCodec codec;
    return codec;
}

} // namespace headgate::wire
