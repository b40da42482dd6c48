#include "protocol/stun/message_type.h"

namespace stun {

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kBinding:
      return "binding";
    case Method::kAllocate:
      return "allocate";
    case Method::kRefresh:
      return "refresh";
    case Method::kSend:
      return "send";
    case Method::kData:
      return "data";
    case Method::kCreatePermission:
      return "create_permission";
    case Method::kChannelBind:
      return "channel_bind";
    case Method::kConnect:
      return "connect";
    case Method::kConnectionBind:
      return "connection_bind";
    case Method::kConnectionAttempt:
      return "connection_attempt";
  }
  return "unknown";
}

}  // namespace stun
