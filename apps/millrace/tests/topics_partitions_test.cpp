// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "commands/commands.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/manifest.hpp"
#include "shop.hpp"
#include "text.hpp"

// `millrace topics alter TOPIC --partitions N`.
namespace millrace::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class TopicPartitions : public testing::Test {
 protected:
  void SetUp() override {
    log::LogOptions options;
    options.service = log::any_service;
    writer = shop.connect(std::move(options));
  }
  Result<std::string> create(const CreateTopicOptions& options) {
    Screen screen;
    MILLRACE_TRY(create_topic(*writer, options, screen.out));
    return screen.text;
  }
  Result<std::string> add(std::int32_t partitions, bool force = false, bool json = false) {
    Screen screen;
    MILLRACE_TRY(alter_topic(
        *writer,
        {.topic = "orders", .changes = {}, .json = json, .partitions = partitions, .force = force},
        not_in_use, screen.out));
    return screen.text;
  }
  Result<std::string> add_to(AlterTopicOptions options) {
    Screen screen;
    MILLRACE_TRY(alter_topic(*writer, options, not_in_use, screen.out));
    return screen.text;
  }
  /// The service has one live part, which reads the topic.
  void declare_reader(const std::string& service, const std::string& topic,
                      std::int32_t partitions) {
    stream::Manifest manifest;
    manifest.version = manifest.revision = manifest.plan_version = 1;
    manifest.parts.emplace_back();
    manifest.parts.back().number = 1;
    manifest.parts.back().name = "counts";
    manifest.parts.back().state = "live";
    manifest.parts.back().partitions = partitions;
    manifest.parts.back().sources = {topic};
    ASSERT_TRUE(stream::write_manifest(shop.service(service), service, manifest, {}));
  }
  std::int32_t partitions() { return writer->find_topic("orders")->spec.partitions; }
  void publish_without_key() {
    log::Transaction transaction;
    const log::TopicId topic = writer->find_topic("orders")->id;
    transaction.append({topic, log::partition(1)}, {0, std::nullopt, "v", {}});
    ASSERT_TRUE(writer->commit(transaction));
  }
  Shop shop;
  std::unique_ptr<log::Log> writer;
  Status in_use;
  const TopicNotInUse not_in_use = [this](const log::Topic&) { return in_use; };
  const log::TopicSpec spec{"orders", 3, log::TopicKind::events, "orders"};
};

TEST_F(TopicPartitions, add_partitions_where_no_record_has_a_key) {
  ASSERT_TRUE(create({spec, {}, false}));
  publish_without_key();
  const auto text = add(5);
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_EQ(*text, "topic 'orders' has 5 partitions now, before 3\n")
      << "of a topic with records nothing is unknown";
  EXPECT_EQ(partitions(), 5);
  EXPECT_EQ(add(5).value(), "topic 'orders' has 5 partitions, as before\n");
  EXPECT_THAT(add(6, false, true).value(), HasSubstr(R"("partitions":6,"settings":{)"));
}

TEST_F(TopicPartitions, add_no_partitions_where_a_record_has_a_key_unless_forced) {
  ASSERT_TRUE(create({spec, {}, false}));
  publish_without_key();
  shop.publish({"orders", 2, "k", "Placed", "o1", "", "o1"});
  const auto refused = add(5);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::invalid_argument)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("its records have keys (orders-2:0 has one)"));
  EXPECT_THAT(refused.error().message(), HasSubstr("wrong state"));
  EXPECT_THAT(refused.error().message(), HasSubstr("with 5 partitions, or say --force"));
  EXPECT_EQ(partitions(), 3);
  ASSERT_TRUE(add(5, true));
  EXPECT_EQ(partitions(), 5);
}

TEST_F(TopicPartitions, add_partitions_and_say_that_nothing_shows_whether_there_will_be_keys) {
  ASSERT_TRUE(create({spec, {}, false}));
  EXPECT_THAT(add(5).value(), HasSubstr("it has had no records, so nothing shows"));
}

// Its private topics keep their number: the service would not start again.
TEST_F(TopicPartitions, add_no_partitions_to_a_topic_that_its_own_service_reads_by_declared_tasks) {
  ASSERT_TRUE(create({spec, {}, false}));
  declare_reader("orders", "orders", 3);
  const auto refused = add(5, true);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::invalid_argument)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("part 'counts' of service 'orders' reads it"));
  EXPECT_THAT(refused.error().message(), HasSubstr("has 3 tasks"));
  EXPECT_THAT(refused.error().message(), Not(HasSubstr("--force")));
  EXPECT_EQ(partitions(), 3);
}

TEST_F(TopicPartitions, add_partitions_where_another_service_has_declared_tasks_when_forced) {
  ASSERT_TRUE(create({spec, {}, false}));
  declare_reader("billing", "orders", 3);
  const auto refused = add(5);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("of service 'billing' reads it"));
  EXPECT_THAT(refused.error().message(), HasSubstr("or say --force"));
  ASSERT_TRUE(add(5, true));
  EXPECT_EQ(partitions(), 5);
}

TEST_F(TopicPartitions, add_partitions_and_name_who_reads_them_and_its_retry_topic) {
  ASSERT_TRUE(create({spec, {}, false}));
  publish_without_key();
  ASSERT_TRUE(create({{"billing.retry", 3, log::TopicKind::commands, "billing"}, {}, false}));
  declare_reader("billing", "orders", 0);
  const auto text = add(5);
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_THAT(*text, HasSubstr("read by billing/counts: "));
  EXPECT_THAT(*text, HasSubstr("`millrace topology reset`"));
  EXPECT_THAT(*text, HasSubstr("`millrace topics alter billing.retry --partitions 5`"));
}

// Their records have keys, and are sent to a partition by its number.
TEST_F(TopicPartitions, add_partitions_to_dead_letters_and_their_replays) {
  for (const std::string name : {"orders.retry", "orders.dead-letters"}) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(create({{name, 1, log::TopicKind::commands, "orders"}, {}, false}));
    shop.publish({name, 0, "k", "Placed", "o1", "", "o1"});
    in_use = fail(millrace::errc::busy, "service 'orders' runs");
    const AlterTopicOptions more{.topic = name, .changes = {}, .partitions = 2};
    const auto used = add_to(more);
    ASSERT_FALSE(used);
    EXPECT_TRUE(used.error().is(millrace::errc::busy)) << used.error().to_string();
    in_use = {};
    EXPECT_THAT(add_to(more).value(), HasSubstr("has 2 partitions now, before 1"));
  }
}

TEST_F(TopicPartitions, add_partitions_to_a_topic_in_use_where_that_is_said_and_nothing_else) {
  ASSERT_TRUE(create({spec, {}, false}));
  publish_without_key();
  in_use = fail(millrace::errc::busy, "service 'orders' runs");
  EXPECT_TRUE(add(5, true).error().is(millrace::errc::busy)) << "keys are another question";
  ASSERT_TRUE(
      add_to({.topic = "orders", .changes = {}, .partitions = 5, .force = false, .in_use = true}));
  EXPECT_EQ(partitions(), 5);
}

TEST_F(TopicPartitions, add_no_partitions_to_a_topic_that_is_compacted_or_in_use_or_private) {
  ASSERT_TRUE(create({spec, {}, false}));
  in_use = fail(millrace::errc::busy, "service 'orders' runs");
  const auto used = add(5);
  ASSERT_FALSE(used);
  EXPECT_TRUE(used.error().is(millrace::errc::busy)) << used.error().to_string();
  in_use = {};
  ASSERT_TRUE(add_to({.topic = "orders",
                      .changes = {log::parse_setting_change("cleanup.policy=compact").value()}}));
  const auto compacted = add(5);
  ASSERT_FALSE(compacted);
  EXPECT_THAT(compacted.error().message(), HasSubstr("it is compacted"));
  EXPECT_EQ(partitions(), 3);
  ASSERT_TRUE(create({{"orders.notes", 1, log::TopicKind::private_topic, "orders"}, {}, false}));
  Screen screen;
  const Status own =
      alter_topic(*writer, {.topic = "orders.notes", .changes = {}, .partitions = 2, .force = true},
                  not_in_use, screen.out);
  ASSERT_FALSE(own);
  EXPECT_THAT(own.error().message(), HasSubstr("private to service 'orders'"));
}

TEST_F(TopicPartitions, change_nothing_when_partitions_cannot_be_added) {
  ASSERT_TRUE(create({spec, {}, false}));
  Screen screen;
  const Status refused =
      alter_topic(*writer,
                  {.topic = "orders",
                   .changes = {log::parse_setting_change("delete.retention.ms=5").value()},
                   .partitions = 2},
                  not_in_use, screen.out);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("has 3 partitions, and none of them"));
  publish_without_key();
  const Status unfit =
      alter_topic(*writer,
                  {.topic = "orders",
                   .changes = {log::parse_setting_change("retention.ms=5").value()},
                   .partitions = 5},
                  not_in_use, screen.out);
  ASSERT_FALSE(unfit) << "a limit needs a policy that deletes";
  EXPECT_EQ(partitions(), 3);
  EXPECT_EQ(writer->topic_settings(writer->find_topic("orders")->id).value(), log::TopicSettings{});
}

}  // namespace
}  // namespace millrace::cli
