#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"
#include "server/config/load.h"

namespace relay {

// A listener of the list that is not opened, why, and what to do to have it.
struct LeftOutListener {
  Config::Listener listener;
  std::string reason;
  std::string remedy;
};

// Takes out of `config.listeners` what a default list may lack: those that need a certificate when
// there is none, for the reason given, and families that this host does not have. Does nothing when
// the list was written by somebody.
std::vector<LeftOutListener> LeaveOutUnavailableListeners(
    Config& config, std::string_view no_certificate = "there is no certificate");

// The configuration of `serve` without --config: everything at its default, and what is made once
// and kept in the state directory: a shared secret, so that it is never an open relay, and
// certificates that sign themselves, so that TLS can be tried.
struct EmbeddedDefault {
  LoadedConfig loaded;  // errors come from the overrides
  std::vector<LeftOutListener> left_out;
  std::string secret_path;       // empty if the overrides brought users or secrets of their own
  bool has_self_signed = false;  // whether tls.certificates are those of the state directory
};

// Those who only name the server to others need no certificates.
enum class SelfSigned : unsigned char { kKeep, kSpare };

// Fails when there is no place to keep the secret, when the kept one cannot be used, and when the
// overrides name a listener that needs a certificate and none can be made.
base::Result<EmbeddedDefault> BuildEmbeddedDefault(const std::vector<std::string>& overrides,
                                                   SelfSigned self_signed);

}  // namespace relay
