// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "checkpoint.hpp"
#include "hooked_files.hpp"
#include "settling_world.hpp"

// What is read to open a log that has settled: by the files, and as the log counts it.
namespace millrace::log {
namespace {

constexpr std::uint64_t journal_segment_bytes = 1U << 20U;
constexpr int commits_left = 20;

enum class Ending { closed, killed, power_lost };

struct Opened {
  std::uint64_t settled = 0;     ///< bytes of the log before the first record that is not settled
  std::uint64_t unsettled = 0;   ///< from there to the end
  std::uint64_t kept = 0;        ///< of the journal: from where it begins to the end
  std::uint64_t checkpoint = 0;  ///< and the small files that tell which log this is
  std::uint64_t read = 0;        ///< of all files
  std::uint64_t counted = 0;     ///< Log::counts()
};

class OpeningSize : public Settling {
 protected:
  EmbeddedOptions large_segments() {
    EmbeddedOptions options = settling();
    options.segment_bytes = journal_segment_bytes;
    options.settle.segment_bytes = journal_segment_bytes;
    return options;
  }
  std::uint64_t size_of(const std::string& name) {
    const std::string path = std::string(SimulatedMachine::directory) + "/" + name;
    return machine().files.exists(path) ? read_file(machine().files, path)->size() : 0;
  }
  /// A log of which so many commits are settled and a few are not, and what is read to open it.
  Opened open_after(int commits, Ending ending, LogAccess access = LogAccess::read_write) {
    start_over();
    Opened found;
    auto log = machine().open(options_of(), large_segments());
    for (int written = 0; written < commits; written += 50) {
      fill(*log, 50);
      EXPECT_TRUE(maintain_all(*log));
    }
    found.settled = log->committed().position;
    fill(*log, commits_left);
    const std::uint64_t end = log->committed().position;
    found.unsettled = end - found.settled;
    if (ending == Ending::killed) {
      abandon(*log);
    } else if (ending == Ending::power_lost) {
      SeededRandom random(7);
      machine().lose_power(random);
    }
    log.reset();
    found.kept =
        end -
        embedded::read_checkpoint(machine().files, SimulatedMachine::directory).value()->begin;
    found.checkpoint = size_of("checkpoint") + size_of("version") + size_of("FAILED");
    HookedFiles counted(machine().files);
    LogEnvironment environment{machine().clock, counted, machine().random, machine().processes};
    LogOptions options = options_of();
    options.access = access;
    const std::unique_ptr<Log> opened =
        open_embedded(SimulatedMachine::directory, environment, options, large_segments()).value();
    found.read = counted.bytes_read();
    found.counted =
        access == LogAccess::read_write ? count_of(*opened, "opening_journal_bytes") : 0;
    expect_whole(*opened);
    return found;
  }
};

TEST_F(OpeningSize, is_at_most_the_checkpoint_and_what_is_not_settled) {
  for (const LogAccess access : {LogAccess::read_write, LogAccess::read_only}) {
    for (const Ending ending : {Ending::closed, Ending::killed, Ending::power_lost}) {
      SCOPED_TRACE("ending " + std::to_string(static_cast<int>(ending)));
      const Opened found = open_after(1'500, ending, access);
      EXPECT_GT(found.settled, 50 * found.unsettled);
      // Segments are kept as a whole.
      EXPECT_LE(found.kept, found.unsettled + journal_segment_bytes);
      // Where the log ends, one page is read again to see that nothing follows, and so is the
      // header of each segment.
      EXPECT_LE(found.read, found.checkpoint + found.kept + 16U * 1024U);
      EXPECT_LE(found.counted, found.read);
    }
  }
}

TEST_F(OpeningSize, does_not_grow_with_what_is_settled) {
  for (const Ending ending : {Ending::closed, Ending::killed}) {
    SCOPED_TRACE("ending " + std::to_string(static_cast<int>(ending)));
    const Opened small = open_after(300, ending);
    const Opened large = open_after(1'800, ending);
    EXPECT_GT(large.settled, 5 * small.settled);
    EXPECT_LE(large.read, small.read + journal_segment_bytes);
  }
}

TEST_F(OpeningSize, is_counted_by_the_member_that_opens_the_log) {
  const Opened found = open_after(100, Ending::killed);
  EXPECT_LE(found.read, found.counted + found.checkpoint + 1'000) << "all else is small";
  EXPECT_GE(found.counted, found.unsettled);
  const auto first = machine().open(options_of("stock", "first"), large_segments());
  const auto joined = machine().open(options_of("stock", "joined"), large_segments());
  EXPECT_EQ(count_of(*joined, "opening_journal_bytes"), 0U);
}

}  // namespace
}  // namespace millrace::log
