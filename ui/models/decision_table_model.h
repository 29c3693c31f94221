// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The decision log as a table of any length: pages are fetched when the view comes near the end,
// new rows come in on top in follow mode. Never reads a database itself; never keeps more than a
// window of rows while following. GUI thread only.

#include "core/activity/activity_log.h"
#include "ui/widgets/widgets.h"

#include <QAbstractTableModel>

#include <deque>
#include <functional>

namespace headgate::ui {

[[nodiscard]] QString statusWords(activity::Status status);
[[nodiscard]] Chip::Tone statusTone(activity::Status status);
[[nodiscard]] QString outcomeWords(const std::string& outcome);
[[nodiscard]] Chip::Tone outcomeTone(const std::string& outcome);

class DecisionTableModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum ColumnId {
        Time,
        Key,
        Team,
        Task,
        Model,
        Outcome,
        TokensIn,
        TokensOut,
        CostColumn,
        Latency,
        StatusColumn,
        Columns
    };
    using Answer = std::function<void(Result<activity::Page>)>;
    /// Asks for a page; `answer` must come on the GUI thread, or never when a newer question of the
    /// same slot was asked.
    using Fetch
        = std::function<void(const QString& slot, const activity::PageQuery& query, Answer answer)>;

    static constexpr int pageRows = 100;
    /// While following, rows beyond this fall off the end (and can be fetched again).
    static constexpr int followRowsMax = 5'000;

    explicit DecisionTableModel(Fetch fetch, QObject* parent = nullptr);

    /// Starts over with another filter; the rows on show stay until the first page is here.
    void setFilter(const activity::Filter& filter);
    [[nodiscard]] const activity::Filter& filter() const { return m_filter; }
    void reload();
    /// Rows were appended to the log: brings in those that match, also the ones that were asked
    /// long before they were logged and so belong further down.
    void refreshTop(const std::vector<DecisionId>& appended);
    [[nodiscard]] const activity::Decision& decisionAt(int row) const
    {
        return m_rows[std::size_t(row)];
    }
    [[nodiscard]] int rowOf(DecisionId id) const; ///< -1 when not loaded
    [[nodiscard]] bool loading() const { return m_loading; }
    [[nodiscard]] bool loadedOnce() const { return m_loadedOnce; }
    /// The filter condition a cell stands for ({"team", "search"}); empty field: none.
    [[nodiscard]] std::pair<std::string, std::string> conditionAt(const QModelIndex& index) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(
        int section, Qt::Orientation orientation, int role) const override;
    [[nodiscard]] bool canFetchMore(const QModelIndex& parent) const override;
    void fetchMore(const QModelIndex& parent) override;

Q_SIGNALS:
    void loaded(); ///< a first page or new rows arrived
    void failed(const QString& problem);

private:
    [[nodiscard]] activity::PageQuery query(DecisionId before, int limit) const;
    void replaceRows(activity::Page page);
    void appendPage(activity::Page page);
    void takeTop(activity::Page page, std::vector<DecisionId> asked);
    void mergeTop(activity::Page page);
    void fetchLate(const std::vector<DecisionId>& appended, DecisionId below);
    [[nodiscard]] std::size_t mergeRun(activity::Page& page, std::size_t first, std::size_t at);
    void trim();
    [[nodiscard]] QString display(const activity::Decision& row, int column) const;
    [[nodiscard]] QString tooltip(const activity::Decision& row, int column) const;

    Fetch m_fetch;
    activity::Filter m_filter;
    std::deque<activity::Decision> m_rows; ///< newest first
    std::vector<DecisionId> m_pending; ///< announced, not yet looked for
    quint64 m_generation = 0; ///< of the filter
    quint64 m_moreGeneration = 0; ///< of the end of the list
    int m_lateSlot = 0;
    bool m_more = false;
    bool m_loading = false;
    bool m_loadingMore = false;
    bool m_loadedOnce = false;
};

} // namespace headgate::ui
