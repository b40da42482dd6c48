#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "auth/access_token.h"
#include "protocol/base/check.h"
#include "tests/support/sealed_token.h"

// Any octets as an access token, and, since no fuzzer finds a seal, as what an authorization server
// sealed: what is opened has a key of the permitted length that lies inside of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::uint8_t> key(32, 0x6b);
  const base::Bytes octets(data, size);
  auth::OpenAccessToken(octets, key, "turn.example.org");
  const auto sealed = test_support::SealedToken().SealBlock(octets, key, "turn.example.org");
  const auto token = auth::OpenAccessToken(sealed, key, "turn.example.org");
  if (!token) return 0;
  CHECK(token->mac_key.size() >= auth::kMinMacKeyBytes &&
        token->mac_key.size() <= auth::kMaxMacKeyBytes);
  CHECK(token->mac_key.size() + 14 == size);
  CHECK(std::ranges::equal(token->mac_key, octets.subspan(2, token->mac_key.size())));
  return 0;
}
