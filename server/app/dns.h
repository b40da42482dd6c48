#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "server/app/public_node.h"
#include "server/config/config.h"

namespace relay {

// A record, names in full and with a dot at their end.
struct DnsRecord {
  std::string name;
  std::string type;  // "A", "AAAA", "SRV", "NAPTR"
  std::string data;  // as in a zone file

  friend bool operator==(const DnsRecord&, const DnsRecord&) = default;
};

// What stands below one domain, which is what its nodes' names have behind their first label.
struct DnsDomain {
  std::string name;  // without a dot at its end
  std::vector<DnsRecord> records;
};

// Addresses of every node, and of every region under "region.domain"; SRV of the services that the
// listeners of `config` offer, which all nodes are taken to share, and S-NAPTR that lead to them
// (RFC 5928, RFC 7350), for the domain and for each region. Fails when a node has no name below a
// domain, no address, or a name that is also a region's. There is a domain at least on success.
base::Result<std::vector<DnsDomain>> AdviseDns(const Config& config,
                                               const std::vector<PublicNode>& nodes);

struct DnsPrinting {
  std::uint32_t ttl_seconds = 300;
  std::uint32_t serial = 1;
  std::vector<std::string> name_servers;  // empty: the first node stands in for them
};

// A zone file, of one zone for each domain.
std::string PrintDnsZones(const std::vector<DnsDomain>& domains, const DnsPrinting& printing);
// The same for external-dns: a DNSEndpoint for each domain, in YAML.
std::string PrintDnsEndpoints(const std::vector<DnsDomain>& domains, const DnsPrinting& printing);

}  // namespace relay
