#pragma once

#include <boost/asio/io_context.hpp>
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

 private:
  boost::asio::io_context& io_;
  Shard& shard_;
};

}  // namespace relay
