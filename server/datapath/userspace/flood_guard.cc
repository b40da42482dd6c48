#include "server/datapath/userspace/flood_guard.h"

#include <algorithm>

namespace relay {

std::vector<FloodGuard::Flow>::iterator FloodGuard::Find(const FlowGauge& gauge) {
  return std::find_if(flows_.begin(), flows_.end(),
                      [&gauge](const Flow& flow) { return flow.gauge == &gauge; });
}

void FloodGuard::OnRefused(FlowGauge& gauge, int socket, const std::optional<FloodClient>& client) {
  const auto known = Find(gauge);
  if (known == flows_.end()) {
    Watch(gauge, socket, client);
  } else if (known->socket == socket && known->client == client) {
    ++gauge.refused;
  } else {
    // It has moved, and begins anew there.
    Forget(gauge);
    Watch(gauge, socket, client);
  }
}

void FloodGuard::Watch(FlowGauge& gauge, int socket, const std::optional<FloodClient>& client) {
  if (flows_.size() >= kMostFlows) return;
  flows_.push_back({&gauge, socket, client});
  gauge = {.admitted = 0, .refused = 1};
}

void FloodGuard::Forget(const FlowGauge& gauge) {
  const auto found = Find(gauge);
  if (found == flows_.end()) return;
  const Flow gone = *found;
  flows_.erase(found);
  if (gone.keep != FloodSource::kAll) Apply(gone.socket);
}

void FloodGuard::Step() {
  const std::vector<Flow> before = flows_;
  for (Flow& flow : flows_) flow.keep = KeepOf(flow);
  ShareAmongClients();
  std::vector<int> changed;
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    if (flows_[i].keep != before[i].keep) changed.push_back(flows_[i].socket);
  }
  // A flood that is not filtered yet is seen again at its next packet.
  std::erase_if(flows_, [](const Flow& flow) { return flow.keep == FloodSource::kAll; });
  for (const Flow& flow : flows_) *flow.gauge = {};
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  for (const int socket : changed) Apply(socket);
}

void FloodGuard::ShareAmongClients() {
  for (Flow& one : flows_) {
    for (const Flow& other : flows_) {
      const bool is_same = one.client && one.client == other.client && one.socket == other.socket;
      const bool are_filtered = std::max(one.keep, other.keep) != FloodSource::kAll;
      if (is_same && are_filtered) one.keep = std::max(one.keep, other.keep);
    }
  }
}

void FloodGuard::Clear() {
  flows_.clear();
  for (const int socket : std::vector(filtered_)) Apply(socket);
}

std::uint32_t FloodGuard::KeepOf(const Flow& flow) {
  constexpr std::uint64_t kAll = FloodSource::kAll;
  constexpr std::uint64_t kLeast = kAll / 256;
  const std::uint64_t admitted = flow.gauge->admitted;
  const std::uint64_t refused = flow.gauge->refused;
  const bool is_filtered = flow.keep != kAll;
  if (!is_filtered && refused < kLeastRefused) return kAll;
  // As much is kept as the limits let through once more: when they hardly refuse any, it is over.
  if (is_filtered && refused * 4 <= admitted) return kAll;
  const std::uint64_t arrived = (admitted + refused) * kAll / flow.keep;
  const std::uint64_t wanted = 2 * admitted + kSpare;
  // A filter that takes less than half is not worth its while.
  if (wanted * 2 > arrived) return kAll;
  const std::uint64_t keep = std::max(wanted * kAll / arrived, kLeast);
  // What arrives is never quite the same.
  const bool is_close = is_filtered && keep * 4 > flow.keep * 3ULL && keep * 3 < flow.keep * 4ULL;
  return is_close ? flow.keep : static_cast<std::uint32_t>(keep);
}

bool FloodGuard::Filters(int socket) const {
  return std::find(filtered_.begin(), filtered_.end(), socket) != filtered_.end();
}

std::vector<FloodSource> FloodGuard::SourcesOf(int socket) const {
  std::vector<FloodSource> sources;
  for (const Flow& flow : flows_) {
    if (flow.socket != socket || flow.keep == FloodSource::kAll) continue;
    const bool is_known =
        std::any_of(sources.begin(), sources.end(),
                    [&flow](const FloodSource& source) { return source.client == flow.client; });
    if (!is_known) sources.push_back({flow.client, flow.keep});
  }
  return sources;
}

void FloodGuard::Apply(int socket) {
  before_change_(socket);
  std::erase(filtered_, socket);
  const std::vector<FloodSource> sources = SourcesOf(socket);
  const auto set = [&] { return SetFloodFilter(socket, sources); };
  // Where there is no room for two (net.core.optmem_max), the old one goes first.
  if (set() || (SetFloodFilter(socket, {}) && set())) {
    if (!sources.empty()) filtered_.push_back(socket);
    return;
  }
  for (Flow& flow : flows_) {
    if (flow.socket == socket) flow.keep = FloodSource::kAll;
  }
}

}  // namespace relay
