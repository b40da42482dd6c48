#include <cstddef>
#include <cstdint>
#include <string_view>

#include "auth/jwk_set.h"
#include "protocol/base/check.h"

// Any octets as the keys that an issuer serves: those that come out of it are few.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto set = auth::JwkSet::Parse(text)) CHECK(set->size() <= auth::JwkSet::kMaxKeys);
  return 0;
}
