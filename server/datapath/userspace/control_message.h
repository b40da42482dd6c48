#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstring>

#include "protocol/base/bytes.h"

namespace relay {

// Writes one control message for sendmsg; returns the octets that it takes, with padding. `out` is
// aligned for a cmsghdr and has room for them.
template <typename Value>
std::size_t WriteControl(base::MutableBytes out, int level, int type, const Value& value) {
  cmsghdr header{};
  header.cmsg_level = level;
  header.cmsg_type = type;
  header.cmsg_len = CMSG_LEN(sizeof(value));
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + CMSG_LEN(0), &value, sizeof(value));
  return CMSG_SPACE(sizeof(value));
}

}  // namespace relay
