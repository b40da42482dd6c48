#include "server/datapath/kernel/network_queries.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace relay {
namespace {

// States in which the system sends to the address that it knows without waiting.
constexpr std::uint16_t kUsableStates =
    NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;

std::optional<MacAddress> ReadMac(const std::optional<base::Bytes>& value) {
  MacAddress address;
  if (!value || value->size() != address.size()) return std::nullopt;
  std::memcpy(address.data(), value->data(), address.size());
  return address;
}

// Means nothing without the interface.
bool IsLinkLocal(const base::IpAddress& address) {
  return address.octets()[0] == 0xfe && (address.octets()[1] & 0xc0) == 0x80;
}

std::optional<std::uint32_t> ReadU32(const std::optional<base::Bytes>& value) {
  return value ? ReadNetlinkU32(*value) : std::nullopt;
}

std::optional<base::IpAddress> ReadGateway(const NetlinkMessage& message) {
  if (const auto gateway = message.FindAttribute(sizeof(rtmsg), RTA_GATEWAY))
    return ReadNetlinkAddress(*gateway);
  // A gateway of the other family: two octets that name it, then the address.
  const auto via = message.FindAttribute(sizeof(rtmsg), RTA_VIA);
  if (via && via->size() > 2) return ReadNetlinkAddress(via->subspan(2));
  return std::nullopt;
}

}  // namespace

base::Result<NetworkQueries> NetworkQueries::Open() {
  OwnedDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.is_open())
    return base::Error{std::string("cannot open a netlink socket: ") + std::strerror(errno)};
  const int on = 1;
  // So that questions are judged strictly, and an error does not quote the question.
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  return NetworkQueries(std::move(socket));
}

NetworkQueries::NetworkQueries(OwnedDescriptor socket)
    : socket_(std::move(socket)), buffer_(std::make_unique<std::array<std::uint8_t, 65536>>()) {}

std::optional<base::Bytes> NetworkQueries::Receive() {
  ssize_t received;
  do {
    received = ::recv(socket_.get(), buffer_->data(), buffer_->size(), MSG_DONTWAIT | MSG_TRUNC);
  } while (received < 0 && errno == EINTR);
  if (received <= 0 || static_cast<std::size_t>(received) > buffer_->size()) return std::nullopt;
  return base::Bytes(buffer_->data(), static_cast<std::size_t>(received));
}

std::optional<NetlinkMessage> NetworkQueries::Ask(NetlinkRequest& request) {
  const base::Bytes question = request.Finish(++sequence_);
  if (::send(socket_.get(), question.data(), question.size(), 0) < 0) return std::nullopt;
  while (auto octets = Receive()) {
    while (const auto message = NetlinkMessage::Next(*octets)) {
      if (message->sequence() != sequence_) continue;
      if (message->type() == NLMSG_ERROR || message->type() == NLMSG_DONE) return std::nullopt;
      return message;
    }
  }
  return std::nullopt;
}

std::optional<std::vector<LocalAddress>> NetworkQueries::ListAddresses() {
  // Addresses that come and go all the time are looked at again with the next change.
  constexpr int kAttempts = 3;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto addresses = TryListAddresses()) return addresses;
  }
  return std::nullopt;
}

std::optional<std::vector<LocalAddress>> NetworkQueries::TryListAddresses() {
  NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  const base::Bytes question = request.Finish(++sequence_);
  if (::send(socket_.get(), question.data(), question.size(), 0) < 0) return std::nullopt;
  std::vector<LocalAddress> addresses;
  bool is_whole = true;
  while (auto octets = Receive()) {
    while (const auto message = NetlinkMessage::Next(*octets)) {
      if (message->sequence() != sequence_) continue;
      if ((message->flags() & NLM_F_DUMP_INTR) != 0) is_whole = false;
      if (message->type() == NLMSG_ERROR) return std::nullopt;
      if (message->type() == NLMSG_DONE) {
        if (message->ReadBody<int>().value_or(0) < 0 || !is_whole) return std::nullopt;
        return addresses;
      }
      const auto body = message->ReadBody<ifaddrmsg>();
      if (message->type() != RTM_NEWADDR || !body) continue;
      // IFA_ADDRESS is the far end where there is one.
      auto value = message->FindAttribute(sizeof(ifaddrmsg), IFA_LOCAL);
      if (!value) value = message->FindAttribute(sizeof(ifaddrmsg), IFA_ADDRESS);
      const auto address = value ? ReadNetlinkAddress(*value) : std::nullopt;
      if (address) addresses.push_back({.interface_index = body->ifa_index, .address = *address});
    }
  }
  return std::nullopt;
}

std::optional<NetworkRoute> NetworkQueries::FindRoute(const base::IpAddress& source,
                                                      const base::IpAddress& destination) {
  if (IsLinkLocal(destination)) return std::nullopt;
  rtmsg body{};
  body.rtm_family = NetlinkFamily(destination);
  body.rtm_src_len = body.rtm_dst_len = destination.is_v4() ? 32 : 128;
  NetlinkRequest request(RTM_GETROUTE, 0, body);
  request.AddAddress(RTA_DST, destination).AddAddress(RTA_SRC, source);
  const auto answer = Ask(request);
  if (!answer || answer->type() != RTM_NEWROUTE) return std::nullopt;
  const auto found = answer->ReadBody<rtmsg>();
  if (!found || found->rtm_type != RTN_UNICAST) return std::nullopt;
  if ((found->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0) return std::nullopt;
  if (answer->FindAttribute(sizeof(rtmsg), RTA_ENCAP)) return std::nullopt;
  const auto interface_index = ReadU32(answer->FindAttribute(sizeof(rtmsg), RTA_OIF));
  if (!interface_index) return std::nullopt;
  NetworkRoute route{.interface_index = *interface_index,
                     .neighbour = ReadGateway(*answer).value_or(destination)};
  if (const auto metrics = answer->FindAttribute(sizeof(rtmsg), RTA_METRICS))
    route.mtu_bytes = ReadU32(FindNetlinkAttribute(*metrics, RTAX_MTU)).value_or(0);
  return route;
}

std::optional<NetworkInterface> NetworkQueries::FindInterface(std::uint32_t index) {
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  NetlinkRequest request(RTM_GETLINK, 0, body);
  request.AddU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  const auto answer = Ask(request);
  if (!answer || answer->type() != RTM_NEWLINK) return std::nullopt;
  const auto found = answer->ReadBody<ifinfomsg>();
  if (!found) return std::nullopt;
  NetworkInterface network_interface{.index = index};
  if (const auto name = answer->FindAttribute(sizeof(ifinfomsg), IFLA_IFNAME)) {
    const auto end = std::find(name->begin(), name->end(), std::uint8_t{0});
    network_interface.name.assign(name->begin(), end);
  }
  const auto address = ReadMac(answer->FindAttribute(sizeof(ifinfomsg), IFLA_ADDRESS));
  network_interface.is_ethernet =
      found->ifi_type == ARPHRD_ETHER && address && (found->ifi_flags & IFF_NOARP) == 0;
  network_interface.is_running =
      (found->ifi_flags & IFF_UP) != 0 && (found->ifi_flags & IFF_RUNNING) != 0;
  network_interface.address = address.value_or(MacAddress{});
  network_interface.mtu_bytes =
      ReadU32(answer->FindAttribute(sizeof(ifinfomsg), IFLA_MTU)).value_or(0);
  return network_interface;
}

Neighbour NetworkQueries::FindNeighbour(std::uint32_t interface_index,
                                        const base::IpAddress& address) {
  ndmsg body{};
  body.ndm_family = NetlinkFamily(address);
  body.ndm_ifindex = static_cast<int>(interface_index);
  NetlinkRequest request(RTM_GETNEIGH, 0, body);
  request.AddAddress(NDA_DST, address);
  const auto answer = Ask(request);
  if (answer && answer->type() == RTM_NEWNEIGH) {
    if (auto found = ReadNeighbour(*answer)) return *found;
  }
  return {.interface_index = interface_index, .address = address, .mac = std::nullopt};
}

void NetworkQueries::UseNeighbour(std::uint32_t interface_index, const base::IpAddress& address) {
  ndmsg body{};
  body.ndm_family = NetlinkFamily(address);
  body.ndm_ifindex = static_cast<int>(interface_index);
  body.ndm_flags = NTF_USE;
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, body);
  request.AddAddress(NDA_DST, address);
  Ask(request);
}

std::optional<Neighbour> ReadNeighbour(const NetlinkMessage& message) {
  const auto body = message.ReadBody<ndmsg>();
  if (!body || (body->ndm_family != AF_INET && body->ndm_family != AF_INET6)) return std::nullopt;
  const auto destination = message.FindAttribute(sizeof(ndmsg), NDA_DST);
  const auto address = destination ? ReadNetlinkAddress(*destination) : std::nullopt;
  if (!address) return std::nullopt;
  Neighbour neighbour{.interface_index = static_cast<std::uint32_t>(body->ndm_ifindex),
                      .address = *address,
                      .mac = std::nullopt};
  if (message.type() == RTM_DELNEIGH) return neighbour;
  neighbour.state = body->ndm_state;
  if ((body->ndm_state & kUsableStates) != 0)
    neighbour.mac = ReadMac(message.FindAttribute(sizeof(ndmsg), NDA_LLADDR));
  return neighbour;
}

}  // namespace relay
