// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <string>

#include "embedded_faults.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {

/// A log on a simulated machine, what was seen of it, and its backups.
class LogLineage : public EmbeddedFaults {
 protected:
  struct Seen {
    Lineage lineage;
    LogPosition position;
  };
  const std::string lineages_path = std::string(SimulatedMachine::directory) + "/lineages";

  static Seen see(Log& log) { return {log.lineage(), log.committed()}; }
  static bool holds(Log& log, const Seen& seen) {
    const Status past = log.check_past(seen.lineage, seen.position);
    EXPECT_TRUE(past || past.error().is(errc::out_of_range) ||
                past.error().is(errc::unknown_lineage))
        << past.error().to_string();
    return past.has_value();
  }
  void append(Log& log, int times = 1) {
    const TopicPartition at = topic_at(log, "t");
    for (int i = 0; i < times; ++i) {
      const auto committed = put_all(log, {at}, "v");
      ASSERT_TRUE(committed) << committed.error().to_string();
      ASSERT_TRUE(log.wait_durable(committed->position));
    }
  }
  // All files of the log, by path.
  std::map<std::string, std::string> files_below(const std::string& path) {
    std::map<std::string, std::string> found;
    const auto names = machine_.files.list(path);
    if (!names) {
      found[path] = read_file(machine_.files, path).value();
      return found;
    }
    for (const std::string& name : *names) {
      found.merge(files_below(path + "/" + name));
    }
    return found;
  }
  void put_back(const std::map<std::string, std::string>& backup) {
    for (const auto& [path, bytes] : files_below(SimulatedMachine::directory)) {
      ASSERT_TRUE(machine_.files.remove(path));
    }
    for (const auto& [path, bytes] : backup) {
      write(path, bytes);
    }
  }
  void write(const std::string& path, const std::string& bytes) {
    const auto file = machine_.files.open(path, OpenMode::create);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->truncate(0));
    ASSERT_TRUE((*file)->write_at(0, bytes));
    ASSERT_TRUE((*file)->sync());
  }
};

}  // namespace millrace::log
