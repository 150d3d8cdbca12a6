// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "millrace/base/file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "retail/run/fresh.hpp"

namespace retail {
namespace {

namespace fs = std::filesystem;
/// Whatever files the format of the log has.
TEST(RunFreshLog, all_files_of_a_log_that_settled_are_found_and_deleted) {
  std::string data = (fs::temp_directory_path() / "millrace-run-XXXXXX").string();
  ASSERT_NE(::mkdtemp(data.data()), nullptr);
  {
    millrace::ManualClock clock;
    millrace::SeededRandom random{1};
    millrace::SimulatedProcesses processes;
    millrace::log::LogEnvironment environment{clock, millrace::real_file_system(), random,
                                              processes};
    millrace::log::EmbeddedOptions embedded;
    embedded.segment_bytes = 1U << 16U;
    embedded.force = true;
    embedded.settle.on = true;
    embedded.settle.bytes = 0;
    embedded.settle.interval_ms = 0;
    millrace::log::LogOptions options;
    options.service = "stock";
    const auto opened = millrace::log::open_embedded(data + "/log", environment, options, embedded);
    ASSERT_TRUE(opened) << opened.error().to_string();
    millrace::log::Log& stock = **opened;
    const auto topic =
        stock.create_topic({"shelves", 1, millrace::log::TopicKind::events, "stock"});
    ASSERT_TRUE(topic) << topic.error().to_string();
    for (int i = 0; i < 60; ++i) {
      millrace::log::Transaction transaction;
      transaction.append({topic->id, millrace::log::partition(0)},
                         {0, "k", std::string(3'000, 'x'), {}});
      ASSERT_TRUE(stock.commit(transaction));
    }
    ASSERT_TRUE(stock.maintain());
    ASSERT_TRUE(stock.maintain_storage());
  }
  for (const char* const name : {"ballast", "checkpoint", "settled/shelves-0"}) {
    ASSERT_TRUE(fs::exists(data + "/log/" + name)) << name;
  }
  const auto found = find_run_files(data);
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_THAT(found->foreign, testing::IsEmpty());
  EXPECT_TRUE(delete_run_files(data));
  EXPECT_FALSE(fs::exists(data + "/log"));
  fs::remove_all(data);
}

}  // namespace
}  // namespace retail
