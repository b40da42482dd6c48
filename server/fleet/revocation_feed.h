#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "auth/revocation_book.h"
#include "server/fleet/redis_connection.h"
#include "server/fleet/revocation_text.h"

namespace relay {

// The stream of revocations in one Redis: reads all of it, then follows it; whenever the connection
// was lost, or the stream, it begins anew. What is in force and not in the stream is put there,
// whether it was revoked during an outage or the Redis has lost it. The loop's thread only.
class RevocationFeed {
 public:
  using OnRead = std::function<void(std::vector<auth::Revocation>)>;

  // `commands` is another connection with the same Redis, since this one waits for the stream.
  // `book` has what is in force; `on_read` adds to it. All must outlive the feed.
  RevocationFeed(EventLoop& loop, RedisAddress address, RedisConnection& commands,
                 const auth::RevocationBook& book, OnRead on_read);

  void Start() { connection_.Start(); }
  // The stream may have been lost.
  void Restart();
  // It has just been added to the book: stores it as soon as that can be done.
  void Store(const auth::Revocation& revocation);
  // A while has passed, or the other connection is up: tries again what could not be stored.
  void StoreMissing();

  // Whether all of the stream has been read at least once.
  bool has_caught_up() const { return has_ever_caught_up_; }
  const RedisConnection& connection() const { return connection_; }
  std::size_t missing() const { return missing_.size(); }
  // Why the last one could not be stored; empty: it could.
  const std::string& trouble() const { return trouble_; }
  // Entries that are no revocations.
  std::uint64_t ignored() const { return ignored_; }

 private:
  void Begin();
  void ReadRange();
  void OnRange(const RedisReply& reply);
  void OnCaughtUp();
  void Follow();
  void OnFollowed(const RedisReply& reply);
  // Whether they are entries of a stream; `position_` is behind the last of them then.
  bool Take(const std::vector<RedisReply>& entries);
  void StoreNow(const auth::Revocation& revocation);

  RedisConnection& commands_;
  const auth::RevocationBook& book_;
  OnRead on_read_;
  std::string position_ = "0-0";
  bool is_caught_up_ = false;
  bool must_begin_ = false;
  bool has_ever_caught_up_ = false;
  std::uint64_t ignored_ = 0;
  std::string trouble_;
  std::size_t in_flight_ = 0;
  std::set<auth::RevocationBook::Key> missing_;  // from the stream, of those in the book
  std::set<auth::RevocationBook::Key> seen_;     // until it has caught up
  RedisConnection connection_;
};

}  // namespace relay
