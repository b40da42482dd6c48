#include "server/tls/dtls_records.h"

#include "protocol/base/byte_reader.h"

namespace relay {
namespace {

constexpr std::size_t kRecordHeaderBytes = DtlsLayout::kRecordHeaderBytes;
constexpr std::size_t kMessageHeaderBytes = DtlsLayout::kMessageHeaderBytes;
constexpr std::size_t kVersionBytes = 2;
constexpr std::size_t kSequenceBytes = 6;

// What a client without a certificate sends in the clear: two ClientHellos, ClientKeyExchange. The
// longest key is that of DHE with 8192 bits.
constexpr std::uint16_t kLastMessageInTheClear = 3;
constexpr std::size_t kMaxMessageBytes = 4096;

std::size_t ReadU24(base::ByteReader& reader) {
  const std::size_t high = reader.ReadU8();
  return (high << 16) | reader.ReadU16();
}

// Whether every handshake message, or fragment of one, in a record of epoch 0 may be a client's.
bool IsPlausible(base::Bytes messages) {
  while (messages.size() >= kMessageHeaderBytes) {
    base::ByteReader header(messages.first(kMessageHeaderBytes));
    header.Skip(1);
    const std::size_t message_bytes = ReadU24(header);
    const std::uint16_t number = header.ReadU16();
    header.Skip(3);
    const std::size_t fragment_bytes = ReadU24(header);
    if (message_bytes > kMaxMessageBytes || number > kLastMessageInTheClear) return false;
    if (fragment_bytes > messages.size() - kMessageHeaderBytes) return false;
    messages = messages.subspan(kMessageHeaderBytes + fragment_bytes);
  }
  return messages.empty();
}

}  // namespace

bool BeginsWithClientHello(base::Bytes datagram) {
  return datagram.size() > kRecordHeaderBytes && datagram[0] == DtlsLayout::kHandshakeRecord &&
         datagram[DtlsLayout::kEpochPosition] == 0 &&
         datagram[DtlsLayout::kEpochPosition + 1] == 0 &&
         datagram[kRecordHeaderBytes] == DtlsLayout::kClientHello;
}

base::Bytes DtlsRecordFilter::Admit(base::Bytes datagram, Phase phase,
                                    std::size_t min_encrypted_bytes) {
  std::size_t admitted = 0;
  while (datagram.size() - admitted >= kRecordHeaderBytes) {
    base::ByteReader header(datagram.subspan(admitted, kRecordHeaderBytes));
    const bool is_handshake = header.ReadU8() == DtlsLayout::kHandshakeRecord;
    header.Skip(kVersionBytes);
    const bool is_encrypted = header.ReadU16() != 0;
    header.Skip(kSequenceBytes);
    const std::size_t length = header.ReadU16();
    if (length > datagram.size() - admitted - kRecordHeaderBytes) break;
    if (is_encrypted && length < min_encrypted_bytes) break;
    if (is_encrypted && phase == Phase::kBeforeKeys && ++early_records_ > kMaxEarlyRecords) break;
    if (is_encrypted && is_handshake && phase == Phase::kOpen &&
        ++late_messages_ > kMaxLateMessages)
      break;
    if (!is_encrypted && is_handshake &&
        !IsPlausible(datagram.subspan(admitted + kRecordHeaderBytes, length)))
      break;
    admitted += kRecordHeaderBytes + length;
  }
  return datagram.first(admitted);
}

}  // namespace relay
