#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"

namespace loadgen {

// A way that packets take. In kEcho the peer sends back what came, and the client measures the
// round trip; in kAcross both ends are allocations on the server.
enum class Lane : std::uint8_t { kUp, kDown, kEcho, kAcross };

inline constexpr std::size_t kLaneCount = 4;

// "up", "down", "echo", "across".
std::string_view LaneName(Lane lane);

// What each packet of the load says about itself.
struct Payload {
  Lane lane = Lane::kUp;
  std::uint32_t allocation = 0;  // of the client that sends, or for which the peer sends
  std::uint64_t sequence = 0;    // within lane and allocation
  std::uint64_t sent_ns = 0;     // on the monotonic clock
};

// Writes and verifies payloads. The header carries a check value that depends on this run, so that
// a stray packet of another run is not taken for ours; the rest is a pattern that depends on the
// header, so that any octet that changed or moved is noticed.
class PayloadCodec {
 public:
  static constexpr std::size_t kHeaderBytes = 32;

  // `payload_bytes` is the size of every payload, at least kHeaderBytes and at most 65,000.
  PayloadCodec(std::uint32_t run, std::size_t payload_bytes);

  std::size_t payload_bytes() const { return payload_bytes_; }

  // `out` is payload_bytes() long.
  void Write(base::MutableBytes out, const Payload& payload) const;
  // nullopt: not exactly what Write writes.
  std::optional<Payload> Read(base::Bytes bytes) const;

 private:
  std::uint32_t CheckValue(const Payload& payload) const;
  base::Bytes Filler(const Payload& payload) const;

  std::uint32_t run_;
  std::size_t payload_bytes_;
  std::vector<std::uint8_t> pattern_;
};

}  // namespace loadgen
