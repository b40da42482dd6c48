#include "protocol/turn/permission_set.h"

#include <algorithm>

namespace turn {
namespace {

template <typename Permissions>
auto LowerBound(Permissions& permissions, const base::IpAddress& address) {
  return std::lower_bound(permissions.begin(), permissions.end(), address,
                          [](const Permission& permission, const base::IpAddress& wanted) {
                            return permission.address < wanted;
                          });
}

}  // namespace

const Permission* PermissionSet::Find(const base::IpAddress& address,
                                      base::MonotonicTime now) const {
  const auto found = LowerBound(permissions_, address);
  if (found == permissions_.end() || found->address != address) return nullptr;
  return found->expires_at > now ? &*found : nullptr;
}

bool PermissionSet::Install(const Permission& permission) {
  const auto position = LowerBound(permissions_, permission.address);
  if (position != permissions_.end() && position->address == permission.address) {
    *position = permission;
    return false;
  }
  permissions_.insert(position, permission);
  return true;
}

std::optional<base::MonotonicTime> PermissionSet::EarliestExpiry() const {
  if (permissions_.empty()) return std::nullopt;
  return std::min_element(permissions_.begin(), permissions_.end(),
                          [](const Permission& left, const Permission& right) {
                            return left.expires_at < right.expires_at;
                          })
      ->expires_at;
}

}  // namespace turn
