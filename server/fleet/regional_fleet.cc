#include "server/fleet/regional_fleet.h"

#include <algorithm>
#include <utility>

#include "server/fleet/revocation_text.h"
#include "server/log/log.h"

namespace relay {
namespace {

using auth::Revocation;
using auth::RevocationBook;

constexpr std::chrono::seconds kBeat{2};
// What comes together is saved and told once.
constexpr std::chrono::milliseconds kSettle{10};
// Older counts of others are worth nothing.
constexpr std::chrono::seconds kCountsLast{6};

}  // namespace

RegionalFleet::RegionalFleet(EventLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      beat_(loop, [this] { Beat(); }),
      settle_(loop, [this] { Settle(); }) {
  ReadSaved();
  const auto add = [this](const RedisAddress& address, bool is_own) {
    FleetLink::Hooks hooks{[this](const std::vector<Revocation>& read) { OnRead(read); }, {}};
    if (is_own && options_.on_counts) {
      hooks.on_counts = [this](turn::QuotaCounts counts) {
        counted_at_ = base::ReadClocks().monotonic;
        options_.on_counts(std::make_shared<const turn::QuotaCounts>(std::move(counts)));
      };
    }
    links_.push_back(std::make_unique<FleetLink>(loop_, address, is_own, book_, std::move(hooks)));
    links_.back()->Start();
  };
  if (options_.registry) add(*options_.registry, true);
  for (const RedisAddress& each : options_.others) add(each, false);
  beat_.Start(kBeat);
}

RegionalFleet::~RegionalFleet() = default;

void RegionalFleet::ReadSaved() {
  if (!options_.read_saved) return;
  std::optional<std::string> saved = options_.read_saved();
  if (!saved || saved == last_read_) return;
  last_read_ = std::move(saved);
  const auto read = ReadSavedRevocations(*last_read_);
  if (!read) {
    save_trouble_ = "the saved revocations were damaged, and are not in force";
    return Log(LogLevel::kError, "the saved revocations are damaged, and none of them is in force");
  }
  const base::WallTime now = base::ReadClocks().wall;
  for (const Revocation& each : *read) book_.Add(each, now);
  Log(LogLevel::kInfo, "saved revocations are in force again", {{"revocations", book_.size()}});
  SettleSoon();
}

void RegionalFleet::LeaveToSuccessor() { has_successor_ = true; }

void RegionalFleet::Beat() {
  beat_.Start(kBeat);
  if (has_successor_) ReadSaved();
  if (book_.Forget(base::ReadClocks().wall)) SettleSoon();
  if (is_unsaved_) SettleSoon();
  ForgetOldCounts();
  std::vector<turn::QuotaCount> counts;
  if (options_.registry && self_ && options_.read_counts) counts = options_.read_counts();
  for (const auto& link : links_) link->Beat(self_ ? &*self_ : nullptr, counts);
}

void RegionalFleet::ForgetOldCounts() {
  if (!counted_at_ || base::ReadClocks().monotonic - *counted_at_ < kCountsLast) return;
  counted_at_.reset();
  options_.on_counts(nullptr);
}

void RegionalFleet::Announce(const FleetNode& self) {
  const bool is_news = !self_ || self_->is_draining != self.is_draining ||
                       self_->is_ready != self.is_ready || self_->name != self.name;
  self_ = self;
  name_ = self.name;
  self_->announced_at = base::ReadClocks().wall;
  if (is_news && options_.registry) links_.front()->Announce(*self_);
}

void RegionalFleet::Withdraw() {
  if (self_ && options_.registry) links_.front()->Withdraw(self_->name);
  self_.reset();
}

std::vector<FleetNode> RegionalFleet::nodes() const {
  std::vector<FleetNode> all;
  if (self_) all.push_back(*self_);
  for (const auto& link : links_) {
    for (FleetNode& each : link->nodes()) all.push_back(std::move(each));
  }
  // Of two with one name the first counts: what this node says of itself, or its own region.
  std::ranges::stable_sort(all, {}, &FleetNode::name);
  const auto repeated = std::ranges::unique(all, {}, &FleetNode::name);
  all.erase(repeated.begin(), repeated.end());
  return all;
}

void RegionalFleet::AddHere(const Revocation& revocation) {
  for (const auto& link : links_) link->feed().Store(revocation);
}

void RegionalFleet::Revoke(const Revocation& revocation,
                           std::function<void(base::Result<void>)> done) {
  if (has_successor_) return done(base::Error{"another process serves now"});
  const Revocation exact = InMilliseconds(revocation);
  switch (book_.Add(exact, base::ReadClocks().wall)) {
    case RevocationBook::Outcome::kInvalid:
      return done(base::Error{"there is nothing that it could concern"});
    case RevocationBook::Outcome::kFull:
      return done(base::Error{"there are too many revocations"});
    case RevocationBook::Outcome::kOver:
      return done({});
    case RevocationBook::Outcome::kKnown:
      break;
    case RevocationBook::Outcome::kAdded:
      AddHere(*book_.Find(RevocationBook::KeyOf(exact)));
      break;
  }
  waiting_.push_back(std::move(done));
  is_unsaved_ = true;
  SettleSoon();
}

void RegionalFleet::OnRead(const std::vector<Revocation>& revocations) {
  const base::WallTime now = base::ReadClocks().wall;
  bool is_news = false;
  for (const Revocation& each : revocations) {
    const RevocationBook::Outcome outcome = book_.Add(each, now);
    if (outcome == RevocationBook::Outcome::kFull) ++ignored_;
    if (outcome == RevocationBook::Outcome::kAdded) is_news = true;
  }
  if (!is_news) return;
  is_unsaved_ = true;
  SettleSoon();
}

void RegionalFleet::OnRevocations(std::function<void(const std::vector<Revocation>&)> callback) {
  on_revocations_ = std::move(callback);
  on_revocations_(book_.List());
}

void RegionalFleet::SettleSoon() {
  if (std::exchange(is_settling_, true)) return;
  settle_.Start(kSettle);
}

void RegionalFleet::Settle() {
  is_settling_ = false;
  const std::vector<Revocation> list = book_.List();
  if (on_revocations_) on_revocations_(list);
  base::Result<void> saved;
  if (has_successor_) is_unsaved_ = false;
  if (is_unsaved_) {
    saved = options_.save ? options_.save(WriteSavedRevocations(list))
                          : base::Error{"there is no folder to keep them in"};
    is_unsaved_ = !saved.ok();
    const std::string trouble =
        saved.ok() ? "" : "revocations cannot be saved: " + saved.error().message;
    if (!saved.ok() && trouble != save_trouble_)
      Log(LogLevel::kError, "revocations cannot be saved, and end with this process",
          {{"reason", saved.error().message}});
    save_trouble_ = trouble;
  }
  for (auto& done : std::exchange(waiting_, {})) done(saved);
}

void RegionalFleet::RecordUsage(const std::vector<UsageRecord>& records) {
  for (const UsageRecord& each : records) {
    if (options_.registry) {
      links_.front()->usage().Add(each, name_);
    } else {
      LogUsage(each);
    }
  }
}

std::vector<std::string> RegionalFleet::troubles() const {
  std::vector<std::string> troubles;
  for (const auto& link : links_) {
    if (std::string trouble = link->trouble(); !trouble.empty())
      troubles.push_back(std::move(trouble));
  }
  if (!save_trouble_.empty()) troubles.push_back(save_trouble_);
  return troubles;
}

std::vector<std::string> RegionalFleet::unready_reasons() const {
  if (!options_.registry || links_.front()->feed().has_caught_up()) return {};
  return {
      "the fleet's registry has not been read since the start: only saved revocations are in "
      "force"};
}

FleetStatus RegionalFleet::status() const {
  FleetStatus status;
  status.nodes = nodes().size();
  status.revocations = book_.size();
  status.revocations_ignored = ignored_;
  for (const auto& link : links_) {
    status.registries_up.push_back(link->is_up());
    status.revocations_pending = std::max(status.revocations_pending, link->feed().missing());
    status.revocations_ignored += link->feed().ignored();
    status.usage_records_dropped += link->usage().dropped();
  }
  return status;
}

bool RegionalFleet::is_idle() const {
  return !is_unsaved_ && std::ranges::all_of(links_, [](const auto& link) {
    return !link->is_up() || link->is_idle();
  });
}

}  // namespace relay
