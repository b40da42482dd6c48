#include "server/app/relay_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/server/log/captured_stderr.h"
#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/udp_socket.h"

namespace relay::relay_server_test {

using test_support::WriteCertificate;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class RelayServerTest : public testing::Test {
 protected:
  RelayServerTest() {
    config_.shards = 1;
    config_.listeners_were_given = true;
    config_.listeners = {Listener(Config::ListenerTransport::kUdp)};
  }

  static Config::Listener Listener(Config::ListenerTransport transport) {
    return {transport, *base::IpAddress::Parse("127.0.0.1"), 0, std::nullopt};
  }
  base::Result<std::unique_ptr<RelayServer>> Open() const {
    const base::IpAddress address = *base::IpAddress::Parse("127.0.0.1");
    return RelayServer::Open(config_, {{address, address}});
  }
  // One pair, as the configuration names it.
  void Configure(const std::string& certificate, const std::string& private_key) {
    config_.tls.certificates = {{certificate, private_key}};
  }
  std::vector<std::string> SubjectsOf(const RelayServer& relay) const {
    const auto certificates = relay.ReadSnapshot().certificates;
    return certificates.empty() ? std::vector<std::string>() : certificates[0].subjects;
  }
  // What a refresh logs.
  static std::string LogOf(RelayServer& relay) {
    CapturedStderr captured;
    relay.RefreshCertificates();
    return captured.Read();
  }

  test_support::TemporaryDirectory directory_;
  Config config_;
};

TEST_F(RelayServerTest, DoesNotOpenWithACertificateThatCannotBeUsed) {
  Configure("/nonexistent/a.crt", "/nonexistent/a.key");
  const auto relay = Open();
  ASSERT_FALSE(relay.ok());
  EXPECT_THAT(relay.error().message, HasSubstr("/nonexistent/a.crt"));
}

TEST_F(RelayServerTest, HasNoCertificatesWithoutTls) {
  const auto relay = Open();
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  relay.value()->RefreshCertificates();
  EXPECT_THAT(relay.value()->certificates(), IsEmpty());
  EXPECT_THAT(relay.value()->ReadSnapshot().certificates, IsEmpty());
}

TEST_F(RelayServerTest, ShowsEveryCertificateAsItIsConfigured) {
  const auto files = WriteCertificate(directory_, "a", {"a.example"}, {"192.0.2.1"});
  Configure(files.certificate, files.private_key);
  const auto relay = Open();
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  const auto certificates = relay.value()->ReadSnapshot().certificates;
  ASSERT_THAT(certificates, SizeIs(1));
  EXPECT_EQ(certificates[0].name, files.certificate);
  EXPECT_THAT(certificates[0].subjects, ElementsAre("a.example", "192.0.2.1"));
  EXPECT_EQ(certificates[0].not_after, relay.value()->certificates()[0].not_after());
}

TEST_F(RelayServerTest, PutsReplacedFilesIntoUseAndSaysSo) {
  const auto files = WriteCertificate(directory_, "a", {"a.example"});
  Configure(files.certificate, files.private_key);
  const auto relay = Open();
  ASSERT_TRUE(relay.ok());
  EXPECT_EQ(LogOf(*relay.value()), "");
  WriteCertificate(directory_, "a", {"b.example", "c.example"});
  const std::string log = LogOf(*relay.value());
  EXPECT_THAT(log, HasSubstr("names=b.example,c.example"));
  EXPECT_THAT(log, HasSubstr(files.certificate));
  EXPECT_THAT(SubjectsOf(*relay.value()), ElementsAre("b.example", "c.example"));
  EXPECT_EQ(LogOf(*relay.value()), "");
}

TEST_F(RelayServerTest, FollowsTheSymbolicLinksOfAKubernetesSecret) {
  namespace fs = std::filesystem;
  for (const char* version : {"..v1", "..v2"}) fs::create_directory(directory_.File(version));
  WriteCertificate(directory_, "..v1/tls", {"one.example"});
  WriteCertificate(directory_, "..v2/tls", {"two.example"});
  fs::create_symlink("..v1", directory_.File("..data"));
  fs::create_symlink("..data/tls.crt", directory_.File("tls.crt"));
  fs::create_symlink("..data/tls.key", directory_.File("tls.key"));
  Configure(directory_.File("tls.crt"), directory_.File("tls.key"));
  const auto relay = Open();
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  EXPECT_THAT(SubjectsOf(*relay.value()), ElementsAre("one.example"));

  fs::create_symlink("..v2", directory_.File("..data_tmp"));
  fs::rename(directory_.File("..data_tmp"), directory_.File("..data"));
  relay.value()->RefreshCertificates();
  EXPECT_THAT(SubjectsOf(*relay.value()), ElementsAre("two.example"));
}

TEST_F(RelayServerTest, KeepsTheFormerCertificateWhileTheFilesCannotBeUsedAndSaysSoOnce) {
  const auto files = WriteCertificate(directory_, "a", {"a.example"});
  Configure(files.certificate, files.private_key);
  const auto relay = Open();
  ASSERT_TRUE(relay.ok());
  directory_.Write("a.key", "half of a key");
  EXPECT_THAT(LogOf(*relay.value()), HasSubstr("cannot be used"));
  EXPECT_EQ(LogOf(*relay.value()), "");
  EXPECT_THAT(SubjectsOf(*relay.value()), ElementsAre("a.example"));
  WriteCertificate(directory_, "a", {"b.example"});
  EXPECT_THAT(LogOf(*relay.value()), HasSubstr("b.example"));
}

TEST_F(RelayServerTest, CallsEveryListenerByItsTransport) {
  using Transport = Config::ListenerTransport;
  const auto files = WriteCertificate(directory_, "a", {"a.example"});
  Configure(files.certificate, files.private_key);
  config_.listeners.clear();
  for (const Transport transport :
       {Transport::kUdp, Transport::kDtls, Transport::kTcp, Transport::kTls, Transport::kEdge}) {
    config_.listeners.push_back(Listener(transport));
  }
  const auto relay = Open();
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  std::vector<std::string> descriptions;
  for (const auto& listener : relay.value()->ReadSnapshot().listeners) {
    descriptions.push_back(listener.description);
    EXPECT_EQ(listener.state, "open");
  }
  EXPECT_THAT(descriptions, ElementsAre(StartsWith("udp 127.0.0.1:"), StartsWith("dtls 127.0.0.1:"),
                                        StartsWith("tcp 127.0.0.1:"), StartsWith("tls 127.0.0.1:"),
                                        StartsWith("edge 127.0.0.1:")));
}

// A port that was free a moment ago.
std::uint16_t FreePort() { return test_support::UdpSocket().endpoint().port; }

TEST_F(RelayServerTest, DoesNotOpenWhereTheAlternateAddressOfNatDiscoveryIsNotOfThisHost) {
  config_.protocol.nat_discovery.alternate_address = *base::IpAddress::Parse("203.0.113.9");
  config_.protocol.nat_discovery.alternate_port = FreePort();
  const auto relay = Open();
  ASSERT_FALSE(relay.ok());
  EXPECT_THAT(relay.error().message, HasSubstr("NAT discovery cannot listen on udp 203.0.113.9:"));
}

TEST_F(RelayServerTest, NBD_01_OpensTheFurtherSocketsOfNatDiscoveryAndShowsThem) {
  config_.shards = 2;
  config_.protocol.nat_discovery.alternate_address = *base::IpAddress::Parse("127.0.0.5");
  const std::uint16_t port = FreePort();
  config_.protocol.nat_discovery.alternate_port = port;
  const auto relay = Open();
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  const auto listeners = relay.value()->ReadSnapshot().listeners;
  ASSERT_THAT(listeners, SizeIs(4));
  const std::string first_port = listeners[0].description.substr(sizeof("udp 127.0.0.1:") - 1);
  EXPECT_EQ(listeners[1].description, "udp 127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(listeners[2].description, "udp 127.0.0.5:" + first_port);
  EXPECT_EQ(listeners[3].description, "udp 127.0.0.5:" + std::to_string(port));
  EXPECT_EQ(listeners[3].state, "open, NAT discovery only");
}

TEST_F(RelayServerTest, ReconfiguresWithOtherCertificatesOrNotAtAll) {
  const auto files = WriteCertificate(directory_, "a", {"a.example"});
  const auto others = WriteCertificate(directory_, "b", {"b.example"});
  Configure(files.certificate, files.private_key);
  const auto relay = Open();
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  Configure(others.certificate, files.private_key);
  EXPECT_FALSE(relay.value()->Reconfigure(config_).ok());
  EXPECT_THAT(SubjectsOf(*relay.value()), ElementsAre("a.example"));
  Configure(others.certificate, others.private_key);
  ASSERT_TRUE(relay.value()->Reconfigure(config_).ok());
  EXPECT_THAT(SubjectsOf(*relay.value()), ElementsAre("b.example"));
  relay.value()->RefreshCertificates();
  EXPECT_THAT(SubjectsOf(*relay.value()), ElementsAre("b.example"));
}

TEST_F(RelayServerTest, ReconfiguresWithoutTls) {
  const auto relay = Open();
  ASSERT_TRUE(relay.ok()) << relay.error().message;
  config_.limits.allocations = 1;
  EXPECT_TRUE(relay.value()->Reconfigure(config_).ok());
  EXPECT_THAT(relay.value()->certificates(), IsEmpty());
}

}  // namespace relay::relay_server_test
