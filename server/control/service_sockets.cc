#include "server/control/service_sockets.h"

namespace relay {

std::string MetricsSocketName(const base::Endpoint& address) {
  return "metrics " + address.ToString();
}

std::string AdminSocketName(const std::string& path) { return "admin " + path; }

std::string CredentialsSocketName(const base::Endpoint& address) {
  return "credentials " + address.ToString();
}

void InheritedSockets::Add(const std::string& name, int socket) {
  sockets_.insert_or_assign(name, FileDescriptor(socket));
}

int InheritedSockets::Take(const std::string& name) {
  auto found = sockets_.extract(name);
  return found.empty() ? -1 : found.mapped().Release();
}

}  // namespace relay
