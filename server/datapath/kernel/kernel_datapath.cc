#include "server/datapath/kernel/kernel_datapath.h"

#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/log/log.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kAdvanceInterval{1};
// Long enough for a process that is busy, short enough for one that is gone.
constexpr std::chrono::seconds kLease{10};
// Everything is looked up again this often, whatever the notifications say: learnt MTUs end without
// one, and so does a program that somebody has detached.
constexpr std::chrono::seconds kRefreshInterval{60};
// Between two looks at a network that changes all the time.
constexpr std::chrono::milliseconds kRest{20};
// While hops wait to be looked up: others get the lock meanwhile.
constexpr std::chrono::milliseconds kShortRest{1};
// How many hops are looked up without letting others have the lock.
constexpr std::size_t kHopsAtOnce = 64;

constexpr const char* kNoInterface =
    "no Ethernet interface has an address of a listener or a relay address";

FastpathSizes SizesFor(std::uint32_t allocations) {
  FastpathSizes sizes;
  if (allocations != 0) {
    // Room for those that have just ended, whose places rest.
    sizes.slots = std::clamp<std::uint32_t>(2 * allocations, 1024, 65536);
    sizes.routes = 2 * sizes.slots;
    sizes.users = sizes.slots;
  }
  sizes.next_hops = sizes.slots;
  return sizes;
}

// A kernel that has tcx takes the program on any interface; until there is a lease it does nothing.
bool HasTcx(const BpfProgram& program) {
  const std::uint32_t loopback = ::if_nametoindex("lo");
  return loopback != 0 &&
         Attachment::Attach(AttachmentKind::kTcx, program.tc_descriptor(), loopback).ok();
}

std::string DescribeFailure(const Attachments& attachments) {
  for (const Attachments::State& state : attachments.states()) {
    if (!state.problem.empty()) return state.interface_name + ": " + state.problem;
  }
  return kNoInterface;
}

}  // namespace

base::Result<std::unique_ptr<KernelDatapath>> KernelDatapath::Open(
    const Options& options, std::optional<std::vector<KernelLink>> inherited) {
  auto queries = NetworkQueries::Open();
  if (!queries.ok()) return queries.error();
  if (!options.may_wait_for_interfaces && !HasServedInterface(queries.value(), options.served))
    return base::Error{kNoInterface};
  auto watch = NetworkWatch::Open();
  if (!watch.ok()) return watch.error();
  OwnedDescriptor wake_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_event.is_open())
    return base::Error{std::string("cannot make an eventfd: ") + std::strerror(errno)};
  auto loaded = BpfProgram::Load(SizesFor(options.allocations));
  if (!loaded.ok()) return loaded.error();
  std::unique_ptr<BpfProgram> program = std::move(loaded).value();
  AttachmentKind kind = AttachmentKind::kXdp;
  if (options.mode == Mode::kTc) {
    if (inherited) inherited->clear();  // those of XDP
    kind = HasTcx(*program) ? AttachmentKind::kTcx : AttachmentKind::kClsact;
  }
  std::unique_ptr<KernelDatapath> datapath(
      new KernelDatapath(std::move(program), std::move(queries).value(), std::move(watch).value(),
                         std::move(wake_event), kind, options, std::move(inherited)));
  const bool has_refusal =
      std::ranges::any_of(datapath->attachments_.states(),
                          [](const Attachments::State& state) { return !state.problem.empty(); });
  if (datapath->attachments_.size() == 0 && (has_refusal || !options.may_wait_for_interfaces))
    return base::Error{DescribeFailure(datapath->attachments_)};
  return datapath;
}

void KernelDatapath::Start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "next-hops");
    RunThread();
  });
}

KernelDatapath::KernelDatapath(std::unique_ptr<BpfProgram> program, NetworkQueries queries,
                               NetworkWatch watch, OwnedDescriptor wake_event, AttachmentKind kind,
                               const Options& options,
                               std::optional<std::vector<KernelLink>> inherited)
    : program_(std::move(program)),
      queries_(std::move(queries)),
      watch_(std::move(watch)),
      wake_event_(std::move(wake_event)),
      hops_(queries_, program_->maps().sizes().next_hops - 1,
            [this](std::uint32_t hop, const NextHop* value) { OnHopChange(hop, value); }),
      routes_(program_->maps(), hops_),
      attachments_(
          queries_, kind,
          kind == AttachmentKind::kXdp ? program_->xdp_descriptor() : program_->tc_descriptor(),
          options.served, std::move(inherited)) {
  // Many drivers send what is redirected to them only if they have a program themselves.
  if (kind == AttachmentKind::kXdp) {
    hops_.SetIsUsable(
        [this](std::uint32_t interface_index) { return attachments_.IsAttached(interface_index); });
  }
  SetSettings(options.settings);
  for (const std::uint16_t port : options.listener_ports)
    program_->maps().SetPortRole(port, FASTPATH_PORT_LISTENER);
  refreshed_at_ = base::ReadClocks().monotonic;
  // Those by which packets leave are not known yet, but where there were some there will be again.
  attachments_.Reconcile(attachments_.InheritedInterfaces());
  TellAddresses();
  RenewLease(refreshed_at_);
}

KernelDatapath::~KernelDatapath() { Detach(); }

void KernelDatapath::Detach() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  if (thread_.joinable()) {
    Wake();
    thread_.join();
  }
  // Without the lock: the system waits until the program has run for the last time.
  attachments_.DetachAll();
}

void KernelDatapath::Wake() {
  const std::uint64_t one = 1;
  // It fails only when the thread has been woken already.
  [[maybe_unused]] const ssize_t written = ::write(wake_event_.get(), &one, sizeof(one));
}

void KernelDatapath::Install(const turn::Route& route) {
  const std::lock_guard lock(mutex_);
  if (is_ending_) return;
  routes_.Install(route, base::ReadClocks().monotonic);
  if (MissesInterface()) Wake();
}

void KernelDatapath::Remove(const turn::RouteKey& key) {
  const std::lock_guard lock(mutex_);
  routes_.Remove(key, base::ReadClocks().monotonic);
}

std::optional<KernelShare> KernelDatapath::ShareOf(const turn::RouteKey& key) {
  const std::lock_guard lock(mutex_);
  return routes_.ShareOf(key);
}

RelayTraffic KernelDatapath::TakeTraffic(turn::RelayHandle relay) {
  const std::lock_guard lock(mutex_);
  return routes_.TakeTraffic(relay);
}

void KernelDatapath::SetSettings(const Settings& settings) {
  const std::lock_guard lock(mutex_);
  FastpathMaps& maps = program_->maps();
  maps.SetLimits(settings.limits);
  maps.SetNewHopLimit(settings.new_hop_limit);
  maps.SetLastChannel(settings.last_channel);
}

std::vector<KernelLink> KernelDatapath::CopyLinks() const {
  const std::lock_guard lock(mutex_);
  // Of tcx an interface takes several.
  return attachments_.kind() == AttachmentKind::kXdp ? attachments_.CopyLinks()
                                                     : std::vector<KernelLink>();
}

void KernelDatapath::SwitchInherited() {
  const std::lock_guard lock(mutex_);
  attachments_.SwitchInherited();
}

std::string KernelDatapath::mode() const { return std::string(ToString(attachments_.kind())); }

std::vector<Attachments::State> KernelDatapath::interfaces() const {
  const std::lock_guard lock(mutex_);
  return attachments_.states();
}

std::size_t KernelDatapath::route_count() const {
  const std::lock_guard lock(mutex_);
  return routes_.size();
}

std::optional<fastpath_totals> KernelDatapath::ReadTotals() const {
  const auto totals = program_->maps().ReadTotals();
  if (!totals.ok()) return std::nullopt;
  return totals.value();
}

void KernelDatapath::OnHopChange(std::uint32_t hop, const NextHop* value) {
  if (value == nullptr) return program_->maps().ClearNextHop(ToFastpathHop(hop));
  fastpath_link link{};
  link.ifindex = value->interface_index;
  link.mtu = value->mtu_bytes;
  std::memcpy(link.destination_mac, value->destination.data(), value->destination.size());
  std::memcpy(link.source_mac, value->source.data(), value->source.size());
  program_->maps().SetNextHop(ToFastpathHop(hop), link);
}

void KernelDatapath::RenewLease(base::MonotonicTime now) {
  // A link ends with the process; only a filter needs to be told that it is still there.
  program_->maps().SetLease(
      attachments_.kind() == AttachmentKind::kClsact ? now + kLease : base::MonotonicTime::max());
}

bool KernelDatapath::MissesInterface() const {
  return std::ranges::any_of(hops_.Interfaces(), [this](std::uint32_t interface_index) {
    return !attachments_.IsKnown(interface_index);
  });
}

void KernelDatapath::Reconcile() {
  const std::vector<Attachments::State> before = attachments_.states();
  attachments_.Reconcile(hops_.Interfaces());
  // With XDP, packets leave only by what is attached.
  hops_.LookUpAgain();
  for (const Attachments::State& state : attachments_.states()) {
    if (std::ranges::find(before, state) != before.end()) continue;
    if (state.problem.empty()) {
      Log(LogLevel::kInfo, "packets that come in by another interface are relayed in the kernel",
          {{"interface", state.interface_name}});
    } else {
      Log(LogLevel::kWarning, "packets that come in by an interface are relayed in userspace only",
          {{"interface", state.interface_name}, {"reason", state.problem}});
    }
  }
  TellAddresses();
}

void KernelDatapath::TellAddresses() {
  if (attachments_.kind() != AttachmentKind::kXdp) return;
  for (const Attachments::State& state : attachments_.states()) {
    const std::uint32_t index = ::if_nametoindex(state.interface_name.c_str());
    if (const auto found = queries_.FindInterface(index))
      program_->maps().SetInterface(index, found->address);
  }
}

void KernelDatapath::FollowNetwork(base::MonotonicTime now) {
  const NetworkChanges changes = watch_.Read();
  for (const Neighbour& neighbour : changes.neighbours) hops_.OnNeighbour(neighbour);
  if (changes.is_everything || now - refreshed_at_ >= kRefreshInterval) {
    refreshed_at_ = now;
    Reconcile();
  }
  if (now - advanced_at_ < kAdvanceInterval) return;
  advanced_at_ = now;
  hops_.Advance(now);
  RenewLease(now);
}

bool KernelDatapath::DoRound(base::MonotonicTime now, bool* is_more) {
  const std::lock_guard lock(mutex_);
  if (is_ending_) return false;
  FollowNetwork(now);
  *is_more = hops_.LookUpSome(kHopsAtOnce, now);
  if (!MissesInterface()) return true;
  Reconcile();
  *is_more = true;
  return true;
}

void KernelDatapath::RunThread() {
  std::array<pollfd, 2> events{{{.fd = wake_event_.get(), .events = POLLIN, .revents = 0},
                                {.fd = watch_.descriptor(), .events = POLLIN, .revents = 0}}};
  constexpr int kAdvanceMilliseconds = std::chrono::milliseconds(kAdvanceInterval).count();
  bool is_more = false;
  while (true) {
    ::poll(events.data(), events.size(), is_more ? 0 : kAdvanceMilliseconds);
    std::uint64_t woken = 0;
    if (events[0].revents != 0 && ::read(wake_event_.get(), &woken, sizeof(woken)) < 0) return;
    if (!DoRound(base::ReadClocks().monotonic, &is_more)) return;
    // Whoever wants it to end does not have to wait.
    const auto rest = is_more ? kShortRest : kRest;
    ::poll(events.data(), 1, static_cast<int>(rest.count()));
  }
}

}  // namespace relay
