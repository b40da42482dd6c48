#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace turn {

// A user or a tenant as nodes of a fleet tell each other: a digest, so that whoever reads it learns
// no names.
using QuotaName = std::uint64_t;

struct QuotaCount {
  QuotaName name;
  std::uint32_t allocations;

  friend bool operator==(const QuotaCount&, const QuotaCount&) = default;
};

// What others have by these names, all of them together.
using QuotaCounts = std::unordered_map<QuotaName, std::uint32_t>;

QuotaName QuotaNameOfUser(std::string_view tenant, std::string_view subject);
QuotaName QuotaNameOfTenant(std::string_view tenant);

}  // namespace turn
