// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_config.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "millrace/log/errors.hpp"
#include "wire/alter_configs.hpp"
#include "wire/protocol.hpp"

// Settings of topics as a cluster has them, without one.
namespace millrace::log::kafka {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

ClusterConfig as_config(const Settings& settings) { return {settings.begin(), settings.end()}; }

const TopicSpec changelog{"shop.left.changelog", 1, TopicKind::private_topic, "shop"};
const TopicSpec repartition{"shop.by-key.repartition", 1, TopicKind::private_topic, "shop"};
const TopicSpec orders{"orders", 1, TopicKind::events, "shop"};

TEST(TopicConfig, of_a_new_topic_lets_the_cluster_delete_nothing) {
  const Settings config = config_of_new_topic({}, {});
  EXPECT_THAT(config, Contains(Pair("cleanup.policy", "delete")));
  EXPECT_THAT(config, Contains(Pair("retention.ms", "-1")));
  EXPECT_THAT(config, Contains(Pair("retention.bytes", "-1")));
  EXPECT_THAT(config, Contains(Pair("delete.retention.ms", "604800000")));
  EXPECT_THAT(config, Contains(Pair("message.timestamp.type", "CreateTime")));
  EXPECT_EQ(as_config(config).count("segment.bytes"), 0U) << "that is for the cluster to choose";
  EXPECT_EQ(settings_of(as_config(config)), TopicSettings{});
}

TEST(TopicConfig, of_a_new_topic_is_read_again_as_its_settings) {
  TopicSettings wanted = compacted();
  EXPECT_EQ(settings_of(as_config(config_of_new_topic(wanted, {}))), wanted);
  wanted.deletes = true;
  wanted.retention_ms = 5;
  wanted.retention_bytes = 6;
  wanted.min_compaction_lag_ms = 7;
  wanted.segment_bytes = 1U << 20U;
  EXPECT_EQ(settings_of(as_config(config_of_new_topic(wanted, {}))), wanted);
}

TEST(TopicConfig, of_commands_has_an_age_that_no_broker_reaches) {
  const TopicSpec commands{"shop.commands", 1, TopicKind::commands, "shop"};
  const auto written = [&](const TopicSettings& wanted) {
    return config_of_new_topic(out_of_reach(commands, settings_of_new_topic(commands, wanted)), {});
  };
  TopicSettings week;
  week.deletes = true;
  week.retention_ms = 604'800'000;
  EXPECT_THAT(written({}), Contains(Pair("retention.ms", "4611686019032187904")));
  EXPECT_EQ(settings_of(as_config(written({}))), week);
  TopicSettings day = week;
  day.retention_ms = 86'400'000;
  EXPECT_EQ(settings_of(as_config(written(day))), day);
  // Until the end of time is long enough.
  day.retention_ms = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(written(day), Contains(Pair("retention.ms", "9223372036854775807")));
  // Asked for later, because the defaults leave it to the log.
  EXPECT_THAT(config_of_new_topic(out_of_reach(commands, {}), {}),
              Contains(Pair("retention.ms", "-1")));
  // All others are the cluster's to delete.
  EXPECT_EQ(settings_of_new_topic(orders, {}), TopicSettings{});
  EXPECT_EQ(out_of_reach(orders, week), week);
  const TopicSpec of_library{"__millrace.settings", 1, TopicKind::commands, "__millrace"};
  EXPECT_EQ(settings_of_new_topic(of_library, {}), TopicSettings{});
}

TEST(TopicConfig, of_a_change_names_nothing_else) {
  TopicSettings after;
  after.deletes = true;
  after.retention_ms = 5;
  const std::vector<SettingChange> lag{{"min.compaction.lag.ms", "0"}};
  EXPECT_THAT(config_of_changes(after, lag),
              UnorderedElementsAre(Pair("min.compaction.lag.ms", "0")));
  // A default is written out: that of the cluster may be to delete after a week.
  const std::vector<SettingChange> unset{{"delete.retention.ms", std::nullopt}};
  EXPECT_THAT(config_of_changes({}, unset),
              UnorderedElementsAre(Pair("delete.retention.ms", "604800000")));
}

// Under compact the broker's own limit of a week means nothing; under delete it would begin to.
TEST(TopicConfig, of_a_change_of_the_policy_has_the_limits_too) {
  const TopicSettings before =
      settings_of({{"cleanup.policy", "compact"}, {"retention.ms", "604800000"}});
  EXPECT_EQ(before, compacted());
  const std::vector<SettingChange> keep{{"cleanup.policy", "keep"}};
  EXPECT_THAT(config_of_changes(with_changes(before, keep).value(), keep),
              UnorderedElementsAre(Pair("cleanup.policy", "delete"), Pair("retention.ms", "-1"),
                                   Pair("retention.bytes", "-1")));
  const std::vector<SettingChange> both{{"cleanup.policy", "compact,delete"},
                                        {"retention.bytes", "9"}};
  EXPECT_THAT(config_of_changes(with_changes(before, both).value(), both),
              UnorderedElementsAre(Pair("cleanup.policy", "compact,delete"),
                                   Pair("retention.ms", "-1"), Pair("retention.bytes", "9")));
}

TEST(TopicConfig, that_limits_nothing_keeps_all) {
  EXPECT_EQ(settings_of({{"cleanup.policy", "delete"}, {"retention.ms", "-1"}}), TopicSettings{});
  EXPECT_TRUE(settings_of({{"cleanup.policy", "delete"}, {"retention.bytes", "1"}}).deletes);
  EXPECT_EQ(settings_of({{"cleanup.policy", "compact"}, {"retention.ms", "604800000"}}),
            compacted())
      << "without delete a limit means nothing";
}

TEST(TopicConfig, of_state_has_to_be_compaction_alone) {
  EXPECT_TRUE(check_config(changelog, "p.c", {{"cleanup.policy", "compact"}}));
  for (const char* policy : {"delete", "compact,delete"}) {
    const Status refused =
        check_config(changelog, "p.c", {{"cleanup.policy", policy}, {"retention.ms", "604800000"}});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::topic_mismatch)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr("--add-config cleanup.policy=compact"));
  }
}

TEST(TopicConfig, of_what_a_service_alone_reads_keeps_all) {
  const Status refused = check_config(
      repartition, "p.r", {{"cleanup.policy", "delete"}, {"retention.ms", "604800000"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("retention.ms=604800000"));
  EXPECT_TRUE(check_config(repartition, "p.r", {{"cleanup.policy", "delete"}}));
  EXPECT_FALSE(
      check_config(repartition, "p.r", {{"cleanup.policy", "delete"}, {"retention.bytes", "1"}}));
  EXPECT_FALSE(check_config(repartition, "p.r", {{"cleanup.policy", "compact"}}));
}

TEST(TopicConfig, of_commands_and_dead_letters_may_delete_and_not_compact) {
  for (const TopicSpec& spec : {TopicSpec{"shop.commands", 1, TopicKind::commands, "shop"},
                                TopicSpec{"shop.dead-letters", 1, TopicKind::events, "shop"}}) {
    EXPECT_FALSE(check_config(spec, "p", {{"cleanup.policy", "compact"}})) << spec.name;
    EXPECT_TRUE(check_config(spec, "p", {{"cleanup.policy", "delete"}, {"retention.ms", "5"}}));
  }
}

TEST(TopicConfig, of_public_topics_is_for_people_to_choose_except_the_kind_of_time) {
  EXPECT_TRUE(check_config(orders, "p.o", {{"cleanup.policy", "delete"}, {"retention.ms", "5"}}));
  EXPECT_TRUE(check_config(orders, "p.o", {{"cleanup.policy", "compact"}}));
  const Status refused = check_config(orders, "p.o", {{"message.timestamp.type", "LogAppendTime"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("LogAppendTime"));
}

TEST(AlterConfigs, asks_for_the_named_settings_of_one_topic) {
  const std::string body = wire::alter_configs("p.orders", {{"retention.ms", "5"}});
  wire::Decoder read(body);
  EXPECT_EQ(read.count(1), 1U);
  EXPECT_EQ(read.number<std::int8_t>(), 2) << "a topic";
  EXPECT_EQ(read.string(), "p.orders");
  EXPECT_EQ(read.count(1), 1U);
  EXPECT_EQ(read.string(), "retention.ms");
  EXPECT_EQ(read.number<std::int8_t>(), 0) << "to be set";
  EXPECT_EQ(read.string(), "5");
  EXPECT_FALSE(read.flag()) << "not only to be validated";
  EXPECT_TRUE(read.ok());
}

TEST(AlterConfigs, keeps_the_reason_of_a_refusal) {
  wire::Encoder out;
  out.number<std::int32_t>(0);
  out.count(1);
  out.number<std::int16_t>(40);
  out.string("no such value");
  out.number<std::int8_t>(2);
  out.string("p.orders");
  const std::string body = out.take();
  const auto read = wire::read_altered_configs(body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error, RD_KAFKA_RESP_ERR_INVALID_CONFIG);
  EXPECT_EQ(read->reason, "no such value");
  EXPECT_FALSE(wire::read_altered_configs(body.substr(0, 5)));
  EXPECT_FALSE(wire::read_altered_configs(""));
}

}  // namespace
}  // namespace millrace::log::kafka
