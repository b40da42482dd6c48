#pragma once

#include <string>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "server/http/file_descriptor.h"

namespace relay {

// A TCP socket that listens there, non-blocking; "::" takes IPv4, too. Fails with the system's
// reason.
base::Result<FileDescriptor> ListenTcp(const base::Endpoint& address);
// The port that the system chose for port 0.
std::uint16_t LocalPort(const FileDescriptor& socket);

// A unix stream socket that listens at `path`, readable and writable for owner and group only, from
// its first moment. A missing directory is created for them, too. A socket file that nobody answers
// on is replaced; fails when somebody does, or when something other than a socket is there.
base::Result<FileDescriptor> ListenUnix(const std::string& path);
// Connects, waiting for the answer; fails when the path is too long or nobody listens.
base::Result<FileDescriptor> ConnectUnix(const std::string& path);

}  // namespace relay
