#include "bench/engine/idle_world.h"

namespace turn_bench {

OneUser::OneUser() {
  const base::Md5Digest key = stun::LongTermKeyMd5(kUser, kRealm, kPassword);
  credential_.username = kUser;
  credential_.subject = kUser;
  credential_.key.assign(key.begin(), key.end());
}

void OneUser::FindByUsername(std::string_view username, stun::PasswordAlgorithm algorithm,
                             std::vector<turn::Credential>& out) const {
  if (username == kUser && algorithm == stun::PasswordAlgorithm::kMd5) out.push_back(credential_);
}

void OneUser::FindByUserhash(const base::Sha256Digest&, stun::PasswordAlgorithm,
                             std::vector<turn::Credential>&) const {}

std::optional<turn::Credential> OneUser::OpenAccessToken(std::string_view, base::Bytes) const {
  return std::nullopt;
}

void IdleEffects::SendToClient(const turn::Client&, base::Bytes message) {
  last_answer_.assign(message.begin(), message.end());
}
bool IdleEffects::HasClient(const turn::Client&) { return true; }
void IdleEffects::SendDataToClient(const turn::Client&, base::Bytes, std::size_t) {}
void IdleEffects::SendToPeer(const turn::Client&, turn::RelayHandle, const turn::PeerAddress&,
                             base::Bytes, bool) {}
std::optional<turn::RelayHandle> IdleEffects::OpenRelay(const turn::RelayedTransportAddress&) {
  return turn::RelayHandle{++handles_};
}
void IdleEffects::StartRelay(turn::RelayHandle, const turn::RelayedTransportAddress&,
                             turn::UserNumber) {}
void IdleEffects::StopRelay(turn::RelayHandle) {}
void IdleEffects::CloseRelay(turn::RelayHandle) {}
void IdleEffects::InstallRoute(const turn::Route&) { ++routes_; }
void IdleEffects::RemoveRoute(const turn::RouteKey&) { --routes_; }
void IdleEffects::PostToShard(turn::ShardIndex, turn::EngineMessage) {}
void IdleEffects::Report(const turn::Event&) {}

}  // namespace turn_bench
