#include "server/net/shard_mailbox.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace relay {

void ShardMailbox::Post(std::function<void(Shard&)> message) {
  boost::asio::post(io_, [&shard = shard_, message = std::move(message)] { message(shard); });
}

void ShardMailbox::PostOfEngine(std::function<void(Shard&)> message) {
  engine_messages_.fetch_add(1);
  Post([this, message = std::move(message)](Shard& shard) {
    engine_messages_.fetch_sub(1);
    message(shard);
  });
}

}  // namespace relay
