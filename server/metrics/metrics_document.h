#pragma once

#include <string>

namespace relay {

// docs/metrics.md, made from the catalog.
std::string GenerateMetricsDocument();

}  // namespace relay
