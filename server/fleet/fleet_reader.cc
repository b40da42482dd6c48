#include "server/fleet/fleet_reader.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "server/fleet/node_query.h"
#include "server/fleet/redis_connection.h"
#include "server/http/event_loop.h"

namespace relay {
namespace {

// A connection gives up on each of the two questions after two seconds; this is in case it does
// not.
constexpr std::chrono::seconds kReadingPatience{5};

// What stands in an answer goes to a terminal.
std::string Printable(std::string text) {
  std::ranges::replace_if(
      text, [](char each) { return each < ' ' || each > '~'; }, '?');
  return text;
}

// The two questions to one registry.
class Inquiry {
 public:
  Inquiry(EventLoop& loop, const RedisAddress& address, std::function<void()> on_over)
      : description_(address.Description()),
        on_over_(std::move(on_over)),
        connection_(loop, address, {.on_up = [] {}, .on_down = [] {}}) {}

  // Asked before there is a connection, it is also told when there will be none.
  void Start() {
    connection_.Start();
    connection_.Send(node_query::AskNames(), [this](const RedisReply& reply) { OnNames(reply); });
  }

  bool is_over() const { return is_over_; }
  const std::vector<FleetNode>& nodes() const { return nodes_; }
  // Empty: none.
  std::string trouble() const {
    const std::string what = is_over_ ? trouble_ : "it does not answer";
    if (what.empty()) return {};
    return Printable("the registry " + description_ + ": " + what);
  }

 private:
  void OnNames(const RedisReply& reply) {
    if (!reply.is_array()) return Fail(reply);
    names_ = node_query::NamesIn(reply);
    if (names_.empty()) return End();
    connection_.Send(node_query::AskNodes(names_),
                     [this](const RedisReply& nodes) { OnNodes(nodes); });
  }

  void OnNodes(const RedisReply& reply) {
    if (!reply.is_array() || reply.elements.size() != names_.size()) return Fail(reply);
    const base::WallTime now = base::ReadClocks().wall;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      auto announced = node_query::NodeIn(reply.elements[i], names_[i]);
      if (!announced) continue;
      announced->node.announced_at = now;
      nodes_.push_back(std::move(announced->node));
    }
    End();
  }

  void Fail(const RedisReply& reply) {
    if (reply.kind == RedisReply::Kind::kError) {
      trouble_ = "it refuses: " + *reply.Problem();
    } else if (reply.kind == RedisReply::Kind::kLost) {
      // If it was over before the question was put, the connection knows better why.
      trouble_ = connection_.trouble().empty() ? reply.text : connection_.trouble();
    } else {
      trouble_ = "its answer is none about nodes";
    }
    End();
  }

  void End() {
    is_over_ = true;
    on_over_();
  }

  const std::string description_;
  std::function<void()> on_over_;
  bool is_over_ = false;
  std::vector<std::string> names_;
  std::vector<FleetNode> nodes_;
  std::string trouble_;
  RedisConnection connection_;
};

}  // namespace

FleetReading ReadFleet(const std::vector<RedisAddress>& registries) {
  FleetReading reading;
  if (registries.empty()) return reading;
  auto created = EventLoop::Create();
  if (!created.ok()) {
    for (const RedisAddress& each : registries)
      reading.troubles.push_back("the registry " + each.Description() + ": " +
                                 created.error().message);
    return reading;
  }
  EventLoop& loop = *created.value();
  std::vector<std::unique_ptr<Inquiry>> inquiries;
  const auto stop_when_over = [&] {
    if (std::ranges::all_of(inquiries, [](const auto& each) { return each->is_over(); }))
      loop.Stop();
  };
  // The loop is not running yet when some are over at once.
  Timer begin(loop, [&] {
    for (const auto& each : inquiries) each->Start();
  });
  Timer give_up(loop, [&] { loop.Stop(); });
  for (const RedisAddress& each : registries)
    inquiries.push_back(std::make_unique<Inquiry>(loop, each, stop_when_over));
  begin.Start(std::chrono::seconds(0));
  give_up.Start(kReadingPatience);
  loop.Run();

  std::map<std::string, FleetNode> nodes;
  for (const auto& inquiry : inquiries) {
    for (const FleetNode& node : inquiry->nodes()) nodes.try_emplace(node.name, node);
    if (std::string trouble = inquiry->trouble(); !trouble.empty())
      reading.troubles.push_back(std::move(trouble));
  }
  for (auto& [name, node] : nodes) reading.nodes.push_back(std::move(node));
  return reading;
}

}  // namespace relay
