// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What others do to the topics that are Millrace's own.
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <thread>

#include "admin.hpp"
#include "client_producer.hpp"
#include "cluster_topics.hpp"
#include "kafka_world.hpp"
#include "millrace/testkit/kafka_proxy.hpp"
#include "reader.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class KafkaDamage : public KafkaWorld {
 protected:
  KafkaDamage()
      : config_(kafka::parse_url(url() + "?millrace.request.timeout.ms=120000").value(), options_,
                real_clock()),
        state_(config_.in_kafka("__millrace")) {}

  /// Somebody writes a record there that is not ours; its offset.
  Offset write_garbage(const std::string& value) {
    const auto producer = kafka::ClientProducer::open(config_, options_);
    const auto written = (*producer)->append({state_, 0}, {1'000, std::nullopt, value, {}});
    EXPECT_TRUE(written.has_value()) << written.error().to_string();
    return written.value_or(offset(-1));
  }
  /// Returns when the topic is gone and the brokers know it: they hear of it some time after the
  /// request was answered, and serve the old records until then.
  void delete_state() { delete_topic(state_); }
  void delete_topic(const std::string& name) { topics_.remove(name); }
  /// The topic in Kafka alone, as a service makes it.
  void make_in_kafka(const std::string& name) { topics_.make(name); }
  [[nodiscard]] std::string in_kafka(const std::string& topic) const {
    return config_.in_kafka(topic);
  }
  void expect_damage(const Error& error, Offset at) const {
    EXPECT_TRUE(error.is(errc::corrupt)) << error.to_string();
    EXPECT_THAT(error.to_string(), HasSubstr("topic " + state_ + ", partition 0, offset " +
                                             std::to_string(at.value) + ":"));
  }

 private:
  LogOptions options_ = options_of("somebody");
  kafka::ClientConfig config_;
  ClusterTopics topics_{url() + "?millrace.request.timeout.ms=120000"};
  std::string state_;
};

TEST_F(KafkaDamage,
       a_record_of_somebody_else_stops_all_handles_and_a_new_topic_continues_with_the_rest) {
  TopicPartition partition;
  TopicPartition input;
  std::string identity;
  {
    Worker worker(open("worker"), "g", {"u"});
    identity = worker.log->identity();
    partition = make_topic(*worker.log, "t");
    input = make_topic(*worker.log, "in");
    ASSERT_TRUE(worker.until_holds(1));
    ASSERT_TRUE(worker.commit({partition}, "1", input, offset(7)).has_value());

    const Offset at = write_garbage("some text");
    // It learns of it by itself.
    Status maintained = worker.log->maintain();
    for (int i = 0; i < 1'000 && maintained; ++i) {
      worker.pause(partition);
      maintained = worker.log->maintain();
    }
    ASSERT_FALSE(maintained.has_value());
    expect_damage(maintained.error(), at);
    expect_damage(worker.membership->poll().error(), at);
    expect_damage(worker.commit({partition}, "2", input, offset(8)).error(), at);
    expect_damage(worker.log->create_topic({"u", 1, TopicKind::events, "stock"}).error(), at);
    const auto late = try_open(url(), options_of("late"));
    ASSERT_FALSE(late.has_value());
    expect_damage(late.error(), at);
  }

  delete_state();
  Worker worker(open("worker"), "g", {"u"});
  EXPECT_NE(worker.log->identity(), identity);
  partition = make_topic(*worker.log, "t");
  input = make_topic(*worker.log, "in");
  EXPECT_THAT(values(*worker.log, partition), ElementsAre("1"));
  EXPECT_EQ(position(*worker.log, worker.group, input), offset(7));
  ASSERT_TRUE(worker.until_holds(1));
  ASSERT_TRUE(worker.commit({partition}, "2", input, offset(8)).has_value());
  EXPECT_THAT(values(*worker.log, partition), ElementsAre("1", "2"));
}

// A broker that has not heard of it yet still names the topic, and knows it no more when asked on.
TEST_F(KafkaDamage, a_log_is_made_again_while_its_old_topic_vanishes) {
  std::string identity;
  {
    identity = open("first")->identity();
  }
  testkit::KafkaProxy proxy(address());
  const auto asking = proxy.add(
      {.api = testkit::KafkaApi::describe_configs, .fault = testkit::KafkaFault::hold_request()});
  Result<std::unique_ptr<Log>> opened = fail(errc::closed, "not opened");
  std::thread opening([&] { opened = try_open(url(proxy.bootstrap()), options_of("second")); });
  EXPECT_TRUE(asking.wait_until_held());
  delete_state();
  asking.release();
  opening.join();
  ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
  EXPECT_NE((*opened)->identity(), identity);
}

TEST_F(KafkaDamage, records_of_the_old_topic_are_not_waited_for_in_the_one_made_again) {
  {
    const auto first = open("first");
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(first->group("g" + std::to_string(i)));
    }
  }
  testkit::KafkaProxy proxy(address());
  const auto reading =
      proxy.add({.api = testkit::KafkaApi::fetch, .fault = testkit::KafkaFault::hold_request()});
  Result<std::unique_ptr<Log>> opened = fail(errc::closed, "not opened");
  std::thread opening([&] { opened = try_open(url(proxy.bootstrap()), options_of("second")); });
  EXPECT_TRUE(reading.wait_until_held());
  delete_state();
  reading.release();
  opening.join();
  ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
  const auto group = (*opened)->group("g");
  ASSERT_TRUE(group.has_value()) << group.error().to_string();
  EXPECT_EQ(group->value, 0);
  const auto membership = (*opened)->join(*group, {"u"});
  ASSERT_TRUE(membership.has_value()) << membership.error().to_string();
  const auto change = (*membership)->poll();
  ASSERT_TRUE(change.has_value()) << change.error().to_string();
  EXPECT_EQ(change->granted.size(), 1U);
}

// One broker names a new topic while another has not heard of it.
TEST_F(KafkaDamage, a_topic_that_a_broker_has_not_heard_of_yet_is_asked_for_again) {
  const std::string topic = in_kafka("t");
  make_in_kafka(topic);
  testkit::KafkaProxy proxy(address());
  auto opened = try_open(url(proxy.bootstrap()), options_of("second"));
  ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
  const auto asking = proxy.add(
      {.api = testkit::KafkaApi::describe_configs, .fault = testkit::KafkaFault::hold_request()});
  Result<Topic> made = fail(errc::closed, "not made");
  std::thread making([&] {
    made = (*opened)->create_topic({"t", 1, TopicKind::events, (*opened)->options().service});
  });
  EXPECT_TRUE(asking.wait_until_held());
  delete_topic(topic);
  asking.release();
  make_in_kafka(topic);
  making.join();
  EXPECT_TRUE(made.has_value()) << made.error().to_string();
}

// What was committed to the former one is waited for no more. The handle looks once a second which
// topic it is, and is not sure for some seconds.
TEST_F(KafkaDamage, the_end_of_a_topic_that_was_made_again_is_never_that_of_the_former_one) {
  const auto log = open("writer");
  const auto partition = make_topic(*log, "t");
  Transaction transaction;
  for (int i = 0; i < 3; ++i)
    transaction.append(partition, {1'000, "k", "v", {}});
  const auto first = commit_visibly(*log, transaction);
  ASSERT_TRUE(first.has_value()) << first.error().to_string();
  const auto before = log->end_offset(partition);
  ASSERT_TRUE(before.has_value()) << before.error().to_string();
  EXPECT_GE(*before, offset(3));
  const auto unseen = log->commit(transaction);
  ASSERT_TRUE(unseen.has_value()) << unseen.error().to_string();
  delete_topic(in_kafka("t"));
  make_in_kafka(in_kafka("t"));
  auto end = log->end_offset(partition);
  while (end.has_value() || end.error().is(errc::unavailable)) {
    ASSERT_EQ(end.value_or(offset(0)), offset(0));
    end = log->end_offset(partition);
  }
  EXPECT_TRUE(end.error().is(errc::topic_replaced)) << end.error().to_string();
  const auto now = log->find_topic("t");
  ASSERT_TRUE(now.has_value()) << now.error().to_string();
  EXPECT_EQ(log->end_offset({now->id, partition.partition}), offset(0));
}

// A second passes at each look at it.
class CountingClock final : public Clock {
 public:
  std::int64_t monotonic_ns() override { return std::int64_t{1'000'000'000} * ++looks_; }
  std::int64_t wall_ms() override { return real_clock().wall_ms(); }
  [[nodiscard]] int looks() const { return looks_; }

 private:
  std::atomic<int> looks_ = 0;
};

// A broker may hear of it late. That is waited for, and not as long as a network that fails.
TEST_F(KafkaDamage, a_topic_that_was_deleted_is_not_asked_for_until_the_time_of_a_request_is_over) {
  constexpr int request_seconds = 600;
  const LogOptions options = options_of("asker");
  const std::string timeout = std::to_string(request_seconds * 1'000);
  const kafka::ClientConfig config(
      kafka::parse_url(url() + "?millrace.request.timeout.ms=" + timeout).value(), options,
      real_clock());
  CountingClock clock;
  kafka::Reader reader(config, clock);
  ASSERT_TRUE(reader.open().has_value());
  const kafka::KafkaPartition partition{in_kafka("t"), 0};
  make_in_kafka(partition.topic);
  delete_topic(partition.topic);
  const int before = clock.looks();
  const auto asked = reader.ask({partition}, kafka::Reader::End::first);
  ASSERT_FALSE(asked.has_value());
  EXPECT_TRUE(asked.error().is(errc::unknown_topic)) << asked.error().to_string();
  EXPECT_THAT(asked.error().message(), HasSubstr(partition.topic));
  EXPECT_LT(clock.looks() - before, request_seconds / 10);
}

TEST_F(KafkaDamage, a_record_of_a_newer_version_asks_for_an_upgrade) {
  {
    const auto log = open("first");
  }
  const Offset at = write_garbage(std::string("\x08\x02", 2));
  const auto late = try_open(url(), options_of("late"));
  ASSERT_FALSE(late.has_value());
  EXPECT_TRUE(late.error().is(errc::incompatible)) << late.error().to_string();
  EXPECT_THAT(late.error().to_string(), HasSubstr("offset " + std::to_string(at.value)));
}

TEST_F(KafkaDamage, all_handles_of_a_log_agree_on_its_identity) {
  const auto first = open("first");
  const auto second = open("second");
  EXPECT_EQ(first->identity(), second->identity());
  EXPECT_THAT(first->identity(), testing::StartsWith("kafka/"));
  LogOptions looking = options_of("");
  looking.create = false;
  EXPECT_EQ(try_open(url(), looking).value()->identity(), first->identity());
}

}  // namespace
}  // namespace millrace::log
