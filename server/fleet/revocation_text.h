#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/revocation.h"
#include "server/fleet/redis_reply.h"

namespace relay {

// Revocations as they stand in a stream of Redis, and in the file that outlives a restart. Times
// are whole milliseconds since 1970 (docs/fleet.md).

// "username", "subject", "tenant", "kid", "jti".
std::string_view RevocationKindName(auth::Revocation::Kind kind);
std::optional<auth::Revocation::Kind> ReadRevocationKind(std::string_view name);

// With times that can be written without loss, and not earlier than they were.
auth::Revocation InMilliseconds(auth::Revocation revocation);

// The fields of a stream's entry, names and values by turns.
std::vector<std::string> WriteRevocationFields(const auth::Revocation& revocation);

struct StreamEntry {
  std::string id;
  std::optional<auth::Revocation> revocation;  // nullopt: it is none
};
// nullopt: not an entry of a stream.
std::optional<StreamEntry> ReadStreamEntry(const RedisReply& entry);
// "<milliseconds>-<number>".
bool IsStreamId(std::string_view text);

std::string WriteSavedRevocations(const std::vector<auth::Revocation>& revocations);
// nullopt: damaged, or of another version. `text` is any octets.
std::optional<std::vector<auth::Revocation>> ReadSavedRevocations(std::string_view text);

}  // namespace relay
