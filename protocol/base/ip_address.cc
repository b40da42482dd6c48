#include "protocol/base/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "protocol/base/check.h"
#include "protocol/base/hash.h"

namespace base {
namespace {

constexpr std::array<std::uint8_t, 12> kV4MappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kV4MappedBits = 96;

std::uint64_t LoadU64(const std::uint8_t* octets) {
  std::uint64_t value;
  std::memcpy(&value, octets, sizeof(value));
  return value;
}

// A decimal number of 1 to 5 digits with nothing around it.
std::optional<int> ParseDecimal(std::string_view text, int max) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc() || stop != end || value > static_cast<unsigned>(max))
    return std::nullopt;
  return static_cast<int>(value);
}

bool SpellsIpv6(std::string_view text) { return text.find(':') != std::string_view::npos; }

}  // namespace

IpAddress IpAddress::FromV4(std::array<std::uint8_t, 4> octets) {
  IpAddress address;
  std::copy(kV4MappedPrefix.begin(), kV4MappedPrefix.end(), address.octets_.begin());
  std::copy(octets.begin(), octets.end(), address.octets_.begin() + kV4MappedPrefix.size());
  return address;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  // inet_pton wants a terminated string, so a zero octet inside would hide what follows it.
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.empty() || text.size() >= terminated.size()) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated.begin());

  if (SpellsIpv6(text)) {
    std::array<std::uint8_t, 16> octets;
    if (inet_pton(AF_INET6, terminated.data(), octets.data()) != 1) return std::nullopt;
    return FromV6(octets);
  }
  std::array<std::uint8_t, 4> octets;
  if (inet_pton(AF_INET, terminated.data(), octets.data()) != 1) return std::nullopt;
  return FromV4(octets);
}

bool IpAddress::is_v4() const {
  return std::equal(kV4MappedPrefix.begin(), kV4MappedPrefix.end(), octets_.begin());
}

bool IpAddress::is_unspecified() const { return *this == IpAddress() || *this == FromV4({}); }

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_v4();
  const char* const written =
      inet_ntop(v4 ? AF_INET : AF_INET6, octets_.data() + (v4 ? kV4MappedPrefix.size() : 0),
                text.data(), static_cast<socklen_t>(text.size()));
  CHECK(written != nullptr);
  return written;
}

std::string Endpoint::ToString() const {
  const std::string host = address.ToString();
  const std::string port_text = std::to_string(port);
  return address.is_v4() ? host + ":" + port_text : "[" + host + "]:" + port_text;
}

std::optional<Endpoint> Endpoint::Parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // Brackets belong to IPv6 and only to it: without them the last group would be taken for a port.
  if (SpellsIpv6(host) != bracketed) return std::nullopt;

  const std::optional<IpAddress> address = IpAddress::Parse(host);
  const std::optional<int> port = ParseDecimal(text.substr(colon + 1), 65535);
  if (!address || !port) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::optional<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return IpPrefix(*address, 128);

  const int offset = SpellsIpv6(host) ? 0 : kV4MappedBits;
  const std::optional<int> bits = ParseDecimal(text.substr(slash + 1), 128 - offset);
  if (!bits) return std::nullopt;
  return IpPrefix(*address, *bits + offset);
}

IpPrefix::IpPrefix(const IpAddress& address, int bits) : bits_(bits) {
  CHECK(bits >= 0 && bits <= 128);
  std::array<std::uint8_t, 16> octets = address.octets();
  int kept = bits;
  for (std::uint8_t& octet : octets) {
    const int kept_here = std::clamp(kept, 0, 8);
    octet = static_cast<std::uint8_t>(octet & (0xff00 >> kept_here));
    kept -= kept_here;
  }
  address_ = IpAddress::FromV6(octets);
}

bool IpPrefix::Contains(const IpAddress& address) const {
  const auto whole = static_cast<std::size_t>(bits_ / 8);
  const std::uint8_t* const left = address_.octets().data();
  const std::uint8_t* const right = address.octets().data();
  if (std::memcmp(left, right, whole) != 0) return false;
  const int rest = bits_ % 8;
  return rest == 0 || ((left[whole] ^ right[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

std::string IpPrefix::ToString() const {
  const int offset = address_.is_v4() && bits_ >= kV4MappedBits ? kV4MappedBits : 0;
  // Shorter than 96 bits, the block is not an IPv4 block; it can only be written in IPv6.
  return address_.ToString() + "/" + std::to_string(bits_ - offset);
}

std::size_t IpAddressHash::operator()(const IpAddress& address) const noexcept {
  const std::uint8_t* const octets = address.octets().data();
  return HashWords({LoadU64(octets), LoadU64(octets + 8)});
}

std::size_t EndpointHash::operator()(const Endpoint& endpoint) const noexcept {
  const std::uint8_t* const octets = endpoint.address.octets().data();
  return HashWords({LoadU64(octets), LoadU64(octets + 8), endpoint.port});
}

}  // namespace base
