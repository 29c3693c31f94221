// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The SQL of ledger.db, one step a format version. A step that was released is never edited.

#include <array>
#include <string_view>

namespace headgate::ledger {

/// `over_allowed` records that an overrun, an adjustment or a lowered cap explains a balance above
/// the limit; without it the CHECK refuses such a row. `base_*` is what was compared with the
/// journal up to meta('sealed_sequence'); holds up to meta('sealed_hold') have ended, so that the
/// open ones are found without an index, which would cost every hold two more pages.
inline constexpr std::string_view schemaStep1 = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('sealed_sequence', 0), ('sealed_hold', 0);
CREATE TABLE scratch (bytes BLOB NOT NULL) STRICT;

CREATE TABLE pool (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    period TEXT NOT NULL,
    cap INTEGER NOT NULL CHECK (cap >= 0),
    hard INTEGER NOT NULL CHECK (hard IN (0, 1)),
    reserve_percent INTEGER NOT NULL CHECK (reserve_percent BETWEEN 0 AND 100),
    zone TEXT NOT NULL,
    fiscal_start_day INTEGER NOT NULL CHECK (fiscal_start_day BETWEEN 1 AND 28),
    frozen INTEGER NOT NULL CHECK (frozen IN (0, 1)),
    archived INTEGER NOT NULL CHECK (archived IN (0, 1))
) STRICT;

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    pool_id INTEGER NOT NULL REFERENCES pool (id),
    value TEXT NOT NULL,
    window_start_us INTEGER NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0 CHECK (settled >= 0),
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    topped_up INTEGER NOT NULL DEFAULT 0 CHECK (topped_up >= 0),
    carried INTEGER NOT NULL DEFAULT 0,
    limit_nano INTEGER,
    frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)),
    over_allowed INTEGER NOT NULL DEFAULT 0 CHECK (over_allowed IN (0, 1)),
    base_settled INTEGER NOT NULL DEFAULT 0,
    base_held INTEGER NOT NULL DEFAULT 0,
    base_topped_up INTEGER NOT NULL DEFAULT 0,
    CHECK (limit_nano IS NULL OR over_allowed = 1 OR settled + held <= limit_nano)
) STRICT;
CREATE UNIQUE INDEX account_key ON account (pool_id, window_start_us, value);

CREATE TABLE account_set_member (
    set_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (set_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE hold (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    charged INTEGER CHECK (charged >= 0),
    set_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    ended_us INTEGER,
    CHECK ((state IN (0, 1)) = (charged IS NULL)),
    CHECK ((state IN (0, 1)) = (ended_us IS NULL)),
    CHECK (state <> 3 OR charged = 0)
) STRICT;

CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    carry INTEGER NOT NULL CHECK (carry IN (0, 1)),
    hold_id INTEGER NOT NULL,
    set_id INTEGER NOT NULL,
    held_delta INTEGER NOT NULL,
    settled_delta INTEGER NOT NULL,
    topped_delta INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TRIGGER entry_is_final BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'journal lines are never edited'); END;
CREATE TRIGGER entry_stays BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'journal lines are never deleted'); END;
)sql";

/// Windows without a calendar, and ended accounts that cost nothing. `archived`: 0 live, 2 ended
/// since the last seal, 1 ended and sealed; pool.archived_settled is what ended ones were charged.
/// `anchor_us` and `remainder` belong to token buckets, account_slot to sliding windows. A column
/// `session` marks accounts that begin with a call, of which the newest one is looked up.
inline constexpr std::string_view schemaStep2 = R"sql(
ALTER TABLE pool ADD COLUMN archived_settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN last_use_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN anchor_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN remainder INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN session INTEGER NOT NULL DEFAULT 0 CHECK (session IN (0, 1));
ALTER TABLE account ADD COLUMN archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1, 2));
UPDATE account SET last_use_us = ifnull((SELECT at_us FROM entry ORDER BY seq DESC LIMIT 1), 0);
CREATE INDEX account_live ON account (pool_id, window_start_us) WHERE archived = 0;
CREATE INDEX account_unsealed ON account (id) WHERE archived = 2;
CREATE INDEX account_session ON account (pool_id, value, window_start_us) WHERE session = 1;
CREATE TABLE account_slot (
    account_id INTEGER NOT NULL REFERENCES account (id),
    start_us INTEGER NOT NULL,
    settled INTEGER NOT NULL CHECK (settled >= 0),
    topped_up INTEGER NOT NULL CHECK (topped_up >= 0),
    PRIMARY KEY (account_id, start_us)
) STRICT, WITHOUT ROWID;
)sql";

inline constexpr std::array<std::string_view, 2> schemaSteps{schemaStep1, schemaStep2};

} // namespace headgate::ledger
