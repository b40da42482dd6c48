#include "server/web/http_message.h"

#include <gtest/gtest.h>

namespace relay::http_message_test {

TEST(HttpMessage, ThePathEndsAtTheQuery) {
  EXPECT_EQ((HttpRequest{"GET", "/metrics?name=x", {}, "", {}}).path(), "/metrics");
  EXPECT_EQ((HttpRequest{"GET", "/metrics", {}, "", {}}).path(), "/metrics");
  EXPECT_EQ((HttpRequest{"GET", "*", {}, "", {}}).path(), "*");
}

TEST(HttpMessage, HeaderNamesHaveNoCase) {
  const HttpRequest request{"GET", "/", {{"Content-Type", "a"}, {"content-type", "b"}}, "", {}};
  EXPECT_EQ(request.FindHeader("CONTENT-TYPE"), "a");
  EXPECT_EQ(request.FindHeader("Content"), std::nullopt);
}

TEST(HttpMessage, ARefusedMethodNamesTheAllowedOnes) {
  const HttpResponse response = MethodNotAllowed("GET, HEAD");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.back(), std::pair(std::string("Allow"), std::string("GET, HEAD")));
}

}  // namespace relay::http_message_test
