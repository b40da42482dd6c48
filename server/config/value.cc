#include "server/config/value.h"

#include "protocol/base/check.h"
#include "protocol/base/crypto.h"

namespace relay {

Value* Value::Find(std::string_view name) {
  for (Member& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

const Value* Value::Find(std::string_view name) const {
  for (const Member& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

std::string_view KindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "nothing";
    case Value::Kind::kScalar:
      return "a single value";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map";
  }
  CHECK(false);
}

void Wipe(Value& value) {
  base::WipeMemory({reinterpret_cast<std::uint8_t*>(value.scalar.data()), value.scalar.size()});
  for (Value& item : value.items) Wipe(item);
  for (Value::Member& member : value.members) Wipe(member.value);
}

}  // namespace relay
