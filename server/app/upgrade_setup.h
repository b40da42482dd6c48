#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "server/app/relay_server.h"
#include "server/control/control_plane.h"
#include "server/upgrade/launcher.h"
#include "server/upgrade/upgrade_giver.h"
#include "server/upgrade/upgrade_taker.h"

// How `serve` gives, and takes, what there is in an upgrade (docs/adr/0018).
namespace relay {

// Who will start the next process, made before anything else (launcher.h). nullptr: nobody.
std::unique_ptr<Launcher> ForkLauncher();

// Where a server with this admin socket gives.
std::string UpgradeSocketOf(const std::string& admin_socket);

// The new process: hands the listening sockets of the old one to the plane, before its Start.
void InheritServices(UpgradeTaker& taker, const ControlPlane::Options& options,
                     const Config& config, ControlPlane& control);

// The same for the kernel's program, where an interface takes but one.
std::vector<KernelLink> TakeKernelLinks(UpgradeTaker& taker);

// The socket that another process will come to, which the one before may have had. nullptr, with a
// warning: it cannot be had, and there will be no upgrade from this process.
std::unique_ptr<UpgradeGiver> OpenGiver(const std::string& admin_socket, UpgradeTaker* taker);

// From now on it gives. The plane and the relay must outlive it.
void StartGiver(UpgradeGiver& giver, const std::string& admin_socket,
                std::unique_ptr<Launcher> launcher, RelayServer& relay, ControlPlane& control);

}  // namespace relay
