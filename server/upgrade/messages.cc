#include "server/upgrade/messages.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "protocol/base/byte_reader.h"

namespace relay {
namespace {

constexpr std::string_view kMagic = "senso-turn upgrade";
constexpr std::size_t kMaxTotals = 4096;
constexpr std::uint64_t kMaxTime = std::numeric_limits<std::int64_t>::max() / 4;

class OctetSink {
 public:
  OctetSink& U8(std::uint8_t value) {
    octets_.push_back(value);
    return *this;
  }
  OctetSink& U16(std::uint16_t value) { return Whole(value); }
  OctetSink& U32(std::uint32_t value) { return Whole(value); }
  OctetSink& U64(std::uint64_t value) { return Whole(value); }
  OctetSink& Raw(base::Bytes octets) {
    octets_.insert(octets_.end(), octets.begin(), octets.end());
    return *this;
  }
  OctetSink& Text(std::string_view text) {
    const std::string_view kept = text.substr(0, kMaxUpgradeText);
    return U16(static_cast<std::uint16_t>(kept.size())).Raw(base::AsBytes(kept));
  }
  OctetSink& Time(base::MonotonicTime time) {
    const auto since = std::chrono::nanoseconds(time.time_since_epoch());
    return U64(static_cast<std::uint64_t>(since.count()));
  }
  OctetSink& Carried(const std::vector<RelayTraffic>& carried) {
    U8(static_cast<std::uint8_t>(carried.size()));
    for (const RelayTraffic& relay : carried) {
      for (const Traffic& way : relay) U64(way.packets).U64(way.bytes);
    }
    return *this;
  }
  std::vector<std::uint8_t> Take() { return std::move(octets_); }

 private:
  // Network order.
  template <typename Integer>
  OctetSink& Whole(Integer value) {
    for (std::size_t i = sizeof(value); i-- > 0;)
      octets_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }

  std::vector<std::uint8_t> octets_;
};

class OctetSource {
 public:
  explicit OctetSource(base::Bytes octets) : reader_(octets) {}

  std::uint8_t U8() { return reader_.ReadU8(); }
  std::uint16_t U16() { return reader_.ReadU16(); }
  std::uint32_t U32() { return reader_.ReadU32(); }
  std::uint64_t U64() { return reader_.ReadU64(); }
  base::Bytes Raw(std::size_t count) { return reader_.ReadBytes(count); }
  bool Truth() {
    const std::uint8_t value = U8();
    Expect(value <= 1);
    return value == 1;
  }
  std::string Text() {
    const std::size_t size = U16();
    Expect(size <= kMaxUpgradeText);
    return is_good() ? std::string(base::AsText(Raw(size))) : std::string();
  }
  base::MonotonicTime Time() {
    const std::uint64_t count = U64();
    Expect(count <= kMaxTime);
    return base::MonotonicTime(std::chrono::nanoseconds(is_good() ? count : 0));
  }
  base::Endpoint Endpoint() {
    std::array<std::uint8_t, 16> address{};
    std::ranges::copy(Raw(address.size()), address.begin());
    const std::uint16_t port = U16();
    return {base::IpAddress::FromV6(address), port};
  }
  std::vector<RelayTraffic> Carried() {
    const std::uint8_t relays = U8();
    Expect(relays == 1 || relays == 2);
    std::vector<RelayTraffic> carried(is_good() ? relays : 0);
    for (RelayTraffic& relay : carried) {
      for (Traffic& way : relay) {
        way.packets = U64();
        way.bytes = U64();
      }
    }
    return carried;
  }
  std::vector<std::uint8_t> Rest() {
    const base::Bytes rest = reader_.ReadBytes(reader_.remaining());
    return {rest.begin(), rest.end()};
  }

  void Expect(bool holds) { is_expected_ = is_expected_ && holds; }
  bool is_good() const { return is_expected_ && reader_.ok(); }
  bool IsAtEnd() const { return is_good() && reader_.remaining() == 0; }

  template <typename Value>
  std::optional<Value> AtEnd(Value value) const {
    return IsAtEnd() ? std::optional<Value>(std::move(value)) : std::nullopt;
  }

 private:
  base::ByteReader reader_;
  bool is_expected_ = true;
};

OctetSink& operator<<(OctetSink& sink, const base::Endpoint& endpoint) {
  return sink.Raw(endpoint.address.octets()).U16(endpoint.port);
}

}  // namespace

std::vector<std::uint8_t> Encode(const UpgradeHello& hello) {
  OctetSink sink;
  sink.Raw(base::AsBytes(kMagic)).U16(hello.version).Text(hello.program_version);
  sink.U16(hello.record_version).U64(hello.counter_layout).Time(hello.now);
  sink.Raw(hello.nonce_key.octets).Time(hello.nonce_origin);
  sink.U16(hello.listeners).U16(hello.services);
  return sink.Take();
}

std::optional<UpgradeHello> DecodeHello(base::Bytes octets) {
  OctetSource source(octets);
  source.Expect(std::ranges::equal(source.Raw(kMagic.size()), base::AsBytes(kMagic)));
  UpgradeHello hello;
  hello.version = source.U16();
  hello.program_version = source.Text();
  if (!source.is_good()) return std::nullopt;
  if (hello.version != UpgradeHello::kVersion) return hello;
  hello.record_version = source.U16();
  hello.counter_layout = source.U64();
  hello.now = source.Time();
  std::ranges::copy(source.Raw(hello.nonce_key.octets.size()), hello.nonce_key.octets.begin());
  hello.nonce_origin = source.Time();
  hello.listeners = source.U16();
  hello.services = source.U16();
  return source.AtEnd(hello);
}

std::vector<std::uint8_t> Encode(const UpgradeListener& listener) {
  OctetSink sink;
  sink.U8(listener.is_datagram ? 1 : 0) << listener.endpoint;
  return sink.Take();
}

std::optional<UpgradeListener> DecodeListener(base::Bytes octets) {
  OctetSource source(octets);
  UpgradeListener listener;
  listener.is_datagram = source.Truth();
  listener.endpoint = source.Endpoint();
  return source.AtEnd(listener);
}

std::vector<std::uint8_t> Encode(const UpgradeAllocation& allocation) {
  OctetSink sink;
  sink.U16(allocation.shard).U64(allocation.id).Carried(allocation.carried);
  sink.Raw(allocation.record);
  return sink.Take();
}

std::optional<UpgradeAllocation> DecodeAllocationFrame(base::Bytes octets) {
  OctetSource source(octets);
  UpgradeAllocation allocation;
  allocation.shard = source.U16();
  allocation.id = source.U64();
  allocation.carried = source.Carried();
  allocation.record = source.Rest();
  return source.AtEnd(std::move(allocation));
}

std::vector<std::uint8_t> Encode(const UpgradeConnection& connection) {
  const ConnectionImage& image = connection.image;
  OctetSink sink;
  sink.U16(connection.shard).U32(image.client.handle.value);
  sink << image.client.five_tuple.client << image.client.five_tuple.server;
  sink.U8(image.had_valid_message ? 1 : 0);
  sink.U32(static_cast<std::uint32_t>(image.unread.size())).Raw(image.unread).Raw(image.unsent);
  return sink.Take();
}

std::optional<UpgradeConnection> DecodeConnectionFrame(base::Bytes octets) {
  OctetSource source(octets);
  UpgradeConnection connection;
  ConnectionImage& image = connection.image;
  connection.shard = source.U16();
  image.client.handle = {source.U32()};
  image.client.five_tuple.client = source.Endpoint();
  image.client.five_tuple.server = source.Endpoint();
  image.client.five_tuple.transport = base::Transport::kTcp;
  image.had_valid_message = source.Truth();
  const std::size_t unread = source.U32();
  source.Expect(unread <= ConnectionImage::kMostBytes);
  if (!source.is_good()) return std::nullopt;
  const base::Bytes first = source.Raw(unread);
  image.unread.assign(first.begin(), first.end());
  image.unsent = source.Rest();
  source.Expect(image.unread.size() + image.unsent.size() <= ConnectionImage::kMostBytes);
  return source.AtEnd(std::move(connection));
}

std::vector<std::uint8_t> Encode(const UpgradeReservation& reservation) {
  OctetSink sink;
  sink.U16(reservation.shard).Raw(reservation.record);
  return sink.Take();
}

std::optional<UpgradeReservation> DecodeReservationFrame(base::Bytes octets) {
  OctetSource source(octets);
  UpgradeReservation reservation;
  reservation.shard = source.U16();
  reservation.record = source.Rest();
  return source.AtEnd(std::move(reservation));
}

std::vector<std::uint8_t> Encode(const UpgradeCounts& counts) {
  OctetSink sink;
  sink.U32(counts.connections).U32(counts.allocations).U32(counts.reservations);
  return sink.Take();
}

std::optional<UpgradeCounts> DecodeCounts(base::Bytes octets) {
  OctetSource source(octets);
  UpgradeCounts counts;
  counts.connections = source.U32();
  counts.allocations = source.U32();
  counts.reservations = source.U32();
  return source.AtEnd(counts);
}

std::vector<std::uint8_t> Encode(const UpgradeTraffic& traffic) {
  OctetSink sink;
  sink.U64(traffic.id).Carried(traffic.carried);
  return sink.Take();
}

std::optional<UpgradeTraffic> DecodeTraffic(base::Bytes octets) {
  OctetSource source(octets);
  UpgradeTraffic traffic;
  traffic.id = source.U64();
  traffic.carried = source.Carried();
  return source.AtEnd(std::move(traffic));
}

std::vector<std::uint8_t> Encode(const UpgradeLivePorts& ports) {
  OctetSink sink;
  sink.U8(ports.is_live ? 1 : 0).U16(static_cast<std::uint16_t>(ports.addresses.size()));
  for (const base::Endpoint& each : ports.addresses) sink << each;
  return sink.Take();
}

std::optional<UpgradeLivePorts> DecodeLivePorts(base::Bytes octets) {
  constexpr std::size_t kEndpointBytes = 18;
  OctetSource source(octets);
  UpgradeLivePorts ports;
  ports.is_live = source.Truth();
  const std::size_t count = source.U16();
  source.Expect(count <= UpgradeLivePorts::kMost && octets.size() == 3 + kEndpointBytes * count);
  ports.addresses.resize(source.is_good() ? count : 0);
  for (base::Endpoint& each : ports.addresses) each = source.Endpoint();
  return source.AtEnd(std::move(ports));
}

std::vector<std::uint8_t> EncodeTotals(const std::vector<std::uint64_t>& totals) {
  OctetSink sink;
  sink.U16(static_cast<std::uint16_t>(totals.size()));
  for (const std::uint64_t each : totals) sink.U64(each);
  return sink.Take();
}

std::optional<std::vector<std::uint64_t>> DecodeTotals(base::Bytes octets) {
  OctetSource source(octets);
  const std::size_t count = source.U16();
  source.Expect(count <= kMaxTotals && octets.size() == 2 + 8 * count);
  std::vector<std::uint64_t> totals(source.is_good() ? count : 0);
  for (std::uint64_t& each : totals) each = source.U64();
  return source.AtEnd(std::move(totals));
}

std::vector<std::uint8_t> EncodeText(std::string_view text) {
  const base::Bytes kept = base::AsBytes(text.substr(0, kMaxUpgradeText));
  return {kept.begin(), kept.end()};
}

std::optional<std::string> DecodeText(base::Bytes octets) {
  if (octets.size() > kMaxUpgradeText) return std::nullopt;
  std::string text(base::AsText(octets));
  const auto is_control = [](char each) { return static_cast<unsigned char>(each) < 0x20; };
  if (std::ranges::any_of(text, is_control)) return std::nullopt;
  return text;
}

}  // namespace relay
