// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/main_window.h"

#include "ui/commands.h"
#include "ui/dialogs/first_run_wizard.h"
#include "ui/frame/command_palette.h"
#include "ui/frame/context_bar.h"
#include "ui/frame/drawer.h"
#include "ui/frame/sidebar.h"
#include "ui/frame/status_strip.h"
#include "ui/frame/toasts.h"
#include "ui/page_list.h"
#include "ui/widgets/widgets.h"

#include <QCloseEvent>
#include <QHBoxLayout>
#include <QSettings>
#include <QShortcut>
#include <QStackedWidget>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

constexpr QSize leastSize(960, 600);
constexpr std::size_t placesMax = 100;
constexpr int recentMax = 12;

/// Where the reader is: what the history keeps.
struct Place {
    QString page;
    TimeRange range;
    std::vector<FilterItem> filters;
    bool operator==(const Place&) const = default;
};

} // namespace

struct MainWindow::Impl {
    Impl(MainWindow* window, service::Service& service)
        : self(window),
          settings(
              toQt(service.status().home) + QStringLiteral("/console.ini"), QSettings::IniFormat),
          context(service)
    {
    }

    MainWindow* self;
    QSettings settings;
    Context context;
    std::vector<PageEntry> entries;
    std::vector<Page*> pages;
    int current = -1;
    Sidebar* sidebar = nullptr;
    ContextBar* bar = nullptr;
    Banner* banner = nullptr;
    QStackedWidget* stack = nullptr;
    QWidget* body = nullptr;
    Drawer* drawer = nullptr;
    StatusStrip* strip = nullptr;
    Toasts* toasts = nullptr;
    std::vector<Place> places;
    std::size_t placeAt = 0;
    bool travelling = false;
    QStringList recent;

    void build();
    void addPages();
    void connectContext();
    void addShortcuts();
    void restore();
    void save();
    void remember();
    void travel(int step);
    void showBanner(const service::Status& status);
    [[nodiscard]] int indexOf(const QString& name) const;
};

int MainWindow::Impl::indexOf(const QString& name) const
{
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].name == name) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

void MainWindow::Impl::build()
{
    self->setObjectName(QStringLiteral("mainWindow"));
    self->setWindowTitle(QStringLiteral("Headgate"));
    self->setWindowIcon(icon(QStringLiteral("gate")));
    self->setMinimumSize(leastSize);
    sidebar = new Sidebar(self);
    bar = new ContextBar(context, self);
    banner = new Banner(self);
    stack = new QStackedWidget(self);
    drawer = new Drawer(self);
    strip = new StatusStrip(context, self);
    body = new QWidget(self);
    auto* inner = new QHBoxLayout(body);
    inner->setContentsMargins(0, 0, 0, 0);
    inner->setSpacing(0);
    inner->addWidget(stack, 1);
    inner->addWidget(drawer);
    auto* right = new QVBoxLayout;
    right->setSpacing(0);
    right->addWidget(bar);
    right->addWidget(banner);
    right->addWidget(body, 1);
    right->addWidget(strip);
    auto* outer = new QHBoxLayout(self);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    outer->addWidget(sidebar);
    outer->addLayout(right, 1);
    toasts = new Toasts(body);
}

void MainWindow::Impl::addPages()
{
    entries = pageList();
    for (const PageEntry& entry : entries) {
        Page* page = entry.make(context, stack);
        page->setObjectName(QStringLiteral("page_") + entry.name);
        page->setAccessibleName(entry.title);
        stack->addWidget(page);
        pages.push_back(page);
        sidebar->add({entry.name, entry.title, entry.iconName, entry.shortcut, entry.atBottom});
        auto* shortcut = new QShortcut(QKeySequence(entry.shortcut), self);
        const QString name = entry.name;
        connect(shortcut, &QShortcut::activated, self, [this, name] { self->showPage(name); });
    }
}

void MainWindow::Impl::connectContext()
{
    connect(sidebar, &Sidebar::chosen, self, &MainWindow::showPage);
    connect(bar, &ContextBar::searchRequested, self, &MainWindow::openPalette);
    connect(bar, &ContextBar::backRequested, self, &MainWindow::goBack);
    connect(bar, &ContextBar::forwardRequested, self, &MainWindow::goForward);
    connect(&context, &Context::pageRequested, self, &MainWindow::showPage);
    connect(&context, &Context::decisionRequested, self,
        [this] { self->showPage(QStringLiteral("activity")); });
    connect(&context, &Context::scopeChanged, self, [this] { remember(); });
    connect(&context, &Context::toastRequested, toasts, &Toasts::show);
    connect(&context, &Context::alertRaised, toasts,
        [this](const QString& text) { toasts->show(text, true, false); });
    connect(toasts, &Toasts::undoRequested, self, [this] { context.undoStack().undo(); });
    connect(strip, &StatusStrip::statusRead, self,
        [this](const service::Status& status) { showBanner(status); });
    connect(banner, &Banner::acted, strip, &StatusStrip::togglePause);
    connect(&Theme::instance(), &Theme::changed, self, [this] { showBanner(strip->status()); });
}

void MainWindow::Impl::addShortcuts()
{
    const auto add = [this](const QKeySequence& keys, auto work) {
        connect(new QShortcut(keys, self), &QShortcut::activated, self, work);
    };
    add(QKeySequence(QStringLiteral("Ctrl+K")), [this] { self->openPalette(); });
    add(QKeySequence(QStringLiteral("Alt+Left")), [this] { self->goBack(); });
    add(QKeySequence(QStringLiteral("Alt+Right")), [this] { self->goForward(); });
    add(QKeySequence(QStringLiteral("Ctrl+Z")), [this] { context.undoStack().undo(); });
    add(QKeySequence(QStringLiteral("Ctrl+Shift+Z")), [this] { context.undoStack().redo(); });
    add(QKeySequence(QStringLiteral("Ctrl+Shift+P")), [this] { strip->togglePause(); });
    add(QKeySequence(QStringLiteral("Ctrl+F")), [this] { bar->openFilterMenu(); });
}

void MainWindow::Impl::showBanner(const service::Status& status)
{
    if (!status.warning.empty()) {
        banner->set(safeText(status.warning), QString(), true);
    } else if (status.paused) {
        banner->set(tr("Paused: every new request is refused. Requests that were running finish."),
            tr("Resume"), false);
    } else if (!status.serving) {
        banner->set(tr("The proxy is not running, so clients cannot connect."), QString(), true);
    } else {
        banner->set(QString(), QString(), false);
    }
}

void MainWindow::Impl::restore()
{
    Theme::instance().keepSeriesIn(&settings);
    recent = settings.value(QStringLiteral("palette/recent")).toStringList();
    const QString range = settings.value(QStringLiteral("range"), QStringLiteral("24h")).toString();
    if (offeredRanges().contains(range)) {
        context.setTimeRange({range, 0, 0});
    }
    self->resize(1280, 800);
    self->restoreGeometry(settings.value(QStringLiteral("window/geometry")).toByteArray());
}

void MainWindow::Impl::save()
{
    settings.setValue(QStringLiteral("window/geometry"), self->saveGeometry());
    settings.setValue(QStringLiteral("page"), self->currentPage());
    settings.setValue(QStringLiteral("range"), context.timeRange().relative);
    settings.setValue(QStringLiteral("palette/recent"), recent);
    settings.sync();
}

void MainWindow::Impl::remember()
{
    if (travelling || current < 0) {
        return;
    }
    Place place{self->currentPage(), context.timeRange(), context.filters()};
    if (!places.empty() && places[placeAt] == place) {
        return;
    }
    if (!places.empty()) {
        places.resize(placeAt + 1);
    }
    places.push_back(std::move(place));
    if (places.size() > placesMax) {
        places.erase(places.begin());
    }
    placeAt = places.size() - 1;
    bar->setHistory(placeAt > 0, false);
}

void MainWindow::Impl::travel(int step)
{
    if (places.empty() || (step < 0 && placeAt == 0)
        || (step > 0 && placeAt + 1 >= places.size())) {
        return;
    }
    placeAt = step < 0 ? placeAt - 1 : placeAt + 1;
    const Place place = places[placeAt];
    travelling = true;
    context.setScope(place.range, place.filters);
    self->showPage(place.page);
    travelling = false;
    bar->setHistory(placeAt > 0, placeAt + 1 < places.size());
}

MainWindow::MainWindow(service::Service& service) : m_impl(std::make_unique<Impl>(this, service))
{
    m_impl->build();
    m_impl->connectContext();
    m_impl->addPages();
    m_impl->addShortcuts();
    m_impl->restore();
    const QString last = m_impl->settings.value(QStringLiteral("page")).toString();
    showPage(m_impl->indexOf(last) >= 0 ? last : m_impl->entries.front().name);
    m_impl->strip->refresh();
}

MainWindow::~MainWindow()
{
    Theme::instance().keepSeriesIn(nullptr);
    // Children use the context, which lives in Impl and goes before QWidget deletes them.
    qDeleteAll(findChildren<QWidget*>(QString(), Qt::FindDirectChildrenOnly));
}

Context& MainWindow::context()
{
    return m_impl->context;
}

QStringList MainWindow::pageNames() const
{
    QStringList names;
    for (const PageEntry& entry : m_impl->entries) {
        names += entry.name;
    }
    return names;
}

QString MainWindow::currentPage() const
{
    return m_impl->current < 0 ? QString()
                               : m_impl->entries[static_cast<std::size_t>(m_impl->current)].name;
}

Page* MainWindow::page(const QString& name) const
{
    const int index = m_impl->indexOf(name);
    return index < 0 ? nullptr : m_impl->pages[static_cast<std::size_t>(index)];
}

void MainWindow::showPage(const QString& name)
{
    const int index = m_impl->indexOf(name);
    if (index < 0) {
        return;
    }
    if (index != m_impl->current) {
        if (m_impl->current >= 0) {
            m_impl->pages[static_cast<std::size_t>(m_impl->current)]->deactivate();
        }
        m_impl->drawer->closeDrawer();
        m_impl->current = index;
        Page* page = m_impl->pages[static_cast<std::size_t>(index)];
        m_impl->stack->setCurrentWidget(page);
        m_impl->sidebar->setCurrent(name);
        setWindowTitle(page->title() + QStringLiteral(" – Headgate"));
        page->activate();
    }
    m_impl->remember();
}

void MainWindow::openDrawer(const QString& title, QWidget* content)
{
    m_impl->drawer->open(title, content);
}

void MainWindow::openPalette()
{
    auto* palette = new CommandPalette(paletteCommands(*this), m_impl->recent, this);
    connect(palette, &CommandPalette::ran, this, [this](const QString& id) {
        m_impl->recent.removeAll(id);
        m_impl->recent.prepend(id);
        m_impl->recent = m_impl->recent.mid(0, recentMax);
    });
    connect(palette, &CommandPalette::decisionTyped, this, [this](const QString& text) {
        const auto id = activity::decisionIdFromText(fromQt(text));
        if (id) {
            m_impl->context.openDecision(*id);
        } else {
            m_impl->context.toast(tr("Nothing is called “%1”.").arg(text), true);
        }
    });
    palette->open();
}

void MainWindow::openWizard(bool atTest)
{
    auto* wizard = new FirstRunWizard(m_impl->context, this);
    wizard->setAttribute(Qt::WA_DeleteOnClose);
    if (atTest) {
        wizard->goTo(FirstRunWizard::Step::Key);
    }
    wizard->open();
}

void MainWindow::goBack()
{
    m_impl->travel(-1);
}

void MainWindow::goForward()
{
    m_impl->travel(1);
}

void MainWindow::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    m_impl->toasts->place();
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    m_impl->save();
    QWidget::closeEvent(event);
}

} // namespace headgate::ui
