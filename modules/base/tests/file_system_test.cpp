// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/file_system.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "millrace/base/bulk_sync.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/base/sparse_file.hpp"

namespace millrace {
namespace {

struct Subject {
  const char* name;
  std::function<std::unique_ptr<FileSystem>()> own;  // none: the machine's
};

// What both file systems promise. Each test gets a fresh directory.
class AnyFileSystem : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    if (GetParam().own) {
      owned_ = GetParam().own();
      root_ = "/root";
      ASSERT_TRUE(owned_->create_directories(root_));
    } else {
      std::string pattern = testing::TempDir() + "millrace-files-XXXXXX";
      ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
      root_ = pattern;
    }
  }
  void TearDown() override {
    if (!owned_) {
      remove_all(root_);
    }
  }
  FileSystem& files() { return owned_ ? *owned_ : real_file_system(); }
  std::string path(const std::string& name) const { return root_ + "/" + name; }
  std::unique_ptr<File> open(const std::string& name, OpenMode mode = OpenMode::create) {
    auto file = files().open(path(name), mode);
    EXPECT_TRUE(file) << file.error().to_string();
    return *std::move(file);
  }

 private:
  void remove_all(const std::string& directory) {
    if (const auto names = files().list(directory)) {
      for (const std::string& name : *names) {
        remove_all(directory + "/" + name);
      }
    }
    (void)files().remove(directory);
  }

  std::unique_ptr<FileSystem> owned_;
  std::string root_;
};

INSTANTIATE_TEST_SUITE_P(
    Files, AnyFileSystem,
    testing::Values(Subject{"real", nullptr},
                    Subject{"fault", [] { return std::make_unique<FaultFileSystem>(); }}),
    [](const auto& subject) { return subject.param.name; });

TEST_P(AnyFileSystem, what_was_never_written_is_no_data) {
  const auto file = open("a");
  constexpr std::uint64_t size = 1U << 20U;
  ASSERT_TRUE(file->allocate(size));
  const auto none = data_from(*file, 0);
  ASSERT_TRUE(none) << none.error().to_string();
  // A file system may not know it; then all is data.
  const bool known = none->begin == none->end;
  EXPECT_TRUE(known ? none->end == size : none->begin == 0);
  ASSERT_TRUE(file->write_at(500'000, "hello"));
  std::uint64_t data_bytes = 0;
  bool found = false;
  for (std::uint64_t at = 0; at < size;) {
    const auto data = data_from(*file, at);
    ASSERT_TRUE(data) << data.error().to_string();
    ASSERT_GE(data->begin, at);
    ASSERT_LE(data->end, size);
    if (data->begin == data->end) {
      break;
    }
    found |= data->begin <= 500'000 && data->end >= 500'005;
    data_bytes += data->end - data->begin;
    at = data->end;
  }
  EXPECT_TRUE(found);
  EXPECT_TRUE(!known || data_bytes < size / 2) << data_bytes;
  const auto behind = data_from(*file, size + 1);
  ASSERT_TRUE(behind) << behind.error().to_string();
  EXPECT_EQ(behind->begin, behind->end);
}

TEST_P(AnyFileSystem, bytes_written_are_read_back_and_reads_stop_at_the_end) {
  const auto file = open("a");
  ASSERT_TRUE(file->write_at(3, "hello"));
  char out[16] = {};
  EXPECT_EQ(file->read_at(0, out, sizeof out).value(), 8U);
  EXPECT_EQ(std::string(out, 8), std::string("\0\0\0hello", 8));
  EXPECT_EQ(file->read_at(100, out, sizeof out).value(), 0U);
  EXPECT_EQ(file->size().value(), 8U);
  EXPECT_TRUE(file->sync());
}

TEST_P(AnyFileSystem, opening_respects_the_mode) {
  EXPECT_TRUE(files().open(path("a"), OpenMode::read).error().is(errc::not_found));
  EXPECT_TRUE(files().open(path("a"), OpenMode::read_write).error().is(errc::not_found));
  EXPECT_TRUE(files().open(path("none/a"), OpenMode::create).error().is(errc::not_found));
  open("a", OpenMode::create_exclusive);
  EXPECT_TRUE(files().open(path("a"), OpenMode::create_exclusive).error().is(errc::busy));
  const auto reader = open("a", OpenMode::read);
  const auto refused = reader->write_at(0, "x");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::io_error));
  EXPECT_NE(refused.error().message().find(path("a")), std::string::npos);
}

TEST_P(AnyFileSystem, allocation_grows_with_zeros_and_never_shrinks) {
  const auto file = open("a");
  ASSERT_TRUE(file->write_at(0, "abc"));
  ASSERT_TRUE(file->allocate(5'000));
  EXPECT_EQ(file->size().value(), 5'000U);
  ASSERT_TRUE(file->allocate(10));
  EXPECT_EQ(file->size().value(), 5'000U);
  char out[4] = {};
  EXPECT_EQ(file->read_at(2, out, 2).value(), 2U);
  EXPECT_EQ(std::string(out, 2), std::string("c\0", 2));
}

TEST_P(AnyFileSystem, truncated_bytes_read_as_zero_when_the_file_grows_again) {
  const auto file = open("a");
  ASSERT_TRUE(file->write_at(0, "abcdef"));
  ASSERT_TRUE(file->truncate(2));
  ASSERT_TRUE(file->truncate(4));
  char out[8] = {};
  EXPECT_EQ(file->read_at(0, out, sizeof out).value(), 4U);
  EXPECT_EQ(std::string(out, 4), std::string("ab\0\0", 4));
}

TEST_P(AnyFileSystem, a_mapping_is_shared_by_all_handles_of_the_file) {
  const auto one = open("a");
  const auto two = open("a");
  EXPECT_FALSE(one->map(4096)) << "nothing is allocated yet";
  ASSERT_TRUE(one->allocate(4096));
  char* const mine = one->map(4096).value();
  char* const theirs = two->map(4096).value();
  mine[7] = 'x';
  EXPECT_EQ(theirs[7], 'x');
  ASSERT_TRUE(two->write_at(8, "y"));
  EXPECT_EQ(mine[8], 'y');
  ASSERT_TRUE(two->allocate(100'000));
  ASSERT_TRUE(two->write_at(50'000, "z"));
  EXPECT_EQ(one->map(4096).value(), mine);
  char out = 0;
  EXPECT_EQ(one->read_at(7, &out, 1).value(), 1U);
  EXPECT_EQ(out, 'x');
}

TEST_P(AnyFileSystem, directories_are_made_with_their_parents_and_listed_in_order) {
  ASSERT_TRUE(files().create_directories(path("x/y/z/")));
  ASSERT_TRUE(files().create_directories(path("x/y")));
  open("x/b");
  open("x/a");
  EXPECT_EQ(files().list(path("x")).value(), (std::vector<std::string>{"a", "b", "y"}));
  EXPECT_TRUE(files().list(path("nowhere")).error().is(errc::not_found));
  EXPECT_TRUE(files().create_directories(path("x/a")).error().is(errc::io_error));
  EXPECT_TRUE(files().create_directories(path("x/a/b")).error().is(errc::io_error));
  EXPECT_TRUE(files().exists(path("x/y")));
  EXPECT_FALSE(files().remove(path("x")));
  EXPECT_TRUE(files().remove(path("x/y/z")));
  EXPECT_FALSE(files().exists(path("x/y/z")));
}

TEST_P(AnyFileSystem, rename_replaces_and_remove_removes) {
  ASSERT_TRUE(open("a")->write_at(0, "new"));
  ASSERT_TRUE(open("b")->write_at(0, "old one"));
  ASSERT_TRUE(files().rename(path("a"), path("b")));
  EXPECT_FALSE(files().exists(path("a")));
  EXPECT_EQ(read_file(files(), path("b")).value(), "new");
  ASSERT_TRUE(files().sync_directory(path(".")));
  ASSERT_TRUE(files().remove(path("b")));
  EXPECT_TRUE(files().remove(path("b")).error().is(errc::not_found));
  EXPECT_TRUE(files().rename(path("b"), path("c")).error().is(errc::not_found));
}

TEST_P(AnyFileSystem, a_directory_that_is_open_can_be_synced) {
  ASSERT_TRUE(files().create_directories(path("x")));
  open("x/a");
  const auto directory = open("x", OpenMode::read);
  char out = 0;
  EXPECT_FALSE(directory->read_at(0, &out, 1));
  EXPECT_TRUE(directory->sync());
  EXPECT_FALSE(files().open(path("x"), OpenMode::read_write));
}

TEST_P(AnyFileSystem, a_file_is_replaced_as_a_whole) {
  ASSERT_TRUE(write_file_atomically(files(), path("config"), "a long first version"));
  ASSERT_TRUE(write_file_atomically(files(), path("config"), "second"));
  EXPECT_EQ(read_file(files(), path("config")).value(), "second");
  EXPECT_EQ(files().list(path(".")).value(), std::vector<std::string>{"config"});
  EXPECT_TRUE(read_file(files(), path("other")).error().is(errc::not_found));
}

TEST(RealFileSystem, too_many_open_files_are_reported_as_such) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto file = real_file_system().open("/dev/null", OpenMode::read);
  const auto names = real_file_system().list("/");
  const Status synced = real_file_system().sync_directory("/");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(file.error().is(errc::too_many_files));
  EXPECT_TRUE(names.error().is(errc::too_many_files));
  EXPECT_TRUE(synced.error().is(errc::too_many_files));
}

TEST(RealFileSystem, makes_all_files_below_a_directory_durable_at_once) {
  auto* const bulk = dynamic_cast<BulkSync*>(&real_file_system());
  ASSERT_NE(bulk, nullptr);
  const auto all = bulk->open_all(testing::TempDir());
  if (!all && all.error().message().starts_with("syncfs of this kernel")) {
    GTEST_SKIP() << all.error().message();
  }
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_TRUE((*all)->sync());
  EXPECT_FALSE((*all)->write_at(0, "x"));
  EXPECT_TRUE(
      bulk->open_all(testing::TempDir() + "/missing-directory").error().is(errc::not_found));
}

TEST(RealFileSystem, a_full_device_has_its_own_error) {
  const auto file = real_file_system().open("/dev/full", OpenMode::read_write);
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->write_at(0, "x").error().is(errc::disk_full));
}

}  // namespace
}  // namespace millrace
