#include "server/config/validate.h"

namespace relay {
namespace {

void Refuse(Draft& draft, bool is_switched_on, const std::string& key, const std::string& what) {
  if (is_switched_on && !draft.HasError(key)) {
    draft.AddError(key, what + " is not available in this version");
  }
}

}  // namespace

void ReportUnavailable(Draft& draft) {
  const Config& config = draft.config;
  Refuse(draft, !config.relay.external_addresses_auto.empty(), "relay.external_addresses",
         "finding the external address by STUN ('auto')");
  Refuse(draft, config.limits.bandwidth_per_user_bits_per_second != 0, "limits.bandwidth_per_user",
         "a bandwidth limit over all allocations of a user");
  Refuse(draft, config.limits.bandwidth_total_bits_per_second != 0, "limits.bandwidth_total",
         "a bandwidth limit over all allocations");
}

}  // namespace relay
