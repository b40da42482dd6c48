#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "server/cli/commands.h"
#include "server/config/load.h"

namespace relay {

// Where the server of these options listens for administrators. nullopt: the configuration has
// errors that matter for it, about which there were complaints.
std::optional<std::string> FindAdminSocket(
    const AdminOptions& options, const std::function<bool(const Diagnostic& error)>& matters);

// For commands that change or look at what runs: they need the socket and nothing else of the
// configuration, whose other errors are for the server to find, as its environment may not be ours.
std::optional<std::string> FindAdminSocket(const AdminOptions& options);

// Complains that the server is not reached, and why.
int ComplainUnreached(const std::string& socket, const base::Error& error);

// The server's answer to one line, without the last end of line. nullopt: there is none, or it is
// an error, about which there were complaints; then the command has failed.
std::optional<std::string> AskServer(const std::string& socket, std::string_view line,
                                     std::chrono::milliseconds patience = std::chrono::seconds(10));

// What an answer says that is an error; nullopt: it is none.
std::optional<std::string_view> ErrorIn(std::string_view answer);

}  // namespace relay
