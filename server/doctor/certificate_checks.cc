#include "server/doctor/certificate_checks.h"

#include <algorithm>
#include <chrono>

namespace relay {
namespace {

using std::chrono::days;

// Renewals come a month before the end, or when a third of a short life is left: with less than
// this, one has failed.
base::WallTime::duration UsualRest(const ChainExamination& chain) {
  return std::min<base::WallTime::duration>(days(14), (chain.not_after - chain.not_before) / 5);
}

std::string DateOf(base::WallTime time) {
  const auto date = std::chrono::year_month_day(std::chrono::floor<days>(time));
  const auto two = [](unsigned number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
  };
  return std::to_string(static_cast<int>(date.year())) + "-" +
         two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day()));
}

}  // namespace

CertificateFacts ReadCertificateFacts(const Config::Certificate& pair, const std::string& node) {
  CertificateFacts facts;
  facts.path = pair.certificate_path;
  const auto loaded = Certificate::Load(pair.certificate_path, pair.private_key_path);
  if (!loaded.ok()) {
    facts.unusable = loaded.error().message;
    return facts;
  }
  facts.covers_node = node.empty() || loaded.value().Matches(node);
  for (const std::string& name : loaded.value().names())
    facts.names += (facts.names.empty() ? "" : ", ") + name;
  const auto chain = ExamineChain(pair.certificate_path);
  if (!chain.ok()) {
    facts.unusable = chain.error().message;
  } else {
    facts.chain = chain.value();
  }
  return facts;
}

Findings CheckCertificate(const CertificateFacts& facts, const std::string& node, bool is_own,
                          base::WallTime now) {
  if (!facts.unusable.empty()) {
    return {Problem("certificates", facts.unusable,
                    "put the chain, leaf first, and its unencrypted key where tls.certificates "
                    "says, readable by the server")};
  }
  Findings findings;
  const auto rest = facts.chain.not_after - now;
  const std::string until = "'" + facts.path + "' ends on " + DateOf(facts.chain.not_after);
  if (rest <= rest.zero()) {
    findings.push_back(Problem("certificates", until + ", in the past: clients refuse it",
                               "renew it; the server notices the new file by itself"));
  } else if (now < facts.chain.not_before) {
    findings.push_back(Problem(
        "certificates",
        "'" + facts.path + "' begins on " + DateOf(facts.chain.not_before) + ", in the future",
        "correct the clock of this host, or the certificate"));
  } else if (rest < UsualRest(facts.chain)) {
    findings.push_back(
        Problem("certificates",
                until + ", in " + std::to_string(std::chrono::floor<days>(rest).count()) + " days",
                "find out why it has not been renewed; the server notices the new file by itself"));
  }
  if (!facts.covers_node) {
    findings.push_back(Problem(
        "certificates", "'" + facts.path + "' is for " + facts.names + ", and node is " + node,
        "get a certificate for " + node + ", or correct node"));
  }
  if (!is_own && facts.chain.is_self_signed) {
    findings.push_back(Warning("certificates", "'" + facts.path + "' is signed by itself",
                               "browsers refuse it: get one from a public authority"));
  } else if (!is_own && !facts.chain.distrust.empty()) {
    findings.push_back(
        Warning("certificates", "'" + facts.path + "' is not trusted here: " + facts.chain.distrust,
                "put the intermediate certificates behind the leaf; a private authority has to be "
                "trusted by every client"));
  }
  if (findings.empty()) {
    findings.push_back(
        Fine("certificates", until + (is_own ? "; made here, for trying out" : ""),
             is_own ? "clients have to be told to trust it; set tls.certificates for others" : ""));
  }
  return findings;
}

}  // namespace relay
