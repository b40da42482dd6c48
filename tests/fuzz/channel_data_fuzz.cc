#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "protocol/base/check.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"

// Any octets as one ChannelData datagram: what is read lies inside it, and its header written again
// is the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes octets(data, size);
  stun::Classify(octets);
  const std::optional<stun::ChannelDataView> message = stun::ParseChannelData(octets);
  if (!message) return 0;

  CHECK(message->data.size() + stun::kChannelDataHeaderBytes <= size);
  CHECK(message->data.data() == data + stun::kChannelDataHeaderBytes);
  CHECK((message->data.size() + stun::StreamPadding(message->data.size())) % 4 == 0);
  std::array<std::uint8_t, stun::kChannelDataHeaderBytes> header;
  stun::WriteChannelDataHeader(header, message->channel, message->data.size());
  CHECK(std::memcmp(header.data(), data, header.size()) == 0);
  return 0;
}
