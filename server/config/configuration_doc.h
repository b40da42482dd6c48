#pragma once

#include <string>

namespace relay {

// docs/configuration.md, written from the schema.
std::string GenerateConfigurationDocument();

}  // namespace relay
