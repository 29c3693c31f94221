// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the files of the Responses codec share: items and content parts to neutral parts and back,
// tools, the "response" object. Keys that begin with "@" are notes of this codec inside `native`
// values, never written to the wire. Pure; any thread.

#include "core/base/result.h"
#include "core/wire/codec.h"
#include "core/wire/json_dom.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire::responses {

namespace json = boost::json;

// --- notes inside native values
/// On the first part of an assistant's message item: the item's fields beside role and content.
inline constexpr std::string_view messageNote = "@message";
/// A native part that stands inside a message.
inline constexpr std::string_view contentNote = "@content";
/// The content was a plain string.
inline constexpr std::string_view stringNote = "@string";
/// The content type where it is not the usual one of the role.
inline constexpr std::string_view typeNote = "@type";
/// On thinking of another provider that came back from the client.
inline constexpr std::string_view sealedNote = "@sealed";
/// On a tool: the namespace object it stood in, without its tools.
inline constexpr std::string_view namespaceNote = "@namespace";
/// The name as the client wrote it, where a namespace made another one necessary.
inline constexpr std::string_view nameNote = "@name";
/// On a tool: it came with an input item, which says it again on its own.
inline constexpr std::string_view nestedNote = "@nested";
/// On the first system turn: it is the field "instructions".
inline constexpr std::string_view instructionsNote = "@instructions";

// --- JSON
using dom::arrayAt;
using dom::find;
using dom::objectAt;
using dom::parseObject;
/// The string of a member, or empty.
[[nodiscard]] std::string stringAt(const json::object& object, std::string_view key);
[[nodiscard]] bool trueAt(const json::object& object, std::string_view key);
/// A whole number is written as one: 1, not 1E0.
[[nodiscard]] json::value numberOf(double number);
[[nodiscard]] json::object without(
    const json::object& object, std::initializer_list<std::string_view> keys);
/// Appends the members of `from` that are no notes and are not there yet.
void addMissing(json::object& to, const json::object& from);
/// The object of a part's own native JSON of this dialect; null when there is none.
[[nodiscard]] const json::object* nativeOf(const Native& native);
[[nodiscard]] Native nativeFrom(json::object fields);

// --- items
/// Names of tools as other dialects see them: namespace and name → name.
using ToolNames = std::map<std::pair<std::string, std::string>, std::string>;

/// The parts of one content list (or string) of a message or a tool's output.
[[nodiscard]] std::vector<Part> partsOfContent(const json::value& content, bool ofAssistant);
/// One content part; `message` notes are the caller's.
[[nodiscard]] Part partOfContent(const json::object& content, bool ofAssistant);
/// The parts of an item that a model makes: message, reasoning, calls; anything else is Native.
[[nodiscard]] std::vector<Part> partsOfItem(const json::object& item, const ToolNames& names);
[[nodiscard]] Part partOfReasoning(const json::object& item);
[[nodiscard]] Part partOfCall(const json::object& item, const ToolNames& names);

/// A content part for a message or tool output; null when this dialect cannot say it there.
[[nodiscard]] json::value contentOf(const Part& part, bool ofAssistant, Losses& losses);
/// The item of a reasoning, tool call or native part; null when it cannot be said.
[[nodiscard]] json::value itemOf(const Part& part, Losses& losses);
/// The items of an assistant's parts, in order.
[[nodiscard]] json::array itemsOf(const std::vector<Part>& parts, Losses& losses);

/// A signature of another provider inside "encrypted_content", so that a client that sends its
/// reasoning back (Codex) keeps a conversation with another dialect's model whole.
[[nodiscard]] std::string sealedSignature(const Part& part);
void unsealSignature(Part& part);
[[nodiscard]] bool isSealed(std::string_view encryptedContent);

// --- tools
[[nodiscard]] std::vector<Tool> readTools(const json::array& tools, ToolNames& names);
/// `own`: read from this dialect; others have tools that are not strict unless they say so.
[[nodiscard]] json::array writeTools(const std::vector<Tool>& tools, bool own, Losses& losses);
[[nodiscard]] ToolChoice readToolChoice(const json::value& choice);
[[nodiscard]] json::value writeToolChoice(
    const ToolChoice& choice, const std::vector<Tool>& tools, Losses& losses);
[[nodiscard]] AnswerFormat readFormat(const json::object& format);
[[nodiscard]] json::value writeFormat(const AnswerFormat& format);
/// Runs at the provider, where each use adds input that nobody here sees.
[[nodiscard]] bool runsAtProvider(const Tool& tool);

// --- requests
[[nodiscard]] Result<RequestView> readView(std::string_view body);
[[nodiscard]] Result<Conversation> readRequest(std::string_view body);
/// The input without reasoning that another provider signed, which this one would refuse; absent
/// when there is none, which is nearly always.
[[nodiscard]] std::optional<std::string> withoutSealed(std::string_view body);
[[nodiscard]] Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses);

// --- answers
[[nodiscard]] Result<Answer> readAnswer(std::string_view body);
[[nodiscard]] std::string writeAnswer(const Answer& answer, const AnswerContext& context);
[[nodiscard]] std::unique_ptr<EventReader> eventReader();
[[nodiscard]] std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context);
[[nodiscard]] std::optional<catalog::Usage> usageOf(const json::object& response);
[[nodiscard]] json::object writeUsage(const catalog::Usage& usage);

/// Sets stop and stopText of the choice from a response's status.
void readEnding(const json::object& response, Answer::Choice& choice);
/// The fields of a response that only this dialect has a place for.
[[nodiscard]] Native restOf(const json::object& response);

/// A "response" object in progress, with every field that clients' schemas ask for.
[[nodiscard]] json::object responseObject(const AnswerContext& context);
/// Code and message of a refusal in a failed response.
[[nodiscard]] json::object failureOf(const Refusal& refusal);
/// One event: `event:` equal to its type.
[[nodiscard]] std::string eventText(std::string_view type, const json::object& data);

/// What the tools of a request were called by the client, for calls that come back from another
/// dialect.
class CallNames {
public:
    CallNames() = default;
    explicit CallNames(const Conversation* request);
    /// Gives a call back its namespace and name; true: a custom tool, whose input was wrapped in an
    /// object where the provider's dialect has no custom tools.
    bool restore(Part& call) const;
    /// The free text inside {"input": …}; anything else stays as it is.
    [[nodiscard]] static std::string unwrapped(const std::string& arguments);

private:
    std::map<std::string, Tool> m_tools;
};

} // namespace headgate::wire::responses
