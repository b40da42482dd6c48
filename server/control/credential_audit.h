#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/ip_address.h"

namespace relay {

// One decision of the credential API, for the log. No token, no password, no raw subject.
struct AuditLine {
  std::string_view action;  // "mint"
  base::IpAddress client;
  std::string reason;  // of a refusal
  std::string issuer;
  std::string tenant;
  std::string subject_hash;
  std::string jti;
  std::string region;
  std::string custom_identifier;
  std::int64_t ttl_seconds = 0;
};

void LogDecision(const AuditLine& line, int status);

// The word for a status in credentials_issued_total.
std::size_t IssueOutcomeIndex(int status);

}  // namespace relay
