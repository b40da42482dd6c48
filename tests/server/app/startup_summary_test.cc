#include "server/app/startup_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

namespace relay {
namespace {

using testing::HasSubstr;
using testing::Not;

const base::WallTime kNow{std::chrono::seconds(1795194000)};

class Summary : public testing::Test {
 protected:
  Summary() {
    const auto listeners = Config::DefaultListeners();
    config_.auth.shared_secrets = {{"default", "north"}};
    facts_.opened = {listeners[0], listeners[1], listeners[3]};
    facts_.left_out = {{listeners[2], "not part of this version", "wait for it"},
                       {listeners[4], "not part of this version", "wait for it"}};
    facts_.relay_addresses = {
        {*base::IpAddress::Parse("10.0.0.5"), *base::IpAddress::Parse("203.0.113.7")}};
    facts_.shards = 4;
    facts_.secret_path = "/var/lib/senso-turn/secret";
    facts_.admin_socket = "/run/senso-turn/admin.sock";
    facts_.metrics_url = "http://127.0.0.1:9641/metrics";
  }

  std::string Text() const { return StartupSummary(config_, facts_, kNow); }

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

TEST_F(Summary, SaysWhatIsLeftOutAndWhatToDo) {
  EXPECT_THAT(Text(), HasSubstr("dtls 0.0.0.0:49153, tls 0.0.0.0:5349\n"));
  EXPECT_THAT(Text(), HasSubstr("not part of this version; wait for it\n"));
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

}  // namespace
}  // namespace relay
