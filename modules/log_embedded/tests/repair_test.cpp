// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "embedded_world.hpp"

// What a dry run of a repair needs.
namespace millrace::log {
namespace {

using testing::HasSubstr;

/// A directory that cannot be opened for sharing.
class RefusedRegions final : public SharedRegionFactory {
 public:
  explicit RefusedRegions(ErrorCode code) : code_(code) {}
  Result<std::unique_ptr<SharedRegion>> open(const std::string& directory, bool) override {
    return fail(code_, directory + "/LOCK: refused");
  }
  std::unique_ptr<SharedRegion> open_private() override {
    return real_shared_regions().open_private();
  }

 private:
  ErrorCode code_;
};

TEST(RepairDryRun, looks_without_a_lock_where_nothing_can_be_written_and_says_so) {
  SimulatedMachine machine;
  {
    const auto log = machine.open();
    ASSERT_TRUE(put_all(*log, {topic_at(*log, "orders")}, "x"));
  }
  for (const ErrorCode code : {millrace::errc::no_permission, millrace::errc::disk_full}) {
    RefusedRegions regions(code);
    const auto dry = repair_log(SimulatedMachine::directory, machine.environment, true, regions);
    ASSERT_TRUE(dry) << dry.error().to_string();
    EXPECT_THAT(dry->unlocked, HasSubstr("/log/LOCK: refused"));
    EXPECT_GT(dry->found.frames, 1U);
    const auto wet = repair_log(SimulatedMachine::directory, machine.environment, false, regions);
    ASSERT_FALSE(wet);
    EXPECT_TRUE(wet.error().is(code)) << wet.error().to_string();
  }
  RefusedRegions unsafe(millrace::errc::invalid_argument);
  EXPECT_FALSE(repair_log(SimulatedMachine::directory, machine.environment, true, unsafe));
  const auto locked =
      repair_log(SimulatedMachine::directory, machine.environment, true, machine.regions);
  ASSERT_TRUE(locked) << locked.error().to_string();
  EXPECT_EQ(locked->unlocked, "");
}

TEST(RepairDryRun, needs_no_permission_to_write) {
  const TemporaryDirectory directory;
  SeededRandom random{1};
  LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  {
    const auto log = open_embedded(directory.path(), environment, options_of(), small_segments());
    ASSERT_TRUE(log) << log.error().to_string();
    ASSERT_TRUE(put_all(**log, {topic_at(**log, "orders")}, "x"));
  }
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    ASSERT_EQ(::chmod(entry.path().c_str(), entry.is_directory() ? 0755 : 0444), 0);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    // Modes do not bind root.
    constexpr uid_t nobody = 65'534;
    if (::geteuid() == 0 && ::setuid(nobody) != 0) {
      ::_exit(3);
    }
    const auto dry = repair_log(directory.path(), environment, true, real_shared_regions());
    const auto wet = repair_log(directory.path(), environment, false, real_shared_regions());
    const bool good = dry && dry->found.frames > 1 && dry->unlocked.contains("LOCK") && !wet &&
                      wet.error().is(millrace::errc::no_permission);
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace millrace::log
