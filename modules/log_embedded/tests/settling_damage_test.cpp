// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "hooked_files.hpp"
#include "settling_world.hpp"
#include "version.hpp"

// Damage of a log that settles, and what tools say of it. On a simulated machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

class SettlingDamage : public Settling {
 protected:
  /// The same again undoes it.
  void flip_checkpoint(std::string_view copy, std::uint64_t at = 40) {
    ASSERT_TRUE(machine().files.flip_bit(root + "/checkpoint" + std::string(copy), at, 1));
  }
};

TEST_F(SettlingDamage, leaves_a_batch_that_is_damaged_in_the_journal) {
  auto log = open();
  fill(*log, 10);
  const std::uint64_t end = expected_a_[4].commit_end;
  ASSERT_TRUE(
      machine().files.flip_bit(root + "/journal/00000000000000000000.journal", end - 1'000, 1));
  ASSERT_TRUE(maintain_all(*log));
  EXPECT_GT(count_of(*log, "settling_errors"), 0U);
  fill(*log, 80);
  ASSERT_TRUE(maintain_all(*log));
  EXPECT_EQ(names("/journal", ".journal").front(), "00000000000000000000.journal");
  FetchBuffer buffer;
  for (std::size_t i = 0; i < expected_a_.size(); ++i) {
    const Status fetched = log->fetch(a_, expected_a_[i].offset, 1, buffer);
    ASSERT_EQ(fetched.has_value(), i != 4) << i;
    EXPECT_TRUE(fetched || fetched.error().is(errc::corrupt));
  }
  EXPECT_TRUE(verify_log(root, machine().environment)->corrupt);
}

TEST_F(SettlingDamage, of_any_byte_of_its_checkpoint_is_no_harm) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  log.reset();
  const std::size_t bytes = read_file(machine().files, root + "/checkpoint").value().size();
  for (std::uint64_t at = 0; at < bytes; ++at) {
    flip_checkpoint("", at);
    log = open_to_read();
    ASSERT_NE(log, nullptr) << at;
    if (at % 50 == 0) {
      expect_whole(*log);
    }
    flip_checkpoint("", at);
  }
  ASSERT_TRUE(machine().files.remove(root + "/checkpoint"));
  log = open();
  ASSERT_NE(log, nullptr);
  expect_whole(*log);
  EXPECT_TRUE(machine().files.exists(root + "/checkpoint")) << "the opening writes it again";
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  expect_whole(*log);
  expect_good_directory();
}

TEST_F(SettlingDamage, of_its_checkpoint_and_of_the_copy_is_named) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  log.reset();
  for (const std::string_view copy : {"", ".copy"}) {
    flip_checkpoint(copy);
  }
  for (const LogAccess access : {LogAccess::read_only, LogAccess::read_write}) {
    LogOptions options = options_of();
    options.access = access;
    const auto refused = machine().try_open(options);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr(root + "/checkpoint: missing or damaged"));
  }
  flip_checkpoint("");
  flip_checkpoint(".copy", 41);
  expect_whole(*open());
}

TEST_F(SettlingDamage, of_its_checkpoint_is_found_though_an_earlier_build_left_the_copy_behind) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  const std::string old = read_file(machine().files, root + "/checkpoint.copy").value();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  log.reset();
  ASSERT_TRUE(write_file_atomically(machine().files, root + "/checkpoint.copy", old));
  expect_whole(*open_to_read());
  flip_checkpoint("");
  const auto refused = machine().try_open();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
}

TEST_F(SettlingDamage, verify_names_damage_of_settled_segments_and_repair_leaves_them) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  fill(*log, 2);
  log.reset();
  const auto report = verify_log(root, machine().environment);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->settled_records, expected_a_.size() + expected_b_.size() - 3);
  // The tail of a crash is cut, as without settling.
  const std::uint64_t end = report->end;
  const std::string last = "/journal/" + names("/journal", ".journal").back();
  ASSERT_TRUE(machine().files.flip_bit(root + last, end - std::stoull(last.substr(9)), 1));
  const auto repaired = repair_log(root, machine().environment, false, machine().regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  EXPECT_TRUE(repaired->changed);
  expect_whole(*open());
  const std::string file = root + "/settled/t-0/" + names("/settled/t-0", ".log").front();
  ASSERT_TRUE(machine().files.flip_bit(file, 200, 1));
  EXPECT_THAT(verify_log(root, machine().environment)->settled_corrupt, HasSubstr(file));
}

TEST_F(SettlingDamage, is_not_cut_below_its_checkpoint) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  fill(*log, 2);
  const std::uint64_t damaged = expected_a_.back().commit_end - 100;
  log.reset();
  const std::string last = "/journal/" + names("/journal", ".journal").back();
  ASSERT_TRUE(machine().files.flip_bit(root + last, damaged - std::stoull(last.substr(9)), 1));
  for (const bool dry_run : {true, false}) {
    const auto refused = repair_log(root, machine().environment, dry_run, machine().regions);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr(last));
  }
  ASSERT_TRUE(machine().files.flip_bit(root + last, damaged - std::stoull(last.substr(9)), 1));
  expect_whole(*open());
}

// A damaged frame in the last group of commits cannot be distinguished from a torn one, so it is

TEST_F(SettlingDamage, shows_nothing_of_a_history_that_was_cut) {
  for (const bool repaired : {true, false}) {
    start_over();
    EmbeddedOptions options = settling();
    options.segment_bytes = 1U << 20U;
    auto log = machine().open(options_of(), options);
    fill(*log, 40);
    ASSERT_TRUE(maintain_all(*log));
    ASSERT_GT(names("/settled/t-0", ".log").size(), 3U);
    abandon(*log);
    log.reset();
    constexpr std::size_t kept = 10;
    ASSERT_TRUE(machine().files.flip_bit(root + "/journal/00000000000000000000.journal",
                                         expected_a_[kept].commit_end - 1'000, 1));
    if (repaired) {
      const auto report = repair_log(root, machine().environment, false, machine().regions);
      ASSERT_TRUE(report) << report.error().to_string();
      EXPECT_EQ(report->cut_from, expected_a_[kept - 1].commit_end);
    }
    expected_a_.resize(kept);
    expected_b_.resize((kept + 2) / 3);
    written_ = 1'000;
    log = machine().open(options_of(), options);
    ASSERT_NE(log, nullptr);
    fill(*log, 5);
    for (int round = 0; round < 3; ++round) {
      ASSERT_TRUE(maintain_all(*log));
      expect_whole(*log);
      fill(*log, 40);
    }
    expect_good_directory();
  }
}

TEST_F(SettlingDamage, continues_when_its_checkpoint_is_damaged_while_it_is_open) {
  auto log = open();
  fill(*log, 3);
  Transaction once;
  once.append(a_, {0, "k", "v", {}});
  once.set_sequence("feed", 1);
  const auto first = log->commit(once);
  ASSERT_TRUE(first);
  expected_a_.push_back({"v", first->partitions[0].first, first->position.position});
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  for (const std::string_view copy : {"", ".copy"}) {
    flip_checkpoint(copy);
  }
  for (int round = 0; round < 3; ++round) {
    fill(*log, 60);
    machine().clock.advance_ms(60'000);
    ASSERT_TRUE(maintain_all(*log));
    EXPECT_LE(names("/journal", ".journal").size(), 2U);
  }
  const auto lost = log->commit(once);
  ASSERT_FALSE(lost);
  EXPECT_TRUE(lost.error().is(errc::corrupt)) << lost.error().to_string();
  EXPECT_THAT(lost.error().message(), HasSubstr("which took place"));
  log.reset();
  log = open();
  ASSERT_NE(log, nullptr);
  expect_whole(*log);
}

TEST_F(SettlingDamage, removes_nothing_of_a_journal_that_is_older_than_its_checkpoint) {
  auto log = open();
  fill(*log, 30);
  const std::string old = root + "/journal/" + names("/journal", ".journal").front();
  const std::string bytes = read_file(machine().files, old).value();
  fill(*log, 90);
  ASSERT_TRUE(maintain_all(*log));
  log.reset();
  for (const std::string& name : names("/journal", "")) {
    ASSERT_TRUE(machine().files.remove(root + "/journal/" + name));
  }
  ASSERT_TRUE(write_file_atomically(machine().files, old, bytes));
  const auto report = verify_log(root, machine().environment);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_TRUE(report->corrupt) << "the frames behind it are missing";
  for (const bool dry_run : {true, false}) {
    const auto refused = repair_log(root, machine().environment, dry_run, machine().regions);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
  }
  const auto refused = machine().try_open();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
  EXPECT_TRUE(machine().files.exists(old));
}

TEST_F(SettlingDamage, leaves_alone_what_is_no_directory_of_a_partition) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  log.reset();
  const std::string copied = root + "/settled/t-0.damaged";
  const std::string name = "/" + names("/settled/t-0", ".log").front();
  ASSERT_TRUE(machine().files.create_directories(copied));
  ASSERT_TRUE(
      write_file_atomically(machine().files, copied + name,
                            read_file(machine().files, root + "/settled/t-0" + name).value()));
  ASSERT_TRUE(write_file_atomically(machine().files, root + "/settled/notes", "of an operator"));
  log = open();
  ASSERT_NE(log, nullptr);
  expect_whole(*log);
  EXPECT_EQ(machine().foreign_files(""),
            (std::vector<std::string>{"settled/notes", "settled/t-0.damaged"}));
  for (const std::string& path : {copied + name, copied, root + "/settled/notes"}) {
    EXPECT_TRUE(machine().files.remove(path)) << path;
  }
}

TEST_F(SettlingDamage, is_not_opened_with_a_checkpoint_of_another_log) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  log.reset();
  embedded::Version version = embedded::read_version_file(machine().files, root).value();
  version.log_id += 1;
  ASSERT_TRUE(embedded::write_version_file(machine().files, root, version));
  for (const LogAccess access : {LogAccess::read_only, LogAccess::read_write}) {
    LogOptions options = options_of();
    options.access = access;
    const auto refused = machine().try_open(options);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr("one backup"));
  }
}

TEST_F(SettlingDamage, does_not_slow_commits_for_what_cannot_settle) {
  EmbeddedOptions options = settling();
  options.settle.unsettled_bytes_max = 200'000;
  const auto log = machine().open(options_of(), options);
  fill(*log, 5);
  ASSERT_TRUE(machine().files.flip_bit(root + "/journal/00000000000000000000.journal",
                                       expected_a_[1].commit_end - 1'000, 1));
  for (int round = 0; round < 5; ++round) {
    fill(*log, 20);
    ASSERT_TRUE(maintain_all(*log));
  }
  EXPECT_EQ(count_of(*log, "slowed_commits"), 0U);
  EXPECT_EQ(names("/journal", ".journal").front(), "00000000000000000000.journal");
  EXPECT_FALSE(names("/settled/t-1", ".log").empty()) << "other partitions settle";
}

// As on a bad sector: a read takes long, and then fails. A round ends after 100 ms.
TEST_F(SettlingDamage, of_one_partition_that_is_found_slowly_lets_the_others_settle) {
  HookedFiles files(machine().files);
  LogEnvironment environment{machine().clock, files, machine().random, machine().processes};
  EmbeddedOptions options = settling();
  options.segment_bytes = 1U << 20U;
  const auto log = open_embedded(root, environment, options_of(), options).value();
  const TopicPartition bad = topic_at(*log, "bad");
  const TopicPartition good = topic_at(*log, "good");
  const std::uint64_t begin = log->committed().position;
  const std::uint64_t end = put_all(*log, {bad}, std::string(65'536, 'v'))->position.position;
  ASSERT_TRUE(put_all(*log, {good}, std::string(65'536, 'v')));
  bool fails = true;
  files.check_reads([&](const std::string& path, std::uint64_t offset) -> Status {
    if (!fails || !path.ends_with(".journal") || offset < begin || offset >= end) {
      return {};
    }
    machine().clock.advance_ms(200);
    return fail(millrace::errc::io_error, path + ": set to fail");
  });
  for (int call = 0; call < 3; ++call) {
    ASSERT_TRUE(log->maintain_storage());
  }
  EXPECT_TRUE(names("/settled/bad-0", ".log").empty());
  EXPECT_FALSE(names("/settled/good-0", ".log").empty());
  EXPECT_EQ(count_of(*log, "unsettled_bytes"), 0U) << "commits do not wait for it";
  fails = false;
  machine().clock.advance_ms(60'000);
  ASSERT_TRUE(log->maintain_storage());
  EXPECT_FALSE(names("/settled/bad-0", ".log").empty());
}

TEST_F(SettlingDamage, says_what_is_missing_when_its_version_is) {
  {
    const auto log = open();
    fill(*log, 3);
    ASSERT_TRUE(maintain_all(*log));
  }
  ASSERT_TRUE(machine().files.remove(root + "/version"));
  const auto refused = machine().try_open();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr(root + "/version: missing beside"));
}

TEST_F(SettlingDamage, is_refused_by_a_build_that_does_not_know_of_it) {
  {
    const auto log = open();
    fill(*log, 3);
    ASSERT_TRUE(maintain_all(*log));
  }
  embedded::Version version = embedded::read_version_file(machine().files, root).value();
  EXPECT_EQ(version.format, embedded::format_version_settled);
  version.format = embedded::format_version + 1;
  ASSERT_TRUE(embedded::write_version_file(machine().files, root, version));
  const auto refused = machine().try_open();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
}

}  // namespace
}  // namespace millrace::log
