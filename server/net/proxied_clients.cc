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
    Touch(entry, now);
    return turn::Client{entry->flow.client, entry->handle};
  }
  const ParsedProxyHeader parsed = ParseDatagramProxyHeader(datagram);
  if (parsed.verdict != ParsedProxyHeader::Verdict::kComplete) return std::nullopt;
  datagram = datagram.subspan(parsed.bytes);
  if (!parsed.header.addresses) {  // the proxy speaks for itself
    by_source_.erase({arrival.listener, arrival.proxy});
    return turn::Client{{arrival.proxy, arrival.local, base::Transport::kUdp}, {arrival.listener}};
  }
  const Flow flow{arrival.listener,
                  arrival.proxy,
                  {parsed.header.addresses->client, arrival.proxy, base::Transport::kUdp}};
  const Entries::iterator entry = FindOrInsert(flow, arrival, now);
  if (entry == entries_.end()) return std::nullopt;
  by_source_[{arrival.listener, arrival.proxy}] = entry;
  return turn::Client{flow.client, entry->handle};
}

ProxiedClients::Entries::iterator ProxiedClients::FindOrInsert(const Flow& flow,
                                                               const Arrival& arrival,
                                                               base::MonotonicTime now) {
  const auto known = by_flow_.find(flow);
  if (known != by_flow_.end()) {
    Touch(known->second, now);
    return known->second;
  }
  if (by_flow_.size() >= kMaxClients) {
    if (entries_.empty()) return entries_.end();
    Forget(entries_.begin());
  }
  const ListenerSocket& listener = forwarder_.listener(arrival.listener);
  ClientPath path{.socket = listener.socket, .destination = {}, .source = std::nullopt};
  path.destination = ToSocketAddress(arrival.proxy, listener.family);
  if (listener.is_wildcard) path.source = arrival.local.address;
  while (next_handle_ < first_handle_ || by_handle_.contains(next_handle_)) ++next_handle_;
  const turn::ClientHandle handle{next_handle_++};
  forwarder_.SetPath(handle, path);
  const auto entry = entries_.insert(entries_.end(), {flow, handle, now});
  by_flow_[flow] = entry;
  by_handle_[handle.value] = entry;
  return entry;
}

void ProxiedClients::Touch(Entries::iterator entry, base::MonotonicTime now) {
  entry->last_seen = now;
  if (entry->holds == 0) entries_.splice(entries_.end(), entries_, entry);
}

void ProxiedClients::AddHolds(turn::ClientHandle handle, int delta) {
  if (handle.value < first_handle_) return;
  const auto found = by_handle_.find(handle.value);
  if (found == by_handle_.end()) return;
  const Entries::iterator entry = found->second;
  Entries& before = entry->holds > 0 ? held_ : entries_;
  entry->holds += delta;
  Entries& after = entry->holds > 0 ? held_ : entries_;
  if (&before != &after) after.splice(after.end(), before, entry);
}

void ProxiedClients::Forget(Entries::iterator entry) {
  forwarder_.RemovePath(entry->handle);
  by_flow_.erase(entry->flow);
  by_handle_.erase(entry->handle.value);
  const auto source = by_source_.find({entry->flow.listener, entry->flow.proxy});
  if (source != by_source_.end() && source->second == entry) by_source_.erase(source);
  entries_.erase(entry);
}

void ProxiedClients::Expire(base::MonotonicTime now) {
  while (!entries_.empty() && now - entries_.front().last_seen > kIdleTimeout)
    Forget(entries_.begin());
}

}  // namespace relay
