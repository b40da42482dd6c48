#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/doctor/finding.h"
#include "server/doctor/port_holders.h"

namespace relay {

// What is known of one listener of the configuration.
struct ListenerFacts {
  Config::Listener listener;
  int bind_error = 0;  // errno of an attempt to bind it alone; 0: the port is free
  std::vector<PortHolder> holders;
};

// Tries to bind the listener, for a moment, and looks who holds its port if it cannot.
ListenerFacts ReadListenerFacts(const Config::Listener& listener, const std::string& proc);

// Area "ports". `server` is the process that answers at the admin socket; nullopt: none does. Pure.
Finding CheckListener(const ListenerFacts& facts, std::optional<std::int32_t> server);

}  // namespace relay
