#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/base/check.h"
#include "server/control/admin_routes.h"
#include "server/control/session_routes.h"
#include "tests/server/control/fake_relay.h"
#include "tests/server/control/kept_answer.h"

namespace {

using relay::KeptAnswer;
using relay::LineReply;

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char each) {
    return static_cast<unsigned char>(each) >= ' ' || each == '\n' || each == '\t';
  });
}

// What stays from line to line.
struct Server {
  Server() {
    // No shard, so that nothing has to be waited for.
    relay.sessions.clear();
    const auto keep = [this](std::string_view given) {
      arguments = given;
      return std::string("done\n");
    };
    routes.Add("drain", keep);
    routes.Add("reload", keep);
    routes.AddLater("sessions", [this](std::string_view given, const LineReply& reply) {
      sessions.List(given, reply);
    });
    routes.AddLater("disconnect", [this](std::string_view given, const LineReply& reply) {
      sessions.Disconnect(given, reply);
    });
  }

  std::unique_ptr<relay::EventLoop> loop = std::move(relay::EventLoop::Create()).value();
  relay::FakeRelay relay;
  relay::SessionRoutes sessions{*loop, relay};
  relay::AdminRoutes routes;
  std::string arguments;
};

}  // namespace

// Any octets as a line of the admin socket: it is answered, once, with lines that a terminal can
// show, and a command sees its arguments as they stand in the line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server;
  const std::string line(reinterpret_cast<const char*>(data), size);
  server.arguments.clear();
  server.relay.filters.clear();
  const auto answer = std::make_shared<KeptAnswer>();
  server.routes.Answer(line, LineReply(answer));
  CHECK(answer->is_finished());
  const std::string text = answer->text();
  CHECK(text.ends_with('\n') && IsPrintable(text));
  // Nothing that was asked comes back at length.
  CHECK(text.size() < 1024);
  CHECK(line.find(server.arguments) != std::string::npos);
  CHECK(server.relay.filters.size() <= 1);
  for (const relay::SessionFilter& filter : server.relay.filters) {
    CHECK(filter.limit >= 1 && filter.limit <= 1000);
    if (filter.user) CHECK(!filter.user->empty() && line.find(*filter.user) != std::string::npos);
  }
  return 0;
}
