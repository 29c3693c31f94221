// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/embeddings.h"

#include "core/base/limits.h"
#include "core/catalog/price_book.h"
#include "core/wire/body_edit.h"
#include "core/wire/json_reader.h"
#include "core/wire/user_id.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <algorithm>

namespace headgate::wire {

namespace {

/// The API knows five fields; a flood of keys would make the search for duplicates slow.
constexpr std::size_t fieldsMax = 512;

class EmbeddingsReader {
public:
    Result<RequestView> read(std::string_view body)
    {
        if (!m_json.readObject(body, [this](JsonField& member) { return field(member); })
            || !complete()) {
            return m_json.error();
        }
        m_out.stripped = m_remover.take();
        return std::move(m_out);
    }

private:
    bool field(JsonField& member)
    {
        const bool twice = std::find(m_keys.begin(), m_keys.end(), member.key) != m_keys.end();
        if (twice || m_keys.size() >= fieldsMax) {
            return m_json.fail(std::string(member.key.substr(0, limits::nameBytesMax))
                    + (twice ? " must be given only once: it is there twice."
                             : " must be one of few fields."),
                "Send each field once; servers disagree about which of two counts.");
        }
        m_keys.push_back(member.key);
        m_remover.begin(member.begin);
        TextSpan span = m_json.tokenSpan(member.value);
        if (!value(member, span)) {
            return false;
        }
        m_remover.end(m_json.endOfLast(span), !isSteering(member.key));
        return true;
    }

    bool value(JsonField& member, TextSpan span)
    {
        if (member.key == "model") {
            m_out.modelValue = {span.begin, span.end};
            if (m_json.type(member.value) != JsonType::string) {
                return wrong("model", "a string");
            }
            return text(member.value, m_out.model);
        }
        if (member.key == "input") {
            return input(member.value);
        }
        if (member.key == "user" && m_json.type(member.value) == JsonType::string) {
            return text(member.value, m_ids.user);
        }
        if (member.key == "dimensions" && !m_json.isNull(member.value)) {
            std::int64_t count = 0;
            const bool number = m_json.type(member.value) == JsonType::number
                && countOf(m_json.token(member.value), count) == CountKind::Count && count > 0;
            return number ? m_json.skip(member.value)
                          : wrong("dimensions", "a whole number of at least 1");
        }
        return m_json.skip(member.value);
    }

    bool complete()
    {
        if (m_out.model.empty()) {
            return m_json.fail("model is missing.", "Name an embedding model.");
        }
        if (!m_hasInput) {
            return m_json.fail("input is missing.", "Send a string, a list of strings or tokens.");
        }
        m_out.user = identityOf(m_ids).user;
        return true;
    }

    bool wrong(std::string_view path, std::string_view must)
    {
        return m_json.fail(std::string(path) + " must be " + std::string(must) + ".");
    }

    bool text(JsonValue value, std::string& out)
    {
        std::string_view view;
        if (!m_json.string(value, view)) {
            return false;
        }
        out = view;
        return true;
    }

    bool input(JsonValue value)
    {
        m_hasInput = true;
        const std::optional<JsonType> kind = m_json.type(value);
        if (kind == JsonType::string) {
            return text(value, m_out.messages.emplace_back().text);
        }
        if (kind != JsonType::array) {
            return wrong("input", mustBe);
        }
        return m_json.eachElement(
            value, [this](JsonValue element, std::size_t index) { return entry(element, index); });
    }

    bool entry(JsonValue value, std::size_t index)
    {
        const std::optional<JsonType> kind = m_json.type(value);
        if (kind == JsonType::number) {
            return token(value, index, m_out.messages);
        }
        if (index > 0 && !m_texts) {
            return wrong("input", mustBe);
        }
        if (m_out.messages.size() >= limits::messagesMax) {
            return wrong("input", "at most " + std::to_string(limits::messagesMax) + " texts");
        }
        if (kind == JsonType::string) {
            m_texts = true;
            return text(value, m_out.messages.emplace_back().text);
        }
        if (kind != JsonType::array) {
            return wrong("input", mustBe);
        }
        m_texts = true;
        m_out.messages.emplace_back();
        return m_json.eachElement(value, [this](JsonValue element, std::size_t) {
            return m_json.type(element) == JsonType::number ? count(element)
                                                            : wrong("input", mustBe);
        });
    }

    /// A number at the first level: the whole input is one list of tokens.
    bool token(JsonValue value, std::size_t index, std::vector<Message>& messages)
    {
        if (m_texts) {
            return wrong("input", mustBe);
        }
        if (index == 0) {
            messages.emplace_back();
        }
        return count(value);
    }

    bool count(JsonValue value)
    {
        std::int64_t token = 0;
        if (countOf(m_json.token(value), token) != CountKind::Count) {
            return wrong("input", mustBe);
        }
        ++m_out.rawTokens;
        return m_json.skip(value);
    }

    static constexpr std::string_view mustBe
        = "a string, a list of strings, a list of tokens or a list of lists of tokens";

    JsonReader m_json{"The body"};
    RequestView m_out;
    FieldRemover m_remover;
    IdentityFields m_ids;
    std::vector<std::string_view> m_keys;
    bool m_hasInput = false;
    bool m_texts = false; ///< entries are texts or lists of tokens
};

class EmbeddingsAnswerReader {
public:
    Result<AnswerFacts> read(std::string_view body)
    {
        const bool ok
            = m_json.readObject(body, [this](JsonField& member) { return field(member); });
        if (!ok) {
            return m_json.error();
        }
        m_facts.done = true;
        return std::move(m_facts);
    }

private:
    bool field(JsonField& member)
    {
        const std::optional<JsonType> kind = m_json.type(member.value);
        if (member.key == "usage" && kind == JsonType::object) {
            TextSpan span;
            if (!m_json.skip(member.value, span)) {
                return false;
            }
            // A usage that cannot be read is no usage: the caller then counts the input.
            Result<catalog::Usage> usage
                = catalog::usageFromRaw("openai", "embeddings", m_json.text(span));
            if (usage) {
                m_facts.usage = std::move(*usage);
            }
            return true;
        }
        if ((member.key == "model" || member.key == "id") && kind == JsonType::string) {
            return text(
                member.value, member.key == "model" ? m_facts.model : m_facts.providerRequestId);
        }
        if (member.key != "error" || kind == JsonType::null) {
            return m_json.skip(member.value);
        }
        m_facts.error = "The provider reported an error without a message.";
        if (kind == JsonType::string) {
            return text(member.value, m_facts.error);
        }
        if (kind != JsonType::object) {
            return m_json.skip(member.value);
        }
        return m_json.eachField(member.value, [this](JsonField& inner) {
            const bool message
                = inner.key == "message" && m_json.type(inner.value) == JsonType::string;
            return message ? text(inner.value, m_facts.error) : m_json.skip(inner.value);
        });
    }

    bool text(JsonValue value, std::string& out)
    {
        std::string_view view;
        if (!m_json.string(value, view)) {
            return false;
        }
        out = view;
        return true;
    }

    JsonReader m_json{"The answer"};
    AnswerFacts m_facts;
};

} // namespace

Result<RequestView> readEmbeddings(std::string_view body)
{
    return EmbeddingsReader().read(body);
}

std::string editEmbeddings(std::string_view body, const RequestView& view, std::string_view model)
{
    std::vector<Splice> splices;
    splices.push_back({view.modelValue.begin, view.modelValue.end,
        boost::json::serialize(boost::json::string(model))});
    for (const ByteRange range : view.stripped) {
        splices.push_back({range.begin, range.end, {}});
    }
    return spliced(body, std::move(splices));
}

Result<AnswerFacts> readEmbeddingsAnswer(std::string_view body)
{
    return EmbeddingsAnswerReader().read(body);
}

} // namespace headgate::wire
