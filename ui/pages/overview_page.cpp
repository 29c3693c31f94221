// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/overview_page.h"

#include "ui/charts/spend_chart.h"
#include "ui/delegates/delegates.h"
#include "ui/main_window.h"
#include "ui/pages/overview_parts.h"

#include <QButtonGroup>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QScrollArea>
#include <QTableView>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

constexpr int refreshMs = 1'000;
constexpr int wideFrom = 1'380; // from here the eight cards stand in one row
constexpr int feedRowsFetched = 30;

} // namespace

struct OverviewPage::Impl {
    OverviewPage* self = nullptr;
    Context* context = nullptr;
    bool active = false;
    bool dirty = false; ///< decisions came since the last refresh
    bool moneyDirty = false;
    bool hasTraffic = false;
    quint64 generation = 0; ///< answers of an earlier range are dropped
    QString by = QStringLiteral("model");
    OverviewData data;
    QTimer* timer = nullptr;

    QGridLayout* cardGrid = nullptr;
    std::vector<StatCard*> cards;
    StatCard* spent = nullptr;
    StatCard* held = nullptr;
    StatCard* left = nullptr;
    StatCard* saved = nullptr;
    StatCard* requests = nullptr;
    StatCard* refused = nullptr;
    StatCard* downgraded = nullptr;
    StatCard* latency = nullptr;
    Sparkline* spentLine = nullptr;
    Sparkline* requestLine = nullptr;
    StartCard* start = nullptr;
    QWidget* middle = nullptr;
    Card* feedCard = nullptr;
    SpendChart* chart = nullptr;
    QLabel* chartNote = nullptr;
    PoolRiskList* risks = nullptr;
    FeedModel* feed = nullptr;
    QTableView* feedView = nullptr;

    void build();
    void buildCards(QVBoxLayout* page);
    QWidget* buildChartCard();
    QWidget* buildRiskCard();
    void buildFeed(QVBoxLayout* page);
    void layoutCards(int width);
    void openWith(const QString& page, const QString& field, const QString& value);

    void reload();
    void refreshLast();
    void loadReport(TimeUs fromUs, TimeUs toUs, bool onlyLast);
    void loadFeed();
    void loadLatency();
    void showTotals();
    void showMoney();
    void showStart();
    void setTraffic(bool on);
    void tick();
    [[nodiscard]] QString baselineName() const;
};

void OverviewPage::Impl::openWith(const QString& page, const QString& field, const QString& value)
{
    if (!field.isEmpty()) {
        context->addFilter({field, value});
    }
    context->openPage(page);
}

void OverviewPage::Impl::buildCards(QVBoxLayout* page)
{
    const auto card = [this](const char* name, const QString& title, const QStringList& target) {
        auto* one = new StatCard(QString::fromLatin1(name), title, self);
        cards.push_back(one);
        connect(one, &StatCard::clicked, self,
            [this, target] { openWith(target.value(0), target.value(1), target.value(2)); });
        return one;
    };
    const QString activityPage = QStringLiteral("activity");
    spent = card("cardSpent", tr("Spent"), {activityPage});
    held = card("cardHeld", tr("Held"), {QStringLiteral("budgets")});
    left = card("cardLeft", tr("Left"), {QStringLiteral("budgets")});
    saved = card("cardSaved", tr("Saved"), {activityPage});
    requests = card("cardRequests", tr("Requests"), {activityPage});
    refused = card("cardRefused", tr("Refused"),
        {activityPage, QStringLiteral("status"), QStringLiteral("refused")});
    downgraded = card("cardDowngraded", tr("Downgraded"),
        {activityPage, QStringLiteral("outcome"), QStringLiteral("downgrade")});
    latency = card("cardLatency", tr("Added latency"), {activityPage});
    spentLine = spent->addSparkline();
    requestLine = requests->addSparkline();
    cardGrid = new QGridLayout;
    cardGrid->setSpacing(Theme::space3);
    page->addLayout(cardGrid);
}

void OverviewPage::Impl::layoutCards(int width)
{
    const int columns = width >= wideFrom ? 8 : 4;
    if (cardGrid->property("columns").toInt() == columns) {
        return;
    }
    cardGrid->setProperty("columns", columns);
    for (std::size_t i = 0; i < cards.size(); ++i) {
        cardGrid->removeWidget(cards[i]);
        const int at = static_cast<int>(i);
        cardGrid->addWidget(cards[i], at / columns, at % columns);
    }
    for (int column = 0; column < 8; ++column) {
        cardGrid->setColumnStretch(column, column < columns ? 1 : 0);
    }
}

QWidget* OverviewPage::Impl::buildChartCard()
{
    auto* card = new Card(self);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(Theme::space4, Theme::space3, Theme::space4, Theme::space3);
    layout->setSpacing(Theme::space2);
    auto* head = new QHBoxLayout;
    head->setSpacing(Theme::space1);
    head->addWidget(headingLabel(tr("Spend over time"), 2, card));
    chartNote = mutedLabel(QString(), card);
    head->addWidget(chartNote, 1);
    const auto toggle = [&](const char* name, const QString& text, const char* iconName) {
        auto* button = new QToolButton(card);
        button->setObjectName(QString::fromLatin1(name));
        button->setText(text);
        button->setToolTip(text);
        button->setAccessibleName(text);
        button->setCheckable(true);
        if (iconName != nullptr) {
            button->setIcon(icon(QString::fromLatin1(iconName)));
        } else {
            button->setToolButtonStyle(Qt::ToolButtonTextOnly);
        }
        head->addWidget(button);
        return button;
    };
    auto* byModel = toggle("byModel", tr("Model"), nullptr);
    auto* byTier = toggle("byTier", tr("Tier"), nullptr);
    head->addSpacing(Theme::space2);
    auto* table = toggle("chartTable", tr("Show as table"), "table");
    auto* group = new QButtonGroup(card);
    group->addButton(byModel);
    group->addButton(byTier);
    byModel->setChecked(true);
    layout->addLayout(head);
    chart = new SpendChart(card);
    chart->setObjectName(QStringLiteral("spendChart"));
    chart->setMinimumHeight(190);
    layout->addWidget(chart, 1);
    connect(byModel, &QToolButton::clicked, self, [this] {
        by = QStringLiteral("model");
        reload();
    });
    connect(byTier, &QToolButton::clicked, self, [this] {
        by = QStringLiteral("tier");
        reload();
    });
    connect(table, &QToolButton::toggled, chart, &SpendChart::setTableShown);
    connect(chart, &SpendChart::barClicked, self,
        [this](const QString& series, qint64 fromUs, qint64 toUs) {
            context->setTimeRange({QString(), fromUs, toUs});
            if (by == QLatin1String("model") && series != otherSeriesName()) {
                context->addFilter({QStringLiteral("model"), series});
            }
            context->openPage(QStringLiteral("activity"));
        });
    return card;
}

QWidget* OverviewPage::Impl::buildRiskCard()
{
    auto* card = new Card(self);
    auto* layout = new QVBoxLayout(card);
    layout->setContentsMargins(Theme::space4, Theme::space3, Theme::space4, Theme::space3);
    layout->setSpacing(Theme::space3);
    auto* head = new QHBoxLayout;
    head->addWidget(headingLabel(tr("Pools at risk"), 2, card), 1);
    auto* open = new QPushButton(tr("All pools"), card);
    open->setObjectName(QStringLiteral("allPools"));
    open->setProperty("hgKind", QStringLiteral("link"));
    head->addWidget(open);
    layout->addLayout(head);
    risks = new PoolRiskList(card);
    layout->addWidget(risks, 1);
    connect(open, &QPushButton::clicked, self,
        [this] { context->openPage(QStringLiteral("budgets")); });
    return card;
}

void OverviewPage::Impl::buildFeed(QVBoxLayout* page)
{
    feedCard = new Card(self);
    auto* layout = new QVBoxLayout(feedCard);
    layout->setContentsMargins(1, Theme::space3, 1, 1);
    layout->setSpacing(Theme::space1);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(Theme::space4 - 1, 0, Theme::space4 - 1, 0);
    head->addWidget(headingLabel(tr("Last decisions"), 2, feedCard), 1);
    auto* all = new QPushButton(tr("All activity"), feedCard);
    all->setProperty("hgKind", QStringLiteral("link"));
    head->addWidget(all);
    layout->addLayout(head);
    feed = new FeedModel(self);
    feedView = new QTableView(feedCard);
    feedView->setObjectName(QStringLiteral("feedView"));
    feedView->setModel(feed);
    setUpView(feedView, tr("Last decisions"));
    feedView->setSelectionMode(QAbstractItemView::SingleSelection);
    feedView->setItemDelegateForColumn(FeedModel::Outcome, new ChipDelegate(feedView));
    feedView->setMinimumHeight(Theme::controlHeight + 4 * Theme::rowHeight);
    QHeaderView* header = feedView->horizontalHeader();
    header->setStretchLastSection(true);
    for (const auto& [column, size] :
        std::initializer_list<std::pair<int, int>>{{FeedModel::Time, 84}, {FeedModel::Who, 150},
            {FeedModel::Models, 230}, {FeedModel::Outcome, 128}, {FeedModel::Cost, 84}}) {
        header->resizeSection(column, size);
    }
    layout->addWidget(feedView, 1);
    page->addWidget(feedCard, 4);
    connect(all, &QPushButton::clicked, self,
        [this] { context->openPage(QStringLiteral("activity")); });
    connect(feedView, &QTableView::activated, self,
        [this](const QModelIndex& index) { context->openDecision(feed->at(index.row()).id); });
    connect(feedView, &QTableView::clicked, self,
        [this](const QModelIndex& index) { context->openDecision(feed->at(index.row()).id); });
}

void OverviewPage::Impl::build()
{
    auto* outer = new QVBoxLayout(self);
    outer->setContentsMargins(0, 0, 0, 0);
    auto* scroll = new QScrollArea(self);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);
    outer->addWidget(scroll);
    auto* content = new QWidget;
    scroll->setWidget(content);
    auto* page = new QVBoxLayout(content);
    page->setContentsMargins(Theme::space4, Theme::space4, Theme::space4, Theme::space4);
    page->setSpacing(Theme::space3);
    buildCards(page);
    start = new StartCard(self);
    page->addWidget(start);
    middle = new QWidget(content);
    auto* row = new QHBoxLayout(middle);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(Theme::space3);
    row->addWidget(buildChartCard(), 7);
    row->addWidget(buildRiskCard(), 3);
    page->addWidget(middle, 5);
    buildFeed(page);
    page->addStretch(0);
    connect(start, &StartCard::chosen, self, [this](int step) {
        static const QStringList pages{
            QStringLiteral("catalog"), QStringLiteral("budgets"), QStringLiteral("keys")};
        if (step < pages.size()) {
            context->openPage(pages[step]);
        } else if (auto* window = qobject_cast<MainWindow*>(self->window())) {
            window->openWizard(true);
        }
    });
    connect(start, &StartCard::wizardWanted, self, [this] {
        if (auto* window = qobject_cast<MainWindow*>(self->window())) {
            window->openWizard();
        }
    });
    setTraffic(false);
}

void OverviewPage::Impl::setTraffic(bool on)
{
    hasTraffic = on;
    start->setVisible(!on);
    middle->setVisible(on);
    feedCard->setVisible(on);
}

QString OverviewPage::Impl::baselineName() const
{
    const auto config = context->service().config();
    return config->policy.baselineModel.empty() ? tr("the dearest model")
                                                : safeText(config->policy.baselineModel);
}

void OverviewPage::Impl::reload()
{
    ++generation;
    const auto [fromUs, toUs] = context->rangeUs();
    data.reset(fromUs, toUs, by);
    dirty = false;
    chart->setLoading();
    loadReport(fromUs, toUs, false);
    loadFeed();
    loadLatency();
    showMoney();
    showStart();
}

void OverviewPage::Impl::refreshLast()
{
    const auto [fromUs, toUs] = context->rangeUs();
    if (!(Buckets::forRange(fromUs, toUs) == data.buckets())) {
        reload(); // time has moved on to a new bar
        return;
    }
    const TimeUs lastFrom = data.buckets().startOf(data.buckets().count - 1);
    loadReport(lastFrom, toUs, true);
    loadLatency();
}

void OverviewPage::Impl::loadReport(TimeUs fromUs, TimeUs toUs, bool onlyLast)
{
    activity::ReportQuery query;
    query.fromUs = fromUs;
    query.toUs = toUs;
    query.rollup = data.rollup();
    query.by = fromQt(by);
    int others = 0;
    query.equals = reportFilters(context->filters(), &others);
    chartNote->setText(others == 0 ? QString() : tr("  without %1 of the filters").arg(others));
    context->service().report("overview", query,
        Context::reply(self,
            [this, onlyLast, asked = generation](
                const Result<std::vector<activity::ReportRow>>& rows) {
                if (asked != generation) {
                    return;
                }
                if (!rows) {
                    chart->setError(toQt(rows.error().text()));
                    return;
                }
                data.fill(*rows, onlyLast);
                chart->setData(data.chart());
                showTotals();
            }));
}

void OverviewPage::Impl::loadFeed()
{
    activity::PageQuery query;
    query.filter = context->activityFilter();
    query.filter.toUs = 0;
    query.limit = feedRowsFetched;
    context->service().page("overview-feed", query,
        Context::reply(self, [this, asked = generation](const Result<activity::Page>& page) {
            if (asked != generation || !page) {
                return;
            }
            feed->replace(page->rows);
            setTraffic(
                hasTraffic || !page->rows.empty() || context->service().status().requests > 0);
            showStart();
        }));
}

void OverviewPage::Impl::loadLatency()
{
    const auto [fromUs, toUs] = context->rangeUs();
    context->service().latency(
        fromUs, toUs, Context::reply(self, [this](const Result<activity::LatencySummary>& found) {
            if (!found || found->count == 0) {
                latency->set(QStringLiteral("–"), tr("no requests in range"));
                return;
            }
            latency->set(durationText(found->addedUsP50),
                tr("95 % below %1").arg(durationText(found->addedUsP95)),
                tr("Half of all requests spend less than this inside Headgate before the first "
                   "byte goes to the provider"));
        }));
}

void OverviewPage::Impl::showTotals()
{
    const Tally sum = data.total();
    const QString range = tr("in range");
    spent->set(moneyText(sum.cost), range, exactMoneyText(sum.cost));
    spentLine->setValues(data.sparkOfCost());
    requestLine->setValues(data.sparkOf(&Tally::requests));
    const Money gain = sum.baseline.minusSaturated(sum.cost);
    saved->set(moneyText(gain), tr("against %1").arg(baselineName()),
        tr("%1 would have cost %2 with %3")
            .arg(tr("The same requests"), exactMoneyText(sum.baseline), baselineName()));
    requests->set(countText(sum.requests),
        sum.failed == 0 ? range : tr("%1 failed").arg(countText(sum.failed)));
    const auto share = [&sum](std::int64_t part) {
        const std::int64_t permille = sum.requests == 0 ? 0 : part * 1000 / sum.requests;
        return tr("%1.%2 % of requests").arg(permille / 10).arg(permille % 10);
    };
    refused->set(countText(sum.refused), share(sum.refused));
    refused->setTone(sum.refused > 0 ? Chip::Tone::Danger : Chip::Tone::Neutral);
    downgraded->set(countText(sum.downgraded), share(sum.downgraded));
    downgraded->setTone(sum.downgraded > 0 ? Chip::Tone::Warning : Chip::Tone::Neutral);
    if (sum.requests > 0 && !hasTraffic) {
        setTraffic(true);
    }
}

void OverviewPage::Impl::showMoney()
{
    const service::Status status = context->service().status();
    held->set(moneyText(status.held), tr("for %1 in flight").arg(countText(status.inFlight)),
        exactMoneyText(status.held));
    const std::vector<PoolRisk> all = poolRisks(context->service().poolStates());
    risks->set(all);
    if (const PoolRisk* least = tightest(all)) {
        left->set(moneyText(least->left),
            least->frozen ? tr("frozen: %1").arg(least->name) : tr("in %1").arg(least->name),
            exactMoneyText(least->left));
        const int percent = usedPercent(least->bar);
        left->setTone(least->frozen || percent >= 100 ? Chip::Tone::Danger
                : percent >= 80                       ? Chip::Tone::Warning
                                                      : Chip::Tone::Neutral);
    } else {
        left->set(tr("no cap"), tr("set one in Budgets"));
        left->setTone(Chip::Tone::Neutral);
    }
}

void OverviewPage::Impl::showStart()
{
    const auto config = context->service().config();
    const bool provider = std::any_of(config->providers.begin(), config->providers.end(),
        [](const catalog::Provider& one) { return one.enabled; });
    const bool cap = std::any_of(config->pools.begin(), config->pools.end(),
        [](const ledger::Pool& one) { return one.hard && !one.archived; });
    const bool key = std::any_of(config->keys.begin(), config->keys.end(),
        [](const service::KeyRecord& one) { return one.revokedAtUs == 0; });
    start->setDone({provider, cap, key, hasTraffic});
}

void OverviewPage::Impl::tick()
{
    if (std::exchange(moneyDirty, false)) {
        showMoney();
    }
    const auto [fromUs, toUs] = context->rangeUs();
    const bool moved = !(Buckets::forRange(fromUs, toUs) == data.buckets());
    if (std::exchange(dirty, false) || moved) {
        refreshLast();
    }
}

OverviewPage::OverviewPage(Context& context, QWidget* parent)
    : Page(context, parent),
      m_impl(std::make_unique<Impl>())
{
    Impl& impl = *m_impl;
    impl.self = this;
    impl.context = &context;
    impl.build();
    impl.timer = new QTimer(this);
    impl.timer->setInterval(refreshMs);
    connect(impl.timer, &QTimer::timeout, this, [&impl] { impl.tick(); });
    connect(&context, &Context::scopeChanged, this, [&impl] {
        if (impl.active) {
            impl.reload();
        }
    });
    connect(&context, &Context::configChanged, this, [&impl] {
        impl.moneyDirty = true;
        if (impl.active) {
            impl.showStart();
        }
    });
    connect(&context, &Context::moneyMoved, this, [&impl] { impl.moneyDirty = true; });
    connect(&context, &Context::decisionsAppended, this,
        [&impl](const std::vector<activity::Decision>& rows) {
            impl.dirty = true;
            impl.moneyDirty = true;
            if (!impl.active) {
                return;
            }
            if (!impl.hasTraffic) {
                impl.setTraffic(true);
                impl.showStart();
            }
            if (impl.context->filters().empty()) {
                impl.feed->prepend(rows);
            } else {
                impl.loadFeed();
            }
        });
    connect(&Theme::instance(), &Theme::changed, this, [&impl] {
        if (impl.active) {
            impl.showTotals();
            impl.showMoney();
        }
    });
}

OverviewPage::~OverviewPage() = default;

QString OverviewPage::title() const
{
    return tr("Overview");
}

void OverviewPage::activate()
{
    m_impl->active = true;
    m_impl->layoutCards(width());
    m_impl->reload();
    m_impl->timer->start();
}

void OverviewPage::deactivate()
{
    m_impl->active = false;
    m_impl->timer->stop();
}

void OverviewPage::resizeEvent(QResizeEvent* event)
{
    Page::resizeEvent(event);
    m_impl->layoutCards(width());
}

} // namespace headgate::ui
