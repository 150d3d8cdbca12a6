// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "embedded_world.hpp"
#include "millrace/base/file_system.hpp"
#include "runtime_fixture.hpp"

// A log is put back from a backup, and the snapshots of a service saw more of it. On a simulated
// machine.
namespace millrace::stream::test {
namespace {

/// By path.
using BackupFiles = std::map<std::string, std::string>;

BackupFiles backup_of(FileSystem& files, const std::string& path) {
  const auto names = files.list(path);
  if (!names) return {{path, read_file(files, path).value()}};
  BackupFiles found;
  for (const std::string& name : *names)
    found.merge(backup_of(files, path + "/" + name));
  return found;
}

void put_back(FileSystem& files, const std::string& directory, const BackupFiles& backup) {
  if (files.exists(directory)) {
    for (const auto& [path, bytes] : backup_of(files, directory))
      ASSERT_TRUE(files.remove(path));
  }
  for (const auto& [path, bytes] : backup) {
    ASSERT_TRUE(files.create_directories(path.substr(0, path.rfind('/'))));
    ASSERT_TRUE(write_file_atomically(files, path, bytes));
  }
}

class RuntimeBackup : public testing::Test {
 protected:
  /// The machine and the service start, with these snapshots.
  std::unique_ptr<Driver> start(const BackupFiles& state) {
    auto world = make_embedded_world(disk_, ++starts_);
    put_back(world->files(), "state", state);
    InstanceOptions options;
    options.state_directory = "state";
    options.snapshot_interval_ms = 1'000;
    auto driver = std::make_unique<Driver>(std::move(world), bank(), options);
    driver->declare_topic("deposits", "teller");
    driver->run_until_idle();
    return driver;
  }
  static void deposit(Driver& driver, const std::string& accounts) {
    for (int i = 0; i < 100; ++i)
      driver.pipe("deposits", accounts + std::to_string(i % 40), Deposited{1}, 1'000 + i);
    driver.run_until_idle();
  }
  /// All stop. Returns the snapshots.
  static BackupFiles stop(std::unique_ptr<Driver> driver) {
    driver->advance_ms(2'000);
    return backup_of(driver->files(), "state");
  }
  static std::ptrdiff_t restored_from_snapshots(const Driver& driver) {
    return std::count_if(driver.events().begin(), driver.events().end(), [](const auto& event) {
      return event.find("from a snapshot") != std::string::npos;
    });
  }

  FaultFileSystem disk_;
  std::uint64_t starts_ = 0;
};

TEST_F(RuntimeBackup, of_the_log_under_newer_state_makes_that_state_unused_and_not_wrong) {
  auto driver = start({});
  deposit(*driver, "kept-");
  stop(std::move(driver));
  const BackupFiles backup = backup_of(disk_, "/log");
  driver = start({});
  deposit(*driver, "lost-");
  const BackupFiles newer = stop(std::move(driver));
  ASSERT_EQ(newer.size(), 4U);

  put_back(disk_, "/log", backup);
  // Opened more often than it was, and longer in each partition, by the service on other machines.
  std::map<std::string, std::int64_t> right;
  BackupFiles present;
  for (int i = 0; i < 4; ++i) {
    driver = start({});
    deposit(*driver, "new-");
    right = totals(*driver);
    ASSERT_EQ(right.size(), 80U);
    present = stop(std::move(driver));
  }
  driver = start(present);
  ASSERT_EQ(restored_from_snapshots(*driver), 4);
  EXPECT_EQ(totals(*driver), right);
  stop(std::move(driver));
  driver = start(newer);
  EXPECT_EQ(restored_from_snapshots(*driver), 0);
  EXPECT_EQ(totals(*driver), right);
}

}  // namespace
}  // namespace millrace::stream::test
