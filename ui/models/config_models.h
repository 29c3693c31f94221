// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Providers, models and client keys as live tables over one configuration snapshot. Edits are
// handed on as signals; what is shown is only ever what the service says. GUI thread only.

#include "ui/models/snapshot_model.h"

// After Qt: moc stumbles over the standard library when it meets it first.
#include "core/service/provider_status.h"
#include "core/tokens/margins.h"

#include <map>

namespace headgate::ui {

class ProviderModel final : public SnapshotModel {
    Q_OBJECT
public:
    enum ColumnId { Name, Kind, Url, KeyColumn, Models, State, Calls, Errors, Test, Columns };
    explicit ProviderModel(QObject* parent = nullptr);
    struct Live {
        std::vector<service::ProviderStatus> statuses;
        QString keysKept; ///< "Keys are kept in the OS keychain."
        /// What the last probe of a provider said; an entry that starts with "!" is a problem.
        std::map<std::string, QString> tests;
        TimeUs nowUs = 0;
    };
    void setConfig(const service::Config& config, const Live& live);
};

/// The state of a provider in a few words and its tone: "Exhausted until 2026-12-01 00:00".
struct StateWords {
    QString text;
    Chip::Tone tone = Chip::Tone::Neutral;
    QString more; ///< why, in full
};
[[nodiscard]] StateWords stateWords(
    const catalog::Provider& provider, const service::ProviderStatus& status, TimeUs nowUs);
/// When it ends, as short as it can be said: "15:58:10", "23 Nov 15:58".
[[nodiscard]] QString momentWords(TimeUs atUs, TimeUs nowUs);
/// Of one model or key.
[[nodiscard]] StateWords stateWords(const proxy::HealthRow& row, TimeUs nowUs);
/// "OpenAI-compatible", "Anthropic", …
[[nodiscard]] QString dialectWords(const catalog::Provider& provider);
/// "3 of 120".
[[nodiscard]] QString errorWords(const service::ProviderStatus& status);
/// "2 of 8, 1 waits".
[[nodiscard]] QString callsWords(
    const catalog::Provider& provider, const service::ProviderStatus& status);

class CatalogModel final : public SnapshotModel {
    Q_OBJECT
public:
    enum ColumnId {
        Name,
        ProviderColumn,
        Tier,
        ContextColumn,
        Input,
        Output,
        CacheRead,
        CacheWrite,
        Effective,
        Source,
        Age,
        MarginColumn,
        Fallbacks,
        Enabled,
        Columns
    };
    explicit CatalogModel(QObject* parent = nullptr);
    void setConfig(const service::Config& config, TimeUs nowUs,
        const std::vector<tokens::Margin>& margins = {});
    /// Takes a price per million as text, a tier or a check mark and hands it on.
    bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;

Q_SIGNALS:
    void priceEdited(const QString& modelId, int column, qint64 pico);
    void tierEdited(const QString& modelId, int tier);
    void enabledEdited(const QString& modelId, bool enabled);
};

class KeyModel final : public SnapshotModel {
    Q_OBJECT
public:
    enum ColumnId { Name, Hint, Team, User, Tags, Created, LastUsed, Expires, State, Columns };
    explicit KeyModel(QObject* parent = nullptr);
    void setKeys(const std::vector<service::KeyRecord>& keys,
        const std::map<KeyId, TimeUs>& lastUsed, TimeUs nowUs, bool withRevoked);
};

/// A copy of `model` with one price changed from `nowUs` on; earlier sheets stay as they were.
[[nodiscard]] catalog::Model withPrice(
    const catalog::Model& model, int column, Price price, TimeUs nowUs);

/// "55 days old", "today", "built in".
[[nodiscard]] QString ageWords(const catalog::PriceSheet& sheet, TimeUs nowUs);
/// "book of 2026-09-28, 55 days old" or "set by you on 2026-11-22, today".
[[nodiscard]] QString priceAgeWords(const catalog::PriceSheet& sheet, TimeUs nowUs);

/// All sheets of a model, newest first, one line each.
[[nodiscard]] QString priceHistory(const catalog::Model& model);

} // namespace headgate::ui
