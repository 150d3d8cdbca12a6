// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "log_contract.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_embedded/file_names.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "millrace/log_embedded/tools.hpp"

namespace millrace::log {

/// A directory of its own that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "millrace-log-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline LogOptions options_of(std::string service = "stock", std::string member = "") {
  LogOptions options;
  options.service = std::move(service);
  options.member = std::move(member);
  return options;
}

/// Small segments, so that tests see several of them.
inline EmbeddedOptions small_segments() {
  EmbeddedOptions options;
  options.segment_bytes = 64U << 10U;
  return options;
}

/// A simulated machine: its disk, its clock, its members. One thread.
class SimulatedMachine {
 public:
  static constexpr const char* directory = "/log";

  SimulatedMachine() = default;
  /// Whatever happened: all files that are left have names that a log gives.
  ~SimulatedMachine() {
    for (const std::string& name : foreign_files("")) {
      ADD_FAILURE() << "no log gives a file the name " << name;
    }
  }
  SimulatedMachine(const SimulatedMachine&) = delete;
  SimulatedMachine& operator=(const SimulatedMachine&) = delete;

  /// Below a directory of the log: those that are not the log's own.
  std::vector<std::string> foreign_files(const std::string& below) {
    std::vector<std::string> found;
    const auto names = files.list(std::string(directory) + "/" + below);
    for (const std::string& name : names.value_or(std::vector<std::string>{})) {
      const std::string path = below.empty() ? name : below + "/" + name;
      if (is_log_directory(path)) {
        const auto more = foreign_files(path);
        found.insert(found.end(), more.begin(), more.end());
      } else if (!is_log_file(path)) {
        found.push_back(path);
      }
    }
    return found;
  }
  /// Small segments in the memory of this machine.
  EmbeddedOptions embedded() {
    EmbeddedOptions options = small_segments();
    options.regions = &regions;
    return options;
  }
  Result<std::unique_ptr<Log>> try_open(LogOptions options = options_of()) {
    return open_embedded(directory, environment, std::move(options), embedded());
  }
  std::unique_ptr<Log> open(LogOptions options = options_of()) {
    return open(std::move(options), embedded());
  }
  std::unique_ptr<Log> open(LogOptions options, EmbeddedOptions embedded) {
    embedded.regions = &regions;
    auto log = open_embedded(directory, environment, std::move(options), embedded);
    if (!log) {
      ADD_FAILURE() << log.error().to_string();
      return nullptr;
    }
    return *std::move(log);
  }
  /// From now on the member's housekeeping is done every so many ms of the time that passes in
  /// waits, as its process would. The member outlives them; what it reports is for its next call.
  void keep_house(Log& log, std::int64_t every_ms) {
    regions.schedule(clock.monotonic_ns() + every_ms * 1'000'000, [this, &log, every_ms] {
      static_cast<void>(log.maintain());
      keep_house(log, every_ms);
    });
  }
  /// Nothing more fits on the disk.
  void fill_disk() { files.set_capacity(bytes_below(directory)); }
  /// The power goes: all handles are dead, of what was not synced only what `random` leaves
  /// survives.
  void lose_power(Random& which) {
    regions.lose_power();
    files.lose_power(which);
  }

  FaultFileSystem files;
  ManualClock clock;
  SeededRandom random{1};
  SimulatedProcesses processes;
  SimulatedRegions regions{clock};
  LogEnvironment environment{clock, files, random, processes};

 private:
  std::uint64_t bytes_below(const std::string& path) {
    const auto names = files.list(path);
    if (!names) {
      return files.open(path, OpenMode::read).value()->size().value();
    }
    std::uint64_t bytes = 0;
    for (const std::string& name : *names) {
      bytes += bytes_below(path + "/" + name);
    }
    return bytes;
  }
};

/// What a runtime does in two threads.
inline Status maintain_all(Log& log) {
  MILLRACE_TRY(log.maintain());
  return log.maintain_storage();
}

/// Commits `key=value` records, one for each partition, as one transaction.
inline Result<Committed> put_all(Log& log, const std::vector<TopicPartition>& partitions,
                                 const std::string& value) {
  Transaction transaction;
  for (const TopicPartition& partition : partitions) {
    transaction.append(partition, {0, "k", value, {}});
  }
  return log.commit(transaction);
}

inline TopicPartition topic_at(Log& log, const std::string& name, std::int32_t partitions = 1) {
  const auto topic = log.create_topic({name, partitions, TopicKind::events, log.options().service});
  if (!topic) {
    ADD_FAILURE() << topic.error().to_string();
    return {};
  }
  return {topic->id, partition(0)};
}

inline std::vector<std::string> values_of(Log& log, TopicPartition partition) {
  std::vector<std::string> values;
  FetchBuffer buffer;
  for (Offset next = offset(0);; next = buffer.next) {
    const Status fetched = log.fetch(partition, next, 1U << 16U, buffer);
    if (!fetched) {
      ADD_FAILURE() << fetched.error().to_string();
      return values;
    }
    if (buffer.records.empty()) {
      return values;
    }
    for (const RecordView& record : buffer.records) {
      values.emplace_back(record.value.value_or("null"));
    }
  }
}

}  // namespace millrace::log
