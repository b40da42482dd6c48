#pragma once

#include <array>
#include <cstdint>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"

namespace relay {

// The stateless cookie of DTLS (RFC 6347 section 4.2.1): a client proves that it receives at the
// address that it sends from before anything is kept for it. Bound to both addresses and to the
// minute; short, so that a HelloVerifyRequest is smaller than any ClientHello.
class DtlsCookies {
 public:
  using Cookie = std::array<std::uint8_t, 20>;

  explicit DtlsCookies(base::RandomSource& random);

  Cookie Make(const base::Endpoint& client, const base::Endpoint& server,
              base::MonotonicTime now) const;
  // Whether it was made for the same addresses lately (between one and two minutes ago at most).
  bool Verify(base::Bytes cookie, const base::Endpoint& client, const base::Endpoint& server,
              base::MonotonicTime now) const;

 private:
  std::array<std::uint8_t, 32> key_;
};

}  // namespace relay
