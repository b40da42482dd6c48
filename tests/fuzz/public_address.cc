#include "tests/fuzz/public_address.h"

#include <array>
#include <cstdint>

namespace fuzz {
namespace {

bool IsPublicV4(const std::array<std::uint8_t, 4>& a) {
  if (a[0] == 0 || a[0] == 10 || a[0] == 127 || a[0] >= 224) return false;
  if (a[0] == 100 && a[1] >= 64 && a[1] < 128) return false;
  if (a[0] == 169 && a[1] == 254) return false;
  if (a == std::array<std::uint8_t, 4>{168, 63, 129, 16}) return false;
  if (a[0] == 172 && a[1] >= 16 && a[1] < 32) return false;
  if (a[0] == 192 && a[1] == 168) return false;
  if (a[0] == 192 && a[1] == 0 && (a[2] == 0 || a[2] == 2)) return false;
  if (a[0] == 192 && a[1] == 88 && a[2] == 99) return false;
  if (a[0] == 198 && (a[1] == 18 || a[1] == 19)) return false;
  if (a[0] == 198 && a[1] == 51 && a[2] == 100) return false;
  return !(a[0] == 203 && a[1] == 0 && a[2] == 113);
}

}  // namespace

std::optional<base::IpAddress> IsatapOf(const base::IpAddress& address) {
  const auto& a = address.octets();
  if (address.is_v4() || (a[8] & 0xfd) != 0 || a[9] != 0 || a[10] != 0x5e || a[11] != 0xfe)
    return std::nullopt;
  return base::IpAddress::FromV4({a[12], a[13], a[14], a[15]});
}

bool IsPublic(const base::IpAddress& address) {
  if (address.is_v4()) return IsPublicV4(address.v4_octets());
  const auto& a = address.octets();
  if (a[0] < 0x20 || a[0] > 0x3f) return false;                                    // unicast
  if (a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0) return false;            // 2001::/23
  if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8) return false;  // documentation
  if (a[0] == 0x20 && a[1] == 0x02) return false;                                  // 6to4
  if (a[0] == 0x3f && a[1] == 0xff && (a[2] & 0xf0) == 0) return false;            // documentation
  const auto inside = IsatapOf(address);
  return !inside || IsPublic(*inside);
}

}  // namespace fuzz
