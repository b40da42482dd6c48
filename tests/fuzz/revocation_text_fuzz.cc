#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/revocation_book.h"
#include "protocol/base/check.h"
#include "protocol/base/crypto.h"
#include "server/fleet/redis_reader.h"
#include "server/fleet/redis_reply.h"
#include "server/fleet/revocation_text.h"

namespace {

using relay::RedisReply;

RedisReply Text(std::string_view text) {
  RedisReply reply;
  reply.kind = RedisReply::Kind::kText;
  reply.text = text;
  return reply;
}

RedisReply Array(std::vector<RedisReply> elements) {
  RedisReply reply;
  reply.kind = RedisReply::Kind::kArray;
  reply.elements = std::move(elements);
  return reply;
}

void CheckRevocation(const auth::Revocation& revocation) {
  CHECK(!revocation.value.empty());
  CHECK(revocation.value.size() <= auth::RevocationBook::kMaxValueOctets);
  CHECK(relay::InMilliseconds(revocation) == revocation);
}

// What was read is written as the fields of an entry, which read the same.
void CheckEntry(const RedisReply& entry) {
  const auto read = relay::ReadStreamEntry(entry);
  if (!read) return;
  CHECK(relay::IsStreamId(read->id) && read->id.size() <= 41);
  if (!read->revocation) return;
  CheckRevocation(*read->revocation);
  std::vector<RedisReply> fields;
  for (const std::string& field : relay::WriteRevocationFields(*read->revocation))
    fields.push_back(Text(field));
  const auto again = relay::ReadStreamEntry(Array({Text(read->id), Array(std::move(fields))}));
  CHECK(again && again->revocation == read->revocation);
}

// The octets as a saved file, with a seal that fits, since no fuzzer finds one.
void CheckSaved(std::string_view text) {
  constexpr std::string_view kFirstLine = "senso-turn revocations 1\n";
  std::string sealed = std::string(kFirstLine) + std::string(text);
  if (!sealed.ends_with('\n')) sealed += '\n';
  sealed += "sha256 " + base::HexEncode(base::Sha256({base::AsBytes(sealed)})) + "\n";
  for (const std::string_view file : {std::string_view(text), std::string_view(sealed)}) {
    const auto read = relay::ReadSavedRevocations(file);
    if (!read) continue;
    for (const auth::Revocation& each : *read) CheckRevocation(each);
    CHECK(relay::ReadSavedRevocations(relay::WriteSavedRevocations(*read)) == read);
  }
}

// The octets as what Redis sends, whole and in two pieces.
void CheckReplies(std::string_view text) {
  std::size_t answers = 0;
  relay::RedisReader whole;
  whole.Feed(text);
  while (const std::optional<RedisReply> reply = whole.Next()) {
    ++answers;
    if (const auto problem = reply->Problem()) CHECK(problem->size() <= 120);
    CheckEntry(*reply);
    for (const RedisReply& element : reply->elements) CheckEntry(element);
  }
  relay::RedisReader cut;
  for (const std::string_view piece :
       {text.substr(0, text.size() / 2), text.substr(text.size() / 2)}) {
    cut.Feed(piece);
    while (cut.Next()) CHECK(answers-- > 0);
  }
  CHECK(answers == 0 && cut.trouble() == whole.trouble());
}

}  // namespace

// Any octets as a reply of Redis with entries of the revocations' stream, as the fields of one such
// entry, a line each, and as the file that outlives a restart.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckReplies(text);
  CheckSaved(text);
  std::vector<RedisReply> fields;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    fields.push_back(Text(line));
  }
  CheckEntry(Array({Text("1795000000000-0"), Array(std::move(fields))}));
  return 0;
}
