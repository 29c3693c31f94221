// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A page of the main window. Only the visible page works: activate() when it comes to front,
// deactivate() when it goes. GUI thread only.

#include "ui/context.h"

#include <QWidget>

namespace headgate::ui {

class Page : public QWidget {
    Q_OBJECT
public:
    explicit Page(Context& context, QWidget* parent = nullptr) : QWidget(parent), m_context(context)
    {
    }
    [[nodiscard]] virtual QString title() const = 0;
    virtual void activate() = 0; ///< load and start following events
    virtual void deactivate() { } ///< stop following events

protected:
    [[nodiscard]] Context& context() const { return m_context; }

private:
    Context& m_context;
};

} // namespace headgate::ui
