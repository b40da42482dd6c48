#include "server/fleet/fleet_link.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "protocol/base/crypto.h"
#include "server/fleet/fleet_keys.h"
#include "server/fleet/node_query.h"
#include "server/fleet/redis_reader.h"
#include "server/log/log.h"

namespace relay {
namespace {

constexpr const char* kNodeSeconds = "6";
constexpr std::size_t kCountOctets = 12;
constexpr std::size_t kMaxCounts = 65536;
// Of so many nodes: together they fit into an answer.
constexpr std::size_t kCountsAtOnce = 32;
static_assert(kCountsAtOnce * kMaxCounts * kCountOctets < RedisReader::kMaxOctets);
constexpr std::size_t kEpochOctets = 16;

std::uint64_t RandomNumber(base::RandomSource& random) {
  std::array<std::uint8_t, 6> octets;
  random.Fill(octets);
  std::uint64_t number = 0;
  for (const std::uint8_t octet : octets) number = number << 8 | octet;
  return number;
}

void AddCounts(const RedisReply& reply, turn::QuotaCounts& sums) {
  const auto counts = ReadCounts(reply.text);
  if (!counts) return;
  for (const turn::QuotaCount& count : *counts) {
    std::uint32_t& sum = sums[count.name];
    sum += std::min(count.allocations, UINT32_MAX - sum);
  }
}

}  // namespace

FleetLink::FleetLink(EventLoop& loop, const RedisAddress& address, bool is_own,
                     const auth::RevocationBook& book, Hooks hooks)
    : description_(address.Description()),
      is_own_(is_own),
      on_counts_(std::move(hooks.on_counts)),
      commands_(loop, address,
                {.on_up =
                     [this] {
                       Log(LogLevel::kInfo, "a registry of the fleet answers",
                           {{"registry", description_}});
                       AskEpoch();
                       feed_.StoreMissing();
                       usage_.Store();
                     },
                 .on_down =
                     [this] {
                       Log(LogLevel::kWarning,
                           "a registry of the fleet does not answer; what was known stays in use",
                           {{"registry", description_}, {"reason", commands_.trouble()}});
                     }}),
      feed_(loop, address, commands_, book, std::move(hooks.on_revocations)),
      usage_(commands_) {
  base::OsRandom random;
  beat_ = RandomNumber(random);
}

void FleetLink::Start() {
  commands_.Start();
  feed_.Start();
}

void FleetLink::NoteRefusal(const RedisReply& reply) {
  if (reply.kind == RedisReply::Kind::kError) next_refusal_ = *reply.Problem();
}

void FleetLink::Beat(const FleetNode* self, const std::vector<turn::QuotaCount>& counts) {
  if (!commands_.is_up()) return;
  refusal_ = std::exchange(next_refusal_, {});
  AskEpoch();
  if (is_own_ && self != nullptr) {
    Announce(*self);
    commands_.Send({"SET", fleet_keys::Counts(self->name), WriteCounts(counts), "EX", kNodeSeconds},
                   [this](const RedisReply& reply) { NoteRefusal(reply); });
  }
  AskNodes(self == nullptr ? std::string() : self->name);
  feed_.StoreMissing();
  usage_.Store();
}

void FleetLink::Announce(const FleetNode& self) {
  if (!commands_.is_up()) return;
  const auto note = [this](const RedisReply& reply) { NoteRefusal(reply); };
  commands_.Send({"SET", fleet_keys::Node(self.name), WriteNode(self, ++beat_), "EX", kNodeSeconds},
                 note);
  commands_.Send({"SADD", fleet_keys::kNodes, self.name}, note);
}

void FleetLink::Withdraw(const std::string& name) {
  if (!commands_.is_up()) return;
  const auto ignore = [](const RedisReply&) {};
  commands_.Send({"DEL", fleet_keys::Node(name), fleet_keys::Counts(name)}, ignore);
  commands_.Send({"SREM", fleet_keys::kNodes, name}, ignore);
}

// A mark that is there as long as the data: another one means that it was lost meanwhile.
void FleetLink::AskEpoch() {
  base::OsRandom random;
  std::array<std::uint8_t, kEpochOctets> octets;
  random.Fill(octets);
  commands_.Send({"SET", fleet_keys::kEpoch, base::HexEncode(octets), "NX"},
                 [this](const RedisReply& reply) { NoteRefusal(reply); });
  commands_.Send({"GET", fleet_keys::kEpoch}, [this](const RedisReply& reply) {
    NoteRefusal(reply);
    if (!reply.is_text() || reply.text.size() > 2 * kEpochOctets || reply.text == epoch_) return;
    if (!epoch_.empty()) feed_.Restart();
    epoch_ = reply.text;
  });
}

void FleetLink::AskNodes(const std::string& self) {
  commands_.Send(node_query::AskNames(),
                 [this, self](const RedisReply& reply) { OnNames(reply, self); });
}

void FleetLink::OnNames(const RedisReply& reply, const std::string& self) {
  NoteRefusal(reply);
  if (!reply.is_array()) return;
  std::vector<std::string> names = node_query::NamesIn(reply);
  if (names.empty()) return nodes_.OnAnswer(base::ReadClocks().monotonic);
  commands_.Send(node_query::AskNodes(names),
                 [this, names](const RedisReply& nodes) { OnNodes(nodes, names); });
  std::erase(names, self);
  if (is_own_ && on_counts_) AskCounts(names);
}

void FleetLink::OnNodes(const RedisReply& reply, const std::vector<std::string>& names) {
  NoteRefusal(reply);
  if (!reply.is_array() || reply.elements.size() != names.size()) return;
  const base::Now now = base::ReadClocks();
  nodes_.OnAnswer(now.monotonic);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const RedisReply& each = reply.elements[i];
    if (each.is_text()) {
      if (auto announced = node_query::NodeIn(each, names[i]))
        nodes_.OnNode(*std::move(announced), now.wall);
    } else if (is_own_) {
      // It will be there again when it has something to say.
      commands_.Send({"SREM", fleet_keys::kNodes, names[i]},
                     [this](const RedisReply& removed) { NoteRefusal(removed); });
    }
  }
}

void FleetLink::AskCounts(const std::vector<std::string>& others) {
  if (others.empty()) return on_counts_({});
  struct Gathered {
    turn::QuotaCounts sums;
    bool is_whole = true;
  };
  const auto gathered = std::make_shared<Gathered>();
  for (std::size_t first = 0; first < others.size(); first += kCountsAtOnce) {
    const std::size_t end = std::min(first + kCountsAtOnce, others.size());
    std::vector<std::string> words{"MGET"};
    for (std::size_t i = first; i < end; ++i) words.push_back(fleet_keys::Counts(others[i]));
    commands_.Send(words,
                   [this, gathered, is_last = end == others.size()](const RedisReply& reply) {
                     NoteRefusal(reply);
                     if (!reply.is_array()) gathered->is_whole = false;
                     for (const RedisReply& each : reply.elements) AddCounts(each, gathered->sums);
                     if (is_last && gathered->is_whole) on_counts_(std::move(gathered->sums));
                   });
  }
}

std::string FleetLink::trouble() const {
  const auto say = [this](const std::string& what) {
    return "the registry " + description_ + ": " + what;
  };
  if (!commands_.trouble().empty()) return say(commands_.trouble());
  if (!feed_.connection().trouble().empty()) return say(feed_.connection().trouble());
  if (!is_up()) return say("it has not answered yet");
  if (!refusal_.empty()) return say("it refuses: " + refusal_);
  if (!feed_.trouble().empty()) return say(feed_.trouble());
  return {};
}

std::string WriteCounts(const std::vector<turn::QuotaCount>& counts) {
  std::string text;
  text.reserve(counts.size() * kCountOctets);
  const auto append = [&text](std::uint64_t number, int octets) {
    for (int i = octets - 1; i >= 0; --i) text.push_back(static_cast<char>(number >> (8 * i)));
  };
  for (const turn::QuotaCount& each : counts) {
    append(each.name, 8);
    append(each.allocations, 4);
  }
  return text;
}

std::optional<std::vector<turn::QuotaCount>> ReadCounts(std::string_view text) {
  if (text.size() % kCountOctets != 0 || text.size() > kMaxCounts * kCountOctets)
    return std::nullopt;
  const auto read = [&text](std::size_t place, std::size_t octets) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < octets; ++i)
      number = number << 8 | static_cast<std::uint8_t>(text[place + i]);
    return number;
  };
  std::vector<turn::QuotaCount> counts;
  for (std::size_t place = 0; place < text.size(); place += kCountOctets)
    counts.push_back({read(place, 8), static_cast<std::uint32_t>(read(place + 8, 4))});
  return counts;
}

}  // namespace relay
