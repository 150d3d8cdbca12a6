// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Positions that the cluster forgot: after offsets.retention.minutes, or because somebody deleted
// them, which comes to the same and takes no minutes.
#include <librdkafka/rdkafka.h>

#include <tuple>

#include "client_producer.hpp"
#include "kafka_world.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

namespace millrace::log {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class KafkaLostPositions : public KafkaWorld {
 protected:
  KafkaLostPositions() : input_(make_topic(*log_, "in", 2)), group_(log_->group("g").value()) {}

  Result<Committed> commit(Log& log, Offset position) {
    Transaction transaction;
    transaction.set_position(group_, input_, position);
    return commit_visibly(log, transaction);
  }
  /// As Kafka's tools do it.
  void delete_positions() {
    // There is none before the transaction marker, which this waits for.
    ASSERT_TRUE(position(*log_, group_, input_).has_value());
    send([&](rd_kafka_t* client, const rd_kafka_topic_partition_list_t* partitions,
             rd_kafka_queue_t* queue) {
      auto* request = rd_kafka_DeleteConsumerGroupOffsets_new(group_name().c_str(), partitions);
      rd_kafka_DeleteConsumerGroupOffsets(client, &request, 1, nullptr, queue);
      rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
    });
    const auto all = log_->groups().value();
    for (const GroupInfo& info : all)
      ASSERT_TRUE(info.positions.empty());
  }
  void reset_position(Offset to) {
    send([&](rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions,
             rd_kafka_queue_t* queue) {
      partitions->elems[0].offset = to.value;
      auto* request = rd_kafka_AlterConsumerGroupOffsets_new(group_name().c_str(), partitions);
      rd_kafka_AlterConsumerGroupOffsets(client, &request, 1, nullptr, queue);
      rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    });
  }
  void expect_lost(const Error& error) const {
    EXPECT_TRUE(error.is(errc::out_of_range)) << error.to_string();
    const std::string command = "kafka-consumer-groups --bootstrap-server " + address() +
                                " --group " + group_name() + " --topic " + prefix() +
                                ".in:0 --reset-offsets --to-offset N --execute";
    EXPECT_THAT(error.to_string(),
                AllOf(HasSubstr("group " + group_name() + " "), HasSubstr("offsets.retention"),
                      HasSubstr(command), HasSubstr("--to-earliest")));
  }
  [[nodiscard]] std::string group_name() const { return prefix() + ".g"; }

  std::unique_ptr<Log> log_ = open("first");
  TopicPartition input_;
  GroupId group_;

 private:
  template <class Send>
  void send(Send&& send) {
    const LogOptions options = options_of("somebody");
    const kafka::ClientConfig config(kafka::parse_url(url()).value(), options, real_clock());
    const auto producer = kafka::ClientProducer::open(config, options);
    rd_kafka_t* const client = (*producer)->client();
    const kafka::Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
    const kafka::PartitionList partitions(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(partitions.get(), (prefix() + ".in").c_str(), 0);
    send(client, partitions.get(), queue.get());
    const kafka::Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 120'000));
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
};

TEST_F(KafkaLostPositions, one_that_is_gone_is_an_error_until_somebody_sets_it) {
  ASSERT_TRUE(commit(*log_, offset(7)).has_value());
  EXPECT_EQ(position(*log_, group_, input_), offset(7));
  delete_positions();

  const auto late = open("late");
  for (Log* const log : {log_.get(), late.get()}) {
    const auto gone = log->position(group_, input_);
    ASSERT_FALSE(gone.has_value());
    expect_lost(gone.error());
    // That there was never one is no error.
    const TopicPartition never{input_.topic, partition(1)};
    EXPECT_EQ(position(*log, group_, never), std::nullopt);
    EXPECT_EQ(position(*log, log->group("h").value(), input_), std::nullopt);
    const TopicPartition both[] = {never, input_};
    const auto some = log->positions(group_, both);
    ASSERT_FALSE(some.has_value());
    expect_lost(some.error());
  }

  reset_position(offset(3));
  EXPECT_EQ(position(*log_, group_, input_), offset(3));
  ASSERT_TRUE(commit(*log_, offset(4)).has_value());
  EXPECT_EQ(position(*open("later"), group_, input_), offset(4));
}

TEST_F(KafkaLostPositions, a_partition_may_be_asked_for_twice) {
  ASSERT_TRUE(commit(*log_, offset(7)).has_value());
  const TopicPartition twice[] = {input_, {input_.topic, partition(1)}, input_};
  const auto found = open("reader")->positions(group_, twice);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(*found, (std::vector<std::optional<Offset>>{offset(7), std::nullopt, offset(7)}));
}

TEST_F(KafkaLostPositions, one_that_was_committed_under_a_claim_is_missed) {
  {
    Worker worker(open("worker"), "g", {"u"});
    ASSERT_TRUE(worker.until_holds(1));
    ASSERT_TRUE(worker.commit({}, "", input_, offset(7)).has_value());
  }
  delete_positions();
  const auto gone = log_->position(group_, input_);
  ASSERT_FALSE(gone.has_value());
  expect_lost(gone.error());
}

TEST_F(KafkaLostPositions, one_that_was_committed_with_a_sequence_is_missed) {
  Transaction transaction;
  transaction.append(input_, {1'000, "k", "v", {}});
  transaction.set_position(group_, input_, offset(1));
  transaction.set_sequence("edge", 1);
  ASSERT_TRUE(commit_visibly(*log_, transaction).has_value());
  delete_positions();
  const auto gone = open("late")->position(group_, input_);
  ASSERT_FALSE(gone.has_value());
  expect_lost(gone.error());
}

TEST_F(KafkaLostPositions, a_commit_succeeds_without_the_note_and_the_next_one_makes_it) {
  testkit::KafkaProxy proxy(address());
  const auto log = open("edge", proxy.bootstrap());
  const auto rule = proxy.add({.api = testkit::KafkaApi::produce,
                               .fault = testkit::KafkaFault::fail(29),
                               .where = [](const testkit::KafkaRequest& request) {
                                 return request.transactional_id.empty();
                               }});
  ASSERT_TRUE(commit(*log, offset(1)).has_value());
  EXPECT_EQ(rule.applied(), 1U);
  rule.remove();
  delete_positions();
  EXPECT_EQ(position(*log_, group_, input_), std::nullopt);

  ASSERT_TRUE(commit(*log, offset(2)).has_value());
  delete_positions();
  const auto gone = log_->position(group_, input_);
  ASSERT_FALSE(gone.has_value());
  expect_lost(gone.error());
}

struct PositionFault {
  const char* name;
  testkit::KafkaFault fault;
};

class KafkaPositionFaults : public KafkaLostPositions,
                            public testing::WithParamInterface<PositionFault> {};

INSTANTIATE_TEST_SUITE_P(
    Kafka, KafkaPositionFaults,
    testing::Values(PositionFault{"loading", testkit::KafkaFault::fail(14)},
                    PositionFault{"moved", testkit::KafkaFault::fail(16)},
                    PositionFault{"unstable", testkit::KafkaFault::fail(88)},
                    PositionFault{"cut_before", testkit::KafkaFault::cut_before()},
                    PositionFault{"cut_after", testkit::KafkaFault::cut_after()}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_P(KafkaPositionFaults, a_position_is_found_when_the_fault_has_passed) {
  testkit::KafkaProxy proxy(address());
  const auto log = open("reader", proxy.bootstrap());
  ASSERT_TRUE(commit(*log_, offset(7)).has_value());
  const auto rule = proxy.add({.api = testkit::KafkaApi::offset_fetch,
                               .fault = GetParam().fault,
                               .times = 2,
                               .group = group_name()});
  EXPECT_EQ(position(*log, group_, input_), offset(7));
  EXPECT_EQ(rule.applied(), 2U);
}

}  // namespace
}  // namespace millrace::log
