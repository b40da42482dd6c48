#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"
#include "server/datapath/kernel/attachment.h"
#include "server/datapath/kernel/network_queries.h"

namespace relay {

// Where packets of clients and peers come in.
struct ServedAddresses {
  std::vector<base::IpAddress> addresses;
  bool is_every = false;  // a listener takes what comes to any address of the host
};

// Whether an interface is there that a program would be attached to.
bool HasServedInterface(NetworkQueries& queries, const ServedAddresses& served);

// Keeps a program attached to the Ethernet interfaces that have a served address, as interfaces and
// addresses come and go. Never to a loopback interface: what arrives there is for this host, and
// what is for this host does not leave by a link. One thread at a time.
class Attachments {
 public:
  // `queries` must outlive the object; `program` stays open as long.
  Attachments(NetworkQueries& queries, AttachmentKind kind, int program, ServedAddresses served);

  // Attaches where it is missing, and lets go where it has no business any more. An interface that
  // refuses is tried again each time.
  void Reconcile();

  struct State {
    std::string interface_name;
    std::string problem;  // empty: attached
  };
  // By interface, as of the last Reconcile.
  std::vector<State> states() const;
  bool IsAttached(std::uint32_t interface_index) const;
  // How many there are.
  std::size_t size() const { return attached_.size(); }
  AttachmentKind kind() const { return kind_; }

 private:
  NetworkQueries& queries_;
  const AttachmentKind kind_;
  const int program_;
  const ServedAddresses served_;
  std::map<std::uint32_t, std::string> wanted_;
  std::map<std::uint32_t, Attachment> attached_;
  std::map<std::uint32_t, std::string> problems_;
};

}  // namespace relay
