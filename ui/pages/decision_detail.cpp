// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/decision_detail.h"

#include "core/routing/plan.h"
#include "ui/models/cells.h"
#include "ui/models/decision_table_model.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>

namespace headgate::ui {

namespace {

/// Texts of this file; a class only because tr() needs one.
class DecisionDetail {
    Q_DECLARE_TR_FUNCTIONS(headgate::ui::DecisionDetail)
};

QString tr(const char* text)
{
    return DecisionDetail::tr(text);
}

DetailLine moneyLine(const QString& label, Money money)
{
    return {label, moneyText(money), exactMoneyText(money)};
}

void addLine(DetailSection& section, const QString& label, const std::string& value)
{
    if (!value.empty()) {
        section.lines.push_back({label, safeText(value), {}});
    }
}

/// "code_fix" as people write it.
std::string plainName(std::string name)
{
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

DetailSection whySection(const activity::Decision& d)
{
    DetailSection section;
    section.text = d.reason.empty() ? tr("No reason was recorded.") : safeText(d.reason);
    section.lines.push_back({tr("Decision"), outcomeWords(d.outcome), {}});
    section.lines.push_back({tr("Status"),
        QStringLiteral("%1 (HTTP %2)").arg(statusWords(d.status)).arg(d.httpStatus), {}});
    section.lines.push_back({tr("Model"),
        d.model.empty() ? tr("%1 asked, none used").arg(safeText(d.askedModel))
                        : QStringLiteral("%1 → %2").arg(safeText(d.askedModel), safeText(d.model)),
        {}});
    if (d.tier > 0 || d.wantedTier > 0) {
        section.lines.push_back({tr("Tier"),
            d.tier > 0 ? tr("%1 wanted, %2 used").arg(d.wantedTier).arg(d.tier)
                       : tr("%1 wanted").arg(d.wantedTier),
            {}});
    }
    addLine(section, tr("Rule"), d.rule);
    addLine(section, tr("Said no"), d.pool);
    addLine(section, tr("Problem"), d.error);
    return section;
}

DetailSection whoSection(const activity::Decision& d)
{
    DetailSection section;
    section.heading = tr("Who asked");
    section.lines.push_back({tr("Time"), timeText(d.atUs), timeTooltip(d.atUs)});
    addLine(section, tr("Key"), d.key);
    addLine(section, tr("Team"), d.team);
    addLine(section, tr("User"), d.user);
    addLine(section, tr("Session"), d.session);
    QStringList tags;
    for (const auto& tag : d.tags) {
        tags << safeText(tag);
    }
    if (!tags.isEmpty()) {
        section.lines.push_back({tr("Tags"), tags.join(QStringLiteral(", ")), {}});
    }
    addLine(section, tr("Priority"), d.priority);
    addLine(section, tr("Client"), d.client);
    return section;
}

QString verdictWords(routing::Lost lost)
{
    using Lost = routing::Lost;
    switch (lost) {
    case Lost::None:
        return tr("Chosen");
    case Lost::Disabled:
    case Lost::ProviderDisabled:
        return tr("Disabled");
    case Lost::NoKey:
        return tr("No key");
    case Lost::NotInRule:
        return tr("Not in the rule");
    case Lost::TierTooLow:
        return tr("Tier too low");
    case Lost::TierTooHigh:
        return tr("Tier too high");
    case Lost::NoTools:
        return tr("No tools");
    case Lost::NoImages:
        return tr("No images");
    case Lost::NoAudio:
        return tr("No audio");
    case Lost::NoLogprobs:
        return tr("No log probabilities");
    case Lost::Unfit:
        return tr("Cannot be asked this");
    case Lost::NoFiles:
        return tr("No files");
    case Lost::NoJsonSchema:
        return tr("No JSON schema");
    case Lost::ContextTooSmall:
        return tr("Context too small");
    case Lost::Unpriced:
        return tr("No price");
    case Lost::DoesNotFit:
        return tr("Does not fit");
    case Lost::OutputTooSmall:
        return tr("Output too small");
    case Lost::Dearer:
        return tr("Dearer");
    case Lost::NotAsked:
        return tr("Not asked for");
    case Lost::Excluded:
        return tr("Failed before");
    case Lost::Embedding:
        return tr("Embeddings only");
    }
    return QString::fromLatin1(routing::lostName(lost));
}

QStringList factWords(const routing::Facts& f)
{
    QStringList words;
    auto count = [&](std::int64_t value, const char* one, const char* many) {
        if (value > 0) {
            words << QStringLiteral("%1 %2").arg(countText(value), tr(value == 1 ? one : many));
        }
    };
    auto flag = [&](bool value, const char* what) {
        if (value) {
            words << tr(what);
        }
    };
    count(f.messages, "message", "messages");
    count(f.codeBlocks, "code block", "code blocks");
    count(f.codeLines, "code line", "code lines");
    flag(f.stackTrace, "a stack trace");
    flag(f.diff, "a diff");
    count(f.mathMarks, "sign of maths", "signs of maths");
    count(f.tableLines, "table line", "table lines");
    count(f.listItems, "list item", "list items");
    count(f.questionMarks, "question mark", "question marks");
    count(f.constraintWords, "word that sets a condition", "words that set conditions");
    count(f.reasoningWords, "word that asks for reasoning", "words that ask for reasoning");
    count(f.tools, "tool", "tools");
    flag(f.toolResults, "tool results");
    flag(f.jsonSchema || f.jsonObject, "structured output");
    count(f.images, "image", "images");
    count(f.audio, "audio part", "audio parts");
    count(f.files, "file", "files");
    flag(f.followUpContradicts, "a follow-up that contradicts");
    flag(f.followUpRepeats, "a follow-up that repeats");
    return words;
}

void addFacts(std::vector<DetailSection>& sections, const activity::Decision& d)
{
    DetailSection section;
    section.heading = tr("What was looked at");
    addLine(section, tr("Task"), plainName(d.task));
    const auto facts = routing::factsFromJson(d.factsJson);
    if (!d.factsJson.empty() && facts) {
        const routing::Facts& found = facts.value();
        addLine(section, tr("Because"), found.taskReason);
        section.lines.push_back({tr("Difficulty"), tr("%1 of 1000").arg(d.difficulty), {}});
        QStringList reasons;
        for (const auto& reason : found.difficultyReasons) {
            reasons << safeText(reason);
        }
        if (!reasons.isEmpty()) {
            section.lines.push_back({tr("Made of"), reasons.join(QLatin1Char('\n')), {}});
        }
        const auto words = factWords(found);
        if (!words.isEmpty()) {
            section.lines.push_back({tr("Found"), words.join(QStringLiteral(", ")), {}});
        }
    } else if (d.difficulty > 0) {
        section.lines.push_back({tr("Difficulty"), tr("%1 of 1000").arg(d.difficulty), {}});
    }
    if (!section.lines.empty()) {
        sections.push_back(std::move(section));
    }
}

void addCandidates(std::vector<DetailSection>& sections, const activity::Decision& d)
{
    const auto candidates = routing::candidatesFromJson(d.candidatesJson);
    if (d.candidatesJson.empty() || !candidates || candidates->empty()) {
        return;
    }
    DetailSection table;
    DetailSection reasons;
    table.heading = tr("Candidates");
    table.text = tr("“At most” is what would be held, “expected” is what ranks them.");
    table.table.columns = {{tr("Model")}, {tr("Tier"), {}, true}, {tr("At most"), {}, true},
        {tr("Expected"), {}, true}, {tr("Verdict")}};
    for (const auto& candidate : *candidates) {
        const bool chosen = candidate.lost == routing::Lost::None;
        const auto why = safeText(candidate.why);
        SnapshotRow row;
        row.id = QString::number(table.table.rows.size());
        row.cells = {safeCell(candidate.model), countCell(candidate.tier),
            moneyCell(candidate.bound), moneyCell(candidate.expected),
            chosen ? chipCell(verdictWords(candidate.lost), Chip::Tone::Ok, why)
                   : textCell(verdictWords(candidate.lost), why)};
        for (auto& cell : row.cells) {
            cell.muted = !chosen;
        }
        table.table.rows.push_back(std::move(row));
        if (!why.isEmpty()) {
            reasons.lines.push_back({safeText(candidate.model), why, {}});
        }
    }
    sections.push_back(std::move(table));
    if (!reasons.lines.empty()) {
        sections.push_back(std::move(reasons));
    }
}

void addAttempts(std::vector<DetailSection>& sections, const activity::Decision& d)
{
    if (d.attempts.empty()) {
        return;
    }
    DetailSection section;
    section.heading = tr("Holds and calls");
    section.table.columns = {{tr("Model")}, {tr("Held"), {}, true}, {tr("Charged"), {}, true},
        {tr("Outcome")}, {tr("HTTP"), {}, true}, {tr("Said")}};
    for (const auto& attempt : d.attempts) {
        SnapshotRow row;
        row.id = QString::number(section.table.rows.size());
        row.cells = {safeCell(attempt.model), moneyCell(attempt.bound), moneyCell(attempt.charged),
            safeCell(attempt.outcome), countCell(attempt.httpStatus), safeCell(attempt.error)};
        if (attempt.httpStatus == 0) {
            row.cells[4].text = QStringLiteral("–");
        }
        section.table.rows.push_back(std::move(row));
    }
    sections.push_back(std::move(section));
}

std::int64_t integer(const boost::json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

void addCost(std::vector<DetailSection>& sections, const activity::Decision& d)
{
    DetailSection section;
    section.heading = tr("Money");
    section.lines.push_back(moneyLine(tr("Charged"), d.cost));
    section.lines.push_back(moneyLine(tr("Held at most"), d.bound));
    section.lines.push_back(moneyLine(tr("Baseline model"), d.baseline));
    if (!d.remaining.isNegative()) {
        section.lines.push_back(moneyLine(tr("Left in the tightest pool"), d.remaining));
    }
    boost::system::error_code problem;
    const auto lines = boost::json::parse(d.costLinesJson, problem);
    if (!d.costLinesJson.empty() && !problem && lines.is_array()) {
        section.table.columns = {{tr("Item")}, {tr("Quantity"), {}, true},
            {tr("Per million"), {}, true}, {tr("Amount"), {}, true}};
        for (const auto& entry : lines.as_array()) {
            const auto* line = entry.if_object();
            const auto* what = line == nullptr ? nullptr : line->if_contains("what");
            if (what == nullptr || !what->is_string()) {
                continue;
            }
            SnapshotRow row;
            row.id = QString::number(section.table.rows.size());
            const auto pico = integer(*line, "price_pico");
            row.cells = {textCell(safeText(std::string(what->as_string()))
                                      .replace(QLatin1Char('_'), QLatin1Char(' '))),
                countCell(integer(*line, "quantity")),
                priceCell(pico > 0 ? std::optional(Price::fromPico(pico)) : std::nullopt),
                moneyCell(Money::fromNano(integer(*line, "amount_nano")))};
            section.table.rows.push_back(std::move(row));
        }
    }
    sections.push_back(std::move(section));
}

DetailSection tokensSection(const activity::Decision& d)
{
    DetailSection section;
    section.heading = tr("Tokens and time");
    section.lines.push_back({tr("Input"), countText(d.inputTokens), {}});
    if (d.cachedTokens > 0) {
        section.lines.push_back({tr("From the cache"), countText(d.cachedTokens), {}});
    }
    section.lines.push_back({tr("Output"), countText(d.outputTokens), {}});
    section.lines.push_back({tr("Inside Headgate"), durationText(d.addedUs), {}});
    if (d.firstByteUs > 0) {
        section.lines.push_back({tr("To the first byte"), durationText(d.firstByteUs), {}});
    }
    section.lines.push_back({tr("In all"), durationText(d.totalUs), {}});
    section.lines.push_back({tr("Streamed"), d.stream ? tr("yes") : tr("no"), {}});
    return section;
}

DetailSection idSection(const activity::Decision& d)
{
    DetailSection section;
    section.heading = tr("Ids");
    section.lines.push_back({tr("Decision"), toQt(activity::decisionIdText(d.id)), {}});
    addLine(section, tr("Request"), d.requestId);
    section.lines.push_back({tr("Configuration"), tr("revision %1").arg(d.revision), {}});
    if (!d.auditHash.empty()) {
        // In two lines: it has no place to break.
        const auto half = d.auditHash.size() / 2;
        section.lines.push_back({tr("Audit hash"),
            safeText(d.auditHash.substr(0, half) + "\n" + d.auditHash.substr(half)),
            safeText(d.auditHash)});
    }
    return section;
}

} // namespace

std::vector<DetailSection> decisionSections(const activity::Decision& decision)
{
    std::vector<DetailSection> sections;
    sections.push_back(whySection(decision));
    sections.push_back(whoSection(decision));
    addFacts(sections, decision);
    addCandidates(sections, decision);
    addAttempts(sections, decision);
    addCost(sections, decision);
    sections.push_back(tokensSection(decision));
    sections.push_back(idSection(decision));
    return sections;
}

} // namespace headgate::ui
