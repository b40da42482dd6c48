#include "server/upgrade/upgrade_giver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <future>
#include <utility>

#include "protocol/turn/allocation_record.h"
#include "server/log/log.h"
#include "server/metrics/counter_totals.h"
#include "server/upgrade/deadline.h"
#include "server/upgrade/live_ports.h"

namespace relay {
namespace {

using std::chrono::seconds;

// To connect, and to open everything: certificates, the kernel's program, a registry.
constexpr seconds kPatience{60};
// The longest that the shards stand still; what comes meanwhile waits in their sockets.
constexpr seconds kStillness{2};
constexpr seconds kLast{2};
// For a program that has failed to end by itself.
constexpr seconds kGrace{1};
constexpr std::chrono::milliseconds kLook{50};

base::Result<void> Send(UpgradeChannel& channel, UpgradeFrame type, base::Bytes payload,
                        const std::vector<int>& descriptors, base::MonotonicTime deadline) {
  return channel.Send(static_cast<std::uint8_t>(type), payload, descriptors, deadline);
}

// An empty frame of this type. Error: it is another one, which may say why.
base::Result<void> Expect(const base::Result<UpgradeChannel::Frame>& received, UpgradeFrame type) {
  if (!received.ok()) return received.error();
  const UpgradeChannel::Frame& frame = received.value();
  if (frame.type == static_cast<std::uint8_t>(UpgradeFrame::kRefused)) {
    if (const auto reason = DecodeText(frame.payload))
      return base::Error{"the new process says: " + *reason};
  }
  if (frame.type != static_cast<std::uint8_t>(type) || !frame.payload.empty() ||
      !frame.descriptors.empty())
    return base::Error{"the new process does not speak as it should"};
  return {};
}

}  // namespace

base::Result<std::unique_ptr<UpgradeGiver>> UpgradeGiver::Open(
    const std::string& path, std::optional<Descriptor> inherited) {
  base::Result<Descriptor> listener =
      inherited ? base::Result<Descriptor>(*std::move(inherited)) : ListenForUpgrade(path);
  if (!listener.ok()) return listener.error();
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) return base::Error{"there are no descriptors left"};
  return std::unique_ptr<UpgradeGiver>(
      new UpgradeGiver(path, std::move(listener).value(), std::move(wake)));
}

UpgradeGiver::UpgradeGiver(std::string path, Descriptor listener, Descriptor wake)
    : path_(std::move(path)), listener_(std::move(listener)), wake_(std::move(wake)) {}

UpgradeGiver::~UpgradeGiver() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
  // Whoever has taken over has the socket, too, by this name.
  if (!is_given_ && shards_ != nullptr) ::unlink(path_.c_str());
}

void UpgradeGiver::Start(ShardGroup& shards, Options options) {
  shards_ = &shards;
  options_ = std::move(options);
  if (options_.launcher != nullptr) options_.launcher->SetLastArgument(path_);
  thread_ = std::thread([this] { Run(); });
}

void UpgradeGiver::StartSuccessor(std::function<void(Outcome)> done) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.push_back(std::move(done));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
}

void UpgradeGiver::Run() {
  while (!is_given_) {
    std::array<pollfd, 2> watched{{{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), -1);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t bytes = ::read(wake_.get(), &count, sizeof(count));
    {
      const std::lock_guard lock(mutex_);
      if (is_ending_) return;
      asking_ = std::exchange(wanted_, {});
    }
    if (!asking_.empty()) {
      Tell(ServeSuccessor());
    } else if ((watched[0].revents & POLLIN) != 0) {
      ServeStranger();
    }
  }
  RefuseLate();
}

bool UpgradeGiver::RefuseLate() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t bytes = ::read(wake_.get(), &count, sizeof(count));
  const std::lock_guard lock(mutex_);
  asking_ = std::exchange(wanted_, {});
  Tell(base::Error{"another process has taken over already"});
  return is_ending_;
}

void UpgradeGiver::Tell(const Outcome& outcome) {
  for (const auto& done : std::exchange(asking_, {})) done(outcome);
}

std::optional<UpgradeChannel> UpgradeGiver::Accept() {
  Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.get() < 0) return std::nullopt;
  UpgradeChannel channel(std::move(socket));
  const auto user = channel.PeerUser();
  if (user == 0U || user == ::geteuid()) return channel;
  Log(LogLevel::kWarning, "somebody else's process wanted to take over",
      {{"user", user.value_or(0)}});
  return std::nullopt;
}

void UpgradeGiver::ServeStranger() {
  std::optional<UpgradeChannel> channel = Accept();
  if (!channel) return;
  const Outcome outcome = Give(*channel);
  if (!outcome.ok())
    Log(LogLevel::kWarning, "an upgrade has failed, and everything goes on here",
        {{"reason", outcome.error().message}});
}

UpgradeGiver::Outcome UpgradeGiver::ServeSuccessor() {
  if (const auto prepared = options_.prepare(); !prepared.ok()) return prepared.error();
  if (options_.launcher == nullptr) return base::Error{options_.no_launcher};
  Launcher& launcher = *options_.launcher;
  const auto started = launcher.Start();
  if (!started.ok()) return started.error();
  const pid_t successor = started.value();
  Log(LogLevel::kInfo, "a new process has been started to take over",
      {{"process", std::int64_t{successor}}});
  Outcome outcome = base::Error{"the new process did not ask for anything"};
  for (const auto deadline = In(kPatience); base::ReadClocks().monotonic < deadline;) {
    if (launcher.Ended() || IsEnding()) break;
    pollfd watched{listener_.get(), POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(kLook.count())) <= 0) continue;
    std::optional<UpgradeChannel> channel = Accept();
    if (!channel) continue;
    if (channel->PeerProcess() != successor) {
      static_cast<void>(Send(*channel, UpgradeFrame::kRefused,
                             EncodeText("another process is about to take over"), {},
                             In(kUpgradeWord)));
      continue;
    }
    outcome = Give(*channel);
    break;
  }
  if (outcome.ok()) return outcome;
  const std::string end = launcher.EndBy(In(kGrace));
  Log(LogLevel::kWarning, "an upgrade has failed, and everything goes on here",
      {{"reason", outcome.error().message}, {"new_process", end}});
  return base::Error{outcome.error().message + " (" + end +
                     "); its own words are in the log; the running server goes on as it was"};
}

UpgradeGiver::Outcome UpgradeGiver::Give(UpgradeChannel& channel) {
  const auto services = options_.prepare();
  if (!services.ok()) {
    static_cast<void>(Send(channel, UpgradeFrame::kRefused, EncodeText(services.error().message),
                           {}, In(kUpgradeWord)));
    return services.error();
  }
  if (const auto introduced = Introduce(channel, services.value()); !introduced.ok())
    return introduced.error();
  if (!WaitForWord(channel, In(kPatience)))
    return base::Error{"the new process took too long to open what it needs"};
  if (const auto opened = Expect(channel.Receive(In(kUpgradeWord)), UpgradeFrame::kOpened);
      !opened.ok())
    return opened.error();

  const base::MonotonicTime began = base::ReadClocks().monotonic;
  const base::MonotonicTime deadline = began + kStillness;
  auto still = shards_->HoldStill(deadline);
  if (!still.ok()) return still.error();
  HeldStill held = std::move(still).value();
  const auto counts = SendState(channel, held, deadline);
  if (!counts.ok()) return counts.error();
  auto answer = channel.Receive(deadline);
  if (!answer.ok()) {
    // Whether it has been said or not is settled here: what is said from now on fails there.
    channel.StopHearing();
    answer = channel.Receive(base::ReadClocks().monotonic);
  }
  if (const auto committed = Expect(answer, UpgradeFrame::kCommit); !committed.ok())
    return committed.error();

  const auto stillness =
      std::chrono::round<std::chrono::milliseconds>(base::ReadClocks().monotonic - began);
  is_given_ = true;
  std::vector<base::Endpoint> staying;
  for (const auto& image : held.images())
    staying.insert(staying.end(), image->staying.begin(), image->staying.end());
  const std::vector<LastTraffic> traffic = held.LetGo(In(kLast));
  Log(LogLevel::kInfo, "another process serves now",
      {{"allocations", counts.value().allocations},
       {"process", std::int64_t{channel.PeerProcess().value_or(0)}},
       {"stood_still_milliseconds", std::int64_t{stillness.count()}}});
  const std::string outcome = "process " + std::to_string(channel.PeerProcess().value_or(0)) +
                              " has taken over " + std::to_string(counts.value().allocations) +
                              " allocations within " + std::to_string(stillness.count()) + " ms";
  // Soon there will be nobody here to be asked.
  Tell(outcome);
  SendLast(channel, traffic);
  ExchangeLivePorts(channel, shards_->ledger(), std::move(staying), wake_.get(),
                    [this] { return RefuseLate(); });
  return outcome;
}

bool UpgradeGiver::IsEnding() {
  const std::lock_guard lock(mutex_);
  return is_ending_;
}

bool UpgradeGiver::WaitForWord(UpgradeChannel& channel, base::MonotonicTime deadline) {
  while (!IsEnding() && base::ReadClocks().monotonic < deadline) {
    pollfd watched{channel.descriptor(), POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(kLook.count())) > 0) return true;
  }
  return false;
}

base::Result<void> UpgradeGiver::Introduce(UpgradeChannel& channel,
                                           const std::vector<Service>& services) {
  const auto deadline = In(kUpgradeWord);
  const std::vector<ListenerSockets<int>> listeners = shards_->sockets();
  UpgradeHello hello;
  hello.program_version = options_.program_version;
  hello.record_version = turn::kRecordVersion;
  hello.counter_layout = CounterLayout();
  hello.now = base::ReadClocks().monotonic;
  hello.nonce_key = shards_->nonce_key();
  hello.nonce_origin = shards_->nonce_origin();
  hello.listeners = static_cast<std::uint16_t>(listeners.size());
  hello.services = static_cast<std::uint16_t>(services.size());
  auto sent = Send(channel, UpgradeFrame::kHello, Encode(hello), {}, deadline);
  for (const auto& each : listeners) {
    if (!sent.ok()) return sent;
    sent = Send(channel, UpgradeFrame::kListener,
                Encode(UpgradeListener{each.is_datagram, each.endpoint}), each.sockets, deadline);
  }
  for (const Service& each : services) {
    if (!sent.ok()) return sent;
    sent =
        Send(channel, UpgradeFrame::kService, EncodeText(each.name), {each.descriptor}, deadline);
  }
  return sent;
}

base::Result<UpgradeCounts> UpgradeGiver::SendState(UpgradeChannel& channel, const HeldStill& held,
                                                    base::MonotonicTime deadline) {
  UpgradeCounts counts;
  for (std::size_t index = 0; index < held.images().size(); ++index) {
    const auto shard = static_cast<std::uint16_t>(index);
    const ShardImage& image = *held.images()[index];
    for (const ConnectionImage& each : image.connections) {
      const auto sent = Send(channel, UpgradeFrame::kConnection,
                             Encode(UpgradeConnection{shard, each}), {each.socket}, deadline);
      if (!sent.ok()) return sent.error();
      ++counts.connections;
    }
    for (const AllocationImage& each : image.allocations) {
      const auto sent = Send(channel, UpgradeFrame::kAllocation,
                             Encode(UpgradeAllocation{shard, each.id, each.carried, each.record}),
                             each.sockets, deadline);
      if (!sent.ok()) return sent.error();
      ++counts.allocations;
    }
    for (const ReservationImage& each : image.reservations) {
      const auto sent =
          Send(channel, UpgradeFrame::kReservation, Encode(UpgradeReservation{shard, each.record}),
               {each.socket}, deadline);
      if (!sent.ok()) return sent.error();
      ++counts.reservations;
    }
  }
  for (const auto& image : held.images()) {
    if (auto sent = SendLivePorts(channel, true, image->staying, deadline); !sent.ok())
      return sent.error();
  }
  const auto sent = Send(channel, UpgradeFrame::kEnd, Encode(counts), {}, deadline);
  if (!sent.ok()) return sent.error();
  return counts;
}

void UpgradeGiver::SendLast(UpgradeChannel& channel, const std::vector<LastTraffic>& traffic) {
  auto totals = std::make_shared<std::promise<std::vector<std::uint64_t>>>();
  auto known = totals->get_future();
  options_.on_given(channel.PeerProcess().value_or(0), [totals](std::vector<std::uint64_t> row) {
    totals->set_value(std::move(row));
  });
  const auto deadline = In(kLast);
  for (const LastTraffic& each : traffic) {
    if (!Send(channel, UpgradeFrame::kTraffic, Encode(UpgradeTraffic{each.id, each.carried}), {},
              deadline)
             .ok())
      return;
  }
  if (known.wait_until(deadline) == std::future_status::ready &&
      !Send(channel, UpgradeFrame::kTotals, EncodeTotals(known.get()), {}, deadline).ok())
    return;
  static_cast<void>(Send(channel, UpgradeFrame::kDone, {}, {}, deadline));
}

}  // namespace relay
