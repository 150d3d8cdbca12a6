// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

#include "client.hpp"
#include "millrace/base/mutex.hpp"
#include "wire/record_set.hpp"

namespace millrace::log::kafka::wire {

/// What was fetched of one partition and not used yet: between the fetcher's thread, which brings
/// it, and the cursor that takes it. A cursor that jumps takes another fetch queue. Its mutex is
/// held without taking any other.
class FetchQueue {
 public:
  FetchQueue(KafkaPartition partition, Offset begin) : at(std::move(partition)), from(begin) {}

  const KafkaPartition at;
  const Offset from;  ///< where it begins

  /// What came since the last time.
  struct News {
    std::vector<RecordSet> sets;
    std::optional<rd_kafka_resp_err_t> error;  ///< with which it ends, behind the sets
    Offset last_stable = offset(-1);           ///< -1: not known
  };

  // The cursor's side.
  /// False when nothing came; costs nothing then.
  [[nodiscard]] bool take(News& news);
  /// So many bytes of the sets are not held any more. True when the fetcher waits for that.
  [[nodiscard]] bool release(std::size_t bytes);
  void drop() { dropped_ = true; }

  // The fetcher's side.
  [[nodiscard]] bool is_dropped() const { return dropped_; }
  /// Whether less than so many bytes are held. If not, release() will tell when they are.
  [[nodiscard]] bool has_room(std::size_t bytes);
  /// True when that is news to the cursor.
  [[nodiscard]] bool put(std::optional<RecordSet> set, Offset last_stable);
  void end(rd_kafka_resp_err_t error);

 private:
  Mutex mutex_;
  News news_ MILLRACE_GUARDED_BY(mutex_);
  Offset last_stable_ MILLRACE_GUARDED_BY(mutex_) = offset(-1);  // received last
  std::size_t held_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::size_t room_below_ MILLRACE_GUARDED_BY(mutex_) = 0;  // 0: the fetcher does not wait for room
  std::atomic<bool> has_news_{false};
  std::atomic<bool> dropped_{false};
};

}  // namespace millrace::log::kafka::wire
