#include "server/fleet/revocation_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "auth/revocation_book.h"
#include "protocol/base/crypto.h"

namespace relay {
namespace {

using auth::Revocation;
using std::chrono::milliseconds;

constexpr std::array<std::string_view, auth::kRevocationKinds> kKinds = {"username", "subject",
                                                                         "tenant", "kid", "jti"};
constexpr std::string_view kFirstLine = "senso-turn revocations 1\n";
constexpr std::string_view kLastWord = "sha256 ";
constexpr std::size_t kMaxIdOctets = 41;  // two numbers of 64 bits

std::string WriteTime(base::WallTime time) {
  return std::to_string(std::chrono::floor<milliseconds>(time.time_since_epoch()).count());
}

std::optional<base::WallTime> ReadTime(std::string_view text) {
  constexpr std::int64_t kMost =
      std::chrono::duration_cast<milliseconds>(base::WallTime::max().time_since_epoch()).count();
  std::int64_t count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (count < 0 || count > kMost) return std::nullopt;
  return base::WallTime(milliseconds(count));
}

std::optional<Revocation> Make(std::string_view kind, std::string value, std::string_view revoked,
                               std::string_view forget) {
  const auto read_kind = ReadRevocationKind(kind);
  const auto revoked_at = ReadTime(revoked);
  const auto forget_at = ReadTime(forget);
  if (!read_kind || !revoked_at || !forget_at) return std::nullopt;
  if (value.empty() || value.size() > auth::RevocationBook::kMaxValueOctets) return std::nullopt;
  return Revocation{*read_kind, std::move(value), *revoked_at, *forget_at};
}

// What stands before `end`, which goes with it; nullopt: it does not come.
std::optional<std::string_view> Take(std::string_view& text, char end) {
  const std::size_t place = text.find(end);
  if (place == text.npos) return std::nullopt;
  const std::string_view taken = text.substr(0, place);
  text.remove_prefix(place + 1);
  return taken;
}

std::optional<Revocation> ReadLine(std::string_view line) {
  const auto kind = Take(line, ' ');
  const auto revoked = Take(line, ' ');
  const auto forget = Take(line, ' ');
  if (!kind || !revoked || !forget) return std::nullopt;
  const auto value = base::HexDecode(line);
  if (!value) return std::nullopt;
  return Make(*kind, std::string(value->begin(), value->end()), *revoked, *forget);
}

std::string SealOf(std::string_view text) {
  return base::HexEncode(base::Sha256({base::AsBytes(text)}));
}

}  // namespace

std::string_view RevocationKindName(Revocation::Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<Revocation::Kind> ReadRevocationKind(std::string_view name) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == name) return static_cast<Revocation::Kind>(i);
  }
  return std::nullopt;
}

Revocation InMilliseconds(Revocation revocation) {
  revocation.revoked_at = std::chrono::ceil<milliseconds>(revocation.revoked_at);
  revocation.forget_at = std::chrono::ceil<milliseconds>(revocation.forget_at);
  return revocation;
}

std::vector<std::string> WriteRevocationFields(const Revocation& revocation) {
  return {"kind",       std::string(RevocationKindName(revocation.kind)),
          "value",      revocation.value,
          "revoked_at", WriteTime(revocation.revoked_at),
          "forget_at",  WriteTime(revocation.forget_at)};
}

bool IsStreamId(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (text.size() > kMaxIdOctets || hyphen == 0 || hyphen == text.npos ||
      hyphen + 1 == text.size()) {
    return false;
  }
  const auto is_number = [](std::string_view part) {
    return part.find_first_not_of("0123456789") == part.npos;
  };
  return is_number(text.substr(0, hyphen)) && is_number(text.substr(hyphen + 1));
}

std::optional<StreamEntry> ReadStreamEntry(const RedisReply& entry) {
  if (!entry.is_array() || entry.elements.size() != 2) return std::nullopt;
  const RedisReply& id = entry.elements[0];
  if (!id.is_text() || !IsStreamId(id.text)) return std::nullopt;
  StreamEntry read{id.text, std::nullopt};
  const RedisReply& fields = entry.elements[1];
  if (!fields.is_array()) return read;
  std::string_view kind;
  std::string value;
  std::string_view revoked;
  std::string_view forget;
  for (std::size_t i = 0; i + 1 < fields.elements.size(); i += 2) {
    const RedisReply& content = fields.elements[i + 1];
    if (!content.is_text()) return read;
    const std::string& name = fields.elements[i].text;
    if (name == "kind") kind = content.text;
    if (name == "value") value = content.text;
    if (name == "revoked_at") revoked = content.text;
    if (name == "forget_at") forget = content.text;
  }
  read.revocation = Make(kind, std::move(value), revoked, forget);
  return read;
}

std::string WriteSavedRevocations(const std::vector<Revocation>& revocations) {
  std::string text(kFirstLine);
  for (const Revocation& each : revocations) {
    text.append(RevocationKindName(each.kind)).append(" ");
    text.append(WriteTime(each.revoked_at)).append(" ");
    text.append(WriteTime(each.forget_at)).append(" ");
    text.append(base::HexEncode(base::AsBytes(each.value))).append("\n");
  }
  const std::string seal = SealOf(text);
  return text.append(kLastWord).append(seal).append("\n");
}

std::optional<std::vector<Revocation>> ReadSavedRevocations(std::string_view text) {
  if (!text.starts_with(kFirstLine) || !text.ends_with('\n')) return std::nullopt;
  const std::size_t last_line = text.rfind('\n', text.size() - 2) + 1;
  const std::string_view sealed = text.substr(0, last_line);
  std::string_view seal = text.substr(last_line, text.size() - 1 - last_line);
  if (!seal.starts_with(kLastWord)) return std::nullopt;
  seal.remove_prefix(kLastWord.size());
  if (seal != SealOf(sealed)) return std::nullopt;
  std::vector<Revocation> revocations;
  std::string_view rest = sealed.substr(kFirstLine.size());
  while (const auto line = Take(rest, '\n')) {
    auto revocation = ReadLine(*line);
    if (!revocation) return std::nullopt;
    revocations.push_back(*std::move(revocation));
  }
  return revocations;
}

}  // namespace relay
