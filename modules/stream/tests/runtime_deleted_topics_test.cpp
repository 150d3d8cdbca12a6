// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Topics that a service reads are deleted, and created again under their names.
#include <gtest/gtest.h>

#include <map>

#include "millrace/log/errors.hpp"
#include "millrace/stream/reset.hpp"
#include "runtime_branches.hpp"
#include "runtime_shop.hpp"

namespace millrace::stream::test {
namespace {

Topology last_deposits() {
  TopologyBuilder builder("bank");
  builder.table<std::string, Deposited>("deposits", "last").to_stream().to("bank.last");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

class DeletedTopics : public Branches {
 protected:
  DeletedTopics() { topology_ = last_deposits(); }

  static InstanceOptions kept_in(const std::string& directory) {
    InstanceOptions options;
    options.state_directory = directory;
    return options;
  }
  /// Only as it leaves does it write snapshots.
  static void leave(Branch& branch) {
    const Status closed = branch.instance->close();
    ASSERT_TRUE(closed) << closed.error().to_string();
    branch.instance.reset();
    branch.log.reset();
  }
  /// Deletes the topic and creates it again, with as many partitions unless others are named. False
  /// where the log does not delete topics.
  bool replace_deposits(std::int32_t partitions = 0) {
    log::LogOptions options;
    options.service = "teller";
    const auto teller = world_->connect(std::move(options));
    const log::Topic old = teller->find_topic("deposits").value();
    log::TopicSpec spec = old.spec;
    if (partitions > 0) spec.partitions = partitions;
    const Status deleted = teller->delete_topic(old.id);
    if (!deleted && deleted.error().is(log::errc::unsupported)) return false;
    EXPECT_TRUE(deleted);
    EXPECT_NE(teller->create_topic(spec).value().id, old.id);
    later_.emplace(
        [this](log::LogOptions of_writer) { return world_->connect(std::move(of_writer)); });
    return true;
  }
  std::map<std::string, std::int64_t> table(const Branch& branch) {
    const auto all = branch.instance->view<std::string, Deposited>("last").value().all(1'000);
    EXPECT_TRUE(all) << all.error().to_string();
    std::map<std::string, std::int64_t> found;
    for (const auto& [key, deposit] : all->value)
      found[key] = deposit.amount;
    return found;
  }

  std::optional<testkit::EventWriter> later_;  ///< of the topic that has the name now
};
INSTANTIATE_TEST_SUITE_P(On, DeletedTopics, testing::ValuesIn(runtime_backends()), backend_name);

// A snapshot of a table names offsets of the topic that it was read from.
TEST_P(DeletedTopics, a_snapshot_of_a_table_is_not_one_of_a_topic_with_the_same_name) {
  Branch one = open("bank-1", kept_in("state-1"));
  for (int i = 0; i < 20; ++i)
    writer_.write("deposits", "old-" + std::to_string(i), Deposited{1}, 1'000 + i);
  rest({&one});
  EXPECT_EQ(table(one).size(), 20U);
  leave(one);
  if (!replace_deposits()) GTEST_SKIP() << "topics of this log are deleted by its own tools";
  std::map<std::string, std::int64_t> expected;
  for (int i = 0; i < 60; ++i) {
    const std::string key = "new-" + std::to_string(i);
    later_->write("deposits", key, Deposited{i}, 2'000 + i);
    expected[key] = i;
  }
  // Its tasks are somewhere else for a time, and come back to the disk with the old snapshots.
  Branch two = open("bank-2");
  rest({&two});
  EXPECT_EQ(table(two), expected);
  leave(two);
  Branch back = open("bank-1", kept_in("state-1"));
  rest({&back});
  EXPECT_EQ(table(back), expected);
}

TEST_P(DeletedTopics, end_the_instance_that_reads_them_and_not_the_next_one) {
  Branch one = open("bank-1");
  for (int i = 0; i < 20; ++i)
    writer_.write("deposits", "old-" + std::to_string(i), Deposited{1}, 1'000 + i);
  rest({&one});
  if (!replace_deposits()) GTEST_SKIP() << "topics of this log are deleted by its own tools";
  later_->write("deposits", std::string("new"), Deposited{7}, 2'000);
  std::optional<Error> ended;
  for (int round = 0; round < rounds_max && !ended; ++round) {
    const auto stepped = one.instance->step();
    if (!stepped) ended = stepped.error();
    world_->let_pass();
  }
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->is(log::errc::topic_replaced)) << ended->to_string();
  one.instance.reset();
  one.log.reset();
  Branch next = open("bank-2");
  rest({&next});
  EXPECT_EQ(table(next).at("new"), 7);
}

TEST_P(DeletedTopics, with_another_number_of_partitions_have_the_state_built_again) {
  Branch one = open("bank-1");
  for (int i = 0; i < 20; ++i)
    writer_.write("deposits", "old-" + std::to_string(i), Deposited{1}, 1'000 + i);
  rest({&one});
  leave(one);
  if (!replace_deposits(3)) GTEST_SKIP() << "topics of this log are deleted by its own tools";
  later_->write("deposits", std::string("new"), Deposited{7}, 2'000);
  std::string refused;
  try {
    Branch next = open("bank-2");
    rest({&next});
  } catch (const std::runtime_error& error) {
    refused = error.what();
  }
  EXPECT_NE(refused.find("log.topic_mismatch"), std::string::npos) << refused;
  EXPECT_NE(refused.find("Topic 'deposits' has 3 partitions"), std::string::npos) << refused;
  EXPECT_NE(refused.find("`millrace topology reset bank`"), std::string::npos) << refused;
  {
    log::LogOptions options;
    options.service = "bank";
    const auto log = world_->connect(std::move(options));
    const auto reset = reset_topology(*log, "bank", {}, false);
    ASSERT_TRUE(reset) << reset.error().to_string();
  }
  Branch after = open("bank-3");
  rest({&after});
  EXPECT_EQ(table(after), (std::map<std::string, std::int64_t>{{"new", 7}}));
}

class DeletedChannels : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, DeletedChannels, testing::ValuesIn(runtime_backends()), backend_name);

// A reset says in the manifest at which offset of the topic between them the new parts begin.
TEST_P(DeletedChannels, are_read_from_their_beginning_whatever_a_reset_said_before) {
  const auto by_amount = topology([](auto& builder) {
    orders(builder)
        .group_by([](const Deposited& deposit) { return deposit.amount; })
        .count("by-amount");
  });
  struct Case {
    const char* name;
    bool is_there_again;
    bool has_number;
  };
  for (const Case& one : {Case{"missing", false, true}, Case{"there again", true, true},
                          Case{"reset by an earlier build", true, false}}) {
    SCOPED_TRACE(one.name);
    auto driver = open_shop(make_world(), by_amount);
    order(*driver, 0, 6);
    ASSERT_TRUE(driver->instance().close());
    ASSERT_TRUE(reset(*driver, {}));
    Manifest manifest = read_manifest(driver->tool(), "shop").value().value();
    ASSERT_EQ(manifest.channels.size(), 1U);
    const auto shop = connect_shop(driver->world());
    const log::Topic old = shop->find_topic(manifest.channels.front().topic).value();
    const Status deleted = shop->delete_topic(old.id);
    if (!deleted && deleted.error().is(log::errc::unsupported))
      GTEST_SKIP() << "topics of this log are deleted by its own tools";
    ASSERT_TRUE(deleted) << deleted.error().to_string();
    EXPECT_EQ(manifest.version, 4);
    if (one.is_there_again) {
      ASSERT_TRUE(shop->create_topic(old.spec));
    }
    if (!one.has_number) {
      manifest.channels.front().from_topic.reset();
      ++manifest.revision;
      const auto written = write_manifest(*shop, "shop", manifest, {});
      ASSERT_TRUE(written) << written.error().to_string();
      ASSERT_TRUE(*written);
    }
    driver->restart_after_end();
    driver->run_until_idle();
    EXPECT_EQ((driver->store<std::int64_t, std::int64_t>("by-amount").get(100).value_or(0)), 6);
  }
}

}  // namespace
}  // namespace millrace::stream::test
