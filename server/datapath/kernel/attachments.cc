#include "server/datapath/kernel/attachments.h"

#include <fcntl.h>

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
                         std::vector<base::IpAddress> served,
                         std::optional<std::vector<KernelLink>> inherited)
    : queries_(queries),
      kind_(kind),
      program_(program),
      served_(std::move(served)),
      is_beside_another_(inherited.has_value()),
      inherited_(std::move(inherited).value_or(std::vector<KernelLink>())) {}

base::Result<Attachment> Attachments::AttachTo(std::uint32_t interface_index) {
  const auto found = std::ranges::find(inherited_, interface_index, &KernelLink::interface_index);
  if (found != inherited_.end()) return Attachment::Adopt(found->link.get());
  // What an earlier process left goes. Later it may be that of a server which was started since.
  if (!is_beside_another_ && cleaned_.insert(interface_index).second)
    RemoveLeftFilters(interface_index);
  return Attachment::Attach(kind_, program_, interface_index);
}

void Attachments::SwitchInherited() {
  for (const KernelLink& each : std::exchange(inherited_, {})) {
    const auto found = attached_.find(each.interface_index);
    if (found != attached_.end() && !found->second.Switch(program_).ok()) attached_.erase(found);
  }
}

std::vector<std::uint32_t> Attachments::InheritedInterfaces() const {
  std::vector<std::uint32_t> indices;
  indices.reserve(inherited_.size());
  for (const KernelLink& each : inherited_) indices.push_back(each.interface_index);
  return indices;
}

std::vector<KernelLink> Attachments::CopyLinks() const {
  std::vector<KernelLink> links;
  for (const auto& [index, attachment] : attached_) {
    OwnedDescriptor copy(::fcntl(attachment.link(), F_DUPFD_CLOEXEC, 0));
    if (copy.is_open()) links.push_back({index, std::move(copy)});
  }
  return links;
}

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
    auto attached = AttachTo(index);
    if (!attached.ok()) {
      problems_.emplace(index, attached.error().message);
      continue;
    }
    attached_.emplace(index, std::move(attached).value());
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
