#include "server/control/session_routes.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "server/control/admin_routes.h"
#include "server/control/json_object.h"
#include "server/control/quantity_text.h"
#include "server/log/log_text.h"
#include "server/metrics/metric_labels.h"

namespace relay {
namespace {

constexpr std::size_t kDefaultLimit = 500;
constexpr std::size_t kMaxLimit = 1000;
// RFC 8489 section 14.3: 508 octets at most. In JSON none is lost.
constexpr std::size_t kMaxUsernameBytes = 512;

constexpr std::string_view kSessionsUsage =
    "sessions takes \"text\" or \"json\", and then \"limit\" with a number up to 1000, \"after\" "
    "with an id, \"user\" with a name";

struct SessionRequest {
  bool is_json = false;
  SessionFilter filter{.after = 0, .limit = kDefaultLimit, .user = std::nullopt};
};

// What all shards have said, once they have.
template <typename Answer>
struct Gathering {
  std::size_t awaited = 0;
  std::vector<Answer> answers;
};

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// Takes the first word, and the blank behind it, away from the text.
std::string_view TakeWord(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

std::optional<SessionRequest> ParseSessionRequest(std::string_view arguments) {
  SessionRequest request;
  const std::string_view format = TakeWord(arguments);
  request.is_json = format == "json";
  if (!request.is_json && format != "text") return std::nullopt;
  while (!arguments.empty()) {
    const std::string_view word = TakeWord(arguments);
    if (word == "user" && !arguments.empty()) {
      request.filter.user = std::string(arguments);
      return request;
    }
    const auto number = ParseNumber(TakeWord(arguments));
    if (word == "after" && number) {
      request.filter.after = *number;
    } else if (word == "limit" && number && *number > 0 && *number <= kMaxLimit) {
      request.filter.limit = *number;
    } else {
      return std::nullopt;
    }
  }
  return request;
}

std::string RelayedText(const SessionRecord& session) {
  std::string out;
  for (const base::Endpoint& relayed : session.relayed)
    out += (out.empty() ? "" : ",") + relayed.ToString();
  return out;
}

std::string RelayedJson(const SessionRecord& session) {
  std::string out = "[";
  for (const base::Endpoint& relayed : session.relayed)
    out += (out.size() > 1 ? "," : "") + Quoted(relayed.ToString());
  return out + "]";
}

std::string TrafficText(const Traffic& traffic) {
  return std::to_string(traffic.packets) + " packets, " +
         ScaledText(static_cast<double>(traffic.bytes)) + "B";
}

std::string Escaped(std::string_view text) {
  std::string out;
  AppendLogText(out, text);
  return out;
}

std::string TabbedLine(std::initializer_list<std::string> cells) {
  std::string line;
  for (const std::string& cell : cells) line += (line.empty() ? "" : "\t") + cell;
  return line + "\n";
}

std::string Titles() {
  return TabbedLine({"ID", "USER", "TENANT", "TRANSPORT", "CLIENT", "RELAYED", "STARTED", "EXPIRES",
                     "PERMISSIONS", "CHANNELS", "TO PEERS", "TO CLIENT"});
}

base::WallTime StartOf(const SessionRecord& session, const base::Now& now) {
  return now.wall - std::chrono::duration_cast<base::WallTime::duration>(session.age);
}

std::string RenderPage(const SessionRequest& request,
                       const std::vector<std::vector<SessionRecord>>& of_shards) {
  std::vector<const SessionRecord*> sessions;
  for (const auto& shard : of_shards) {
    for (const SessionRecord& session : shard) sessions.push_back(&session);
  }
  std::ranges::sort(sessions, {}, &SessionRecord::id);
  const bool is_full = sessions.size() >= request.filter.limit;
  if (is_full) sessions.resize(request.filter.limit);
  const base::Now now = base::ReadClocks();
  std::string page = request.is_json ? "" : Titles();
  for (const SessionRecord* session : sessions)
    page += request.is_json ? SessionJson(*session, now) : SessionText(*session, now);
  return page + (is_full ? "next " + std::to_string(sessions.back()->id) : "end") + "\n";
}

}  // namespace

std::string SessionText(const SessionRecord& session, const base::Now& now) {
  return TabbedLine({std::to_string(session.id), Escaped(session.username),
                     session.tenant.empty() ? "-" : Escaped(session.tenant),
                     std::string(kTransportLabels[LabelIndex(session.client.transport)]),
                     session.client.client.ToString() + (session.is_detached ? " (gone)" : ""),
                     RelayedText(session), TimeText(StartOf(session, now)),
                     "in " + DurationText(session.remaining), std::to_string(session.permissions),
                     std::to_string(session.channels),
                     TrafficText(session.traffic[LabelIndex(Direction::kClientToPeer)]),
                     TrafficText(session.traffic[LabelIndex(Direction::kPeerToClient)])});
}

std::string SessionJson(const SessionRecord& session, const base::Now& now) {
  const Traffic& to_peers = session.traffic[LabelIndex(Direction::kClientToPeer)];
  const Traffic& to_client = session.traffic[LabelIndex(Direction::kPeerToClient)];
  JsonObject object;
  object.Add("id", session.id)
      .Add("user", Quoted(session.username, kMaxUsernameBytes))
      .Add("tenant", session.tenant.empty() ? "null" : Quoted(session.tenant, kMaxUsernameBytes))
      .Add("transport", Quoted(kTransportLabels[LabelIndex(session.client.transport)]))
      .Add("client", Quoted(session.client.client.ToString()))
      .Add("server", Quoted(session.client.server.ToString()))
      .Add("relayed", RelayedJson(session))
      .Add("waits_for_client", std::string_view(session.is_detached ? "true" : "false"))
      .Add("started", Quoted(TimeText(StartOf(session, now))))
      .Add("expires", Quoted(TimeText(now.wall + session.remaining)))
      .Add("remaining_seconds", session.remaining.count())
      .Add("permissions", session.permissions)
      .Add("channels", session.channels)
      .Add("packets_to_peers", to_peers.packets)
      .Add("bytes_to_peers", to_peers.bytes)
      .Add("packets_to_client", to_client.packets)
      .Add("bytes_to_client", to_client.bytes);
  return object.Finish() + "\n";
}

void SessionRoutes::List(std::string_view arguments, const LineReply& reply) const {
  const auto request = ParseSessionRequest(arguments);
  if (!request) return reply.Finish(AdminError(kSessionsUsage));
  // Both are for this thread only: shards merely carry them along.
  const auto gathering = std::make_shared<Gathering<std::vector<SessionRecord>>>();
  const auto finish = [request = *request, gathering, reply] {
    reply.Finish(RenderPage(request, gathering->answers));
  };
  const auto sink = [&loop = loop_, gathering, finish](std::vector<SessionRecord> sessions) {
    const auto shared = std::make_shared<std::vector<SessionRecord>>(std::move(sessions));
    loop.Post([gathering, finish, shared] {
      gathering->answers.push_back(std::move(*shared));
      if (gathering->answers.size() == gathering->awaited) finish();
    });
  };
  gathering->awaited = relay_.CollectSessions(request->filter, sink);
  if (gathering->awaited == 0) finish();
}

void SessionRoutes::Disconnect(std::string_view arguments, const LineReply& reply) const {
  const auto id = ParseNumber(arguments);
  if (!id) return reply.Finish(AdminError("disconnect takes the id of an allocation, a number"));
  const auto gathering = std::make_shared<Gathering<char>>();
  const auto finish = [id = *id, gathering, reply] {
    if (std::ranges::count(gathering->answers, 1) > 0)
      return reply.Finish("allocation " + std::to_string(id) + " has ended\n");
    reply.Finish(AdminError("there is no allocation with the id " + std::to_string(id)));
  };
  const auto sink = [&loop = loop_, gathering, finish](bool is_done) {
    loop.Post([gathering, finish, is_done] {
      gathering->answers.push_back(is_done ? 1 : 0);
      if (gathering->answers.size() == gathering->awaited) finish();
    });
  };
  gathering->awaited = relay_.Disconnect(*id, sink);
  if (gathering->awaited == 0) finish();
}

}  // namespace relay
