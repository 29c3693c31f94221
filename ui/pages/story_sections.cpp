// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/story_sections.h"

#include "ui/models/cells.h"

namespace headgate::ui {

namespace {

class StorySections {
    Q_DECLARE_TR_FUNCTIONS(headgate::ui::StorySections)
};

Cell signedCell(Money money)
{
    auto cell = moneyCell(money);
    if (money.isZero()) {
        cell.text = QStringLiteral("–");
        cell.muted = true;
    } else if (!money.isNegative()) {
        cell.text.prepend(QLatin1Char('+'));
    }
    return cell;
}

} // namespace

std::vector<DetailSection> storySections(const service::Story& story)
{
    DetailSection tale;
    QStringList sentences;
    for (const auto& sentence : story.sentences) {
        sentences << safeText(sentence);
    }
    tale.text = sentences.join(QStringLiteral("\n\n"));
    DetailSection facts;
    facts.heading = StorySections::tr("Figures");
    for (const auto& fact : story.facts) {
        facts.lines.push_back({safeText(fact.label), safeText(fact.value), {}});
    }
    DetailSection lines;
    lines.heading = StorySections::tr("Journal");
    lines.table.columns = {{StorySections::tr("Entry")}, {StorySections::tr("Time")},
        {StorySections::tr("Held"), {}, true}, {StorySections::tr("Spent"), {}, true}};
    for (const auto& line : story.lines) {
        SnapshotRow row;
        row.id = QString::number(line.sequence);
        row.cells = {textCell(safeText(line.what)), timeCell(line.atUs, {}), signedCell(line.held),
            signedCell(line.toppedUp.isZero() ? line.settled : line.toppedUp)};
        QStringList notes{safeText(line.accounts)};
        if (!line.who.empty()) {
            notes << StorySections::tr("by %1").arg(safeText(line.who));
        }
        if (!line.note.empty()) {
            notes << safeText(line.note);
        }
        row.cells[0].tooltip = notes.join(QLatin1Char('\n'));
        lines.table.rows.push_back(std::move(row));
    }
    std::vector<DetailSection> sections{tale, facts};
    if (!lines.table.rows.empty()) {
        sections.push_back(lines);
    }
    return sections;
}

} // namespace headgate::ui
