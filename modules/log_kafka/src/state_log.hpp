// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client_producer.hpp"
#include "millrace/base/mutex.hpp"
#include "reader.hpp"
#include "state.hpp"

namespace millrace::log::kafka {

/// The topic `__millrace` and what this handle has read of it. Thread-safe.
class StateLog {
 public:
  /// `versions`: those of this build.
  StateLog(const ClientConfig& config, const LogOptions& options, Reader& reader, Clock& clock,
           RecordVersions versions = {});

  /// Makes the topic when it is missing and `options.create`, and reads all of it. `creation` is
  /// what a topic that has no name of its own yet is called. errc::corrupt, incompatible,
  /// not_found.
  [[nodiscard]] Status open(const std::string& creation);
  /// errc::corrupt or incompatible once a record was met that cannot be understood: nobody can know
  /// any more who has what, so the handle stops. errc::closed after abandon().
  [[nodiscard]] Status check() const;
  /// The handle's process dies, in a test.
  void abandon() { abandoned_ = true; }

  /// Takes what has arrived; never waits for the cluster.
  [[nodiscard]] Status catch_up();
  /// Takes everything that is there now.
  [[nodiscard]] Status catch_up_to_end();
  /// What a member of this handle tells the others.
  [[nodiscard]] Announcement announcement() const {
    return {versions_.folds, options_.session_timeout_ms};
  }
  /// The highest version that every living member understands, as far as has been read: what is
  /// written in a newer one ends those that do not. A part with two ways to say a thing asks here
  /// and takes the older one; append() refuses the newer.
  [[nodiscard]] std::int64_t common_version() const;

  /// Reads to the end; then errc::incompatible names the members that do not understand the version
  /// of a record. For who has to know it before append().
  [[nodiscard]] Status check_understood(const std::vector<StateRecord>& records)
      MILLRACE_EXCLUDES(mutex_);
  /// Appends and takes everything up to there. The offset of the last. errc::incompatible names the
  /// members that do not understand the version of a record; nothing was written.
  [[nodiscard]] Result<std::int64_t> append(std::vector<StateRecord> records);
  /// Appends without waiting until it is read back.
  [[nodiscard]] Status tell(StateRecord record);

  /// Calls `look(const State&)` under the lock; keep it short.
  template <class Look>
  auto look(Look&& look) const {
    const MutexLock lock(mutex_);
    return look(state_);
  }
  /// When each member was last heard of, monotonic.
  [[nodiscard]] std::map<std::int64_t, std::int64_t> last_heard() const;
  /// For how long nothing was heard of each member, in ns. Only time in which we were heard
  /// ourselves counts, that is, steps between two records of our own that came back, and of a long
  /// step no more than two fifths of the session: what kept us silent may keep the others.
  [[nodiscard]] std::map<std::int64_t, std::int64_t> silences() const;
  /// The member that is us.
  void become(std::int64_t member);

  /// Writes a snapshot and lets go of what lies before it, when there is enough of that.
  [[nodiscard]] Status trim();

 private:
  Status load() MILLRACE_EXCLUDES(mutex_);
  Status take_one_fetch() MILLRACE_REQUIRES(mutex_);
  Result<std::int64_t> write(const std::vector<StateRecord>& records);
  Status make_topic();
  /// No value: a note that this build does not know.
  Result<std::optional<StateRecord>> decode(const RecordView& record) MILLRACE_REQUIRES(mutex_);
  std::unexpected<Error> break_at(std::int64_t offset, const Error& why) MILLRACE_REQUIRES(mutex_);
  void apply(std::int64_t offset, const StateRecord& record) MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] std::int64_t step_ns(std::int64_t now_ns) const MILLRACE_REQUIRES(mutex_);

  struct Heard {
    std::int64_t at_ns = 0;
    std::int64_t counted_ns = 0;
  };

  const ClientConfig& config_;
  const LogOptions& options_;
  Reader& reader_;
  Clock& clock_;
  const RecordVersions versions_;
  KafkaPartition partition_;

  Mutex producer_mutex_;
  std::unique_ptr<ClientProducer> producer_ MILLRACE_GUARDED_BY(producer_mutex_);

  mutable Mutex mutex_;
  State state_ MILLRACE_GUARDED_BY(mutex_);
  std::int64_t next_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::map<std::int64_t, Heard> heard_ MILLRACE_GUARDED_BY(mutex_);
  std::int64_t self_ MILLRACE_GUARDED_BY(mutex_) = -1;
  // When a record of ours came back last.
  std::int64_t self_heard_ns_ MILLRACE_GUARDED_BY(mutex_) = 0;
  // Time until then in which we were heard.
  std::int64_t counted_ns_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> abandoned_ = false;
  std::atomic<bool> broken_ = false;
  std::optional<Error> why_broken_ MILLRACE_GUARDED_BY(mutex_);
  // Offset of the last snapshot record.
  std::int64_t snapshot_at_ MILLRACE_GUARDED_BY(mutex_) = 0;
  FetchBuffer buffer_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
