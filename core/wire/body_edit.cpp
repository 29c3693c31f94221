// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/body_edit.h"

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/wire/json_reader.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <array>
#include <unordered_set>

namespace headgate::wire {

namespace {

constexpr std::array steeringFields{std::string_view("api_base"), std::string_view("api_key"),
    std::string_view("api_type"), std::string_view("api_version"),
    std::string_view("aws_access_key_id"), std::string_view("aws_bedrock_runtime_endpoint"),
    std::string_view("aws_region_name"), std::string_view("aws_secret_access_key"),
    std::string_view("aws_session_token"), std::string_view("azure_ad_token"),
    std::string_view("azure_endpoint"), std::string_view("base_url"),
    std::string_view("context_window_fallbacks"), std::string_view("custom_llm_provider"),
    std::string_view("deployment_id"), std::string_view("endpoint"), std::string_view("extra_body"),
    std::string_view("extra_headers"), std::string_view("fallbacks"), std::string_view("headers"),
    std::string_view("mock_response"), std::string_view("model_list"), std::string_view("models"),
    std::string_view("organization"), std::string_view("plugins"), std::string_view("project"),
    std::string_view("provider"), std::string_view("proxies"), std::string_view("proxy"),
    std::string_view("route"), std::string_view("vertex_credentials"),
    std::string_view("vertex_location"), std::string_view("vertex_project")};

std::string jsonText(std::string_view text)
{
    return boost::json::serialize(boost::json::string(text));
}

bool twice(JsonReader& json, std::string_view path, std::string_view key)
{
    const std::string name(key.substr(0, limits::nameBytesMax));
    return json.fail((path.empty() ? name : std::string(path) + "." + name)
            + " must be given only once: it is there twice.",
        "Send each field once; servers disagree about which of two counts.");
}

/// The keys of one object. Most have few, which a walk finds faster than a hash.
class Keys {
public:
    /// False: it was there.
    bool add(std::string_view key)
    {
        if (m_few.size() < fewMax) {
            if (std::find(m_few.begin(), m_few.end(), key) != m_few.end()) {
                return false;
            }
            m_few.push_back(key);
            return true;
        }
        if (m_many.empty()) {
            m_many.insert(m_few.begin(), m_few.end());
        }
        return m_many.insert(key).second;
    }

private:
    static constexpr std::size_t fewMax = 16;
    std::vector<std::string_view> m_few;
    std::unordered_set<std::string_view> m_many;
};

/// Validates everything and refuses keys that are given twice.
class Checker {
public:
    Result<void> check(std::string_view body)
    {
        Keys keys;
        const bool ok = m_json.readObject(body, [&](JsonField& field) {
            m_root = field.key;
            return keys.add(field.key) ? value(field.value) : twice(m_json, {}, field.key);
        });
        return ok ? Result<void>() : Result<void>(m_json.error());
    }

private:
    bool value(JsonValue of)
    {
        const std::optional<JsonType> kind = m_json.type(of);
        if (kind == JsonType::object) {
            Keys keys;
            return m_json.eachField(of, [&](JsonField& field) {
                return keys.add(field.key) ? value(field.value) : twice(m_json, m_root, field.key);
            });
        }
        if (kind == JsonType::array) {
            return m_json.eachElement(
                of, [this](JsonValue element, std::size_t) { return value(element); });
        }
        return m_json.skip(of);
    }

    JsonReader m_json{"The body"};
    std::string_view m_root; ///< the field of the root that is being read
};

/// The edits of one object: of the root or of an object in it.
struct Level {
    std::string name; ///< of the object; empty for the root
    bool seen = false;
    std::vector<const FieldEdit*> edits;
    std::vector<std::string> keys; ///< what each edit is called in this object
    std::vector<bool> done;
    FieldRemover remover;
    std::size_t objectBegin = 0; ///< of its opening brace
    std::vector<Splice> splices;

    void add(const FieldEdit& edit, std::string key)
    {
        edits.push_back(&edit);
        keys.push_back(std::move(key));
        done.push_back(false);
    }
    [[nodiscard]] std::size_t indexOf(std::string_view key) const
    {
        const auto found = std::find(keys.begin(), keys.end(), key);
        return static_cast<std::size_t>(found - keys.begin());
    }
    /// The fields that were not there, as JSON without braces.
    [[nodiscard]] std::string missing() const
    {
        std::string out;
        for (std::size_t i = 0; i < edits.size(); ++i) {
            if (!done[i] && edits[i]->json) {
                out += (out.empty() ? "" : ",") + jsonText(keys[i]) + ":" + *edits[i]->json;
            }
        }
        return out;
    }
    /// Adds what was not there and takes out what must go.
    void close(const std::string& more, std::vector<Splice>& out)
    {
        if (!more.empty()) {
            const std::size_t kept = remover.firstKeptEnd();
            const std::size_t at = kept != 0 ? kept : objectBegin + 1;
            out.push_back({at, at, kept != 0 ? "," + more : more});
        }
        std::move(splices.begin(), splices.end(), std::back_inserter(out));
        for (const ByteRange range : remover.ranges()) {
            out.push_back({range.begin, range.end, {}});
        }
    }
};

class Editor {
public:
    explicit Editor(const std::vector<FieldEdit>& edits)
    {
        for (const FieldEdit& edit : edits) {
            const std::size_t dot = edit.path.find('.');
            if (dot == std::string::npos) {
                m_root.add(edit, edit.path);
            } else {
                inner(edit.path.substr(0, dot)).add(edit, edit.path.substr(dot + 1));
            }
        }
    }

    Result<std::string> edit(std::string_view body)
    {
        m_root.objectBegin = std::min(body.find('{'), body.size());
        const bool ok
            = m_json.readObject(body, [this](JsonField& member) { return rootField(member); });
        if (!ok) {
            return m_json.error();
        }
        std::string more = m_root.missing();
        for (const Level& level : m_inner) {
            const std::string fields = level.missing();
            if (!level.seen && !fields.empty()) {
                more += (more.empty() ? "" : ",") + jsonText(level.name) + ":{" + fields + "}";
            }
        }
        std::vector<Splice> splices;
        m_root.close(more, splices);
        return spliced(body, std::move(splices));
    }

private:
    Level& inner(const std::string& name)
    {
        for (Level& level : m_inner) {
            if (level.name == name) {
                return level;
            }
        }
        m_inner.emplace_back().name = name;
        return m_inner.back();
    }

    bool rootField(JsonField& member)
    {
        for (Level& level : m_inner) {
            if (level.name == member.key) {
                return object(member, level);
            }
        }
        return field(member, m_root, isSteering(member.key));
    }

    /// A field of an edited object: replaced, taken out, or left alone.
    bool field(JsonField& member, Level& level, bool steering)
    {
        level.remover.begin(member.begin);
        TextSpan span;
        if (!m_json.skip(member.value, span)) {
            return false;
        }
        const std::size_t index = level.indexOf(member.key);
        bool keep = !steering;
        if (index < level.edits.size()) {
            if (level.done[index]) {
                return twice(m_json, level.name, member.key);
            }
            level.done[index] = true;
            const std::optional<std::string>& json = level.edits[index]->json;
            keep = json.has_value();
            if (keep) {
                level.splices.push_back({span.begin, span.end, *json});
            }
        }
        level.remover.end(span.end, keep);
        return true;
    }

    /// An object with edited fields.
    bool object(JsonField& member, Level& level)
    {
        if (level.seen) {
            return twice(m_json, {}, member.key);
        }
        level.seen = true;
        m_root.remover.begin(member.begin);
        TextSpan span = m_json.tokenSpan(member.value);
        const std::optional<JsonType> kind = m_json.type(member.value);
        if (kind == JsonType::null) {
            const std::string fields = level.missing();
            if (!m_json.skip(member.value)) {
                return false;
            }
            if (!fields.empty()) {
                m_root.splices.push_back({span.begin, span.end, "{" + fields + "}"});
            }
        } else if (kind == JsonType::object) {
            level.objectBegin = span.begin;
            if (!m_json.eachField(
                    member.value, [&](JsonField& inside) { return field(inside, level, false); })) {
                return false;
            }
            span.end = m_json.endOfLast(span);
            level.close(level.missing(), m_root.splices);
        } else {
            return m_json.fail(std::string(member.key) + " must be an object.");
        }
        m_root.remover.end(span.end, true);
        return true;
    }

    JsonReader m_json{"The body"};
    Level m_root;
    std::vector<Level> m_inner;
};

} // namespace

bool isSteering(std::string_view key)
{
    const std::string lower = toLower(key);
    return std::find(steeringFields.begin(), steeringFields.end(), lower) != steeringFields.end();
}

std::string spliced(std::string_view body, std::vector<Splice> splices)
{
    std::stable_sort(splices.begin(), splices.end(),
        [](const Splice& a, const Splice& b) { return a.begin < b.begin; });
    std::size_t size = body.size();
    for (const Splice& splice : splices) {
        size += splice.text.size();
    }
    std::string out;
    out.reserve(size);
    std::size_t at = 0;
    for (const Splice& splice : splices) {
        out += body.substr(at, splice.begin - at);
        out += splice.text;
        at = splice.end;
    }
    out += body.substr(at);
    return out;
}

void FieldRemover::begin(std::size_t fieldBegin)
{
    if (m_open) {
        m_ranges.back().end = fieldBegin;
        m_open = false;
    }
    m_fieldBegin = fieldBegin;
}

void FieldRemover::end(std::size_t valueEnd, bool keep)
{
    if (keep) {
        m_firstKeptEnd = m_firstKeptEnd != 0 ? m_firstKeptEnd : valueEnd;
    } else if (m_firstKeptEnd != 0) {
        m_ranges.push_back({m_previousEnd, valueEnd});
    } else {
        m_ranges.push_back({m_fieldBegin, valueEnd});
        m_open = true;
    }
    m_previousEnd = valueEnd;
}

Result<std::string> editBody(std::string_view body, const std::vector<FieldEdit>& edits)
{
    Editor editor(edits);
    return editor.edit(body);
}

Result<void> checkBody(std::string_view body)
{
    Checker checker;
    return checker.check(body);
}

} // namespace headgate::wire
