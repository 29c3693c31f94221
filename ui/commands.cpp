// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/commands.h"

#include "ui/frame/context_bar.h"
#include "ui/frame/status_strip.h"
#include "ui/main_window.h"
#include "ui/page_list.h"
#include "ui/widgets/widgets.h"

#include <QCoreApplication>

namespace headgate::ui {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("Commands", text);
}

void addPages(MainWindow& window, std::vector<Command>& list)
{
    for (const PageEntry& entry : pageList()) {
        list.push_back({QStringLiteral("page:") + entry.name, tr("Go to %1").arg(entry.title),
            tr("Page"), entry.iconName, entry.shortcut,
            [&window, name = entry.name] { window.showPage(name); }});
    }
}

/// One action row; `names` is id, title, icon, shortcut.
void addAction(std::vector<Command>& list, const QStringList& names, std::function<void()> run)
{
    list.push_back({QStringLiteral("action:") + names.value(0), names.value(1), tr("Action"),
        names.value(2), names.value(3), std::move(run)});
}

void setTheme(MainWindow& window, const QString& mode)
{
    Theme::instance().setMode(mode);
    service::Service& service = window.context().service();
    window.context().run([&service, mode = fromQt(mode)] {
        service::Settings settings = service.config()->settings;
        settings.theme = mode;
        return service.setSettings(settings, "console");
    });
}

void addActions(MainWindow& window, std::vector<Command>& list)
{
    Context& context = window.context();
    auto* strip = window.findChild<StatusStrip*>();
    auto* bar = window.findChild<ContextBar*>();
    const bool paused = strip->status().paused;
    addAction(list,
        {QStringLiteral("pause"), paused ? tr("Resume requests") : tr("Pause all requests"),
            paused ? QStringLiteral("play") : QStringLiteral("pause"),
            QStringLiteral("Ctrl+Shift+P")},
        [strip] { strip->togglePause(); });
    addAction(list,
        {QStringLiteral("demo"),
            context.service().demoRunning() ? tr("Stop demo traffic") : tr("Start demo traffic"),
            QStringLiteral("demo")},
        [strip] { strip->toggleDemo(); });
    addAction(list,
        {QStringLiteral("filter"), tr("Add a filter"), QStringLiteral("filter"),
            QStringLiteral("Ctrl+F")},
        [bar] { bar->openFilterMenu(); });
    addAction(list, {QStringLiteral("clear"), tr("Clear all filters"), QStringLiteral("close")},
        [&context] { context.clearFilters(); });
    addAction(list,
        {QStringLiteral("undo"), tr("Undo the last change"), QStringLiteral("undo"),
            QStringLiteral("Ctrl+Z")},
        [&context] { context.undoStack().undo(); });
    addAction(list,
        {QStringLiteral("redo"), tr("Redo the change"), QStringLiteral("redo"),
            QStringLiteral("Ctrl+Shift+Z")},
        [&context] { context.undoStack().redo(); });
    addAction(list, {QStringLiteral("setup"), tr("Guided setup"), QStringLiteral("check-circle")},
        [&window] { window.openWizard(); });
    addAction(list, {QStringLiteral("test"), tr("Send a test request"), QStringLiteral("send")},
        [&window] { window.openWizard(true); });
    addAction(list, {QStringLiteral("light"), tr("Light theme"), QStringLiteral("sun")},
        [&window] { setTheme(window, QStringLiteral("light")); });
    addAction(list, {QStringLiteral("dark"), tr("Dark theme"), QStringLiteral("moon")},
        [&window] { setTheme(window, QStringLiteral("dark")); });
    for (const QString& relative : offeredRanges()) {
        const TimeRange range{relative, 0, 0};
        addAction(list,
            {QStringLiteral("range:") + relative, tr("Range: %1").arg(rangeTitle(range)),
                QStringLiteral("clock")},
            [&context, range] { context.setTimeRange(range); });
    }
}

void addThings(MainWindow& window, std::vector<Command>& list)
{
    Context& context = window.context();
    const auto config = context.service().config();
    for (const auto& pool : config->pools) {
        if (!pool.archived) {
            list.push_back({QStringLiteral("pool:") + toQt(pool.name), safeText(pool.name),
                tr("Pool"), QStringLiteral("budgets"), QString(),
                [&context] { context.openPage(QStringLiteral("budgets")); }});
        }
    }
    const auto filterBy = [&](const char* field, const std::string& value, const QString& group,
                              const char* iconName) {
        const FilterItem item{QString::fromLatin1(field), toQt(value)};
        list.push_back({item.field + QLatin1Char(':') + item.value, safeText(value), group,
            QString::fromLatin1(iconName), QString(), [&context, item] {
                context.addFilter(item);
                context.openPage(QStringLiteral("activity"));
            }});
    };
    for (const auto& key : config->keys) {
        if (key.revokedAtUs == 0) {
            filterBy("key", key.name, tr("Key"), "keys");
        }
    }
    for (const auto& model : config->models) {
        if (model.enabled) {
            filterBy("model", model.id(), tr("Model"), "model");
        }
    }
}

} // namespace

std::vector<Command> paletteCommands(MainWindow& window)
{
    std::vector<Command> list;
    addPages(window, list);
    addActions(window, list);
    addThings(window, list);
    return list;
}

} // namespace headgate::ui
