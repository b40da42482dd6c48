#include "server/datapath/kernel/netlink_message.h"

#include <sys/socket.h>

#include <algorithm>

namespace relay {
namespace {

constexpr std::size_t Aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

}  // namespace

std::uint8_t NetlinkFamily(const base::IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

NetlinkRequest& NetlinkRequest::AddU32(std::uint16_t type, std::uint32_t value) {
  AddAttribute(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
  return *this;
}

NetlinkRequest& NetlinkRequest::AddAddress(std::uint16_t type, const base::IpAddress& address) {
  const base::Bytes octets = address.octets();
  AddAttribute(type, address.is_v4() ? octets.last(4) : octets);
  return *this;
}

void NetlinkRequest::AddAttribute(std::uint16_t type, base::Bytes value) {
  Append(rtattr{.rta_len = static_cast<std::uint16_t>(sizeof(rtattr) + value.size()),
                .rta_type = type});
  octets_.insert(octets_.end(), value.begin(), value.end());
  octets_.resize(Aligned(octets_.size()));
}

base::Bytes NetlinkRequest::Finish(std::uint32_t sequence) {
  nlmsghdr header;
  std::memcpy(&header, octets_.data(), sizeof(header));
  header.nlmsg_len = static_cast<std::uint32_t>(octets_.size());
  header.nlmsg_seq = sequence;
  std::memcpy(octets_.data(), &header, sizeof(header));
  return octets_;
}

std::optional<NetlinkMessage> NetlinkMessage::Next(base::Bytes& octets) {
  nlmsghdr header;
  if (octets.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, octets.data(), sizeof(header));
  if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > octets.size()) return std::nullopt;
  const base::Bytes content = octets.subspan(sizeof(header), header.nlmsg_len - sizeof(header));
  octets = octets.subspan(std::min(octets.size(), Aligned(header.nlmsg_len)));
  return NetlinkMessage(header, content);
}

std::optional<base::Bytes> NetlinkMessage::FindAttribute(std::size_t body_bytes,
                                                         std::uint16_t type) const {
  if (content_.size() < Aligned(body_bytes)) return std::nullopt;
  return FindNetlinkAttribute(content_.subspan(Aligned(body_bytes)), type);
}

std::optional<base::Bytes> FindNetlinkAttribute(base::Bytes attributes, std::uint16_t type) {
  rtattr header;
  while (attributes.size() >= sizeof(header)) {
    std::memcpy(&header, attributes.data(), sizeof(header));
    if (header.rta_len < sizeof(header) || header.rta_len > attributes.size()) return std::nullopt;
    if ((header.rta_type & NLA_TYPE_MASK) == type)
      return attributes.subspan(sizeof(header), header.rta_len - sizeof(header));
    attributes = attributes.subspan(std::min(attributes.size(), Aligned(header.rta_len)));
  }
  return std::nullopt;
}

std::optional<std::uint32_t> ReadNetlinkU32(base::Bytes value) {
  std::uint32_t number = 0;
  if (value.size() != sizeof(number)) return std::nullopt;
  std::memcpy(&number, value.data(), sizeof(number));
  return number;
}

std::optional<base::IpAddress> ReadNetlinkAddress(base::Bytes value) {
  if (value.size() == 4) {
    std::array<std::uint8_t, 4> octets;
    std::memcpy(octets.data(), value.data(), octets.size());
    return base::IpAddress::FromV4(octets);
  }
  if (value.size() != 16) return std::nullopt;
  std::array<std::uint8_t, 16> octets;
  std::memcpy(octets.data(), value.data(), octets.size());
  return base::IpAddress::FromV6(octets);
}

}  // namespace relay
