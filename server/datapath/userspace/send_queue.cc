#include "server/datapath/userspace/send_queue.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "protocol/base/check.h"
#include "server/datapath/userspace/control_message.h"

namespace relay {
namespace {

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
         error == EACCES;
}

}  // namespace

SendQueue::SendQueue(Counter& send_failed)
    : send_failed_(send_failed),
      copies_(std::make_unique<std::array<std::uint8_t, kEntries * 512>>()) {}

void SendQueue::Add(int socket, const SocketAddress& destination, base::Bytes octets,
                    const base::IpAddress* local, const IpFields& fields) {
  if (used_ == kEntries) Flush();
  Entry& entry = entries_[used_++];
  entry.socket = socket;
  entry.destination = destination;
  entry.octets = {const_cast<std::uint8_t*>(octets.data()), octets.size()};
  entry.local.reset();
  if (local != nullptr) entry.local = *local;
  entry.fields = fields;
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

void SendQueue::Describe(Entry& entry, Control& control, msghdr& header) {
  const base::MutableBytes room(control.octets);
  std::size_t used = 0;
  if (entry.local) used = WriteSource(room, *entry.local, entry.destination.generic.sa_family);
  used += WriteIpFields(room.subspan(used), entry.fields, entry.destination);
  header.msg_name = &entry.destination.generic;
  header.msg_namelen = entry.destination.length;
  header.msg_iov = &entry.octets;
  header.msg_iovlen = 1;
  header.msg_control = used == 0 ? nullptr : room.data();
  header.msg_controllen = used;
  header.msg_flags = 0;
}

void SendQueue::Flush() {
  std::fill_n(is_sent_.begin(), used_, false);
  for (std::size_t first = 0; first < used_; ++first) {
    if (is_sent_[first]) continue;
    const int socket = entries_[first].socket;
    std::size_t run = 0;
    for (std::size_t i = first; i < used_; ++i) {
      Entry& entry = entries_[i];
      if (is_sent_[i] || entry.socket != socket) continue;
      is_sent_[i] = true;
      Describe(entry, controls_[run], headers_[run].msg_hdr);
      ++run;
    }
    std::size_t sent = 0;
    bool is_repeated = false;
    while (sent < run) {
      const int count = ::sendmmsg(socket, &headers_[sent], static_cast<unsigned>(run - sent),
                                   MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) {
        sent += static_cast<std::size_t>(count);
        is_repeated = false;
      } else if (MayBeAboutAnEarlierOne(errno) && !is_repeated) {
        is_repeated = true;
      } else if (errno != EINTR) {
        send_failed_.Add(1);
        ++sent;
        is_repeated = false;
      }
    }
  }
  used_ = 0;
  copied_ = 0;
}

}  // namespace relay
