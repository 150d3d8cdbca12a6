// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "millrace/log/log.hpp"

namespace millrace::stream::runtime {

struct Shared;

/// The topics of input ranges that an instance does without: an error of such a topic neither ends
/// the instance nor makes it wait for ever. One thread.
class LostRanges {
 public:
  /// What to do about an error of that topic. One that may pass by itself is returned, for some
  /// tries in a row, so that the caller tries again; else the topic is given up, with one warning
  /// that says what the instance does `without` it.
  [[nodiscard]] Status lose(const Shared& shared, const std::string& topic,
                            log::PartitionId partition, const Error& error,
                            const std::string& without);
  /// An error of a log that is away for a while.
  [[nodiscard]] static bool may_pass(const Error& error);
  void give_up(const Shared& shared, const std::string& topic, const Error& error,
               const std::string& without);
  void answered(const std::string& topic, log::PartitionId partition) {
    tries_.erase({topic, partition.value});
  }
  [[nodiscard]] bool has(const std::string& topic) const { return topics_.contains(topic); }

 private:
  std::map<std::pair<std::string, std::int32_t>, int> tries_;
  std::set<std::string> topics_;
};

}  // namespace millrace::stream::runtime
