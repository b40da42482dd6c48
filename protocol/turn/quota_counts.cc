#include "protocol/turn/quota_counts.h"

#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/crypto.h"

namespace turn {
namespace {

QuotaName Digest(std::string_view kind, std::string_view first, std::string_view second) {
  // The length keeps two pairs apart that would be one text.
  const std::string length = std::to_string(first.size());
  const base::Sha256Digest digest =
      base::Sha256({base::AsBytes(kind), base::AsBytes(length), base::AsBytes(" "),
                    base::AsBytes(first), base::AsBytes(second)});
  QuotaName name = 0;
  for (std::size_t i = 0; i < sizeof(name); ++i) name = name << 8 | digest[i];
  return name;
}

}  // namespace

QuotaName QuotaNameOfUser(std::string_view tenant, std::string_view subject) {
  return Digest("user ", tenant, subject);
}

QuotaName QuotaNameOfTenant(std::string_view tenant) { return Digest("tenant ", tenant, ""); }

}  // namespace turn
