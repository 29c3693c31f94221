// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Which way a provider is reached: the variables of a company's proxy in all their writings.

#include <QMap>
#include <QTest>

#include "core/proxy/upstream_target.h"

using namespace headgate;
using namespace headgate::proxy;

namespace {

using Variables = QMap<QString, QString>;

/// "direct", "host:port", "host:port user:password", or the error.
std::string wayTo(const std::string& url, const std::string& proxy, const Variables& variables)
{
    catalog::Provider provider;
    provider.proxy = proxy;
    const auto hop
        = proxyFor(provider, *parseBaseUrl(url), nullptr, [&variables](const char* name) {
              return variables.value(QString::fromLatin1(name)).toStdString();
          });
    if (!hop) {
        return hop.error().text();
    }
    if (!*hop) {
        return "direct";
    }
    const auto& found = **hop;
    return found.host + ":" + found.port + (found.auth ? " " + found.auth->reveal() : "");
}

} // namespace

class TestUpstreamTarget : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badProxies_data()
    {
        QTest::addColumn<QString>("proxy");
        for (const char* bad : {"https://proxy:1", "socks5://proxy:1", "http://", "http://proxy:x",
                 "http://proxy/path", "http://user:top-secret@", "http://a b:1"}) {
            QTest::newRow(bad) << QString::fromLatin1(bad);
        }
    }
    void badProxies()
    {
        QFETCH(QString, proxy);
        const auto said
            = wayTo("https://api.example/v1", "env", {{QStringLiteral("HTTPS_PROXY"), proxy}});
        QVERIFY2(said.find("http://host:port") != std::string::npos, said.c_str());
        QVERIFY2(said.find("top-secret") == std::string::npos, said.c_str());
    }

    void variables_data()
    {
        QTest::addColumn<QString>("url");
        QTest::addColumn<Variables>("variables");
        QTest::addColumn<QString>("way");
        const auto row
            = [](const char* name, const char* url,
                  std::initializer_list<std::pair<const char*, const char*>> set, const char* way) {
                  Variables variables;
                  for (const auto& [variable, value] : set) {
                      variables.insert(QString::fromLatin1(variable), QString::fromLatin1(value));
                  }
                  QTest::newRow(name)
                      << QString::fromLatin1(url) << variables << QString::fromLatin1(way);
              };
        const char* tls = "https://api.example/v1";
        const char* plain = "http://api.example/v1";
        row("none", tls, {}, "direct");
        row("upper", tls, {{"HTTPS_PROXY", "http://p:3128"}}, "p:3128");
        row("lower", tls, {{"https_proxy", "http://p:3128"}}, "p:3128");
        row("lower wins", tls, {{"https_proxy", "http://l:1"}, {"HTTPS_PROXY", "http://u:2"}},
            "l:1");
        row("no scheme", tls, {{"HTTPS_PROXY", "p:3128"}}, "p:3128");
        row("no port", tls, {{"HTTPS_PROXY", "http://p"}}, "p:80");
        row("slash", tls, {{"HTTPS_PROXY", "http://p:3128/"}}, "p:3128");
        row("v6", tls, {{"HTTPS_PROXY", "http://[::1]:3128"}}, "::1:3128");
        row("all", tls, {{"ALL_PROXY", "http://p:3128"}}, "p:3128");
        row("https before all", tls,
            {{"all_proxy", "http://a:1"}, {"HTTPS_PROXY", "http://p:3128"}}, "p:3128");
        row("credentials", tls, {{"HTTPS_PROXY", "http://me:p%40ss%3A1@p:3128"}},
            "p:3128 me:p@ss:1");
        row("user alone", tls, {{"HTTPS_PROXY", "http://me@p:3128"}}, "p:3128 me");
        row("bad escape stays", tls, {{"HTTPS_PROXY", "http://me:100%zz@p:1"}}, "p:1 me:100%zz");
        row("not for plain", plain, {{"HTTPS_PROXY", "http://p:3128"}}, "direct");
        row("plain", plain, {{"http_proxy", "http://p:3128"}}, "p:3128");
        row("plain in capitals is a request's header", plain, {{"HTTP_PROXY", "http://p:3128"}},
            "direct");
        row("this machine", "https://127.0.0.1:8443/v1", {{"HTTPS_PROXY", "http://p:3128"}},
            "direct");
        row("localhost", "https://localhost/v1", {{"HTTPS_PROXY", "http://p:3128"}}, "direct");
    }
    void variables()
    {
        QFETCH(QString, url);
        QFETCH(Variables, variables);
        QFETCH(QString, way);
        QCOMPARE(wayTo(url.toStdString(), "env", variables), way.toStdString());
        QCOMPARE(wayTo(url.toStdString(), "", variables), std::string("direct"));
        QCOMPARE(wayTo(url.toStdString(), "http://own:9", variables), std::string("own:9"));
    }

    void exemptions_data()
    {
        QTest::addColumn<QString>("host");
        QTest::addColumn<QString>("list");
        QTest::addColumn<bool>("direct");
        const auto row = [](const char* host, const char* list, bool direct) {
            QTest::addRow("%s in %s", host, list)
                << QString::fromLatin1(host) << QString::fromLatin1(list) << direct;
        };
        const char* host = "api.example.com";
        row(host, "", false);
        row(host, ",, ,", false);
        row(host, "*", true);
        row(host, "x,*", true);
        row(host, "api.example.com", true);
        row(host, "API.Example.COM", true);
        row(host, "api.example.com.", true);
        row("api.example.com.", "api.example.com", true);
        row(host, ".example.com", true);
        row(host, "example.com", true);
        row(host, "com", true);
        row(host, ".", false);
        row(host, "*.example.com", false); // as with curl: the star stands alone only
        row(host, "ample.com", false);
        row(host, "other.com, api.example.com", true);
        row(host, "other.com api.example.com", true);
        row(host, "other.com\tapi.example.com", true);
        row(host, "api.example.com:443", true);
        row(host, "example.com:443", true);
        row(host, "api.example.com:8443", false);
        row("api.example.com:8443", "api.example.com:8443", true);
        row("api.example.com:8443", "api.example.com", true);
        row(host, "v1.api.example.com", false);
        row("10.1.2.3", "10.1.2.3", true);
        row("10.1.2.3", "10.1.2.3:443", true);
        row("10.1.2.3", "10.1.2.3:1", false);
        row("10.1.2.3", "10.0.0.0/8", true);
        row("10.1.2.3", "10.1.2.3/32", true);
        row("10.1.2.3", "10.1.0.0/24", false);
        row("10.1.2.3", "0.0.0.0/0", true);
        row("10.1.2.3", "10.0.0.0/33", false);
        row("10.1.2.3", "10.0.0.0/", false);
        row("10.1.2.3", "2.3", false);
        row("10.1.2.3", ".3", false);
        row("[2001:db8::1]", "2001:db8::1", true);
        row("[2001:db8::1]", "[2001:db8::1]", true);
        row("[2001:db8::1]", "2001:0db8:0::1", true);
        row("[2001:db8::1]", "[2001:db8::1]:443", true);
        row("[2001:db8::1]", "[2001:db8::1]:1", false);
        row("[2001:db8::1]", "2001:db8::/32", true);
        row("[2001:db8::1]", "2001:db9::/32", false);
        row("[2001:db8::1]", "10.0.0.0/8", false);
        row("[2001:db8::1]", "[", false);
        row("10.1.2.3", "2001:db8::/32", false);
        row(host, "10.0.0.0/8", false);
    }
    void exemptions()
    {
        QFETCH(QString, host);
        QFETCH(QString, list);
        QFETCH(bool, direct);
        for (const char* name : {"NO_PROXY", "no_proxy"}) {
            const Variables variables{{QStringLiteral("HTTPS_PROXY"), QStringLiteral("http://p:1")},
                {QString::fromLatin1(name), list}};
            const auto url = "https://" + host.toStdString() + "/v1";
            QCOMPARE(wayTo(url, "env", variables), std::string(direct ? "direct" : "p:1"));
            // An operator who names a proxy for one provider means it.
            QCOMPARE(wayTo(url, "http://own:9", variables), std::string("own:9"));
        }
    }
};

QTEST_APPLESS_MAIN(TestUpstreamTarget)
#include "tst_upstream_target.moc"
