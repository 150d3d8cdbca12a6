// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "producer.hpp"
#include "state_log.hpp"

namespace millrace::log::kafka {

/// Takes a member's transactional id from it, so that it can commit nothing any more, ends what it
/// had begun, and tells all others. Safe when others do the same.
[[nodiscard]] Status expel(const ClientConfig& config, StateLog& state, std::int64_t member,
                           const std::string& transactional_id);

/// Who a handle is to the others: a transactional id with all that is claimed under it. When it is
/// fenced or the outcome of a commit is not known it is given up for good, with all its claims, and
/// the next use makes a new one. Thread-safe.
class Identity {
 public:
  Identity(const ClientConfig& config, const LogOptions& options, StateLog& state, Clock& clock,
           std::string unique, ProcessName self);
  ~Identity();
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  /// The member's number, joined again if need be. errc::unavailable.
  [[nodiscard]] Result<std::int64_t> member();
  /// The member's number while it can commit; -1: there is none, it was given up, or the outcome of
  /// a commit of it is not known.
  [[nodiscard]] std::int64_t current() const;

  /// While one lives heartbeats are written although nobody polls.
  class Working {
   public:
    explicit Working(Identity& identity) : count_(identity.working_) { ++count_; }
    ~Working() { --count_; }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;

   private:
    std::atomic<int>& count_;
  };

  /// Runs a commit under the claims, unless one of them is stale: errc::fenced. What `write` notes
  /// of it is noted before a claim can be revoked.
  [[nodiscard]] Status commit(const std::vector<Claim>& claims,
                              const std::function<Status(Producer&)>& write);
  /// A claim was granted, or is no longer to be committed under; never while a commit runs.
  void grant(const Claim& claim);
  void revoke(const Claim& claim);

  /// Writes a heartbeat when one is due.
  [[nodiscard]] Status heartbeat();
  /// A membership polled, or sent its heartbeat. Heartbeats are written while all of them do, or
  /// while somebody works.
  void polled(const void* membership);
  /// The membership is gone; what it subscribed to ends, if need be later.
  void leave(const void* membership, std::int64_t subscription);

  /// Ends it with all its claims: what was written under it may have arrived or not, and no longer
  /// matters.
  void give_up();

  /// The same, and tells the others at once; waits for an open transaction. When that fails they
  /// find out by its silence.
  [[nodiscard]] Status end();

  /// No farewell: as if the process had died.
  void abandon();

 private:
  Status join() MILLRACE_REQUIRES(mutex_);
  Status settle_old() MILLRACE_REQUIRES(mutex_);
  void drop() MILLRACE_REQUIRES(mutex_);
  void stop_beating();
  [[nodiscard]] bool lives() const MILLRACE_REQUIRES(mutex_);

  const ClientConfig& config_;
  const LogOptions& options_;
  StateLog& state_;
  Clock& clock_;
  const std::string unique_;
  const ProcessName self_;

  mutable Mutex mutex_;
  std::unique_ptr<Producer> producer_ MILLRACE_GUARDED_BY(mutex_);
  std::string transactional_id_ MILLRACE_GUARDED_BY(mutex_);
  std::int64_t member_ MILLRACE_GUARDED_BY(mutex_) = -1;
  int incarnation_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::vector<Claim> claims_ MILLRACE_GUARDED_BY(mutex_);
  bool abandoned_ MILLRACE_GUARDED_BY(mutex_) = false;

  mutable Mutex beat_mutex_;
  std::map<const void*, std::int64_t> polled_ns_ MILLRACE_GUARDED_BY(beat_mutex_);
  // Ends of subscriptions that could not be written yet.
  std::vector<StateRecord> owed_ MILLRACE_GUARDED_BY(beat_mutex_);
  std::int64_t beat_ns_ MILLRACE_GUARDED_BY(beat_mutex_) = 0;
  // The member that heartbeats speak of.
  std::int64_t beating_ MILLRACE_GUARDED_BY(beat_mutex_) = -1;
  std::atomic<int> working_{0};
};

}  // namespace millrace::log::kafka
