// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kafka_world.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

// Faults of the requests that make a commit.
namespace millrace::log {

struct Fault {
  const char* name;
  testkit::KafkaApi api;
  testkit::KafkaFault fault;
  std::uint64_t times = 1;
  friend void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }
};

inline std::string name_of_fault(const testing::TestParamInfo<Fault>& info) {
  return info.param.name;
}

/// Strikes requests of transactions only.
inline testkit::KafkaRule rule_of(const Fault& fault) {
  return {.api = fault.api, .fault = fault.fault, .times = fault.times, .where = is_of_transaction};
}

inline const Fault commit_faults[] = {
    {"end_delayed", testkit::KafkaApi::end_txn, testkit::KafkaFault::delay_response(400)},
    {"end_cut_before", testkit::KafkaApi::end_txn, testkit::KafkaFault::cut_before()},
    {"end_cut_after", testkit::KafkaApi::end_txn, testkit::KafkaFault::cut_after()},
    {"end_fails_not_coordinator", testkit::KafkaApi::end_txn, testkit::KafkaFault::fail(16)},
    {"end_fails_concurrent", testkit::KafkaApi::end_txn, testkit::KafkaFault::fail(51)},
    {"end_fails_fenced", testkit::KafkaApi::end_txn, testkit::KafkaFault::fail(90)},
    {"end_fails_not_authorized", testkit::KafkaApi::end_txn, testkit::KafkaFault::fail(53)},
    {"end_fails_bad_state", testkit::KafkaApi::end_txn, testkit::KafkaFault::fail(48)},
    {"positions_cut_before", testkit::KafkaApi::txn_offset_commit,
     testkit::KafkaFault::cut_before()},
    {"positions_cut_after", testkit::KafkaApi::txn_offset_commit, testkit::KafkaFault::cut_after()},
    {"positions_fail_loading", testkit::KafkaApi::txn_offset_commit, testkit::KafkaFault::fail(14)},
    {"positions_fail_generation", testkit::KafkaApi::txn_offset_commit,
     testkit::KafkaFault::fail(22)},
    {"positions_fail_bad_epoch", testkit::KafkaApi::txn_offset_commit,
     testkit::KafkaFault::fail(47)},
    {"group_cut_after", testkit::KafkaApi::add_offsets_to_txn, testkit::KafkaFault::cut_after()},
    {"group_fails_concurrent", testkit::KafkaApi::add_offsets_to_txn,
     testkit::KafkaFault::fail(51)},
    {"group_fails_bad_state", testkit::KafkaApi::add_offsets_to_txn, testkit::KafkaFault::fail(48)},
    {"group_fails_fenced", testkit::KafkaApi::add_offsets_to_txn, testkit::KafkaFault::fail(90)},
    {"partitions_cut_before", testkit::KafkaApi::add_partitions_to_txn,
     testkit::KafkaFault::cut_before()},
    {"partitions_cut_after", testkit::KafkaApi::add_partitions_to_txn,
     testkit::KafkaFault::cut_after()},
    {"partitions_fail_concurrent", testkit::KafkaApi::add_partitions_to_txn,
     testkit::KafkaFault::fail(51)},
    {"partitions_fail_not_authorized", testkit::KafkaApi::add_partitions_to_txn,
     testkit::KafkaFault::fail(29)},
    {"partitions_fail_bad_epoch", testkit::KafkaApi::add_partitions_to_txn,
     testkit::KafkaFault::fail(47)},
    {"produce_delayed", testkit::KafkaApi::produce, testkit::KafkaFault::delay_response(400)},
    {"produce_cut_before", testkit::KafkaApi::produce, testkit::KafkaFault::cut_before()},
    {"produce_cut_after", testkit::KafkaApi::produce, testkit::KafkaFault::cut_after()},
    {"produce_cut_after_three_times", testkit::KafkaApi::produce, testkit::KafkaFault::cut_after(),
     3},
    {"produce_fails_not_leader", testkit::KafkaApi::produce, testkit::KafkaFault::fail(6)},
    {"produce_fails_too_few_replicas", testkit::KafkaApi::produce, testkit::KafkaFault::fail(19)},
    {"produce_fails_bad_epoch", testkit::KafkaApi::produce, testkit::KafkaFault::fail(47)},
    {"produce_is_written_but_timed_out", testkit::KafkaApi::produce,
     testkit::KafkaFault::fail_after(7)},
    {"produce_is_written_but_too_few_replicas", testkit::KafkaApi::produce,
     testkit::KafkaFault::fail_after(20)},
    {"produce_is_written_but_the_leader_went", testkit::KafkaApi::produce,
     testkit::KafkaFault::fail_after(6), 2},
    {"partitions_are_added_but_fail", testkit::KafkaApi::add_partitions_to_txn,
     testkit::KafkaFault::fail_after(15)},
    {"positions_are_written_but_fail", testkit::KafkaApi::txn_offset_commit,
     testkit::KafkaFault::fail_after(15)},
    {"end_is_written_but_the_coordinator_went", testkit::KafkaApi::end_txn,
     testkit::KafkaFault::fail_after(16)},
    {"produce_fails_out_of_order", testkit::KafkaApi::produce, testkit::KafkaFault::fail(45)},
    {"produce_fails_too_large", testkit::KafkaApi::produce, testkit::KafkaFault::fail(10)},
    {"produce_fails_not_authorized", testkit::KafkaApi::produce, testkit::KafkaFault::fail(29)},
};

class KafkaFaults : public KafkaWorld {
 protected:
  explicit KafkaFaults(
      testkit::KafkaTransactions transactions = testkit::KafkaTransactions::version_1)
      : proxy(address(), transactions) {
    const TopicPartition first = make_topic(*direct, "t", 2);
    partitions = {first, {first.topic, partition(1)}};
    input = make_topic(*direct, "in");
  }
  /// Whether the log shows the value; fails when it shows a part of the transaction.
  bool shows(const std::string& value, Offset moved_to) {
    const GroupId group = direct->group("g").value();
    const auto first = values(*direct, partitions[0]);
    const auto second = values(*direct, partitions[1]);
    EXPECT_EQ(first, second);
    const bool there = std::find(first.begin(), first.end(), value) != first.end();
    EXPECT_EQ(position(*direct, group, input) == moved_to, there);
    return there;
  }

  testkit::KafkaProxy proxy;
  std::unique_ptr<Log> direct = open("direct");
  std::vector<TopicPartition> partitions;
  TopicPartition input;
};

class KafkaCommitFaults : public KafkaFaults, public testing::WithParamInterface<Fault> {
 protected:
  using KafkaFaults::KafkaFaults;
  void expect_a_true_answer();
};

inline void KafkaCommitFaults::expect_a_true_answer() {
  Worker worker(open("worker", proxy.bootstrap()), "g", {"u"});
  ASSERT_TRUE(worker.until_holds(1));
  ASSERT_TRUE(worker.commit(partitions, "1", input, offset(1)).has_value());

  const auto rule = proxy.add(rule_of(GetParam()));
  const auto answer = worker.commit(partitions, "2", input, offset(2));
  EXPECT_EQ(rule.applied(), GetParam().times);
  rule.remove();

  ASSERT_TRUE(worker.until_holds(1));
  const bool there = shows("2", offset(2));
  if (answer) {
    EXPECT_TRUE(there);
    EXPECT_TRUE(worker.lost.empty());
  } else if (!answer.error().is(errc::outcome_unknown)) {
    EXPECT_FALSE(there) << answer.error().to_string();
  }

  const auto next = worker.commit(partitions, "3", input, offset(3));
  ASSERT_TRUE(next.has_value()) << next.error().to_string();
  const std::vector<std::string> all = values(*direct, partitions[0]);
  EXPECT_EQ(all, there ? (std::vector<std::string>{"1", "2", "3"})
                       : (std::vector<std::string>{"1", "3"}));
  EXPECT_TRUE(shows("3", offset(3)));
}

}  // namespace millrace::log
