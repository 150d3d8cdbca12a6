// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "producer.hpp"
#include "reader.hpp"

namespace millrace::log::kafka {

/// The last sequence of each producer name and what it answered, kept in the compacted topic
/// `__millrace_sequences` by the same transactions. Thread-safe.
class Sequences {
 public:
  struct Last {
    std::int64_t number = -1;
    std::vector<std::pair<KafkaPartition, Offset>> partitions;
  };

  Sequences(const ClientConfig& config, Reader& reader);
  /// Makes the topic when it is missing; afterwards free.
  [[nodiscard]] Status open();
  /// What the cluster has now.
  [[nodiscard]] Result<Last> last(const std::string& producer);
  /// What this handle just committed, which readers may not see yet.
  void remember(const std::string& producer, Last last);
  [[nodiscard]] const KafkaPartition& partition() const { return partition_; }

  [[nodiscard]] static std::string encode(const Last& last);
  [[nodiscard]] static Result<Last> decode(std::string_view bytes);

 private:
  void know(const std::string& producer, Last last) MILLRACE_REQUIRES(mutex_);

  const ClientConfig& config_;
  Reader& reader_;
  KafkaPartition partition_;
  Mutex mutex_;
  bool opened_ MILLRACE_GUARDED_BY(mutex_) = false;
  Offset next_ MILLRACE_GUARDED_BY(mutex_) = offset(0);
  std::map<std::string, Last> known_ MILLRACE_GUARDED_BY(mutex_);
  FetchBuffer buffer_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
