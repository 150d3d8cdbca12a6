// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "identity.hpp"
#include "millrace/base/mutex.hpp"
#include "topics.hpp"

namespace millrace::log::kafka {

/// What this handle committed and readers may not see yet: Kafka responds to a commit before its
/// transaction markers are in the partitions, and an older open transaction of another client holds
/// back what follows it. Thread-safe.
class Visibility {
 public:
  /// All outlive it.
  Visibility(const ClientConfig& config, Reader& reader, Topics& topics)
      : config_(config), reader_(reader), topics_(topics) {}

  /// Records were committed there, up to this end. `is_state`: hand_over() waits for them.
  void add(const KafkaPartition& at, Offset end, bool is_state);
  /// Log::wait_visible.
  [[nodiscard]] Status wait(const Committed& committed, std::int64_t deadline_ns);
  /// Waits until what this handle committed to these partitions can be read, as far as it is still
  /// there; false when it cannot in time.
  [[nodiscard]] bool wait_own(const std::vector<KafkaPartition>& partitions,
                              std::int64_t timeout_ns);
  /// Whether partitions can be read up to their ends.
  enum class Seen : std::uint8_t {
    all,
    not_yet,
    gone  ///< a topic was deleted and made again: what was committed to it is no more
  };
  /// Waits until all of these partitions can be read up to these ends, or one is gone.
  [[nodiscard]] Seen wait_until_visible(const std::vector<KafkaPartition>& partitions,
                                        const std::vector<Offset>& ends, std::int64_t timeout_ns);
  /// Before tasks are given to others: true when all state that this handle committed can be read;
  /// the next owner restores it from its topics up to their ends. Other topics, repartitions too,
  /// are read as their records come, and others write to them: an open transaction there is not
  /// waited for. False when it cannot be read in time: then the identity has ended, and with it all
  /// claims, which waits for the transaction markers.
  [[nodiscard]] bool hand_over(Identity& identity);
  /// Partitions can be read so far.
  void note_stable(const std::vector<KafkaPartition>& partitions,
                   const std::vector<Offset>& stable);

 private:
  void note_seen(const std::vector<KafkaPartition>& partitions, const std::vector<Offset>& ends);
  /// How far partitions could be read as far as was heard; -1: nothing was.
  [[nodiscard]] std::vector<Offset> known_stable(const std::vector<KafkaPartition>& partitions);
  /// Notes how far partitions can be read. True when one could be read further before the question:
  /// it is another topic of that name.
  bool fell(const std::vector<KafkaPartition>& partitions, const std::vector<Offset>& known,
            const std::vector<Offset>& stable);
  /// What is unseen of topics that are no more: true when there was some. State stays: who takes
  /// another topic for the same would give tasks away too early.
  bool forget_gone(const std::vector<KafkaPartition>& partitions);

  const ClientConfig& config_;
  Reader& reader_;
  Topics& topics_;

  /// A topic that was deleted and the one that has its name are two.
  struct ByTopic {
    bool operator()(const KafkaPartition& a, const KafkaPartition& b) const {
      return std::tie(a.id.high, a.id.low, a.topic, a.partition) <
             std::tie(b.id.high, b.id.low, b.topic, b.partition);
    }
  };

  Mutex mutex_;
  struct Unseen {
    Offset end;
    bool is_state = false;
  };
  // How far each can be read, at least: of one topic it only rises.
  std::map<KafkaPartition, Offset, ByTopic> stable_ MILLRACE_GUARDED_BY(mutex_);
  // Could be read further than now: topics of that name that were made again.
  std::set<KafkaPartition, ByTopic> gone_ MILLRACE_GUARDED_BY(mutex_);
  // Committed, and not seen to be readable up to this end.
  std::map<KafkaPartition, Unseen, ByTopic> unseen_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
