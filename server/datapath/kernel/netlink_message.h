#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"

// The wire format of rtnetlink, as far as next hops need it.
namespace relay {

// AF_INET or AF_INET6.
std::uint8_t NetlinkFamily(const base::IpAddress& address);

// One request: a header, the fixed part of its kind, attributes.
class NetlinkRequest {
 public:
  template <typename Body>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Body& body) {
    Append(nlmsghdr{.nlmsg_len = 0,
                    .nlmsg_type = type,
                    .nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
                    .nlmsg_seq = 0,
                    .nlmsg_pid = 0});
    Append(body);
  }

  NetlinkRequest& AddU32(std::uint16_t type, std::uint32_t value);
  // In the address's own family: 4 octets or 16.
  NetlinkRequest& AddAddress(std::uint16_t type, const base::IpAddress& address);

  // With the number that the answer repeats.
  base::Bytes Finish(std::uint32_t sequence);

 private:
  template <typename T>
  void Append(const T& value) {
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&value);
    octets_.insert(octets_.end(), octets, octets + sizeof(value));
  }
  void AddAttribute(std::uint16_t type, base::Bytes value);

  std::vector<std::uint8_t> octets_;
};

// One message of an answer or a notification. `octets` are those of the whole message and must
// outlive the view.
class NetlinkMessage {
 public:
  // Takes the next message off the front of what a socket delivered; nullopt: no whole one is left.
  static std::optional<NetlinkMessage> Next(base::Bytes& octets);

  std::uint16_t type() const { return header_.nlmsg_type; }
  std::uint16_t flags() const { return header_.nlmsg_flags; }
  std::uint32_t sequence() const { return header_.nlmsg_seq; }

  // The fixed part; nullopt: the message is too short for it.
  template <typename Body>
  std::optional<Body> ReadBody() const {
    if (content_.size() < sizeof(Body)) return std::nullopt;
    Body body;
    std::memcpy(&body, content_.data(), sizeof(body));
    return body;
  }
  // The value of the first attribute of a type behind a fixed part of `body_bytes`.
  std::optional<base::Bytes> FindAttribute(std::size_t body_bytes, std::uint16_t type) const;

 private:
  NetlinkMessage(const nlmsghdr& header, base::Bytes content)
      : header_(header), content_(content) {}

  nlmsghdr header_;
  base::Bytes content_;
};

// The value of the first attribute of a type in a row of attributes.
std::optional<base::Bytes> FindNetlinkAttribute(base::Bytes attributes, std::uint16_t type);
// nullopt: the value has another length.
std::optional<std::uint32_t> ReadNetlinkU32(base::Bytes value);
std::optional<base::IpAddress> ReadNetlinkAddress(base::Bytes value);

}  // namespace relay
