#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"
#include "server/datapath/kernel/attachment.h"
#include "server/datapath/kernel/network_queries.h"
#include "server/datapath/kernel/owned_descriptor.h"

namespace relay {

// Whether an Ethernet interface has one of the addresses now.
bool HasServedInterface(NetworkQueries& queries, std::span<const base::IpAddress> served);

// How the program of another process hangs at an interface.
struct KernelLink {
  std::uint32_t interface_index;
  OwnedDescriptor link;
};

// Keeps a program attached to the Ethernet interfaces that have a served address, and to those by
// which packets leave to clients and peers, as interfaces and addresses come and go. Nowhere else:
// a host may have many interfaces that are no business of ours. Never to a loopback interface: what
// arrives there is for this host, and what is for this host does not leave by a link. One thread at
// a time.
class Attachments {
 public:
  // `queries` must outlive the object; `program` stays open as long.
  // `inherited`: another process relays, whose filters stay; interfaces that it has a link for are
  // taken for attached, and run the other process's program until SwitchInherited.
  Attachments(NetworkQueries& queries, AttachmentKind kind, int program,
              std::vector<base::IpAddress> served,
              std::optional<std::vector<KernelLink>> inherited = {});

  // Attaches where it is missing, and lets go where it has no business any more. An interface that
  // refuses is tried again each time. When the system does not tell what there is, nothing changes.
  void Reconcile(std::span<const std::uint32_t> leaving);
  // Has all inherited links run the program. What refuses is attached anew by Reconcile.
  void SwitchInherited();
  std::vector<std::uint32_t> InheritedInterfaces() const;
  // For another process: a copy of each link.
  std::vector<KernelLink> CopyLinks() const;
  // Lets go of everything. No packet is in the program any more when it returns, but for filters.
  void DetachAll();

  struct State {
    std::string interface_name;
    std::string problem;  // empty: attached
    friend bool operator==(const State&, const State&) = default;
  };
  // By interface, as of the last Reconcile.
  std::vector<State> states() const;
  bool IsAttached(std::uint32_t interface_index) const;
  // Whether the last Reconcile has seen to it, whatever came of it.
  bool IsKnown(std::uint32_t interface_index) const;
  // How many there are.
  std::size_t size() const { return attached_.size(); }
  AttachmentKind kind() const { return kind_; }

 private:
  base::Result<Attachment> AttachTo(std::uint32_t interface_index);

  NetworkQueries& queries_;
  const AttachmentKind kind_;
  const int program_;
  const std::vector<base::IpAddress> served_;
  std::vector<std::uint32_t> leaving_;
  std::map<std::uint32_t, std::string> wanted_;
  std::map<std::uint32_t, Attachment> attached_;
  std::map<std::uint32_t, std::string> problems_;
  const bool is_beside_another_;
  std::set<std::uint32_t> cleaned_;    // interfaces where no filter was left at first
  std::vector<KernelLink> inherited_;  // until they are switched
};

}  // namespace relay
