#include "server/probe/name_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "server/datapath/userspace/socket_address.h"

namespace relay {

base::Result<std::vector<base::Endpoint>> LookUp(const std::string& host, std::uint16_t port,
                                                 std::optional<base::AddressFamily> family) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_family = !family                                 ? AF_UNSPEC
                    : *family == base::AddressFamily::kIpv4 ? AF_INET
                                                            : AF_INET6;
  addrinfo* list = nullptr;
  const int problem = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (problem != 0) return base::Error{"'" + host + "' has no address: " + ::gai_strerror(problem)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, ::freeaddrinfo);
  std::vector<base::Endpoint> found;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    if (!IsInternetAddress(each->ai_addr)) continue;
    const base::Endpoint endpoint{ToEndpoint(*each->ai_addr).address, port};
    if (std::ranges::find(found, endpoint) == found.end()) found.push_back(endpoint);
  }
  if (found.empty()) return base::Error{"'" + host + "' has no address"};
  return found;
}

std::optional<HostPort> ParseHostPort(std::string_view text, std::uint16_t default_port) {
  HostPort result{"", default_port};
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    result.host = text.substr(1, end - 1);
    if (!base::IpAddress::Parse(result.host)) return std::nullopt;
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    result.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (result.host.empty()) return std::nullopt;
  if (rest.empty()) return result;
  const char* const end = rest.data() + rest.size();
  const auto parsed = std::from_chars(rest.data() + 1, end, result.port);
  if (rest[0] != ':' || parsed.ec != std::errc() || parsed.ptr != end || result.port == 0)
    return std::nullopt;
  return result;
}

}  // namespace relay
