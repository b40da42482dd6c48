#include "server/net/proxied_clients.h"

#include "protocol/base/hash.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/net/proxy_header.h"

namespace relay {
namespace {

// The first octet of the signature, which is neither STUN nor DTLS nor ChannelData.
constexpr std::uint8_t kFirstHeaderOctet = 0x0d;

}  // namespace

std::size_t ProxiedClients::FlowHash::operator()(const Flow& flow) const noexcept {
  return base::HashWords(
      {flow.listener, base::EndpointHash()(flow.proxy), base::FiveTupleHash()(flow.client)});
}

std::size_t ProxiedClients::FlowHash::operator()(const Source& source) const noexcept {
  return base::HashWords({source.listener, base::EndpointHash()(source.proxy)});
}

std::optional<turn::Client> ProxiedClients::Resolve(const Arrival& arrival,
                                                    base::MutableBytes& datagram,
                                                    base::MonotonicTime now) {
  if (datagram.empty()) return std::nullopt;
  if (datagram[0] != kFirstHeaderOctet) {
    const auto known = by_source_.find({arrival.listener, arrival.proxy});
    if (known == by_source_.end()) return std::nullopt;
    const Entries::iterator entry = known->second;
    entry->last_seen = now;
    entries_.splice(entries_.end(), entries_, entry);
    return turn::Client{entry->flow.client, entry->handle};
  }
  const ParsedProxyHeader parsed = ParseDatagramProxyHeader(datagram);
  if (parsed.verdict != ParsedProxyHeader::Verdict::kComplete) return std::nullopt;
  datagram = datagram.subspan(parsed.bytes);
  if (!parsed.header.addresses) {
    return turn::Client{{arrival.proxy, arrival.local, base::Transport::kUdp}, {arrival.listener}};
  }
  const Flow flow{arrival.listener,
                  arrival.proxy,
                  {parsed.header.addresses->client, arrival.proxy, base::Transport::kUdp}};
  const Entries::iterator entry = FindOrInsert(flow, arrival, now);
  by_source_[{arrival.listener, arrival.proxy}] = entry;
  return turn::Client{flow.client, entry->handle};
}

ProxiedClients::Entries::iterator ProxiedClients::FindOrInsert(const Flow& flow,
                                                               const Arrival& arrival,
                                                               base::MonotonicTime now) {
  const auto known = by_flow_.find(flow);
  if (known != by_flow_.end()) {
    known->second->last_seen = now;
    entries_.splice(entries_.end(), entries_, known->second);
    return known->second;
  }
  if (entries_.size() >= kMaxClients) Forget(entries_.begin());
  const ListenerSocket& listener = forwarder_.listener(arrival.listener);
  ClientPath path{.socket = listener.socket, .destination = {}, .source = std::nullopt};
  path.destination = ToSocketAddress(arrival.proxy, listener.family);
  if (listener.is_wildcard) path.source = arrival.local.address;
  const turn::ClientHandle handle{next_handle_++};
  forwarder_.SetPath(handle, path);
  const auto entry = entries_.insert(entries_.end(), {flow, handle, now});
  by_flow_[flow] = entry;
  return entry;
}

void ProxiedClients::Forget(Entries::iterator entry) {
  forwarder_.RemovePath(entry->handle);
  by_flow_.erase(entry->flow);
  const auto source = by_source_.find({entry->flow.listener, entry->flow.proxy});
  if (source != by_source_.end() && source->second == entry) by_source_.erase(source);
  entries_.erase(entry);
}

void ProxiedClients::Expire(base::MonotonicTime now) {
  while (!entries_.empty() && now - entries_.front().last_seen > kIdleTimeout)
    Forget(entries_.begin());
}

}  // namespace relay
