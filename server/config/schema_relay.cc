#include <algorithm>
#include <string_view>

#include "server/config/fields.h"
#include "server/config/text_rules.h"

// The relay: its addresses and ports, whom it reaches, what it allows, how it speaks.
namespace relay {
namespace {

using namespace fields;  // NOLINT(google-build-using-namespace): the table reads better
using std::chrono::hours;
using std::chrono::seconds;

// A map of internal to external addresses, or {auto: "stun:host:port"}.
// RFC 7064 section 3.1: "stun:" host [ ":" port ]. What is no host is found out when it is looked
// up.
bool IsStunUri(std::string_view text) {
  constexpr std::string_view kScheme = "stun:";
  if (!text.starts_with(kScheme)) return false;
  text.remove_prefix(kScheme.size());
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

Row ExternalAddressesRow() {
  Row row;
  row.path = "relay.external_addresses";
  row.shape = Row::Shape::kStructure;
  row.type = "map of addresses";
  row.accepted = "a map of local to public addresses, such as {10.0.0.5: 203.0.113.7}";
  row.reload = Row::Reload::kNeedsRestart;
  row.doc =
      "Behind 1:1 NAT: which public address the world sees for each relay address. "
      "`{auto: \"stun:host:port\"}` asks that STUN server at the start, from each relay address "
      "that "
      "is not in the map.";
  row.parse = [](Draft& draft, const Value& value) {
    std::vector<Row::Problem> problems;
    Config::Relay& relay = draft.config.relay;
    relay.external_addresses.clear();
    relay.external_addresses_auto.clear();
    if (value.kind != Value::Kind::kMap && value.kind != Value::Kind::kNull) {
      problems.push_back(
          {"", value.position, "is " + std::string(KindName(value.kind)) + " instead of a map"});
    }
    for (const Value::Member& member : value.members) {
      const auto text = TakeScalar(member.value, "", problems);
      if (!text) continue;
      if (member.name == "auto") {
        if (!IsStunUri(*text)) {
          problems.push_back({"", member.position,
                              "'" + *text +
                                  "' is not a STUN server; accepted: such as "
                                  "stun:stun.example.org:3478"});
        } else {
          relay.external_addresses_auto = *text;
        }
        continue;
      }
      const Parsed<base::IpAddress> internal = Address().parse(member.name);
      const Parsed<base::IpAddress> external = Address().parse(*text);
      bool is_right = true;
      for (const auto* side : {&internal, &external}) {
        if (const auto* wrong = std::get_if<Wrong>(side)) {
          problems.push_back({"", member.position, wrong->text});
          is_right = false;
        }
      }
      if (!is_right) continue;
      const auto& from = std::get<base::IpAddress>(internal);
      const auto& to = std::get<base::IpAddress>(external);
      if (from.family() != to.family()) {
        problems.push_back({"", member.position,
                            "'" + member.name + "' and '" + *text + "' are not of one family"});
        continue;
      }
      if (std::ranges::find(relay.external_addresses, from, &Config::ExternalAddress::internal) !=
          relay.external_addresses.end()) {
        problems.push_back({"", member.position, "'" + member.name + "' is written twice"});
        continue;
      }
      relay.external_addresses.push_back({from, to});
    }
    return problems;
  };
  row.print = [](const Draft& draft) {
    const Config::Relay& relay = draft.config.relay;
    std::string text;
    if (!relay.external_addresses_auto.empty())
      text = "auto: " + YamlText(relay.external_addresses_auto);
    for (const Config::ExternalAddress& pair : relay.external_addresses) {
      text += (text.empty() ? "" : ", ") + YamlText(pair.internal.ToString()) + ": " +
              YamlText(pair.external.ToString());
    }
    return "{" + text + "}";
  };
  row.is_same = [](const Draft& one, const Draft& other) {
    const Config::Relay& a = one.config.relay;
    const Config::Relay& b = other.config.relay;
    return a.external_addresses == b.external_addresses &&
           a.external_addresses_auto == b.external_addresses_auto;
  };
  return row;
}

void AppendLimitRows(std::vector<Row>& rows) {
  rows.push_back(Scalar("limits.allocations", Limit(), CONFIG_MEMBER(limits.allocations),
                        "Allocations at a time."));
  rows.push_back(Scalar("limits.allocations_per_user", Limit(),
                        CONFIG_MEMBER(limits.allocations_per_user),
                        "The same for one user: a subject, not a one-time name."));
  rows.push_back(Scalar("limits.allocations_per_tenant", Limit(),
                        CONFIG_MEMBER(limits.allocations_per_tenant), "The same for one tenant."));
  rows.push_back(Scalar("limits.allocations_per_source", Limit(),
                        CONFIG_MEMBER(limits.allocations_per_source),
                        "The same for one client address. A whole school may be one address."));
  rows.push_back(Scalar("limits.permissions_per_allocation", Limit(),
                        CONFIG_MEMBER(limits.permissions_per_allocation),
                        "Permissions of one allocation at a time."));
  rows.push_back(Scalar("limits.channels_per_allocation", Limit(),
                        CONFIG_MEMBER(limits.channels_per_allocation),
                        "Channels of one allocation at a time."));
  rows.push_back(Scalar("limits.connections_per_allocation", Limit(),
                        CONFIG_MEMBER(limits.connections_per_allocation),
                        "TCP connections with peers of one allocation at a time "
                        "(`protocol.tcp_relay`)."));
  rows.push_back(
      Scalar("limits.bandwidth_per_allocation", BitRate(),
             CONFIG_MEMBER(limits.bandwidth_per_allocation_bits_per_second),
             "Relayed data of one allocation in each direction; the rest is dropped, and over TCP "
             "relays held back."));
  rows.push_back(
      Scalar("limits.packets_per_allocation", Limit(),
             CONFIG_MEMBER(limits.packets_per_allocation_per_second),
             "Relayed packets a second of one allocation in each direction; over TCP relays, reads "
             "of up to 16 KiB."));
  rows.push_back(
      Scalar("limits.bandwidth_per_user", BitRate(),
             CONFIG_MEMBER(limits.bandwidth_per_user_bits_per_second),
             "Relayed data of all allocations of one user in each direction. What is above it "
             "is treated as under bandwidth_total."));
  rows.push_back(
      Scalar("limits.packets_per_user", Limit(), CONFIG_MEMBER(limits.packets_per_user_per_second),
             "Relayed packets a second of all allocations of one user in each direction. What is "
             "above it is treated as under packets_total."));
  rows.push_back(Scalar(
      "limits.bandwidth_total", BitRate(), CONFIG_MEMBER(limits.bandwidth_total_bits_per_second),
      "Relayed data of the whole server in each direction; the rest is dropped, and over "
      "TCP relays held back. Half of it is kept for the first 256 kbit/s of each "
      "allocation: voices pass while floods lose packets."));
  rows.push_back(Scalar("limits.packets_total", Limit(),
                        CONFIG_MEMBER(limits.packets_total_per_second),
                        "Relayed packets a second of the whole server in each direction; the rest "
                        "is dropped, and over TCP relays held back. Half of it is kept for what "
                        "each allocation sends within 256 kbit/s and 200 packets a second."));
  rows.push_back(Scalar("limits.connections_per_source", Limit(),
                        CONFIG_MEMBER(limits.connections_per_source),
                        "TCP connections of one client address."));
  rows.push_back(
      Scalar("limits.challenges_per_source.rate", Limit(),
             CONFIG_MEMBER(limits.challenges_per_source_rate),
             "Unauthenticated UDP replies a second to one source (IPv4 /32, IPv6 /64)."));
  rows.push_back(Scalar("limits.challenges_per_source.burst", Limit(),
                        CONFIG_MEMBER(limits.challenges_per_source_burst),
                        "How many of them may come at once."));
}

void AppendLifetimeRows(std::vector<Row>& rows) {
  const auto lifetime = Duration(seconds(1), hours(24));
  rows.push_back(Scalar("lifetimes.default", lifetime, CONFIG_MEMBER(lifetimes.default_lifetime),
                        "Lifetime of an allocation whose client asks for none or for less."));
  rows.push_back(
      Scalar("lifetimes.max", lifetime, CONFIG_MEMBER(lifetimes.max),
             "The longest lifetime that a client gets; RFC 8656 recommends up to `1h`."));
  rows.push_back(Scalar("lifetimes.nonce", lifetime, CONFIG_MEMBER(lifetimes.nonce),
                        "Age at which a nonce is stale; RFC 8656 wants it within an hour."));
  rows.push_back(Scalar("lifetimes.permission", lifetime, CONFIG_MEMBER(lifetimes.permission),
                        "RFC 8656 fixes it at `300s`; anything else is for tests."));
  rows.push_back(Scalar("lifetimes.channel", lifetime, CONFIG_MEMBER(lifetimes.channel),
                        "RFC 8656 fixes it at `600s`; anything else is for tests."));
}

void AppendProtocolRows(std::vector<Row>& rows) {
  using Numbers = Config::ChannelNumbers;
  using Software = Config::Software;
  // Transports tell messages apart by it, so those of channels that clients hold would be lost.
  rows.push_back(NeedsRestart(
      Scalar("protocol.channel_numbers",
             Choice<Numbers>({{"rfc8656", Numbers::kRfc8656}, {"rfc5766", Numbers::kRfc5766}}),
             CONFIG_MEMBER(protocol.channel_numbers),
             "Channels 0x4000 to 0x4FFF, or up to 0x7FFE for clients older than RFC 8656.")));
  rows.push_back(
      Scalar("protocol.software",
             Choice<Software>({{"never", Software::kNever},
                               {"authenticated", Software::kAuthenticated},
                               {"always", Software::kAlways}}),
             CONFIG_MEMBER(protocol.software),
             "Whose answers carry SOFTWARE. Small answers to strangers are no amplifier."));
  rows.push_back(Scalar("protocol.classic_stun", Boolean(), CONFIG_MEMBER(protocol.classic_stun),
                        "Answers RFC 3489 Binding requests over UDP."));
  rows.push_back(Scalar("protocol.udp_relay", Boolean(), CONFIG_MEMBER(protocol.udp_relay),
                        "Allocations that reach peers over UDP. Off: 403."));
  rows.push_back(Scalar("protocol.tcp_relay", Boolean(), CONFIG_MEMBER(protocol.tcp_relay),
                        "Allocations that reach peers over TCP (RFC 6062), for clients over TCP "
                        "and TLS."));
  rows.push_back(
      Scalar("protocol.mobility", Boolean(), CONFIG_MEMBER(protocol.mobility),
             "Mobility (RFC 8016): tickets with which clients keep their allocation when their "
             "address changes."));
  rows.push_back(Scalar("protocol.password_algorithms", Boolean(),
                        CONFIG_MEMBER(protocol.password_algorithms),
                        "Offers SHA-256 beside MD5 (RFC 8489)."));
  rows.push_back(Scalar("protocol.username_anonymity", Boolean(),
                        CONFIG_MEMBER(protocol.username_anonymity),
                        "Offers USERHASH (RFC 8489). Names with a timestamp cannot be hashed."));
  rows.push_back(NeedsRestart(Scalar(
      "protocol.nat_discovery.alternate_address", Address(),
      CONFIG_MEMBER(protocol.nat_discovery.alternate_address),
      "Second address of this host, for NAT behaviour discovery (RFC 5780); without it there is "
      "none. The first address is that of the first `udp` listener. The three further sockets "
      "answer Binding requests only.")));
  rows.push_back(NeedsRestart(Scalar("protocol.nat_discovery.alternate_port", Port(1),
                                     CONFIG_MEMBER(protocol.nat_discovery.alternate_port),
                                     "Second port for the same, on both addresses.")));
  rows.push_back(Scalar(
      "protocol.nat_discovery.padding", Boolean(), CONFIG_MEMBER(protocol.nat_discovery.padding),
      "Answers PADDING with up to 1500 octets of it, to find out what becomes of fragments. "
      "Meant for tests: anybody can have the fragments sent to an address that he forges."));
  rows.push_back(
      Scalar("protocol.nat_discovery.response_port", Boolean(),
             CONFIG_MEMBER(protocol.nat_discovery.response_port),
             "Answers to another port of the client's address where RESPONSE-PORT asks for it. "
             "Meant for tests: anybody can have answers sent to a port that did not ask."));
}

}  // namespace

void AppendRelayRows(std::vector<Row>& rows) {
  using Datapath = Config::Datapath;
  rows.push_back(NeedsRestart(List("relay.addresses", Address(), CONFIG_MEMBER(relay.addresses),
                                   "Local addresses of allocations; empty: those of the default "
                                   "routes, one of each family.")));
  rows.push_back(ExternalAddressesRow());
  rows.push_back(
      NeedsRestart(Scalar("relay.ports.min", Port(1024), CONFIG_MEMBER(relay.min_port),
                          "First relay port; an even one leaves no port without a pair.")));
  rows.push_back(NeedsRestart(Scalar("relay.ports.max", Port(1024), CONFIG_MEMBER(relay.max_port),
                                     "Last relay port. Ports of UDP listeners in between are never "
                                     "given to an allocation.")));
  rows.push_back(Scalar("relay.datapath",
                        Choice<Datapath>({{"auto", Datapath::kAuto},
                                          {"userspace", Datapath::kUserspace},
                                          {"xdp", Datapath::kXdp},
                                          {"tc", Datapath::kTc}}),
                        CONFIG_MEMBER(relay.datapath),
                        "What forwards the ChannelData of UDP clients: `tc` and `xdp` "
                        "(in the drivers of network cards) do it inside the kernel and "
                        "are an error where that is not possible; `auto` is `tc` where "
                        "it is possible, and else `userspace`. See "
                        "docs/kernel-datapath.md."));
  using HopLimit = Config::HopLimit;
  rows.push_back(NeedsRestart(Scalar(
      "relay.hop_limit",
      Choice<HopLimit>({{"decrement", HopLimit::kDecrement}, {"default", HopLimit::kDefault}}),
      CONFIG_MEMBER(relay.hop_limit),
      "The TTL (hop limit) of datagrams between UDP clients and peers: one less than they came "
      "with, so that circles end, or the system's default, which saves up to a twentieth of the "
      "time for a packet.")));
  rows.push_back(NeedsRestart(Scalar(
      "relay.busy_poll", ShortDuration(seconds(10)), CONFIG_MEMBER(relay.busy_poll),
      "How long a shard that has served packets looks for the next ones before it sleeps. It saves "
      "the time that waking up takes, some ten microseconds for each packet of a quiet server, and "
      "costs the processor: with packets at shorter intervals each shard uses a whole one. For "
      "machines that do nothing else.")));
  rows.push_back(List("peers.allow", Prefix(), CONFIG_MEMBER(peers.allow),
                      "Peers that may be reached although the built-in rules deny them (private, "
                      "link-local and other special ranges)."));
  rows.push_back(List("peers.deny", Prefix(), CONFIG_MEMBER(peers.deny),
                      "Peers that may not be reached; wins over `peers.allow`."));
  AppendLimitRows(rows);
  rows.push_back(List("clients.deny", Prefix(), CONFIG_MEMBER(clients.deny),
                      "Clients that get no answer at all; a reload also ends what they have."));
  AppendLifetimeRows(rows);
  AppendProtocolRows(rows);
}

}  // namespace relay
