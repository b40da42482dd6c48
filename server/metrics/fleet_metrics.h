#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/metrics/metric_catalog.h"

namespace relay {

// The rows of the fleet, for MetricCatalog.
std::vector<MetricRow> FleetRows();

}  // namespace relay
