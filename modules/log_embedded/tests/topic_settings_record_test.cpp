// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <string>

#include "catalog.hpp"
#include "checkpoint.hpp"
#include "embedded_world.hpp"
#include "frame.hpp"
#include "millrace/base/byte_writer.hpp"

// Settings of topics as records of `__catalog`: docs/formats/journal.md.
namespace millrace::log {
namespace {

using embedded::Catalog;
using embedded::CatalogSettings;
using embedded::CatalogTopic;
using testing::HasSubstr;

const std::string journal_file =
    std::string(SimulatedMachine::directory) + "/journal/00000000000000000000.journal";
const std::string checkpoint_file = std::string(SimulatedMachine::directory) + "/checkpoint";

TopicSettings kept_ms(std::int64_t retention_ms) {
  TopicSettings settings;
  settings.deletes = true;
  settings.retention_ms = retention_ms;
  return settings;
}

Result<TopicSettings> set_setting(Log& log, TopicId topic, const std::string& text) {
  const SettingChange change = parse_setting_change(text).value();
  return log.alter_topic(topic, {&change, 1});
}

CatalogTopic catalog_topic(bool compacts) {
  CatalogTopic topic;
  topic.topic = {TopicId{{3}}, {"t", 1, TopicKind::events, "stock"}};
  topic.first_row = 3;
  topic.compacts = compacts;
  return topic;
}

/// The versions of the frames of the journal's first segment, in their order.
std::vector<int> frame_versions(SimulatedMachine& machine) {
  const std::string bytes = read_file(machine.files, journal_file).value();
  std::vector<int> versions;
  for (std::size_t at = 0; at + embedded::frame_header_bytes <= bytes.size();) {
    const auto header = embedded::FrameView(std::string_view(bytes).substr(at)).header();
    if (header.magic != embedded::frame_magic) {
      break;
    }
    versions.push_back(header.version);
    at += header.bytes;
  }
  return versions;
}

int checkpoint_version(SimulatedMachine& machine) {
  return read_file(machine.files, checkpoint_file).value().at(4);
}

TEST(SettingsRecord, is_read_as_it_was_written) {
  Catalog catalog;
  const CatalogTopic topic = catalog_topic(false);
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic)));
  ASSERT_TRUE(catalog.apply(Catalog::settings_record({topic.topic.id, 1, kept_ms(5)})));
  EXPECT_EQ(catalog.settings(topic).settings, kept_ms(5));
  Catalog copy;
  for (const std::string& record : catalog.records()) {
    ASSERT_TRUE(copy.apply(record));
  }
  EXPECT_EQ(copy.settings(topic).settings, kept_ms(5));
  EXPECT_EQ(copy.settings(topic).revision, 1U);
}

TEST(SettingsRecord, has_the_bytes_that_the_format_says) {
  const std::string record = Catalog::settings_record({TopicId{{3}}, 258, kept_ms(5)});
  std::string expected;
  ByteWriter out(expected);
  out.little(std::uint8_t{3}).little(std::int32_t{3}).little(std::uint32_t{258});
  out.little(std::uint16_t{6});
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"cleanup.policy", "delete"},
                                                        {"retention.ms", "5"},
                                                        {"retention.bytes", "-1"},
                                                        {"min.compaction.lag.ms", "0"},
                                                        {"delete.retention.ms", "604800000"},
                                                        {"segment.bytes", "1073741824"}}) {
    out.little_text<std::uint16_t>(name).little_text<std::uint16_t>(value);
  }
  EXPECT_EQ(record, out.take());
}

TEST(SettingsRecord, that_is_older_than_what_is_known_changes_nothing) {
  Catalog catalog;
  const CatalogTopic topic = catalog_topic(false);
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic)));
  ASSERT_TRUE(catalog.apply(Catalog::settings_record({topic.topic.id, 2, kept_ms(2)})));
  ASSERT_TRUE(catalog.apply(Catalog::settings_record({topic.topic.id, 1, kept_ms(1)})));
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic)));
  EXPECT_EQ(catalog.settings(topic).settings, kept_ms(2));
}

TEST(SettingsRecord, is_not_needed_for_what_older_builds_created) {
  for (const bool compacts : {false, true}) {
    Catalog catalog;
    const CatalogTopic topic = catalog_topic(compacts);
    ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic)));
    EXPECT_EQ(catalog.settings(topic).settings, compacts ? compacted() : TopicSettings{});
    EXPECT_EQ(catalog.settings(topic).revision, 0U);
  }
}

TEST(SettingsRecord, of_a_newer_build_is_refused_and_names_the_setting) {
  Catalog catalog;
  const CatalogTopic topic = catalog_topic(false);
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic)));
  std::string bytes;
  ByteWriter out(bytes);
  out.little(std::uint8_t{3}).little(topic.topic.id.value).little(std::uint32_t{1});
  out.little(std::uint16_t{1}).little_text<std::uint16_t>("tier.after.ms");
  out.little_text<std::uint16_t>("5");
  const Status applied = catalog.apply(out.take());
  ASSERT_FALSE(applied);
  EXPECT_TRUE(applied.error().is(errc::incompatible)) << applied.error().to_string();
  EXPECT_THAT(applied.error().message(), HasSubstr("'tier.after.ms'"));
  EXPECT_THAT(applied.error().message(), HasSubstr("topic 't'"));
}

TEST(SettingsRecord, that_makes_no_sense_is_damage) {
  Catalog catalog;
  const CatalogTopic topic = catalog_topic(false);
  const std::string record = Catalog::settings_record({topic.topic.id, 1, kept_ms(5)});
  EXPECT_TRUE(catalog.apply(record).error().is(errc::corrupt)) << "of a topic there is not";
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic)));
  EXPECT_TRUE(catalog.apply(record.substr(0, record.size() - 1)).error().is(errc::corrupt));
  EXPECT_TRUE(catalog.apply(Catalog::settings_record({topic.topic.id, 0, kept_ms(5)}))
                  .error()
                  .is(errc::corrupt));
}

TEST(SettingsInTheLog, raise_the_versions_of_frame_and_checkpoint_only_where_there_are_some) {
  SimulatedMachine machine;
  {
    const auto log = machine.open();
    ASSERT_TRUE(log->create_topic({"plain", 1, TopicKind::events, "stock"}));
    ASSERT_TRUE(log->create_topic({"latest", 1, TopicKind::events, "stock"}, compacted()));
  }
  EXPECT_EQ(frame_versions(machine), (std::vector<int>{1, 1}));
  EXPECT_EQ(checkpoint_version(machine), 1);
  {
    const auto log = machine.open();
    const TopicId plain = log->find_topic("plain").value().id;
    ASSERT_TRUE(set_setting(*log, plain, "delete.retention.ms=7"));
    ASSERT_TRUE(set_setting(*log, plain, "delete.retention.ms=7")) << "which changes nothing";
    topic_at(*log, "more");
    ASSERT_TRUE(log->create_topic({"old", 1, TopicKind::events, "stock"}, kept_ms(9)));
  }
  EXPECT_EQ(frame_versions(machine), (std::vector<int>{1, 1, 2, 1, 2}));
  EXPECT_EQ(checkpoint_version(machine), 5);
}

TEST(TopicRecord, of_a_system_topic_has_the_bytes_of_commands_that_compact) {
  CatalogTopic topic = catalog_topic(true);
  topic.topic.spec = {"__millrace.seen", 1, TopicKind::system, "__millrace"};
  const std::string record = Catalog::topic_record(topic);
  CatalogTopic commands = topic;
  commands.topic.spec.kind = TopicKind::commands;
  EXPECT_EQ(record, Catalog::topic_record(commands)) << "earlier builds can read the log";
  Catalog catalog;
  ASSERT_TRUE(catalog.apply(record));
  EXPECT_EQ(catalog.find("__millrace.seen")->topic.spec, topic.topic.spec);
  EXPECT_EQ(catalog.settings(topic).settings, compacted());
  // As every log has it that keeps settings.
  commands.compacts = false;
  Catalog other;
  ASSERT_TRUE(other.apply(Catalog::topic_record(commands)));
  EXPECT_EQ(other.find("__millrace.seen")->topic.spec.kind, TopicKind::commands);
}

TEST(SettingsInTheLog, survive_a_loss_of_power_and_each_way_to_open_the_log) {
  SimulatedMachine machine;
  SeededRandom which(7);
  TopicId topic;
  const auto expect_kept = [&](std::int64_t retention_ms) {
    LogOptions reading = options_of();
    reading.access = LogAccess::read_only;
    const auto reader = machine.open(reading);
    EXPECT_EQ(reader->topic_settings(topic).value(), kept_ms(retention_ms));
    const auto log = machine.open();
    EXPECT_EQ(log->topic_settings(topic).value(), kept_ms(retention_ms));
    EXPECT_EQ(machine.open(options_of("stock", "joins"))->topic_settings(topic).value(),
              kept_ms(retention_ms));
  };
  {
    const auto log = machine.open();
    topic = topic_at(*log, "t").topic;
    const std::vector<SettingChange> both{{"cleanup.policy", "delete"}, {"retention.ms", "5"}};
    ASSERT_TRUE(log->alter_topic(topic, both));
    ASSERT_TRUE(log->wait_durable(log->committed()));
    machine.lose_power(which);
  }
  expect_kept(5);  // by the frames of the journal
  expect_kept(5);  // by the checkpoint that was written when the last one left
  {
    const auto log = machine.open();
    ASSERT_TRUE(set_setting(*log, topic, "retention.ms=6"));
    ASSERT_TRUE(log->wait_durable(log->committed()));
    machine.lose_power(which);
  }
  expect_kept(6);  // by both
  ASSERT_TRUE(machine.files.remove(checkpoint_file));
  expect_kept(6);
  const auto report = verify_log(SimulatedMachine::directory, machine.environment);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_FALSE(report->corrupt || report->torn);
}

TEST(SettingsInTheLog, are_not_changed_by_a_handle_that_only_reads) {
  SimulatedMachine machine;
  const auto log = machine.open();
  const TopicId topic = topic_at(*log, "t").topic;
  LogOptions reading = options_of();
  reading.access = LogAccess::read_only;
  const auto reader = machine.open(reading);
  const auto refused = set_setting(*reader, topic, "delete.retention.ms=5");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::read_only)) << refused.error().to_string();
  ASSERT_TRUE(set_setting(*log, topic, "delete.retention.ms=6"));
  EXPECT_EQ(reader->topic_settings(topic).value().delete_retention_ms, 6);
}

}  // namespace
}  // namespace millrace::log
