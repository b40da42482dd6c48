#include "server/doctor/kernel_checks.h"

#include <linux/capability.h>

#include "server/datapath/kernel/bpf_program.h"
#include "server/datapath/kernel/capabilities.h"

namespace relay {
namespace {

// As small as it gets: nothing is relayed with it.
constexpr FastpathSizes kTrialSizes{.routes = 64, .slots = 64, .next_hops = 64};

bool Has(std::uint64_t capabilities, int which) { return ((capabilities >> which) & 1) != 0; }

Finding Skipped(const std::vector<NetfilterChain>& chains) {
  std::size_t rules = 0;
  std::string names;
  for (const NetfilterChain& chain : chains) {
    if (chain.rules.empty() && !chain.drops_by_default) continue;
    rules += chain.rules.size();
    names += (names.empty() ? "" : ", ") + chain.table + " " + chain.name;
  }
  if (names.empty()) return Fine("datapath", "no rule of netfilter is passed by");
  return Warning("datapath",
                 "packets that are relayed in the kernel pass by netfilter: " +
                     std::to_string(rules) + " rules in " + names + " do not see them",
                 "say in the configuration what must not be reached (peers.deny, clients.deny), or "
                 "set relay.datapath: userspace");
}

}  // namespace

KernelFacts ReadKernelFacts(std::uint64_t effective_capabilities) {
  KernelFacts facts;
  const bool is_admin = Has(effective_capabilities, CAP_SYS_ADMIN);
  if (!is_admin && !Has(effective_capabilities, CAP_BPF)) facts.missing_capabilities = "CAP_BPF";
  if (!Has(effective_capabilities, CAP_NET_ADMIN)) {
    facts.missing_capabilities +=
        (facts.missing_capabilities.empty() ? "" : " and ") + std::string("CAP_NET_ADMIN");
  }
  facts.has_perfmon = is_admin || Has(effective_capabilities, CAP_PERFMON);
  if (MissingCapabilities().empty()) {
    const auto loaded = BpfProgram::Load(kTrialSizes);
    facts.load_problem = loaded.ok() ? "" : loaded.error().message;
  }
  return facts;
}

Findings CheckKernel(const KernelFacts& facts,
                     const std::optional<std::vector<NetfilterChain>>& chains,
                     Config::Datapath choice) {
  if (choice == Config::Datapath::kUserspace)
    return {Fine("datapath", "packets are relayed in userspace, as configured")};
  const bool is_required = choice != Config::Datapath::kAuto;
  const Severity severity = is_required ? Severity::kProblem : Severity::kWarning;
  const std::string effect = is_required ? ", and relay.datapath insists on the kernel"
                                         : ": packets are relayed in userspace, more slowly";
  if (!facts.missing_capabilities.empty()) {
    return {{"datapath", severity,
             "the server has no right to load BPF programs (" + facts.missing_capabilities +
                 " missing)" + effect,
             "grant CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (AmbientCapabilities= of the unit, "
             "--cap-add of the container, capabilities.add of the pod)"}};
  }
  if (!facts.load_problem.value_or("").empty()) {
    return {{"datapath", severity, *facts.load_problem + effect,
             "Linux 6.1 or later; a container needs a seccomp profile that lets bpf() through"}};
  }
  Findings findings;
  findings.push_back(facts.load_problem
                         ? Fine("datapath", "the kernel takes the program of the kernel datapath")
                         : Fine("datapath",
                                "the server may load BPF programs; run doctor as root to see "
                                "whether the kernel takes this one"));
  if (!facts.has_perfmon) {
    findings.push_back(Warning("datapath",
                               "without CAP_PERFMON each packet takes longer in the kernel",
                               "grant it like CAP_BPF"));
  }
  if (chains) findings.push_back(Skipped(*chains));
  return findings;
}

}  // namespace relay
