#include "protocol/turn/mobility_ticket.h"

#include <algorithm>

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/crypto.h"

namespace turn {
namespace {

using Plain = std::array<std::uint8_t, 4>;

}  // namespace

MobilityTickets::MobilityTickets(const NonceKey& key)
    : key_(base::HmacSha256(key.octets, {base::AsBytes("mobility ticket")})) {}

SealedTicket MobilityTickets::Seal(MobileId id, base::RandomSource& random) const {
  Plain plain;
  base::ByteWriter(plain).WriteU32(id.value);
  SealedTicket sealed;
  do {  // which is nearly always enough
    base::AesGcmNonce nonce;
    random.Fill(nonce);
    std::ranges::copy(nonce, sealed.begin());
    base::SealAesGcm(key_, nonce, {}, plain, base::MutableBytes(sealed).subspan(nonce.size()));
  } while (std::ranges::find(sealed, 0) != sealed.end());
  return sealed;
}

std::optional<MobileId> MobilityTickets::Open(base::Bytes value) const {
  if (value.size() != std::tuple_size_v<SealedTicket>) return std::nullopt;
  base::AesGcmNonce nonce;
  std::copy_n(value.begin(), nonce.size(), nonce.begin());
  Plain plain;
  if (!base::OpenAesGcm(key_, nonce, {}, value.subspan(nonce.size()), plain)) return std::nullopt;
  return MobileId{base::ByteReader(plain).ReadU32()};
}

}  // namespace turn
