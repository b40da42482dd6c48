#pragma once

#include <functional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/turn/ledger.h"
#include "server/upgrade/channel.h"

// After an upgrade there are two processes with relays for a while. Data reaches live relays only,
// and each process knows its own: so they tell each other (docs/adr/0018).
namespace relay {

// Says so in as many frames as it takes.
base::Result<void> SendLivePorts(UpgradeChannel& channel, bool is_live,
                                 const std::vector<base::Endpoint>& addresses,
                                 base::MonotonicTime deadline);

// The payload of kLivePorts, which the ledger knows of from then on. False: it is none.
[[nodiscard]] bool TakeLivePorts(base::Bytes payload, turn::Ledger& ledger);

// Does both until the other process ends, which then has none, or until `is_over` says so, which is
// asked whenever `wake` can be read. `told`: those of which the other one knows already.
void ExchangeLivePorts(UpgradeChannel& channel, turn::Ledger& ledger,
                       std::vector<base::Endpoint> told, int wake,
                       const std::function<bool()>& is_over);

}  // namespace relay
