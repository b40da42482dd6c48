#include "server/upgrade/upgrade_taker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "protocol/turn/allocation_record.h"
#include "server/log/log.h"
#include "server/metrics/counter_totals.h"
#include "server/upgrade/deadline.h"
#include "server/upgrade/live_ports.h"

namespace relay {
namespace {

using std::chrono::seconds;

// Longer than the old process stands still.
constexpr seconds kState{5};
// What the clocks of two processes of one host can differ by, with the time that a frame takes.
constexpr seconds kClockDifference{10};

base::Error Misunderstood() { return {"the running server says what this version cannot read"}; }

bool Is(const UpgradeChannel::Frame& frame, UpgradeFrame type) {
  return frame.type == static_cast<std::uint8_t>(type);
}

}  // namespace

base::Result<std::unique_ptr<UpgradeTaker>> UpgradeTaker::Meet(const std::string& path) {
  auto channel = UpgradeChannel::Connect(path);
  if (!channel.ok()) return channel.error();
  std::unique_ptr<UpgradeTaker> taker(new UpgradeTaker(std::move(channel).value()));
  if (const auto heard = taker->HearIntroduction(); !heard.ok()) return heard.error();
  return taker;
}

base::Result<void> UpgradeTaker::HearIntroduction() {
  const auto deadline = In(kUpgradeWord);
  auto first = channel_.Receive(deadline);
  if (!first.ok()) return first.error();
  if (Is(first.value(), UpgradeFrame::kRefused))
    return base::Error{"the running server says: " +
                       DecodeText(first.value().payload).value_or("no")};
  const auto hello = DecodeHello(first.value().payload);
  if (!Is(first.value(), UpgradeFrame::kHello) || !hello) return Misunderstood();
  hello_ = *hello;
  if (hello_.version != UpgradeHello::kVersion || hello_.record_version != turn::kRecordVersion) {
    return base::Error{"the running server has version " + hello_.program_version +
                       ", from which this one cannot take over"};
  }
  const auto difference = base::ReadClocks().monotonic - hello_.now;
  if (difference > kClockDifference || difference < -kClockDifference)
    return base::Error{"the running server has another clock: it is on another host"};
  inheritance_.nonce_key = hello_.nonce_key;
  inheritance_.nonce_origin = hello_.nonce_origin;
  for (int i = 0; i < hello_.listeners + hello_.services; ++i) {
    auto received = channel_.Receive(deadline);
    if (!received.ok()) return received.error();
    UpgradeChannel::Frame frame = std::move(received).value();
    if (frame.descriptors.empty()) return Misunderstood();
    if (i < hello_.listeners) {
      const auto listener = DecodeListener(frame.payload);
      if (!Is(frame, UpgradeFrame::kListener) || !listener) return Misunderstood();
      inheritance_.listeners.push_back(
          {listener->is_datagram, listener->endpoint, std::move(frame.descriptors)});
    } else {
      const auto name = DecodeText(frame.payload);
      if (!Is(frame, UpgradeFrame::kService) || !name) return Misunderstood();
      services_.insert_or_assign(*name, std::move(frame.descriptors.front()));
    }
  }
  return {};
}

std::vector<std::string> UpgradeTaker::ListServices() const {
  std::vector<std::string> names;
  names.reserve(services_.size());
  for (const auto& [name, descriptor] : services_) names.push_back(name);
  return names;
}

std::optional<Descriptor> UpgradeTaker::TakeService(const std::string& name) {
  auto found = services_.extract(name);
  if (found.empty()) return std::nullopt;
  return std::move(found.mapped());
}

base::Result<UpgradeCounts> UpgradeTaker::TakeOver(ShardGroup& shards) {
  if (auto sent =
          channel_.Send(static_cast<std::uint8_t>(UpgradeFrame::kOpened), {}, {}, In(kUpgradeWord));
      !sent.ok())
    return sent.error();
  const auto deadline = In(kState);
  for (;;) {
    auto received = channel_.Receive(deadline);
    if (!received.ok()) return received.error();
    if (Is(received.value(), UpgradeFrame::kEnd)) {
      if (DecodeCounts(received.value().payload) != counts_)
        return base::Error{"the running server has sent more, or less, than it says"};
      break;
    }
    if (const auto restored = Restore(shards, std::move(received).value()); !restored.ok())
      return restored.error();
  }
  services_.clear();
  told_ = shards.ledger().ListLive();
  // When this can be said it is true: the old process hears it, or has gone on and this fails.
  if (auto said = channel_.Send(static_cast<std::uint8_t>(UpgradeFrame::kCommit), {}, {}, deadline);
      !said.ok())
    return said.error();
  return counts_;
}

base::Result<void> UpgradeTaker::Restore(ShardGroup& shards, UpgradeChannel::Frame frame) {
  if (Is(frame, UpgradeFrame::kLivePorts)) {
    if (!TakeLivePorts(frame.payload, shards.ledger())) return Misunderstood();
    return {};
  }
  if (Is(frame, UpgradeFrame::kReservation)) {
    const auto reservation = DecodeReservationFrame(frame.payload);
    if (!reservation || frame.descriptors.size() != 1) return Misunderstood();
    if (!shards.RestoreReservation(reservation->shard, reservation->record,
                                   std::move(frame.descriptors.front())))
      return base::Error{"there is a reserved port that this configuration has no room for"};
    ++counts_.reservations;
    return {};
  }
  if (Is(frame, UpgradeFrame::kConnection)) {
    auto connection = DecodeConnectionFrame(frame.payload);
    if (!connection || frame.descriptors.size() != 1 ||
        !shards.RestoreConnection(connection->shard, std::move(connection->image),
                                  std::move(frame.descriptors.front())))
      return Misunderstood();
    ++counts_.connections;
    return {};
  }
  auto allocation = DecodeAllocationFrame(frame.payload);
  if (!Is(frame, UpgradeFrame::kAllocation) || !allocation) return Misunderstood();
  if (!shards.RestoreAllocation(allocation->shard, allocation->record, std::move(frame.descriptors),
                                allocation->carried)) {
    return base::Error{
        "there is an allocation that this configuration has no room for: relay.addresses, "
        "relay.ports and listeners have to be those of the running server"};
  }
  taken_[allocation->id] = {allocation->shard, std::move(allocation->carried)};
  ++counts_.allocations;
  return {};
}

std::vector<std::uint64_t> UpgradeTaker::HearLast(ShardGroup& shards) {
  std::vector<std::uint64_t> totals;
  for (const auto deadline = In(kState);;) {
    auto received = channel_.Receive(deadline);
    if (!received.ok()) {
      Log(LogLevel::kWarning, "the former process did not say what it has counted last",
          {{"reason", received.error().message}});
      return totals;
    }
    const UpgradeChannel::Frame& frame = received.value();
    if (Is(frame, UpgradeFrame::kDone)) return totals;
    if (Is(frame, UpgradeFrame::kTotals) && hello_.counter_layout == CounterLayout()) {
      totals = DecodeTotals(frame.payload).value_or(std::vector<std::uint64_t>());
    } else if (Is(frame, UpgradeFrame::kTraffic)) {
      auto traffic = DecodeTraffic(frame.payload);
      const auto known = traffic ? taken_.find(traffic->id) : taken_.end();
      if (known != taken_.end()) {
        shards.SetCarriedBefore(known->second.shard, {traffic->id, std::move(traffic->carried)},
                                known->second.carried);
      }
    }
  }
}

void UpgradeTaker::StartExchange(ShardGroup& shards) {
  wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  exchange_ = std::thread([this, &shards] {
    ExchangeLivePorts(channel_, shards.ledger(), std::move(told_), wake_.get(),
                      [] { return true; });
  });
}

UpgradeTaker::~UpgradeTaker() {
  if (!exchange_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  exchange_.join();
}

void UpgradeTaker::Refuse(const std::string& reason) {
  static_cast<void>(channel_.Send(static_cast<std::uint8_t>(UpgradeFrame::kRefused),
                                  EncodeText(reason), {}, In(kUpgradeWord)));
}

}  // namespace relay
