// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Topics that a service reads or writes get more partitions.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/log/errors.hpp"
#include "millrace/stream/reset.hpp"
#include "runtime_branches.hpp"

namespace millrace::stream::test {
namespace {

class MorePartitions : public Branches {
 protected:
  /// As an operator does it.
  void add_partitions(const std::string& topic, std::int32_t more) {
    log::LogOptions options;
    options.service = log::any_service;
    const auto tool = world_->connect(std::move(options));
    const log::Topic found = tool->find_topic(topic).value();
    const auto larger = tool->add_partitions(found.id, found.spec.partitions + more);
    ASSERT_TRUE(larger) << larger.error().to_string();
  }
  void write_deposits(testkit::EventWriter& writer, int first, int last) {
    for (int i = first; i < last; ++i)
      writer.write("deposits", "account-" + std::to_string(i), Deposited{1}, 1'000 + i);
  }
  static void leave(Branch& branch) {
    const Status closed = branch.instance->close();
    ASSERT_TRUE(closed) << closed.error().to_string();
    branch.instance.reset();
    branch.log.reset();
  }
  /// Steps until the instance ends.
  std::optional<Error> end_of(Branch& branch) {
    for (int round = 0; round < rounds_max; ++round) {
      hear_of_all(*branch.log);
      const auto stepped = branch.instance->step();
      if (!stepped) return stepped.error();
      world_->let_pass();
    }
    return std::nullopt;
  }
  void expect_ends(Branch& branch, const std::string& why) {
    const std::optional<Error> ended = end_of(branch);
    ASSERT_TRUE(ended) << "the instance runs on";
    EXPECT_TRUE(ended->is(errc::bad_topology)) << ended->to_string();
    EXPECT_NE(ended->message().find(why), std::string::npos) << ended->message();
    branch.instance.reset();
    branch.log.reset();
  }
  void reset_bank() {
    log::LogOptions options;
    options.service = "bank";
    const auto log = world_->connect(std::move(options));
    const auto reset = reset_topology(*log, "bank", {}, false);
    ASSERT_TRUE(reset) << reset.error().to_string();
  }
  static bool tells(const Branch& branch, const std::string& part) {
    const std::vector<std::string> events = branch.events->all();
    return std::any_of(events.begin(), events.end(), [&](const std::string& event) {
      return event.find(part) != std::string::npos;
    });
  }
  template <class Build>
  static Topology built(Build build) {
    TopologyBuilder builder("bank", 4);
    build(builder);
    auto topology = builder.build();
    if (!topology) throw std::runtime_error(topology.error().to_string());
    return *std::move(topology);
  }
  std::size_t accounts(const Branch& branch) {
    const auto all = branch.instance->view<std::string, Balance>("balances").value().all(1'000);
    EXPECT_TRUE(all) << all.error().to_string();
    return all ? all->value.size() : 0;
  }
  std::string refusal_of_start(const std::string& member) {
    try {
      Branch next = open(member);
      rest({&next});
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "started";
  }
};
INSTANTIATE_TEST_SUITE_P(On, MorePartitions, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(MorePartitions, of_an_input_end_the_instance_that_would_not_read_them) {
  Branch one = open("bank-1");
  write_deposits(writer_, 0, 20);
  rest({&one});
  Branch other = open("bank-2");
  rest({&one, &other});
  add_partitions("deposits", 2);
  const std::string why =
      "topic 'deposits' has 6 partitions by now, and sub-topology bank has 4 tasks: stop all "
      "instances, run `millrace topology reset bank`, and start them again";
  expect_ends(one, why);
  expect_ends(other, why);
}

TEST_P(MorePartitions, of_one_of_two_inputs_end_the_instance_and_are_refused_at_its_start) {
  topology_ = built([](TopologyBuilder& builder) {
    builder.stream<std::string, Deposited>("deposits")
        .merge(builder.stream<std::string, Deposited>("gifts"))
        .group_by_key()
        .count("counts");
  });
  writer_.declare_topic("gifts", "teller");
  Branch one = open("bank-1");
  write_deposits(writer_, 0, 20);
  rest({&one});
  add_partitions("gifts", 1);
  expect_ends(one, "topic 'gifts' has 5 partitions by now");
  const std::string refused = refusal_of_start("bank-2");
  EXPECT_NE(refused.find("deposits has 4, gifts has 5"), std::string::npos) << refused;
}

// The state of a part is kept for as many tasks as it had.
TEST_P(MorePartitions, of_an_input_have_the_state_built_again_before_the_service_starts) {
  Branch one = open("bank-1");
  write_deposits(writer_, 0, 20);
  rest({&one});
  leave(one);
  add_partitions("deposits", 2);
  const std::string refused = refusal_of_start("bank-2");
  EXPECT_NE(refused.find("log.topic_mismatch"), std::string::npos) << refused;
  EXPECT_NE(refused.find("Topic 'deposits' has 6 partitions"), std::string::npos) << refused;
  EXPECT_NE(refused.find("`millrace topology reset bank`"), std::string::npos) << refused;
  reset_bank();
  testkit::EventWriter later(
      [this](log::LogOptions of_writer) { return world_->connect(std::move(of_writer)); });
  write_deposits(later, 20, 60);
  Branch after = open("bank-3");
  rest({&after});
  EXPECT_EQ(accounts(after), 60U) << "those of the added partitions, too";
}

// It would read nothing of what is in them, and its private topics keep their number.
TEST_P(MorePartitions, of_a_topic_that_the_service_writes_and_reads_are_refused_at_its_start) {
  topology_ = built([](TopologyBuilder& builder) {
    builder.stream<std::string, Deposited>("deposits").to("bank.copies");
    builder.stream<std::string, Deposited>("bank.copies").group_by_key().count("counts");
  });
  {
    Branch one = open("bank-1");
    write_deposits(writer_, 0, 20);
    rest({&one});
    add_partitions("bank.copies", 2);
    expect_ends(one, "topic 'bank.copies' has 6 partitions by now");
  }
  const std::string refused = refusal_of_start("bank-2");
  EXPECT_NE(refused.find("bank.copies has 6, the topology declares 4"), std::string::npos)
      << refused;
  EXPECT_NE(refused.find("let it read topics with 4 partitions"), std::string::npos) << refused;
}

TEST_P(MorePartitions, of_an_input_are_beyond_the_retry_topic_until_it_has_as_many) {
  Branch one = open("bank-1");
  rest({&one});
  EXPECT_FALSE(tells(one, "replays of dead letters are not taken"));
  leave(one);
  add_partitions("deposits", 2);
  reset_bank();
  Branch two = open("bank-2");
  rest({&two});
  EXPECT_TRUE(tells(two, "warn: replays of dead letters are not taken"));
  EXPECT_TRUE(tells(two, "`millrace topics alter bank.retry --partitions 6`"));
  add_partitions("bank.retry", 1);
  rest({&two});
  add_partitions("bank.retry", 1);
  expect_ends(two, "topic 'bank.retry' has 6 partitions by now");
  Branch three = open("bank-3");
  rest({&three});
  EXPECT_FALSE(tells(three, "replays of dead letters are not taken"));
}

// On a cluster that is also what a topic says whose settings would lose records.
TEST_P(MorePartitions, are_no_reason_to_pass_over_another_mismatch_of_a_topic_that_is_written) {
  {
    Branch one = open("bank-1");
    rest({&one});
    leave(one);
  }
  world_->refuse_topics(log::errc::topic_mismatch, "bank.balances");
  EXPECT_NE(refusal_of_start("bank-2").find("log.topic_mismatch"), std::string::npos);
  add_partitions("bank.balances", 1);
  EXPECT_NE(refusal_of_start("bank-3").find("log.topic_mismatch"), std::string::npos);
}

TEST_P(MorePartitions, of_a_topic_that_the_service_writes_are_written) {
  {
    Branch one = open("bank-1");
    rest({&one});
    leave(one);
  }
  add_partitions("bank.balances", 3);
  Branch next = open("bank-2");
  write_deposits(writer_, 0, 60);
  rest({&next});
  const log::Topic topic = next.log->find_topic("bank.balances").value();
  EXPECT_EQ(topic.spec.partitions, 7);
  int added_with_records = 0;
  for (std::int32_t p = 4; p < 7; ++p) {
    const auto end = next.log->end_offset({topic.id, log::partition(p)});
    ASSERT_TRUE(end) << end.error().to_string();
    if (end->value > 0) ++added_with_records;
  }
  EXPECT_EQ(added_with_records, 3);
}

}  // namespace
}  // namespace millrace::stream::test
