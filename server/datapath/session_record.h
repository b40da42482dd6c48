#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/five_tuple.h"
#include "server/datapath/relay_traffic.h"

namespace relay {

// One allocation as an administrator sees it.
struct SessionRecord {
  std::uint64_t id = 0;
  std::string username;
  std::string tenant;  // empty: none
  base::FiveTuple client;
  bool is_detached = false;  // waits for its client with a mobility ticket; `client` was the last
  std::vector<base::Endpoint> relayed;  // as the world knows them
  std::chrono::nanoseconds age{0};
  std::chrono::seconds remaining{0};  // until it expires unless it is refreshed
  std::size_t permissions = 0;
  std::size_t channels = 0;
  RelayTraffic traffic{};
};

// Which allocations are wanted: the lowest ids above `after`, at most `limit` of them.
struct SessionFilter {
  std::uint64_t after = 0;
  std::size_t limit = 0;
  std::optional<std::string> user;  // a user name, or the subject that it stands for
};

}  // namespace relay
