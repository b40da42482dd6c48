// The note of a socket buffer that its checksum is unfinished (CHECKSUM_PARTIAL), which senders on
// the same machine leave to the interface: where what the program relays has it, it names the place
// where UDP is. Between interfaces of a network namespace, since a test run has no such notes.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "tests/server/datapath/kernel/turn_fastpath_fixture.h"
#include "tests/support/network_namespace.h"

namespace relay::test::unfinished_checksum_test {

// In front of each packet (PACKET_VNET_HDR); <linux/virtio_net.h> is not for C++.
struct VnetHeader {
  std::uint8_t flags;
  std::uint8_t gso_type;
  std::uint16_t header_bytes;
  std::uint16_t gso_bytes;
  std::uint16_t check_start;
  std::uint16_t check_offset;
};
constexpr std::uint8_t kNeedsCheck = 1;

// A raw socket of one interface.
class PacketSocket {
 public:
  explicit PacketSocket(const char* interface)
      : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(socket_, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on));
    ::setsockopt(socket_, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    is_bound_ = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~PacketSocket() { ::close(socket_); }
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  bool is_bound() const { return is_bound_; }

  bool Send(const Octets& frame, bool is_unfinished) {
    VnetHeader header{};
    if (is_unfinished) {
      header.flags = kNeedsCheck;
      header.check_start = static_cast<std::uint16_t>(UdpAt(frame));
      header.check_offset = 6;
    }
    Octets message(sizeof(header));
    std::memcpy(message.data(), &header, sizeof(header));
    message.insert(message.end(), frame.begin(), frame.end());
    return ::send(socket_, message.data(), message.size(), 0) ==
           static_cast<ssize_t>(message.size());
  }

  struct Received {
    Octets frame;  // without its VLAN tag
    bool is_unfinished = false;
    std::size_t sum_start = 0;  // if unfinished: what is to be summed, and where to put it
    std::size_t check_at = 0;
    int vlan = 0;

    // As it would be on the wire: an interface goes by the note alone.
    Octets Finished() const {
      if (!is_unfinished || check_at + 2 > frame.size()) return frame;
      std::uint32_t sum = 0;
      for (std::size_t i = sum_start; i < frame.size(); ++i)
        sum += (i - sum_start) % 2 == 0 ? frame[i] * 256U : frame[i];
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
      Octets finished = frame;
      Write16(finished, check_at, sum == 0xffff ? 0xffff : static_cast<std::uint16_t>(~sum));
      return finished;
    }
  };
  // The next frame with this destination; nullopt: none in time.
  std::optional<Received> Receive(const base::Endpoint& destination) {
    pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
    while (::poll(&waiting, 1, 5000) == 1) {
      Octets octets(2048);
      alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(tpacket_auxdata))> control{};
      iovec vector{.iov_base = octets.data(), .iov_len = octets.size()};
      msghdr message{};
      message.msg_iov = &vector;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t bytes = ::recvmsg(socket_, &message, 0);
      VnetHeader header;
      if (bytes < static_cast<ssize_t>(sizeof(header))) continue;
      std::memcpy(&header, octets.data(), sizeof(header));
      Received received;
      received.frame.assign(octets.begin() + sizeof(header), octets.begin() + bytes);
      received.is_unfinished = (header.flags & kNeedsCheck) != 0;
      received.sum_start = header.check_start;
      received.check_at = std::size_t{header.check_start} + header.check_offset;
      tpacket_auxdata notes{};
      if (cmsghdr* const found = CMSG_FIRSTHDR(&message))
        std::memcpy(&notes, CMSG_DATA(found), sizeof(notes));
      if ((notes.tp_status & TP_STATUS_VLAN_VALID) != 0) received.vlan = notes.tp_vlan_tci;
      if (Read(received.frame).datagram.destination == destination) return received;
    }
    return std::nullopt;
  }

 private:
  int socket_;
  bool is_bound_ = false;
};

constexpr Mac kArrivalMac{2, 0, 0, 0, 0, 3};

// outside - inside (the program) ... egress - far: two pairs of interfaces.
class UnfinishedChecksumTest : public TurnFastpathTest {
 protected:
  void SetUp() override {
    TurnFastpathTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    space_ = test_support::NetworkNamespace::Make();
    if (space_ == nullptr) GTEST_SKIP() << "network namespaces are not permitted";
    ASSERT_TRUE(
        space_->Run("ip link add outside type veth peer name inside "
                    "address 02:00:00:00:00:03 && ip link add egress type veth peer name "
                    "far && for i in outside inside egress far; do ip link set $i up; "
                    "done"));
    // Before that the system drops what leaves by them.
    ASSERT_TRUE(
        space_->Run("for i in $(seq 250); do "
                    "[ $(ip -o link show | grep -c 'state UP') = 4 ] && exit 0; sleep 0.02; "
                    "done; exit 1"));
    visit_.emplace(*space_);
    fastpath_link link = MakeLink();
    link.ifindex = ::if_nametoindex("egress");
    fastpath_.maps().SetNextHop(1, link);
    fastpath_.maps().SetNextHop(2, link);
    AttachAt("inside");
    outside_ = std::make_unique<PacketSocket>("outside");
    inside_ = std::make_unique<PacketSocket>("inside");
    far_ = std::make_unique<PacketSocket>("far");
    ASSERT_TRUE(outside_->is_bound() && inside_->is_bound() && far_->is_bound());
    fastpath_.Install(Route());
  }

  void AttachAt(const char* interface) {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(::if_nametoindex(interface));
    hook.attach_point = BPF_TC_INGRESS;
    ASSERT_EQ(bpf_tc_hook_create(&hook), 0);
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.prog_fd = fastpath_.program().tc_descriptor();
    ASSERT_EQ(bpf_tc_attach(&hook, &options), 0);
  }

  // What arrives at the far end for `datagram`.
  PacketSocket::Received Relay(const Datagram& datagram, const base::Endpoint& destination,
                               bool is_unfinished) {
    Octets frame = MakeFrame(datagram);
    std::copy(kArrivalMac.begin(), kArrivalMac.end(), frame.begin());
    if (is_unfinished) LeaveCheckUnfinished(frame);
    EXPECT_TRUE(outside_->Send(frame, is_unfinished));
    // The program is shown what this test is about.
    const auto arrived = inside_->Receive(datagram.destination);
    EXPECT_TRUE(arrived && arrived->is_unfinished == is_unfinished);
    const auto left = far_->Receive(destination);
    EXPECT_TRUE(left.has_value());
    return left.value_or(PacketSocket::Received{});
  }

  std::unique_ptr<test_support::NetworkNamespace> space_;
  std::optional<test_support::NetworkNamespace::Visit> visit_;
  std::unique_ptr<PacketSocket> outside_, inside_, far_;
};

TEST_P(UnfinishedChecksumTest, WhatStaysUnfinishedSaysWhereItsSumBegins) {
  const TestRoute route = Route();
  for (const bool is_unfinished : {true, false}) {
    const bool stays_unfinished = is_unfinished && is_client_v6() == is_peer_v6();
    for (const std::size_t bytes : {0U, 1U, 3U, 8U, 27U, 28U, 29U, 47U, 160U, 1201U, 1448U}) {
      auto left = Relay(FromClient(Pattern(bytes)), route.peer, is_unfinished);
      EXPECT_EQ(left.is_unfinished, stays_unfinished) << bytes;
      EXPECT_EQ(Read(left.Finished()).problem, "") << bytes;
      EXPECT_EQ(Read(left.frame).datagram.payload, Pattern(bytes));
      left = Relay(FromPeer(Pattern(bytes)), route.client, is_unfinished);
      EXPECT_EQ(left.is_unfinished, stays_unfinished) << bytes;
      EXPECT_EQ(Read(left.Finished()).problem, "") << bytes;
      EXPECT_EQ(Read(left.frame).datagram.payload, ChannelData(route.channel, Pattern(bytes)));
    }
  }
}

// A finished checksum that is what a sender would have left in the field.
TEST_P(UnfinishedChecksumTest, AFinishedChecksumStaysFinishedWhateverItIs) {
  Octets data = Pattern(160);
  const auto looks_unfinished = [&] {
    const Octets finished = MakeFrame(FromClient(data));
    Octets unfinished = finished;
    LeaveCheckUnfinished(unfinished);
    return finished == unfinished;
  };
  std::uint32_t guess = 0;
  while (guess <= 0xffff && !looks_unfinished())
    Write16(data, 0, static_cast<std::uint16_t>(++guess));
  ASSERT_LE(guess, 0xffffU);
  const auto left = Relay(FromClient(data), Route().peer, false);
  EXPECT_FALSE(left.is_unfinished);
  EXPECT_EQ(Read(left.frame).problem, "");
  EXPECT_EQ(Read(left.frame).datagram.payload, data);
}

TEST_P(UnfinishedChecksumTest, ATagIsPushed) {
  fastpath_link link = MakeLink(1500, 0x2005);
  link.ifindex = ::if_nametoindex("egress");
  fastpath_.maps().SetNextHop(2, link);
  for (const bool is_unfinished : {true, false}) {
    const auto left = Relay(FromClient(Pattern(100)), Route().peer, is_unfinished);
    EXPECT_EQ(left.vlan, 0x2005);
    EXPECT_EQ(Read(left.Finished()).problem, "");
    EXPECT_EQ(Read(left.frame).datagram.payload, Pattern(100));
  }
}

INSTANTIATE_TEST_SUITE_P(Tc, UnfinishedChecksumTest,
                         testing::Combine(testing::Values(Attachment::kTc),
                                          testing::Values(Family::kV4, Family::kV6),
                                          testing::Values(Family::kV4, Family::kV6)),
                         Name);

}  // namespace relay::test::unfinished_checksum_test
