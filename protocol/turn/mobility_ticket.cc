#include "protocol/turn/mobility_ticket.h"

#include <algorithm>

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/crypto.h"

namespace turn {
namespace {

constexpr std::size_t kPlainBytes = 8 + 4;

}  // namespace

MobilityTickets::MobilityTickets(const NonceKey& key)
    : key_(base::HmacSha256(key.octets, {base::AsBytes("mobility ticket")})) {}

SealedTicket MobilityTickets::Seal(const MobilityTicket& ticket, base::RandomSource& random) const {
  std::array<std::uint8_t, kPlainBytes> plain;
  base::ByteWriter writer(plain);
  writer.WriteU32(static_cast<std::uint32_t>(ticket.allocation_id >> 32));
  writer.WriteU32(static_cast<std::uint32_t>(ticket.allocation_id));
  writer.WriteU32(ticket.generation);

  base::AesGcmNonce nonce;
  random.Fill(nonce);
  SealedTicket sealed;
  std::ranges::copy(nonce, sealed.begin());
  base::SealAesGcm(key_, nonce, {}, plain, base::MutableBytes(sealed).subspan(nonce.size()));
  return sealed;
}

std::optional<MobilityTicket> MobilityTickets::Open(base::Bytes value) const {
  if (value.size() != std::tuple_size_v<SealedTicket>) return std::nullopt;
  base::AesGcmNonce nonce;
  std::copy_n(value.begin(), nonce.size(), nonce.begin());
  std::array<std::uint8_t, kPlainBytes> plain;
  if (!base::OpenAesGcm(key_, nonce, {}, value.subspan(nonce.size()), plain)) return std::nullopt;
  base::ByteReader reader(plain);
  MobilityTicket ticket;
  ticket.allocation_id = std::uint64_t{reader.ReadU32()} << 32;
  ticket.allocation_id |= reader.ReadU32();
  ticket.generation = reader.ReadU32();
  return ticket;
}

}  // namespace turn
