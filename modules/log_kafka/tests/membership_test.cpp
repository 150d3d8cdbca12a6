// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Members of a group on a real cluster: who is fenced, who takes over, and what the others must not
// conclude from silence.
#include <csignal>
#include <thread>

#include "foreign_producer.hpp"
#include "kafka_world.hpp"
#include "millrace/log/empty_groups.hpp"
#include "millrace/testkit/kafka_proxy.hpp"
#include "owner_process.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testkit::KafkaApi;
using testkit::KafkaFault;
using testkit::KafkaProxy;
using testkit::KafkaRequest;
using testkit::KafkaRule;

/// Requests that write to the state all members agree on.
bool is_of_state(const KafkaRequest& request) {
  return request.body.find("__millrace") != std::string_view::npos;
}
class KafkaFencing : public KafkaWorld {
 protected:
  KafkaFencing() {
    partitions = {make_topic(*direct, "t")};
    input = make_topic(*direct, "in");
  }
  /// The second one lives on for more than a session in which nothing is heard of the first.
  void outlive(Worker& second, SkewedClock& clock) {
    for (int i = 0; i < 8; ++i) {
      second.obey();
      clock.advance_ms(second.log->options().session_timeout_ms / 4);
    }
  }
  /// The first is stopped at the request in its second commit; a second takes over meanwhile.
  void stop_and_replace(KafkaApi at, bool with_positions);

  KafkaProxy proxy{address()};
  std::unique_ptr<Log> direct = open("direct");
  std::vector<TopicPartition> partitions;
  TopicPartition input;
};

void KafkaFencing::stop_and_replace(KafkaApi at, bool with_positions) {
  Worker first(open("first", proxy.bootstrap(), {{"message.timeout.ms", "120000"}}), "g", {"u"});
  ASSERT_TRUE(first.until_holds(1));
  const auto moved = [&](std::int64_t to) { return offset(with_positions ? to : -1); };
  ASSERT_TRUE(first.commit(partitions, "1", input, moved(1)).has_value());
  SkewedClock clock;
  Worker second(open_by(clock, options_of("second")), "g", {"u"});
  second.obey();

  // Also what it sends again when there is no answer for long.
  const auto rule = proxy.add({.api = at,
                               .fault = KafkaFault::hold_request(),
                               .times = KafkaRule::always,
                               .where = is_of_transaction});
  std::optional<Result<Committed>> late;
  std::thread stopped([&] { late = first.commit(partitions, "late", input, moved(2)); });
  EXPECT_TRUE(rule.wait_until_held());
  outlive(second, clock);
  EXPECT_TRUE(second.until_holds(1));
  const auto taken_over = second.commit(partitions, "2", input, moved(5));
  EXPECT_TRUE(taken_over.has_value()) << taken_over.error().to_string();
  rule.release();
  stopped.join();

  ASSERT_TRUE(late.has_value());
  ASSERT_FALSE(late->has_value());
  EXPECT_TRUE(late->error().is(errc::fenced) || late->error().is(errc::outcome_unknown))
      << late->error().to_string();
  const auto again = first.commit(partitions, "later", input, moved(3));
  ASSERT_FALSE(again.has_value());
  EXPECT_TRUE(again.error().is(errc::fenced)) << again.error().to_string();
  EXPECT_THAT(values(*direct, partitions[0]), ElementsAre("1", "2"));
  if (with_positions) {
    EXPECT_EQ(position(*direct, direct->group("g").value(), input), offset(5));
  }
  // It learns what it lost and is a member again, with nothing to do.
  first.obey();
  EXPECT_EQ(first.lost.size(), 1U);
  EXPECT_THAT(first.held, IsEmpty());
  second.obey();
  EXPECT_EQ(second.held.size(), 1U);
}

TEST_F(KafkaFencing, an_owner_stopped_after_its_positions_were_sent_commits_nothing_when_replaced) {
  stop_and_replace(KafkaApi::end_txn, true);
}

TEST_F(KafkaFencing,
       an_owner_stopped_before_its_positions_were_sent_commits_nothing_when_replaced) {
  stop_and_replace(KafkaApi::add_offsets_to_txn, true);
}

TEST_F(KafkaFencing, an_owner_that_moves_no_positions_commits_nothing_when_replaced) {
  stop_and_replace(KafkaApi::end_txn, false);
}

TEST_F(KafkaFencing, records_of_a_replaced_owner_that_arrive_late_are_never_seen) {
  stop_and_replace(KafkaApi::produce, false);
}

TEST_F(KafkaFencing, a_member_that_cannot_write_takes_nobody_for_dead) {
  Worker quiet(open("quiet"), "g", {"u", "v"});
  ASSERT_TRUE(quiet.until_holds(2));
  SkewedClock clock;
  Worker watcher(
      open_by(clock, options_of("watcher"), proxy.bootstrap(), {{"message.timeout.ms", "1000"}}),
      "h", {"w"});
  ASSERT_TRUE(watcher.until_holds(1));
  const auto members = [&] {
    const auto groups = direct->groups().value();
    return groups.empty() ? std::size_t{0} : groups[0].members.size();
  };

  const auto rule = proxy.add({.api = KafkaApi::produce,
                               .fault = KafkaFault::fail(19),  // too few replicas in sync
                               .times = KafkaRule::always,
                               .where = is_of_state});
  for (int i = 0; i < 6; ++i) {
    watcher.obey();
    clock.advance_ms(watcher.log->options().session_timeout_ms / 4);
  }
  rule.remove();
  watcher.obey();
  clock.advance_ms(1'000);
  watcher.obey();
  EXPECT_GE(rule.applied(), 4U);
  EXPECT_EQ(members(), 1U);
  EXPECT_TRUE(quiet.commit({partitions[0]}, "mine").has_value());

  // Heard itself again, it sees who is silent.
  for (int i = 0; i < 20 && members() != 0; ++i)
    outlive(watcher, clock);
  EXPECT_EQ(members(), 0U);
  EXPECT_TRUE(quiet.commit({partitions[0]}, "not mine").error().is(errc::fenced));
  EXPECT_THAT(values(*direct, partitions[0]), ElementsAre("mine"));
}

struct StateFault {
  const char* name;
  KafkaFault fault;
  std::uint64_t skip = 0;
  bool lasts = false;  // until the client gives the request up
  friend void PrintTo(const StateFault& fault, std::ostream* out) { *out << fault.name; }
};

std::string name_of(const testing::TestParamInfo<StateFault>& info) { return info.param.name; }

const StateFault state_faults[] = {
    {"joining_cut_before", KafkaFault::cut_before(), 0},
    {"joining_cut_after", KafkaFault::cut_after(), 0},
    {"joining_fails", KafkaFault::fail(10), 0},
    {"joining_unknown", KafkaFault::cut_after(), 0, true},
    {"subscribing_cut_after", KafkaFault::cut_after(), 1},
    {"subscribing_fails", KafkaFault::fail(29), 1},
    {"subscribing_unknown", KafkaFault::cut_after(), 1, true},
    {"claiming_cut_after", KafkaFault::cut_after(), 2},
    {"claiming_unknown", KafkaFault::cut_after(), 2, true},
};

class KafkaStateFaults : public KafkaFencing, public testing::WithParamInterface<StateFault> {};

TEST_P(KafkaStateFaults, every_task_has_one_owner_when_all_come_to_rest) {
  Worker first(open("first"), "g", {"u", "v"});
  KafkaSettings settings;
  if (GetParam().lasts) settings.emplace_back("message.timeout.ms", "700");
  Worker second(open("second", proxy.bootstrap(), settings), "g", {"u", "v"});
  const auto rule = proxy.add({.api = KafkaApi::produce,
                               .fault = GetParam().fault,
                               .skip = GetParam().skip,
                               .times = GetParam().lasts ? KafkaRule::always : 1,
                               .where = is_of_state});
  second.forgives = true;
  for (int i = 0; i < 100 && rule.applied() == 0; ++i)
    second.obey();
  EXPECT_GE(rule.applied(), 1U);
  rule.remove();
  ASSERT_TRUE(second.until_holds(2));
  ASSERT_TRUE(share(first, second));
  EXPECT_NE(first.held[0].task(), second.held[0].task());
  EXPECT_TRUE(first.commit({partitions[0]}, "a").has_value());
  auto committed = second.commit({partitions[0]}, "b");
  // Its time for a request is short: nothing was written.
  for (int i = 0; i < 20 && !committed && committed.error().is(errc::unavailable); ++i) {
    ASSERT_TRUE(share(first, second));
    committed = second.commit({partitions[0]}, "b");
  }
  EXPECT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_THAT(values(*direct, partitions[0]), ElementsAre("a", "b"));
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaStateFaults, testing::ValuesIn(state_faults), name_of);

TEST_F(KafkaFencing, a_task_is_given_away_beside_the_open_transaction_of_another_client) {
  LogOptions of_other = options_of("owner");
  of_other.service = "other";
  const auto asked =
      open_by(real_clock(), of_other)->create_topic({"asked", 1, TopicKind::commands, "other"});
  ASSERT_TRUE(asked.has_value()) << asked.error().to_string();
  const auto state = direct->create_topic(
      {"stock.state.changelog", 1, TopicKind::private_topic, "stock"}, compacted());
  ASSERT_TRUE(state.has_value()) << state.error().to_string();
  const auto between =
      direct->create_topic({"between-repartition", 1, TopicKind::private_topic, "stock"});
  ASSERT_TRUE(between.has_value()) << between.error().to_string();
  Worker first(open("first"), "g", {"u", "v"});
  ASSERT_TRUE(first.until_holds(2));
  ForeignProducer other(prefix() + ".asked", "none", prefix() + ".other");
  other.begin();
  other.put({"of another client"});
  ForeignProducer another(prefix() + ".between-repartition", "none", prefix() + ".another");
  another.begin();
  another.put({"of a third client"});
  const auto commit = [&](const std::string& value) {
    Transaction transaction;
    transaction.append({asked->id, partition(0)}, {1'000, "k", value, {}});
    transaction.append({between->id, partition(0)}, {1'000, "k", value, {}});
    transaction.append({state->id, partition(0)}, {1'000, "k", value, {}});
    for (const Claim& claim : first.held)
      transaction.require(claim);
    return first.log->commit(transaction);
  };
  ASSERT_TRUE(commit("1").has_value());

  Worker second(open("second"), "g", {"u", "v"});
  second.obey();
  ASSERT_TRUE(first.until_holds(1));
  ASSERT_TRUE(second.until_holds(1));
  // The state of the task is there for its next owner.
  EXPECT_THAT(values(*second.log, {state->id, partition(0)}), ElementsAre("1"));
  EXPECT_THAT(first.lost, IsEmpty());
  const auto further = commit("2");
  EXPECT_TRUE(further.has_value()) << further.error().to_string();
  other.commit();
  another.commit();
}

TEST_F(KafkaFencing, a_task_whose_release_had_an_unknown_outcome_gets_to_the_other_in_the_end) {
  Worker first(open("first", proxy.bootstrap(), {{"message.timeout.ms", "700"}}), "g", {"u", "v"});
  ASSERT_TRUE(first.until_holds(2));
  Worker second(open("second"), "g", {"u", "v"});
  second.obey();
  const auto rule = proxy.add({.api = KafkaApi::produce,
                               .fault = KafkaFault::cut_after(),
                               .times = KafkaRule::always,
                               .where = is_of_state});
  for (int i = 0; i < 100 && first.held.size() != 1; ++i) {
    first.obey();
    first.pause(partitions[0]);
  }
  EXPECT_GE(rule.applied(), 1U);
  rule.remove();
  ASSERT_TRUE(share(first, second));
  EXPECT_NE(first.held[0].task(), second.held[0].task());
}

const StateFault id_faults[] = {
    {"delayed", KafkaFault::delay_response(400)}, {"cut_before", KafkaFault::cut_before()},
    {"cut_after", KafkaFault::cut_after()},       {"fails_loading", KafkaFault::fail(14)},
    {"fails_concurrent", KafkaFault::fail(51)},   {"fails_not_authorized", KafkaFault::fail(53)},
    {"fails_fenced", KafkaFault::fail(90)},
};

class KafkaIdFaults : public KafkaFencing, public testing::WithParamInterface<StateFault> {};

TEST_P(KafkaIdFaults, a_member_gets_its_transactional_id_in_the_end) {
  const auto log = open("member", proxy.bootstrap());
  const GroupId group = log->group("g").value();
  const auto rule = proxy.add(
      {.api = KafkaApi::init_producer_id, .fault = GetParam().fault, .where = is_of_transaction});
  auto joined = log->join(group, {"u"});
  EXPECT_EQ(rule.applied(), 1U);
  if (!joined) joined = log->join(group, {"u"});
  ASSERT_TRUE(joined.has_value()) << joined.error().to_string();
  const auto change = (*joined)->poll();
  ASSERT_TRUE(change.has_value()) << change.error().to_string();
  ASSERT_EQ(change->granted.size(), 1U);
  Transaction transaction;
  transaction.append(partitions[0], {1'000, "k", "v", {}});
  transaction.require(change->granted[0]);
  const auto committed = commit_visibly(*log, transaction);
  EXPECT_TRUE(committed.has_value()) << committed.error().to_string();
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaIdFaults, testing::ValuesIn(id_faults), name_of);

class KafkaProcesses : public KafkaWorld {};

TEST_F(KafkaProcesses, a_killed_member_is_expelled_by_a_tool_when_nobody_else_is_left) {
  LogOptions options = options_of("owner");
  // Its session would not end in this test.
  options.session_timeout_ms = 86'400'000;
  Owner owner([&](const std::string& brokers) {
    Worker worker(open_by(real_clock(), options, brokers), "g", {"u", "v"});
    if (!worker.until_holds(2)) return 1;
    ::raise(SIGSTOP);
    return 0;
  });
  owner.start(address());
  owner.wait_stopped();
  owner.kill();
  const auto tool = open("tool");
  ASSERT_EQ(tool->groups().value().front().members.size(), 1U);
  const auto waiter = tool->waiter();
  const Status done = await_empty_groups(
      *tool, real_clock(), [](const GroupInfo& group) { return group.name == "g"; },
      [&] {
        static_cast<void>(waiter->wait({}, real_clock().monotonic_ns() + 20'000'000));
        return Status{};
      });
  ASSERT_TRUE(done.has_value()) << done.error().to_string();
  EXPECT_THAT(tool->groups().value().front().members, IsEmpty());
}

TEST_F(KafkaProcesses, a_member_killed_in_a_transaction_is_replaced_at_once_and_leaves_nothing) {
  Owner owner([&](const std::string& brokers) {
    Worker worker(open("owner", brokers), "g", {"u", "v"});
    const auto partition = make_topic(*worker.log, "t");
    const auto input = make_topic(*worker.log, "in");
    if (!worker.until_holds(2)) return 1;
    if (!worker.commit({partition}, "1", input, offset(1))) return 1;
    static_cast<void>(worker.commit({partition}, "never", input, offset(2)));
    return 1;
  });
  KafkaProxy proxy(address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn,
                               .fault = KafkaFault::hold_request(),
                               .skip = 1,
                               .times = KafkaRule::always,
                               .where = is_of_transaction});
  owner.start(proxy.bootstrap());
  ASSERT_TRUE(rule.wait_until_held());

  // It would wait for ten minutes if silence were all that it noticed.
  LogOptions options = options_of("survivor");
  options.session_timeout_ms = 600'000;
  Worker survivor(open_by(real_clock(), options), "g", {"u", "v"});
  const auto partition = make_topic(*survivor.log, "t");
  const auto input = make_topic(*survivor.log, "in");
  survivor.obey();
  const auto groups = survivor.log->groups().value();
  ASSERT_EQ(groups.size(), 1U);
  ASSERT_EQ(groups[0].members.size(), 2U);
  EXPECT_EQ(groups[0].members[0].pid, owner.pid());
  EXPECT_EQ(groups[0].members[1].pid, ::getpid());
  EXPECT_THAT(survivor.held, IsEmpty());

  // Nobody has asked for its exit status yet: it counts as dead all the same.
  owner.kill();
  ASSERT_TRUE(survivor.until_holds(2));
  EXPECT_EQ(position(*survivor.log, survivor.group, input), offset(1));
  EXPECT_THAT(values(*survivor.log, partition), ElementsAre("1"));
  const auto committed = survivor.commit({partition}, "2", input, offset(2));
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  // The last request of the dead one arrives now, as often as it was sent.
  rule.release();
  EXPECT_TRUE(rule.wait_until_answered(rule.applied()));
  EXPECT_THAT(values(*survivor.log, partition), ElementsAre("1", "2"));
  EXPECT_EQ(position(*survivor.log, survivor.group, input), offset(2));
}

}  // namespace
}  // namespace millrace::log
