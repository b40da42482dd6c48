#include "server/probe/turn_probe.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/net/listener_socket.h"
#include "server/probe/name_lookup.h"

namespace relay {
namespace {

using Outcome = TurnExchange::Outcome;
using Request = TurnExchange::Request;
using std::chrono::milliseconds;

constexpr milliseconds kRepeatAfter{250};  // RFC 8489 section 6.2.1, sooner: the server is near
constexpr std::uint16_t kStunPort = 3478;  // RFC 8489 section 18.6
constexpr stun::ChannelNumber kChannel{0x4123};
constexpr std::uint16_t kAddressFamilyNotSupported = 440;
// As long as a packet of speech.
constexpr std::size_t kPayloadBytes = 160;

base::MonotonicTime Now() { return base::ReadClocks().monotonic; }

std::string_view NameOf(Request request) {
  switch (request) {
    case Request::kBinding:
      return "Binding";
    case Request::kAllocate:
      return "Allocate";
    case Request::kChannelBind:
      return "ChannelBind";
    case Request::kRelease:
      break;
  }
  return "Refresh";
}

// One client with its allocation.
class Caller {
 public:
  Caller(std::unique_ptr<ClientTransport> transport, ProbeTransport kind,
         const ProbeCredential& credential, base::RandomSource& random)
      : transport_(std::move(transport)),
        is_datagram_(kind == ProbeTransport::kUdp || kind == ProbeTransport::kDtls),
        exchange_(credential),
        random_(random) {}

  TurnExchange& exchange() { return exchange_; }

  base::Result<void> Perform(Request request, base::MonotonicTime deadline) {
    while (true) {
      const auto outcome = TryOnce(request, deadline);
      if (!outcome.ok()) return base::Error{Step(request) + outcome.error().message};
      switch (outcome.value()) {
        case Outcome::kSucceeded:
          return {};
        case Outcome::kTryAgain:
          continue;
        case Outcome::kRefused:
          return base::Error{Step(request) + std::to_string(exchange_.code()) + " " +
                             exchange_.reason()};
        case Outcome::kMalformed:
          return base::Error{Step(request) + "the success response lacks what it must contain"};
        case Outcome::kIgnored:
          return base::Error{Step(request) + "no answer"};
      }
    }
  }

  // IPv4 unless the server has only IPv6 relays.
  base::Result<void> Allocate(base::MonotonicTime deadline) {
    auto allocated = Perform(Request::kAllocate, deadline);
    if (allocated.ok() || exchange_.code() != kAddressFamilyNotSupported) return allocated;
    exchange_.SetFamily(base::AddressFamily::kIpv6);
    return Perform(Request::kAllocate, deadline);
  }

  base::Result<void> SendData(base::Bytes data, base::MonotonicTime deadline) {
    std::vector<std::uint8_t> message(stun::kChannelDataHeaderBytes + data.size());
    stun::WriteChannelDataHeader(message, kChannel, data.size());
    std::ranges::copy(data, message.begin() + stun::kChannelDataHeaderBytes);
    return transport_->Send(message, deadline);
  }

  // Whether exactly this data comes in time; what else comes meanwhile is late or not for us.
  base::Result<bool> AwaitData(base::Bytes data, base::MonotonicTime deadline) {
    while (true) {
      auto received = transport_->Receive(deadline);
      if (!received.ok()) return received.error();
      if (!received.value()) return false;
      const std::vector<std::uint8_t>& message = *received.value();
      if (stun::Classify(message) != stun::PacketKind::kChannelData) continue;
      const auto view = stun::ParseChannelData(message);
      if (view && view->channel == kChannel && std::ranges::equal(view->data, data)) return true;
    }
  }

 private:
  static std::string Step(Request request) { return std::string(NameOf(request)) + ": "; }

  // One transaction, repeated over datagrams. kIgnored: there was no answer.
  base::Result<Outcome> TryOnce(Request request, base::MonotonicTime deadline) {
    stun::TransactionId id;
    random_.Fill(id);
    const std::vector<std::uint8_t> message = exchange_.Begin(request, id);
    if (message.empty()) return base::Error{"the credential does not fit into a request"};
    do {
      if (const auto sent = transport_->Send(message, deadline); !sent.ok()) return sent.error();
      const base::MonotonicTime until =
          is_datagram_ ? std::min(deadline, Now() + kRepeatAfter) : deadline;
      while (true) {
        auto received = transport_->Receive(until);
        if (!received.ok()) return received.error();
        if (!received.value()) break;
        const auto view = stun::MessageView::Parse(*received.value());
        if (!view) continue;
        const Outcome outcome = exchange_.OnResponse(*view);
        if (outcome != Outcome::kIgnored) return outcome;
      }
    } while (Now() < deadline);
    return Outcome::kIgnored;
  }

  std::unique_ptr<ClientTransport> transport_;
  bool is_datagram_;
  TurnExchange exchange_;
  base::RandomSource& random_;
};

std::array<std::uint8_t, kPayloadBytes> MakePayload(std::uint32_t number,
                                                    base::RandomSource& random) {
  std::array<std::uint8_t, kPayloadBytes> payload;
  random.Fill(payload);
  for (std::size_t i = 0; i < sizeof(number); ++i)
    payload[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return payload;
}

base::Result<void> Prepare(Caller& first, Caller& second, base::MonotonicTime deadline,
                           ProbeReport& report) {
  for (Caller* caller : {&first, &second}) {
    if (auto allocated = caller->Allocate(deadline); !allocated.ok()) return allocated;
  }
  report.mapped = first.exchange().mapped();
  report.relayed = first.exchange().relayed();
  first.exchange().SetPeer(second.exchange().relayed(), kChannel);
  second.exchange().SetPeer(first.exchange().relayed(), kChannel);
  for (Caller* caller : {&first, &second}) {
    if (auto bound = caller->Perform(Request::kChannelBind, deadline); !bound.ok()) return bound;
  }
  return {};
}

base::Result<void> Exchange(Caller& first, Caller& second, const ProbePlan& plan,
                            base::RandomSource& random, ProbeReport& report) {
  for (std::uint32_t number = 0; number < plan.packets; ++number) {
    if (number > 0) std::this_thread::sleep_for(plan.pause);
    const auto payload = MakePayload(number, random);
    const base::MonotonicTime start = Now();
    const base::MonotonicTime deadline = start + plan.packet_patience;
    ++report.sent;
    if (auto sent = first.SendData(payload, deadline); !sent.ok()) return sent;
    const auto there = second.AwaitData(payload, deadline);
    if (!there.ok()) return there.error();
    if (!there.value()) continue;
    if (auto sent = second.SendData(payload, deadline); !sent.ok()) return sent;
    const auto back = first.AwaitData(payload, deadline);
    if (!back.ok()) return back.error();
    if (back.value()) {
      report.round_trips.push_back(
          std::chrono::duration_cast<std::chrono::microseconds>(Now() - start));
    }
  }
  return {};
}

}  // namespace

ProbeReport ProbeRelay(const ProbeTarget& target, const ProbeCredential& credential,
                       const ProbePlan& plan, base::RandomSource& random) {
  ProbeReport report;
  const base::MonotonicTime deadline = Now() + plan.setup_patience;
  const auto open = [&] {
    return ClientTransport::Open(target.transport, target.server, target.server_name, deadline);
  };
  auto one = open();
  auto other = one.ok() ? open() : base::Result<std::unique_ptr<ClientTransport>>(one.error());
  if (!other.ok()) {
    report.failure = other.error().message;
    return report;
  }
  Caller first(std::move(one).value(), target.transport, credential, random);
  Caller second(std::move(other).value(), target.transport, credential, random);
  auto done = Prepare(first, second, deadline, report);
  if (done.ok()) done = Exchange(first, second, plan, random, report);
  if (!done.ok()) report.failure = done.error().message;
  // What was not allocated has nothing to give back.
  for (Caller* caller : {&first, &second}) {
    if (caller->exchange().relayed().port == 0) continue;
    const auto released = caller->Perform(Request::kRelease, Now() + plan.packet_patience);
    if (!released.ok() && report.failure.empty()) report.failure = released.error().message;
  }
  return report;
}

base::Result<base::Endpoint> AskMappedAddress(const base::Endpoint& server,
                                              const base::IpAddress& source, milliseconds patience,
                                              base::RandomSource& random) {
  const int family = server.address.is_v4() ? AF_INET : AF_INET6;
  const Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const SocketAddress from = ToSocketAddress({source, 0}, family);
  const SocketAddress to = ToSocketAddress(server, family);
  if (socket.get() < 0 || ::bind(socket.get(), &from.generic, from.length) != 0 ||
      ::connect(socket.get(), &to.generic, to.length) != 0)
    return base::Error{std::strerror(errno)};
  TurnExchange exchange(ProbeCredential{});
  stun::TransactionId id;
  random.Fill(id);
  const std::vector<std::uint8_t> request = exchange.Begin(Request::kBinding, id);
  const base::MonotonicTime deadline = Now() + patience;
  std::array<std::uint8_t, 2048> answer;
  while (Now() < deadline) {
    // What was refused before is reported by the next call.
    ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
    const base::MonotonicTime until = std::min(deadline, Now() + kRepeatAfter);
    while (Now() < until) {
      const ssize_t got = ::recv(socket.get(), answer.data(), answer.size(), 0);
      if (got < 0) {
        if (errno == ECONNREFUSED) return base::Error{"nobody listens there"};
        std::this_thread::sleep_for(milliseconds(2));
        continue;
      }
      const auto view =
          stun::MessageView::Parse(base::Bytes(answer).first(static_cast<std::size_t>(got)));
      if (view && exchange.OnResponse(*view) == Outcome::kSucceeded) return exchange.mapped();
    }
  }
  return base::Error{"it does not answer"};
}

base::Result<base::Endpoint> AskMappedAddress(std::string_view server,
                                              const base::IpAddress& source, milliseconds patience,
                                              base::RandomSource& random) {
  const auto host = ParseHostPort(server, kStunPort);
  if (!host) return base::Error{"that is no HOST:PORT"};
  const auto servers = LookUp(host->host, host->port, source.family());
  if (!servers.ok()) return servers.error();
  return AskMappedAddress(servers.value().front(), source, patience, random);
}

std::chrono::microseconds JitterOf(const std::vector<std::chrono::microseconds>& round_trips) {
  if (round_trips.size() < 2) return std::chrono::microseconds(0);
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < round_trips.size(); ++i)
    sum += std::abs((round_trips[i] - round_trips[i - 1]).count());
  return std::chrono::microseconds(sum / static_cast<std::int64_t>(round_trips.size() - 1));
}

}  // namespace relay
