#include "server/control/credential_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <optional>

#include "tests/server/control/fake_bearer_check.h"
#include "tests/server/control/memory_fleet.h"

namespace relay::credential_routes_test {

namespace json = boost::json;
using auth::Revocation;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

std::string Header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

class CredentialRoutesTest : public testing::Test {
 protected:
  CredentialRoutesTest() {
    settings_.region = "eu";
    settings_.secrets = auth::KeyRing({auth::SharedSecret{"k1", "a secret"}});
    settings_.named_issuers = {"https://acme.id.example"};
    settings_.allowed_origins = {"https://console.example"};
    settings_.api_keys = {{"an api key", "nextcloud"}};
    AddToken("mints", true, false);
    AddToken("administers", false, true);
    FleetNode node;
    node.name = "eu1";
    node.region = "eu";
    node.stun_urls = {"stun:eu1:49152"};
    node.turn_urls = {"turn:eu1:49152?transport=udp"};
    fleet_.Announce(node);
    fleet_.OnRevocations([this](const std::vector<Revocation>& all) { revoked_ = all; });
  }

  void AddToken(const std::string& token, bool may_mint, bool may_administer) {
    auth::BearerIdentity identity;
    identity.issuer = "https://acme.id.example";
    identity.subject = "alice";
    identity.tenant = "acme";
    identity.may_mint = may_mint;
    identity.may_administer = may_administer;
    identity.expires_at = now_.wall + std::chrono::hours(24);
    bearer_.answers.insert_or_assign(token, identity);
  }
  CredentialRoutes& routes() {
    if (routes_ == nullptr) {
      routes_ = std::make_unique<CredentialRoutes>(
          settings_,
          CredentialRoutes::Parts{fleet_, bearer_, counters_, random_, [this] { return now_; }});
    }
    return *routes_;
  }
  // The answer, if it has come at once.
  HttpResponse Ask(const std::string& method, const std::string& target, const std::string& token,
                   const std::string& body = "", HttpHeaders headers = {}) {
    HttpRequest request{method, target, std::move(headers), body, client_};
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    if (!body.empty() && !request.FindHeader("Content-Type"))
      request.headers.emplace_back("Content-Type", "application/json");
    last_.reset();
    routes().Answer(request, [this](HttpResponse response) {
      EXPECT_FALSE(last_.has_value()) << "answered twice";
      last_ = std::move(response);
    });
    return last_.value_or(HttpResponse{0, {}, {}});
  }
  HttpResponse Mint(const std::string& body = "") {
    return Ask("POST", "/v1/ice-servers", "mints", body);
  }
  std::uint64_t Issued(IssueOutcome outcome) {
    return counters_.credentials_issued[LabelIndex(outcome)].Read();
  }

  base::Now now_{base::MonotonicTime(seconds(1000)), base::WallTime(seconds(1'795'194'000))};
  base::Endpoint client_{*base::IpAddress::Parse("192.0.2.1"), 1234};
  CredentialSettings settings_;
  MemoryFleet fleet_;
  FakeBearerCheck bearer_;
  ProcessCounters counters_;
  base::OsRandom random_;
  std::vector<Revocation> revoked_;
  std::unique_ptr<CredentialRoutes> routes_;
  std::optional<HttpResponse> last_;
};

TEST_F(CredentialRoutesTest, RefusesEveryBadToken) {
  using Error = auth::BearerError;
  for (const Error error :
       {Error::kMalformed, Error::kAlgorithm, Error::kHeader, Error::kIssuer, Error::kUnknownKey,
        Error::kSignature, Error::kAudience, Error::kExpired, Error::kNotYetValid}) {
    bearer_.answers.insert_or_assign("bad", error);
    const HttpResponse response = Ask("POST", "/v1/ice-servers", "bad");
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(Header(response, "WWW-Authenticate"), "Bearer error=\"invalid_token\"");
    EXPECT_EQ(Header(response, "Content-Type"), "application/problem+json");
  }
  EXPECT_EQ(Issued(IssueOutcome::kUnauthenticated), 9U);
}

TEST_F(CredentialRoutesTest, AsksToComeAgainWhenKeysCannotBeHad) {
  bearer_.answers.insert_or_assign("mints", auth::BearerError::kKeysUnavailable);
  const HttpResponse response = Mint();
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(Header(response, "Retry-After"), "");
  EXPECT_EQ(Issued(IssueOutcome::kUnavailable), 1U);
}

TEST_F(CredentialRoutesTest, HoldsEachScopeToItsPurpose) {
  const HttpResponse response = Ask("POST", "/v1/ice-servers", "administers");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(Header(response, "WWW-Authenticate"), "Bearer error=\"insufficient_scope\"");
  EXPECT_EQ(Ask("GET", "/v1/nodes", "mints").status, 403);
  EXPECT_EQ(Ask("POST", "/v1/revocations", "mints", "{\"kid\":\"k1\"}").status, 403);
  EXPECT_EQ(Ask("POST", "/v1/credentials/1795197600:x/revoke", "mints").status, 403);
  EXPECT_THAT(revoked_, IsEmpty());
}

TEST_F(CredentialRoutesTest, RefusesBodiesThatItCannotRead) {
  EXPECT_EQ(Mint("{").status, 422);
  EXPECT_EQ(Mint("{\"region\": \"ap\"}").status, 422);
  EXPECT_EQ(Ask("POST", "/v1/ice-servers", "mints", "{}", {{"Content-Type", "text/plain"}}).status,
            415);
  EXPECT_EQ(Mint(std::string(17000, ' ')).status, 413);
  EXPECT_EQ(Ask("POST", "/v1/revocations", "administers").status, 415);
  EXPECT_EQ(Ask("POST", "/v1/revocations", "administers", "{}").status, 422);
  EXPECT_EQ(Ask("POST", "/v1/credentials/alice/revoke", "administers").status, 422);
  EXPECT_EQ(Ask("POST", "/v1/credentials/%zz/revoke", "administers").status, 422);
}

TEST_F(CredentialRoutesTest, ReadsTheMediaTypeWithoutItsParameters) {
  EXPECT_EQ(Ask("POST", "/v1/ice-servers", "mints", "{}",
                {{"Content-Type", "Application/JSON; charset=utf-8"}})
                .status,
            201);
}

TEST_F(CredentialRoutesTest, Mints) {
  const HttpResponse response = Mint("{\"ttl\": 600, \"custom_identifier\": \"room-7\"}");
  ASSERT_EQ(response.status, 201);
  EXPECT_EQ(Header(response, "Cache-Control"), "no-store");
  const json::object document = json::parse(response.body).as_object();
  EXPECT_EQ(document.at("ttl").as_int64(), 600);
  EXPECT_EQ(response.body.find("alice"), std::string::npos);
  EXPECT_EQ(response.body.find("room-7"), std::string::npos);
  EXPECT_EQ(Issued(IssueOutcome::kIssued), 1U);
}

TEST_F(CredentialRoutesTest, MintsNothingBeyondTheToken) {
  auth::BearerIdentity identity = std::get<auth::BearerIdentity>(bearer_.answers.at("mints"));
  identity.expires_at = now_.wall + seconds(42);
  bearer_.answers.insert_or_assign("mints", identity);
  EXPECT_EQ(json::parse(Mint().body).as_object().at("ttl").as_int64(), 42);
  // Within the skew of a token that has just expired.
  identity.expires_at = now_.wall - seconds(30);
  bearer_.answers.insert_or_assign("mints", identity);
  EXPECT_EQ(Mint().status, 401);
}

TEST_F(CredentialRoutesTest, HasNothingToGiveWithoutARelay) {
  fleet_.Withdraw();
  const HttpResponse response = Mint();
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(Header(response, "Retry-After"), "");
}

TEST_F(CredentialRoutesTest, LimitsSubjectsTenantsAndSources) {
  const Config::Rate once{1, seconds(100)};
  settings_.mints_per_subject = once;
  EXPECT_EQ(Mint().status, 201);
  const HttpResponse refused = Mint();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(Header(refused, "Retry-After"), "100");
  now_.monotonic += seconds(100);
  EXPECT_EQ(Mint().status, 201);

  settings_.mints_per_subject = {};
  settings_.mints_per_tenant = once;
  routes().SetSettings(settings_);
  EXPECT_EQ(Mint().status, 201);
  EXPECT_EQ(Mint().status, 429);

  settings_.mints_per_tenant = {};
  settings_.mints_per_source = once;
  routes().SetSettings(settings_);
  EXPECT_EQ(Ask("POST", "/v1/ice-servers", "guess").status, 401);
  EXPECT_EQ(Mint().status, 429) << "guesses count";
  client_.address = *base::IpAddress::Parse("192.0.2.2");
  EXPECT_EQ(Mint().status, 201);
}

TEST_F(CredentialRoutesTest, BelievesNoForwardedAddress) {
  settings_.mints_per_source = {1, seconds(100)};
  const HttpHeaders headers = {{"X-Forwarded-For", "203.0.113.9"}};
  EXPECT_EQ(Ask("POST", "/v1/ice-servers", "mints", "", headers).status, 201);
  EXPECT_EQ(Ask("POST", "/v1/ice-servers", "mints").status, 429);
}

TEST_F(CredentialRoutesTest, AnswersWhenTheTokenIsKnown) {
  bearer_.is_slow = true;
  EXPECT_EQ(Mint().status, 0);
  ASSERT_THAT(bearer_.waiting, SizeIs(1));
  bearer_.waiting[0]();
  ASSERT_TRUE(last_.has_value());
  EXPECT_EQ(last_->status, 201);
}

TEST_F(CredentialRoutesTest, AnswersNobodyAfterItsEnd) {
  bearer_.is_slow = true;
  Mint();
  routes_.reset();
  bearer_.waiting[0]();
  EXPECT_FALSE(last_.has_value());
}

TEST_F(CredentialRoutesTest, RevokesByUserName) {
  EXPECT_EQ(Ask("POST", "/v1/credentials/1795197600%3Ak1.acme.h%3Aj/revoke", "administers").status,
            204);
  EXPECT_THAT(revoked_, ElementsAre(Field(&Revocation::value, "1795197600:k1.acme.h:j")));
}

TEST_F(CredentialRoutesTest, RevokesWhatItMinted) {
  const json::object minted = json::parse(Mint().body).as_object();
  const std::string username(
      minted.at("iceServers").as_array()[1].as_object().at("username").as_string());
  EXPECT_EQ(Ask("POST", "/v1/revocations", "administers", "{\"subject\": \"alice\"}").status, 204);
  ASSERT_THAT(revoked_, SizeIs(1));
  EXPECT_EQ(revoked_[0].kind, Revocation::Kind::kSubject);
  EXPECT_NE(username.find("." + revoked_[0].value + ":"), std::string::npos);
}

TEST_F(CredentialRoutesTest, ListsNodes) {
  const HttpResponse response = Ask("GET", "/v1/nodes", "administers");
  ASSERT_EQ(response.status, 200);
  const json::array nodes = json::parse(response.body).as_object().at("nodes").as_array();
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].as_object().at("name").as_string(), "eu1");
}

TEST_F(CredentialRoutesTest, KnowsTheRestFormOnlyWithKeys) {
  EXPECT_TRUE(routes().Knows("/"));
  settings_.api_keys.clear();
  routes().SetSettings(settings_);
  EXPECT_FALSE(routes().Knows("/"));
}

TEST_F(CredentialRoutesTest, GivesApplicationsTheRestForm) {
  EXPECT_EQ(Ask("GET", "/?service=turn&key=other", "").status, 401);
  const HttpResponse response = Ask("GET", "/?service=turn&username=bob&key=an+api%20key", "");
  ASSERT_EQ(response.status, 200);
  const json::object document = json::parse(response.body).as_object();
  EXPECT_EQ(document.size(), 4U);
  EXPECT_NE(document.at("username").as_string().find(".nextcloud."), json::string::npos);
}

TEST_F(CredentialRoutesTest, SpeaksToPagesOfAllowedOriginsOnly) {
  const HttpHeaders good = {{"Origin", "https://console.example"},
                            {"Access-Control-Request-Method", "POST"}};
  const HttpResponse preflight = Ask("OPTIONS", "/v1/ice-servers", "", "", good);
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(Header(preflight, "Access-Control-Allow-Origin"), "https://console.example");
  EXPECT_EQ(Header(preflight, "Access-Control-Allow-Methods"), "POST, OPTIONS");
  EXPECT_EQ(
      Header(Ask("POST", "/v1/ice-servers", "mints", "", good), "Access-Control-Allow-Origin"),
      "https://console.example");
  const HttpHeaders bad = {{"Origin", "https://console.example.org"},
                           {"Access-Control-Request-Method", "POST"}};
  for (const char* method : {"OPTIONS", "POST"}) {
    EXPECT_EQ(
        Header(Ask(method, "/v1/ice-servers", "mints", "", bad), "Access-Control-Allow-Origin"),
        "");
  }
  EXPECT_EQ(counters_.credentials_issued[LabelIndex(IssueOutcome::kIssued)].Read(), 2U)
      << "preflights are no requests for credentials";
}

TEST_F(CredentialRoutesTest, NamesTheMethodsOfAPath) {
  const HttpResponse response = Ask("GET", "/v1/ice-servers", "mints");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(Header(response, "Allow"), "POST, OPTIONS");
}

}  // namespace relay::credential_routes_test
