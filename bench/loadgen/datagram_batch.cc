#include "bench/loadgen/datagram_batch.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace loadgen {

DatagramBatch::DatagramBatch(std::size_t slot_bytes)
    : slot_bytes_(slot_bytes), storage_(slot_bytes * kCapacity) {
  for (std::size_t i = 0; i < kCapacity; ++i) {
    pieces_[i] = {storage_.data() + i * slot_bytes, slot_bytes};
    headers_[i].msg_hdr.msg_iov = &pieces_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = addresses_[i].get();
  }
}

std::size_t DatagramBatch::Receive(const FileDescriptor& socket) {
  for (std::size_t i = 0; i < dirty_; ++i) {
    pieces_[i].iov_len = slot_bytes_;
    headers_[i].msg_hdr.msg_namelen = SocketAddress::capacity();
  }
  dirty_ = 0;
  const int count = ::recvmmsg(socket.get(), headers_.data(), kCapacity, MSG_DONTWAIT, nullptr);
  if (count > 0) dirty_ = static_cast<std::size_t>(count);
  return dirty_;
}

base::Bytes DatagramBatch::datagram(std::size_t i) const {
  return {storage_.data() + i * slot_bytes_, headers_[i].msg_len};
}

std::size_t DatagramBatch::SendBack(const FileDescriptor& socket, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) pieces_[i].iov_len = headers_[i].msg_len;
  const int sent =
      ::sendmmsg(socket.get(), headers_.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

base::MutableBytes DatagramBatch::next_slot() {
  CHECK(!is_full());
  return base::MutableBytes(storage_).subspan(size_ * slot_bytes_, slot_bytes_);
}

void DatagramBatch::Append(std::size_t datagram_bytes, const SocketAddress& destination) {
  CHECK(!is_full() && datagram_bytes <= slot_bytes_);
  addresses_[size_] = destination;
  pieces_[size_].iov_len = datagram_bytes;
  headers_[size_].msg_hdr.msg_namelen = destination.size();
  ++size_;
  dirty_ = std::max(dirty_, size_);
}

std::size_t DatagramBatch::Send(const FileDescriptor& socket) {
  const auto count = static_cast<unsigned>(size_);
  size_ = 0;
  if (count == 0) return 0;
  const int sent = ::sendmmsg(socket.get(), headers_.data(), count, MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

}  // namespace loadgen
