// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What a handle says of members while its cluster or its own commits fail.
#include <thread>

#include "kafka_parts.hpp"
#include "kafka_world.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/log/record_batch.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

namespace millrace::log {
namespace {

using testkit::KafkaApi;
using testkit::KafkaFault;

/// Asks until there is an answer: a connection that was cut is made again a moment later.
template <class Ask>
auto when_available(Ask ask) {
  const std::int64_t deadline_ns = real_clock().monotonic_ns() + 120'000'000'000;
  for (;;) {
    auto found = ask();
    if (found || !found.error().is(errc::unavailable)) return found;
    if (real_clock().monotonic_ns() > deadline_ns) return found;
  }
}

class KafkaMembers : public KafkaWorld {
 protected:
  testkit::KafkaProxy proxy{address()};
  std::unique_ptr<Log> direct = open("direct");
  std::vector<TopicPartition> partitions{make_topic(*direct, "t")};
  TopicPartition input = make_topic(*direct, "in");
};

// A group without its positions looks like one that never committed any.
TEST_F(KafkaMembers, a_list_of_groups_that_may_lack_positions_is_an_error) {
  Worker worker(open("worker"), "g", {"u"});
  ASSERT_TRUE(worker.until_holds(1));
  ASSERT_TRUE(worker.commit(partitions, "1", input, offset(1)).has_value());
  // A list of all does not wait for the transaction marker; this does.
  EXPECT_EQ(position(*worker.log, worker.group, input), offset(1));
  const auto through = open("tool", proxy.bootstrap(), {{"millrace.request.timeout.ms", "2000"}});
  const auto rule = proxy.add({.api = KafkaApi::offset_fetch,
                               .fault = KafkaFault::cut_before(),
                               .times = testkit::KafkaRule::always});
  const auto refused = through->groups();
  EXPECT_GE(rule.applied(), 1U);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::unavailable)) << refused.error().to_string();
  rule.remove();
  const auto groups = when_available([&] { return through->groups(); });
  ASSERT_TRUE(groups.has_value()) << groups.error().to_string();
  ASSERT_EQ(groups->size(), 1U);
  EXPECT_EQ(groups->front().positions.size(), 1U);
}

// Each group has a coordinator of its own, and that of another group may be away.
TEST_F(KafkaMembers, the_group_that_is_wanted_needs_no_coordinator_of_another) {
  Worker worker(open("worker"), "g", {"u"});
  Worker other(open("other"), "other", {"u"});
  ASSERT_TRUE(worker.until_holds(1) && other.until_holds(1));
  ASSERT_TRUE(worker.commit(partitions, "1", input, offset(1)).has_value());
  EXPECT_EQ(position(*worker.log, worker.group, input), offset(1));
  const auto through = open("tool", proxy.bootstrap(), {{"millrace.request.timeout.ms", "2000"}});
  const auto away = proxy.add({.api = KafkaApi::offset_fetch,
                               .fault = KafkaFault::cut_before(),
                               .times = testkit::KafkaRule::always,
                               .group = prefix() + ".other"});
  ASSERT_FALSE(through->groups().has_value());
  EXPECT_GE(away.applied(), 1U);
  const auto wanted = when_available([&] { return find_groups(*through, {.name = "g"}); });
  ASSERT_TRUE(wanted.has_value()) << wanted.error().to_string();
  ASSERT_EQ(wanted->size(), 1U);
  EXPECT_EQ(wanted->front().name, "g");
  EXPECT_EQ(wanted->front().positions.size(), 1U);
  const auto none = when_available([&] { return find_groups(*through, {.name = "unknown"}); });
  ASSERT_TRUE(none.has_value()) << none.error().to_string();
  EXPECT_THAT(*none, testing::IsEmpty());
}

TEST_F(KafkaMembers, members_and_owners_need_no_coordinator_at_all) {
  Worker worker(open("worker"), "g", {"u"});
  ASSERT_TRUE(worker.until_holds(1));
  ASSERT_TRUE(worker.commit(partitions, "1", input, offset(1)).has_value());
  const auto through = open("tool", proxy.bootstrap());
  const auto asked = proxy.add({.api = KafkaApi::offset_fetch,
                                .fault = KafkaFault::cut_before(),
                                .times = testkit::KafkaRule::always});
  const auto groups = find_groups(*through, {.positions = false});
  EXPECT_EQ(asked.applied(), 0U);
  ASSERT_TRUE(groups.has_value()) << groups.error().to_string();
  ASSERT_EQ(groups->size(), 1U);
  EXPECT_EQ(groups->front().members.size(), 1U);
  ASSERT_EQ(groups->front().tasks.size(), 1U);
  EXPECT_EQ(groups->front().tasks.front().member, groups->front().members.front().name);
  EXPECT_THAT(groups->front().positions, testing::IsEmpty());
}

// Else a task is given away while a transaction of its owner may still be undecided.
TEST_F(KafkaMembers, a_member_whose_commit_failed_is_none_also_while_another_commit_runs) {
  KafkaParts parts(url(proxy.bootstrap()), options_of("first"));
  ASSERT_GE(parts.identity().current(), 0);
  const auto rule = proxy.add({.api = KafkaApi::end_txn,
                               .fault = KafkaFault::fail(90),
                               .where = [](const testkit::KafkaRequest& request) {
                                 return !request.transactional_id.empty();
                               }});
  RecordBatchBuilder builder;
  builder.add({1'000, "k", "v", {}});
  builder.add({1'000, "k", "w", {}});
  const Status refused = parts.identity().commit({}, [&](kafka::Producer& producer) {
    kafka::OutgoingBatch batch{{parts.in_kafka("t"), 0}, builder.finish(), builder.count()};
    return producer.commit({&batch, 1}, {});
  });
  EXPECT_EQ(rule.applied(), 1U);
  ASSERT_FALSE(refused.has_value());
  std::int64_t seen = 0;
  const Status other = parts.identity().commit({}, [&](kafka::Producer&) {
    std::thread asks([&] { seen = parts.identity().current(); });
    asks.join();
    return Status{};
  });
  EXPECT_TRUE(other.has_value());
  EXPECT_EQ(seen, -1);
  EXPECT_EQ(parts.identity().current(), -1);
}

}  // namespace
}  // namespace millrace::log
