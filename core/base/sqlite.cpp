// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/sqlite.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#ifndef _WIN32
#include <fcntl.h>
#include <unistd.h>
#endif

namespace headgate::sqlite {

namespace {

struct Meaning {
    ErrorCode code;
    const char* what;
    const char* remedy;
};

Meaning meaningOf(int resultCode)
{
    // The shared index of the log cannot grow: nothing but space is asked of the disk there.
    switch (resultCode == SQLITE_IOERR_SHMSIZE ? SQLITE_FULL : resultCode & 0xff) {
    case SQLITE_FULL:
        return {ErrorCode::Io, "the disk is full",
            "Free some space on this disk; Headgate goes on by itself."};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return {ErrorCode::Unavailable, "another program has locked the file",
            "Close the other program that uses this file, then try again."};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return {ErrorCode::Corrupt, "the file is damaged or is not a database",
            "Restore it from a backup (the .bak file beside it, if there is one)."};
    case SQLITE_CANTOPEN:
        return {ErrorCode::Io, "the file cannot be opened or created",
            "Check that the folder exists and that you may write to it."};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return {ErrorCode::Io, "the file or its folder may not be written to",
            "Give your user write permission on the file and its folder."};
    case SQLITE_IOERR:
        return {ErrorCode::Io, "reading or writing the disk failed",
            "Check the disk and the system log, then try again."};
    case SQLITE_NOMEM:
        return {ErrorCode::Unavailable, "there is not enough memory", "Close other programs."};
    case SQLITE_INTERRUPT:
        return {ErrorCode::Unavailable, "it was interrupted", ""};
    default:
        return {ErrorCode::Internal, "the database refused it", ""};
    }
}

/// The mode of a new file must be right before the first byte is in it; WAL and shm files inherit
/// it.
void createForOwnerOnly(const std::string& path)
{
#ifndef _WIN32
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ::close(fd);
    }
#else
    static_cast<void>(path); // the user's profile folder is private on Windows
#endif
}

Error newerFile(std::string_view fileName, std::int64_t found, std::int64_t known)
{
    return Error(ErrorCode::TooNew,
        fmt::format("{} was written by a newer Headgate (format {}, this program knows {}).",
            fileName, found, known),
        "Install the newer Headgate, or restore the backup that it made before upgrading the "
        "file.");
}

Result<void> backUp(const Connection& connection, std::int64_t version)
{
    const std::string target = fmt::format("{}.v{}.bak", connection.path(), version);
    std::error_code ignored;
    std::filesystem::remove(target, ignored); // VACUUM INTO wants no file there
    auto statement = connection.prepare("VACUUM INTO ?1");
    if (!statement) {
        return statement.error();
    }
    return statement->bind(1, target).run();
}

Result<void> applyStep(const Connection& connection, std::string_view sql, std::size_t version)
{
    auto transaction = Transaction::begin(connection);
    if (!transaction) {
        return transaction.error();
    }
    if (auto done = connection.exec(std::string(sql)); !done) {
        return done;
    }
    if (auto done = connection.exec(fmt::format("PRAGMA user_version = {}", version)); !done) {
        return done;
    }
    return transaction->commit();
}

} // namespace

Error errorFor(int resultCode, std::string_view doing, std::string_view detail)
{
    const Meaning meaning = meaningOf(resultCode);
    return Error(meaning.code,
        fmt::format("{} failed: {} ({}, code {}).", doing, meaning.what, detail, resultCode),
        meaning.remedy);
}

// --- Statement

Statement& Statement::bind(int index, std::int64_t value)
{
    const int code = sqlite3_bind_int64(m_statement.get(), index, value);
    m_bindError = m_bindError == SQLITE_OK ? code : m_bindError;
    return *this;
}

Statement& Statement::bind(int index, std::string_view text)
{
    // A null pointer would bind NULL; an empty text is meant.
    const char* data = text.data() == nullptr ? "" : text.data();
    const int code = sqlite3_bind_text64(m_statement.get(), index, data,
        static_cast<sqlite3_uint64>(text.size()), SQLITE_TRANSIENT, SQLITE_UTF8); // NOLINT
    m_bindError = m_bindError == SQLITE_OK ? code : m_bindError;
    return *this;
}

Statement& Statement::bindBlob(int index, std::string_view bytes)
{
    const char* data = bytes.data() == nullptr ? "" : bytes.data();
    const int code = sqlite3_bind_blob64(m_statement.get(), index, data,
        static_cast<sqlite3_uint64>(bytes.size()), SQLITE_TRANSIENT); // NOLINT
    m_bindError = m_bindError == SQLITE_OK ? code : m_bindError;
    return *this;
}

Statement& Statement::bindReal(int index, double value)
{
    const int code = sqlite3_bind_double(m_statement.get(), index, value);
    m_bindError = m_bindError == SQLITE_OK ? code : m_bindError;
    return *this;
}

Statement& Statement::bindNull(int index)
{
    const int code = sqlite3_bind_null(m_statement.get(), index);
    m_bindError = m_bindError == SQLITE_OK ? code : m_bindError;
    return *this;
}

Result<bool> Statement::step()
{
    if (!m_statement) {
        return Error(ErrorCode::Internal, "A statement was used that was never prepared.");
    }
    if (m_bindError != SQLITE_OK) {
        const int code = std::exchange(m_bindError, SQLITE_OK);
        sqlite3_reset(m_statement.get());
        return errorFor(code, "Binding a parameter", sqlite3_errstr(code));
    }
    const int code = sqlite3_step(m_statement.get());
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code == SQLITE_DONE) {
        sqlite3_reset(m_statement.get());
        return false;
    }
    sqlite3* handle = sqlite3_db_handle(m_statement.get());
    const char* file = sqlite3_db_filename(handle, "main");
    const Error error = errorFor(sqlite3_extended_errcode(handle),
        fmt::format("Using {}", file == nullptr || *file == '\0' ? "the database" : file),
        sqlite3_errmsg(handle));
    sqlite3_reset(m_statement.get());
    return error;
}

Result<void> Statement::run()
{
    for (;;) {
        const auto row = step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return {};
        }
    }
}

void Statement::reset()
{
    m_bindError = SQLITE_OK;
    sqlite3_reset(m_statement.get());
}

std::int64_t Statement::columnInt(int column) const
{
    return sqlite3_column_int64(m_statement.get(), column);
}

double Statement::columnReal(int column) const
{
    return sqlite3_column_double(m_statement.get(), column);
}

std::string Statement::columnText(int column) const
{
    return std::string(columnView(column));
}

std::string_view Statement::columnView(int column) const
{
    const void* data = sqlite3_column_blob(m_statement.get(), column);
    const int bytes = sqlite3_column_bytes(m_statement.get(), column);
    return data == nullptr
        ? std::string_view()
        : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(bytes));
}

bool Statement::columnIsNull(int column) const
{
    return sqlite3_column_type(m_statement.get(), column) == SQLITE_NULL;
}

int Statement::columnCount() const
{
    return sqlite3_column_count(m_statement.get());
}

// --- Connection

Result<Connection> Connection::open(const OpenOptions& options)
{
    if (!options.readOnly) {
        createForOwnerOnly(options.path);
    }
    Connection connection;
    connection.m_path = options.path;
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_NOMUTEX
        | (options.readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    const int code = sqlite3_open_v2(
        options.path.c_str(), &handle, flags, options.vfs.empty() ? nullptr : options.vfs.c_str());
    connection.m_handle.reset(handle);
    if (code != SQLITE_OK) {
        return errorFor(code, "Opening " + options.path,
            handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle));
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, options.busyTimeoutMs);
    std::string pragmas
        = "PRAGMA foreign_keys=ON;PRAGMA trusted_schema=OFF;PRAGMA temp_store=MEMORY;";
    if (!options.readOnly) {
        pragmas += fmt::format(
            "PRAGMA journal_mode=WAL;PRAGMA synchronous={};PRAGMA wal_autocheckpoint={};",
            options.powerSafe ? "FULL" : "NORMAL", options.walAutocheckpointPages);
    }
    if (auto done = connection.exec(pragmas); !done) {
        return done.error();
    }
    if (auto readable = connection.queryInt("SELECT count(*) FROM sqlite_schema"); !readable) {
        return readable.error();
    }
    return connection;
}

Result<Statement> Connection::prepare(std::string_view sql) const
{
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(m_handle.get(), sql.data(), static_cast<int>(sql.size()),
        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    Statement statement;
    statement.m_statement.reset(raw);
    if (code != SQLITE_OK) {
        return errorFor(code, "Using " + m_path, sqlite3_errmsg(m_handle.get()));
    }
    return statement;
}

Result<void> Connection::exec(const std::string& sql) const
{
    const int code = sqlite3_exec(m_handle.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        return errorFor(code, "Using " + m_path, sqlite3_errmsg(m_handle.get()));
    }
    return {};
}

Result<std::int64_t> Connection::queryInt(std::string_view sql) const
{
    auto statement = prepare(sql);
    if (!statement) {
        return statement.error();
    }
    const auto row = statement->step();
    if (!row) {
        return row.error();
    }
    if (!*row) {
        return Error(ErrorCode::NotFound, "The query found nothing.");
    }
    return statement->columnInt(0);
}

std::int64_t Connection::changes() const
{
    return sqlite3_changes64(m_handle.get());
}

std::int64_t Connection::lastInsertRowId() const
{
    return sqlite3_last_insert_rowid(m_handle.get());
}

void Connection::interrupt() const
{
    sqlite3_interrupt(m_handle.get());
}

// --- Transaction

Result<Transaction> Transaction::begin(const Connection& connection, Mode mode)
{
    const auto begun = connection.exec(mode == Mode::Immediate ? "BEGIN IMMEDIATE" : "BEGIN");
    if (!begun) {
        return begun.error();
    }
    return Transaction(connection);
}

Result<void> Transaction::commit()
{
    auto done = m_connection->exec("COMMIT");
    if (!done) {
        rollback();
    }
    m_connection = nullptr;
    return done;
}

void Transaction::rollback()
{
    const Connection* connection = std::exchange(m_connection, nullptr);
    // After some errors (full disk) SQLite has rolled back by itself; a second one would only
    // complain.
    if (connection != nullptr && sqlite3_get_autocommit(connection->handle()) == 0) {
        sqlite3_exec(connection->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

// --- Migrations

Result<void> migrate(const Connection& connection, std::span<const std::string_view> steps,
    std::string_view fileName)
{
    const auto found = connection.queryInt("PRAGMA user_version");
    if (!found) {
        return found.error();
    }
    const auto known = static_cast<std::int64_t>(steps.size());
    if (*found > known) {
        return newerFile(fileName, *found, known);
    }
    if (*found == 0) {
        const auto objects = connection.queryInt("SELECT count(*) FROM sqlite_schema");
        if (!objects) {
            return objects.error();
        }
        if (*objects != 0) {
            return Error(ErrorCode::Corrupt,
                fmt::format("{} is a database, but not one that Headgate made.", connection.path()),
                "Move it away or choose another folder.");
        }
    } else if (*found < known) {
        if (auto saved = backUp(connection, *found); !saved) {
            return saved;
        }
    }
    for (auto version = static_cast<std::size_t>(*found); version < steps.size(); ++version) {
        if (auto done = applyStep(connection, steps[version], version + 1); !done) {
            return done;
        }
    }
    return {};
}

Result<void> requireVersion(const Connection& connection, int version, std::string_view fileName)
{
    const auto found = connection.queryInt("PRAGMA user_version");
    if (!found) {
        return found.error();
    }
    if (*found > version) {
        return newerFile(fileName, *found, version);
    }
    if (*found < version) {
        return Error(ErrorCode::Unsupported,
            fmt::format("{} has the older format {}.", fileName, *found),
            "Start Headgate once: it upgrades the file and keeps a backup.");
    }
    return {};
}

} // namespace headgate::sqlite
