#include "server/control/credential_audit.h"

#include "server/log/log.h"
#include "server/metrics/metric_labels.h"

namespace relay {

void LogDecision(const AuditLine& line, int status) {
  const std::string client = line.client.ToString();
  if (status >= 400) {
    Log(LogLevel::kInfo, "a request of the credential API was refused",
        {{"action", line.action},
         {"status", status},
         {"reason", line.reason},
         {"client", client},
         {"issuer", line.issuer},
         {"tenant", line.tenant}});
    return;
  }
  Log(LogLevel::kInfo, "a request of the credential API was granted",
      {{"action", line.action},
       {"status", status},
       {"client", client},
       {"issuer", line.issuer},
       {"tenant", line.tenant},
       {"subject_hash", line.subject_hash},
       {"jti", line.jti},
       {"ttl_seconds", line.ttl_seconds},
       {"region", line.region},
       {"custom_identifier", line.custom_identifier}});
}

std::size_t IssueOutcomeIndex(int status) {
  switch (status) {
    case 200:
    case 201:
      return LabelIndex(IssueOutcome::kIssued);
    case 401:
      return LabelIndex(IssueOutcome::kUnauthenticated);
    case 403:
      return LabelIndex(IssueOutcome::kForbidden);
    case 429:
      return LabelIndex(IssueOutcome::kRateLimited);
    case 503:
      return LabelIndex(IssueOutcome::kUnavailable);
    default:
      return LabelIndex(IssueOutcome::kInvalid);
  }
}

}  // namespace relay
