#include "server/control/edge_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay::edge_routes_test {

HttpResponse Ask(const std::string& method, const std::string& target) {
  return AnswerEdge({method, target, {}, {}, {}});
}

TEST(EdgeRoutes, HaveNothingThatIsNotForTheInternet) {
  for (const char* target :
       {"/metrics", "/readyz", "/", "/turn", "/livez/", "//livez", "/livez/../metrics", "*",
        "http://example.org/livez", "", "/check", "/v1/ice-servers"}) {
    const HttpResponse response = Ask("GET", target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_EQ(response.body, "");
    EXPECT_TRUE(response.headers.empty());
  }
}

TEST(EdgeRoutes, SayThatTheServerLives) {
  for (const char* target : {"/livez", "/livez?verbose=1"}) {
    const HttpResponse response = Ask("GET", target);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "ok\n");
  }
  EXPECT_EQ(Ask("HEAD", "/livez").status, 200);
}

TEST(EdgeRoutes, RefuseOtherMethods) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"}) {
    const HttpResponse response = Ask(method, "/livez");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_THAT(response.headers, testing::Contains(testing::Pair("Allow", "GET, HEAD")));
  }
}

HttpResponse Refusal() {
  return {401,
          {{"Content-Type", "application/problem+json"},
           {"Cache-Control", "no-store"},
           {"WWW-Authenticate", "Bearer"}},
          "{\"status\":401,\"title\":\"Unauthorized\"}\n"};
}

TEST(ShortenForStrangers, LeavesTheAnswerToAnOrdinaryRequest) {
  const HttpRequest request{"POST",
                            "/v1/ice-servers",
                            {{"Host", "turn.example.org"}, {"User-Agent", "curl/7.88.1"}},
                            "",
                            {}};
  EXPECT_EQ(ShortenForStrangers(request, Refusal()).body, Refusal().body);
}

TEST(ShortenForStrangers, LeavesTheStatusOfAShortOne) {
  const HttpResponse response = ShortenForStrangers({"GET", "/v1/nodes", {}, "", {}}, Refusal());
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.body, "");
  EXPECT_THAT(response.headers, testing::ElementsAre(testing::Pair("WWW-Authenticate", "Bearer")));
}

TEST(ShortenForStrangers, LeavesNothingOfTheShortestOne) {
  const HttpResponse response = ShortenForStrangers({"GET", "/", {}, "", {}}, Refusal());
  EXPECT_EQ(response.status, 404);
  EXPECT_TRUE(response.headers.empty());
}

TEST(ShortenForStrangers, LeavesWhatIsNoRefusal) {
  const HttpResponse granted{201, {}, std::string(10000, 'x')};
  EXPECT_EQ(ShortenForStrangers({"GET", "/", {}, "", {}}, granted).body, granted.body);
}

}  // namespace relay::edge_routes_test
