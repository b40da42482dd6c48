#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "protocol/base/check.h"
#include "protocol/stun/icmp.h"
#include "server/datapath/userspace/ip_fields.h"

namespace {

// Control messages, each four octets of input: level, type, and the two low octets of its value.
void CheckControlMessages(base::Bytes octets) {
  constexpr std::array<int, 4> kLevels = {IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET, IPPROTO_UDP};
  constexpr std::array<int, 6> kTypes = {IP_TOS, IP_TTL, IPV6_TCLASS, IPV6_HOPLIMIT, 0, 255};
  relay::IpFields fields;
  while (octets.size() >= 4) {
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> room{};
    cmsghdr header{};
    header.cmsg_level = kLevels[octets[0] % kLevels.size()];
    header.cmsg_type = kTypes[octets[1] % kTypes.size()];
    header.cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(room.data(), &header, sizeof(header));
    std::int32_t value = 0;
    std::memcpy(&value, octets.data(), 4);
    if (octets[1] < 0x80) value = octets[2] | octets[3] << 8;
    std::memcpy(room.data() + CMSG_LEN(0), &value, sizeof(value));
    const relay::IpFields before = fields;
    const bool is_taken = relay::ReadIpField(reinterpret_cast<cmsghdr&>(room), fields);
    const bool is_known =
        header.cmsg_level == IPPROTO_IP
            ? header.cmsg_type == IP_TOS || header.cmsg_type == IP_TTL
            : header.cmsg_level == IPPROTO_IPV6 &&
                  (header.cmsg_type == IPV6_TCLASS || header.cmsg_type == IPV6_HOPLIMIT);
    CHECK(is_taken == is_known);
    if (!is_taken) CHECK(fields == before);
    octets = octets.subspan(4);
  }
}

// What is written to be sent is read again, for destinations of each spelling; and no packet has
// more hops before it than the one that it came from.
void CheckRoundTrip(const relay::IpFields& fields, base::Bytes address) {
  std::array<std::uint8_t, 16> octets{};
  std::copy_n(address.begin(), std::min(address.size(), octets.size()), octets.begin());
  const base::Endpoint destination{base::IpAddress::FromV6(octets), 5000};
  alignas(cmsghdr) std::array<std::uint8_t, relay::kIpFieldsControlBytes> room{};
  const std::size_t used =
      relay::WriteIpFields(room, fields, relay::ToSocketAddress(destination, AF_INET6));
  CHECK(used <= room.size());
  msghdr message{};
  message.msg_control = room.data();
  message.msg_controllen = used;
  relay::IpFields again;
  if (used > 0) {
    for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
         each = CMSG_NXTHDR(&message, each)) {
      CHECK(relay::ReadIpField(*each, again));
      CHECK(each->cmsg_level == (destination.address.is_v4() ? IPPROTO_IP : IPPROTO_IPV6));
    }
  }
  CHECK(again == fields);
  const auto next = relay::AfterOneHop(fields);
  CHECK(next.has_value() == (fields.hop_limit != 1));
  if (next && fields.hop_limit != 0) CHECK(next->hop_limit + 1 == fields.hop_limit);
}

// The ICMP attribute: the code has nine bits there and eight in a packet.
void CheckIcmp(base::Bytes octets) {
  const auto value = stun::DecodeIcmp(octets);
  CHECK(value.has_value() == (octets.size() == 8));
  if (!value) return;
  CHECK(value->type < 128);
  CHECK(stun::DecodeIcmp(stun::EncodeIcmp(*value)) == value);
}

}  // namespace

// What travels beside a datagram: control messages of the system, fields of an IP header on their
// way out, and the ICMP attribute.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes octets(data, size);
  CheckIcmp(octets);
  if (size < 2) return 0;
  CheckControlMessages(octets);
  CheckRoundTrip({data[0], data[1]}, octets.subspan(2));
  return 0;
}
