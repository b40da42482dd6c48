#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/result.h"
#include "server/net/shard_group.h"
#include "server/upgrade/channel.h"
#include "server/upgrade/launcher.h"
#include "server/upgrade/messages.h"

namespace relay {

// The old process of an upgrade: waits, on a thread of its own, for the new one, which it may have
// started itself, and gives it everything that can be given. Until the new one has said that it has
// all of it nothing has changed, and whatever goes wrong leaves it so (docs/adr/0018).
class UpgradeGiver {
 public:
  // What both processes know by a name: a listening socket of the control plane, a link of the
  // kernel's program.
  struct Service {
    std::string name;
    int descriptor;
    std::shared_ptr<const void> owner = {};  // of it, unless it stays open anyway
  };
  struct Options {
    std::string program_version;
    // Starts the new process, with the path as its last argument. nullptr: nothing can be started
    // here, and `no_launcher` says why.
    std::unique_ptr<Launcher> launcher;
    std::string no_launcher;
    // What there is now. Error: there can be no upgrade, and why. Called on the giver's thread.
    std::function<base::Result<std::vector<Service>>()> prepare;
    // The shards have let go, and that process serves. Called on the giver's thread, once; it has
    // to see to it that `reply` is called with the last totals of the counters, soon and on any
    // thread.
    std::function<void(std::int32_t process, std::function<void(std::vector<std::uint64_t>)> reply)>
        on_given;
  };

  // Listens at `path`: a listener that another process has given, or a new one. Error: it cannot.
  // `shards` must outlive the giver, which has to be there before they stop.
  static base::Result<std::unique_ptr<UpgradeGiver>> Open(const std::string& path,
                                                          std::optional<Descriptor> inherited);
  // Removes the file, unless another process listens there now.
  ~UpgradeGiver();
  UpgradeGiver(const UpgradeGiver&) = delete;
  UpgradeGiver& operator=(const UpgradeGiver&) = delete;

  int listener() const { return listener_.get(); }
  // From now on there is somebody to give. Once; `shards` must be serving.
  void Start(ShardGroup& shards, Options options);

  // What came of it, in a sentence; error: why nothing has changed.
  using Outcome = base::Result<std::string>;
  // Starts the program and gives. `done` is called once, on the giver's thread. Any thread.
  void StartSuccessor(std::function<void(Outcome)> done);

 private:
  UpgradeGiver(std::string path, Descriptor listener, Descriptor wake);

  void Run();
  // Whoever asked, and has not heard yet.
  void Tell(const Outcome& outcome);
  // nullopt: nobody is there, or nobody who may be.
  std::optional<UpgradeChannel> Accept();
  bool IsEnding();
  // Answers whoever asked for an upgrade since there was one. True: this process ends.
  bool RefuseLate();
  // False: nothing came by then, or this process is about to end.
  bool WaitForWord(UpgradeChannel& channel, base::MonotonicTime deadline);
  void ServeStranger();
  Outcome ServeSuccessor();
  // The whole of it.
  Outcome Give(UpgradeChannel& channel);
  base::Result<void> Introduce(UpgradeChannel& channel, const std::vector<Service>& services);
  base::Result<UpgradeCounts> SendState(UpgradeChannel& channel, const HeldStill& held,
                                        base::MonotonicTime deadline);
  // What happened while nobody could change his mind any more: is told as well as it can be.
  void SendLast(UpgradeChannel& channel, const std::vector<LastTraffic>& traffic);

  const std::string path_;
  Descriptor listener_;
  Descriptor wake_;
  Options options_;
  ShardGroup* shards_ = nullptr;
  // The giver's thread only, or after its end.
  bool is_given_ = false;
  std::vector<std::function<void(Outcome)>> asking_;

  std::mutex mutex_;
  bool is_ending_ = false;
  std::vector<std::function<void(Outcome)>> wanted_;
  std::thread thread_;
};

}  // namespace relay
