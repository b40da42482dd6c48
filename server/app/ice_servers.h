#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/tls/certificate.h"

namespace relay {

// The URLs under which clients reach the listeners (RFC 7064, RFC 7065), the best first, since some
// clients take only the first ones: UDP inside 49152-65535 (or UDP elsewhere if there is none
// there) and TLS on port 443, which strict firewalls let out, then other UDP, other TLS, and TCP.
// DTLS has no URL: browsers take turns: as TLS over TCP.
//
// The host is `node`; without one a listener's own address, or for a listener on all addresses the
// external relay address of its family. If there are IPv4 hosts, only they are named.
//
// `certificates` are those that clients may trust. Without any, TLS has no URL, since browsers
// would only log that they refuse; nor has it, without a node, for an address that none is for.
struct IceUrls {
  std::vector<std::string> stun;  // one, of the first UDP listener
  std::vector<std::string> turn;
};
IceUrls MakeIceUrls(const std::vector<Config::Listener>& listeners, const std::string& node,
                    const std::vector<turn::RelayAddress>& relay_addresses,
                    const std::vector<Certificate>& certificates);

// The certificates of the configuration, for MakeIceUrls in a program that does not serve. Those
// that cannot be loaded are left out.
std::vector<Certificate> LoadCertificates(const Config& config);

// {"iceServers": [...]} as RTCPeerConnection takes it, with a credential for `subject` made from
// the first shared secret. Several lines, without a newline at the end. Fails without a shared
// secret, without a URL and for a subject that cannot be a user name.
base::Result<std::string> MakeIceServersJson(const Config& config, const IceUrls& urls,
                                             std::string_view subject, std::chrono::seconds ttl,
                                             base::WallTime now);

}  // namespace relay
