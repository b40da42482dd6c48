#include "server/app/startup_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"

namespace relay::startup_summary_test {

using testing::HasSubstr;
using testing::Not;

const base::WallTime kNow{std::chrono::seconds(1795194000)};

class Summary : public testing::Test {
 protected:
  Summary() {
    const auto listeners = Config::DefaultListeners();
    config_.auth.shared_secrets = {{"default", "north"}};
    facts_.opened = {listeners[0], listeners[1], listeners[3]};
    facts_.left_out = {{listeners[2], "there is no certificate", "add tls.certificates"},
                       {listeners[4], "there is no certificate", "add tls.certificates"}};
    facts_.relay_addresses = {
        {*base::IpAddress::Parse("10.0.0.5"), *base::IpAddress::Parse("203.0.113.7")}};
    facts_.shards = 4;
    facts_.secret_path = "/var/lib/senso-turn/secret";
    facts_.admin_socket = "/run/senso-turn/admin.sock";
    facts_.metrics_url = "http://127.0.0.1:9641/metrics";
  }

  Certificate CertificateFor(const std::vector<std::string>& names,
                             const std::vector<std::string>& addresses) const {
    const auto files = test_support::WriteCertificate(directory_, "a", names, addresses);
    return Certificate::Load(files.certificate, files.private_key).value();
  }
  std::string Text() const { return StartupSummary(config_, facts_, kNow); }

  test_support::TemporaryDirectory directory_;
  Config config_;
  StartupFacts facts_;
};

TEST_F(Summary, SaysWhereTheServerIs) {
  const std::string text = Text();
  for (const char* part :
       {"udp 0.0.0.0:3478\n", "udp 0.0.0.0:49152\n", "tcp 0.0.0.0:3478\n",
        "10.0.0.5, outside 203.0.113.7", "49152-65535", "senso-turn", "/var/lib/senso-turn/secret",
        "/run/senso-turn/admin.sock", "http://127.0.0.1:9641/metrics"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_TRUE(text.ends_with("\n"));
}

TEST_F(Summary, SaysWhenTheSystemAllowsFewerSocketsThanRelays) {
  EXPECT_THAT(Text(), Not(HasSubstr("open files")));
  config_.limits.allocations = 16000;
  facts_.relay_descriptors = 16000;
  EXPECT_THAT(Text(), Not(HasSubstr("open files")));
  facts_.relay_descriptors = 768;
  EXPECT_THAT(Text(),
              HasSubstr("  warning     the limit of open files allows about 768 relays of 16000;"));
  config_.limits.allocations = 0;
  EXPECT_THAT(Text(), HasSubstr("768 relays of 16384;"));
}

TEST_F(Summary, ShowsTheFurtherSocketsOfNatDiscovery) {
  EXPECT_THAT(Text(), Not(HasSubstr("NAT discovery")));
  facts_.further_sockets = {*base::Endpoint::Parse("[2001:db8::2]:3479")};
  EXPECT_THAT(Text(), HasSubstr("\n              udp [2001:db8::2]:3479 (NAT discovery only)\n"));
}

TEST_F(Summary, SaysWhatIsLeftOutAndWhatToDo) {
  EXPECT_THAT(Text(), HasSubstr("dtls 0.0.0.0:49153, tls 0.0.0.0:5349\n"));
  EXPECT_THAT(Text(), HasSubstr("there is no certificate; add tls.certificates\n"));
}

TEST_F(Summary, EndsWithCredentialsForADay) {
  const std::string text = Text();
  const auto servers = boost::json::parse(text.substr(text.find('{'))).at("iceServers").as_array();
  EXPECT_EQ(servers[1].at("username").as_string(), "1795280400:startup");
  EXPECT_EQ(servers[1].at("urls").as_array()[0].as_string(),
            "turn:203.0.113.7:49152?transport=udp");
}

TEST_F(Summary, OfAConfigurationHasNoCredentials) {
  facts_.secret_path.clear();
  EXPECT_THAT(Text(), Not(HasSubstr("\"credential\"")));
  EXPECT_THAT(Text(), HasSubstr("senso-turn credentials --config FILE"));
}

TEST_F(Summary, ShowsTheCertificatesWithNamesAndEnd) {
  facts_.certificates = {CertificateFor({"turn.example.org"}, {"203.0.113.7"})};
  const std::string text = Text();
  EXPECT_THAT(text, testing::ContainsRegex("certificate +[^ ]*/a\\.crt \\(EC\\) until "
                                           "20[0-9][0-9]-[0-9T:-]*Z\n +"
                                           "for turn\\.example\\.org, 203\\.0\\.113\\.7\n"));
  EXPECT_THAT(text, Not(HasSubstr("told to trust")));
}

TEST_F(Summary, NamesTlsForACertificateThatClientsMayTrust) {
  facts_.opened.push_back(Config::DefaultListeners()[6]);
  facts_.certificates = {CertificateFor({"turn.example.org"}, {"203.0.113.7"})};
  EXPECT_THAT(Text(), HasSubstr("turns:203.0.113.7:443?transport=tcp"));
}

TEST_F(Summary, SaysOfASelfSignedCertificateWhatItIsGoodFor) {
  facts_.opened.push_back(Config::DefaultListeners()[6]);
  facts_.certificates = {CertificateFor({"localhost"}, {"203.0.113.7"})};
  facts_.has_self_signed = true;
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("clients have to be told to trust it"));
  EXPECT_THAT(text, HasSubstr("--set 'tls.certificates="));
  EXPECT_THAT(text, Not(HasSubstr("turns:")));
}

TEST_F(Summary, NeverShowsTheSecret) { EXPECT_THAT(Text(), Not(HasSubstr("north"))); }

TEST_F(Summary, WithoutAdminAndMetricsHasNoLinesForThem) {
  facts_.admin_socket.clear();
  facts_.metrics_url.clear();
  EXPECT_THAT(Text(), Not(HasSubstr("  admin")));
  EXPECT_THAT(Text(), Not(HasSubstr("  metrics")));
}

TEST_F(Summary, ThatCannotNameTheServerSaysWhy) {
  facts_.relay_addresses.clear();
  EXPECT_THAT(Text(), HasSubstr("set node"));
}

}  // namespace relay::startup_summary_test
