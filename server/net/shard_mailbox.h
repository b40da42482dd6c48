#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>

namespace relay {

class Shard;

// The one way from another thread into a shard: a message is a function that runs on the shard's
// thread with the shard as its argument. Post is thread-safe; messages of one sender keep their
// order; none runs after the shard stopped.
class ShardMailbox {
 public:
  ShardMailbox(boost::asio::io_context& io, Shard& shard) : io_(io), shard_(shard) {}
  void Post(std::function<void(Shard&)> message);
  // The same for what engines tell each other, which is on its way until the shard has it.
  void PostOfEngine(std::function<void(Shard&)> message);
  // Whether there is nothing on its way. Meaningful while no shard runs.
  bool has_no_engine_message() const { return engine_messages_.load() == 0; }

 private:
  boost::asio::io_context& io_;
  Shard& shard_;
  std::atomic<std::size_t> engine_messages_{0};
};

}  // namespace relay
