#include "protocol/stun/channel_data.h"

#include "protocol/base/check.h"

namespace stun {

std::optional<ChannelDataView> ParseChannelData(base::Bytes octets) {
  if (octets.size() < kChannelDataHeaderBytes) return std::nullopt;
  const auto channel = static_cast<std::uint16_t>((octets[0] << 8) | octets[1]);
  const auto data_bytes = static_cast<std::size_t>((octets[2] << 8) | octets[3]);
  const base::Bytes rest = octets.subspan(kChannelDataHeaderBytes);
  if (data_bytes > rest.size()) return std::nullopt;
  return ChannelDataView{ChannelNumber{channel}, rest.first(data_bytes)};
}

void WriteChannelDataHeader(base::MutableBytes out, ChannelNumber channel, std::size_t data_bytes) {
  CHECK(out.size() >= kChannelDataHeaderBytes);
  CHECK(data_bytes <= 0xffff);
  out[0] = static_cast<std::uint8_t>(channel.value >> 8);
  out[1] = static_cast<std::uint8_t>(channel.value);
  out[2] = static_cast<std::uint8_t>(data_bytes >> 8);
  out[3] = static_cast<std::uint8_t>(data_bytes);
}

}  // namespace stun
