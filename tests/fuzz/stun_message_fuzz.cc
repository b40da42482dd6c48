#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/fingerprint.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/message_writer.h"

// Any octets as one message: parsed, every attribute given to every decoder, and what is visible
// written again, which must then parse to the same.
namespace {

// What OpenSSL writes looks to MemorySanitizer as if nobody had.
#if __has_feature(memory_sanitizer)
constexpr bool kMayUseOpenSsl = false;
#else
constexpr bool kMayUseOpenSsl = true;
#endif

void DecodeInEveryWay(const stun::MessageView& message, const stun::Attribute& attribute) {
  const base::Bytes value = attribute.value;
  CHECK(value.data() >= message.octets().data());
  CHECK(value.data() + value.size() <= message.octets().data() + message.octets().size());
  stun::DecodeAddress(value);
  stun::DecodeXorAddress(value, message.cookie_and_transaction_id());
  stun::DecodeU32(value);
  stun::DecodeChannelNumber(value);
  stun::DecodeRequestedTransport(value);
  stun::DecodeRequestedFamily(value);
  stun::DecodeEvenPort(value);
  stun::DecodeReservationToken(value);
  stun::DecodePasswordAlgorithm(value);
  if (const auto entries = stun::DecodePasswordAlgorithms(value)) CHECK(!entries->empty());
  if (const auto error = stun::DecodeErrorCode(value))
    CHECK(error->code >= 300 && error->code <= 699);
  if (const auto types = stun::DecodeUnknownAttributes(value))
    CHECK(types->size() == value.size() / 2);
}

void CheckFindAgreesWithForEach(const stun::MessageView& message) {
  std::vector<stun::AttributeType> seen;
  message.ForEach([&](const stun::Attribute& attribute) {
    if (seen.size() > 64) return;  // quadratic, so only for the first few
    for (const stun::AttributeType type : seen) {
      if (type == attribute.type) return;
    }
    seen.push_back(attribute.type);
    const std::optional<stun::Attribute> found = message.Find(attribute.type);
    CHECK(found && found->offset == attribute.offset);
  });
}

void WriteAgain(const stun::MessageView& message) {
  std::vector<std::uint8_t> buffer(message.octets().size());
  stun::MessageWriter writer(buffer, message.type(), message.cookie_and_transaction_id());
  message.ForEach(
      [&](const stun::Attribute& attribute) { writer.AddBytes(attribute.type, attribute.value); });
  CHECK(writer.ok());

  const std::optional<stun::MessageView> copy =
      message.is_classic() ? stun::MessageView::ParseClassic(writer.message())
                           : stun::MessageView::Parse(writer.message());
  CHECK(copy.has_value());
  CHECK(copy->type() == message.type());
  std::vector<stun::Attribute> attributes;
  copy->ForEach([&](const stun::Attribute& attribute) { attributes.push_back(attribute); });
  std::size_t next = 0;
  message.ForEach([&](const stun::Attribute& attribute) {
    CHECK(next < attributes.size());
    const stun::Attribute& copied = attributes[next++];
    CHECK(copied.type == attribute.type && copied.value.size() == attribute.value.size());
    CHECK(attribute.value.empty() ||
          std::memcmp(copied.value.data(), attribute.value.data(), attribute.value.size()) == 0);
  });
  CHECK(next == attributes.size());
}

void CheckIntegrity(const stun::MessageView& message) {
  const base::Bytes key = base::AsBytes("a key that no seed was signed with");
  CHECK(!stun::VerifyMessageIntegrity(message, key));
  CHECK(!stun::VerifyMessageIntegritySha256(message, key));
}

void Exercise(const stun::MessageView& message) {
  message.ForEach([&](const stun::Attribute& attribute) { DecodeInEveryWay(message, attribute); });
  CheckFindAgreesWithForEach(message);
  stun::CheckFingerprint(message);
  if (kMayUseOpenSsl) CheckIntegrity(message);
  WriteAgain(message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes octets(data, size);
  const std::optional<stun::MessageView> message = stun::MessageView::Parse(octets);
  const std::optional<stun::MessageView> classic = stun::MessageView::ParseClassic(octets);
  CHECK(!(message && classic));
  if (message) {
    CHECK(!message->is_classic());
    Exercise(*message);
  }
  if (classic) {
    CHECK(classic->is_classic());
    Exercise(*classic);
  }
  return 0;
}
