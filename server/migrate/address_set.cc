#include "server/migrate/address_set.h"

#include <algorithm>

namespace relay {
namespace {

__extension__ using Number = unsigned __int128;

constexpr int kBits = 128;

// The lowest `bits` of an address.
Number LowBits(int bits) { return bits == kBits ? ~Number{0} : (Number{1} << bits) - 1; }

base::IpAddress ToAddress(Number number) {
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = octets.size(); i-- > 0; number >>= 8)
    octets[i] = static_cast<std::uint8_t>(number & 0xff);
  return base::IpAddress::FromV6(octets);
}

}  // namespace

AddressSet::Number AddressSet::ToNumber(const base::IpAddress& address) {
  Number number = 0;
  for (const std::uint8_t octet : address.octets()) number = number << 8 | octet;
  return number;
}

void AddressSet::Add(const base::IpAddress& first, const base::IpAddress& last) {
  const Range all_of_v4{ToNumber(base::IpAddress::FromV4({0, 0, 0, 0})),
                        ToNumber(base::IpAddress::FromV4({255, 255, 255, 255}))};
  const Range range{ToNumber(first), ToNumber(last)};
  if (first.is_v4() || range.last < all_of_v4.first || range.first > all_of_v4.last) {
    Add(range);
    return;
  }
  // What this set has of IPv4 already stays.
  if (range.first < all_of_v4.first) Add({range.first, all_of_v4.first - 1});
  if (range.last > all_of_v4.last) Add({all_of_v4.last + 1, range.last});
}

void AddressSet::Add(const base::IpPrefix& prefix) {
  Add(prefix.address(), ToAddress(ToNumber(prefix.address()) | LowBits(kBits - prefix.bits())));
}

void AddressSet::Add(Range range) {
  Subtract(range);
  const auto behind =
      std::ranges::find_if(ranges_, [&](const Range& other) { return other.first > range.last; });
  ranges_.insert(behind, range);
  std::vector<Range> joined;
  for (const Range& next : ranges_) {
    if (!joined.empty() && joined.back().last + 1 == next.first) {
      joined.back().last = next.last;
    } else {
      joined.push_back(next);
    }
  }
  ranges_ = std::move(joined);
}

void AddressSet::Subtract(const AddressSet& other) {
  for (const Range& range : other.ranges_) Subtract(range);
}

void AddressSet::Subtract(Range range) {
  std::vector<Range> left;
  for (const Range& old : ranges_) {
    if (old.last < range.first || old.first > range.last) {
      left.push_back(old);
      continue;
    }
    if (old.first < range.first) left.push_back({old.first, range.first - 1});
    if (old.last > range.last) left.push_back({range.last + 1, old.last});
  }
  ranges_ = std::move(left);
}

std::vector<base::IpPrefix> AddressSet::Prefixes() const {
  std::vector<base::IpPrefix> prefixes;
  for (const Range& range : ranges_) {
    Number first = range.first;
    while (true) {
      int bits = 0;  // of the largest block that begins here and does not go too far
      while (bits < kBits && (first & LowBits(bits + 1)) == 0 &&
             (first | LowBits(bits + 1)) <= range.last) {
        ++bits;
      }
      prefixes.emplace_back(ToAddress(first), kBits - bits);
      const Number last = first | LowBits(bits);
      if (last == range.last) break;
      first = last + 1;
    }
  }
  return prefixes;
}

}  // namespace relay
