#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <optional>
#include <span>

#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"

namespace turn {

// A peer address that may reach the client, whatever its port (RFC 8656 section 9).
struct Permission {
  base::IpAddress address;
  bool is_own_relay = false;  // one of this server's relay addresses: only live relay ports count
  base::MonotonicTime expires_at;
};

// The permissions of one allocation, sorted by address. What has expired counts as absent at once,
// and leaves the set with RemoveIf.
class PermissionSet {
 public:
  // nullptr: none, or expired. The pointer lives until the set is changed.
  const Permission* Find(const base::IpAddress& address, base::MonotonicTime now) const;

  // Adds the permission or replaces the one for the same address. True: the set has grown.
  bool Install(const Permission& permission);

  // Removes every permission for which `is_over(permission)` holds and says how many they were.
  template <typename Predicate>
  std::size_t RemoveIf(Predicate&& is_over) {
    const auto kept = std::remove_if(permissions_.begin(), permissions_.end(), is_over);
    const auto removed = static_cast<std::size_t>(permissions_.end() - kept);
    permissions_.erase(kept, permissions_.end());
    return removed;
  }

  // Changes that keep address and order.
  std::span<Permission> all() { return {permissions_.data(), permissions_.size()}; }
  std::span<const Permission> all() const { return {permissions_.data(), permissions_.size()}; }
  std::size_t size() const { return permissions_.size(); }
  std::optional<base::MonotonicTime> EarliestExpiry() const;

 private:
  boost::container::small_vector<Permission, 1> permissions_;  // most have one
};

}  // namespace turn
