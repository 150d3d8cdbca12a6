// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/discovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/codec/describe.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/memory_log.hpp"

namespace millrace::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// An instance that says where it is.
class Announced {
 public:
  Announced(log::MemoryBroker& broker, Clock& clock, const std::string& service,
            const std::string& instance)
      : log(broker.connect({.service = service, .member = instance})),
        discovery(*log, clock, [this] { return descriptor; }) {
    descriptor.service = service;
    descriptor.instance = instance;
    descriptor.address = "http://" + instance;
    descriptor.owned = {{"counts", {0, 1}}};
  }
  void step() {
    const Status done = discovery.step();
    EXPECT_TRUE(done) << done.error().to_string();
  }
  /// `service/instance` of those that it finds.
  std::vector<std::string> found() {
    step();
    step();  // reads what the first one wrote
    std::vector<std::string> names;
    for (const LiveInstance& one : discovery.instances().live())
      names.push_back(one.descriptor.service + "/" + one.descriptor.instance);
    return names;
  }
  std::string owner(std::int32_t partition) {
    const auto one =
        discovery.instances().owner(descriptor.service, "counts", partition, descriptor.instance);
    return one ? one->instance : "nobody";
  }

  InstanceDescriptor descriptor;
  std::unique_ptr<log::Log> log;
  Discovery discovery;
};

class InstancesOfALog : public testing::Test {
 protected:
  std::int64_t records() {
    const auto topic = one.log->find_topic(instances_topic);
    return one.log->end_offset({topic->id, log::partition(0)}).value().value;
  }
  void write(const std::string& key, const std::string& value) {
    const auto topic = one.log->find_topic(instances_topic);
    log::Transaction transaction;
    transaction.append({topic->id, log::partition(0)},
                       {clock.wall_ms(), std::string_view(key), std::string_view(value), {}});
    ASSERT_TRUE(one.log->commit(transaction));
  }

  ManualClock clock;
  log::MemoryBroker broker{clock, true};
  Announced one{broker, clock, "orders", "a:1"};
  Announced two{broker, clock, "orders", "b:2"};
  Announced other{broker, clock, "stock", "a:3"};
};

TEST_F(InstancesOfALog, are_found_by_all_that_share_it) {
  one.step();
  two.step();
  other.step();
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1", "orders/b:2", "stock/a:3"));
  EXPECT_EQ(other.discovery.instances().live().at(0).descriptor, one.descriptor);
}

TEST_F(InstancesOfALog, are_no_longer_found_when_they_do_not_renew_their_record) {
  two.step();
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1", "orders/b:2"));
  clock.advance_ms(instance_time_to_live_ms - 1);
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1", "orders/b:2"));
  clock.advance_ms(1);
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1"));
  two.step();
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1", "orders/b:2"));
}

TEST_F(InstancesOfALog, are_not_lost_when_the_wall_clock_jumps) {
  two.step();
  one.step();
  clock.jump_wall_ms(3'600'000);
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1", "orders/b:2"));
}

TEST_F(InstancesOfALog, that_died_before_the_reader_began_are_not_found) {
  two.step();
  clock.advance_ms(instance_time_to_live_ms);
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1"));
}

TEST_F(InstancesOfALog, are_gone_at_once_when_they_leave_in_order) {
  two.step();
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1", "orders/b:2"));
  ASSERT_TRUE(two.discovery.leave());
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1"));
}

TEST_F(InstancesOfALog, renew_their_record_when_it_is_due_or_has_changed) {
  one.step();
  one.step();
  EXPECT_EQ(records(), 1);
  clock.advance_ms(Discovery::renew_ms);
  one.step();
  EXPECT_EQ(records(), 2);
  one.descriptor.owned = {{"counts", {0}}};
  one.step();
  EXPECT_EQ(records(), 3);
  one.discovery.wait();
  one.step();
  EXPECT_EQ(records(), 3);
}

TEST_F(InstancesOfALog, have_the_partitions_that_they_named_last) {
  one.step();
  two.descriptor.owned = {{"counts", {2}}, {"other", {3}}};
  two.step();
  one.step();
  EXPECT_EQ(one.owner(2), "b:2");
  EXPECT_EQ(one.owner(3), "nobody") << "of another part";
  EXPECT_EQ(one.owner(0), "nobody") << "its own are not asked for";
  two.descriptor.owned = {};
  two.step();
  one.step();
  EXPECT_EQ(one.owner(2), "nobody");
}

TEST_F(InstancesOfALog, are_the_owner_by_the_latest_record_of_two) {
  two.step();
  clock.advance_ms(1);
  Announced third(broker, clock, "orders", "c:4");
  third.step();
  one.step();
  EXPECT_EQ(one.owner(1), "c:4");
  clock.advance_ms(Discovery::renew_ms);
  two.step();
  one.step();
  EXPECT_EQ(one.owner(1), "b:2");
}

TEST_F(InstancesOfALog, that_are_silent_for_long_are_deleted_by_another_one_of_their_service) {
  two.step();
  other.step();
  one.step();
  clock.advance_ms(Discovery::forget_ms);
  one.step();  // deletes the record
  one.step();  // reads that
  EXPECT_THAT(one.discovery.instances().silent("orders", Discovery::forget_ms), IsEmpty());
  EXPECT_THAT(one.discovery.instances().silent("stock", Discovery::forget_ms),
              ElementsAre("stock/a:3"))
      << "that is for stock";
}

TEST_F(InstancesOfALog, whose_record_cannot_be_read_say_why_and_own_nothing) {
  one.step();
  write("orders/new:1", R"({"format":2,"owned":"all"})");
  write("orders/odd:1", "no JSON");
  write("orders/lies:1", codec::to_json(two.descriptor));
  one.step();
  const auto live = one.discovery.instances().live();
  ASSERT_EQ(live.size(), 4U);
  EXPECT_THAT(live[1].unreadable, HasSubstr("another instance"));
  EXPECT_THAT(live[2].unreadable, HasSubstr("version 2, this program reads up to version 1"));
  EXPECT_FALSE(live[3].unreadable.empty());
  EXPECT_EQ(one.owner(0), "nobody");
}

TEST_F(InstancesOfALog, may_have_members_that_this_build_does_not_know) {
  one.step();
  std::string text = codec::to_json(two.descriptor);
  text.insert(1, R"("zone":"eu-1",)");
  write("orders/b:2", text);
  one.step();
  EXPECT_EQ(one.owner(1), "b:2");
}

TEST_F(InstancesOfALog, that_could_not_write_try_again) {
  broker.fail_commits(log::errc::disk_full, 1);
  EXPECT_FALSE(one.discovery.step());
  EXPECT_THAT(one.found(), ElementsAre("orders/a:1"));
}

TEST(InstancesOfAnEmptyLog, are_none) {
  ManualClock clock;
  log::MemoryBroker broker(clock, true);
  const auto log = broker.connect({.service = "tool", .member = ""});
  Instances instances(*log, clock);
  ASSERT_TRUE(instances.read());
  EXPECT_THAT(instances.live(), IsEmpty());
}

}  // namespace
}  // namespace millrace::service
