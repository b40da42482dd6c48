#include "bench/loadgen/payload.h"

#include <array>
#include <cstring>

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/check.h"

namespace loadgen {
namespace {

constexpr std::uint32_t kMagic = 0x73746c64;  // "stld"
constexpr std::size_t kPatternShifts = 256;

// The finalizer of MurmurHash3: each bit of the result depends on each bit of the argument.
constexpr std::uint64_t Mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

}  // namespace

std::string_view LaneName(Lane lane) {
  constexpr std::array<std::string_view, kLaneCount> kNames = {"up", "down", "echo", "across"};
  return kNames[static_cast<std::size_t>(lane)];
}

PayloadCodec::PayloadCodec(std::uint32_t run, std::size_t payload_bytes)
    : run_(run), payload_bytes_(payload_bytes) {
  CHECK(payload_bytes >= kHeaderBytes && payload_bytes <= 65000);
  pattern_.resize(payload_bytes - kHeaderBytes + kPatternShifts);
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    pattern_[i] = static_cast<std::uint8_t>(Mix(i + 1));
  }
}

std::uint32_t PayloadCodec::CheckValue(const Payload& payload) const {
  std::uint64_t state = Mix((std::uint64_t{run_} << 32) | payload.allocation);
  state = Mix(state ^ payload.sequence ^ (static_cast<std::uint64_t>(payload.lane) << 56));
  return static_cast<std::uint32_t>(Mix(state ^ payload.sent_ns));
}

base::Bytes PayloadCodec::Filler(const Payload& payload) const {
  const std::size_t shift = (payload.sequence * 7 + payload.allocation) % kPatternShifts;
  return base::Bytes(pattern_).subspan(shift, payload_bytes_ - kHeaderBytes);
}

void PayloadCodec::Write(base::MutableBytes out, const Payload& payload) const {
  base::ByteWriter writer(out);
  writer.WriteU32(kMagic);
  writer.WriteU8(static_cast<std::uint8_t>(payload.lane));
  writer.WriteZeros(1);
  writer.WriteU16(static_cast<std::uint16_t>(payload_bytes_));
  writer.WriteU32(payload.allocation);
  writer.WriteU32(CheckValue(payload));
  writer.WriteU64(payload.sequence);
  writer.WriteU64(payload.sent_ns);
  writer.WriteBytes(Filler(payload));
  CHECK(writer.ok());
}

std::optional<Payload> PayloadCodec::Read(base::Bytes bytes) const {
  if (bytes.size() != payload_bytes_) return std::nullopt;
  base::ByteReader reader(bytes);
  Payload payload;
  if (reader.ReadU32() != kMagic) return std::nullopt;
  const std::uint8_t lane = reader.ReadU8();
  if (lane >= kLaneCount || reader.ReadU8() != 0) return std::nullopt;
  payload.lane = static_cast<Lane>(lane);
  if (reader.ReadU16() != payload_bytes_) return std::nullopt;
  payload.allocation = reader.ReadU32();
  const std::uint32_t check_value = reader.ReadU32();
  payload.sequence = reader.ReadU64();
  payload.sent_ns = reader.ReadU64();
  if (check_value != CheckValue(payload)) return std::nullopt;
  const base::Bytes filler = Filler(payload);
  if (std::memcmp(reader.rest().data(), filler.data(), filler.size()) != 0) return std::nullopt;
  return payload;
}

}  // namespace loadgen
