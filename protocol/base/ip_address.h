#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// The values are those of STUN's address family field (RFC 8489 section 14.1).
enum class AddressFamily : std::uint8_t { kIpv4 = 1, kIpv6 = 2 };

// An IP address in 16 bytes, network order; IPv4 is held as ::ffff:a.b.c.d, so that an IPv4 address
// and its IPv4-mapped spelling are one value and a filter cannot tell them apart. A
// default-constructed address is "::".
class IpAddress {
 public:
  constexpr IpAddress() = default;

  static IpAddress FromV4(std::array<std::uint8_t, 4> octets);
  // An IPv4-mapped address becomes IPv4.
  static constexpr IpAddress FromV6(const std::array<std::uint8_t, 16>& octets) {
    IpAddress address;
    address.octets_ = octets;
    return address;
  }

  // Accepts what inet_pton accepts for either family; nothing else (no zone, no port, no brackets).
  static std::optional<IpAddress> Parse(std::string_view text);

  bool is_v4() const;
  bool is_unspecified() const;  // "::" or "0.0.0.0"
  AddressFamily family() const { return is_v4() ? AddressFamily::kIpv4 : AddressFamily::kIpv6; }

  const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  // The last four octets; only meaningful when is_v4().
  std::array<std::uint8_t, 4> v4_octets() const {
    return {octets_[12], octets_[13], octets_[14], octets_[15]};
  }

  // "192.0.2.1" or "2001:db8::1".
  std::string ToString() const;

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
};

// A transport address: IP address and port. The port is in host order.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // "192.0.2.1:3478" or "[2001:db8::1]:3478".
  std::string ToString() const;
  // The reverse of ToString; a port is required.
  static std::optional<Endpoint> Parse(std::string_view text);

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// A block of addresses in CIDR notation. IPv4 prefixes are held at +96 bits, so that one 128-bit
// comparison serves both families. A block wider than ::ffff:0:0/96, such as "::/0", therefore
// holds IPv4 addresses as well.
class IpPrefix {
 public:
  // "10.0.0.0/8", "fd00::/8" or a single address. Host bits set are cleared. nullopt: not a prefix.
  static std::optional<IpPrefix> Parse(std::string_view text);
  // `bits` counts from the top of the 16 bytes: 0..128.
  IpPrefix(const IpAddress& address, int bits);

  bool Contains(const IpAddress& address) const;
  const IpAddress& address() const { return address_; }
  int bits() const { return bits_; }
  std::string ToString() const;

  friend bool operator==(const IpPrefix&, const IpPrefix&) = default;

 private:
  IpAddress address_;
  int bits_;  // of 128
};

struct IpAddressHash {
  std::size_t operator()(const IpAddress& address) const noexcept;
};

struct EndpointHash {
  std::size_t operator()(const Endpoint& endpoint) const noexcept;
};

}  // namespace base
