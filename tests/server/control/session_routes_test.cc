#include "server/control/session_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "tests/server/control/fake_relay.h"
#include "tests/server/control/kept_answer.h"

namespace relay::session_routes_test {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

SessionRecord Session(std::uint64_t id, const std::string& username = "alice") {
  SessionRecord session;
  session.id = id;
  session.username = username;
  session.client = {.client = *base::Endpoint::Parse("192.0.2.1:5000"),
                    .server = *base::Endpoint::Parse("192.0.2.2:5349"),
                    .transport = base::Transport::kTls};
  session.relayed = {*base::Endpoint::Parse("192.0.2.2:50000"),
                     *base::Endpoint::Parse("[2001:db8::2]:50001")};
  session.age = seconds(100);
  session.remaining = seconds(500);
  session.permissions = 2;
  session.channels = 1;
  session.traffic = {{{.packets = 3, .bytes = 300}, {.packets = 4, .bytes = 4000}}};
  return session;
}

// Answers are posted to the loop, which runs until there is one.
class SessionRoutesTest : public testing::Test {
 protected:
  using Route = void (SessionRoutes::*)(std::string_view, const LineReply&) const;

  std::string Ask(Route route, const std::string& arguments) {
    const auto answer = std::make_shared<KeptAnswer>();
    (routes_.*route)(arguments, LineReply(answer));
    if (!answer->is_finished()) {
      loop_->Post([this] { loop_->Stop(); });
      loop_->Run();
    }
    EXPECT_TRUE(answer->is_finished());
    return answer->text();
  }
  std::string List(const std::string& arguments) { return Ask(&SessionRoutes::List, arguments); }
  std::string Disconnect(const std::string& arguments) {
    return Ask(&SessionRoutes::Disconnect, arguments);
  }

  std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::Create()).value();
  FakeRelay relay_;
  SessionRoutes routes_{*loop_, relay_};
};

TEST_F(SessionRoutesTest, RefuseWhatTheyDoNotUnderstand) {
  for (const char* arguments : {"", "xml", "json limit", "json limit 0", "json limit 1001",
                                "json limit x", "json after -1", "json before 1", "json user"}) {
    EXPECT_THAT(List(arguments), StartsWith("error: sessions takes ")) << arguments;
  }
  for (const char* arguments : {"", "x", "-1", "1 2", "99999999999999999999"})
    EXPECT_THAT(Disconnect(arguments), StartsWith("error: disconnect takes ")) << arguments;
}

TEST_F(SessionRoutesTest, WithoutAShardThereIsNobody) {
  EXPECT_EQ(List("json"), "end\n");
  EXPECT_EQ(Disconnect("1"), "error: there is no allocation with the id 1\n");
}

TEST_F(SessionRoutesTest, PassOnWhatIsWanted) {
  relay_.sessions = {{}};
  List("json limit 10 after 5 user a user  with blanks");
  ASSERT_EQ(relay_.filters.size(), 1u);
  EXPECT_EQ(relay_.filters[0].limit, 10u);
  EXPECT_EQ(relay_.filters[0].after, 5u);
  EXPECT_EQ(relay_.filters[0].user, "a user  with blanks");
}

TEST_F(SessionRoutesTest, PagesPutTheShardsTogether) {
  relay_.sessions = {{Session(1), Session(4)}, {Session(2), Session(3), Session(5)}};
  std::string seen;
  std::string after = "0";
  for (int pages = 0; pages < 3; ++pages) {
    const std::string page = List("json limit 2 after " + after);
    for (std::size_t at = page.find("\"id\":"); at != std::string::npos;
         at = page.find("\"id\":", at + 1))
      seen += page[at + 5];
    const std::size_t next = page.find("next ");
    if (next == std::string::npos) break;
    after = page.substr(next + 5, 1);
  }
  EXPECT_EQ(seen, "12345");
}

TEST_F(SessionRoutesTest, JsonSaysEverything) {
  const base::Now now{base::MonotonicTime(seconds(1000)), base::WallTime(seconds(1795197600))};
  const auto json = boost::json::parse(SessionJson(Session(7, std::string(508, '"')), now));
  EXPECT_EQ(json.at("id").as_int64(), 7);
  EXPECT_EQ(json.at("user").as_string(), std::string(508, '"'));
  EXPECT_TRUE(json.at("tenant").is_null());
  EXPECT_EQ(json.at("transport"), "tls");
  EXPECT_EQ(json.at("client"), "192.0.2.1:5000");
  EXPECT_EQ(json.at("relayed").as_array().size(), 2u);
  EXPECT_EQ(json.at("started"), "2026-11-20T17:58:20Z");
  EXPECT_EQ(json.at("expires"), "2026-11-20T18:08:20Z");
  EXPECT_EQ(json.at("packets_to_peers").as_int64(), 3);
  EXPECT_EQ(json.at("bytes_to_client").as_int64(), 4000);
}

TEST_F(SessionRoutesTest, TextIsOneLineWhateverTheNameIs) {
  const base::Now now{base::MonotonicTime(seconds(1000)), base::WallTime(seconds(1795197600))};
  EXPECT_EQ(SessionText(Session(7, "a\tb\nc"), now),
            "7\t\"a\\u{9}b\\u{a}c\"\t-\ttls\t192.0.2.1:5000\t"
            "192.0.2.2:50000,[2001:db8::2]:50001\t2026-11-20T17:58:20Z\tin 8m 20s\t2\t1\t"
            "3 packets, 300B\t4 packets, 4.0kB\n");
}

TEST_F(SessionRoutesTest, ASecondDisconnectFindsNobody) {
  relay_.sessions = {{Session(1)}, {Session(2)}};
  EXPECT_EQ(Disconnect("2"), "allocation 2 has ended\n");
  EXPECT_EQ(Disconnect("2"), "error: there is no allocation with the id 2\n");
}

}  // namespace relay::session_routes_test
