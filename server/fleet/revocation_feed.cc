#include "server/fleet/revocation_feed.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/fleet/fleet_keys.h"

namespace relay {
namespace {

using auth::Revocation;
using auth::RevocationBook;
using std::chrono::milliseconds;

constexpr std::size_t kEntriesAtOnce = 1000;
constexpr std::size_t kStoredAtOnce = 100;
constexpr milliseconds kBlock{2000};
// Clocks of nodes and of Redis, which names the entries, may differ by so much.
constexpr std::chrono::minutes kClockSkew{10};

}  // namespace

RevocationFeed::RevocationFeed(EventLoop& loop, RedisAddress address, RedisConnection& commands,
                               const RevocationBook& book, OnRead on_read)
    : commands_(commands),
      book_(book),
      on_read_(std::move(on_read)),
      connection_(loop, std::move(address),
                  {.on_up = [this] { Begin(); }, .on_down = [this] { is_caught_up_ = false; }}) {
  for (const Revocation& each : book_.List()) missing_.insert(RevocationBook::KeyOf(each));
}

void RevocationFeed::Restart() {
  // A read that waits for the stream comes back first.
  if (connection_.is_up()) must_begin_ = true;
}

void RevocationFeed::Begin() {
  must_begin_ = false;
  is_caught_up_ = false;
  position_ = "0-0";
  seen_.clear();
  ReadRange();
}

void RevocationFeed::ReadRange() {
  connection_.Send({"XRANGE", fleet_keys::kRevocations, "(" + position_, "+", "COUNT",
                    std::to_string(kEntriesAtOnce)},
                   [this](const RedisReply& reply) { OnRange(reply); });
}

void RevocationFeed::OnRange(const RedisReply& reply) {
  if (reply.kind == RedisReply::Kind::kLost) return;
  if (!reply.is_array() || !Take(reply.elements))
    return connection_.Restart("the stream of revocations cannot be read" +
                               (reply.Problem() ? ": " + *reply.Problem() : std::string()));
  if (must_begin_) return Begin();
  if (reply.elements.size() >= kEntriesAtOnce) return ReadRange();
  OnCaughtUp();
  Follow();
}

void RevocationFeed::OnCaughtUp() {
  is_caught_up_ = true;
  has_ever_caught_up_ = true;
  for (const Revocation& each : book_.List()) {
    RevocationBook::Key key = RevocationBook::KeyOf(each);
    if (!seen_.contains(key)) missing_.insert(std::move(key));
  }
  seen_.clear();
  StoreMissing();
}

void RevocationFeed::Follow() {
  connection_.Send(
      {"XREAD", "COUNT", std::to_string(kEntriesAtOnce), "BLOCK", std::to_string(kBlock.count()),
       "STREAMS", fleet_keys::kRevocations, position_},
      [this](const RedisReply& reply) { OnFollowed(reply); }, kBlock);
}

void RevocationFeed::OnFollowed(const RedisReply& reply) {
  if (reply.kind == RedisReply::Kind::kLost) return;
  if (must_begin_) return Begin();
  if (reply.kind == RedisReply::Kind::kNil) return Follow();
  // One stream: its name and its entries.
  const bool is_right = reply.is_array() && reply.elements.size() == 1 &&
                        reply.elements[0].is_array() && reply.elements[0].elements.size() == 2 &&
                        reply.elements[0].elements[1].is_array() &&
                        Take(reply.elements[0].elements[1].elements);
  if (!is_right)
    return connection_.Restart("the stream of revocations cannot be followed" +
                               (reply.Problem() ? ": " + *reply.Problem() : std::string()));
  Follow();
}

bool RevocationFeed::Take(const std::vector<RedisReply>& entries) {
  std::vector<Revocation> read;
  for (const RedisReply& each : entries) {
    auto entry = ReadStreamEntry(each);
    if (!entry) return false;
    position_ = std::move(entry->id);
    if (entry->revocation) {
      read.push_back(*std::move(entry->revocation));
    } else {
      ++ignored_;
    }
  }
  std::vector<RevocationBook::Key> keys;
  for (const Revocation& each : read) {
    // One that the book has made stricter meanwhile is yet to be stored.
    const Revocation* const known = book_.Find(RevocationBook::KeyOf(each));
    if (known != nullptr &&
        (known->revoked_at > each.revoked_at || known->forget_at > each.forget_at))
      continue;
    keys.push_back(RevocationBook::KeyOf(each));
  }
  if (!read.empty()) on_read_(std::move(read));
  for (RevocationBook::Key& key : keys) {
    missing_.erase(key);
    if (!is_caught_up_) seen_.insert(std::move(key));
  }
  return true;
}

void RevocationFeed::Store(const Revocation& revocation) {
  missing_.insert(RevocationBook::KeyOf(revocation));
  if (commands_.is_up()) StoreNow(revocation);
}

void RevocationFeed::StoreMissing() {
  if (!commands_.is_up() || !is_caught_up_ || in_flight_ != 0) return;
  std::vector<Revocation> due;
  for (auto each = missing_.begin(); each != missing_.end() && due.size() < kStoredAtOnce;) {
    const Revocation* const revocation = book_.Find(*each);
    if (revocation == nullptr) {
      each = missing_.erase(each);
      continue;
    }
    due.push_back(*revocation);
    ++each;
  }
  for (const Revocation& each : due) StoreNow(each);
}

void RevocationFeed::StoreNow(const Revocation& revocation) {
  std::vector<std::string> words{"XADD", fleet_keys::kRevocations};
  // What is older than the oldest in force is of no use; who has not read all cannot know.
  if (const auto oldest = book_.OldestRevokedAt(); oldest && is_caught_up_) {
    const auto since = std::chrono::floor<milliseconds>(*oldest - kClockSkew);
    words.insert(words.end(),
                 {"MINID", "~",
                  std::to_string(std::max<std::int64_t>(since.time_since_epoch().count(), 0))});
  }
  words.emplace_back("*");
  for (std::string& each : WriteRevocationFields(revocation)) words.push_back(std::move(each));
  ++in_flight_;
  commands_.Send(words, [this, key = RevocationBook::KeyOf(revocation)](const RedisReply& reply) {
    --in_flight_;
    const auto problem = reply.Problem();
    trouble_ = problem && reply.kind == RedisReply::Kind::kError
                   ? "a revocation cannot be stored: " + *problem
                   : std::string();
    if (!problem) missing_.erase(key);
    if (!problem && in_flight_ == 0) StoreMissing();
  });
}

}  // namespace relay
