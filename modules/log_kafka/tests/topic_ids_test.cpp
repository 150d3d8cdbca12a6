// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_ids.hpp"

#include <gmock/gmock.h>

#include <map>
#include <mutex>

#include "client_events.hpp"
#include "fake_kafka.hpp"
#include "log_contract.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

constexpr TopicUuid old_id{1, 2};
constexpr TopicUuid new_id{3, 4};
constexpr TopicUuid no_id{};

/// Two brokers that each know one topic, or none.
class TwoBrokers {
 public:
  using Response = testkit::kafka_proxy::WireWriter;

  [[nodiscard]] std::string address() const { return first_.address(); }
  void tell(const TopicUuid& first, const TopicUuid& second) {
    const std::scoped_lock lock(mutex_);
    known_[0] = first;
    known_[1] = second;
  }
  void kill_second() { second_.die(); }

 private:
  std::string respond(const testkit::KafkaRequest& request, std::size_t number) {
    using testkit::KafkaApi;
    const bool flexible = testkit::kafka_proxy::is_flexible(request.api, request.version);
    Response out(flexible && request.api != KafkaApi::api_versions);
    out.i32(request.correlation_id).tags();
    out.set_flexible(flexible);
    request.api == KafkaApi::metadata ? tell_topic(request, number, out) : tell_versions(out);
    return out.tags().finish();
  }
  static void tell_versions(Response& out) {
    const std::pair<std::int16_t, std::int16_t> highest[] = {{0, 8},  {1, 11}, {3, 12}, {9, 7},
                                                             {10, 2}, {18, 3}, {22, 1}, {24, 2},
                                                             {25, 2}, {26, 2}, {28, 2}};
    out.i16(0).array(static_cast<std::int32_t>(std::size(highest)));
    for (const auto& [api, version] : highest)
      out.i16(api).i16(0).i16(version).tags();
    out.i32(0);
  }
  void tell_topic(const testkit::KafkaRequest& request, std::size_t number, Response& out) {
    constexpr std::int16_t first_with_ids = 10;
    out.i32(0).array(2);
    out.i32(0).string("127.0.0.1").i32(first_.port()).null_string().tags();
    out.i32(1).string("127.0.0.1").i32(second_.port()).null_string().tags();
    out.null_string().i32(0);
    if (request.version < first_with_ids) {
      out.array(0);
    } else {
      TopicUuid id;
      {
        const std::scoped_lock lock(mutex_);
        id = known_[number];
      }
      out.array(1).i16(id.is_none() ? 3 : 0).string("t");
      out.i64(static_cast<std::int64_t>(id.high)).i64(static_cast<std::int64_t>(id.low));
      out.i8(0).array(0).i32(0).tags();
    }
    if (request.version >= 8 && request.version <= first_with_ids) out.i32(0);
  }

  std::mutex mutex_;
  std::map<std::size_t, TopicUuid> known_;
  testkit::FakeBroker first_{
      [this](const testkit::KafkaRequest& request) { return respond(request, 0); }};
  testkit::FakeBroker second_{
      [this](const testkit::KafkaRequest& request) { return respond(request, 1); }};
};

class TopicIdsOfBrokers : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the thread sanitizer does not know the threads that librdkafka starts";
#endif
    config_.emplace(Url{brokers_.address(), "", {{"millrace.request.timeout.ms", "120000"}}},
                    LogOptions{}, clock_);
    events_.emplace(*config_);
    auto made = config_->make(RD_KAFKA_CONSUMER, {}, {}, *events_);
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    asker_ = *std::move(made);
    config_->cluster()->served_by(asker_.get());
    ids_.emplace(*config_);
  }
  /// Some seconds later.
  Result<bool> look() {
    clock_.advance_ms(3'000);
    return ids_->look(t_, true);
  }
  void expect_unsure() {
    const auto looked = look();
    ASSERT_FALSE(looked.has_value());
    EXPECT_TRUE(looked.error().is(errc::unavailable)) << looked.error().to_string();
  }

  const TopicIds::Number t_{7, "t"};
  TwoBrokers brokers_;
  SkewedClock clock_;
  std::optional<ClientConfig> config_;
  std::optional<ClientEvents> events_;
  Owned<rd_kafka_t> asker_;
  std::optional<TopicIds> ids_;
};

TEST_F(TopicIdsOfBrokers, a_number_means_the_topic_that_had_the_name_first) {
  brokers_.tell(old_id, old_id);
  EXPECT_EQ(ids_->bind(t_).value(), old_id);
  brokers_.tell(new_id, new_id);
  EXPECT_EQ(ids_->bind(t_).value(), old_id);
  EXPECT_EQ(ids_->bind({8, "t"}).value(), new_id);
}

TEST_F(TopicIdsOfBrokers, a_topic_is_found_when_one_broker_has_heard_of_it) {
  brokers_.tell(no_id, old_id);
  EXPECT_EQ(ids_->bind(t_).value(), old_id);
  brokers_.tell(no_id, no_id);
  EXPECT_TRUE(ids_->bind({8, "t"}).error().is(errc::unknown_topic));
}

TEST_F(TopicIdsOfBrokers, a_broker_that_lags_behind_ends_nobody) {
  brokers_.tell(new_id, new_id);
  EXPECT_EQ(ids_->bind(t_).value(), new_id);
  for (const TopicUuid& stale : {old_id, no_id}) {
    brokers_.tell(stale, new_id);
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(look().value(), false);
  }
}

TEST_F(TopicIdsOfBrokers, that_all_deny_for_a_moment_are_there_again) {
  brokers_.tell(old_id, old_id);
  EXPECT_EQ(ids_->bind(t_).value(), old_id);
  brokers_.tell(no_id, no_id);
  expect_unsure();
  brokers_.tell(old_id, no_id);
  EXPECT_EQ(look().value(), false);
  brokers_.tell(no_id, no_id);
  expect_unsure();
  expect_unsure();
}

TEST_F(TopicIdsOfBrokers, that_all_deny_for_some_seconds_are_deleted_for_ever) {
  brokers_.tell(old_id, old_id);
  EXPECT_EQ(ids_->bind(t_).value(), old_id);
  brokers_.tell(new_id, no_id);
  expect_unsure();
  expect_unsure();
  EXPECT_FALSE(ids_->is_deleted(t_.value));
  EXPECT_EQ(look().value(), true);
  EXPECT_TRUE(ids_->is_deleted(t_.value));
  brokers_.tell(old_id, old_id);
  EXPECT_EQ(look().value(), true);
}

TEST_F(TopicIdsOfBrokers, that_a_silent_broker_may_know_are_not_deleted) {
  brokers_.tell(old_id, old_id);
  EXPECT_EQ(ids_->bind(t_).value(), old_id);
  brokers_.kill_second();
  brokers_.tell(new_id, old_id);
  // It may be the one that is asked first, which says nothing.
  for (int i = 0; i < 6; ++i) {
    const auto looked = look();
    EXPECT_FALSE(looked.has_value() && *looked);
  }
  EXPECT_FALSE(ids_->is_deleted(t_.value));
}

TEST(TopicIdCodec, a_response_that_is_cut_is_none) {
  wire::Encoder out(true);
  out.number<std::int32_t>(0);
  out.count(0);
  out.null_string();
  out.number<std::int32_t>(0);
  out.count(1);
  out.number<std::int16_t>(0);
  out.string("t");
  out.number(old_id.high);
  out.number(old_id.low);
  out.flag(false);
  out.count(1);
  out.number<std::int16_t>(0);
  for (int i = 0; i < 3; ++i)
    out.number<std::int32_t>(i);
  for (int i = 0; i < 3; ++i) {
    out.count(1);
    out.number<std::int32_t>(0);
  }
  out.tags();
  out.number<std::int32_t>(0);
  out.tags();
  const std::string body = out.take();
  const std::vector<std::string> names{"t"};
  const auto read = wire::read_topic_ids(body, 12, names);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->front().id, old_id);
  EXPECT_EQ(wire::read_topic_ids(body, 12, std::vector<std::string>{"u"}), std::nullopt);
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_EQ(wire::read_topic_ids(std::string_view(body).substr(0, size), 12, names), std::nullopt)
        << size;
}

TEST(PositionNote, names_the_topic_of_the_position) {
  const TopicUuid id{0x0123456789abcdefU, 0xfedcba9876543210U};
  EXPECT_EQ(wire::position_note(id), "millrace.topic=0123456789abcdeffedcba9876543210");
  EXPECT_EQ(wire::read_position_note(wire::position_note(id)), id);
  EXPECT_EQ(wire::position_note({}), "");
  for (const char* const other :
       {"", "mine", "millrace.topic=", "millrace.topic=0123456789abcdeffedcba987654321",
        "millrace.topic=0123456789abcdeffedcba98765432100"})
    EXPECT_TRUE(wire::read_position_note(other).is_none()) << other;
}

}  // namespace
}  // namespace millrace::log::kafka
