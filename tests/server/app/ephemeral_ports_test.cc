#include "server/app/ephemeral_ports.h"

#include <gtest/gtest.h>

namespace relay::ephemeral_ports_test {

constexpr PortRange kRelay{49152, 65535};

TEST(EphemeralPorts, OfTheUsualHostOverlap) {
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "32768\t60999\n", "\n"), (PortRange{49152, 60999}));
}

TEST(EphemeralPorts, BelowTheRelayPortsDoNotOverlap) {
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "32768\t49151", ""), std::nullopt);
}

TEST(EphemeralPorts, ThatAreReservedDoNotOverlap) {
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "32768 60999", "49152-65535\n"), std::nullopt);
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "32768 60999", "8080,49152-55000,55001-60999"),
            std::nullopt);
}

TEST(EphemeralPorts, ThatAreReservedInPartOverlapWithTheRest) {
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "32768 60999", "49152-55000"), (PortRange{55001, 60999}));
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "32768 60999", "50000"), (PortRange{49152, 49999}));
}

TEST(EphemeralPorts, UpToTheLastPortAreCountedOnce) {
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "1024 65535", ""), kRelay);
  EXPECT_EQ(FindUnreservedOverlap({65535, 65535}, "1024 65535", "1024-65534"),
            (PortRange{65535, 65535}));
}

TEST(EphemeralPorts, OfUnreadableTextDoNotOverlap) {
  for (const char* text : {"", "x", "32768-", "60999 32768", "99999 100000", "1 2 3"}) {
    EXPECT_EQ(FindUnreservedOverlap(kRelay, text, ""), std::nullopt) << text;
  }
  EXPECT_EQ(FindUnreservedOverlap(kRelay, "32768 60999", "x,,-,5-1"), (PortRange{49152, 60999}));
}

}  // namespace relay::ephemeral_ports_test
