// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Members of this build beside those of one to come, on a real cluster.
#include "foreign_producer.hpp"
#include "kafka_parts.hpp"
#include "kafka_world.hpp"

namespace millrace::log {
namespace {

using testing::HasSubstr;
using testing::Not;

// A build to come notes positions in a version that this one does not know.
const kafka::RecordVersions versions_to_come{4, {{11, 4}}};
const kafka::Positioned noted{0, "t", 0};

/// A member of a build to come.
class NewerMember : public KafkaParts {
 public:
  NewerMember(const std::string& url, LogOptions options)
      : KafkaParts(url, std::move(options), versions_to_come) {}
  [[nodiscard]] bool has_noted() {
    const Status read = state().catch_up_to_end();
    EXPECT_TRUE(read.has_value());
    return state().look([](const kafka::State& one) { return one.had_position(0, "t", 0); });
  }
};

class KafkaVersions : public KafkaWorld {
 protected:
  void expect_works(Worker& worker) {
    for (int i = 0; i < 3; ++i)
      worker.obey();
    EXPECT_EQ(worker.held.size(), 1U);
    const auto committed = worker.commit({partition_}, "v");
    EXPECT_TRUE(committed) << committed.error().to_string();
  }
  std::unique_ptr<Log> direct_ = open("maker");
  TopicPartition partition_ = make_topic(*direct_, "t");
};

TEST_F(KafkaVersions, what_an_older_member_does_not_understand_is_written_when_it_has_left) {
  auto old = std::make_unique<Worker>(open("orders-1"), "g", std::vector<std::string>{"u"});
  ASSERT_TRUE(old->until_holds(1));
  NewerMember newer(url(), options_of("orders-2"));
  NewerMember another(url(), options_of("orders-3"));
  EXPECT_EQ(newer.state().common_version(), 3);

  const auto refused = newer.state().append({noted});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("version 4"));
  EXPECT_THAT(refused.error().message(),
              HasSubstr("orders-1 (pid " + std::to_string(::getpid()) + " on "));
  EXPECT_THAT(refused.error().message(), Not(HasSubstr("orders-3")));
  EXPECT_FALSE(another.has_noted());
  expect_works(*old);

  old.reset();
  const auto written = newer.state().append({noted});
  ASSERT_TRUE(written) << written.error().to_string();
  EXPECT_TRUE(newer.has_noted());
  EXPECT_TRUE(another.has_noted());
  EXPECT_EQ(another.state().common_version(), 4);
  // A member that comes later gets an error that names the version it lacks.
  const auto late = try_open(url(), options_of("orders-4"));
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(errc::incompatible)) << late.error().to_string();
  EXPECT_THAT(late.error().message(), HasSubstr("has version 4, this program reads up to"));
}

TEST_F(KafkaVersions, partitions_are_added_when_members_that_would_not_learn_of_them_have_left) {
  auto older =
      std::make_unique<KafkaParts>(url(), options_of("orders-1"), kafka::RecordVersions{1, {}});
  const auto refused = direct_->add_partitions(partition_.topic, 3);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("orders-1 (pid "));
  EXPECT_EQ(direct_->find_topic("t").value().spec.partitions, 1);

  const auto member = older->identity().member();
  ASSERT_TRUE(member) << member.error().to_string();
  older.reset();
  KafkaParts other(url(), options_of("orders-2"));
  const auto ended = other.state().append({kafka::Ended{*member}});
  ASSERT_TRUE(ended) << ended.error().to_string();
  // Nothing was changed in the cluster: all of it is done now.
  const auto larger = direct_->add_partitions(partition_.topic, 3);
  ASSERT_TRUE(larger) << larger.error().to_string();
  EXPECT_EQ(larger->spec.partitions, 3);
  Worker later(open("orders-3"), "g", {"u"});
  ASSERT_TRUE(later.until_holds(1));
  const TopicPartition added{partition_.topic, partition(2)};
  const auto committed = later.commit({added}, "v");
  EXPECT_TRUE(committed) << committed.error().to_string();
}

TEST_F(KafkaVersions, a_topic_is_not_deleted_while_a_member_lives_that_would_not_learn_of_it) {
  const KafkaParts older(url(), options_of("orders-1"), kafka::RecordVersions{2, {{12, 2}}});
  const Status refused = direct_->delete_topic(partition_.topic);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("orders-1 (pid "));
  Worker worker(open("orders-2"), "g", {"u"});
  ASSERT_TRUE(worker.until_holds(1));
  const auto committed = worker.commit({partition_}, "v");
  EXPECT_TRUE(committed) << "it is there: " << committed.error().to_string();
}

TEST_F(KafkaVersions, a_note_that_an_older_member_does_not_know_is_passed_over) {
  Worker old(open("orders-1"), "g", {"u"});
  ASSERT_TRUE(old.until_holds(1));
  ForeignProducer newer(prefix() + ".__millrace", "none", "");
  // Version and kind, as zigzag varints, and content of its own.
  newer.put({std::string("\x04\x80\x01what", 7), std::string("\x02\xfe\x01", 3)});
  expect_works(old);
  Worker later(open("orders-2"), "h", {"w"});
  ASSERT_TRUE(later.until_holds(1));
  expect_works(old);
}

TEST_F(KafkaVersions, another_record_of_a_newer_version_ends_an_older_member_by_name) {
  Worker old(open("orders-1"), "g", {"u"});
  ASSERT_TRUE(old.until_holds(1));
  ForeignProducer newer(prefix() + ".__millrace", "none", "");
  newer.put({kafka::encode_state_record(noted, versions_to_come)});
  old.forgives = true;
  // A heartbeat is written, or the end is looked at.
  EXPECT_FALSE(direct_->topics());
  const Status maintained = direct_->maintain();
  ASSERT_FALSE(maintained);
  EXPECT_TRUE(maintained.error().is(errc::incompatible)) << maintained.error().to_string();
}

TEST_F(KafkaVersions, a_member_is_expelled_by_its_own_session_and_not_by_that_of_others) {
  LogOptions long_session = options_of("long_session");
  long_session.session_timeout_ms = 600'000;
  Worker first(open_by(real_clock(), long_session), "g", {"u"});
  ASSERT_TRUE(first.until_holds(1));
  SkewedClock clock;
  Worker second(open_by(clock, options_of("hasty")), "g", {"u"});
  for (int i = 0; i < 20; ++i) {
    second.obey();
    clock.advance_ms(second.log->options().session_timeout_ms / 4);
  }
  EXPECT_TRUE(second.held.empty());
  const auto committed = first.commit({partition_}, "mine");
  EXPECT_TRUE(committed) << committed.error().to_string();
  const auto groups = direct_->groups();
  ASSERT_TRUE(groups) << groups.error().to_string();
  ASSERT_EQ(groups->size(), 1U);
  ASSERT_EQ(groups->front().members.size(), 2U);
  EXPECT_EQ(groups->front().members[0].session_ms, 600'000);
  EXPECT_EQ(groups->front().members[1].session_ms, 10'000);
}

}  // namespace
}  // namespace millrace::log
