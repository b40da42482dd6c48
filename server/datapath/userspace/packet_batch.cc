#include "server/datapath/userspace/packet_batch.h"

#include <netinet/in.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "protocol/base/check.h"

namespace relay {

PacketBatch::PacketBatch() {
  void* memory = ::mmap(nullptr, kStride * kPackets, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  memory_ = static_cast<std::uint8_t*>(memory);
  for (std::size_t i = 0; i < kPackets; ++i) {
    std::memset(buffer(i), 0, kHeadroom + kOrdinaryPayload);
    vectors_[i] = {buffer(i) + kHeadroom, kPayload};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &packets_[i].source.generic;
    header.msg_namelen = sizeof(sockaddr_in6);
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_control = control_[i].data();
    header.msg_controllen = kControl;
  }
}

PacketBatch::~PacketBatch() { ::munmap(memory_, kStride * kPackets); }

std::size_t PacketBatch::Receive(int socket, std::size_t first, std::size_t limit,
                                 std::uint32_t* overflow) {
  limit = std::min(limit, kPackets - first);
  const int count =
      ::recvmmsg(socket, &headers_[first], static_cast<unsigned>(limit), MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;
  for (std::size_t i = first; i < first + static_cast<std::size_t>(count); ++i) {
    Packet& packet = packets_[i];
    msghdr& header = headers_[i].msg_hdr;
    packet.payload = {buffer(i) + kHeadroom, headers_[i].msg_len};
    packet.source.length = header.msg_namelen;
    packet.is_truncated = (header.msg_flags & MSG_TRUNC) != 0;
    packet.is_to_group = false;
    packet.fields = {};
    ReadControl(header, packet, overflow);
    header.msg_controllen = kControl;
    header.msg_namelen = sizeof(sockaddr_in6);
  }
  return static_cast<std::size_t>(count);
}

void PacketBatch::ReadControl(msghdr& header, Packet& packet, std::uint32_t* overflow) const {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (ReadIpField(*control, packet.fields)) continue;
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof(info));
      std::array<std::uint8_t, 4> octets;
      std::memcpy(octets.data(), &info.ipi_spec_dst, octets.size());
      packet.local = base::IpAddress::FromV4(octets);
      packet.is_to_group = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof(info));
      std::array<std::uint8_t, 16> octets;
      std::memcpy(octets.data(), &info.ipi6_addr, octets.size());
      packet.local = base::IpAddress::FromV6(octets);
      packet.is_to_group = octets[0] == 0xff;
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL &&
               overflow != nullptr) {
      std::memcpy(overflow, CMSG_DATA(control), sizeof(*overflow));
    }
  }
}

}  // namespace relay
