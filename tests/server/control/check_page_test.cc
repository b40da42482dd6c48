#include "server/control/check_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "auth/timed_credential.h"
#include "tests/support/seeded_random.h"

namespace relay::check_page_test {

namespace json = boost::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

CheckPageSettings Settings() {
  CheckPageSettings settings;
  settings.is_enabled = true;
  settings.udp_port = 49152;
  settings.tls_port = 443;
  settings.stun_ports = {49152, 3478};
  settings.rules = {{"udp", "49152-65535", true, "TURN"}};
  settings.destinations = {"*.turn.example.org"};
  settings.secret = {"k1", "a secret for tests"};
  return settings;
}

class CheckPageTest : public testing::Test {
 protected:
  std::optional<HttpResponse> Ask(const std::string& method, const std::string& target,
                                  std::string body = {}) {
    HttpRequest request{method, target, headers, std::move(body), client};
    return page.Answer(request, settings, now);
  }
  int StatusOf(const std::string& method, const std::string& target, std::string body = {}) {
    const auto response = Ask(method, target, std::move(body));
    return response ? response->status : 404;
  }
  json::object Session() { return json::parse(Ask("POST", "/check/session")->body).as_object(); }

  test_support::SeededRandom random{1};
  CheckPage page{random};
  CheckPageSettings settings = Settings();
  HttpHeaders headers{{"Host", "turn.example.org"}, {"Sec-Fetch-Site", "same-origin"}};
  base::Endpoint client = *base::Endpoint::Parse("20.1.2.3:40000");
  base::Now now{base::MonotonicTime(std::chrono::seconds(1000)),
                base::WallTime(std::chrono::seconds(1795197600))};
};

TEST_F(CheckPageTest, IsNotThereWhenItIsOff) {
  settings.is_enabled = false;
  for (const char* target : {"/check", "/check/page.js", "/check/session", "/check/rooms"}) {
    EXPECT_EQ(Ask("GET", target), std::nullopt) << target;
    EXPECT_EQ(Ask("POST", target), std::nullopt) << target;
  }
}

TEST_F(CheckPageTest, HasNothingElse) {
  for (const char* target : {"/", "/check/", "/checks", "/check/page.html", "/check/../metrics",
                             "/check/rooms/../session", "/check/PAGE.JS", "/metrics"}) {
    if (std::string_view(target).starts_with("/check/rooms/")) {
      EXPECT_EQ(StatusOf("GET", target), 404) << target;
    } else {
      EXPECT_EQ(Ask("GET", target), std::nullopt) << target;
    }
  }
}

TEST_F(CheckPageTest, IsStrictAboutWhatRunsInIt) {
  for (const char* target : {"/check", "/check/page.js", "/check/page.css", "/check/nothing.js"}) {
    const auto response = Ask("GET", target);
    if (!response) continue;
    EXPECT_EQ(response->status, 200);
    EXPECT_THAT(response->headers,
                Contains(Pair("Content-Security-Policy", HasSubstr("default-src 'none'"))));
    EXPECT_THAT(response->headers,
                Contains(Pair("Content-Security-Policy", HasSubstr("frame-ancestors 'none'"))));
    EXPECT_THAT(response->headers,
                Contains(Pair("Content-Security-Policy", Not(HasSubstr("unsafe")))));
    EXPECT_THAT(response->headers, Contains(Pair("X-Content-Type-Options", "nosniff")));
    EXPECT_THAT(response->headers, Contains(Pair("Referrer-Policy", "no-referrer")));
    EXPECT_THAT(response->headers, Contains(Pair("Cache-Control", "no-store")));
  }
}

TEST_F(CheckPageTest, NamesNothingFromElsewhere) {
  const std::string html = Ask("GET", "/check")->body;
  EXPECT_THAT(html, HasSubstr("<!doctype html>"));
  EXPECT_THAT(html, Not(HasSubstr("http:")));
  EXPECT_THAT(html, Not(HasSubstr("https:")));
  EXPECT_THAT(html, Not(HasSubstr("style=")));
  EXPECT_THAT(html, Not(HasSubstr("onclick")));
}

TEST_F(CheckPageTest, OtherMethodsAreRefused) {
  EXPECT_EQ(StatusOf("POST", "/check"), 405);
  EXPECT_EQ(StatusOf("GET", "/check/session"), 405);
  EXPECT_EQ(StatusOf("GET", "/check/rooms"), 405);
  EXPECT_EQ(StatusOf("DELETE", "/check/rooms/x"), 405);
}

TEST_F(CheckPageTest, GivesNothingToOtherSites) {
  headers = {{"Host", "turn.example.org"}, {"Origin", "https://evil.example"}};
  EXPECT_EQ(StatusOf("POST", "/check/session"), 403);
  EXPECT_EQ(StatusOf("POST", "/check/rooms"), 403);
  EXPECT_EQ(StatusOf("POST", "/check/rooms/x"), 403);
  headers = {{"Host", "turn.example.org"}};
  EXPECT_EQ(StatusOf("POST", "/check/session"), 403);
  const auto response = Ask("POST", "/check/session");
  EXPECT_THAT(response->headers, Not(Contains(Key("Access-Control-Allow-Origin"))));
}

TEST_F(CheckPageTest, CredentialsAreShortAndForRelaysOnly) {
  const auto response = Ask("POST", "/check/session");
  EXPECT_EQ(response->status, 201);
  EXPECT_THAT(response->headers, Contains(Pair("Cache-Control", "no-store")));
  const json::object session = json::parse(response->body).as_object();
  const std::string username(session.at("username").as_string());
  const auto parsed = auth::ParseTimedUsername(username);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->tenant, auth::kTestersTenant);
  EXPECT_EQ(parsed->kid, "k1");
  EXPECT_EQ(parsed->expires_at, now.wall + CheckPage::kCredentialLifetime);
  EXPECT_EQ(session.at("credential").as_string(),
            auth::TimedPassword("a secret for tests", username));
  EXPECT_THAT(response->body, Not(HasSubstr("a secret for tests")));
}

TEST_F(CheckPageTest, OneSourceIsOneSubjectUnderManyNames) {
  const auto subject_of = [](const json::object& session) {
    return std::string(
        auth::ParseTimedUsername(std::string(session.at("username").as_string()))->subject);
  };
  const json::object one = Session();
  const json::object two = Session();
  EXPECT_NE(one.at("username"), two.at("username"));
  EXPECT_EQ(subject_of(one), subject_of(two));
  EXPECT_THAT(std::string(one.at("username").as_string()), Not(HasSubstr("20.1.2.3")));
  client = *base::Endpoint::Parse("20.1.2.4:40000");
  EXPECT_NE(subject_of(Session()), subject_of(one));
}

TEST_F(CheckPageTest, TellsTheThreeWaysAndWhichAreMissing) {
  const json::object session = Session();
  const json::array& ways = session.at("ways").as_array();
  ASSERT_EQ(ways.size(), 3U);
  EXPECT_EQ(ways[0].at("url"), "turn:turn.example.org:49152?transport=udp");
  EXPECT_FALSE(ways[1].as_object().contains("url"));
  EXPECT_EQ(ways[2].at("url"), "turns:turn.example.org:443?transport=tcp");
  EXPECT_EQ(session.at("client"), "20.1.2.3");
  settings.host = "eu01.turn.example.org";
  EXPECT_EQ(Session().at("ways").as_array()[0].at("url"),
            "turn:eu01.turn.example.org:49152?transport=udp");
}

TEST_F(CheckPageTest, ASourceGetsSoManyCredentialsAndOthersGoOn) {
  int given = 0;
  while (given < 1000 && StatusOf("POST", "/check/session") == 201) ++given;
  EXPECT_EQ(given, static_cast<int>(CheckPage::kSessionBurst));
  const auto refused = Ask("POST", "/check/session");
  EXPECT_EQ(refused->status, 429);
  EXPECT_THAT(refused->headers, Contains(Key("Retry-After")));
  client = *base::Endpoint::Parse("20.1.2.4:40000");
  EXPECT_EQ(StatusOf("POST", "/check/session"), 201);
  client = *base::Endpoint::Parse("20.1.2.3:40001");
  now.monotonic += std::chrono::seconds(1);
  EXPECT_EQ(StatusOf("POST", "/check/session"), 201);
}

TEST_F(CheckPageTest, RequestsOfASourceAreLimited) {
  int answered = 0;
  while (answered < 10'000 && StatusOf("GET", "/check") == 200) ++answered;
  EXPECT_EQ(answered, static_cast<int>(CheckPage::kRequestBurst));
}

TEST_F(CheckPageTest, TwoDevicesMeetInARoom) {
  const auto response = Ask("POST", "/check/rooms");
  ASSERT_EQ(response->status, 201);
  const json::object room = json::parse(response->body).as_object();
  const std::string seat(room.at("seat").as_string());
  const std::string link(room.at("link").as_string());
  const std::string start = "https://turn.example.org/check#join=";
  ASSERT_THAT(link, testing::StartsWith(start));
  const std::string guest = link.substr(start.size());
  EXPECT_NE(seat, guest);
  const json::array& rows = room.at("qr").as_array();
  EXPECT_GE(rows.size(), 21U);
  for (const json::value& row : rows) EXPECT_EQ(row.as_string().size(), rows.size());

  EXPECT_EQ(StatusOf("POST", "/check/rooms/" + guest, "hello"), 204);
  EXPECT_EQ(Ask("GET", "/check/rooms/" + seat)->body, R"(["hello"])");
  EXPECT_EQ(Ask("GET", "/check/rooms/" + guest)->body, "[]");
  EXPECT_EQ(StatusOf("GET", "/check/rooms/" + seat + "x"), 404);
  EXPECT_EQ(
      StatusOf("POST", "/check/rooms/" + seat, std::string(CheckRooms::kMessageBytes + 1, 'x')),
      413);
}

TEST_F(CheckPageTest, AHostThatIsNoneGetsNoLink) {
  headers = {{"Host", "a\"b"}, {"Sec-Fetch-Site", "same-origin"}};
  EXPECT_EQ(StatusOf("POST", "/check/rooms"), 400);
  EXPECT_EQ(StatusOf("POST", "/check/session"), 400);
}

}  // namespace relay::check_page_test
