#include "server/net/shard_mailbox.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace relay {

void ShardMailbox::Post(std::function<void(Shard&)> message) {
  boost::asio::post(io_, [&shard = shard_, message = std::move(message)] { message(shard); });
}

}  // namespace relay
