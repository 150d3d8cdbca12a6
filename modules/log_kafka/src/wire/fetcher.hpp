// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "wire/cluster.hpp"
#include "wire/fetch_link.hpp"
#include "wire/fetch_queue.hpp"
#include "wire/fetch_request.hpp"

namespace millrace::log::kafka {
class Signal;
}

namespace millrace::log::kafka::wire {

/// Fills fetch queues from the leaders of their partitions, on a thread of its own.
///
/// A broker handles the requests of a connection one after the other, so that each gets two. What
/// has more, or may have, is asked on one of them, `behind`; what is at its end is watched on the
/// other: the broker holds that fetch until there is something. A fetch queue changes between them
/// only when no fetch of it is under way; one at its end that comes too late for the watch is asked
/// behind, with short waits, until the watch comes back, and the watch begins again with all that
/// are at their end. While it is idle nothing at its end is asked behind.
///
/// What is read ahead is bounded: a fetch queue is filled while it holds less than
/// FetchSettings::partition_bytes, which is also what a fetch of it brings.
///
/// Thread-safe. Locks: a reader's, then the fetcher's or a fetch queue's; none is held
/// while the signal is raised or the cluster is asked.
class Fetcher {
 public:
  /// All of them outlive it. `signal` is raised when there is news in a fetch queue.
  Fetcher(FetchSettings settings, Cluster& cluster, LastError& last_error, Signal& signal);
  /// Ends the thread; fetch queues get nothing more.
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// Fetched from now on, until it is dropped.
  [[nodiscard]] std::shared_ptr<FetchQueue> add(KafkaPartition at, Offset from);
  /// So many bytes of what was taken from the fetch queue are let go of.
  void release(FetchQueue& queue, std::size_t bytes);

 private:
  struct Broker {
    Broker(const net::Address& address, const FetchSettings& settings)
        : behind(address, settings), watch(address, settings) {}
    FetchLink behind;
    FetchLink watch;
    std::vector<FetchState*> with_more;  // of this turn
    std::vector<FetchState*> at_end;
  };

  void run();
  bool take_added();
  void find_leaders();
  bool find_leader(FetchState& state);
  void sort_by_broker(std::int64_t now_ns);
  void ask(Broker& broker, std::int64_t now_ns);
  void wait();
  void take_answers(FetchLink& link);
  void leave_old_leaders(FetchLink& link, std::int64_t now_ns);
  void take(FetchLink& link, FetchLink::Outcome outcome, std::int64_t now_ns);
  bool take_partition(FetchState& state, const FetchedPartition& fetched, const Answer& answer,
                      bool is_alone, std::int64_t now_ns);
  bool take_error(FetchState& state, rd_kafka_resp_err_t error, std::int64_t now_ns);
  bool take_unknown(FetchState& state, std::int64_t now_ns);
  void try_later(FetchState& state, std::int64_t now_ns);
  bool end(FetchState& state, rd_kafka_resp_err_t error);
  void look_again(std::int64_t at_ns) { next_ns_ = std::min(next_ns_, at_ns); }
  void wake() const;
  [[nodiscard]] std::int64_t now() const { return settings_.clock->monotonic_ns(); }

  const FetchSettings settings_;
  Cluster& cluster_;
  LastError& last_error_;
  Signal& signal_;
  int wake_ = -1;  // an eventfd
  Mutex mutex_;
  std::vector<std::shared_ptr<FetchQueue>> added_ MILLRACE_GUARDED_BY(mutex_);
  bool stopping_ MILLRACE_GUARDED_BY(mutex_) = false;

  // The thread's alone.
  std::vector<std::unique_ptr<FetchState>> states_;
  std::map<net::Address, Broker> brokers_;
  std::int64_t next_ns_ = 0;         // something is to be done then
  std::int64_t cluster_due_ns_ = 0;  // it is not asked before
  std::size_t first_asked_ = 0;      // of the states, for its leader
  std::uint64_t turns_ = 0;

  std::thread thread_;
};

}  // namespace millrace::log::kafka::wire
