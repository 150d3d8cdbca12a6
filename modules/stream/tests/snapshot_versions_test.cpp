// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <optional>

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
  Plan topology;
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

StoreSpec table_of_topic() {
  StoreSpec table;
  table.id = static_cast<StoreId>(0);
  table.name = "customers";
  table.changelog = "customers";
  table.source_is_changelog = true;
  return table;
}

/// The stores of a task that reads the table from a topic with this number.
struct TableOf {
  explicit TableOf(std::uint64_t stored_id) {
    topology.stores.push_back(table_of_topic());
    SourceSpec source;
    source.table = topology.stores.front().id;
    topology.sources.push_back(source);
    part.stores = {topology.stores.front().id};
    resolved.spec = &part;
    const log::TopicSpec spec{"customers", 1, log::TopicKind::events, "shop"};
    resolved.inputs.push_back({{log::TopicId{{1}}, spec}, {0}, true, false, stored_id});
    stores.emplace(topology, resolved, log::partition(0));
  }
  [[nodiscard]] std::size_t entries() { return stores->entries().front().bytes->size(); }

  Plan topology;
  SubTopology part;
  ResolvedSubTopology resolved;
  std::optional<StoreSet> stores;
};

std::string snapshot_of_table(std::uint64_t stored_id) {
  TableOf table(stored_id);
  table.stores->entries().front().bytes->restore("key", "value", 7);
  table.stores->entries().front().next = log::offset(5);
  std::string bytes;
  encode_snapshot({"log", {}, {1, 7}, 0, log::offset(0), ""}, *table.stores, bytes);
  return bytes;
}

/// The same as a build wrote it that does not name topics by number.
std::string without_topic_id(std::string bytes) {
  const std::size_t at = bytes.find("customers", bytes.find("customers") + 1) + 9;
  bytes.erase(at, sizeof(std::uint64_t));
  store_little(bytes.data() + 8, std::uint32_t{5});
  store_little(bytes.data() + 12, crc32c(std::string_view(bytes).substr(16)));
  return bytes;
}

TEST(SnapshotVersions, a_table_is_taken_only_from_the_topic_that_it_was_read_from) {
  struct Case {
    std::string bytes;
    std::uint64_t now;
    std::size_t taken;
  };
  const Case cases[] = {{snapshot_of_table(4), 4, 1},
                        {snapshot_of_table(4), 9, 0},
                        {snapshot_of_table(0), 0, 1},
                        {snapshot_of_table(0), 4, 0},
                        {without_topic_id(snapshot_of_table(4)), 4, 0},
                        {without_topic_id(snapshot_of_table(4)), 0, 1}};
  for (const Case& one : cases) {
    TableOf table(one.now);
    const auto head = decode_snapshot(one.bytes, *table.stores);
    ASSERT_TRUE(head) << head.error().to_string();
    EXPECT_EQ(table.entries(), one.taken) << &one - cases;
    EXPECT_EQ(table.stores->entries().front().next, log::offset(one.taken == 0 ? 0 : 5));
  }
}

TEST(SnapshotVersions, without_numbers_of_topics_are_those_of_builds_that_have_none) {
  EXPECT_EQ(snapshot_of_table(0), without_topic_id(snapshot_of_table(4)));
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

// The head of a snapshot of that version, without stores.
std::string head_of(std::uint32_t version) {
  std::string content;
  {
    ByteWriter out(content);
    out.little_text<std::uint32_t>("log");
    if (version > 6) out.little(std::uint64_t{77});
    out.little(std::uint32_t{1}).little(std::uint64_t{7}).little(std::int64_t{9});
    out.little(std::int64_t{3});
    out.little_text<std::uint32_t>("state");
    out.little(std::uint32_t{0});
  }
  const std::uint32_t sum = crc32c(content);
  std::string bytes;
  ByteWriter(bytes).bytes("mrsnap\r\n").little(version).little(sum);
  return bytes + content;
}

TEST(SnapshotVersions, of_builds_that_knew_no_lineage_have_none) {
  Plan topology;
  SubTopology part;
  ResolvedSubTopology resolved;
  resolved.spec = &part;
  for (std::uint32_t version = 3; version <= 7; ++version) {
    StoreSet stores(topology, resolved, log::partition(0));
    const auto head = decode_snapshot(head_of(version), stores);
    ASSERT_TRUE(head) << head.error().to_string();
    EXPECT_EQ(head->lineage, log::Lineage{{version > 6 ? 77U : 0U}}) << version;
    EXPECT_EQ(head->stamp, (log::LogPosition{1, 7})) << version;
    EXPECT_EQ(head->as_of_ms, 9) << version;
    EXPECT_EQ(head->system_next, log::offset(3)) << version;
    EXPECT_EQ(head->task_state, "state") << version;
  }
  StoreSet stores(topology, resolved, log::partition(0));
  std::string encoded;
  encode_snapshot({"log", {{77}}, {1, 7}, 9, log::offset(3), "state"}, stores, encoded);
  EXPECT_EQ(encoded, head_of(7));
  encoded.clear();
  encode_snapshot({"log", {}, {1, 7}, 9, log::offset(3), "state"}, stores, encoded);
  EXPECT_EQ(encoded, head_of(5)) << "builds of before read it";
}

}  // namespace
}  // namespace millrace::stream::runtime
