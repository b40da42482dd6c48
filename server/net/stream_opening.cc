#include "server/net/stream_opening.h"

#include <algorithm>
#include <utility>

#include "protocol/stun/demux.h"

namespace relay {
namespace {

using Status = StreamOutcome::Status;

constexpr std::uint8_t kTlsHandshakeRecord = 0x16;
constexpr std::size_t kTlsRecordHeaderBytes = 5;
// Every ordinary ClientHello is shorter; of a longer one the rest may come during the handshake.
constexpr std::size_t kClientHelloBytes = 4096;

// ASCII letters begin every HTTP method, and neither a STUN message nor a TLS record.
bool IsLetter(std::uint8_t octet) {
  return (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z');
}

}  // namespace

bool IsTrustedProxy(const std::vector<base::IpPrefix>& trusted, const base::IpAddress& source) {
  return std::any_of(trusted.begin(), trusted.end(),
                     [&](const base::IpPrefix& prefix) { return prefix.Contains(source); });
}

StreamOpening::StreamOpening(StreamSocket socket, const StreamEntrance& entrance,
                             const base::FiveTuple& five_tuple, base::MonotonicTime now)
    : socket_(std::move(socket)),
      entrance_(entrance),
      five_tuple_(five_tuple),
      deadline_(now + kTimeout),
      phase_(IsTrustedProxy(entrance.trusted_proxies, five_tuple.client.address)
                 ? Phase::kProxyHeader
                 : Phase::kFirstOctet) {}

StreamOpening::Step StreamOpening::Advance(const std::shared_ptr<const TlsContext>& tls) {
  if (phase_ == Phase::kProxyHeader) {
    const Step step = ReadProxyHeader();
    if (phase_ == Phase::kProxyHeader) return step;
  }
  if (!is_admitted_) {
    is_admitted_ = true;
    return Step::kAdmit;
  }
  if (phase_ == Phase::kFirstOctet) {
    const Step step = ReadFirstOctet(tls);
    if (phase_ != Phase::kClientHello) return step;
  }
  if (phase_ == Phase::kClientHello) {
    const Step step = AwaitClientHello(tls);
    if (phase_ != Phase::kHandshake) return step;
  }
  if (phase_ == Phase::kHandshake) {
    const StreamOutcome outcome = socket_.Handshake();
    if (outcome.status != Status::kDone) return WaitFor(outcome);
    phase_ = Phase::kInside;
    if (entrance_.kind != StreamEntrance::Kind::kEdge) return Step::kTurn;
  }
  return LookInside();
}

StreamOpening::Step StreamOpening::ReadProxyHeader() {
  std::array<std::uint8_t, kMaxProxyHeaderBytes> octets;
  std::copy(proxy_header_.begin(), proxy_header_.end(), octets.begin());
  const StreamOutcome seen = socket_.Peek(base::MutableBytes(octets).subspan(proxy_header_.size()));
  if (seen.status != Status::kDone) return WaitFor(seen);
  const std::size_t bytes = proxy_header_.size() + seen.bytes;
  const ParsedProxyHeader parsed = ParseProxyHeader(base::Bytes(octets).first(bytes));
  switch (parsed.verdict) {
    case ParsedProxyHeader::Verdict::kInvalid:
      return Step::kClose;
    case ParsedProxyHeader::Verdict::kNeedMore:
      // No more room means that it is longer than any that we take.
      if (bytes == octets.size()) return Step::kClose;
      socket_.Discard(seen.bytes);
      proxy_header_.assign(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(bytes));
      return Step::kWaitRead;
    case ParsedProxyHeader::Verdict::kComplete:
      break;
  }
  socket_.Discard(parsed.bytes - proxy_header_.size());
  proxy_header_ = {};
  if (parsed.header.addresses) {
    // On our side the client's connection ends at the proxy, whose end of it nobody else has now,
    // whatever the header says.
    five_tuple_.server = five_tuple_.client;
    five_tuple_.client = parsed.header.addresses->client;
  }
  phase_ = Phase::kFirstOctet;
  return Step::kAdmit;
}

StreamOpening::Step StreamOpening::ReadFirstOctet(const std::shared_ptr<const TlsContext>& tls) {
  std::array<std::uint8_t, 1> first;
  const StreamOutcome seen = socket_.Peek(first);
  if (seen.status != Status::kDone) return WaitFor(seen);
  if (first[0] == kTlsHandshakeRecord && tls != nullptr) {
    five_tuple_.transport = base::Transport::kTls;
    phase_ = Phase::kClientHello;
    return Step::kWaitRead;
  }
  const bool is_turn = stun::Classify(first) == stun::PacketKind::kStun;
  return is_turn && entrance_.kind == StreamEntrance::Kind::kTcp ? Step::kTurn : Step::kClose;
}

// A session costs tens of kilobytes as soon as it exists, so the whole first record has to be
// there.
StreamOpening::Step StreamOpening::AwaitClientHello(const std::shared_ptr<const TlsContext>& tls) {
  std::array<std::uint8_t, kClientHelloBytes> octets;
  const StreamOutcome seen = socket_.Peek(octets);
  if (seen.status != Status::kDone) return WaitFor(seen);
  std::size_t wanted = kTlsRecordHeaderBytes;
  if (seen.bytes >= wanted) wanted += static_cast<std::size_t>((octets[3] << 8) | octets[4]);
  wanted = std::min(wanted, kClientHelloBytes);
  if (seen.bytes < wanted) {
    if (seen.bytes != seen_bytes_) {
      seen_bytes_ = seen.bytes;
      socket_.SetReadableFrom(wanted);
      return Step::kWaitRead;
    }
    // Woken though nothing has come: the other side has ended, or the system has no memory for more
    // octets that are not taken from it.
    if (socket_.HasPeerEnded()) return Step::kClose;
  }
  socket_.SetReadableFrom(1);
  socket_.StartTls(tls, entrance_.kind == StreamEntrance::Kind::kEdge
                            ? TlsContext::Protocol::kTurnAndHttp
                            : TlsContext::Protocol::kTurn);
  phase_ = Phase::kHandshake;
  return Step::kWaitRead;
}

StreamOpening::Step StreamOpening::LookInside() {
  std::array<std::uint8_t, 1> first;
  const StreamOutcome seen = socket_.Peek(first);
  if (seen.status != Status::kDone) return WaitFor(seen);
  if (stun::Classify(first) == stun::PacketKind::kStun) return Step::kTurn;
  return IsLetter(first[0]) ? Step::kHttp : Step::kClose;
}

StreamOpening::Step StreamOpening::WaitFor(StreamOutcome outcome) {
  if (outcome.status == Status::kWantWrite) return Step::kWaitWrite;
  return outcome.status == Status::kWantRead ? Step::kWaitRead : Step::kClose;
}

}  // namespace relay
