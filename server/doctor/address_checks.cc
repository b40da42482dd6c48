#include "server/doctor/address_checks.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "server/datapath/userspace/socket_address.h"
#include "server/net/listener_socket.h"
#include "server/probe/turn_probe.h"

namespace relay {
namespace {

constexpr std::chrono::milliseconds kMappingPatience{2000};

bool CanBind(const base::IpAddress& address) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  const Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress any_port = ToSocketAddress({address, 0}, family);
  return socket.get() >= 0 && ::bind(socket.get(), &any_port.generic, any_port.length) == 0;
}

// Whether nobody outside a private network can reach it.
bool IsPrivate(const base::IpAddress& address) {
  return std::ranges::any_of(turn::PeerPolicy::BuiltInDenials(),
                             [&](const base::IpPrefix& each) { return each.Contains(address); });
}

}  // namespace

AddressFacts ReadAddressFacts(const turn::RelayAddress& address,
                              const std::optional<std::string>& stun, base::RandomSource& random) {
  AddressFacts facts;
  facts.address = address;
  facts.is_on_interface = CanBind(address.internal);
  if (!stun || !facts.is_on_interface) return facts;
  facts.asked = *stun;
  const auto mapped = AskMappedAddress(*stun, address.internal, kMappingPatience, random);
  if (mapped.ok()) {
    facts.seen = mapped.value().address;
  } else {
    facts.trouble = mapped.error().message;
  }
  return facts;
}

Finding CheckAddress(const AddressFacts& facts) {
  const base::IpAddress& internal = facts.address.internal;
  const base::IpAddress& external = facts.address.external;
  const std::string name = "the relay address " + internal.ToString();
  if (!facts.is_on_interface) {
    return Problem("address", name + " is on no interface of this host",
                   "correct relay.addresses; the public side of 1:1 NAT belongs in "
                   "relay.external_addresses");
  }
  if (facts.seen && *facts.seen != external) {
    const std::string correct =
        *facts.seen == internal ? "take " + internal.ToString() + " out of relay.external_addresses"
                                : "relay.external_addresses: {" + internal.ToString() + ": " +
                                      facts.seen->ToString() + "}";
    return Problem("address",
                   name + " is seen from outside as " + facts.seen->ToString() +
                       ", and clients are told " + external.ToString(),
                   correct);
  }
  if (facts.seen)
    return Fine("address",
                name + " is seen from outside as " + external.ToString() + ", as clients are told");
  if (!facts.asked.empty()) {
    return Warning(
        "address",
        "how the world sees " + name + " is not known: " + facts.asked + ": " + facts.trouble,
        "name a STUN server that answers with --stun HOST:PORT");
  }
  if (IsPrivate(external)) {
    return Warning("address",
                   "clients are told the relay address " + external.ToString() +
                       ", which only a private network reaches",
                   "set relay.external_addresses if there is 1:1 NAT; --stun HOST:PORT asks a "
                   "server outside for the address");
  }
  if (external != internal) {
    return Fine("address", name + " is known to clients as " + external.ToString(),
                "--stun HOST:PORT asks a server outside whether that is true");
  }
  return Fine("address", name + " is public and on an interface");
}

}  // namespace relay
