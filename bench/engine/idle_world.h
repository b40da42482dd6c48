#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/stun/integrity.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/effects.h"

// What an engine needs around it and what costs nothing: no socket is opened, no octet is sent.
namespace turn_bench {

inline constexpr std::string_view kRealm = "bench.example.test";
inline constexpr std::string_view kUser = "alice";
inline constexpr std::string_view kPassword = "of the benchmark";

// One user, whose key is at hand, as it is with a key in a configuration.
class OneUser final : public turn::CredentialSource {
 public:
  OneUser();

  void FindByUsername(std::string_view username, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override;
  void FindByUserhash(const base::Sha256Digest& userhash, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override;
  std::string_view token_server_name() const override { return {}; }
  std::optional<turn::Credential> OpenAccessToken(std::string_view kid,
                                                  base::Bytes token) const override;

 private:
  turn::Credential credential_;
};

// Keeps the last answer, and counts routes.
class IdleEffects final : public turn::Effects {
 public:
  void SendToClient(const turn::Client& client, base::Bytes message) override;
  bool HasClient(const turn::Client& client) override;
  void SendDataToClient(const turn::Client& client, base::Bytes message,
                        std::size_t payload_bytes) override;
  void SendToPeer(const turn::Client& client, turn::RelayHandle relay,
                  const turn::PeerAddress& peer, base::Bytes payload, bool dont_fragment) override;
  std::optional<turn::RelayHandle> OpenRelay(const turn::RelayedTransportAddress& address) override;
  void StartRelay(turn::RelayHandle relay, const turn::RelayedTransportAddress& address,
                  turn::UserNumber user) override;
  void StopRelay(turn::RelayHandle relay) override;
  void CloseRelay(turn::RelayHandle relay) override;
  void InstallRoute(const turn::Route& route) override;
  void RemoveRoute(const turn::RouteKey& key) override;
  void PostToShard(turn::ShardIndex shard, turn::EngineMessage message) override;
  void Report(const turn::Event& event) override;

  const std::vector<std::uint8_t>& last_answer() const { return last_answer_; }
  std::int64_t routes() const { return routes_; }

 private:
  std::vector<std::uint8_t> last_answer_;
  std::int32_t handles_ = 0;
  std::int64_t routes_ = 0;
};

}  // namespace turn_bench
