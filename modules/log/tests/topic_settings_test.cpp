// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/topic_settings.hpp"

#include <gmock/gmock.h>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::log {
namespace {

using testing::HasSubstr;

Result<TopicSettings> changed(const std::vector<std::string>& texts, TopicSettings from = {}) {
  std::vector<SettingChange> changes;
  for (const std::string& text : texts) {
    MILLRACE_ASSIGN(changes.emplace_back(), parse_setting_change(text));
  }
  return with_changes(from, changes);
}

void expect_refused(const std::vector<std::string>& texts, const std::vector<std::string>& parts,
                    TopicSettings from = {}) {
  const auto result = changed(texts, from);
  ASSERT_FALSE(result.has_value()) << texts.front();
  EXPECT_TRUE(result.error().is(errc::invalid_argument)) << result.error().to_string();
  for (const std::string& part : parts) {
    EXPECT_THAT(result.error().message(), HasSubstr(part)) << texts.front();
  }
}

TEST(TopicSettings, each_setting_is_read_by_the_name_that_kafka_gives_it) {
  const auto settings =
      changed({"cleanup.policy=compact,delete", "retention.ms=1000", "retention.bytes=2000",
               "min.compaction.lag.ms=3", "delete.retention.ms=4", "segment.bytes=4096"});
  ASSERT_TRUE(settings) << settings.error().to_string();
  EXPECT_TRUE(settings->compacts);
  EXPECT_TRUE(settings->deletes);
  EXPECT_EQ(settings->retention_ms, 1000);
  EXPECT_EQ(settings->retention_bytes, 2000U);
  EXPECT_EQ(settings->min_compaction_lag_ms, 3);
  EXPECT_EQ(settings->delete_retention_ms, 4);
  EXPECT_EQ(settings->segment_bytes, 4096U);
}

TEST(TopicSettings, what_is_written_is_read_again) {
  const auto settings =
      changed({"cleanup.policy=delete", "retention.ms=0", "segment.bytes=2147483647"});
  ASSERT_TRUE(settings) << settings.error().to_string();
  std::vector<std::string> written;
  for (const NamedSetting& setting : named_settings(*settings)) {
    written.push_back(std::string(setting.name) + "=" + setting.value);
  }
  EXPECT_EQ(changed(written).value(), *settings);
}

TEST(TopicSettings, every_record_is_kept_unless_a_setting_says_otherwise) {
  EXPECT_EQ(describe_changed({}), "");
  EXPECT_EQ(describe_changed(compacted()), "cleanup.policy=compact");
  for (const NamedSetting& setting : named_settings({})) {
    EXPECT_TRUE(setting.is_default) << setting.name;
  }
  EXPECT_EQ(named_settings({}).front().value, "keep");
}

TEST(TopicSettings, a_setting_returns_to_its_default) {
  const TopicSettings before = changed({"cleanup.policy=delete", "retention.ms=5"}).value();
  EXPECT_EQ(changed({"retention.ms=default", "cleanup.policy=default"}, before).value(),
            TopicSettings{});
  const std::vector<SettingChange> unset{default_setting("retention.ms").value(),
                                         default_setting("cleanup.policy").value()};
  EXPECT_EQ(with_changes(before, unset).value(), TopicSettings{});
}

TEST(TopicSettings, a_value_that_is_not_allowed_is_refused_with_what_is) {
  expect_refused({"cleanup.policy=erase"}, {"cleanup.policy", "'erase'", "compact,delete"});
  expect_refused({"retention.ms=1d"}, {"retention.ms", "'1d'", "-1"});
  expect_refused({"retention.bytes=-2"}, {"retention.bytes", "'-2'", "-1"});
  expect_refused({"min.compaction.lag.ms=-1"}, {"min.compaction.lag.ms", "'-1'", "0"});
  expect_refused({"delete.retention.ms="}, {"delete.retention.ms", "''"});
  expect_refused({"segment.bytes=4095"}, {"segment.bytes", "'4095'", "4096", "2147483647"});
  expect_refused({"segment.bytes=2147483648"}, {"segment.bytes", "'2147483648'"});
  expect_refused({"retention.ms=9223372036854775808"}, {"retention.ms"});
}

TEST(TopicSettings, a_name_that_no_setting_has_is_refused_with_those_there_are) {
  expect_refused({"retention.hours=1"}, {"'retention.hours'", "retention.ms", "segment.bytes"});
  expect_refused({"retention.ms"}, {"'retention.ms'", "NAME=VALUE"});
  const auto unset = default_setting("max.age");
  ASSERT_FALSE(unset.has_value());
  EXPECT_THAT(unset.error().message(), HasSubstr("'max.age'"));
}

TEST(TopicSettings, a_limit_of_retention_needs_a_policy_that_deletes) {
  expect_refused({"retention.ms=1000"}, {"retention.ms=1000", "cleanup.policy=keep", "delete"});
  expect_refused({"retention.bytes=1000"}, {"retention.bytes=1000"}, compacted());
  const TopicSettings before = changed({"cleanup.policy=delete", "retention.ms=5"}).value();
  expect_refused({"cleanup.policy=compact"}, {"retention.ms=5", "cleanup.policy=compact"}, before);
}

TEST(TopicSettings, a_policy_that_deletes_needs_a_limit) {
  expect_refused({"cleanup.policy=delete"}, {"cleanup.policy=delete", "retention.ms", "keep"});
  expect_refused({"cleanup.policy=compact,delete"}, {"compact,delete", "retention.bytes"});
  const TopicSettings before = changed({"cleanup.policy=delete", "retention.ms=5"}).value();
  expect_refused({"retention.ms=-1"}, {"cleanup.policy=delete"}, before);
}

TEST(TopicSettings, a_setting_is_changed_once_at_a_time) {
  expect_refused({"segment.bytes=4096", "segment.bytes=8192"}, {"segment.bytes", "twice"});
}

TEST(TopicSettings, what_was_stored_is_read_although_it_would_not_be_allowed_now) {
  const std::vector<SettingChange> stored{{"segment.bytes", "1"}, {"cleanup.policy", "delete"}};
  const auto read = stored_settings(stored);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->segment_bytes, 1U);
  EXPECT_TRUE(read->deletes);
  const std::vector<SettingChange> unknown{{"tier.after.ms", "1"}};
  EXPECT_FALSE(stored_settings(unknown));
  const std::vector<SettingChange> unreadable{{"segment.bytes", "many"}};
  EXPECT_FALSE(stored_settings(unreadable));
}

TEST(TopicSettings, fields_out_of_range_are_refused_too) {
  TopicSettings settings;
  settings.delete_retention_ms = -1;
  EXPECT_FALSE(check_settings(settings));
  settings = {};
  settings.segment_bytes = 1;
  EXPECT_FALSE(check_settings(settings));
  settings = {};
  settings.deletes = true;
  settings.retention_ms = -5;
  EXPECT_FALSE(check_settings(settings));
  EXPECT_TRUE(check_settings(compacted()));
}

// Only where records stay that were not read may old ones be deleted.
TEST(RepartitionTopics, may_delete_where_unread_records_stay_and_never_compact) {
  const TopicSpec spec{"shop.by-key.repartition", 1, TopicKind::private_topic, "shop"};
  TopicSettings deleting;
  deleting.deletes = true;
  deleting.retention_ms = 0;
  EXPECT_EQ(needed_policy(spec, deleting), "keep");
  EXPECT_EQ(needed_policy(spec, deleting, UnreadRecords::stay), "");
  EXPECT_EQ(needed_policy(spec, compacted(), UnreadRecords::stay), "keep or delete");
  const TopicSpec own{"shop.own", 1, TopicKind::private_topic, "shop"};
  EXPECT_EQ(needed_policy(own, deleting, UnreadRecords::stay), "keep");
}

TEST(StateTopics, are_private_ones_of_their_owner_by_name) {
  const auto state = [](const char* name, TopicKind kind, const char* owner) {
    return is_state({name, 1, kind, owner});
  };
  EXPECT_TRUE(state("shop.left.changelog", TopicKind::private_topic, "shop"));
  EXPECT_TRUE(state("shop.part.system.changelog", TopicKind::private_topic, "shop"));
  EXPECT_TRUE(state("shop.manifest", TopicKind::private_topic, "shop"));
  EXPECT_FALSE(state("shop.left.changelog", TopicKind::events, "shop"));
  EXPECT_FALSE(state("shop.left.changelog", TopicKind::private_topic, "stock"));
  EXPECT_FALSE(state("shop.changelog.repartition", TopicKind::private_topic, "shop"));
  EXPECT_FALSE(state("shop.x.manifest", TopicKind::private_topic, "shop"));
  EXPECT_FALSE(state("shop.part.system.ranges", TopicKind::private_topic, "shop"));
}

TEST(RepartitionTopics, are_private_ones_of_their_owner_by_name) {
  const auto repartition = [](const char* name, TopicKind kind, const char* owner) {
    return is_repartition({name, 1, kind, owner});
  };
  EXPECT_TRUE(repartition("shop.by-key.repartition", TopicKind::private_topic, "shop"));
  EXPECT_FALSE(repartition("shop.by-key.repartition", TopicKind::events, "shop"));
  EXPECT_FALSE(repartition("shop.by-key.repartition", TopicKind::private_topic, "stock"));
  EXPECT_FALSE(repartition("shop.repartition.own", TopicKind::private_topic, "shop"));
  EXPECT_FALSE(repartition("shop.repartition", TopicKind::private_topic, "shop"));
}

}  // namespace
}  // namespace millrace::log
