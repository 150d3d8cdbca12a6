// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "millrace/base/byte_writer.hpp"
#include "millrace/base/hash.hpp"
#include "runtime/snapshot.hpp"

namespace millrace::stream::runtime {
namespace {

// A snapshot of version 3, which does not say of which types its entries are.
std::string without_types(const StoreSpec& store) {
  std::string content;
  {
    ByteWriter out(content);
    out.little_text<std::uint32_t>("log");
    out.little(std::uint32_t{1}).little(std::uint64_t{7}).little(std::int64_t{0});
    out.little(std::int64_t{0});
    out.little_text<std::uint32_t>("");
    out.little(std::uint32_t{1});
    out.little_text<std::uint32_t>(store.name);
    out.little_text<std::uint32_t>(store.changelog);
    out.little(std::int64_t{5}).little(std::uint64_t{1});
    out.little_text<std::uint32_t>("key").little_text<std::uint32_t>("value");
  }
  std::string bytes;
  ByteWriter(bytes).bytes("mrsnap\r\n").little(std::uint32_t{3}).little(crc32c(content));
  return bytes + content;
}

// What the store holds after it.
std::size_t taken(const StoreSpec& store) {
  Topology topology;
  topology.stores.push_back(store);
  SubTopology part;
  part.stores = {store.id};
  ResolvedSubTopology resolved;
  resolved.spec = &part;
  StoreSet stores(topology, resolved, log::partition(0));
  const auto head = decode_snapshot(without_types(store), stores);
  EXPECT_TRUE(head) << head.error().to_string();
  const std::size_t entries = stores.entries().front().bytes->size();
  EXPECT_EQ(stores.entries().front().next, log::offset(entries == 0 ? 0 : 5));
  return entries;
}

TEST(SnapshotVersions, entries_of_unknown_types_are_used_only_where_there_was_one_type) {
  StoreSpec store;
  store.id = static_cast<StoreId>(0);
  store.name = "counts";
  store.changelog = "shop.counts.changelog";
  EXPECT_EQ(taken(store), 1U);
  StoreSpec changed = store;
  changed.value_types = {"{debit:int64,credit:int64}", "{credit:int64,debit:int64}"};
  changed.value_type = 2;
  EXPECT_EQ(taken(changed), 0U);
  StoreSpec table = store;
  table.source_is_changelog = true;
  EXPECT_EQ(taken(table), 0U);
}

}  // namespace
}  // namespace millrace::stream::runtime
