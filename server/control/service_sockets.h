#pragma once

#include <map>
#include <string>

#include "protocol/base/ip_address.h"
#include "server/http/file_descriptor.h"

namespace relay {

// A socket that the control plane listens on, by a name that says what for and where, so that two
// processes with the same configuration know it by the same name (docs/adr/0018).
struct ServiceSocket {
  std::string name;
  int socket;
};
std::string MetricsSocketName(const base::Endpoint& address);
std::string AdminSocketName(const std::string& path);
std::string CredentialsSocketName(const base::Endpoint& address);

// Those that come from another process, until somebody wants them.
class InheritedSockets {
 public:
  // Owns it from then on.
  void Add(const std::string& name, int socket);
  // -1: there is none. The caller owns it.
  int Take(const std::string& name);

 private:
  std::map<std::string, FileDescriptor> sockets_;
};

}  // namespace relay
