#include "server/config/fields.h"
#include "server/config/text_rules.h"

// Who may use the relay.
namespace relay {
namespace {

using namespace fields;  // NOLINT(google-build-using-namespace): the table reads better

// One key in hexadecimal or a list of both.
Row UserKeyRow() {
  Row row;
  row.path = "auth.users[].key";
  row.shape = Row::Shape::kStructure;
  row.type = "hex or list of hex";
  row.accepted = "32 hexadecimal digits (MD5), 64 (SHA-256), or a list of both";
  row.doc =
      "Instead of the password: MD5 or SHA-256 of `username:realm:password` in hexadecimal, or a "
      "list "
      "of both. A user with one of them is known to clients that choose that algorithm; with "
      "`protocol.password_algorithms` new clients choose SHA-256.";
  row.parse = [](Draft& draft, const Value& value) {
    std::vector<Row::Problem> problems;
    const auto take = [&](const Value& item, const std::string& suffix) {
      const auto text = TakeScalar(item, suffix, problems);
      if (!text) return;
      const auto octets = base::HexDecode(*text);
      if (!octets || (octets->size() != 16 && octets->size() != 32)) {
        problems.push_back({suffix, item.position, "is not the hexadecimal form of such a key"});
      } else {
        draft.users.back().keys_hex.push_back(*text);
      }
    };
    if (value.kind != Value::Kind::kList) {
      take(value, "");
    } else {
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        take(value.items[i], "[" + std::to_string(i) + "]");
      }
    }
    return problems;
  };
  row.print = [](const Draft&) { return std::string(); };
  return row;
}

void AppendUserRows(std::vector<Row>& rows) {
  const auto password = [](auto& draft) -> auto& { return draft.users.back().password; };
  rows.push_back(ListOfMaps(
      "auth.users", "list of users",
      "Users with fixed names. Each has one of `password`, `password_file` and `key`; only keys "
      "are "
      "kept in memory.",
      [](Draft& draft) { draft.users.clear(); }, [](Draft& draft) { draft.users.emplace_back(); }));
  CompareBy(rows.back(), CONFIG_MEMBER(auth.users));
  rows.push_back(Required(Scalar(
      "auth.users[].username", OpaqueText("user name"),
      [](auto& draft) -> auto& { return draft.users.back().username; },
      "Up to 508 octets of UTF-8 in normalization form C; spaces outside ASCII become the "
      "ASCII space.")));
  rows.push_back(Scalar("auth.users[].password", OpaqueText("password"), password,
                        "UTF-8 in normalization form C."));
  rows.push_back(FromFile("auth.users[].password_file", OpaqueText("password"), password,
                          "A file with the password."));
  rows.push_back(UserKeyRow());
}

void AppendAccessTokenRows(std::vector<Row>& rows) {
  const auto key = [](auto& draft) -> auto& {
    return draft.config.auth.access_tokens.keys.back().key_base64;
  };
  rows.push_back(Scalar("auth.access_tokens.server_name", PrintableText("name", 0, 255),
                        CONFIG_MEMBER(auth.access_tokens.server_name),
                        "Third-party authorization (RFC 7635): the name of this server that "
                        "clients are told and tokens are sealed for. Up to 40 octets keep the "
                        "answer to strangers small."));
  rows.push_back(ListOfMaps(
      "auth.access_tokens.keys", "list of keys",
      "Keys shared with authorization servers, any number of them, so that they can be changed "
      "without a gap. Users, shared secrets and access tokens work side by side. Each has one of "
      "`key` and `key_file`.",
      [](Draft& draft) { draft.config.auth.access_tokens.keys.clear(); },
      [](Draft& draft) { draft.config.auth.access_tokens.keys.emplace_back(); }));
  CompareBy(rows.back(), CONFIG_MEMBER(auth.access_tokens.keys));
  rows.push_back(
      Required(Scalar("auth.access_tokens.keys[].kid", PrintableText("key name", 1, 128),
                      CONFIG_MEMBER(auth.access_tokens.keys.back().kid),
                      "The key's name, which clients send as their user name. All its tokens "
                      "together are one tenant for `limits.allocations_per_tenant`, each token is "
                      "a user for `limits.allocations_per_user`.")));
  rows.push_back(Scalar("auth.access_tokens.keys[].algorithm",
                        Choice<std::string>({{"A256GCM", "A256GCM"}, {"A128GCM", "A128GCM"}}),
                        CONFIG_MEMBER(auth.access_tokens.keys.back().algorithm),
                        "How tokens are sealed: A256GCM with a key of 32 octets, A128GCM with one "
                        "of 16."));
  rows.push_back(Scalar("auth.access_tokens.keys[].key", Base64Secret(), key,
                        "The key, in base64; `openssl rand -base64 32` makes one."));
  rows.push_back(FromFile("auth.access_tokens.keys[].key_file", Base64Secret(), key,
                          "A file with the key, in base64."));
}

}  // namespace

void AppendAuthRows(std::vector<Row>& rows) {
  using ExpiredRefresh = Config::ExpiredRefresh;
  AppendUserRows(rows);
  rows.push_back(ListOfMaps(
      "auth.shared_secrets", "list of secrets",
      "Secrets of TURN REST credentials. The first signs, all verify, users and secrets work side "
      "by "
      "side. Each has one of `secret` and `secret_file`.",
      [](Draft& draft) { draft.config.auth.shared_secrets.clear(); },
      [](Draft& draft) { draft.config.auth.shared_secrets.emplace_back(); }));
  CompareBy(rows.back(), CONFIG_MEMBER(auth.shared_secrets));
  rows.push_back(Required(Scalar("auth.shared_secrets[].id", Label("name"),
                                 CONFIG_MEMBER(auth.shared_secrets.back().id),
                                 "The secret's name, part of user names and logs.")));
  rows.push_back(Scalar("auth.shared_secrets[].secret", Secret(),
                        CONFIG_MEMBER(auth.shared_secrets.back().secret),
                        "The secret, used as it is; `openssl rand -base64 32` makes a good one."));
  rows.push_back(FromFile("auth.shared_secrets[].secret_file", Secret(),
                          CONFIG_MEMBER(auth.shared_secrets.back().secret),
                          "A file with the secret."));
  rows.push_back(Scalar("auth.shared_secrets[].region", LabelOrNothing("region"),
                        CONFIG_MEMBER(auth.shared_secrets.back().region),
                        "Whose relays have it; empty: all. The credential service signs for a "
                        "relay with the first that it has, and relays of other regions do not "
                        "take it."));
  rows.push_back(Scalar("auth.expired_refresh.policy",
                        Choice<ExpiredRefresh>({{"grace", ExpiredRefresh::kGrace},
                                                {"refuse", ExpiredRefresh::kRefuse}}),
                        CONFIG_MEMBER(auth.expired_refresh),
                        "Whether an allocation may be refreshed after its user name expired."));
  rows.push_back(Scalar(
      "auth.expired_refresh.max", Duration(std::chrono::seconds(0), std::chrono::days(30)),
      CONFIG_MEMBER(auth.expired_refresh_max), "With `grace`: for how long after the expiry."));
  AppendAccessTokenRows(rows);
}

}  // namespace relay
