// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>
#include <QTest>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace {

struct Source {
    QString path; ///< below the root, "core/base/money.h"
    QString room; ///< "base" for core/base, else "core", "ui", "app", "tests"
    QStringList lines; ///< as written
    QStringList code; ///< without comments and the contents of strings
};

QString roomOf(const QString& path)
{
    const QStringList parts = path.split(QLatin1Char('/'));
    if (parts.size() > 2 && parts[0] == QLatin1String("core")) {
        return parts[1];
    }
    return parts[0];
}

/// Blanks comments and string contents, so that words in them do not count.
QStringList codeOf(const QString& text)
{
    QString out = text;
    enum class In { Code, Line, Block, String, Char } in = In::Code;
    for (int i = 0; i < out.size(); ++i) {
        const QChar c = out[i];
        const QChar next = i + 1 < out.size() ? out[i + 1] : QChar();
        if (c == QLatin1Char('\n')) {
            in = in == In::Block ? In::Block : In::Code;
            continue;
        }
        switch (in) {
        case In::Code:
            if (c == QLatin1Char('/') && next == QLatin1Char('/')) {
                in = In::Line;
                out[i] = QLatin1Char(' ');
            } else if (c == QLatin1Char('/') && next == QLatin1Char('*')) {
                in = In::Block;
                out[i] = QLatin1Char(' ');
            } else if (c == QLatin1Char('"')) {
                in = In::String;
            } else if (c == QLatin1Char('\'') && (i == 0 || !out[i - 1].isLetterOrNumber())) {
                in = In::Char;
            }
            break;
        case In::Line:
            out[i] = QLatin1Char(' ');
            break;
        case In::Block:
            if (c == QLatin1Char('*') && next == QLatin1Char('/')) {
                out[i + 1] = QLatin1Char(' ');
                in = In::Code;
            }
            out[i] = QLatin1Char(' ');
            break;
        case In::String:
        case In::Char: {
            const QChar close = in == In::String ? QLatin1Char('"') : QLatin1Char('\'');
            if (c == QLatin1Char('\\')) {
                out[i] = QLatin1Char(' ');
                if (next != QLatin1Char('\n') && i + 1 < out.size()) {
                    out[++i] = QLatin1Char(' ');
                }
            } else if (c == close) {
                in = In::Code;
            } else {
                out[i] = QLatin1Char(' ');
            }
            break;
        }
        }
    }
    return out.split(QLatin1Char('\n'));
}

QString readAll(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

const QDir& root()
{
    static const QDir dir(QStringLiteral(HEADGATE_SOURCE_DIR));
    return dir;
}

const std::vector<Source>& sources()
{
    static const std::vector<Source> all = [] {
        std::vector<Source> list;
        for (const char* top : {"core", "ui", "app", "tests"}) {
            QDirIterator it(root().filePath(QString::fromLatin1(top)),
                {QStringLiteral("*.h"), QStringLiteral("*.cpp")}, QDir::Files,
                QDirIterator::Subdirectories);
            while (it.hasNext()) {
                const QString path = root().relativeFilePath(it.next());
                if (path.contains(QLatin1String("node_modules"))) {
                    continue;
                }
                const QString text = readAll(root().filePath(path));
                list.push_back({path, roomOf(path), text.split(QLatin1Char('\n')), codeOf(text)});
            }
        }
        std::sort(list.begin(), list.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
        return list;
    }();
    return all;
}

QString at(const Source& source, qsizetype line)
{
    return QStringLiteral("%1:%2: %3")
        .arg(source.path)
        .arg(line + 1)
        .arg(source.lines[line].trimmed());
}

/// Every line of code that matches, in files that `applies` to.
template <typename Applies>
QStringList linesMatching(const QRegularExpression& pattern, Applies applies)
{
    QStringList found;
    for (const Source& source : sources()) {
        if (!applies(source)) {
            continue;
        }
        for (qsizetype i = 0; i < source.code.size(); ++i) {
            if (pattern.match(source.code[i]).hasMatch()) {
                found << at(source, i);
            }
        }
    }
    return found;
}

/// Includes keep their file names in `lines`; in `code` the quotes are empty.
template <typename Applies>
QStringList includesMatching(const QRegularExpression& pattern, Applies applies)
{
    QStringList found;
    for (const Source& source : sources()) {
        if (!applies(source)) {
            continue;
        }
        for (qsizetype i = 0; i < source.lines.size(); ++i) {
            if (source.lines[i].startsWith(QLatin1String("#include"))
                && pattern.match(source.lines[i]).hasMatch()) {
                found << at(source, i);
            }
        }
    }
    return found;
}

bool inCore(const Source& source)
{
    return source.path.startsWith(QLatin1String("core/"));
}
bool isProduct(const Source& source)
{
    return !source.path.startsWith(QLatin1String("tests/"));
}

QByteArray report(const QStringList& found)
{
    return (QStringLiteral("%1 broken:\n  ").arg(found.size()) + found.join(QLatin1String("\n  ")))
        .toUtf8();
}

#define NONE(found)                                                                                \
    do {                                                                                           \
        const QStringList brokenLines = (found);                                                   \
        QVERIFY2(brokenLines.isEmpty(), report(brokenLines).constData());                          \
    } while (false)

/// What each room may include besides itself and base.
const std::map<QString, std::set<QString>>& arrows()
{
    static const std::map<QString, std::set<QString>> all = [] {
        const auto names = [](const char* words) {
            const QStringList list
                = QString::fromLatin1(words).split(QLatin1Char(' '), Qt::SkipEmptyParts);
            return std::set<QString>(list.begin(), list.end());
        };
        std::map<QString, std::set<QString>> map;
        map[QStringLiteral("base")] = {};
        map[QStringLiteral("catalog")] = {};
        map[QStringLiteral("tokens")] = {};
        map[QStringLiteral("classify")] = {};
        map[QStringLiteral("ledger")] = names("catalog tokens");
        map[QStringLiteral("wire")] = names("catalog tokens ledger");
        map[QStringLiteral("routing")] = names("catalog tokens ledger wire");
        map[QStringLiteral("activity")] = names("catalog tokens ledger wire routing");
        map[QStringLiteral("proxy")] = names("catalog tokens ledger wire routing activity");
        map[QStringLiteral("evaluate")] = names("catalog tokens ledger wire routing classify");
        map[QStringLiteral("service")] = names("catalog tokens ledger wire routing activity proxy");
        map[QStringLiteral("ui")]
            = names("catalog tokens ledger wire routing activity proxy service");
        map[QStringLiteral("app")] = names(
            "catalog tokens ledger wire routing activity proxy service ui classify evaluate");
        return map;
    }();
    return all;
}

} // namespace

class TestArch : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void findsSources()
    {
        QVERIFY(sources().size() > 40);
        QCOMPARE(codeOf(QStringLiteral("a // double\n\"float\" b /* double\n x */ c")),
            QStringList({QStringLiteral("a          "), QStringLiteral("\"     \" b          "),
                QStringLiteral("      c")}));
    }

    void includesFollowTheArrows()
    {
        static const QRegularExpression ours(
            QStringLiteral("^#include \"(core/([a-z_]+)/|ui/|app/|core/)"));
        QStringList found;
        for (const Source& source : sources()) {
            const auto allowed = arrows().find(source.room);
            if (allowed == arrows().end()) {
                continue; // tests may include anything
            }
            for (qsizetype i = 0; i < source.lines.size(); ++i) {
                const auto match = ours.match(source.lines[i]);
                if (!match.hasMatch()) {
                    continue;
                }
                const QString target = match.captured(2).isEmpty() ? match.captured(1).chopped(1)
                                                                   : match.captured(2);
                if (target != source.room && target != QLatin1String("base")
                    && !allowed->second.contains(target)) {
                    found << at(source, i);
                }
            }
        }
        NONE(found);
    }

    void includesNameTheirFolder()
    {
        // A bare "name.h" would hide an include from the test above. Generated files have none.
        static const QRegularExpression bare(QStringLiteral("^#include \"[^/\"]+\""));
        static const QRegularExpression generated(
            QStringLiteral("\\.moc\"|\"moc_|\"ui_|headgate_config|unicode_tables"));
        QStringList found;
        for (const Source& source : sources()) {
            for (qsizetype i = 0; isProduct(source) && i < source.lines.size(); ++i) {
                if (bare.match(source.lines[i]).hasMatch()
                    && !generated.match(source.lines[i]).hasMatch()) {
                    found << at(source, i);
                }
            }
        }
        NONE(found);
    }

    void moneyHasNoFloatingPoint()
    {
        static const QRegularExpression floating(QStringLiteral(
            "\\b(float|double|long double|std::stod|std::stof|strtod|toDouble|atof)\\b"));
        // Scores and latencies may be real numbers, money, prices, tokens and limits not; these
        // rooms hold only the latter. bindReal and columnReal of the SQLite layer and get_double of
        // the usage reader are named for what they refuse or carry; an embedding is a vector of
        // real numbers.
        static const QStringList places{QStringLiteral("core/base/"),
            QStringLiteral("core/ledger/"), QStringLiteral("core/catalog/"),
            QStringLiteral("core/tokens/"), QStringLiteral("core/routing/plan"),
            QStringLiteral("core/proxy/")};
        static const QStringList exempt{QStringLiteral("core/base/sqlite.h"),
            QStringLiteral("core/base/sqlite.cpp"), QStringLiteral("core/proxy/sim_embed.cpp")};
        NONE(linesMatching(floating, [](const Source& source) {
            return !exempt.contains(source.path)
                && std::any_of(places.begin(), places.end(),
                    [&](const QString& place) { return source.path.startsWith(place); });
        }));
    }

    void moneyNamesHaveNoFloatingPointAnywhere()
    {
        static const QRegularExpression pattern(
            QStringLiteral("\\b(float|double)\\s+\\w*([Cc]ost|[Pp]rice|[Mm]oney|[Nn]ano|[Pp]ico|["
                           "Uu]sd|[Cc]ap)\\b"));
        // Charts draw in pixels; what they draw is converted at the last step in ui/charts.
        NONE(linesMatching(pattern, [](const Source& source) {
            return isProduct(source) && !source.path.startsWith(QLatin1String("ui/charts/"));
        }));
    }

    void coreHasNoScreen()
    {
        static const QRegularExpression pattern(QStringLiteral(
            "<Q(Widget|Application|GuiApplication|Dialog|MainWindow|AbstractItem|AbstractTable|"
            "AbstractList|Item|StandardItem|SortFilter|Painter|Icon|Color|Pixmap|Chart|Undo)|"
            "<Qt(Widgets|Gui|Charts|Sql|Network)"));
        NONE(includesMatching(pattern, inCore));
        NONE(linesMatching(QRegularExpression(QStringLiteral(
                               "\\bQ(AbstractItemModel|AbstractTableModel|Widget)\\b")),
            inCore));
    }

    void coreUsesNoQtNetworkOrSql()
    {
        NONE(includesMatching(QRegularExpression(QStringLiteral(
                                  "<Q(Tcp|Udp|Ssl|Local|Network|Sql|Host|AbstractSocket)")),
            inCore));
        NONE(linesMatching(QRegularExpression(QStringLiteral(
                               "\\b(QNetworkAccessManager|QSqlDatabase|QSqlQuery)\\b")),
            inCore));
    }

    void onlyTheCalendarKnowsZones()
    {
        NONE(includesMatching(
            QRegularExpression(QStringLiteral("<QTimeZone>")), [](const Source& source) {
                return inCore(source) && source.path != QLatin1String("core/base/calendar.cpp");
            }));
    }

    void onlyTheChartsFolderKnowsQtCharts()
    {
        NONE(includesMatching(
            QRegularExpression(QStringLiteral("<(QtCharts|QChart|QLineSeries|QBar|QStackedBar|"
                                              "QValueAxis|QDateTimeAxis|QAreaSeries|QPieSeries)")),
            [](const Source& source) {
                return isProduct(source) && !source.path.startsWith(QLatin1String("ui/charts/"));
            }));
    }

    void windowsReachTheCoreThroughTheService()
    {
        // Widgets show snapshots; sockets and databases are behind the service.
        NONE(includesMatching(
            QRegularExpression(QStringLiteral("<(boost/asio|boost/beast|sqlite3|simdjson|openssl)|"
                                              "\"core/base/sqlite\\.h\"")),
            [](const Source& source) { return source.path.startsWith(QLatin1String("ui/")); }));
    }

    void headersStartWell()
    {
        QStringList found;
        for (const Source& source : sources()) {
            if (source.lines.size() < 3
                || !source.lines[0].startsWith(
                    QLatin1String("// SPDX-License-Identifier: GPL-3.0-or-later"))
                || !source.lines[1].startsWith(QLatin1String("// SPDX-FileCopyrightText:"))) {
                found << source.path + QStringLiteral(": the two SPDX lines come first");
            }
            if (source.path.endsWith(QLatin1String(".h"))
                && !source.lines.contains(QStringLiteral("#pragma once"))) {
                found << source.path + QStringLiteral(": no #pragma once");
            }
        }
        NONE(found);
    }

    void coreHeadersSayWhatTheyAreFor()
    {
        // Lines 4 to 8: a comment before the first declaration.
        QStringList found;
        for (const Source& source : sources()) {
            if (!inCore(source) || !source.path.endsWith(QLatin1String(".h"))) {
                continue;
            }
            const QStringList top = source.lines.mid(2, 8);
            const bool says = std::any_of(top.begin(), top.end(),
                [](const QString& line) { return line.startsWith(QLatin1String("// ")); });
            if (!says) {
                found << source.path + QStringLiteral(": no opening comment");
            }
        }
        NONE(found);
    }

    void foldersHaveShortReadmes()
    {
        QStringList found;
        QStringList folders{
            QStringLiteral("app"), QStringLiteral("ui"), QStringLiteral("installer")};
        const QDir core(root().filePath(QStringLiteral("core")));
        for (const QString& name : core.entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
            folders << QStringLiteral("core/") + name;
        }
        for (const QString& folder : folders) {
            const QString text = readAll(root().filePath(folder + QStringLiteral("/README.md")));
            const auto lines = text.count(QLatin1Char('\n'));
            if (text.isEmpty()) {
                found << folder + QStringLiteral(": no README.md");
            } else if (lines > 40) {
                found << QStringLiteral("%1/README.md: %2 lines").arg(folder).arg(lines);
            }
        }
        NONE(found);
    }

    void limitsAreNamed()
    {
        // A bound written where it is used has no reason beside it and escapes review: what one
        // party can fill, and what the ledger keeps in memory, stands in core/base/limits.h.
        static const QRegularExpression size(
            QStringLiteral("\\b(\\d+\\s*\\*\\s*1024\\s*\\*\\s*1024|0x[1-9]0{5,})\\b"));
        NONE(linesMatching(size, [](const Source& source) {
            return source.path.startsWith(QLatin1String("core/proxy/"))
                || source.path.startsWith(QLatin1String("core/wire/"));
        }));
        static const QRegularExpression kept(
            QStringLiteral("constexpr .*Max = [0-9]{2,}'?[0-9]{3}"));
        NONE(linesMatching(kept, [](const Source& source) {
            return source.path.startsWith(QLatin1String("core/ledger/"));
        }));
    }

    void keysAreCompared()
    {
        // Secrets have one door; printing one is never right.
        NONE(linesMatching(
            QRegularExpression(QStringLiteral("log::(info|warning|error|write)\\(.*reveal\\(")),
            isProduct));
    }
};

QTEST_GUILESS_MAIN(TestArch)
#include "tst_arch.moc"
