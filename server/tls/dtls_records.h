#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace relay {

// How a DTLS record and a handshake message begin (RFC 6347 sections 4.1 and 4.2.2).
struct DtlsLayout {
  static constexpr std::size_t kRecordHeaderBytes = 13;
  static constexpr std::size_t kEpochPosition = 3;
  static constexpr std::size_t kMessageHeaderBytes = 12;  // behind the record's
  static constexpr std::uint8_t kHandshakeRecord = 22;
  static constexpr std::uint8_t kClientHello = 1;
};

// Whether the first record is one without keys (epoch 0) that begins a ClientHello, of whatever
// version, or a fragment of one.
bool BeginsWithClientHello(base::Bytes datagram);

// Which records of a client's datagrams OpenSSL 3.0 gets to see: it keeps records and fragments
// that come too early, in buffers of their full announced size, for anybody who has shown a cookie.
// A client without a certificate has no need of that beyond a few packets that overtook each other.
// One for each association, and one thread.
class DtlsRecordFilter {
 public:
  // How far the association is: before the client's ChangeCipherSpec, before its Finished, after.
  enum class Phase : std::uint8_t { kBeforeKeys, kBeforeFinished, kOpen };

  // The records in front that may be passed on. `min_encrypted_bytes`: what an empty encrypted
  // record comes to; to OpenSSL a shorter one is a fatal error, which would let anybody who writes
  // the client's address on it end the association.
  base::Bytes Admit(base::Bytes datagram, Phase phase, std::size_t min_encrypted_bytes);

 private:
  // Encrypted records before the keys are there: the last flight's end before its begin.
  static constexpr int kMaxEarlyRecords = 4;
  // Handshake messages after the handshake, encrypted: the client's Finished once more, because
  // ours was lost.
  static constexpr int kMaxLateMessages = 4;

  int early_records_ = 0;
  int late_messages_ = 0;
};

}  // namespace relay
