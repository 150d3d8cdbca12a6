// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_world.hpp"
#include "millrace/log_kafka/kafka.hpp"

#include <algorithm>
#include <stdexcept>

namespace millrace::log {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t worker_limit_ns = 120'000 * ms;
// By a clock that a test may have moved forward by some minutes.
constexpr std::int64_t visible_limit_ns = 600'000 * ms;

bool passes(const Error& error) {
  return error.is(errc::unavailable) || error.is(errc::outcome_unknown);
}

}  // namespace

Worker::Worker(std::unique_ptr<Log> opened, const std::string& group_name,
               std::vector<std::string> tasks)
    : log(std::move(opened)), tasks_(std::move(tasks)) {
  const auto id = log->group(group_name);
  EXPECT_TRUE(id.has_value()) << id.error().to_string();
  group = id.value_or(GroupId{});
}

Worker::~Worker() { membership.reset(); }

void Worker::obey() {
  const auto expect_passing = [&](const Error& error) {
    EXPECT_TRUE(forgives || passes(error)) << error.to_string();
  };
  if (const Status maintained = log->maintain(); !maintained) expect_passing(maintained.error());
  if (membership == nullptr) {
    auto joined = log->join(group, tasks_);
    if (!joined) return expect_passing(joined.error());
    membership = *std::move(joined);
  }
  const auto change = membership->poll();
  if (!change) return expect_passing(change.error());
  for (const Claim& claim : change->lost) {
    EXPECT_EQ(std::erase(held, claim), 1U) << "lost a claim that was not held";
    lost.push_back(claim);
  }
  held.insert(held.end(), change->granted.begin(), change->granted.end());
  for (const Claim& claim : change->asked_back) {
    EXPECT_EQ(std::erase(held, claim), 1U) << "asked back a claim that is not held";
    EXPECT_TRUE(membership->release(claim).has_value());
  }
}

bool Worker::until_holds(std::size_t count) {
  const std::int64_t deadline_ns = real_clock().monotonic_ns() + worker_limit_ns;
  for (obey(); held.size() != count; obey()) {
    if (real_clock().monotonic_ns() > deadline_ns) return false;
    pause();
  }
  return true;
}

void Worker::pause(TopicPartition topic_partition) {
  const auto end = log->end_offset(topic_partition);
  const Interest interest[] = {{topic_partition, end.value_or(offset(0))}};
  log->waiter()->wait(interest, real_clock().monotonic_ns() + 20 * ms);
}

Result<Committed> Worker::commit(const std::vector<TopicPartition>& partitions,
                                 const std::string& value, TopicPartition input, Offset position) {
  Transaction transaction;
  for (const TopicPartition partition : partitions)
    transaction.append(partition, {1'000, "k", value, {}});
  if (position.value >= 0) transaction.set_position(group, input, position);
  for (const Claim& claim : held)
    transaction.require(claim);
  return commit_visibly(*log, transaction);
}

bool share(Worker& one, Worker& other) {
  const std::int64_t deadline_ns = real_clock().monotonic_ns() + worker_limit_ns;
  while (one.held.size() != 1 || other.held.size() != 1) {
    if (real_clock().monotonic_ns() > deadline_ns) return false;
    one.obey();
    other.obey();
    one.pause();
  }
  return true;
}

Result<Committed> commit_visibly(Log& log, Transaction& transaction) {
  auto committed = log.commit(transaction);
  if (committed) {
    static_cast<void>(log.wait_visible(*committed, real_clock().monotonic_ns() + visible_limit_ns));
  }
  return committed;
}

KafkaWorld::KafkaWorld() {
  static int number = 0;
  prefix_ = "fault-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
}

std::string KafkaWorld::address() {
  const char* const found = std::getenv("MILLRACE_TEST_KAFKA");
  if (found == nullptr)
    ADD_FAILURE() << "MILLRACE_TEST_KAFKA names no cluster: run this by tools/with_kafka";
  return found == nullptr ? std::string("127.0.0.1:1") : found;
}

Result<std::unique_ptr<Log>> KafkaWorld::try_open(const std::string& url, LogOptions options,
                                                  Clock& clock, KafkaSettings settings,
                                                  KafkaTokenSource token) {
  environments_.push_back(std::make_unique<LogEnvironment>(
      LogEnvironment{clock, real_file_system(), random_, real_processes()}));
  // A machine with much else to do responds late. Those of the test come later and count.
  settings.insert(settings.begin(), {"millrace.request.timeout.ms", "120000"});
  return open_kafka(url, *environments_.back(), std::move(options), std::move(settings),
                    std::move(token));
}

std::unique_ptr<Log> KafkaWorld::open_by(Clock& clock, LogOptions options,
                                         const std::string& brokers, KafkaSettings settings) {
  auto log = try_open(url(brokers), std::move(options), clock, std::move(settings));
  if (log) return *std::move(log);
  ADD_FAILURE() << log.error().to_string();
  throw std::runtime_error("the test cannot continue");
}

std::unique_ptr<Log> KafkaWorld::open(const std::string& member, const std::string& brokers,
                                      KafkaSettings settings) {
  return open_by(real_clock(), options_of(member), brokers, std::move(settings));
}

LogOptions KafkaWorld::options_of(const std::string& member) {
  LogOptions options;
  options.service = "stock";
  options.member = member;
  return options;
}

TopicPartition KafkaWorld::make_topic(Log& log, const std::string& name, std::int32_t partitions) {
  const auto topic = log.create_topic({name, partitions, TopicKind::events, log.options().service});
  EXPECT_TRUE(topic.has_value()) << topic.error().to_string();
  return topic ? TopicPartition{topic->id, partition(0)} : TopicPartition{};
}

std::vector<std::string> KafkaWorld::values(Log& log, TopicPartition partition) {
  std::vector<std::string> values;
  EXPECT_TRUE(log.end_offset(partition).has_value());
  FetchBuffer buffer;
  for (Offset next = offset(0);; next = buffer.next) {
    const Status fetched = log.fetch(partition, next, 1U << 16U, buffer);
    EXPECT_TRUE(fetched.has_value()) << fetched.error().to_string();
    if (!fetched || buffer.records.empty()) return values;
    for (const RecordView& record : buffer.records)
      values.emplace_back(record.value.value_or("null"));
  }
}

std::optional<Offset> KafkaWorld::position(Log& log, GroupId group, TopicPartition partition) {
  const auto found = log.position(group, partition);
  EXPECT_TRUE(found.has_value()) << found.error().to_string();
  return found.value_or(std::nullopt);
}

}  // namespace millrace::log
