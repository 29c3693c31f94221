// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/service/verbs.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <utility>

namespace headgate::service {

namespace json = boost::json;

namespace {

using Kind = catalog::ModelChange::Kind;

const char* kindWord(Kind kind)
{
    switch (kind) {
    case Kind::Added:
        return "added";
    case Kind::Changed:
        return "changed";
    case Kind::Unlisted:
        break;
    }
    return "not in the list";
}

/// "+25%", "-3.2%"; empty when there is nothing to compare.
std::string percentText(const std::optional<std::int64_t>& permille)
{
    if (!permille) {
        return {};
    }
    const std::int64_t size = *permille < 0 ? -*permille : *permille;
    return fmt::format("{}{}{}%", *permille < 0 ? "-" : "+", size / 10,
        size % 10 != 0 ? fmt::format(".{}", size % 10) : "");
}

json::object deltaRow(const catalog::ModelChange& change, const catalog::PriceDelta& delta)
{
    json::object row{{"change", kindWord(change.kind)}, {"model", change.model.id()},
        {"price", delta.what}, {"before", delta.before}, {"after", delta.after},
        {"percent", percentText(delta.permille)}, {"large", delta.large}};
    row["note"] = delta.large ? "large" : change.configured ? "" : "provider not set up";
    return row;
}

Result<void> sendChange(const VerbCall& call, const catalog::ModelChange& change)
{
    if (change.kind == Kind::Unlisted) {
        return send(call,
            {{"change", kindWord(change.kind)}, {"model", change.model.id()},
                {"note", "kept as it is"}});
    }
    for (const auto& delta : change.prices) {
        if (auto done = send(call, deltaRow(change, delta)); !done) {
            return done;
        }
    }
    return {};
}

Result<void> sendDiff(const VerbCall& call, const catalog::ImportDiff& diff, bool applied)
{
    // What would change first: a list that knows few models leaves many as they are.
    for (const bool unlisted : {false, true}) {
        for (const auto& change : diff.changes) {
            if ((change.kind == Kind::Unlisted) != unlisted) {
                continue;
            }
            if (auto done = sendChange(call, change); !done) {
                return done;
            }
        }
    }
    if (flagArg(call.args, "skipped", false)) {
        for (const auto& skipped : diff.skipped) {
            if (auto done = send(call, {{"change", "skipped"}, {"note", skipped}}); !done) {
                return done;
            }
        }
    }
    const auto added = diff.count(Kind::Added);
    const auto changed = diff.count(Kind::Changed);
    const auto unlisted = diff.count(Kind::Unlisted);
    json::object row{{"change", applied ? "applied" : "not applied"}, {"list", diff.list},
        {"added", added}, {"changed", changed}, {"unchanged", diff.unchanged},
        {"unlisted", unlisted}, {"skipped", diff.skipped.size()},
        {"other_providers", diff.otherProviders}, {"applied", applied}};
    row["note"] = fmt::format("{}: {} models added, {} changed, {} unchanged, {} not in the list, "
                              "{} skipped, {} of other providers{}",
        diff.list, added, changed, diff.unchanged, unlisted, diff.skipped.size(),
        diff.otherProviders,
        applied ? "; headgate config revisions shows what to restore" : "; apply with --apply");
    return send(call, row);
}

Result<void> importModels(const VerbCall& call)
{
    std::string text = textArg(call.args, "text");
    const std::string url = textArg(call.args, "url");
    if (text.empty() == url.empty()) {
        return Error(ErrorCode::InvalidArgument, "Give a price list: a file or an https address.");
    }
    if (!url.empty()) {
        auto fetched = Service::fetchPrices(url);
        if (!fetched) {
            return fetched.error();
        }
        text = std::move(*fetched);
    }
    catalog::ImportOptions options;
    options.provider = textArg(call.args, "provider");
    options.all = flagArg(call.args, "all", false);
    options.onlyKnown = flagArg(call.args, "only_known", false);
    options.origin = url.empty() ? textArg(call.args, "origin") : url;
    options.origin.resize(std::min(options.origin.size(), limits::nameBytesMax));
    const bool apply = flagArg(call.args, "apply", false);
    const bool accept = flagArg(call.args, "accept_large_changes", false);
    const auto preview = call.service.previewPrices(text, options);
    if (!preview) {
        return preview.error();
    }
    if (!apply) {
        return sendDiff(call, *preview, false);
    }
    const auto applied = call.service.importPrices(text, options, {accept, 0}, actorArg(call.args));
    if (!applied) {
        return applied.error();
    }
    return sendDiff(call, *applied, true);
}

/// Requests by billed ÷ estimated: [{"below": "0.7", "requests": 0}, …], the last without an end.
json::array distributionOf(const tokens::ScriptError& script)
{
    json::array out;
    for (std::size_t i = 0; i < script.bars.size(); ++i) {
        json::object bar{{"below", nullptr}, {"requests", script.bars[i]}};
        if (i < tokens::errorEdgesPermille.size()) {
            bar["below"] = tokens::marginText(tokens::errorEdgesPermille[i]);
        }
        out.push_back(std::move(bar));
    }
    return out;
}

/// One row for each model and writing: how far estimates were off, and what is held for it.
Result<void> modelEstimates(const VerbCall& call)
{
    const std::string only = textArg(call.args, "model");
    for (const auto& margin : call.service.margins()) {
        if (!only.empty() && margin.model != only) {
            continue;
        }
        for (const auto& script : margin.scripts) {
            json::object row{{"model", margin.model}, {"family", margin.family},
                {"exact", margin.exact}, {"script", tokens::scriptGroupName(script.script)},
                {"requests", script.observations}, {"overruns", script.overruns},
                {"median", tokens::marginText(script.medianPermille)},
                {"p95", tokens::marginText(script.p95Permille)},
                {"worst", tokens::marginText(script.worstPermille)},
                {"margin", tokens::marginText(script.marginPermille)},
                {"extra_tokens", margin.extraTokens}, {"learned", margin.learned}};
            row["distribution"] = distributionOf(script);
            if (auto done = send(call, row); !done) {
                return done;
            }
        }
    }
    return {};
}

} // namespace

Result<void> readDiscount(const json::object& args, int& permille)
{
    if (!hasArg(args, "discount")) {
        return {};
    }
    // "5%", "5", "12.5%": whole tenths of a percent.
    const std::string text = textArg(args, "discount");
    const auto amount = Money::parse(text.ends_with('%') ? text.substr(0, text.size() - 1) : text);
    constexpr std::int64_t nanoPerPermille = 100'000'000;
    constexpr std::int64_t wholePermille = 1'000;
    if (!amount || amount->isNegative() || amount->nano() % nanoPerPermille != 0
        || amount->nano() / nanoPerPermille >= wholePermille) {
        return Error(ErrorCode::InvalidArgument, "\"" + text + "\" is not a discount.",
            "Write 5% or 12.5%; at most 99.9%.");
    }
    permille = static_cast<int>(amount->nano() / nanoPerPermille);
    return {};
}

void addPriceVerbs(VerbTable& table)
{
    table["models.import"] = importModels;
    table["models.estimates"] = modelEstimates;
}

} // namespace headgate::service
