#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "protocol/turn/nonce.h"
#include "server/datapath/relay_traffic.h"
#include "server/net/shard_image.h"

// What the two processes of an upgrade say to each other (docs/adr/0018). Each Decode takes any
// octets; nullopt: they are not exactly what the other one would have written.
namespace relay {

// The payload of a frame by its type. In the order in which they come; the old process speaks but
// where the new one is named.
enum class UpgradeFrame : std::uint8_t {
  kHello = 1,        // UpgradeHello; nothing but it may differ in a later version
  kListener = 2,     // UpgradeListener; a descriptor for each shard
  kService = 3,      // the name of a listening socket of the control plane; its descriptor
  kOpened = 4,       // new: everything but the state is there; empty
  kAllocation = 5,   // UpgradeAllocation; a descriptor for each relay
  kReservation = 6,  // UpgradeReservation; a descriptor
  kEnd = 7,          // UpgradeCounts
  kCommit = 8,       // new: it has all of it, and serves from now on; empty
  kTraffic = 9,      // UpgradeTraffic
  kTotals = 10,      // numbers, as counter_totals.h has them
  kDone = 11,        // empty
  kLivePorts = 13,   // UpgradeLivePorts, before kEnd of what stays; behind kDone either says it
  kConnection = 14,  // UpgradeConnection, before kAllocation of its client; a descriptor
  kRefused = 12,     // either: a sentence that says why it ends here
};

struct UpgradeHello {
  static constexpr std::uint16_t kVersion = 1;
  // Another one is not to be read beyond these two.
  std::uint16_t version = kVersion;
  std::string program_version;

  std::uint16_t record_version = 0;  // turn::kRecordVersion
  std::uint64_t counter_layout = 0;  // CounterLayout
  base::MonotonicTime now;           // two processes of a host are about the same
  turn::NonceKey nonce_key;
  base::MonotonicTime nonce_origin;
  std::uint16_t listeners = 0;  // how many of each frame follow
  std::uint16_t services = 0;
};
std::vector<std::uint8_t> Encode(const UpgradeHello& hello);
std::optional<UpgradeHello> DecodeHello(base::Bytes octets);

struct UpgradeListener {
  bool is_datagram = false;
  base::Endpoint endpoint;  // as configured
};
std::vector<std::uint8_t> Encode(const UpgradeListener& listener);
std::optional<UpgradeListener> DecodeListener(base::Bytes octets);

struct UpgradeAllocation {
  std::uint16_t shard = 0;
  std::uint64_t id = 0;
  std::vector<RelayTraffic> carried;  // by relay; 1 or 2
  std::vector<std::uint8_t> record;
};
std::vector<std::uint8_t> Encode(const UpgradeAllocation& allocation);
std::optional<UpgradeAllocation> DecodeAllocationFrame(base::Bytes octets);

struct UpgradeConnection {
  std::uint16_t shard = 0;
  ConnectionImage image;  // but for the socket
};
std::vector<std::uint8_t> Encode(const UpgradeConnection& connection);
std::optional<UpgradeConnection> DecodeConnectionFrame(base::Bytes octets);

struct UpgradeReservation {
  std::uint16_t shard = 0;
  std::vector<std::uint8_t> record;
};
std::vector<std::uint8_t> Encode(const UpgradeReservation& reservation);
std::optional<UpgradeReservation> DecodeReservationFrame(base::Bytes octets);

struct UpgradeCounts {
  std::uint32_t connections = 0;
  std::uint32_t allocations = 0;
  std::uint32_t reservations = 0;
  friend bool operator==(const UpgradeCounts&, const UpgradeCounts&) = default;
};
std::vector<std::uint8_t> Encode(const UpgradeCounts& counts);
std::optional<UpgradeCounts> DecodeCounts(base::Bytes octets);

struct UpgradeTraffic {
  std::uint64_t id = 0;
  std::vector<RelayTraffic> carried;  // as above
};
std::vector<std::uint8_t> Encode(const UpgradeTraffic& traffic);
std::optional<UpgradeTraffic> DecodeTraffic(base::Bytes octets);

// Relayed transport addresses over UDP that have become live in the process that says so, or have
// ceased to be.
struct UpgradeLivePorts {
  static constexpr std::size_t kMost = 4096;
  bool is_live = false;
  std::vector<base::Endpoint> addresses;
};
std::vector<std::uint8_t> Encode(const UpgradeLivePorts& ports);
std::optional<UpgradeLivePorts> DecodeLivePorts(base::Bytes octets);

std::vector<std::uint8_t> EncodeTotals(const std::vector<std::uint64_t>& totals);
std::optional<std::vector<std::uint64_t>> DecodeTotals(base::Bytes octets);

// A name, or a sentence: at most so long, and without control characters.
inline constexpr std::size_t kMaxUpgradeText = 1024;
std::vector<std::uint8_t> EncodeText(std::string_view text);
std::optional<std::string> DecodeText(base::Bytes octets);

}  // namespace relay
