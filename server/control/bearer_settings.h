#pragma once

#include "server/config/config.h"
#include "server/control/jwks_refresher.h"

namespace relay {

// Whose bearer tokens are taken, and how their keys are fetched, by the configuration.
JwksRefresher::Settings MakeBearerSettings(const Config& config);

}  // namespace relay
