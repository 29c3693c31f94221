#include <QtTest>
class TestPriceBook : public QObject {
    Q_OBJECT
};
QTEST_GUILESS_MAIN(TestPriceBook)
#include "tst_price_book.moc"
