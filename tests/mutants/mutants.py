"""What each defence of the catalogue of attacks looks like when it is missing, and the test that says so.

Each mutant takes one defence away. A1 to A17 are about which peers may be reached, C1 to C9 about who is let in; tests
carry the same names.
"""

from __future__ import annotations

from dataclasses import dataclass

POLICY = "protocol/turn/peer_policy.cc"
TURN = "protocol_turn_test"


@dataclass(frozen=True)
class Mutant:
    row: str
    missing: str  # as part of a sentence: "without …"
    edits: tuple[tuple[str, str, str], ...]  # file, what stands there exactly once, what stands there instead
    program: str  # of the tests, and the name of its target
    filter: str  # of GoogleTest: one of these must fail

    @property
    def name(self) -> str:
        return f"{self.row}: without {self.missing}"


def without_ranges(row: str, *ranges: str) -> Mutant:
    edits = tuple((POLICY, f'    "{each}",', '    "198.51.100.0/24",') for each in ranges)
    return Mutant(row, f"{', '.join(ranges)} among the built-in denials", edits, TURN,
                  "PeerPolicy.*:HandleCreatePermission.A1_*")


def edit(row: str, missing: str, file: str, old: str, new: str, test_filter: str, program: str = TURN) -> Mutant:
    return Mutant(row, missing, ((file, old, new),), program, test_filter)


MUTANTS = [
    Mutant("A1", "loopback among what is denied",
           ((POLICY, '    "127.0.0.0/8",', '    "198.51.100.0/24",'),
            (POLICY, "  if (address.is_v4()) return address.v4_octets()[0] == 127;", "  if (address.is_v4()) return false;")),
           TURN, "PeerPolicy.*"),
    edit("A2", "the unspecified address being nobody's", POLICY, "  if (address.is_unspecified()) return kDenied;\n", "",
         "PeerPolicy.A2_*"),
    without_ranges("A2", "0.0.0.0/8"),
    edit("A3", "the IPv4 address inside of an IPv6 one", POLICY, "  if (address.is_v4()) return std::nullopt;\n",
         "  if (!address.is_unspecified()) return std::nullopt;\n", "PeerPolicy.A3_*:EmbeddedIpv4.*"),
    edit("A3", "refusing IPv4 in IPv6 spelling (CreatePermission)", "protocol/turn/handle_create_permission.cc",
         "      is_forbidden = true;  // an IPv4 address in IPv6 spelling", "      is_forbidden = false;",
         "HandleCreatePermission.A3_*"),
    without_ranges("A4", "169.254.0.0/16"),
    without_ranges("A4", "fc00::/7"),
    without_ranges("A5", "10.0.0.0/8"),
    without_ranges("A5", "100.64.0.0/10"),
    without_ranges("A6", "fec0::/10"),
    without_ranges("A6", "192.0.0.0/24"),
    without_ranges("A7", "224.0.0.0/4"),
    without_ranges("A7", "ff00::/8"),
    edit("A8", "own sockets being denied", POLICY, "                       if (socket.port != peer.port) return false;",
         "                       if (socket.port != 0) return false;", "PeerPolicy.A8_*"),
    edit("A8", "asking whether a relay of ours is live", "protocol/turn/handle_channel_bind.cc",
         "    if (wire == relay->address.endpoint || !ledger_.IsLive(wire)) return ErrorCode::kForbidden;\n", "    (void)wire;\n",
         "HandleChannelBind.A8_*"),
    edit("A9", "taking a hop away", "server/datapath/userspace/ip_fields.h",
         "static_cast<std::uint8_t>(arrived.hop_limit - 1)", "arrived.hop_limit", "IpFields.IPH_07_*",
         "server_datapath_test"),
    without_ranges("A10", "2002::/16"),
    edit("A10", "refusing clients in tunnels", "protocol/turn/client_filter.cc",
         "  return !client.is_v4() && (is_6to4 || is_teredo);", "  return client.is_v4() && is_6to4 && is_teredo;",
         "ClientFilter.TunnelsAreKnownByTheirAddresses:HandleMove.TunnelsAreNoPlaceToMoveTo"),
    edit("A11", "counting failures to connect", "protocol/turn/handle_connect.cc",
         "    until = std::max(until, now) + kConnectFailure;", "    until = std::max(until, now);", "TcpRelay.A11_*"),
    edit("A12", "the peer policy in CreatePermission", "protocol/turn/handle_create_permission.cc",
         "        PeerPolicy::Verdict::kDenied)\n      is_forbidden = true;",
         "        PeerPolicy::Verdict::kDenied)\n      is_forbidden = is_malformed;", "HandleCreatePermission.A1_*"),
    edit("A12", "the peer policy in ChannelBind", "protocol/turn/handle_channel_bind.cc",
         "  if (verdict == PeerPolicy::Verdict::kDenied) return ErrorCode::kForbidden;\n", "", "HandleChannelBind.*"),
    edit("A12", "the peer policy in Send", "protocol/turn/relay_indication.cc",
         "  if (verdict == PeerPolicy::Verdict::kDenied || is_refused_relay)", "  if (is_refused_relay)", "RelayIndication.*"),
    edit("A12", "the peer policy in Connect", "protocol/turn/handle_connect.cc",
         "  if (verdict == PeerPolicy::Verdict::kDenied) return ErrorCode::kForbidden;\n", "", "TcpRelay.*"),
    edit("A13", "comparing the bits behind the last whole octet", "protocol/base/ip_address.cc",
         "  return rest == 0 || ((left[whole] ^ right[whole]) & (0xff00 >> rest) & 0xff) == 0;",
         "  return rest >= 0 || left[0] == right[0];", "IpPrefix.*", "protocol_base_test"),
    edit("A14", "denying backends", POLICY, "                       if (backend.address != address) return false;",
         "                       if (backend.address != address || address.is_v4()) return false;", "PeerPolicy.A14_*"),
    edit("A16", "the date of a user name", "protocol/turn/authenticator.cc",
         "  return credential.expires_at && *credential.expires_at <= now;", "  return false;", "HandleRefresh.A16_*"),
    edit("A17", "judging live allocations again", "protocol/turn/engine_state.cc",
         "    CancelRefusedMove(allocation);\n    JudgeAgain(allocation, now);", "    CancelRefusedMove(allocation);",
         "HandleCreatePermission.A17_*:HandleChannelBind.A17_*"),
    edit("C1", "a limit of answers to strangers", "protocol/turn/engine_state.cc",
         "  if (client.five_tuple.transport != Transport::kUdp) return true;", "  if (now >= base::MonotonicTime::min()) return true;",
         "Engine.D1_*:HandleDiscovery.D1_TheChallengeLimit*"),
    edit("C2", "comparing all of a digest", "protocol/base/crypto.cc",
         "CRYPTO_memcmp(left.data(), right.data(), left.size())", "CRYPTO_memcmp(left.data(), right.data(), left.size() / 2)",
         "Crypto.*", "protocol_base_test"),
    edit("C3", "the same answer for unknown users", "protocol/turn/authenticator.cc",
         "    return refuse_identity(claim.token ? AuthFailure::kBadToken : AuthFailure::kUnknownUser);",
         "    return Refusal{ErrorCode::kWrongCredentials, AuthFailure::kUnknownUser, false};",
         "Authenticator.AUTH_10_*"),
    edit("C5", "the system's random octets", "protocol/base/random.cc",
         "    const ssize_t count = getrandom(out.data(), out.size(), 0);",
         "    const ssize_t count = static_cast<ssize_t>(out.size());\n    std::memset(out.data(), 0x42, out.size());", "Random.*",
         "protocol_base_test"),
    edit("C6", "an end of what counts behind the integrity", "protocol/stun/message_view.cc",
         "    if (!is_visible) continue;", "    if (!is_visible && value_bytes > 0xffff) continue;", "MessageView.AUTH_2*",
         "protocol_stun_test"),
    edit("C7", "comparing the list of algorithms", "protocol/turn/authenticator.cc",
         "      if (!std::ranges::equal(offered->value, kOfferedPasswordAlgorithms))",
         "      if (offered->value.empty())", "Authenticator.AUTH_36_*"),
    edit("C7", "the feature bits in the nonce", "protocol/turn/nonce.cc",
         "  if (nonce.substr(kCookie.size(), kFeatureChars) != feature_text) return Verdict::kForged;\n", "",
         "NonceTest.*:Authenticator.AUTH_16_*"),
    edit("C8", "a nonce being the client's own", "protocol/turn/nonce.cc",
         "  writer.WriteBytes(client.address.octets());\n  writer.WriteU16(client.port);",
         "  writer.WriteBytes(client.address.octets());\n  writer.WriteU16(0);", "NonceTest.AUTH_05_*:Authenticator.AUTH_05_*"),
    edit("C9", "an allocation being its owner's", "protocol/turn/allocation.cc",
         "  if (credential.username == username) return true;", "  if (!credential.username.empty()) return true;",
         "HandleRefresh.*:HandleCreatePermission.TURN_02_*:HandleMove.*"),
    edit("C9", "a ticket being its owner's", "protocol/turn/handle_move.cc",
         "  if (!allocation.BelongsTo(request.user->credential)) return ErrorCode::kWrongCredentials;\n", "", "HandleMove.*"),
]

# Rows without a mutant, and why.
WITHOUT = {
    "A15": "which ports peers may have is not restricted: that is left to the firewall (docs/security.md)",
    "C4": "long secrets are the operator's; what is too short is a warning of the configuration",
}
