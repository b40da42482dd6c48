#include "server/datapath/kernel/attachments.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace relay {
namespace {

std::optional<base::IpAddress> ToIpAddress(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof(v4));
    std::array<std::uint8_t, 4> octets;
    std::memcpy(octets.data(), &v4.sin_addr, octets.size());
    return base::IpAddress::FromV4(octets);
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, address, sizeof(v6));
  std::array<std::uint8_t, 16> octets;
  std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
  return base::IpAddress::FromV6(octets);
}

bool Serves(const ServedAddresses& served, const base::IpAddress& address) {
  return served.is_every || std::ranges::find(served.addresses, address) != served.addresses.end();
}

// Names by index.
std::map<std::uint32_t, std::string> FindWanted(NetworkQueries& queries,
                                                const ServedAddresses& served) {
  std::map<std::uint32_t, std::string> wanted;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return wanted;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owned(list, &::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const auto address = ToIpAddress(entry->ifa_addr);
    if (!address || (entry->ifa_flags & IFF_LOOPBACK) != 0 || !Serves(served, *address)) continue;
    const std::uint32_t index = ::if_nametoindex(entry->ifa_name);
    if (index != 0) wanted.emplace(index, entry->ifa_name);
  }
  std::erase_if(wanted, [&](const auto& each) {
    const auto found = queries.FindInterface(each.first);
    return !found || !found->is_ethernet;
  });
  return wanted;
}

}  // namespace

bool HasServedInterface(NetworkQueries& queries, const ServedAddresses& served) {
  return !FindWanted(queries, served).empty();
}

Attachments::Attachments(NetworkQueries& queries, AttachmentKind kind, int program,
                         ServedAddresses served)
    : queries_(queries), kind_(kind), program_(program), served_(std::move(served)) {}

void Attachments::Reconcile() {
  wanted_ = FindWanted(queries_, served_);
  std::erase_if(attached_, [this](const auto& each) { return !wanted_.contains(each.first); });
  problems_.clear();
  for (const auto& [index, name] : wanted_) {
    if (attached_.contains(index)) continue;
    // Also where another kind is to be used now.
    RemoveLeftFilter(index);
    auto attached = Attachment::Attach(kind_, program_, index);
    if (attached.ok()) {
      attached_.emplace(index, std::move(attached).value());
    } else {
      problems_.emplace(index, attached.error().message);
    }
  }
}

std::vector<Attachments::State> Attachments::states() const {
  std::vector<State> states;
  for (const auto& [index, name] : wanted_) {
    const auto problem = problems_.find(index);
    states.push_back({name, problem == problems_.end() ? "" : problem->second});
  }
  return states;
}

bool Attachments::IsAttached(std::uint32_t interface_index) const {
  return attached_.contains(interface_index);
}

}  // namespace relay
