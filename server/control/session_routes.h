#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/time.h"
#include "server/control/relay_control.h"
#include "server/datapath/session_record.h"
#include "server/http/event_loop.h"
#include "server/http/line_server.h"

namespace relay {

// What an administrator can ask about single allocations, and do to them. The answers come when
// every shard has said its part. Control thread only.
class SessionRoutes {
 public:
  // Both must outlive the routes and every shard that they ask.
  SessionRoutes(EventLoop& loop, RelayControl& relay) : loop_(loop), relay_(relay) {}

  // "sessions text|json [limit N] [after ID] [user NAME]": a line for each of the first N
  // allocations by their ids, NAME being the rest of the line. Text has its cells parted by
  // tabulators, and its titles in the first line. The last line is "end", or "next ID" if there may
  // be more, which are to be asked for by "after ID": so no answer is long.
  void List(std::string_view arguments, const LineReply& reply) const;
  // "disconnect ID": ends one.
  void Disconnect(std::string_view arguments, const LineReply& reply) const;

 private:
  EventLoop& loop_;
  RelayControl& relay_;
};

// One allocation as a line of either kind, with its end.
std::string SessionText(const SessionRecord& session, const base::Now& now);
std::string SessionJson(const SessionRecord& session, const base::Now& now);

}  // namespace relay
