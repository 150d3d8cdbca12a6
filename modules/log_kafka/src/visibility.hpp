// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "identity.hpp"
#include "millrace/base/mutex.hpp"
#include "topics.hpp"

namespace millrace::log::kafka {

/// What this handle committed and readers may not see yet: Kafka answers a commit before its marks
/// are in the partitions, and an older open transaction of another client holds back what follows
/// it. Thread-safe.
class Visibility {
 public:
  /// All outlive it.
  Visibility(const ClientConfig& config, Reader& reader, Topics& topics)
      : config_(config), reader_(reader), topics_(topics) {}

  /// Records were committed there, up to this end. `is_state`: hand_over() waits for them.
  void add(const KafkaPlace& at, Offset end, bool is_state);
  /// Log::wait_visible.
  [[nodiscard]] Status wait(const Committed& committed, std::int64_t deadline_ns);
  /// Waits until what this handle committed to these places can be read; false when it cannot in
  /// time.
  [[nodiscard]] bool wait_own(const std::vector<KafkaPlace>& places, std::int64_t timeout_ns);
  /// Waits until these places can be read up to these ends; false when they cannot in time.
  [[nodiscard]] bool wait_until_visible(const std::vector<KafkaPlace>& places,
                                        const std::vector<Offset>& ends, std::int64_t timeout_ns);
  /// Before units are given to others: true when all state that this handle committed can be read;
  /// the next owner restores it from its topics up to their ends. Other topics, repartitions too,
  /// are read as their records come, and others write to them: an open transaction there is not
  /// waited for. False when it cannot be read in time: then the identity has ended, and with it all
  /// claims, which waits for the marks.
  [[nodiscard]] bool hand_over(Identity& identity);

 private:
  void note_seen(const std::vector<KafkaPlace>& places, const std::vector<Offset>& ends);

  const ClientConfig& config_;
  Reader& reader_;
  Topics& topics_;

  Mutex mutex_;
  struct Unseen {
    Offset end;
    bool is_state = false;
  };
  // Committed, and not seen to be readable up to this end.
  std::map<KafkaPlace, Unseen> unseen_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
