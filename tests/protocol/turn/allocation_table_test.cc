#include "protocol/turn/allocation_table.h"

#include <gtest/gtest.h>

namespace turn::allocation_table_test {

base::Endpoint At(std::string_view text) { return *base::Endpoint::Parse(text); }

std::unique_ptr<Allocation> MakeDual(std::uint16_t port) {
  auto allocation = std::make_unique<Allocation>();
  allocation->id = port;
  allocation->client.five_tuple = {At("20.1.1.1:" + std::to_string(port)), At("192.0.2.1:3478"),
                                   base::Transport::kUdp};
  allocation->AddRelay({{port}, {At("192.0.2.1:50000")}, At("192.0.2.1:50000"), {}, {}});
  allocation->AddRelay({{-port}, {At("[2001:db8::1]:50000")}, At("[2001:db8::1]:50000"), {}, {}});
  return allocation;
}

TEST(AllocationTable, AnAllocationIsFoundByIdByClientAndByEachRelay) {
  AllocationTable table;
  Allocation& allocation = table.Insert(MakeDual(7));
  EXPECT_EQ(table.FindById(7), &allocation);
  EXPECT_EQ(table.FindById(8), nullptr);
  EXPECT_EQ(table.Find(allocation.client.five_tuple), &allocation);
  EXPECT_EQ(table.FindByRelay({7}).allocation, &allocation);
  EXPECT_EQ(table.FindByRelay({7}).family, base::AddressFamily::kIpv4);
  EXPECT_EQ(table.FindByRelay({-7}).family, base::AddressFamily::kIpv6);
  EXPECT_EQ(table.FindByRelay({8}).allocation, nullptr);
}

TEST(AllocationTable, WhatIsErasedIsGone) {
  AllocationTable table;
  Allocation& allocation = table.Insert(MakeDual(7));
  const base::FiveTuple five_tuple = allocation.client.five_tuple;
  table.ForgetRelay({7});
  EXPECT_EQ(table.FindByRelay({7}).allocation, nullptr);
  table.ForgetRelay({-7});
  table.Erase(allocation);
  EXPECT_EQ(table.Find(five_tuple), nullptr);
  EXPECT_EQ(table.FindById(7), nullptr);
  EXPECT_EQ(table.size(), 0u);
}

TEST(AllocationTable, WhatIsExtractedTakesItsRelaysAlong) {
  AllocationTable table;
  Allocation& inserted = table.Insert(MakeDual(7));
  const base::FiveTuple five_tuple = inserted.client.five_tuple;
  const std::unique_ptr<Allocation> extracted = table.Extract(inserted);
  EXPECT_EQ(extracted.get(), &inserted);
  EXPECT_TRUE(extracted->HasRelay());
  EXPECT_EQ(table.Find(five_tuple), nullptr);
  EXPECT_EQ(table.FindById(7), nullptr);
  EXPECT_EQ(table.FindByRelay({7}).allocation, nullptr);
  EXPECT_EQ(table.FindByRelay({-7}).allocation, nullptr);
  EXPECT_EQ(table.size(), 0u);
}

TEST(AllocationTable, WhatIsDetachedLeavesIts5TupleToOthers) {
  AllocationTable table;
  Allocation& detached = table.Insert(MakeDual(7));
  detached.mobility = std::make_unique<Mobility>();
  const base::FiveTuple five_tuple = detached.client.five_tuple;
  table.Detach(detached);
  EXPECT_TRUE(detached.is_detached());
  EXPECT_EQ(table.Find(five_tuple), nullptr);
  EXPECT_EQ(table.FindById(7), &detached);
  EXPECT_EQ(table.FindByRelay({7}).allocation, &detached);

  auto other = MakeDual(8);
  other->client.five_tuple = five_tuple;
  Allocation& owner = table.Insert(std::move(other));
  table.ForgetRelay({7});
  table.ForgetRelay({-7});
  table.Erase(detached);
  EXPECT_EQ(table.Find(five_tuple), &owner);
}

TEST(AllocationTable, WhatIsAttachedIsFoundByItsNewClient) {
  AllocationTable table;
  Allocation& allocation = table.Insert(MakeDual(7));
  allocation.mobility = std::make_unique<Mobility>();
  const base::FiveTuple before = allocation.client.five_tuple;
  const Client client{{At("20.2.2.2:9"), At("192.0.2.1:3478"), base::Transport::kTcp}, {3}};
  table.Detach(allocation);
  table.Attach(allocation, client);
  EXPECT_FALSE(allocation.is_detached());
  EXPECT_EQ(table.Find(client.five_tuple), &allocation);
  EXPECT_EQ(table.Find(before), nullptr);
  EXPECT_EQ(allocation.client.handle, client.handle);
}

TEST(AllocationTable, PointersOutliveTheTablesGrowth) {
  AllocationTable table;
  Allocation& first = table.Insert(MakeDual(1));
  for (std::uint16_t port = 2; port < 2000; ++port) table.Insert(MakeDual(port));
  EXPECT_EQ(table.Find(first.client.five_tuple), &first);
  std::size_t visited = 0;
  table.ForEach([&](const Allocation&) { ++visited; });
  EXPECT_EQ(visited, 1999u);
}

}  // namespace turn::allocation_table_test
