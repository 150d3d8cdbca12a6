// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Requests that are delayed, fail or are cut off: what a commit returns must be true to what the
// log shows, and the member that got an error must be able to continue.
#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "commit_faults.hpp"
#include "kafka_world.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testkit::KafkaApi;
using testkit::KafkaFault;
using testkit::KafkaProxy;
using testkit::KafkaRequest;
using testkit::KafkaRule;

TEST_P(KafkaCommitFaults, the_answer_is_true_and_the_member_continues) { expect_a_true_answer(); }

class KafkaWrittenFaults : public KafkaFaults, public testing::WithParamInterface<int> {};

// The leader has the batch, but says again and again that the followers have not. The transaction
// is given up; the same records in the next one are not taken for those it has.
TEST_P(KafkaWrittenFaults, what_was_given_up_is_not_taken_for_what_is_written_next) {
  SkewedClock clock;
  const KafkaSettings settings{{"message.timeout.ms", "120000"}};
  Worker worker(open_by(clock, options_of("worker"), proxy.bootstrap(), settings), "g", {"u"});
  ASSERT_TRUE(worker.until_holds(1));
  ASSERT_TRUE(worker.commit(partitions, "1", input, offset(1)).has_value());
  const auto rule =
      proxy.add({.api = KafkaApi::produce,
                 .fault = KafkaFault::fail_after(static_cast<std::int16_t>(GetParam())),
                 .times = KafkaRule::always,
                 .where = is_of_transaction});
  std::thread time([&] {
    // An unknown error is not tried again.
    EXPECT_TRUE(rule.wait_until_applied(GetParam() < 0 ? 1 : 3));
    clock.advance_ms(121'000);
  });
  const auto answer = worker.commit(partitions, "2", input, offset(2));
  time.join();
  EXPECT_FALSE(answer.has_value());
  rule.remove();
  ASSERT_TRUE(worker.until_holds(1));
  EXPECT_FALSE(shows("2", offset(2)));
  const auto again = worker.commit(partitions, "2", input, offset(2));
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_TRUE(shows("2", offset(2)));
  EXPECT_THAT(values(*direct, partitions[0]), ElementsAre("1", "2"));
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaWrittenFaults, testing::Values(6, 7, 20, -1),
                         [](const testing::TestParamInfo<int>& tested) {
                           return "code_" + std::string(tested.param < 0 ? "unknown" : "") +
                                  (tested.param < 0 ? "" : std::to_string(tested.param));
                         });

class KafkaLateRequests : public KafkaFaults, public testing::WithParamInterface<KafkaApi> {};

// The client sends it again over another connection and continues. The first one arrives in the
// middle of a later transaction and may neither end that nor move its positions back.
TEST_P(KafkaLateRequests, one_that_arrives_in_the_next_transaction_changes_nothing) {
  const KafkaSettings settings{{"socket.timeout.ms", "500"}, {"message.timeout.ms", "120000"}};
  Worker worker(open("worker", proxy.bootstrap(), settings), "g", {"u"});
  ASSERT_TRUE(worker.until_holds(1));
  const auto late = proxy.add(
      {.api = GetParam(), .fault = KafkaFault::hold_request(), .where = is_of_transaction});
  const auto answer = worker.commit(partitions, "1", input, offset(1));
  EXPECT_TRUE(late.wait_until_held());
  EXPECT_TRUE(answer.has_value()) << answer.error().to_string();
  ASSERT_TRUE(worker.until_holds(1));
  EXPECT_TRUE(shows("1", offset(1)));

  // Also what is sent again meanwhile; the broker tells repeated batches by their numbers.
  const auto writing = proxy.add({.api = KafkaApi::produce,
                                  .fault = KafkaFault::hold_request(),
                                  .times = KafkaRule::always,
                                  .where = is_of_transaction});
  std::thread next([&] {
    const auto committed = worker.commit(partitions, "2", input, offset(2));
    EXPECT_TRUE(committed.has_value()) << committed.error().to_string();
  });
  EXPECT_TRUE(writing.wait_until_held());
  late.release();
  EXPECT_TRUE(late.wait_until_answered());
  EXPECT_THAT(values(*direct, partitions[0]), ElementsAre("1"));
  writing.release();
  next.join();
  ASSERT_TRUE(worker.until_holds(1));
  EXPECT_TRUE(shows("2", offset(2)));
  EXPECT_THAT(values(*direct, partitions[1]), ElementsAre("1", "2"));
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaLateRequests,
                         testing::Values(KafkaApi::end_txn, KafkaApi::txn_offset_commit),
                         [](const testing::TestParamInfo<KafkaApi>& tested) {
                           return tested.param == KafkaApi::end_txn ? "end" : "positions";
                         });

class KafkaRepeatFaults : public KafkaCommitFaults {};

TEST_P(KafkaRepeatFaults, a_repeat_of_the_same_sequence_writes_nothing_twice) {
  const auto log = open("edge", proxy.bootstrap());
  const GroupId group = log->group("g").value();
  const auto commit = [&](std::int64_t sequence, const std::string& value) {
    Transaction transaction;
    for (const TopicPartition partition : partitions)
      transaction.append(partition, {1'000, "k", value, {}});
    transaction.set_position(group, input, offset(sequence));
    transaction.set_sequence("edge", sequence);
    return commit_visibly(*log, transaction);
  };
  const auto first = commit(1, "1");
  ASSERT_TRUE(first.has_value()) << first.error().to_string();

  const auto rule = proxy.add(rule_of(GetParam()));
  const auto once = commit(2, "2");
  EXPECT_GE(rule.applied(), 1U);
  rule.remove();
  if (!once && !once.error().is(errc::outcome_unknown)) {
    EXPECT_FALSE(shows("2", offset(2))) << once.error().to_string();
  }
  const auto twice = commit(2, "2");
  ASSERT_TRUE(twice.has_value()) << twice.error().to_string();
  if (once) {
    EXPECT_TRUE(twice->repeated);
    EXPECT_EQ(twice->partitions[0].first, once->partitions[0].first);
  }
  EXPECT_THAT(values(*direct, partitions[0]), ElementsAre("1", "2"));
  EXPECT_TRUE(shows("2", offset(2)));
  FetchBuffer buffer;
  ASSERT_EQ(twice->partitions.size(), 2U);
  for (const Committed::Partition& at : twice->partitions) {
    ASSERT_TRUE(direct->fetch(at.partition, at.first, 1U << 16U, buffer).has_value());
    ASSERT_EQ(buffer.records.size(), 1U);
    EXPECT_EQ(buffer.records[0].offset, at.first);
    EXPECT_EQ(buffer.records[0].value, "2");
  }
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaCommitFaults, testing::ValuesIn(commit_faults), name_of_fault);

// Those that end differently from each other.
std::vector<Fault> repeat_faults() {
  static const std::set<std::string_view> chosen{"end_cut_before",
                                                 "end_cut_after",
                                                 "end_fails_fenced",
                                                 "end_fails_not_authorized",
                                                 "positions_cut_after",
                                                 "positions_fail_bad_epoch",
                                                 "group_fails_fenced",
                                                 "partitions_cut_before",
                                                 "partitions_fail_bad_epoch",
                                                 "produce_cut_after",
                                                 "produce_fails_too_large",
                                                 "produce_fails_out_of_order",
                                                 "produce_fails_not_authorized"};
  std::vector<Fault> faults;
  for (const Fault& fault : commit_faults) {
    if (chosen.contains(fault.name)) faults.push_back(fault);
  }
  return faults;
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaRepeatFaults, testing::ValuesIn(repeat_faults()),
                         name_of_fault);

const Fault append_faults[] = {
    {"delayed", KafkaApi::produce, KafkaFault::delay_response(400)},
    {"cut_before", KafkaApi::produce, KafkaFault::cut_before()},
    {"cut_after", KafkaApi::produce, KafkaFault::cut_after()},
    {"fails_too_few_replicas", KafkaApi::produce, KafkaFault::fail(19)},
    {"fails_out_of_order", KafkaApi::produce, KafkaFault::fail(45)},
    {"fails_bad_epoch", KafkaApi::produce, KafkaFault::fail(47)},
    {"fails_too_large", KafkaApi::produce, KafkaFault::fail(10)},
    {"fails_not_authorized", KafkaApi::produce, KafkaFault::fail(29)},
};

class KafkaAppendFaults : public KafkaCommitFaults {};

TEST_P(KafkaAppendFaults, the_answer_is_true_and_the_next_append_works) {
  const auto log = open("edge", proxy.bootstrap());
  const auto put = [&](const std::string& value) {
    Transaction transaction;
    transaction.append(partitions[0], {1'000, "k", value, {}});
    return commit_visibly(*log, transaction);
  };
  ASSERT_TRUE(put("1").has_value());
  const auto rule = proxy.add({.api = KafkaApi::produce, .fault = GetParam().fault});
  const auto answer = put("2");
  EXPECT_EQ(rule.applied(), 1U);
  rule.remove();
  const auto next = put("3");
  ASSERT_TRUE(next.has_value()) << next.error().to_string();
  const auto all = values(*direct, partitions[0]);
  const bool there = std::find(all.begin(), all.end(), "2") != all.end();
  EXPECT_EQ(all, there ? (std::vector<std::string>{"1", "2", "3"})
                       : (std::vector<std::string>{"1", "3"}));
  if (answer) {
    EXPECT_TRUE(there);
  } else if (!answer.error().is(errc::outcome_unknown)) {
    EXPECT_FALSE(there) << answer.error().to_string();
  }
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaAppendFaults, testing::ValuesIn(append_faults), name_of_fault);

const Fault fetch_faults[] = {
    {"delayed", KafkaApi::fetch, KafkaFault::delay_response(300), 2},
    {"cut_before", KafkaApi::fetch, KafkaFault::cut_before(), 3},
    {"cut_after", KafkaApi::fetch, KafkaFault::cut_after(), 3},
    {"fails_not_leader", KafkaApi::fetch, KafkaFault::fail(6), 3},
    {"fails_unknown_topic", KafkaApi::fetch, KafkaFault::fail(3), 3},
    {"fails_storage", KafkaApi::fetch, KafkaFault::fail(56), 3},
    {"fails_unknown_epoch", KafkaApi::fetch, KafkaFault::fail(75), 3},
    {"fails_unknown", KafkaApi::fetch, KafkaFault::fail(-1), 3},
    {"asking_for_the_end_cut", KafkaApi::list_offsets, KafkaFault::cut_before(), 3},
};

class KafkaFetchFaults : public KafkaCommitFaults {};

TEST_P(KafkaFetchFaults, a_reader_gets_every_record_once_and_in_order) {
  const auto log = open("reader", proxy.bootstrap());
  constexpr int count = 60;
  int written = 0;
  const auto write = [&](int until) {
    for (; written < until; ++written) {
      Transaction transaction;
      transaction.append(partitions[0], {1'000, "k", std::to_string(written), {}});
      ASSERT_TRUE(commit_visibly(*direct, transaction).has_value());
    }
  };
  write(count / 3);
  const auto waiter = log->waiter();
  FetchBuffer buffer;
  Offset next = offset(0);
  std::optional<testkit::KafkaRuleHandle> rule;
  for (int seen = 0; seen < count;) {
    if (const Status fetched = log->fetch(partitions[0], next, 64, buffer); !fetched) {
      ASSERT_TRUE(fetched.error().is(errc::unavailable)) << fetched.error().to_string();
      continue;
    }
    for (const RecordView& record : buffer.records)
      ASSERT_EQ(record.value, std::to_string(seen++));
    next = buffer.next;
    if (seen == count / 3 && !rule) {
      rule =
          proxy.add({.api = GetParam().api, .fault = GetParam().fault, .times = GetParam().times});
      if (GetParam().api == KafkaApi::list_offsets) {
        EXPECT_TRUE(log->end_offset(partitions[0]).has_value());
      }
      write(count / 2);
    } else if (seen >= count / 2) {
      write(count);
    }
    if (seen == count || !buffer.records.empty()) continue;
    const Interest interest[] = {{partitions[0], next}};
    ASSERT_NE(waiter->wait(interest, real_clock().monotonic_ns() + 120'000'000'000),
              WaitOutcome::timeout);
  }
  EXPECT_GE(rule->applied(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaFetchFaults, testing::ValuesIn(fetch_faults), name_of_fault);

}  // namespace
}  // namespace millrace::log
