// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Pools with their accounts as a live tree. A pool of one account shows it on its own line, a pool
// that covers each value has one line below it for every value. GUI thread only.

#include "ui/models/snapshot_model.h"

// After Qt: moc stumbles over the standard library when it meets it first.
#include "core/ledger/explain.h"
#include "core/ledger/ledger.h"

#include <optional>

namespace headgate::ui {

/// What the least available account of a pool has; the words for people.
struct PoolNumbers {
    Money settled; ///< of all its accounts
    Money held;
    Money cap; ///< with top-ups, of the fullest account
    std::optional<Money> left; ///< of the fullest account; absent: nothing to count
    Money fullestSettled;
    Money fullestHeld;
    std::string fullestValue; ///< which account that is
    bool overrunFrozen = false;
    std::optional<TimeUs> resetsAtUs;
};
[[nodiscard]] PoolNumbers poolNumbers(const ledger::PoolState& state);
/// The same of one account alone.
[[nodiscard]] PoolNumbers accountNumbers(
    const ledger::Pool& pool, const ledger::AccountView& account);

[[nodiscard]] QString scopeWords(const ledger::Scope& scope); ///< "team search", "each session"
[[nodiscard]] QString spanWords(std::int64_t us); ///< "24 h", "7 days", "30 min"
[[nodiscard]] QString windowWords(const ledger::Window& window); ///< "a day", "for ever"
/// When an account renews: "in 3 h 12 min", "never", "each request".
[[nodiscard]] QString resetWords(
    const ledger::Window& window, const std::optional<TimeUs>& resetsAtUs, TimeUs nowUs);

class PoolTreeModel final : public SnapshotModel {
    Q_OBJECT
public:
    enum ColumnId {
        Name,
        ScopeColumn,
        WindowColumn,
        Mode,
        Bar,
        Used,
        Held,
        Cap,
        Left,
        Resets,
        Lasts,
        State,
        Columns
    };

    explicit PoolTreeModel(QObject* parent = nullptr);
    /// `recent` tells the present rate of windows without an end.
    void setPools(const std::vector<ledger::PoolState>& pools, TimeUs nowUs, bool withArchived,
        const ledger::RecentSpends& recent = {});
    [[nodiscard]] static PoolId poolOf(const QModelIndex& index); ///< also of an account's line
    /// The scope value of an account's line; empty on a pool's.
    [[nodiscard]] static QString accountOf(const QModelIndex& index);
    /// Takes a valid amount of money for Cap and hands it on; the next snapshot shows it.
    bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;

Q_SIGNALS:
    void capEdited(qint64 pool, qint64 nano);
};

} // namespace headgate::ui
