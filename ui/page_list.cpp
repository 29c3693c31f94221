// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/page_list.h"

#include "ui/pages/activity_page.h"
#include "ui/pages/budgets_page.h"
#include "ui/pages/catalog_page.h"
#include "ui/pages/keys_page.h"
#include "ui/pages/overview_page.h"
#include "ui/pages/settings_page.h"

#include <QCoreApplication>

namespace headgate::ui {

namespace {

template <typename T>
Page* makePage(Context& context, QWidget* parent)
{
    return new T(context, parent);
}

QString tr(const char* text)
{
    return QCoreApplication::translate("PageList", text);
}

} // namespace

std::vector<PageEntry> pageList()
{
    std::vector<PageEntry> list;
    const auto add
        = [&list](const char* name, const QString& title, const char* shortcut, auto make) {
              const QString id = QString::fromLatin1(name);
              list.push_back({id, title, id, QString::fromLatin1(shortcut), false, make});
          };
    add("overview", tr("Overview"), "Ctrl+1", &makePage<OverviewPage>);
    add("budgets", tr("Budgets"), "Ctrl+2", &makePage<BudgetsPage>);
    add("activity", tr("Activity"), "Ctrl+3", &makePage<ActivityPage>);
    add("catalog", tr("Catalog"), "Ctrl+7", &makePage<CatalogPage>);
    add("keys", tr("Keys"), "Ctrl+8", &makePage<KeysPage>);
    add("settings", tr("Settings"), "Ctrl+,", &makePage<SettingsPage>);
    list.back().atBottom = true;
    return list;
}

} // namespace headgate::ui
