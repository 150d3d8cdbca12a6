// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Which old commands are removed from a cluster, and by which member. That they are removed at all
// is in the contract.
#include <librdkafka/rdkafka.h>

#include "client_producer.hpp"
#include "kafka_world.hpp"
#include "late_clock.hpp"

namespace millrace::log {
namespace {

constexpr std::int64_t day_ms = 24 * 3'600'000;

class KafkaCommands : public KafkaWorld {
 protected:
  /// A member of the group `stock/main`.
  std::unique_ptr<Worker> member(const std::string& name) {
    auto made = std::make_unique<Worker>(open_by(clock_, options_of(name)), "stock/main",
                                         std::vector<std::string>{"u", "v"});
    made->obey();
    return made;
  }
  static TopicPartition commands(Log& log) {
    const auto made = log.create_topic({"stock.commands", 1, TopicKind::commands, "stock"});
    EXPECT_TRUE(made.has_value()) << made.error().to_string();
    return {made.value().id, partition(0)};
  }
  static void put(Log& log, int count) {
    Transaction transaction;
    for (int i = 0; i < count; ++i)
      transaction.append(commands(log), {1'000, "k", "v", {}});
    ASSERT_TRUE(commit_visibly(log, transaction).has_value());
  }
  static void read_up_to(Log& log, const std::string& group, std::int64_t next) {
    Transaction transaction;
    transaction.set_position(log.group(group).value(), commands(log), offset(next));
    ASSERT_TRUE(commit_visibly(log, transaction).has_value());
    ASSERT_TRUE(position(log, log.group(group).value(), commands(log)).has_value());
  }
  /// Two passes of housekeeping: one may only look how far the topic reaches.
  void pass(Worker& worker, std::int64_t ms) {
    clock_.advance_ms(ms);
    for (int i = 0; i < 2; ++i) {
      clock_.advance_ms(61'000);
      worker.obey();
      EXPECT_TRUE(worker.log->maintain_storage().has_value());
    }
  }
  static Offset first(Log& log) { return log.start_offset(commands(log)).value_or(offset(-1)); }
  static std::uint64_t errors(const Log& log) { return log.counts().at(0).value; }
  /// As `kafka-consumer-groups --delete` and `offsets.retention.minutes` do it.
  void forget(const std::string& group) {
    const LogOptions options = options_of("somebody");
    const kafka::ClientConfig config(kafka::parse_url(url()).value(), options, real_clock());
    const auto producer = kafka::ClientProducer::open(config, options);
    rd_kafka_t* const client = (*producer)->client();
    const kafka::Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
    rd_kafka_DeleteGroup_t* request = rd_kafka_DeleteGroup_new((prefix() + "." + group).c_str());
    rd_kafka_DeleteGroups(client, &request, 1, nullptr, queue.get());
    rd_kafka_DeleteGroup_destroy(request);
    const kafka::Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 120'000));
    ASSERT_NE(event, nullptr);
    ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  LateClock clock_;
};

TEST_F(KafkaCommands, their_age_counts_on_when_another_member_continues) {
  {
    const auto earlier = member("earlier");
    put(*earlier->log, 3);
    read_up_to(*earlier->log, "stock/main", 3);
    pass(*earlier, 0);
  }
  clock_.advance_ms(6 * day_ms);
  const auto later = member("later");
  pass(*later, 0);
  EXPECT_EQ(first(*later->log), offset(0)) << "six days";
  pass(*later, day_ms);
  EXPECT_EQ(first(*later->log), offset(3));
  EXPECT_EQ(errors(*later->log), 0U);
}

TEST_F(KafkaCommands, one_member_of_the_service_removes_them_at_a_time) {
  const auto oldest = member("oldest");
  const auto younger = member("younger");
  put(*oldest->log, 3);
  read_up_to(*oldest->log, "stock/main", 3);
  ASSERT_TRUE(younger->log->maintain_storage().has_value());
  pass(*oldest, 8 * day_ms);
  EXPECT_EQ(first(*oldest->log), offset(0)) << "the younger one did not look at the topic";
  pass(*oldest, 8 * day_ms);
  EXPECT_EQ(first(*oldest->log), offset(3));
}

TEST_F(KafkaCommands, another_age_is_that_of_the_topic) {
  const auto worker = member("worker");
  const TopicPartition at = commands(*worker->log);
  const SettingChange hour{"retention.ms", "3600000"};
  const auto altered = worker->log->alter_topic(at.topic, {&hour, 1});
  ASSERT_TRUE(altered.has_value()) << altered.error().to_string();
  EXPECT_EQ(altered->retention_ms, 3'600'000);
  EXPECT_EQ(worker->log->topic_settings(at.topic).value(), *altered);
  // The times of the records are those of 1970: a broker would have removed them.
  put(*worker->log, 3);
  read_up_to(*worker->log, "stock/main", 2);
  pass(*worker, 0);
  pass(*worker, 1'800'000);
  EXPECT_EQ(first(*worker->log), offset(0));
  pass(*worker, 1'800'000);
  EXPECT_EQ(first(*worker->log), offset(2)) << "the third one was not read";
}

TEST_F(KafkaCommands, a_group_is_waited_for_until_the_cluster_forgets_it) {
  const auto worker = member("worker");
  put(*worker->log, 3);
  read_up_to(*worker->log, "stock/main", 3);
  read_up_to(*worker->log, "stock/main-0", 1);
  // A reader of another service has no say.
  read_up_to(*worker->log, "other/main", 0);
  pass(*worker, 0);
  pass(*worker, 8 * day_ms);
  EXPECT_EQ(first(*worker->log), offset(1));
  forget("stock/main-0");
  pass(*worker, 0);
  EXPECT_EQ(first(*worker->log), offset(3));
  EXPECT_EQ(errors(*worker->log), 0U);
  // One that is at work is: its position has to be set before it continues.
  put(*worker->log, 3);
  pass(*worker, 0);
  forget("stock/main");
  pass(*worker, 8 * day_ms);
  EXPECT_EQ(first(*worker->log), offset(3));
  EXPECT_GT(errors(*worker->log), 0U);
}

}  // namespace
}  // namespace millrace::log
