#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/metrics/metric_labels.h"

namespace relay {

// What went one way: datagrams (or pieces of a stream), and their payload without any header.
struct Traffic {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;

  void Count(std::size_t payload_bytes) {
    ++packets;
    bytes += payload_bytes;
  }
  Traffic& operator+=(const Traffic& more) {
    packets += more.packets;
    bytes += more.bytes;
    return *this;
  }
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

// What went through one relay socket, by LabelIndex(Direction).
using RelayTraffic = std::array<Traffic, kDirectionLabels.size()>;

inline RelayTraffic& operator+=(RelayTraffic& sum, const RelayTraffic& more) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  return sum;
}

}  // namespace relay
