#include <QtTest>
class TestCost : public QObject {
    Q_OBJECT
};
QTEST_GUILESS_MAIN(TestCost)
#include "tst_cost.moc"
