#include "server/datapath/userspace/send_queue.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/check.h"
#include "protocol/base/hash.h"
#include "server/datapath/userspace/control_message.h"

namespace relay {
namespace {

// Systems that do not know the option may ignore its control message and send one long datagram.
bool KnowsSegments() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  int value = 0;
  socklen_t length = sizeof(value);
  const bool knows = ::getsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &value, &length) == 0;
  ::close(socket);
  return knows;
}

// Writes the control message that chooses the source address; returns its length.
std::size_t WriteSource(base::MutableBytes out, const base::IpAddress& local, int socket_family) {
  if (socket_family == AF_INET) {
    in_pktinfo info{};
    const auto octets = local.v4_octets();
    std::memcpy(&info.ipi_spec_dst, octets.data(), octets.size());
    return WriteControl(out, IPPROTO_IP, IP_PKTINFO, info);
  }
  in6_pktinfo info{};
  std::memcpy(&info.ipi6_addr, local.octets().data(), 16);
  return WriteControl(out, IPPROTO_IPV6, IPV6_PKTINFO, info);
}

// A socket with an error queue reports an ICMP error once more, to whoever uses it next.
bool MayBeAboutAnEarlierOne(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
         error == EHOSTDOWN || error == ENOPROTOOPT || error == EOPNOTSUPP || error == EPROTO ||
         error == EACCES || error == EMSGSIZE;
}

// What the system says to a message in segments whose datagrams it may take one by one: they exceed
// the MTU (EINVAL before Linux 6.13), or the interface can do no checksums.
bool IsAboutSegments(int error) { return error == EMSGSIZE || error == EINVAL || error == EIO; }

// How many were taken; -1: the first one was not, and errno says why. A single one goes by
// whichever call is cheapest.
int SendSome(int socket, mmsghdr* messages, std::size_t count) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (count > 1) return ::sendmmsg(socket, messages, static_cast<unsigned>(count), kFlags);
  const msghdr& header = messages->msg_hdr;
  const ssize_t octets =
      header.msg_controllen == 0 && header.msg_iovlen == 1
          ? ::sendto(socket, header.msg_iov->iov_base, header.msg_iov->iov_len, kFlags,
                     static_cast<const sockaddr*>(header.msg_name), header.msg_namelen)
          : ::sendmsg(socket, &header, kFlags);
  return octets < 0 ? -1 : 1;
}

}  // namespace

SendQueue::SendQueue(Counter& send_failed, Counter& buffer_full)
    : send_failed_(send_failed),
      buffer_full_(buffer_full),
      can_segment_(KnowsSegments()),
      copies_(std::make_unique<std::array<std::uint8_t, kEntries * 512>>()) {
  flow_slots_.fill(kNone);
  group_slots_.fill(kNone);
}

void SendQueue::Add(int socket, const SocketAddress& destination, base::Bytes octets,
                    const base::IpAddress* local, const IpFields& fields) {
  if (used_ == kEntries) Flush();
  Flow& flow = FlowOf(socket, destination, local);
  const auto index = static_cast<Index>(used_++);
  entries_[index] = {{const_cast<std::uint8_t*>(octets.data()), octets.size()}, fields, kNone};
  if (flow.first == kNone) {
    flow.first = index;
  } else {
    entries_[flow.last].next = index;
  }
  flow.last = index;
}

void SendQueue::AddCopy(int socket, const SocketAddress& destination, base::Bytes octets,
                        const base::IpAddress* local) {
  CHECK(octets.size() <= kMaxCopyBytes);
  if (used_ == kEntries || copied_ + octets.size() > copies_->size()) Flush();
  std::uint8_t* copy = copies_->data() + copied_;
  std::memcpy(copy, octets.data(), octets.size());
  copied_ += octets.size();
  Add(socket, destination, {copy, octets.size()}, local);
}

SendQueue::Flow& SendQueue::FlowOf(int socket, const SocketAddress& destination,
                                   const base::IpAddress* local) {
  std::array<std::uint64_t, 6> key{};
  const std::array<std::uint64_t, 3> words = WordsOf(destination);
  std::memcpy(key.data(), words.data(), sizeof(words));
  if (local != nullptr) std::memcpy(&key[3], local->octets().data(), 16);
  key[5] = static_cast<std::uint64_t>(socket) << 1 | (local != nullptr ? 1 : 0);
  if (latest_flow_ != kNone && flows_[latest_flow_].key == key) return flows_[latest_flow_];
  std::size_t slot = base::HashWords({key[0], key[1], key[2], key[3], key[4], key[5]}) % kSlots;
  for (; flow_slots_[slot] != kNone; slot = (slot + 1) % kSlots) {
    if (flows_[flow_slots_[slot]].key != key) continue;
    latest_flow_ = flow_slots_[slot];
    return flows_[latest_flow_];
  }
  latest_flow_ = static_cast<Index>(flow_count_++);
  flow_slots_[slot] = latest_flow_;
  Flow& flow = flows_[latest_flow_];
  flow.key = key;
  flow.destination = destination;
  flow.socket = socket;
  flow.has_local = local != nullptr;
  if (local != nullptr) flow.local = *local;
  flow.first = flow.last = flow.next = kNone;
  flow.slot = static_cast<Index>(slot);
  AddToGroup(latest_flow_);
  return flow;
}

void SendQueue::AddToGroup(Index flow) {
  const int socket = flows_[flow].socket;
  const std::size_t slot = GroupSlotOf(socket);
  if (group_slots_[slot] != kNone) {
    Group& group = groups_[group_slots_[slot]];
    flows_[group.last].next = flow;
    group.last = flow;
    return;
  }
  group_slots_[slot] = static_cast<Index>(group_count_);
  groups_[group_count_++] = {socket, flow, flow, static_cast<Index>(slot)};
}

std::size_t SendQueue::GroupSlotOf(int socket) const {
  std::size_t slot = static_cast<std::size_t>(socket) % kSlots;
  while (group_slots_[slot] != kNone && groups_[group_slots_[slot]].socket != socket)
    slot = (slot + 1) % kSlots;
  return slot;
}

bool SendQueue::HasOf(int socket) const { return group_slots_[GroupSlotOf(socket)] != kNone; }

void SendQueue::Describe(Flow& flow) {
  const std::size_t largest =
      can_segment_ ? refusals_.LargestSegment(flow.socket, flow.destination) : 0;
  for (Index next = flow.first; next != kNone;) {
    const Entry& first = entries_[next];
    const std::size_t size = first.octets.iov_len;
    msghdr& header = messages_[message_count_].msg_hdr;
    header.msg_name = &flow.destination.generic;
    header.msg_namelen = flow.destination.length;
    header.msg_iov = &vectors_[vector_count_];
    header.msg_iovlen = 1;
    vectors_[vector_count_++] = first.octets;
    next = first.next;
    // An empty datagram is no segment, and a shorter one is the last.
    const std::size_t most = size == 0 || size > largest ? 1 : kMaxSegments;
    std::size_t total = size;
    std::size_t last = size;
    while (next != kNone && header.msg_iovlen < most && last == size) {
      const Entry& entry = entries_[next];
      last = entry.octets.iov_len;
      if (last == 0 || last > size || total + last > kMaxMessageBytes ||
          entry.fields != first.fields)
        break;
      vectors_[vector_count_++] = entry.octets;
      ++header.msg_iovlen;
      total += last;
      next = entry.next;
    }
    const base::MutableBytes room(controls_[message_count_++].octets);
    std::size_t used = 0;
    if (flow.has_local) used = WriteSource(room, flow.local, flow.destination.generic.sa_family);
    used += WriteIpFields(room.subspan(used), first.fields, flow.destination);
    // The last of them: OnRefused leaves it out.
    if (header.msg_iovlen > 1) {
      used += WriteControl(room.subspan(used), IPPROTO_UDP, UDP_SEGMENT,
                           static_cast<std::uint16_t>(size));
    }
    header.msg_control = used == 0 ? nullptr : room.data();
    header.msg_controllen = used;
  }
}

void SendQueue::Flush() {
  for (std::size_t i = 0; i < group_count_; ++i) FlushGroup(groups_[i]);
  used_ = flow_count_ = group_count_ = copied_ = 0;
  latest_flow_ = kNone;
}

void SendQueue::FlushGroup(const Group& group) {
  message_count_ = vector_count_ = 0;
  for (Index flow = group.first; flow != kNone; flow = flows_[flow].next) {
    Describe(flows_[flow]);
    flow_slots_[flows_[flow].slot] = kNone;
  }
  group_slots_[group.slot] = kNone;
  Send(group.socket, messages_.data(), message_count_);
}

void SendQueue::Send(int socket, mmsghdr* messages, std::size_t count) {
  bool is_repeated = false;
  for (std::size_t sent = 0; sent < count;) {
    const int taken = SendSome(socket, messages + sent, count - sent);
    if (taken > 0) {
      sent += static_cast<std::size_t>(taken);
      is_repeated = false;
    } else if (MayBeAboutAnEarlierOne(errno) && !is_repeated) {
      is_repeated = true;
    } else if (errno != EINTR) {
      OnRefused(socket, messages[sent++], errno);
      is_repeated = false;
    }
  }
}

void SendQueue::OnRefused(int socket, const mmsghdr& message, int error) {
  const msghdr& header = message.msg_hdr;
  const std::size_t count = header.msg_iovlen;
  if (count == 1 || !IsAboutSegments(error)) {
    const bool is_full = error == EAGAIN || error == ENOBUFS;
    (is_full ? buffer_full_ : send_failed_).Add(count);
    return;
  }
  SocketAddress destination;
  std::memcpy(&destination.v6, header.msg_name, header.msg_namelen);
  destination.length = header.msg_namelen;
  refusals_.Note(socket, destination, error == EIO ? 0 : header.msg_iov->iov_len);
  for (std::size_t i = 0; i < count; ++i) {
    msghdr& single = singles_[i].msg_hdr;
    single = header;
    single.msg_iov = header.msg_iov + i;
    single.msg_iovlen = 1;
    single.msg_controllen -= kSegmentControl;
    if (single.msg_controllen == 0) single.msg_control = nullptr;
  }
  Send(socket, singles_.data(), count);
}

}  // namespace relay
