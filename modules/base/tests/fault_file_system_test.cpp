// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/fault_file_system.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace millrace {
namespace {

std::unique_ptr<File> open(FaultFileSystem& files, const std::string& path,
                           OpenMode mode = OpenMode::create) {
  auto file = files.open(path, mode);
  EXPECT_TRUE(file) << file.error().to_string();
  return *std::move(file);
}

std::string content(FaultFileSystem& files, const std::string& path) {
  return read_file(files, path).value();
}

TEST(FaultFileSystem, only_what_was_synced_survives_a_power_cut) {
  FaultFileSystem files;
  const auto file = open(files, "a");
  ASSERT_TRUE(file->write_at(0, "kept"));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(files.sync_directory("."));
  ASSERT_TRUE(file->write_at(0, "lost and longer"));
  files.lose_power();
  EXPECT_EQ(content(files, "a"), "kept");
  EXPECT_EQ(files.syncs(), 1U);
}

TEST(FaultFileSystem, entries_of_a_directory_that_was_not_synced_vanish) {
  FaultFileSystem files;
  ASSERT_TRUE(files.create_directories("d"));
  const auto file = open(files, "d/new");
  ASSERT_TRUE(file->write_at(0, "x"));
  ASSERT_TRUE(file->sync());
  files.lose_power();
  EXPECT_FALSE(files.exists("d/new"));
  EXPECT_TRUE(files.exists("d"));
}

TEST(FaultFileSystem, a_rename_or_removal_comes_undone_unless_the_directory_was_synced) {
  FaultFileSystem files;
  ASSERT_TRUE(write_file_atomically(files, "a", "one"));
  ASSERT_TRUE(write_file_atomically(files, "b", "two"));
  ASSERT_TRUE(files.rename("a", "b"));
  files.lose_power();
  EXPECT_EQ(content(files, "a"), "one");
  EXPECT_EQ(content(files, "b"), "two");
  ASSERT_TRUE(files.remove("a"));
  ASSERT_TRUE(files.sync_directory("."));
  files.lose_power();
  EXPECT_FALSE(files.exists("a"));
}

TEST(FaultFileSystem, a_directory_is_renamed_with_what_is_in_it_and_durably_after_a_sync) {
  FaultFileSystem files;
  ASSERT_TRUE(files.create_directories("d/old/in"));
  ASSERT_TRUE(files.create_directories("d/older"));
  ASSERT_TRUE(write_file_atomically(files, "d/old/a", "one"));
  ASSERT_TRUE(write_file_atomically(files, "d/older/a", "other"));
  ASSERT_TRUE(files.rename("d/old", "d/new"));
  EXPECT_EQ(files.list("d").value(), (std::vector<std::string>{"new", "older"}));
  EXPECT_EQ(files.list("d/new").value(), (std::vector<std::string>{"a", "in"}));
  EXPECT_FALSE(files.exists("d/old/a"));
  files.lose_power();
  EXPECT_EQ(content(files, "d/old/a"), "one");
  EXPECT_FALSE(files.exists("d/new"));
  ASSERT_TRUE(files.rename("d/old", "d/new"));
  ASSERT_TRUE(files.sync_directory("d"));
  files.lose_power();
  EXPECT_EQ(content(files, "d/new/a"), "one");
  EXPECT_EQ(content(files, "d/older/a"), "other");
  EXPECT_FALSE(files.exists("d/old"));
  // Not over another one, and not to where no directory is.
  EXPECT_FALSE(files.rename("d/new", "d/older"));
  EXPECT_FALSE(files.rename("d/new", "e/new"));
  EXPECT_EQ(content(files, "d/new/a"), "one");
}

TEST(FaultFileSystem, a_directory_that_is_renamed_survives_or_not_as_the_seed_says) {
  int renamed = 0;
  constexpr int seeds = 20;
  for (int seed = 0; seed < seeds; ++seed) {
    FaultFileSystem files;
    ASSERT_TRUE(files.create_directories("d/old"));
    ASSERT_TRUE(write_file_atomically(files, "d/old/a", "one"));
    ASSERT_TRUE(files.rename("d/old", "d/new"));
    SeededRandom random(static_cast<std::uint64_t>(seed));
    files.lose_power(random);
    const bool is_new = files.exists("d/new");
    EXPECT_NE(is_new, files.exists("d/old"));
    EXPECT_EQ(content(files, is_new ? "d/new/a" : "d/old/a"), "one");
    renamed += is_new ? 1 : 0;
  }
  EXPECT_GT(renamed, 0);
  EXPECT_LT(renamed, seeds);
}

TEST(FaultFileSystem, one_sync_is_for_all_files_and_names_below_a_directory) {
  FaultFileSystem files;
  ASSERT_TRUE(files.create_directories("d/in"));
  ASSERT_TRUE(files.create_directories("other"));
  const auto all = files.open_all("d").value();
  for (const std::string path : {"d/a", "d/in/b", "other/c"}) {
    ASSERT_TRUE(open(files, path)->write_at(0, "x"));
  }
  ASSERT_TRUE(all->sync());
  EXPECT_EQ(files.bulk_syncs(), 1U);
  EXPECT_EQ(files.syncs(), 0U);
  files.lose_power();
  EXPECT_EQ(content(files, "d/a"), "x");
  EXPECT_EQ(content(files, "d/in/b"), "x");
  EXPECT_FALSE(files.exists("other/c"));
  EXPECT_TRUE(all->sync().error().is(errc::io_error)) << "it is from before the power cut";
  EXPECT_TRUE(files.open_all("d/a").error().is(errc::not_found));
}

TEST(FaultFileSystem, a_sync_of_all_files_that_fails_loses_what_it_was_to_save) {
  FaultFileSystem files;
  ASSERT_TRUE(files.create_directories("d"));
  const auto file = open(files, "d/a");
  ASSERT_TRUE(file->write_at(0, "old"));
  ASSERT_TRUE(files.open_all(".").value()->sync());
  const auto before = files.open_all(".").value();
  ASSERT_TRUE(file->write_at(0, "new"));
  files.fail_syncs(true);
  EXPECT_TRUE(files.open_all(".").value()->sync().error().is(errc::io_error));
  files.fail_syncs(false);
  EXPECT_FALSE(before->sync()) << "what was lost is reported to each that was open";
  EXPECT_TRUE(before->sync());
  EXPECT_TRUE(files.open_all(".").value()->sync());
  EXPECT_EQ(content(files, "d/a"), "new");
  files.lose_power();
  EXPECT_EQ(content(files, "d/a"), "old");
}

TEST(FaultFileSystem, a_replaced_file_has_the_old_content_or_the_new_after_a_cut_at_any_step) {
  FaultFileSystem files;
  ASSERT_TRUE(write_file_atomically(files, "a", "old"));
  files.fail_syncs(true);
  EXPECT_FALSE(write_file_atomically(files, "a", "new"));
  files.lose_power();
  files.fail_syncs(false);
  EXPECT_EQ(content(files, "a"), "old");
  ASSERT_TRUE(write_file_atomically(files, "a", "new"));
  files.lose_power();
  EXPECT_EQ(content(files, "a"), "new");
}

TEST(FaultFileSystem, unsynced_sectors_survive_or_not_as_the_seed_says) {
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    FaultFileSystem files;
    const auto file = open(files, "a");
    ASSERT_TRUE(file->write_at(0, std::string(4096, 'o')));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files.sync_directory("."));
    ASSERT_TRUE(file->write_at(0, std::string(4096, 'n')));
    SeededRandom random(seed);
    files.lose_power(random);
    const std::string after = content(files, "a");
    ASSERT_EQ(after.size(), 4096U);
    for (std::size_t at = 0; at < after.size(); ++at) {
      ASSERT_EQ(after[at], after[at / 512 * 512]) << "a sector is whole";
    }
    torn = torn || (after.find('o') != std::string::npos && after.find('n') != std::string::npos);
  }
  EXPECT_TRUE(torn);
}

TEST(FaultFileSystem, an_unsynced_size_may_survive_without_its_bytes) {
  bool grown = false;
  bool short_again = false;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    FaultFileSystem files;
    const auto file = open(files, "a");
    ASSERT_TRUE(files.sync_directory("."));
    ASSERT_TRUE(file->write_at(0, std::string(2048, 'n')));
    SeededRandom random(seed);
    files.lose_power(random);
    const std::string after = content(files, "a");
    grown = grown || (after.size() == 2048 && after.find('\0') != std::string::npos);
    short_again = short_again || after.empty();
  }
  EXPECT_TRUE(grown);
  EXPECT_TRUE(short_again);
}

TEST(FaultFileSystem, files_open_from_before_the_cut_return_errors) {
  FaultFileSystem files;
  const auto file = open(files, "a");
  ASSERT_TRUE(file->allocate(64));
  char* const mapped = file->map(64).value();
  files.lose_power();
  mapped[0] = 'x';
  char out = 0;
  EXPECT_TRUE(file->read_at(0, &out, 1).error().is(errc::io_error));
  EXPECT_TRUE(file->write_at(0, "x").error().is(errc::io_error));
  EXPECT_TRUE(file->sync().error().is(errc::io_error));
}

TEST(FaultFileSystem, stores_into_a_mapping_are_durable_after_a_sync_only) {
  FaultFileSystem files;
  const auto file = open(files, "a");
  ASSERT_TRUE(file->allocate(8));
  char* const mapped = file->map(8).value();
  mapped[0] = 'k';
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(files.sync_directory("."));
  mapped[1] = 'l';
  files.lose_power();
  EXPECT_EQ(content(files, "a"), std::string("k\0\0\0\0\0\0\0", 8));
}

TEST(FaultFileSystem, a_full_disk_takes_what_fits_refuses_the_rest_and_works_again_with_room) {
  FaultFileSystem files;
  files.set_capacity(100);
  const auto file = open(files, "a");
  ASSERT_TRUE(file->allocate(60));
  EXPECT_TRUE(file->allocate(101).error().is(errc::disk_full));
  ASSERT_TRUE(file->write_at(0, std::string(60, 'x'))) << "overwriting takes no room";
  EXPECT_TRUE(file->write_at(60, std::string(41, 'x')).error().is(errc::disk_full));
  ASSERT_TRUE(file->truncate(60));
  const auto other = open(files, "b");
  EXPECT_TRUE(other->write_at(0, std::string(41, 'x')).error().is(errc::disk_full));
  ASSERT_TRUE(file->truncate(0));
  EXPECT_TRUE(other->write_at(0, std::string(41, 'x')));
  ASSERT_TRUE(files.remove("b"));
  EXPECT_TRUE(file->write_at(0, std::string(100, 'x')));
}

TEST(FaultFileSystem, writes_fail_while_the_fault_is_set) {
  FaultFileSystem files;
  const auto file = open(files, "a");
  files.fail_writes(true);
  EXPECT_TRUE(file->write_at(0, "abcd").error().is(errc::io_error));
  files.fail_writes(false);
  EXPECT_TRUE(file->write_at(0, "abcd"));
}

TEST(FaultFileSystem, what_a_failed_sync_was_to_save_stays_lost_though_a_later_sync_succeeds) {
  FaultFileSystem files;
  const auto file = open(files, "a");
  ASSERT_TRUE(file->write_at(0, "old"));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(files.sync_directory("."));
  ASSERT_TRUE(file->write_at(0, "new"));
  files.fail_syncs(true);
  EXPECT_TRUE(file->sync().error().is(errc::io_error));
  files.fail_syncs(false);
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(content(files, "a"), "new");
  files.lose_power();
  EXPECT_EQ(content(files, "a"), "old");
}

TEST(FaultFileSystem, lost_pages_are_reported_once_to_each_file_that_was_open) {
  FaultFileSystem files;
  const auto one = open(files, "a");
  const auto two = open(files, "a");
  ASSERT_TRUE(one->write_at(0, "new"));
  files.fail_syncs(true);
  EXPECT_FALSE(one->sync());
  files.fail_syncs(false);
  const auto later = open(files, "a");
  EXPECT_TRUE(later->sync()) << "it came when somebody knew";
  EXPECT_TRUE(one->sync());
  EXPECT_FALSE(two->sync());
  EXPECT_TRUE(two->sync());
}

TEST(FaultFileSystem, a_directory_that_is_open_makes_names_durable_until_the_power_goes) {
  FaultFileSystem files;
  const auto directory = files.open(".", OpenMode::read).value();
  open(files, "a");
  ASSERT_TRUE(directory->sync());
  open(files, "b");
  files.fail_syncs(true);
  EXPECT_TRUE(directory->sync().error().is(errc::io_error));
  files.lose_power();
  EXPECT_EQ(files.list(".").value(), std::vector<std::string>{"a"});
  files.fail_syncs(false);
  EXPECT_TRUE(directory->sync().error().is(errc::io_error));
}

TEST(FaultFileSystem, a_flipped_bit_is_in_the_cache_and_on_the_disk) {
  FaultFileSystem files;
  ASSERT_TRUE(write_file_atomically(files, "a", "abc"));
  ASSERT_TRUE(files.flip_bit("./a", 1, 0));
  EXPECT_EQ(content(files, "a"), "acc");
  files.lose_power();
  EXPECT_EQ(content(files, "a"), "acc");
  EXPECT_TRUE(files.flip_bit("a", 3, 0).error().is(errc::invalid_argument));
  EXPECT_TRUE(files.flip_bit("b", 0, 0).error().is(errc::not_found));
}

TEST(FaultFileSystem, files_outlive_their_file_system) {
  auto files = std::make_unique<FaultFileSystem>();
  const auto file = open(*files, "a");
  files.reset();
  EXPECT_TRUE(file->write_at(0, "x"));
  EXPECT_EQ(file->size().value(), 1U);
}

}  // namespace
}  // namespace millrace
