#include "server/datapath/userspace/flood_filter.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <vector>

namespace relay {
namespace {

// What a filter of a UDP socket sees begins with the UDP header (RFC 768); the IP header (RFC 791,
// RFC 8200) is where SKF_NET_OFF says.
constexpr std::uint32_t kSourcePort = 0;
constexpr std::uint32_t kPayload = 8;
constexpr auto kIpHeader = static_cast<std::uint32_t>(SKF_NET_OFF);
constexpr std::uint32_t kSourceV4 = kIpHeader + 12;
constexpr std::uint32_t kDestinationV4 = kIpHeader + 16;
constexpr std::uint32_t kSourceV6 = kIpHeader + 8;
constexpr std::uint32_t kDestinationV6 = kIpHeader + 24;
constexpr auto kRandom = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM);
constexpr std::uint32_t kWhole = 0xffffffff;
constexpr std::uint32_t kNothing = 0;

std::uint32_t WordAt(std::span<const std::uint8_t> octets, std::size_t place) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word = word << 8 | octets[place + i];
  return word;
}

// Writes the program block by block; a block that a datagram does not fit is jumped over.
class Program {
 public:
  // What is no ChannelData (RFC 8656 section 12.4) is taken, and so is what has no octets.
  void TakeAllButChannelData() {
    Do(BPF_LD | BPF_W | BPF_LEN, 0);
    Jump(BPF_JMP | BPF_JGT | BPF_K, kPayload, 0, 3);
    Do(BPF_LD | BPF_B | BPF_ABS, kPayload);
    Do(BPF_ALU | BPF_AND | BPF_K, 0xc0);
    Jump(BPF_JMP | BPF_JEQ | BPF_K, 0x40, 1, 0);
    Return(kWhole);
  }

  void KeepInPart(const FloodSource& source) {
    if (source.client) Match(*source.client);
    Do(BPF_LD | BPF_W | BPF_ABS, kRandom);
    Do(BPF_ALU | BPF_AND | BPF_K, FloodSource::kAll - 1);
    Jump(BPF_JMP | BPF_JGE | BPF_K, source.keep, 0, 1);
    Return(kNothing);
    Return(kWhole);
    for (const std::size_t place : misses_)
      instructions_[place].jf = static_cast<std::uint8_t>(instructions_.size() - place - 1);
    misses_.clear();
  }

  void TakeTheRest() { Return(kWhole); }

  std::span<sock_filter> instructions() { return instructions_; }

 private:
  void Match(const FloodClient& client) {
    Do(BPF_LD | BPF_H | BPF_ABS, kSourcePort);
    Expect(client.source.port);
    const bool is_v4 = client.source.address.is_v4();
    Do(BPF_LD | BPF_B | BPF_ABS, kIpHeader);
    Do(BPF_ALU | BPF_AND | BPF_K, 0xf0);
    Expect(is_v4 ? 0x40 : 0x60);
    ExpectAddress(is_v4 ? kSourceV4 : kSourceV6, client.source.address);
    ExpectAddress(is_v4 ? kDestinationV4 : kDestinationV6, client.server);
  }

  void ExpectAddress(std::uint32_t where, const base::IpAddress& address) {
    const std::array<std::uint8_t, 4> v4 = address.v4_octets();
    const std::span<const std::uint8_t> octets =
        address.is_v4() ? std::span<const std::uint8_t>(v4) : address.octets();
    for (std::uint32_t place = 0; place < octets.size(); place += 4) {
      Do(BPF_LD | BPF_W | BPF_ABS, where + place);
      Expect(WordAt(octets, place));
    }
  }

  void Expect(std::uint32_t value) {
    misses_.push_back(instructions_.size());
    Jump(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0);
  }
  void Return(std::uint32_t octets) { Do(BPF_RET | BPF_K, octets); }
  void Do(std::uint16_t code, std::uint32_t operand) {
    instructions_.push_back({code, 0, 0, operand});
  }
  void Jump(std::uint16_t code, std::uint32_t operand, std::uint8_t if_so, std::uint8_t if_not) {
    instructions_.push_back({code, if_so, if_not, operand});
  }

  std::vector<sock_filter> instructions_;
  std::vector<std::size_t> misses_;  // jumps to the end of the block that is being written
};

}  // namespace

bool SetFloodFilter(int socket, std::span<const FloodSource> sources) {
  if (sources.empty()) {
    // That there is none is no error.
    const int unused = 0;
    ::setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
    return true;
  }
  Program program;
  const bool is_from_anybody = !sources.front().client;
  if (!is_from_anybody) program.TakeAllButChannelData();
  for (const FloodSource& source : sources) program.KeepInPart(source);
  program.TakeTheRest();
  const sock_fprog attached{static_cast<decltype(sock_fprog::len)>(program.instructions().size()),
                            program.instructions().data()};
  return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) == 0;
}

}  // namespace relay
