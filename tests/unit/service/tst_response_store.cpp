// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/response_store.h"

#include "core/base/limits.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

using namespace headgate;
using namespace headgate::proxy;
using headgate::service::ResponseStore;

namespace {

constexpr TimeUs dayUs = 24LL * 3'600 * usPerSecond;
constexpr TimeUs nowUs = 1'000 * dayUs;

ResponsePin pin(std::int64_t owner, TimeUs atUs = nowUs)
{
    ResponsePin out;
    out.owner = owner;
    out.provider = "p";
    out.model = "p/m";
    out.tokens = 18;
    out.atUs = atUs;
    return out;
}

} // namespace

class TestResponseStore : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void names();
    void pinsAreBounded();
    void kept();
    void damaged();
};

void TestResponseStore::names()
{
    const auto mine = responseName(KeyId{1}, "resp_secret");
    QVERIFY(mine != responseName(KeyId{2}, "resp_secret"));
    QVERIFY(responseName(KeyId{1}, "2 x") != responseName(KeyId{12}, " x"));
    QVERIFY(conversationName("resp_secret") != mine);
    QCOMPARE(mine.size(), std::size_t{32});
    QVERIFY(mine.find("secret") == std::string::npos);
}

void TestResponseStore::pinsAreBounded()
{
    ResponsePins pins;
    QVERIFY(!pins.find("none", nowUs));
    pins.remember("a", pin(1));
    QVERIFY(pins.find("a", nowUs + responsePinAgeUs));
    QVERIFY(!pins.find("a", nowUs + responsePinAgeUs + 1));
    QCOMPARE(pins.takeChanges().size(), std::size_t{1});
    QVERIFY(pins.takeChanges().empty());
    pins.changedAgain({{"a", pin(1)}, {"gone", pin(1)}});
    QCOMPARE(pins.takeChanges().size(), std::size_t{1});
    for (std::size_t i = 0; i < limits::responsePinsMax; ++i) {
        pins.remember(std::to_string(i), pin(1));
    }
    QVERIFY(!pins.find("a", nowUs));
    QVERIFY(pins.find("0", nowUs));
    QCOMPARE(pins.takeChanges().size(), limits::responsePinsMax);
}

void TestResponseStore::kept()
{
    QTemporaryDir dir;
    const auto path = dir.filePath(QStringLiteral("responses.db")).toStdString();
    {
        auto store = ResponseStore::open(path);
        QVERIFY(store);
        ResponsePins pins;
        QVERIFY(store->load(pins, nowUs));
        pins.remember("new", pin(7));
        pins.remember("old", pin(7, nowUs - 29 * dayUs));
        auto unknown = pin(8);
        unknown.tokens = -1;
        pins.remember("size unknown", unknown);
        QVERIFY(store->save(pins, nowUs));
        auto again = pin(7);
        again.tokens = 99;
        pins.remember("new", again);
        QVERIFY(store->save(pins, nowUs));
    }
    auto store = ResponseStore::open(path);
    QVERIFY(store);
    ResponsePins pins;
    QVERIFY(store->load(pins, nowUs));
    QVERIFY(pins.takeChanges().empty());
    QCOMPARE(pins.find("new", nowUs)->tokens, 99);
    QCOMPARE(pins.find("new", nowUs)->owner, 7);
    QCOMPARE(pins.find("new", nowUs)->provider, std::string("p"));
    QCOMPARE(pins.find("new", nowUs)->model, std::string("p/m"));
    QCOMPARE(pins.find("size unknown", nowUs)->tokens, -1);
    QVERIFY(pins.find("old", nowUs));
    QVERIFY(store->save(pins, nowUs + 2 * dayUs)); // forgets what is too old
    ResponsePins later;
    QVERIFY(store->load(later, nowUs));
    QVERIFY(later.find("new", nowUs));
    QVERIFY(!later.find("old", nowUs));
}

void TestResponseStore::damaged()
{
    QTemporaryDir dir;
    const auto path = dir.filePath(QStringLiteral("responses.db"));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(QByteArray(8'192, 'x'));
    file.close();
    QVERIFY(!ResponseStore::open(path.toStdString()));
    QVERIFY(!ResponseStore::open("/nonexistent-folder/responses.db"));
}

QTEST_GUILESS_MAIN(TestResponseStore)
#include "tst_response_store.moc"
