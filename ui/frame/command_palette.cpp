// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/command_palette.h"

#include "ui/widgets/widgets.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListView>
#include <QPainter>
#include <QStandardItemModel>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

enum Role { CommandRole = Qt::UserRole + 1, GroupRole, ShortcutRole, PositionsRole, IconRole };

constexpr int rowsShown = 9;
constexpr int rowsMax = 200;

class PaletteDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override
    {
        return {200, 36};
    }
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
        const QModelIndex& index) const override
    {
        const Tokens& t = Theme::instance().tokens();
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        if (option.state.testFlag(QStyle::State_Selected)) {
            painter->setPen(Qt::NoPen);
            painter->setBrush(t.wash(t.accent));
            painter->drawRoundedRect(
                option.rect.adjusted(4, 1, -4, -1), Theme::radius, Theme::radius);
        }
        const QRect rect = option.rect.adjusted(16, 0, -16, 0);
        icon(index.data(IconRole).toString())
            .paint(painter, QRect(rect.left(), rect.center().y() - 7, 16, 16));
        painter->setPen(t.muted);
        const QString shortcut = index.data(ShortcutRole).toString();
        const QString right = shortcut.isEmpty() ? index.data(GroupRole).toString() : shortcut;
        painter->drawText(rect, Qt::AlignRight | Qt::AlignVCenter, right);
        const int rightWidth = option.fontMetrics.horizontalAdvance(right) + 16;
        paintTitle(painter, rect.adjusted(28, 0, -rightWidth, 0), index);
        painter->restore();
    }

private:
    static void paintTitle(QPainter* painter, const QRect& rect, const QModelIndex& index)
    {
        const Tokens& t = Theme::instance().tokens();
        const QFont plain = painter->font();
        QFont bold = plain;
        bold.setBold(true);
        const QString text = painter->fontMetrics().elidedText(
            index.data().toString(), Qt::ElideRight, rect.width() - 8);
        const QVariantList positions = index.data(PositionsRole).toList();
        int x = rect.left();
        for (int i = 0; i < text.size(); ++i) {
            const bool hit = positions.contains(i);
            painter->setFont(hit ? bold : plain);
            painter->setPen(hit ? t.accent : t.text);
            painter->drawText(QRect(x, rect.top(), rect.right() - x, rect.height()),
                Qt::AlignVCenter, QString(text[i]));
            x += painter->fontMetrics().horizontalAdvance(text[i]);
        }
        painter->setFont(plain);
    }
};

} // namespace

namespace {

/// Greedy from one start; −1: not all letters follow.
int scoreFrom(const QString& letters, const QString& text, qsizetype from, QList<int>& where)
{
    where.clear();
    int score = 0;
    int last = -2;
    for (const QChar c : letters) {
        const qsizetype at = text.indexOf(c, from, Qt::CaseInsensitive);
        if (at < 0) {
            return -1;
        }
        const bool wordStart = at == 0 || !text[at - 1].isLetterOrNumber();
        score += (at == last + 1 ? 8 : 1) + (wordStart ? 6 : 0)
            - static_cast<int>(qMin<qsizetype>(3, at / 12));
        last = static_cast<int>(at);
        where.append(last);
        from = at + 1;
    }
    return qMax(0, score);
}

} // namespace

int fuzzyScore(const QString& pattern, const QString& text, QList<int>* where)
{
    QString letters = pattern;
    letters.remove(QLatin1Char(' '));
    QList<int> found;
    QList<int> best;
    int bestScore = letters.isEmpty() ? 0 : -1;
    qsizetype start
        = letters.isEmpty() ? -1 : text.indexOf(letters.front(), 0, Qt::CaseInsensitive);
    while (start >= 0) { // every occurrence of the first letter may begin the best match
        const int score = scoreFrom(letters, text, start, found);
        if (score > bestScore) {
            bestScore = score;
            best = found;
        }
        start = text.indexOf(letters.front(), start + 1, Qt::CaseInsensitive);
    }
    if (where != nullptr) {
        *where = best;
    }
    return bestScore;
}

CommandPalette::CommandPalette(std::vector<Command> commands, QStringList recent, QWidget* parent)
    : QDialog(parent, Qt::Dialog | Qt::FramelessWindowHint),
      m_commands(std::move(commands)),
      m_recent(std::move(recent)),
      m_edit(new QLineEdit(this)),
      m_list(new QListView(this)),
      m_model(new QStandardItemModel(this))
{
    setObjectName(QStringLiteral("commandPalette"));
    setAttribute(Qt::WA_DeleteOnClose);
    setModal(true);
    setWindowTitle(tr("Search"));
    m_edit->setObjectName(QStringLiteral("paletteEdit"));
    m_edit->setPlaceholderText(tr("Page, action, pool, key, model or decision id"));
    m_edit->setAccessibleName(m_edit->placeholderText());
    m_edit->setFixedHeight(40);
    m_edit->installEventFilter(this);
    m_list->setModel(m_model);
    m_list->setItemDelegate(new PaletteDelegate(m_list));
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setFocusPolicy(Qt::NoFocus);
    m_list->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_list->setUniformItemSizes(true);
    m_list->setMouseTracking(true);
    m_list->setFixedHeight(rowsShown * 36 + 8);
    m_list->setAccessibleName(tr("Matches"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space2, Theme::space2, Theme::space2, Theme::space2);
    layout->setSpacing(Theme::space2);
    layout->addWidget(m_edit);
    layout->addWidget(m_list);
    setFixedWidth(620);
    connect(m_edit, &QLineEdit::textChanged, this, &CommandPalette::narrow);
    connect(m_list, &QListView::clicked, this, &CommandPalette::runCurrent);
    connect(m_list, &QListView::entered, m_list, &QListView::setCurrentIndex);
    narrow(QString());
    const QPoint top = parent->mapToGlobal(QPoint((parent->width() - width()) / 2, 72));
    move(top);
}

void CommandPalette::narrow(const QString& text)
{
    struct Hit {
        std::size_t command;
        int score;
        QList<int> where;
    };
    std::vector<Hit> hits;
    for (std::size_t i = 0; i < m_commands.size(); ++i) {
        Hit hit{i, 0, {}};
        hit.score = fuzzyScore(text, m_commands[i].title, &hit.where);
        if (hit.score < 0) {
            continue;
        }
        const qsizetype recent = m_recent.indexOf(m_commands[i].id);
        hit.score += recent < 0
            ? 0
            : static_cast<int>(qMax<qsizetype>(1, 5 - recent)) + (text.isEmpty() ? 100 : 0);
        hits.push_back(std::move(hit));
    }
    std::stable_sort(
        hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
    hits.resize(std::min<std::size_t>(hits.size(), rowsMax));
    m_model->clear();
    for (const Hit& hit : hits) {
        const Command& command = m_commands[hit.command];
        auto* item = new QStandardItem(command.title);
        item->setData(static_cast<int>(hit.command), CommandRole);
        item->setData(command.group, GroupRole);
        item->setData(command.shortcut, ShortcutRole);
        item->setData(command.iconName, IconRole);
        QVariantList positions;
        for (const int at : hit.where) {
            positions.append(at);
        }
        item->setData(positions, PositionsRole);
        m_model->appendRow(item);
    }
    m_list->setCurrentIndex(m_model->index(0, 0));
}

void CommandPalette::runCurrent()
{
    const QModelIndex index = m_list->currentIndex();
    if (!index.isValid()) {
        const QString text = m_edit->text().trimmed();
        close();
        Q_EMIT decisionTyped(text);
        return;
    }
    const Command command = m_commands[static_cast<std::size_t>(index.data(CommandRole).toInt())];
    close();
    Q_EMIT ran(command.id);
    command.run();
}

bool CommandPalette::eventFilter(QObject* object, QEvent* event)
{
    if (object == m_edit && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        const int step = key == Qt::Key_Down ? 1
            : key == Qt::Key_Up              ? -1
            : key == Qt::Key_PageDown        ? rowsShown
            : key == Qt::Key_PageUp          ? -rowsShown
                                             : 0;
        if (step != 0) {
            const int row = qBound(0, m_list->currentIndex().row() + step, m_model->rowCount() - 1);
            m_list->setCurrentIndex(m_model->index(row, 0));
            return true;
        }
        if (key == Qt::Key_Return || key == Qt::Key_Enter) {
            runCurrent();
            return true;
        }
    }
    return QDialog::eventFilter(object, event);
}

void CommandPalette::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.surface);
    painter.setPen(t.border);
    painter.drawRect(rect().adjusted(0, 0, -1, -1));
}

} // namespace headgate::ui
