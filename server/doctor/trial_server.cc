#include "server/doctor/trial_server.h"

#include <ifaddrs.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "auth/static_user.h"
#include "protocol/base/crypto.h"
#include "server/app/relay_server.h"
#include "server/datapath/userspace/socket_address.h"

namespace relay {
namespace {

constexpr int kAddressBits = 128;
constexpr const char* kUser = "senso-turn-doctor";

// Every address of this host, and of its loopback network the one that sockets choose.
std::vector<base::IpAddress> OwnAddresses() {
  std::vector<base::IpAddress> addresses{*base::IpAddress::Parse("127.0.0.1"),
                                         *base::IpAddress::Parse("::1")};
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (IsInternetAddress(entry->ifa_addr))
      addresses.push_back(ToEndpoint(*entry->ifa_addr).address);
  }
  return addresses;
}

// What of `within` is none of the addresses.
void Subtract(const base::IpPrefix& within, const std::vector<base::IpAddress>& addresses,
              std::vector<base::IpPrefix>& rest) {
  const bool is_free = std::ranges::none_of(
      addresses, [&](const base::IpAddress& address) { return within.Contains(address); });
  if (is_free) {
    rest.push_back(within);
    return;
  }
  if (within.bits() == kAddressBits) return;
  const int bits = within.bits() + 1;
  std::array<std::uint8_t, 16> upper = within.address().octets();
  upper[static_cast<std::size_t>(within.bits() / 8)] |=
      static_cast<std::uint8_t>(0x80 >> (within.bits() % 8));
  Subtract(base::IpPrefix(within.address(), bits), addresses, rest);
  Subtract(base::IpPrefix(base::IpAddress::FromV6(upper), bits), addresses, rest);
}

}  // namespace

std::vector<base::IpPrefix> AllBut(const std::vector<base::IpAddress>& addresses) {
  std::vector<base::IpPrefix> rest;
  Subtract(base::IpPrefix(base::IpAddress(), 0), addresses, rest);
  return rest;
}

base::Result<std::unique_ptr<TrialServer>> TrialServer::Start(
    Config config, std::vector<Config::Listener> listeners,
    const std::vector<turn::RelayAddress>& relay_addresses, base::RandomSource& random) {
  ProbeCredential credential{kUser, ""};
  std::array<std::uint8_t, 16> secret;
  random.Fill(secret);
  credential.password = base::HexEncode(secret);
  auto user = auth::StaticUser::FromPassword(kUser, config.realm, credential.password);
  if (!user.ok()) return user.error();
  config.auth = {};
  config.auth.users.push_back(std::move(user).value());
  config.clients.deny = AllBut(OwnAddresses());
  config.limits = {};
  config.shards = 1;
  config.relay.datapath = Config::Datapath::kUserspace;
  config.redirect = {};
  // A proxy is not at hand.
  for (Config::Listener& listener : listeners) listener.trusted_proxies.reset();
  config.listeners = std::move(listeners);
  auto relay = RelayServer::Open(config, relay_addresses);
  if (!relay.ok()) return relay.error();
  relay.value()->Start();
  return std::unique_ptr<TrialServer>(
      new TrialServer(std::move(relay).value(), std::move(credential)));
}

TrialServer::TrialServer(std::unique_ptr<RelayServer> relay, ProbeCredential credential)
    : relay_(std::move(relay)), credential_(std::move(credential)) {}

TrialServer::~TrialServer() { relay_->Stop(); }

}  // namespace relay
