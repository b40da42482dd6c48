#include "server/app/ice_servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "auth/timed_credential.h"
#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"

namespace relay::ice_servers_test {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Transport = Config::ListenerTransport;

base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }

turn::RelayAddress Relay(std::string_view internal, std::string_view external) {
  return {Address(internal), Address(external)};
}

Config::Listener Listener(Transport transport, std::string_view address, std::uint16_t port) {
  return {transport, Address(address), port, std::nullopt};
}

// One certificate for these names and addresses, as a client may trust it.
std::vector<Certificate> CertificateFor(const std::vector<std::string>& names,
                                        const std::vector<std::string>& addresses = {}) {
  const test_support::TemporaryDirectory directory;
  const auto files = test_support::WriteCertificate(directory, "a", names, addresses);
  return {Certificate::Load(files.certificate, files.private_key).value()};
}

TEST(IceUrls, BeginWithWhatStrictFirewallsLetOut) {
  const IceUrls urls = MakeIceUrls(Config::DefaultListeners(), "turn.example.org", {},
                                   CertificateFor({"turn.example.org"}));
  EXPECT_THAT(urls.stun, ElementsAre("stun:turn.example.org:49152"));
  EXPECT_THAT(urls.turn, ElementsAre("turn:turn.example.org:49152?transport=udp",
                                     "turns:turn.example.org:443?transport=tcp",
                                     "turn:turn.example.org:3478?transport=udp",
                                     "turns:turn.example.org:5349?transport=tcp",
                                     "turn:turn.example.org:3478?transport=tcp"));
}

TEST(IceUrls, BeginWithUdpWhereverItIs) {
  const IceUrls urls = MakeIceUrls(
      {Listener(Transport::kEdge, "0.0.0.0", 443), Listener(Transport::kUdp, "0.0.0.0", 3478)},
      "turn.example.org", {}, CertificateFor({"turn.example.org"}));
  EXPECT_THAT(urls.turn, ElementsAre("turn:turn.example.org:3478?transport=udp",
                                     "turns:turn.example.org:443?transport=tcp"));
}

TEST(IceUrls, HaveNoTlsThatClientsWouldNotTrust) {
  const IceUrls urls = MakeIceUrls(Config::DefaultListeners(), "turn.example.org", {}, {});
  EXPECT_THAT(urls.turn, ElementsAre("turn:turn.example.org:49152?transport=udp",
                                     "turn:turn.example.org:3478?transport=udp",
                                     "turn:turn.example.org:3478?transport=tcp"));
}

TEST(IceUrls, HaveNoDtlsWhichBrowsersTakeForTls) {
  const IceUrls urls = MakeIceUrls({Listener(Transport::kDtls, "0.0.0.0", 5349)},
                                   "turn.example.org", {}, CertificateFor({"turn.example.org"}));
  EXPECT_THAT(urls.turn, IsEmpty());
  EXPECT_THAT(urls.stun, IsEmpty());
}

TEST(IceUrls, WithoutANodeHaveTlsOnlyForAnAddressThatACertificateIsFor) {
  const std::vector<Config::Listener> listeners{Listener(Transport::kUdp, "0.0.0.0", 3478),
                                                Listener(Transport::kTls, "0.0.0.0", 5349)};
  const std::vector<turn::RelayAddress> relays{Relay("10.0.0.5", "203.0.113.7")};
  EXPECT_THAT(
      MakeIceUrls(listeners, "", relays, CertificateFor({"turn.example.org"}, {"10.0.0.5"})).turn,
      ElementsAre("turn:203.0.113.7:3478?transport=udp"));
  EXPECT_THAT(
      MakeIceUrls(listeners, "", relays, CertificateFor({"a.example"}, {"203.0.113.7"})).turn,
      ElementsAre("turn:203.0.113.7:3478?transport=udp", "turns:203.0.113.7:5349?transport=tcp"));
}

TEST(IceUrls, WithoutANodeHaveTlsForAnIpv6AddressToo) {
  EXPECT_THAT(
      MakeIceUrls({Listener(Transport::kEdge, "::", 443)}, "",
                  {Relay("2001:db8::1", "2001:db8::1")}, CertificateFor({}, {"2001:db8::1"}))
          .turn,
      ElementsAre("turns:[2001:db8::1]:443?transport=tcp"));
}

TEST(IceUrls, LeaveOutCertificatesThatCannotBeLoaded) {
  const test_support::TemporaryDirectory directory;
  const auto files = test_support::WriteCertificate(directory, "a", {"a.example"});
  Config config;
  config.tls.certificates = {{"/nonexistent.crt", "/nonexistent.key"},
                             {files.certificate, files.private_key}};
  const auto certificates = LoadCertificates(config);
  ASSERT_EQ(certificates.size(), 1U);
  EXPECT_EQ(certificates[0].path(), files.certificate);
}

TEST(IceUrls, HaveTheExternalRelayAddressWithoutANode) {
  const IceUrls urls = MakeIceUrls({Listener(Transport::kUdp, "0.0.0.0", 3478)}, "",
                                   {Relay("10.0.0.5", "203.0.113.7")}, {});
  EXPECT_THAT(urls.turn, ElementsAre("turn:203.0.113.7:3478?transport=udp"));
}

TEST(IceUrls, NameOnlyIpv4WhereThereIsIpv4) {
  const IceUrls urls =
      MakeIceUrls(Config::DefaultListeners(), "",
                  {Relay("192.0.2.1", "192.0.2.1"), Relay("2001:db8::1", "2001:db8::1")}, {});
  for (const std::string& url : urls.turn) EXPECT_THAT(url, HasSubstr("turn:192.0.2.1:"));
  EXPECT_EQ(urls.turn.size(), 3U);
}

TEST(IceUrls, PutIpv6InBrackets) {
  const IceUrls urls =
      MakeIceUrls(Config::DefaultListeners(), "", {Relay("2001:db8::1", "2001:db8::1")}, {});
  EXPECT_THAT(urls.stun, ElementsAre("stun:[2001:db8::1]:49152"));
  EXPECT_THAT(MakeIceUrls(Config::DefaultListeners(), "2001:db8::2", {}, {}).stun,
              ElementsAre("stun:[2001:db8::2]:49152"));
}

TEST(IceUrls, HaveTheAddressOfAListenerThatHasOne) {
  const IceUrls urls = MakeIceUrls(
      {Listener(Transport::kTcp, "127.0.0.1", 3478), Listener(Transport::kUdp, "10.0.0.5", 3479)},
      "", {Relay("10.0.0.5", "203.0.113.7")}, {});
  EXPECT_THAT(urls.turn, ElementsAre("turn:203.0.113.7:3479?transport=udp",
                                     "turn:127.0.0.1:3478?transport=tcp"));
  EXPECT_THAT(urls.stun, ElementsAre("stun:203.0.113.7:3479"));
}

TEST(IceUrls, AreNoneForListenersThatNobodyCouldName) {
  const IceUrls urls = MakeIceUrls({Listener(Transport::kUdp, "::", 3478)}, "",
                                   {Relay("192.0.2.1", "192.0.2.1")}, {});
  EXPECT_THAT(urls.turn, IsEmpty());
  EXPECT_THAT(urls.stun, IsEmpty());
}

class IceServersJson : public testing::Test {
 protected:
  IceServersJson() {
    config_.auth.shared_secrets = {{"k1", "north"}, {"k2", "south"}};
    urls_ = MakeIceUrls(Config::DefaultListeners(), "turn.example.org", {}, {});
  }

  base::Result<std::string> Make(std::string_view subject) const {
    return MakeIceServersJson(config_, urls_, subject, std::chrono::hours(1),
                              base::WallTime(std::chrono::seconds(1795194000)));
  }

  Config config_;
  IceUrls urls_;
};

TEST_F(IceServersJson, IsWhatABrowserTakes) {
  const auto text = Make("alice");
  ASSERT_TRUE(text.ok());
  const auto servers = boost::json::parse(text.value()).at("iceServers").as_array();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].at("urls").as_array().size(), 1U);
  EXPECT_FALSE(servers[0].as_object().contains("username"));
  EXPECT_EQ(servers[1].at("urls").as_array().size(), 3U);
  EXPECT_EQ(servers[1].at("username").as_string(), "1795197600:alice");
  EXPECT_EQ(servers[1].at("credential").as_string(), "DOCmuJGwXKB9Os8vwn2wZ8bReu0=");
}

TEST_F(IceServersJson, EscapesTheSubject) {
  const auto text = Make("a\"b\\c");
  ASSERT_TRUE(text.ok());
  const auto servers = boost::json::parse(text.value()).at("iceServers").as_array();
  EXPECT_EQ(servers[1].at("username").as_string(), "1795197600:a\"b\\c");
}

TEST_F(IceServersJson, HasNoStunWithoutUdp) {
  urls_.stun.clear();
  const auto text = Make("alice");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(boost::json::parse(text.value()).at("iceServers").as_array().size(), 1U);
}

TEST_F(IceServersJson, NeedsASecret) {
  config_.auth.shared_secrets.clear();
  const auto text = Make("alice");
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(text.error().message, HasSubstr("no shared secret"));
}

TEST_F(IceServersJson, NeedsAnAddress) {
  urls_ = {};
  EXPECT_FALSE(Make("alice").ok());
}

TEST_F(IceServersJson, RefusesSubjectsThatAreNoNames) { EXPECT_FALSE(Make("a\nb").ok()); }

}  // namespace relay::ice_servers_test
