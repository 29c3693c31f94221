// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Which pages this build has, in the order of the sidebar. The one place that knows them all.

#include "ui/pages/page.h"

#include <QString>

#include <functional>
#include <vector>

namespace headgate::ui {

struct PageEntry {
    QString name;
    QString title;
    QString iconName;
    QString shortcut; ///< "Ctrl+1"; fixed per page, also while pages between are missing
    bool atBottom = false;
    std::function<Page*(Context&, QWidget*)> make;
};

[[nodiscard]] std::vector<PageEntry> pageList();

} // namespace headgate::ui
