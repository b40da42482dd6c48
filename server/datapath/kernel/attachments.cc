#include "server/datapath/kernel/attachments.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace relay {
namespace {

// Names by index; nullopt: the system did not tell.
std::optional<std::map<std::uint32_t, std::string>> FindWanted(
    NetworkQueries& queries, std::span<const base::IpAddress> served,
    std::span<const std::uint32_t> leaving) {
  const auto addresses = queries.ListAddresses();
  if (!addresses) return std::nullopt;
  std::set<std::uint32_t> indices(leaving.begin(), leaving.end());
  for (const LocalAddress& each : *addresses) {
    if (std::ranges::find(served, each.address) != served.end())
      indices.insert(each.interface_index);
  }
  std::map<std::uint32_t, std::string> wanted;
  for (const std::uint32_t index : indices) {
    const auto found = queries.FindInterface(index);
    if (found && found->is_ethernet) wanted.emplace(index, found->name);
  }
  return wanted;
}

}  // namespace

bool HasServedInterface(NetworkQueries& queries, std::span<const base::IpAddress> served) {
  const auto wanted = FindWanted(queries, served, {});
  return wanted && !wanted->empty();
}

Attachments::Attachments(NetworkQueries& queries, AttachmentKind kind, int program,
                         std::vector<base::IpAddress> served)
    : queries_(queries), kind_(kind), program_(program), served_(std::move(served)) {}

void Attachments::Reconcile(std::span<const std::uint32_t> leaving) {
  leaving_.assign(leaving.begin(), leaving.end());
  auto wanted = FindWanted(queries_, served_, leaving_);
  if (!wanted) return;
  wanted_ = *std::move(wanted);
  // The number of an interface that is gone may be that of a new one.
  std::erase_if(attached_, [this](const auto& each) {
    return !wanted_.contains(each.first) || !each.second.IsInPlace();
  });
  problems_.clear();
  for (const auto& [index, name] : wanted_) {
    if (attached_.contains(index)) continue;
    auto attached = Attachment::Attach(kind_, program_, index);
    if (!attached.ok()) {
      problems_.emplace(index, attached.error().message);
      continue;
    }
    attached_.emplace(index, std::move(attached).value());
    // One that an earlier process left, where another kind is used now.
    if (kind_ != AttachmentKind::kClsact) RemoveLeftFilter(index);
  }
}

void Attachments::DetachAll() {
  attached_.clear();
  wanted_.clear();
  problems_.clear();
}

std::vector<Attachments::State> Attachments::states() const {
  std::vector<State> states;
  for (const auto& [index, name] : wanted_) {
    const auto problem = problems_.find(index);
    states.push_back({name, problem == problems_.end() ? "" : problem->second});
  }
  return states;
}

bool Attachments::IsKnown(std::uint32_t interface_index) const {
  return wanted_.contains(interface_index) ||
         std::ranges::find(leaving_, interface_index) != leaving_.end();
}

bool Attachments::IsAttached(std::uint32_t interface_index) const {
  return attached_.contains(interface_index);
}

}  // namespace relay
