// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A thin layer over the SQLite C API: opening with the right pragmas, statements with bound
// parameters, transactions that roll back unless committed, numbered migrations with a backup.
// A connection and its statements belong to one thread at a time. Never throws, never retries:
// every failure is an Error that says what to do. Library headgate_sqlite.

#include "core/base/result.h"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace headgate::sqlite {

struct OpenOptions {
    std::string path;
    bool readOnly = false; ///< does not create, does not migrate
    bool powerSafe = false; ///< synchronous=FULL; false: NORMAL (survives a kill, not a power cut)
    int busyTimeoutMs = 2'000; ///< how long to wait for another process's lock
    int walAutocheckpointPages = 1'000; ///< 0: the owner checkpoints itself
    std::string vfs; ///< empty: the system's; tests name a faulty one
};

/// What a result code means to a person: full disk, lock, damage, permissions, each with a remedy.
[[nodiscard]] Error errorFor(int resultCode, std::string_view doing, std::string_view detail);

/// A prepared statement. Bind errors are kept and reported by the next step().
class Statement {
public:
    Statement() = default;

    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, int value) { return bind(index, static_cast<std::int64_t>(value)); }
    Statement& bind(int index, bool value) = delete; ///< say 0 or 1: which one is meant is clearer
    Statement& bind(int index, std::string_view text); ///< copied
    Statement& bind(int index, const std::string& text)
    {
        return bind(index, std::string_view(text));
    }
    Statement& bind(int index, const char* text) { return bind(index, std::string_view(text)); }
    Statement& bindBlob(int index, std::string_view bytes); ///< copied
    Statement& bindReal(int index, double value); ///< scores and features only, never money
    Statement& bindNull(int index);
    /// Binds all from the first parameter on.
    template <typename... Args>
    Statement& bindAll(const Args&... args)
    {
        int index = 0;
        (bind(++index, args), ...);
        return *this;
    }

    /// True: a row is there. False: done, and the statement is reset for the next use.
    /// On an error the statement is reset too.
    [[nodiscard]] Result<bool> step();
    /// Steps to the end and resets; rows are ignored.
    [[nodiscard]] Result<void> run();
    void reset(); ///< needed only when a query is left before its last row

    [[nodiscard]] std::int64_t columnInt(int column) const;
    [[nodiscard]] double columnReal(int column) const;
    [[nodiscard]] std::string columnText(int column) const; ///< also the bytes of a blob
    [[nodiscard]] std::string_view columnView(int column) const; ///< valid until the next step
    [[nodiscard]] bool columnIsNull(int column) const;
    [[nodiscard]] int columnCount() const;
    [[nodiscard]] bool isValid() const { return m_statement != nullptr; }

private:
    friend class Connection;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Finalize> m_statement;
    int m_bindError = SQLITE_OK;
};

class Connection {
public:
    Connection() = default;
    /// Opens (and, unless read-only, creates with owner-only permissions), sets WAL, foreign keys,
    /// synchronous and the busy timeout, and proves that the file can be read.
    [[nodiscard]] static Result<Connection> open(const OpenOptions& options);

    [[nodiscard]] Result<Statement> prepare(std::string_view sql) const;
    /// One or several statements without parameters.
    [[nodiscard]] Result<void> exec(const std::string& sql) const;
    /// First column of the first row; NotFound when there is no row.
    [[nodiscard]] Result<std::int64_t> queryInt(std::string_view sql) const;

    [[nodiscard]] std::int64_t changes() const; ///< rows of the last INSERT, UPDATE or DELETE
    [[nodiscard]] std::int64_t lastInsertRowId() const;
    [[nodiscard]] const std::string& path() const { return m_path; }
    [[nodiscard]] bool isOpen() const { return m_handle != nullptr; }
    [[nodiscard]] sqlite3* handle() const { return m_handle.get(); }
    /// Stops a running query of this connection from another thread (it fails with Unavailable).
    void interrupt() const;
    void close() { m_handle.reset(); } ///< statements must be gone before

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> m_handle;
    std::string m_path;
};

/// Rolls back when destroyed without a successful commit().
class Transaction {
public:
    enum class Mode {
        Immediate, ///< takes the write lock at once: no surprise in the middle
        Read ///< one consistent snapshot for several queries
    };
    [[nodiscard]] static Result<Transaction> begin(
        const Connection& connection, Mode mode = Mode::Immediate);
    Transaction(Transaction&& other) noexcept
        : m_connection(std::exchange(other.m_connection, nullptr))
    {
    }
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction() { rollback(); }
    [[nodiscard]] Result<void> commit(); ///< rolled back when it fails
    void rollback();

private:
    explicit Transaction(const Connection& connection) : m_connection(&connection) { }
    const Connection* m_connection = nullptr;
};

/// Brings the file to version steps.size() (PRAGMA user_version); step i leads from i to i + 1,
/// each in its own transaction. A file of an older version with data is first copied to
/// "PATH.v<old>.bak". A newer file is refused (TooNew) and left untouched.
[[nodiscard]] Result<void> migrate(const Connection& connection,
    std::span<const std::string_view> steps, std::string_view fileName);
/// Only the check of migrate(): the file has exactly version `version`. For read-only opening.
[[nodiscard]] Result<void> requireVersion(
    const Connection& connection, int version, std::string_view fileName);

} // namespace headgate::sqlite
