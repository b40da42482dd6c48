#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/result.h"
#include "server/net/inherited_sockets.h"
#include "server/net/shard_group.h"
#include "server/upgrade/channel.h"
#include "server/upgrade/messages.h"

namespace relay {

// The new process of an upgrade, on its main thread: gets from the old one what it begins with,
// opens the rest by itself, then takes the state and says that it serves (docs/adr/0018). Whatever
// fails before that has to end this process; nothing has changed for the old one.
class UpgradeTaker {
 public:
  // Meets the process that listens at `path`, and hears what it has besides state. Error: nobody is
  // there, or somebody whose words are not to be understood.
  static base::Result<std::unique_ptr<UpgradeTaker>> Meet(const std::string& path);

  // What the shards begin with. Once.
  Inheritance TakeInheritance() { return std::move(inheritance_); }
  // The names of what it has besides, and has not been taken.
  std::vector<std::string> ListServices() const;
  // A listening socket of the control plane by its name. nullopt: there is none, or it was taken.
  std::optional<Descriptor> TakeService(const std::string& name);

  // Everything is open, and `shards` have the inheritance and have not been started. When it
  // returns without an error they have to be, at once.
  base::Result<UpgradeCounts> TakeOver(ShardGroup& shards);

  // After that, with the shards started: what the old process had counted in the end; empty: it did
  // not say, or counts otherwise.
  std::vector<std::uint64_t> HearLast(ShardGroup& shards);

  // From now on, as long as the old process has connections, each of the two knows which relays the
  // other one has, so that their clients reach each other. Ends with this object, which `shards`
  // must outlive.
  void StartExchange(ShardGroup& shards);
  ~UpgradeTaker();
  UpgradeTaker(const UpgradeTaker&) = delete;
  UpgradeTaker& operator=(const UpgradeTaker&) = delete;

  // Tells the old process why it comes to nothing.
  void Refuse(const std::string& reason);

 private:
  struct Taken {
    std::uint16_t shard;
    std::vector<RelayTraffic> carried;
  };

  explicit UpgradeTaker(UpgradeChannel channel) : channel_(std::move(channel)) {}
  base::Result<void> HearIntroduction();
  base::Result<void> Restore(ShardGroup& shards, UpgradeChannel::Frame frame);

  UpgradeChannel channel_;
  UpgradeHello hello_;
  Inheritance inheritance_;
  std::map<std::string, Descriptor> services_;
  UpgradeCounts counts_;
  std::map<std::uint64_t, Taken> taken_;  // by allocation
  std::vector<base::Endpoint> told_;      // live relays here that the old process knows of
  Descriptor wake_;
  std::thread exchange_;
};

}  // namespace relay
