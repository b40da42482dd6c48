#include "server/tls/ticket_keys.h"

#include <gtest/gtest.h>

#include "tests/support/seeded_random.h"

namespace relay::ticket_keys_test {

TEST(TicketKeys, EachIsAnother) {
  test_support::SeededRandom random(1);
  const TicketKey first = TicketKey::Generate(random);
  const TicketKey second = TicketKey::Generate(random);
  EXPECT_NE(first.name, second.name);
  EXPECT_NE(first.encryption, second.encryption);
  EXPECT_NE(first.integrity, second.integrity);
}

TEST(TicketKeys, EncryptionAndIntegrityHaveKeysOfTheirOwn) {
  test_support::SeededRandom random(1);
  const TicketKey key = TicketKey::Generate(random);
  EXPECT_NE(key.encryption, key.integrity);
}

}  // namespace relay::ticket_keys_test
