#pragma once

#include <vector>

#include "protocol/base/ip_address.h"

namespace relay {

// Addresses as ranges, to be had as prefixes that cover exactly them. IPv4 and IPv6 are apart, as
// in coturn: a range of IPv6 never holds an IPv4 address, even where it spans ::ffff:0:0/96.
class AddressSet {
 public:
  // Both ends belong to it. They are of one family, and `first` is not above `last`.
  void Add(const base::IpAddress& first, const base::IpAddress& last);
  void Add(const base::IpPrefix& prefix);
  // Takes out what `other` has.
  void Subtract(const AddressSet& other);

  bool empty() const { return ranges_.empty(); }
  // The fewest that cover it, by address.
  std::vector<base::IpPrefix> Prefixes() const;

  friend bool operator==(const AddressSet&, const AddressSet&) = default;

 private:
  __extension__ using Number = unsigned __int128;
  struct Range {
    Number first;
    Number last;

    friend bool operator==(const Range&, const Range&) = default;
  };

  static Number ToNumber(const base::IpAddress& address);
  void Add(Range range);
  void Subtract(Range range);

  std::vector<Range> ranges_;  // by address; neither overlapping nor touching
};

}  // namespace relay
