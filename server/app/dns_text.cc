// What dns.h declares for printing.

#include <algorithm>

#include "server/app/dns.h"

namespace relay {
namespace {

// The nodes come first, and each has an address.
const std::string& FirstNode(const DnsDomain& domain) { return domain.records.front().name; }

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string PrintAuthority(const DnsDomain& domain, const DnsPrinting& printing) {
  const std::string name = domain.name + ".";
  std::vector<std::string> servers = printing.name_servers;
  for (std::string& server : servers) {
    if (!server.ends_with('.')) server += '.';
  }
  std::string text;
  if (servers.empty()) {
    servers.push_back(FirstNode(domain));
    text +=
        "; SOA and NS are for a zone of its own. Name its servers with --name-server; where the "
        "records\n; go into a zone that is there, leave these two out.\n";
  }
  text += name + " IN SOA " + servers.front() + " hostmaster." + name + " " +
          std::to_string(printing.serial) + " 3600 600 604800 60\n";
  for (const std::string& server : servers)
    text.append(name).append(" IN NS ").append(server) += '\n';
  return text;
}

}  // namespace

std::string PrintDnsZones(const std::vector<DnsDomain>& domains, const DnsPrinting& printing) {
  std::string text;
  for (const DnsDomain& domain : domains) {
    if (!text.empty()) text += "\n";
    text += "; Made by `senso-turn dns`; docs/dns.md explains it.\n$ORIGIN " + domain.name +
            ".\n$TTL " + std::to_string(printing.ttl_seconds) + "\n" +
            PrintAuthority(domain, printing);
    std::string_view type;
    for (const DnsRecord& record : domain.records) {
      if (record.type != type && !(record.type == "AAAA" && type == "A")) text += "\n";
      type = record.type;
      text += record.name + " IN " + record.type + " " + record.data + "\n";
    }
  }
  return text;
}

std::string PrintDnsEndpoints(const std::vector<DnsDomain>& domains, const DnsPrinting& printing) {
  std::string text;
  for (const DnsDomain& domain : domains) {
    std::string name = domain.name;
    std::ranges::replace(name, '.', '-');
    if (!text.empty()) text += "---\n";
    text +=
        "# Made by `senso-turn dns --external-dns`; docs/dns.md explains it.\n"
        "apiVersion: externaldns.k8s.io/v1alpha1\n"
        "kind: DNSEndpoint\n"
        "metadata:\n"
        "  name: senso-turn-" +
        name + "\nspec:\n  endpoints:\n";
    std::vector<DnsRecord> left = domain.records;
    while (!left.empty()) {  // the targets of one name and type are one endpoint
      const DnsRecord first = left.front();
      text += "    - dnsName: " + Quoted(first.name.substr(0, first.name.size() - 1)) +
              "\n      recordType: " + first.type +
              "\n      recordTTL: " + std::to_string(printing.ttl_seconds) + "\n      targets:\n";
      std::erase_if(left, [&](const DnsRecord& record) {
        const bool belongs = record.name == first.name && record.type == first.type;
        if (belongs) text += "        - " + Quoted(record.data) + "\n";
        return belongs;
      });
    }
  }
  return text;
}

}  // namespace relay
