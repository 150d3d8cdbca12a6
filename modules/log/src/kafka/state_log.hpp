// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kafka/producer.hpp"
#include "kafka/reader.hpp"
#include "kafka/state.hpp"

namespace millrace::log::kafka {

/// The topic `__millrace` and what this handle has read of it. Thread-safe.
class StateLog {
 public:
  StateLog(const ClientConfig& config, const LogOptions& options, Reader& reader, Clock& clock);

  /// Makes the topic when it is missing and `options.create`, and reads all of it.
  [[nodiscard]] Status open();

  /// Takes what has arrived; never waits for the cluster.
  [[nodiscard]] Status catch_up();
  /// Takes everything that is there now.
  [[nodiscard]] Status catch_up_to_end();
  /// Appends and takes everything up to there. The offset of the last.
  [[nodiscard]] Result<std::int64_t> append(std::vector<StateRecord> records);
  /// Appends without waiting until it is read back.
  [[nodiscard]] Status tell(StateRecord record);

  /// Calls `look(const State&)` under the lock; keep it short.
  template <class Look>
  auto look(Look&& look) const {
    const std::lock_guard lock(mutex_);
    return look(state_);
  }
  /// When each member was last heard of, monotonic; times in which we could not listen do not
  /// count.
  [[nodiscard]] std::map<std::int64_t, std::int64_t> last_heard() const;

  /// Writes a snapshot and lets go of what lies before it, when there is enough of that.
  [[nodiscard]] Status trim();

 private:
  Status load();
  Status take_one_fetch();
  Result<std::int64_t> write(const std::vector<StateRecord>& records);
  Status make_topic();
  void apply(std::int64_t offset, const StateRecord& record);

  const ClientConfig& config_;
  const LogOptions& options_;
  Reader& reader_;
  Clock& clock_;
  KafkaPlace place_;

  std::mutex producer_mutex_;
  std::unique_ptr<Producer> producer_;

  mutable std::mutex mutex_;
  State state_;
  std::int64_t next_ = 0;
  std::map<std::int64_t, std::int64_t> heard_ns_;
  std::int64_t listened_ns_ = 0;  // last time we had read to the end
  bool deaf_ = false;             // the last attempt to read to the end failed
  std::int64_t snapshot_at_ = 0;  // offset of the last snapshot record
  FetchBuffer buffer_;
};

}  // namespace millrace::log::kafka
