// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What is spent, held, left and saved; spend over time; pools at risk; the last decisions with
// their reasons. Follows events only while visible, repaints at most once a second. GUI thread
// only.

#include "ui/pages/page.h"

#include <memory>

namespace headgate::ui {

class OverviewPage final : public Page {
    Q_OBJECT
public:
    explicit OverviewPage(Context& context, QWidget* parent = nullptr);
    ~OverviewPage() override;

    [[nodiscard]] QString title() const override;
    void activate() override;
    void deactivate() override;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::ui
