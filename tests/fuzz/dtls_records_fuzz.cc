#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/check.h"
#include "server/tls/dtls_records.h"

namespace {

using relay::DtlsLayout;
using relay::DtlsRecordFilter;

// How many whole records stand in front, how many of them are encrypted, and how many of those are
// handshake messages. They end exactly where the octets end, or the filter let half of one through.
struct Records {
  std::size_t count = 0;
  int encrypted = 0;
  int encrypted_handshake = 0;
};

Records Count(base::Bytes octets, std::size_t min_encrypted_bytes) {
  Records records;
  while (!octets.empty()) {
    CHECK(octets.size() >= DtlsLayout::kRecordHeaderBytes);
    const std::size_t length = std::size_t{octets[11]} << 8 | octets[12];
    CHECK(octets.size() - DtlsLayout::kRecordHeaderBytes >= length);
    const bool is_encrypted = octets[3] != 0 || octets[4] != 0;
    ++records.count;
    if (is_encrypted) {
      CHECK(length >= min_encrypted_bytes);
      ++records.encrypted;
      if (octets[0] == DtlsLayout::kHandshakeRecord) ++records.encrypted_handshake;
    }
    octets = octets.subspan(DtlsLayout::kRecordHeaderBytes + length);
  }
  return records;
}

}  // namespace

// A row of datagrams, each with its phase and its length in three octets in front, from one client:
// what OpenSSL gets to see are whole records from the front of each, and few that come too early.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMinEncryptedBytes = 24;
  constexpr int kMaxOutOfTurn = 4;
  DtlsRecordFilter filter;
  int early = 0;
  int late = 0;
  base::Bytes rest(data, size);
  while (rest.size() >= 3) {
    const auto phase = static_cast<DtlsRecordFilter::Phase>(rest[0] % 3);
    const std::size_t claimed = std::size_t{rest[1]} << 8 | rest[2];
    const std::size_t length = std::min(claimed, rest.size() - 3);
    const base::Bytes datagram = rest.subspan(3, length);
    if (relay::BeginsWithClientHello(datagram)) {
      CHECK(length > DtlsLayout::kRecordHeaderBytes && datagram[0] == 22 && datagram[13] == 1);
    }
    const base::Bytes admitted = filter.Admit(datagram, phase, kMinEncryptedBytes);
    CHECK(admitted.data() == datagram.data() && admitted.size() <= datagram.size());
    const Records records = Count(admitted, kMinEncryptedBytes);
    if (phase == DtlsRecordFilter::Phase::kBeforeKeys) early += records.encrypted;
    if (phase == DtlsRecordFilter::Phase::kOpen) late += records.encrypted_handshake;
    CHECK(early <= kMaxOutOfTurn && late <= kMaxOutOfTurn);
    rest = rest.subspan(3 + length);
  }
  return 0;
}
