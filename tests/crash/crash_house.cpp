// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/crash/crash_house.h"

#include "core/base/clock.h"
#include "core/base/sqlite.h"

#include <QJsonArray>
#include <QProcess>
#include <QRegularExpression>

#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace headgate::crash {

using clitest::Answer;
using clitest::Ran;

namespace {

/// Qt Test ends a function after five minutes, which a loaded machine may need. ctest has a limit
/// too.
const bool isPatient = qputenv("QTEST_FUNCTION_TIMEOUT", "3600000");

std::int64_t nanoOf(const QJsonObject& row, const char* field)
{
    const auto money = Money::parse(row[QLatin1String(field)].toString().toStdString());
    return money ? money->nano() : -1;
}

/// One number from ledger.db, read beside the running program.
std::int64_t fromLedger(const std::string& home, const std::string& sql)
{
    const auto connection
        = sqlite::Connection::open({.path = home + "/ledger.db", .readOnly = true, .vfs = {}});
    const auto value
        = connection ? connection->queryInt(sql) : Result<std::int64_t>(connection.error());
    return value ? *value : -1;
}

std::string dollars(std::int64_t nano)
{
    return Money::fromNano(nano).toDecimal();
}

} // namespace

Control::Control(const std::string& path)
{
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(Shared)) != 0) {
        std::abort();
    }
    void* mapped = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (mapped == MAP_FAILED) {
        std::abort();
    }
    m_shared = static_cast<Shared*>(mapped);
}

Control::~Control()
{
    ::munmap(m_shared, sizeof(Shared));
}

std::string Point::text() const
{
    return std::string(placeNames[static_cast<std::size_t>(place)]) + "-"
        + callNames[static_cast<std::size_t>(call)] + ":" + std::to_string(count) + ":"
        + whenNames[static_cast<std::size_t>(when)];
}

std::string Compared::text() const
{
    return "charged " + dollars(charged) + ", billed " + dollars(billed)
        + ", charged without knowing " + dollars(uncertain);
}

House::House(BillingUpstream& theUpstream)
    : upstream(theUpstream),
      m_controlPath(home.tempPath() + QStringLiteral("/control"))
{
    upstream.waitUntilIdle(); // what it still produces for another home is not this one's
    m_billedBefore = upstream.billedNano();
    control = std::make_unique<Control>(m_controlPath.toStdString());
    home.setServeVariable(QStringLiteral("LD_PRELOAD"), QStringLiteral(HEADGATE_CRASH_SHIM));
    home.setServeVariable(QString::fromLatin1(controlVariable), m_controlPath);
    home.setSimLatencyPermille(5);
}

bool House::start(const std::optional<Point>& point)
{
    serving.reset();
    Shared& shared = **control;
    for (auto& count : shared.counts) {
        count = 0;
    }
    shared.killedKind = 0;
    disarm();
    if (point) {
        arm(*point);
    }
    m_startedUs = SystemClock().nowUs();
    QString messages;
    serving = clitest::Serving::start(home, &messages);
    why = messages.toStdString();
    if (serving && !serving->key.empty()) {
        key = serving->key;
    }
    return serving != nullptr;
}

void House::arm(const Point& point) const
{
    Shared& shared = **control;
    const std::size_t kind = kindOf(point.place, point.call);
    shared.armedWhen = static_cast<std::int64_t>(point.when);
    shared.armedCount = shared.counts[kind] + point.count;
    shared.armedKind = static_cast<std::int64_t>(kind) + 1;
}

void House::disarm() const
{
    (*control)->armedKind = 0;
}

std::string House::furnish(const char* cap)
{
    const std::string port = std::to_string(upstream.port());
    for (const std::string& words :
        {"providers add --name other --dialect openai --url http://127.0.0.1:" + port + "/v1",
            std::string("models add --provider other --name billed --tier 2 --input ")
                + BillingUpstream::inputPrice + " --output " + BillingUpstream::outputPrice
                + " --context 32000 --max-output 4096",
            std::string("pools add --name all --scope org --window lifetime --cap ") + cap,
            std::string("pools add --name today --scope org --window day --cap ") + cap,
            std::string("pools add --name none --scope model=sim-large --window lifetime --cap "
                        "0.000000001"),
            std::string("pools add --name side --scope team=side --window lifetime --cap 5"),
            std::string("pools archive organisation-day")}) {
        if (const Ran ran = home.run(words.c_str()); ran.code != 0) {
            return words + ": " + ran.err.toStdString();
        }
    }
    if (key.empty()) { // the first one may have died with the program
        key = home.json("keys create --name other")
                  .row()[QLatin1String("key")]
                  .toString()
                  .toStdString();
    }
    return key.empty() ? "no key could be made" : "";
}

Answer House::ask(const std::string& body) const
{
    return clitest::post(serving->port, key, body);
}

std::string House::compare()
{
    upstream.waitUntilIdle();
    const Ran verified = verb("ledger verify");
    const QString verdict = QString::fromUtf8(verified.out + verified.err);
    if (verified.code != 0) {
        return "ledger verify: " + verdict.toStdString();
    }
    compared.billed
        = nanoOf(verb("sim bill").row(), "total_usd") + upstream.billedNano() - m_billedBefore;
    bool seen = false;
    for (const QJsonObject& row : verb("pools list").rows()) {
        const auto name = row[QLatin1String("name")].toString();
        const std::int64_t settled = nanoOf(row, "settled_usd");
        const std::int64_t lifetime = nanoOf(row, "lifetime_settled_usd");
        const std::int64_t cap = nanoOf(row, "cap_usd") + nanoOf(row, "topped_up_usd");
        if (nanoOf(row, "held_usd") != 0) {
            return name.toStdString() + " still holds " + dollars(nanoOf(row, "held_usd"));
        }
        if (settled > cap) {
            return name.toStdString() + " was charged " + dollars(settled) + " over its cap "
                + dollars(cap);
        }
        if (name == QLatin1String("all")) {
            compared.charged = settled;
            seen = true;
        } else if (name == QLatin1String("today") && lifetime < compared.billed) {
            return "today was charged " + dollars(lifetime) + ", billed "
                + dollars(compared.billed);
        }
    }
    const std::string path = home.path().toStdString();
    const std::string sum = "SELECT ifnull(sum(charged), 0) FROM hold WHERE state ";
    compared.unknown = fromLedger(path, sum + "= 5");
    compared.uncertain = fromLedger(path, sum + "IN (4, 5)");
    if (!seen || compared.uncertain < 0) {
        return "the books cannot be read";
    }
    if (compared.billed > compared.charged
        || compared.charged - compared.billed > compared.uncertain) {
        return compared.text();
    }
    return explainRecovery();
}

/// What the start charged in full stands in the journal as that, and was said.
std::string House::explainRecovery()
{
    const auto charged = fromLedger(home.path().toStdString(),
        "SELECT count(*) FROM entry WHERE kind = 4 AND at_us >= " + std::to_string(m_startedUs));
    const auto silent = fromLedger(home.path().toStdString(),
        "SELECT count(*) FROM hold WHERE state = 5 AND id NOT IN "
        "(SELECT hold_id FROM entry WHERE kind = 4)");
    (void)serving->isAlive();
    const QString errors = QString::fromUtf8(serving->errors());
    static const QRegularExpression said(
        QStringLiteral("(\\d+) calls? w\\w+ under way when Headgate last ended"));
    const auto match = said.match(errors);
    const std::int64_t saidCount = match.hasMatch() ? match.captured(1).toLongLong() : 0;
    if (charged != saidCount || silent != 0) {
        return std::to_string(charged) + " calls were charged in full at the start, "
            + std::to_string(saidCount) + " were said, " + std::to_string(silent)
            + " are not in the journal; it wrote: " + errors.toStdString();
    }
    return {};
}

std::string House::admits() const
{
    const Answer answer = ask(clitest::chatBody("sim-small", "Hello.", 1));
    return answer.status == 200
        ? std::string()
        : "a request that fits got " + std::to_string(answer.status) + ": " + answer.body;
}

std::uint64_t crashSeed()
{
    QByteArray text = qgetenv("HEADGATE_CRASH_SEED");
    int base = 10;
    if (text.isEmpty()) {
        QProcess git;
        git.start(QStringLiteral("git"),
            {QStringLiteral("-C"), QStringLiteral(HEADGATE_SOURCE_DIR), QStringLiteral("rev-parse"),
                QStringLiteral("HEAD")});
        git.waitForFinished();
        text = git.readAllStandardOutput().left(8);
        base = 16;
    }
    return text.toULongLong(nullptr, base);
}

} // namespace headgate::crash
