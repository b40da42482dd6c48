#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/time.h"

struct ssl_st;

namespace relay {

// A certificate with the chain that is sent along and the private key that belongs to it. Immutable
// and cheap to copy; any thread.
class Certificate {
 public:
  // Reads PEM files: the chain with the leaf first, and an unencrypted key. Fails when a file
  // cannot be read or holds something else, or when the two do not belong together; the error names
  // the file.
  static base::Result<Certificate> Load(const std::string& chain_path, const std::string& key_path);

  // Whether it is good for this server name: a DNS name in any case (a `*` stands for one label,
  // RFC 9525 section 6.3) or an IP address.
  bool Matches(std::string_view server_name) const;

  // The DNS names and IP addresses that it is for; the common name if it has no others.
  const std::vector<std::string>& names() const;
  base::WallTime not_after() const;
  // "RSA", "EC", "ED25519".
  const std::string& key_type() const;
  // Where the chain was read from.
  const std::string& path() const;

  // For the other classes in this folder: makes the session present it.
  bool UseIn(ssl_st* session) const;

 private:
  struct Parts;
  explicit Certificate(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const Parts> parts_;
};

}  // namespace relay
