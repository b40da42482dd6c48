#pragma once

#include <array>
#include <cstdint>

#include "server/metrics/metric_labels.h"

namespace relay {

// Payload that went through one relay socket, by LabelIndex(Direction).
using RelayBytes = std::array<std::uint64_t, kDirectionLabels.size()>;

inline RelayBytes& operator+=(RelayBytes& sum, const RelayBytes& more) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  return sum;
}

}  // namespace relay
