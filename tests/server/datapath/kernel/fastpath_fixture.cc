#include "tests/server/datapath/kernel/fastpath_fixture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <cerrno>
#include <cstring>

namespace relay::test {
namespace {

fastpath_address ToAddress(const base::IpAddress& address) {
  fastpath_address result;
  std::memcpy(&result, address.octets().data(), sizeof(result));
  return result;
}

// BPF_F_TEST_SKB_CHECKSUM_COMPLETE, since Linux 6.11: gives the buffer such a sum and compares it
// after the run.
constexpr std::uint32_t kWholeSumFlag = 1U << 2;

Verdict ToVerdict(Attachment attachment, std::uint32_t code) {
  if (attachment == Attachment::kXdp) {
    switch (code) {
      case XDP_PASS:
        return Verdict::kPassed;
      case XDP_DROP:
        return Verdict::kDropped;
      case XDP_REDIRECT:
        return Verdict::kRedirected;
      default:
        return Verdict::kOther;
    }
  }
  switch (static_cast<int>(code)) {
    case TC_ACT_UNSPEC:
      return Verdict::kPassed;
    case TC_ACT_SHOT:
      return Verdict::kDropped;
    case TC_ACT_REDIRECT:
      return Verdict::kRedirected;
    default:
      return Verdict::kOther;
  }
}

fastpath_traffic Difference(const fastpath_traffic& after, const fastpath_traffic& before) {
  return {.packets = after.packets - before.packets, .bytes = after.bytes - before.bytes};
}

}  // namespace

fastpath_route ToRecord(const TestRoute& route) {
  fastpath_route record{};
  record.channel = {.client = ToAddress(route.client.address),
                    .server = ToAddress(route.server.address),
                    .client_port = htons(route.client.port),
                    .server_port = htons(route.server.port),
                    .channel = htons(route.channel),
                    .zero = 0};
  record.peer = {.relayed = ToAddress(route.relayed.address),
                 .peer = ToAddress(route.peer.address),
                 .relayed_port = htons(route.relayed.port),
                 .peer_port = htons(route.peer.port)};
  record.slot = route.slot;
  record.deadline_ns = ToFastpathTime(route.deadline);
  record.next_hop_to_client = route.next_hop_to_client;
  record.next_hop_to_peer = route.next_hop_to_peer;
  record.flags = route.flags;
  return record;
}

fastpath_link MakeLink(std::uint32_t mtu, std::uint16_t vlan) {
  fastpath_link link{};
  link.ifindex = 1;
  link.mtu = mtu;
  link.vlan = vlan;
  std::memcpy(link.destination_mac, kRouterMac.data(), kRouterMac.size());
  std::memcpy(link.source_mac, kEgressMac.data(), kEgressMac.size());
  return link;
}

std::unique_ptr<BpfProgram>& FastpathFixture::Shared() {
  static std::unique_ptr<BpfProgram> program;
  return program;
}

bool FastpathFixture::Load() {
  if (Shared() == nullptr) {
    base::Result<std::unique_ptr<BpfProgram>> loaded = BpfProgram::Load(kSizes);
    if (!loaded.ok()) {
      const std::string& message = loaded.error().message;
      const bool is_forbidden = message.find("capability") != std::string::npos ||
                                message.find(std::strerror(EPERM)) != std::string::npos ||
                                message.find("without clang-16") != std::string::npos;
      if (is_forbidden)
        skip_reason_ = message;
      else
        ADD_FAILURE() << message;
      return false;
    }
    Shared() = std::move(loaded).value();
  }
  program_ = Shared().get();
  Reset();
  return true;
}

void FastpathFixture::Reset() {
  for (std::uint32_t index = 0; index < kSizes.routes; ++index) maps().RemoveRoute(index);
  for (std::uint32_t slot = 0; slot < kSizes.slots; ++slot) {
    maps().ResetSlot(slot, {1});
    slots_before_.push_back(maps().ReadSlot(slot).value());
  }
  totals_before_ = maps().ReadTotals().value();
  maps().SetLimits({});
  for (std::uint32_t user = 1; user < kSizes.users; ++user) {
    for (const Direction direction : {Direction::kClientToPeer, Direction::kPeerToClient}) {
      const auto shares = maps().shared_buckets()->Of(
          {user}, direction, {.user = {.bytes_per_second = 1}, .total = {.bytes_per_second = 1}});
      *shares.user.buckets = *shares.total.buckets = {};
    }
  }
  maps().SetNewHopLimit(0);
  maps().SetLastChannel(0x4fff);
  maps().SetPortRole(kListenerPort, FASTPATH_PORT_LISTENER);
  for (std::uint16_t port = kRelayPort; port < kRelayPort + 10; ++port)
    maps().SetPortRole(port, FASTPATH_PORT_RELAY);
  // That of test runs.
  maps().SetInterface(1, kServerMac);
  maps().SetNextHop(1, MakeLink());
  maps().SetNextHop(2, MakeLink());
  maps().SetLease(base::MonotonicTime::max());
}

std::uint32_t FastpathFixture::Install(const TestRoute& route) {
  const base::Result<void> result = maps().InstallRoute(next_route_, ToRecord(route));
  EXPECT_TRUE(result.ok());
  ++next_route_;
  if (takes_over_) TakeOver();
  return next_route_ - 1;
}

void FastpathFixture::TakeOver() {
  for (std::uint32_t route = 0; route < next_route_; ++route) {
    maps().handover(route, FASTPATH_CLIENT_TO_PEER) |= FASTPATH_TAKEN_OVER;
    maps().handover(route, FASTPATH_PEER_TO_CLIENT) |= FASTPATH_TAKEN_OVER;
  }
}

RunResult FastpathFixture::Run(Attachment attachment, const Octets& frame, const Arrival& arrival) {
  if (takes_over_) TakeOver();
  __sk_buff buffer{};
  buffer.gso_segs = arrival.gso_segs;
  buffer.gso_size = arrival.gso_size;
  RunResult result;
  result.frame.resize(frame.size() + 256);
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.data_out = result.frame.data();
  options.data_size_out = static_cast<std::uint32_t>(result.frame.size());
  if (attachment == Attachment::kTc) {
    options.ctx_in = &buffer;
    options.ctx_size_in = sizeof(buffer);
  }
  const int descriptor =
      attachment == Attachment::kTc ? program_->tc_descriptor() : program_->xdp_descriptor();
  if (arrival.has_whole_sum) options.flags = kWholeSumFlag;
  const int error = -bpf_prog_test_run_opts(descriptor, &options);
  if (arrival.has_whole_sum && error == EBADMSG)
    return {.verdict = Verdict::kFalseSum, .frame = {}};
  if (arrival.has_whole_sum && error == EINVAL) return {.verdict = Verdict::kUnknown, .frame = {}};
  EXPECT_EQ(error, 0) << std::strerror(error);
  result.frame.resize(options.data_size_out);
  result.verdict = ToVerdict(attachment, options.retval);
  return result;
}

std::uint64_t FastpathFixture::Outcomes(fastpath_outcome outcome) {
  return maps().ReadTotals().value().outcomes[outcome] - totals_before_.outcomes[outcome];
}

fastpath_traffic FastpathFixture::Relayed(fastpath_direction direction) {
  return Difference(maps().ReadTotals().value().relayed[direction],
                    totals_before_.relayed[direction]);
}

fastpath_traffic FastpathFixture::OfSlot(std::uint32_t slot, fastpath_direction direction) {
  return Difference(maps().ReadSlot(slot).value().directions[direction],
                    slots_before_[slot].directions[direction]);
}

}  // namespace relay::test
