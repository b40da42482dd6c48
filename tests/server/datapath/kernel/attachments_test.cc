#include "server/datapath/kernel/attachments.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include "server/datapath/kernel/bpf_program.h"
#include "tests/support/network_namespace.h"

namespace relay::attachments_test {

using test_support::NetworkNamespace;

base::IpAddress Ip(const char* text) { return *base::IpAddress::Parse(text); }

// While one lives, the process cannot open anything.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

// A host with the interfaces nic1 (10.1.0.1) and nic2 (10.2.0.1), seen from inside.
class AttachmentsTest : public testing::TestWithParam<AttachmentKind> {
 protected:
  void SetUp() override {
    host_ = NetworkNamespace::Make();
    if (host_ == nullptr) GTEST_SKIP() << "network namespaces need root";
    for (const char* command :
         {"ip link add nic1 type veth peer name far1", "ip link add nic2 type veth peer name far2",
          "ip link set nic1 up", "ip link set nic2 up", "ip address add 10.1.0.1/24 dev nic1",
          "ip address add 10.2.0.1/24 dev nic2"})
      ASSERT_TRUE(host_->Run(command)) << command;
    visit_ = std::make_unique<NetworkNamespace::Visit>(*host_);
    queries_ = std::make_unique<NetworkQueries>(NetworkQueries::Open().value());
    auto program = BpfProgram::Load({.routes = 64, .slots = 64, .next_hops = 64});
    if (!program.ok()) GTEST_SKIP() << program.error().message;
    program_ = std::move(program).value();
    const std::uint32_t loopback = ::if_nametoindex("lo");
    const auto attached = Attachment::Attach(GetParam(), Program(), loopback);
    if (!attached.ok() && GetParam() != AttachmentKind::kXdp)
      GTEST_SKIP() << attached.error().message;
  }

  int Program() const {
    return GetParam() == AttachmentKind::kXdp ? program_->xdp_descriptor()
                                              : program_->tc_descriptor();
  }
  Attachments Make(std::vector<base::IpAddress> served) {
    return Attachments(*queries_, GetParam(), Program(), std::move(served));
  }
  bool IsAttached(const Attachments& attachments, const char* name) {
    return attachments.IsAttached(::if_nametoindex(name));
  }

  // Whether the kernel says that the program is there.
  bool IsInPlace(const char* name) {
    const std::string interface = name;
    switch (GetParam()) {
      case AttachmentKind::kTcx: {
        struct bpf_prog_query_opts query {};
        query.sz = sizeof(query);
        constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
        return bpf_prog_query_opts(static_cast<int>(::if_nametoindex(name)), kTcxIngress, &query) ==
                   0 &&
               query.prog_cnt == 1;
      }
      case AttachmentKind::kClsact:
        return host_->Run("tc filter show dev " + interface + " ingress | grep -q turn_fastpath");
      case AttachmentKind::kXdp:
        break;
    }
    return host_->Run("ip link show " + interface + " | grep -q xdp");
  }

  std::unique_ptr<NetworkNamespace> host_;
  std::unique_ptr<NetworkNamespace::Visit> visit_;
  std::unique_ptr<NetworkQueries> queries_;
  std::unique_ptr<BpfProgram> program_;
};

TEST_P(AttachmentsTest, NothingIsServedAndNothingIsAttached) {
  Attachments attachments = Make({});
  attachments.Reconcile({});
  EXPECT_EQ(attachments.size(), 0U);
  EXPECT_TRUE(attachments.states().empty());
  EXPECT_FALSE(HasServedInterface(*queries_, {}));
}

TEST_P(AttachmentsTest, InterfacesOfServedAddressesAreAttached) {
  Attachments attachments = Make({Ip("10.2.0.1"), Ip("10.9.0.1")});
  attachments.Reconcile({});
  EXPECT_TRUE(IsAttached(attachments, "nic2"));
  EXPECT_EQ(attachments.size(), 1U);
}

TEST_P(AttachmentsTest, InterfacesByWhichPacketsLeaveAreAttachedButLoopbackNever) {
  Attachments attachments = Make({Ip("127.0.0.1")});
  const std::uint32_t leaving[] = {::if_nametoindex("nic2"), ::if_nametoindex("lo")};
  EXPECT_FALSE(attachments.IsKnown(leaving[0]));
  attachments.Reconcile(leaving);
  EXPECT_TRUE(IsAttached(attachments, "nic2"));
  EXPECT_FALSE(IsAttached(attachments, "nic1"));
  EXPECT_FALSE(IsAttached(attachments, "lo"));
  for (const std::uint32_t index : leaving) EXPECT_TRUE(attachments.IsKnown(index));
  attachments.Reconcile({});
  EXPECT_EQ(attachments.size(), 0U);
}

TEST_P(AttachmentsTest, ANewInterfaceWithTheNumberOfAFormerOneIsAttached) {
  Attachments attachments = Make({Ip("10.3.0.1")});
  const char* const make =
      "ip link add nic3 index 77 type veth peer name far3 && ip link set nic3 up && "
      "ip address add 10.3.0.1/24 dev nic3";
  ASSERT_TRUE(host_->Run(make));
  attachments.Reconcile({});
  ASSERT_TRUE(IsAttached(attachments, "nic3"));
  ASSERT_TRUE(host_->Run("ip link del nic3"));
  ASSERT_TRUE(host_->Run(make));
  attachments.Reconcile({});
  ASSERT_TRUE(IsAttached(attachments, "nic3"));
  EXPECT_TRUE(IsInPlace("nic3"));
}

// The addresses of the host are asked for by a socket that is open already.
TEST_P(AttachmentsTest, WithoutDescriptorsWhatIsAttachedStays) {
  Attachments attachments = Make({Ip("10.1.0.1")});
  attachments.Reconcile({});
  const NoDescriptors none;
  attachments.Reconcile({});
  EXPECT_EQ(attachments.size(), 1U);
}

TEST_P(AttachmentsTest, ARenamedInterfaceStaysAttached) {
  Attachments attachments = Make({Ip("10.1.0.1")});
  attachments.Reconcile({});
  // Linux 6.1 does not rename one that is up.
  for (const char* command :
       {"ip link set nic1 down", "ip link set nic1 name other", "ip link set other up"})
    ASSERT_TRUE(host_->Run(command));
  attachments.Reconcile({});
  EXPECT_TRUE(IsAttached(attachments, "other"));
  EXPECT_EQ(attachments.states().front().interface_name, "other");
}

TEST_P(AttachmentsTest, AddressesAndInterfacesThatComeAndGoAreFollowed) {
  Attachments attachments = Make({Ip("10.3.0.1")});
  attachments.Reconcile({});
  EXPECT_EQ(attachments.size(), 0U);
  ASSERT_TRUE(host_->Run("ip address add 10.3.0.1/24 dev nic1"));
  attachments.Reconcile({});
  EXPECT_TRUE(IsAttached(attachments, "nic1"));
  ASSERT_TRUE(host_->Run("ip address del 10.3.0.1/24 dev nic1"));
  ASSERT_TRUE(host_->Run("ip address add 10.3.0.1/24 dev nic2"));
  attachments.Reconcile({});
  EXPECT_FALSE(IsAttached(attachments, "nic1"));
  EXPECT_TRUE(IsAttached(attachments, "nic2"));
  ASSERT_TRUE(host_->Run("ip link del nic2"));
  attachments.Reconcile({});
  EXPECT_EQ(attachments.size(), 0U);
}

TEST_P(AttachmentsTest, ASecondTimeChangesNothing) {
  Attachments attachments = Make({Ip("10.1.0.1")});
  attachments.Reconcile({});
  attachments.Reconcile({});
  EXPECT_TRUE(IsAttached(attachments, "nic1"));
  EXPECT_EQ(attachments.states().front().problem, "");
}

std::string NameOf(const testing::TestParamInfo<AttachmentKind>& kind) {
  return std::string(ToString(kind.param));
}

INSTANTIATE_TEST_SUITE_P(EveryKind, AttachmentsTest,
                         testing::Values(AttachmentKind::kTcx, AttachmentKind::kClsact,
                                         AttachmentKind::kXdp),
                         NameOf);

// What a filter leaves behind, and links do not.
class LeftFilterTest : public AttachmentsTest {};

TEST_P(LeftFilterTest, AFilterThatAnEarlierProcessLeftIsTakenAway) {
  const std::uint32_t index = ::if_nametoindex("nic1");
  EXPECT_EQ(RemoveLeftFilters(index), 0);
  const auto other = BpfProgram::Load({.routes = 64, .slots = 64, .next_hops = 64}).value();
  const Attachment left = Attachment::Attach(GetParam(), other->tc_descriptor(), index).value();
  Attachments attachments = Make({Ip("10.1.0.1")});
  attachments.Reconcile({});
  EXPECT_TRUE(IsAttached(attachments, "nic1"));
  EXPECT_FALSE(left.IsInPlace());
  EXPECT_EQ(RemoveLeftFilters(index), 1);
  EXPECT_EQ(RemoveLeftFilters(index), 0);
}

TEST_P(LeftFilterTest, TheEndOfAnAttachmentLeavesNoFilter) {
  const std::uint32_t index = ::if_nametoindex("nic1");
  { const auto attached = Attachment::Attach(GetParam(), Program(), index); }
  EXPECT_EQ(RemoveLeftFilters(index), 0);
  EXPECT_TRUE(host_->Run("test -z \"$(tc filter show dev nic1 ingress)\""));
}

TEST_P(LeftFilterTest, TheEndOfAnAttachmentLeavesTheFilterThatAnotherProcessHasPutThere) {
  const std::uint32_t index = ::if_nametoindex("nic1");
  const auto other = BpfProgram::Load({.routes = 64, .slots = 64, .next_hops = 64}).value();
  auto former =
      std::make_unique<Attachment>(Attachment::Attach(GetParam(), Program(), index).value());
  EXPECT_EQ(RemoveLeftFilters(index), 1);
  {
    const Attachment latter = Attachment::Attach(GetParam(), other->tc_descriptor(), index).value();
    former.reset();
    EXPECT_TRUE(latter.IsInPlace());
  }
  EXPECT_EQ(RemoveLeftFilters(index), 0);
}

// An upgrade: the one lets go when the other one serves, or the other one when it fails.
TEST_P(LeftFilterTest, WhoTakesOverIsAttachedBesideTheProcessThatRelays) {
  const auto other = BpfProgram::Load({.routes = 64, .slots = 64, .next_hops = 64}).value();
  for (const bool succeeds : {true, false}) {
    auto former = std::make_unique<Attachments>(Make({Ip("10.1.0.1")}));
    former->Reconcile({});
    auto latter =
        std::make_unique<Attachments>(*queries_, GetParam(), other->tc_descriptor(),
                                      std::vector{Ip("10.1.0.1")}, std::vector<KernelLink>());
    latter->Reconcile({});
    former->Reconcile({});
    EXPECT_TRUE(IsAttached(*former, "nic1"));
    EXPECT_TRUE(IsAttached(*latter, "nic1"));
    std::unique_ptr<Attachments>& ends = succeeds ? former : latter;
    std::unique_ptr<Attachments>& stays = succeeds ? latter : former;
    ends.reset();
    EXPECT_TRUE(IsInPlace("nic1"));
    stays->Reconcile({});
    EXPECT_TRUE(IsAttached(*stays, "nic1"));
    stays.reset();
    EXPECT_TRUE(host_->Run("test -z \"$(tc filter show dev nic1 ingress)\""));
  }
}

// Another server that was started at the same interface takes the filter for one that was left.
TEST_P(LeftFilterTest, WhatSomebodyTookAwayIsAttachedAgainBesideHisOwn) {
  Attachments first = Make({Ip("10.1.0.1")});
  first.Reconcile({});
  const auto other = BpfProgram::Load({.routes = 64, .slots = 64, .next_hops = 64}).value();
  Attachments second(*queries_, GetParam(), other->tc_descriptor(), {Ip("10.1.0.1")});
  second.Reconcile({});
  first.Reconcile({});
  second.Reconcile({});
  EXPECT_EQ(RemoveLeftFilters(::if_nametoindex("nic1")), 2);
}

TEST_P(LeftFilterTest, ThereAreFourPlaces) {
  const std::uint32_t index = ::if_nametoindex("nic1");
  std::vector<Attachment> attached;
  for (int i = 0; i < 4; ++i)
    attached.push_back(Attachment::Attach(GetParam(), Program(), index).value());
  const auto refused = Attachment::Attach(GetParam(), Program(), index);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "cannot attach by clsact: File exists");
  for (const Attachment& each : attached) EXPECT_TRUE(each.IsInPlace());
  attached.clear();
  EXPECT_EQ(RemoveLeftFilters(index), 0);
}

INSTANTIATE_TEST_SUITE_P(EveryKind, LeftFilterTest, testing::Values(AttachmentKind::kClsact),
                         NameOf);

}  // namespace relay::attachments_test
