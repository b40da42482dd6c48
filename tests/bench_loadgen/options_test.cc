#include "bench/loadgen/options.h"

#include <gtest/gtest.h>

namespace loadgen::options_test {

ParsedOptions Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "senso-turn-load");
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  ParsedOptions parsed = ParseOptions(static_cast<int>(arguments.size()), arguments.data());
  testing::internal::GetCapturedStderr();
  testing::internal::GetCapturedStdout();
  return parsed;
}

ParsedOptions ParseWithSecret(std::vector<const char*> arguments) {
  arguments.insert(arguments.end(), {"--secret", "s"});
  return Parse(std::move(arguments));
}

TEST(Options, DefaultsNeedOnlyCredentials) {
  const ParsedOptions parsed = ParseWithSecret({});
  ASSERT_TRUE(parsed.options);
  EXPECT_EQ(parsed.options->server, "127.0.0.1:3478");
  EXPECT_EQ(parsed.options->allocations, 100U);
  EXPECT_EQ(parsed.options->payload_bytes, 160U);
  EXPECT_EQ(parsed.options->mode, Mode::kChannel);
  EXPECT_TRUE(parsed.options->is_release);
  EXPECT_FALSE(parsed.options->has_traffic());
  EXPECT_FALSE(parsed.options->max_loss_percent);
}

TEST(Options, ReadsNamesAddressesAndLists) {
  const ParsedOptions parsed =
      ParseWithSecret({"--transport", "tcp", "--mode", "relay-to-relay", "--direction", "down",
                       "--peer", "::1", "--source-addresses", "127.0.0.5,127.0.0.6", "--max-loss",
                       "0", "--no-release", "--json", "-"});
  ASSERT_TRUE(parsed.options);
  EXPECT_EQ(parsed.options->transport, Transport::kTcp);
  EXPECT_EQ(parsed.options->mode, Mode::kRelayToRelay);
  EXPECT_EQ(parsed.options->direction, Direction::kDown);
  EXPECT_EQ(parsed.options->peer_address, base::IpAddress::Parse("::1"));
  EXPECT_EQ(parsed.options->source_addresses.size(), 2U);
  EXPECT_EQ(parsed.options->max_loss_percent, 0.0);
  EXPECT_FALSE(parsed.options->is_release);
  EXPECT_EQ(parsed.options->json_file, "-");
}

TEST(Options, TlsIsATransportAndWithoutAServerNoCredentialsAreNeeded) {
  const ParsedOptions tls = ParseWithSecret({"--transport", "tls"});
  ASSERT_TRUE(tls.options);
  EXPECT_EQ(tls.options->transport, Transport::kTls);
  EXPECT_TRUE(tls.options->is_stream());

  const ParsedOptions direct =
      Parse({"--mode", "direct", "--peer", "192.0.2.1", "--peer-netns", "/proc/self/ns/net"});
  ASSERT_TRUE(direct.options);
  EXPECT_EQ(direct.options->mode, Mode::kDirect);
  EXPECT_EQ(direct.options->peer_namespace, "/proc/self/ns/net");
}

TEST(Options, HelpAndVersionEndWellAndDoNothing) {
  for (const char* option : {"--help", "--version"}) {
    const ParsedOptions parsed = Parse({option});
    EXPECT_FALSE(parsed.options);
    EXPECT_EQ(parsed.exit_code, 0);
  }
}

TEST(Options, WrongUsageIsExitCodeTwo) {
  const std::vector<std::vector<const char*>> wrong = {
      {"--bogus"},
      {"--transport", "sctp"},
      {"--size", "31"},
      {"--allocations", "0"},
      {"--peer", "nowhere"},
      {"--source-addresses", "127.0.0.1,x"},
      {"--rate", "1", "--window", "1"},
      {"--hold", "--rate", "1"},
      {"--mode", "allocate", "--rate", "1"},
      {"--mode", "relay-to-relay", "--allocations", "3"},
      {"--mode", "relay-to-relay", "--direction", "echo"},
      {"--user", "a"},
      {"--family", "5"},
      {"--mode", "direct", "--transport", "tls"},
      {"--mode", "direct", "--churn", "1"},
      {"--peer-netns", "/proc/self/ns/net"},
  };
  for (const auto& arguments : wrong) {
    const ParsedOptions parsed = ParseWithSecret(arguments);
    EXPECT_FALSE(parsed.options) << arguments.front();
    EXPECT_EQ(parsed.exit_code, 2) << arguments.front();
  }
  EXPECT_EQ(Parse({}).exit_code, 2);
  EXPECT_EQ(Parse({"--user", "a", "--password", "b", "--users", "2"}).exit_code, 2);
}

}  // namespace loadgen::options_test
