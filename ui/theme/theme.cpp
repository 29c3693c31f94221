// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/theme/theme.h"

#include "ui/theme/icon_engine.h"
#include "ui/theme/style.h"

#include <QApplication>
#include <QFontDatabase>
#include <QFontMetricsF>
#include <QGuiApplication>
#include <QHash>
#include <QPixmapCache>
#include <QSettings>
#include <QStyleHints>
#include <QToolTip>
#include <QWidget>

static void initIconResource()
{
    Q_INIT_RESOURCE(icons);
}

namespace headgate::ui {

namespace {

QColor mix(const QColor& a, const QColor& b, int percentOfA)
{
    const auto part
        = [percentOfA](int x, int y) { return (x * percentOfA + y * (100 - percentOfA)) / 100; };
    return {part(a.red(), b.red()), part(a.green(), b.green()), part(a.blue(), b.blue())};
}

Tokens lightTokens()
{
    Tokens t;
    t.window = QColor(0xF6F7F9);
    t.surface = QColor(0xFFFFFF);
    t.sunken = QColor(0xEEF0F3);
    t.border = QColor(0x7F8896);
    t.hairline = QColor(0xDFE2E7);
    t.text = QColor(0x1A1D23);
    t.secondary = QColor(0x4A515C);
    t.muted = QColor(0x636B78);
    t.accent = QColor(0x2F5FD0);
    t.onAccent = QColor(0xFFFFFF);
    t.ok = QColor(0x177544);
    t.warning = QColor(0x925600);
    t.danger = QColor(0xC4262E);
    t.info = QColor(0x0B6BA8);
    t.series = {QColor(0x0072B2), QColor(0xB35900), QColor(0x00795A), QColor(0xA3417F),
        QColor(0x5B4FC4), QColor(0x8A6D00), QColor(0xB0302F), QColor(0x4D5B6B)};
    t.other = QColor(0xA3A9B3);
    return t;
}

Tokens darkTokens()
{
    Tokens t;
    t.dark = true;
    t.window = QColor(0x14161A);
    t.surface = QColor(0x1B1E24);
    t.sunken = QColor(0x101216);
    t.border = QColor(0x6A7280);
    t.hairline = QColor(0x2C313A);
    t.text = QColor(0xE8EAED);
    t.secondary = QColor(0xB3B9C4);
    t.muted = QColor(0x98A0AD);
    t.accent = QColor(0x6E9BFF);
    t.onAccent = QColor(0x0B1020);
    t.ok = QColor(0x4CC38A);
    t.warning = QColor(0xF0A93B);
    t.danger = QColor(0xFF7A7E);
    t.info = QColor(0x5AB8F0);
    t.series = {QColor(0x56B4E9), QColor(0xF5A33B), QColor(0x3CC79A), QColor(0xE07FB8),
        QColor(0xA99BFF), QColor(0xE3CF4F), QColor(0xFF8276), QColor(0xA9B4C2)};
    t.other = QColor(0x6F7682);
    return t;
}

QPalette paletteOf(const Tokens& t)
{
    QPalette p;
    p.setColor(QPalette::Window, t.window);
    p.setColor(QPalette::WindowText, t.text);
    p.setColor(QPalette::Base, t.surface);
    p.setColor(QPalette::AlternateBase, t.sunken);
    p.setColor(QPalette::Text, t.text);
    p.setColor(QPalette::Button, t.surface);
    p.setColor(QPalette::ButtonText, t.text);
    p.setColor(QPalette::BrightText, t.danger);
    p.setColor(QPalette::Highlight, t.wash(t.accent));
    p.setColor(QPalette::HighlightedText, t.text);
    p.setColor(QPalette::Link, t.accent);
    p.setColor(QPalette::LinkVisited, t.accent);
    p.setColor(QPalette::ToolTipBase, t.dark ? QColor(0x2A2F38) : QColor(0x23272F));
    p.setColor(QPalette::ToolTipText, QColor(0xF2F4F7));
    p.setColor(QPalette::PlaceholderText, t.muted);
    p.setColor(QPalette::Light, t.surface);
    p.setColor(QPalette::Midlight, t.hairline);
    p.setColor(QPalette::Mid, t.hairline);
    p.setColor(QPalette::Dark, t.border);
    p.setColor(QPalette::Shadow, t.dark ? QColor(Qt::black) : QColor(0x9AA1AC));
    for (const auto role : {QPalette::Text, QPalette::WindowText, QPalette::ButtonText}) {
        p.setColor(QPalette::Disabled, role, mix(t.muted, t.surface, 70));
    }
    return p;
}

bool digitsAreTabular(const QFont& font)
{
    const QFontMetricsF metrics(font);
    const qreal width = metrics.horizontalAdvance(QLatin1Char('0'));
    for (char digit = '1'; digit <= '9'; ++digit) {
        if (qAbs(metrics.horizontalAdvance(QLatin1Char(digit)) - width) > 0.01) {
            return false;
        }
    }
    return true;
}

} // namespace

QColor Tokens::wash(const QColor& color) const
{
    return mix(color, surface, dark ? 20 : 12);
}

struct Theme::Impl {
    QString mode = QStringLiteral("system");
    Tokens light = lightTokens();
    Tokens darkSet = darkTokens();
    bool dark = false;
    bool systemDark = false;
    QHash<QString, int> series; ///< name → index of its colour
    QSettings* store = nullptr;

    [[nodiscard]] bool wantsDark() const
    {
        return mode == QLatin1String("dark") || (mode == QLatin1String("system") && systemDark);
    }
};

Theme& Theme::instance()
{
    static Theme theme;
    return theme;
}

Theme::Theme() : m_impl(new Impl)
{
    initIconResource();
    // Our own palette hides the system's later on, so the choice is read before it is set.
    m_impl->systemDark = QGuiApplication::palette().color(QPalette::Window).lightness() < 128;
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
    const auto read = [this](Qt::ColorScheme scheme) {
        m_impl->systemDark = scheme == Qt::ColorScheme::Dark;
        if (m_impl->mode == QLatin1String("system")) {
            setMode(m_impl->mode);
        }
    };
    m_impl->systemDark = QGuiApplication::styleHints()->colorScheme() == Qt::ColorScheme::Dark;
    QObject::connect(QGuiApplication::styleHints(), &QStyleHints::colorSchemeChanged, this, read);
#endif
}

void Theme::setMode(const QString& mode)
{
    m_impl->mode = mode;
    m_impl->dark = m_impl->wantsDark();
    if (qobject_cast<Style*>(QApplication::style()) == nullptr) {
        QApplication::setStyle(new Style);
    }
    QPixmapCache::clear();
    const QPalette palette = paletteOf(tokens());
    QApplication::setPalette(palette);
    QToolTip::setPalette(palette);
    Q_EMIT changed();
    for (QWidget* widget : QApplication::allWidgets()) {
        widget->update();
    }
}

QString Theme::mode() const
{
    return m_impl->mode;
}

const Tokens& Theme::tokens() const
{
    return m_impl->dark ? m_impl->darkSet : m_impl->light;
}

void Theme::keepSeriesIn(QSettings* store)
{
    m_impl->store = store;
    m_impl->series.clear();
    if (store == nullptr) {
        return;
    }
    const int count = store->beginReadArray(QStringLiteral("series"));
    for (int i = 0; i < count; ++i) {
        store->setArrayIndex(i);
        m_impl->series.insert(store->value(QStringLiteral("name")).toString(),
            store->value(QStringLiteral("index")).toInt());
    }
    store->endArray();
}

QColor Theme::seriesColor(const QString& name) const
{
    const auto found = m_impl->series.constFind(name);
    if (found != m_impl->series.constEnd()) {
        return tokens().series[static_cast<std::size_t>(*found & 7)];
    }
    // The first eight names never share a colour; after that they come round again.
    const int index = static_cast<int>(m_impl->series.size()) & 7;
    m_impl->series.insert(name, index);
    if (m_impl->store != nullptr) {
        int row = 0;
        m_impl->store->beginWriteArray(QStringLiteral("series"));
        for (auto it = m_impl->series.constBegin(); it != m_impl->series.constEnd(); ++it, ++row) {
            m_impl->store->setArrayIndex(row);
            m_impl->store->setValue(QStringLiteral("name"), it.key());
            m_impl->store->setValue(QStringLiteral("index"), it.value());
        }
        m_impl->store->endArray();
    }
    return tokens().series[static_cast<std::size_t>(index)];
}

QFont Theme::headingFont(int pointsMore)
{
    QFont font = QApplication::font();
    font.setPointSizeF(font.pointSizeF() + pointsMore);
    font.setWeight(QFont::DemiBold);
    return font;
}

QFont Theme::tabularFont()
{
    QFont font = QApplication::font();
    if (digitsAreTabular(font)) {
        return font;
    }
#if QT_VERSION >= QT_VERSION_CHECK(6, 7, 0)
    font.setFeature(QFont::Tag("tnum"), 1);
    return font;
#else
    for (const char* family : {"Noto Sans", "Open Sans", "Roboto", "DejaVu Sans"}) {
        const QString name = QString::fromLatin1(family);
        if (QFontDatabase::families().contains(name)) {
            font.setFamily(name);
            return font;
        }
    }
    return font;
#endif
}

QIcon icon(const QString& name)
{
    static_cast<void>(Theme::instance());
    return QIcon(new IconEngine(name));
}

} // namespace headgate::ui
