#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/ip_address.h"
#include "server/migrate/coturn_settings.h"
#include "server/migrate/findings.h"

// How coturn spells values. Each reader reports what it cannot read, and gives nullopt. Behind
// numbers, addresses and flags a comment is passed over, as coturn's own readers stop there.
namespace relay {

// The value up to a '#' with a blank before it.
std::string_view WithoutComment(std::string_view value);

std::optional<bool> ReadFlag(const ConfEntry& entry, Findings& findings);
std::optional<std::uint64_t> ReadNumber(const ConfEntry& entry, Findings& findings);
std::optional<std::uint16_t> ReadPort(const ConfEntry& entry, Findings& findings);
std::optional<base::IpAddress> ReadAddress(const ConfEntry& entry, Findings& findings);
// "192.0.2.1:3478", "[2001:db8::1]:3478", and an address alone if there is a default.
std::optional<base::Endpoint> ReadEndpoint(const ConfEntry& entry,
                                           std::optional<std::uint16_t> default_port,
                                           Findings& findings);

// Adds "192.0.2.1" or "192.0.2.1-192.0.2.9" to `set`. A prefix, which coturn does not know, is
// taken for what was meant, and noted.
void ReadRange(const ConfEntry& entry, AddressSet& set, Findings& findings);

}  // namespace relay
