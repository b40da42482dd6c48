#include "protocol/turn/allocation_record.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/check.h"

namespace turn {
namespace {

// What is in a record besides the sets, at most, and an element of each set.
constexpr std::size_t kFixedBytes =
    1024 + 7 * (2 + RecordLimits::kNameBytes) + 2 * RecordLimits::kKeyBytes;
constexpr std::size_t kPermissionBytes = 16 + 1 + 8;
constexpr std::size_t kChannelBytes = 18 + 2 + 1 + 8;

constexpr std::uint16_t kFirstChannel = 0x4000;
constexpr std::uint16_t kLastChannelOfAnyRfc = 0x7fff;

// Far enough from both ends of what a time point holds that no difference of two overflows.
constexpr std::int64_t kMaxNanoseconds = std::numeric_limits<std::int64_t>::max() / 4;

class RecordWriter {
 public:
  explicit RecordWriter(std::size_t most_bytes) : octets_(most_bytes), writer_(octets_) {}

  void WriteU8(std::uint8_t value) { writer_.WriteU8(value); }
  void WriteU16(std::uint16_t value) { writer_.WriteU16(value); }
  void WriteU32(std::uint32_t value) { writer_.WriteU32(value); }
  void WriteU64(std::uint64_t value) { writer_.WriteU64(value); }
  void WriteBool(bool value) { writer_.WriteU8(value ? 1 : 0); }
  void WriteRaw(base::Bytes octets) { writer_.WriteBytes(octets); }
  void WriteSized(base::Bytes octets) {
    CHECK(octets.size() <= RecordLimits::kNameBytes);
    writer_.WriteU16(static_cast<std::uint16_t>(octets.size()));
    writer_.WriteBytes(octets);
  }
  void WriteText(std::string_view text) { WriteSized(base::AsBytes(text)); }
  void WriteAddress(const base::IpAddress& address) { writer_.WriteBytes(address.octets()); }
  void WriteEndpoint(const base::Endpoint& endpoint) {
    WriteAddress(endpoint.address);
    writer_.WriteU16(endpoint.port);
  }
  void WriteFiveTuple(const base::FiveTuple& five_tuple) {
    WriteEndpoint(five_tuple.client);
    WriteEndpoint(five_tuple.server);
    WriteU8(static_cast<std::uint8_t>(five_tuple.transport));
  }
  template <typename Clock>
  void WriteTime(std::chrono::time_point<Clock> time) {
    const auto since =
        std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
    WriteU64(static_cast<std::uint64_t>(since.count()));
  }
  void WriteOwner(const Owner& owner) {
    WriteText(owner.subject);
    WriteText(owner.tenant);
    WriteAddress(owner.source);
    WriteBool(owner.relays_only);
  }
  void WriteCredential(const Credential& credential) {
    WriteText(credential.username);
    WriteText(credential.subject);
    WriteText(credential.tenant);
    WriteSized(credential.key);
    WriteBool(credential.expires_at.has_value());
    if (credential.expires_at) WriteTime(*credential.expires_at);
    WriteBool(credential.token.has_value());
    if (credential.token) {
      WriteTime(credential.token->issued_at);
      WriteU32(static_cast<std::uint32_t>(credential.token->lifetime.count()));
    }
    WriteBool(credential.relays_only);
  }

  std::vector<std::uint8_t> Finish() {
    CHECK(writer_.ok());
    const base::MutableBytes written = writer_.written();
    return {written.begin(), written.end()};
  }

 private:
  std::vector<std::uint8_t> octets_;
  base::ByteWriter writer_;
};

// Whatever is not as RecordWriter writes it makes is_good() false for good.
class RecordReader {
 public:
  explicit RecordReader(base::Bytes octets) : reader_(octets) {}

  std::uint8_t ReadU8() { return reader_.ReadU8(); }
  std::uint16_t ReadU16() { return reader_.ReadU16(); }
  std::uint32_t ReadU32() { return reader_.ReadU32(); }
  std::uint64_t ReadU64() { return reader_.ReadU64(); }
  bool ReadBool() {
    const std::uint8_t value = reader_.ReadU8();
    Expect(value <= 1);
    return value == 1;
  }
  template <std::size_t kSize>
  std::array<std::uint8_t, kSize> ReadArray() {
    std::array<std::uint8_t, kSize> octets{};
    std::ranges::copy(reader_.ReadBytes(kSize), octets.begin());
    return octets;
  }
  base::Bytes ReadSized(std::size_t most) {
    const std::size_t size = reader_.ReadU16();
    Expect(size <= most);
    return is_good() ? reader_.ReadBytes(size) : base::Bytes();
  }
  std::string ReadText() { return std::string(base::AsText(ReadSized(RecordLimits::kNameBytes))); }
  base::IpAddress ReadAddress() { return base::IpAddress::FromV6(ReadArray<16>()); }
  base::Endpoint ReadEndpoint() {
    const base::IpAddress address = ReadAddress();
    return {address, reader_.ReadU16()};
  }
  base::FiveTuple ReadFiveTuple() {
    base::FiveTuple five_tuple;
    five_tuple.client = ReadEndpoint();
    five_tuple.server = ReadEndpoint();
    const std::uint8_t transport = ReadU8();
    Expect(transport < base::kTransportCount);
    if (is_good()) five_tuple.transport = static_cast<base::Transport>(transport);
    return five_tuple;
  }
  template <typename Time>
  Time ReadTime() {
    const std::uint64_t count = ReadU64();
    Expect(count <= static_cast<std::uint64_t>(kMaxNanoseconds));
    if (!is_good()) return Time{};
    return Time(std::chrono::duration_cast<typename Time::duration>(
        std::chrono::nanoseconds(static_cast<std::int64_t>(count))));
  }
  base::MonotonicTime ReadMonotonic() { return ReadTime<base::MonotonicTime>(); }
  Owner ReadOwner() {
    Owner owner;
    owner.subject = ReadText();
    owner.tenant = ReadText();
    owner.source = ReadAddress();
    owner.relays_only = ReadBool();
    // The name that the Ledger makes of both ends the first one there.
    Expect(owner.tenant.find('\0') == std::string::npos);
    return owner;
  }
  Credential ReadCredential() {
    Credential credential;
    credential.username = ReadText();
    credential.subject = ReadText();
    credential.tenant = ReadText();
    const base::Bytes key = ReadSized(RecordLimits::kKeyBytes);
    credential.key.assign(key.begin(), key.end());
    if (ReadBool()) credential.expires_at = ReadTime<base::WallTime>();
    if (ReadBool()) {
      TokenValidity& token = credential.token.emplace();
      token.issued_at = ReadTime<base::WallTime>();
      token.lifetime = std::chrono::seconds(ReadU32());
    }
    credential.relays_only = ReadBool();
    return credential;
  }

  void Expect(bool holds) { is_expected_ = is_expected_ && holds; }
  bool is_good() const { return is_expected_ && reader_.ok(); }
  // Whether so many elements may follow: so much memory is worth reserving.
  bool HasRoomFor(std::size_t count, std::size_t element_bytes) const {
    return count <= reader_.remaining() / element_bytes;
  }
  bool IsAtEnd() const { return is_good() && reader_.remaining() == 0; }

 private:
  base::ByteReader reader_;
  bool is_expected_ = true;
};

bool IsErrorCode(std::uint16_t code) { return code >= 300 && code <= 699; }

void WriteMobility(RecordWriter& writer, const Mobility& mobility) {
  writer.WriteU32(mobility.id.value);
  writer.WriteRaw(mobility.ticket);
  writer.WriteBool(mobility.last_refresh.has_value());
  if (mobility.last_refresh) {
    writer.WriteRaw(mobility.last_refresh->transaction_id);
    writer.WriteFiveTuple(mobility.last_refresh->five_tuple);
    writer.WriteRaw(mobility.last_refresh->ticket);
  }
  writer.WriteBool(mobility.is_detached);
}

std::unique_ptr<Mobility> ReadMobility(RecordReader& reader) {
  auto mobility = std::make_unique<Mobility>();
  mobility->id.value = reader.ReadU32();
  mobility->ticket = reader.ReadArray<std::tuple_size_v<SealedTicket>>();
  if (reader.ReadBool()) {
    Mobility::Refresh& last = mobility->last_refresh.emplace();
    last.transaction_id = reader.ReadArray<std::tuple_size_v<stun::TransactionId>>();
    last.five_tuple = reader.ReadFiveTuple();
    last.ticket = reader.ReadArray<std::tuple_size_v<SealedTicket>>();
  }
  mobility->is_detached = reader.ReadBool();
  return mobility;
}

void WriteSets(RecordWriter& writer, const Allocation& allocation) {
  writer.WriteU32(static_cast<std::uint32_t>(allocation.permissions.size()));
  for (const Permission& each : allocation.permissions.all()) {
    writer.WriteAddress(each.address);
    writer.WriteBool(each.is_own_relay);
    writer.WriteTime(each.expires_at);
  }
  writer.WriteU32(static_cast<std::uint32_t>(allocation.channels.size()));
  for (const ChannelBinding& each : allocation.channels.all()) {
    writer.WriteEndpoint(each.peer.endpoint);
    writer.WriteU16(each.number.value);
    writer.WriteBool(each.is_own_relay);
    writer.WriteTime(each.expires_at);
  }
}

void ReadSets(RecordReader& reader, Allocation& allocation) {
  const std::uint32_t permissions = reader.ReadU32();
  reader.Expect(permissions <= RecordLimits::kPermissions &&
                reader.HasRoomFor(permissions, kPermissionBytes));
  for (std::uint32_t i = 0; reader.is_good() && i < permissions; ++i) {
    Permission permission;
    permission.address = reader.ReadAddress();
    permission.is_own_relay = reader.ReadBool();
    permission.expires_at = reader.ReadMonotonic();
    reader.Expect(allocation.permissions.Install(permission));
  }
  const std::uint32_t channels = reader.ReadU32();
  reader.Expect(channels <= RecordLimits::kChannels && reader.HasRoomFor(channels, kChannelBytes));
  std::bitset<std::numeric_limits<std::uint16_t>::max() + 1> numbers;
  for (std::uint32_t i = 0; reader.is_good() && i < channels; ++i) {
    ChannelBinding channel;
    channel.peer.endpoint = reader.ReadEndpoint();
    channel.number.value = reader.ReadU16();
    channel.is_own_relay = reader.ReadBool();
    channel.expires_at = reader.ReadMonotonic();
    const std::uint16_t number = channel.number.value;
    reader.Expect(number >= kFirstChannel && number <= kLastChannelOfAnyRfc &&
                  !numbers.test(number));
    numbers.set(number);
    reader.Expect(allocation.channels.Install(channel));
  }
}

void ReadRelays(RecordReader& reader, Allocation& allocation) {
  const std::uint8_t relays = reader.ReadU8();
  reader.Expect(relays == 1 || relays == 2);
  for (std::uint8_t i = 0; reader.is_good() && i < relays; ++i) {
    Relay relay{};
    relay.handle = kNoRelay;
    relay.address.endpoint = reader.ReadEndpoint();
    relay.external = reader.ReadEndpoint();
    relay.opened_at = reader.ReadMonotonic();
    relay.expires_at = reader.ReadMonotonic();
    const base::AddressFamily family = relay.address.endpoint.address.family();
    reader.Expect(relay.external.address.family() == family);
    // IPv4 comes first, and there is one of each.
    reader.Expect(allocation.FindRelay(family) == nullptr);
    reader.Expect(i == 0 || family == base::AddressFamily::kIpv6);
    if (reader.is_good()) allocation.AddRelay(relay);
  }
}

}  // namespace

std::vector<std::uint8_t> EncodeAllocation(const Allocation& allocation) {
  RecordWriter writer(kFixedBytes + allocation.permissions.size() * kPermissionBytes +
                      allocation.channels.size() * kChannelBytes);
  writer.WriteU64(allocation.id);
  writer.WriteFiveTuple(allocation.client.five_tuple);
  writer.WriteU32(allocation.client.handle.value);
  writer.WriteBool(allocation.relays_only);
  writer.WriteText(allocation.username);
  writer.WriteOwner(allocation.owner);
  writer.WriteBool(allocation.token != nullptr);
  if (allocation.token) writer.WriteCredential(*allocation.token);
  writer.WriteRaw(allocation.transaction_id);
  writer.WriteBool(allocation.reservation_token.has_value());
  if (allocation.reservation_token) writer.WriteRaw(*allocation.reservation_token);
  writer.WriteBool(allocation.address_error.has_value());
  if (allocation.address_error) {
    writer.WriteU8(static_cast<std::uint8_t>(allocation.address_error->family));
    writer.WriteU16(static_cast<std::uint16_t>(allocation.address_error->code));
  }
  writer.WriteBool(allocation.mobility != nullptr);
  if (allocation.mobility) WriteMobility(writer, *allocation.mobility);
  std::uint8_t relays = 0;
  allocation.ForEachRelay([&](const Relay&) { ++relays; });
  writer.WriteU8(relays);
  allocation.ForEachRelay([&](const Relay& relay) {
    writer.WriteEndpoint(relay.address.endpoint);
    writer.WriteEndpoint(relay.external);
    writer.WriteTime(relay.opened_at);
    writer.WriteTime(relay.expires_at);
  });
  WriteSets(writer, allocation);
  return writer.Finish();
}

std::unique_ptr<Allocation> DecodeAllocation(base::Bytes octets) {
  RecordReader reader(octets);
  auto allocation = std::make_unique<Allocation>();
  allocation->id = reader.ReadU64();
  reader.Expect(allocation->id != 0);
  allocation->client.five_tuple = reader.ReadFiveTuple();
  allocation->client.handle.value = reader.ReadU32();
  allocation->relays_only = reader.ReadBool();
  allocation->username = reader.ReadText();
  allocation->owner = reader.ReadOwner();
  if (reader.ReadBool())
    allocation->token = std::make_unique<const Credential>(reader.ReadCredential());
  allocation->transaction_id = reader.ReadArray<std::tuple_size_v<stun::TransactionId>>();
  if (reader.ReadBool()) {
    allocation->reservation_token = reader.ReadArray<std::tuple_size_v<stun::ReservationToken>>();
  }
  if (reader.ReadBool()) {
    const std::uint8_t family = reader.ReadU8();
    const std::uint16_t code = reader.ReadU16();
    reader.Expect((family == 1 || family == 2) && IsErrorCode(code));
    allocation->address_error =
        AddressError{static_cast<base::AddressFamily>(family), static_cast<stun::ErrorCode>(code)};
  }
  if (reader.ReadBool()) allocation->mobility = ReadMobility(reader);
  ReadRelays(reader, *allocation);
  ReadSets(reader, *allocation);
  // Whoever has a connection under TLS stays with the process that has it.
  const base::Transport transport = allocation->client.five_tuple.transport;
  reader.Expect(allocation->is_detached() || transport == base::Transport::kUdp ||
                transport == base::Transport::kTcp);
  return reader.IsAtEnd() ? std::move(allocation) : nullptr;
}

std::vector<std::uint8_t> EncodeReservation(const HeldReservationRecord& held) {
  RecordWriter writer(kFixedBytes);
  writer.WriteRaw(held.token);
  writer.WriteEndpoint(held.reservation.address.endpoint);
  writer.WriteOwner(held.reservation.owner);
  writer.WriteTime(held.reservation.expires_at);
  return writer.Finish();
}

std::optional<HeldReservationRecord> DecodeReservation(base::Bytes octets) {
  RecordReader reader(octets);
  HeldReservationRecord held;
  held.token = reader.ReadArray<std::tuple_size_v<stun::ReservationToken>>();
  held.reservation.address.endpoint = reader.ReadEndpoint();
  held.reservation.relay = kNoRelay;
  held.reservation.owner = reader.ReadOwner();
  held.reservation.expires_at = reader.ReadMonotonic();
  if (!reader.IsAtEnd()) return std::nullopt;
  return held;
}

}  // namespace turn
