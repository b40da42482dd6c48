#pragma once

#include <string>

#include "server/migrate/coturn_settings.h"
#include "server/migrate/findings.h"
#include "server/migrate/migrate.h"

namespace relay {

// The listeners that a turnserver.conf asks for, and the certificate that those for TLS need.
struct MigratedListeners {
  std::string listeners;      // YAML of the section
  std::string tls;            // likewise; may be nothing but comments
  std::string nat_discovery;  // likewise, below `protocol:`
};
MigratedListeners ComposeListeners(const CoturnSettings& settings, const MigrationHost& host,
                                   Findings& findings);

// The other sections, each as YAML, perhaps empty. What follows only from several options together
// is noted.
std::string ComposeGeneral(const CoturnSettings& settings, Findings& findings);
std::string ComposeRelay(const CoturnSettings& settings, const MigrationHost& host,
                         Findings& findings);
std::string ComposePeers(const CoturnSettings& settings, Findings& findings);
std::string ComposeAuth(const CoturnSettings& settings, Findings& findings);
std::string ComposeLimits(const CoturnSettings& settings, Findings& findings);
std::string ComposeLifetimes(const CoturnSettings& settings, Findings& findings);
std::string ComposeProtocol(const CoturnSettings& settings, const std::string& nat_discovery,
                            Findings& findings);
std::string ComposeRedirect(const CoturnSettings& settings);
std::string ComposeMetrics(const CoturnSettings& settings, Findings& findings);
std::string ComposeLog(const CoturnSettings& settings);

// The whole, with each section's notes above it.
std::string ComposeConfiguration(const CoturnSettings& settings, const MigrationHost& host,
                                 Findings& findings);

}  // namespace relay
