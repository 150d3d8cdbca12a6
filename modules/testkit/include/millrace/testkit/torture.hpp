// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "millrace/stream/plan.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "millrace/testkit/world.hpp"

namespace millrace::testkit {

/// A function that creates the topology under test. It is called once for each instance, in the
/// thread of the caller and in threads of torture(), one call at a time.
using TortureTopology = std::function<stream::Topology()>;

/// The input topics of a topology and their records, in the order of the calls. Owns all data. Not
/// thread-safe.
class TortureInputs {
 public:
  struct Topic {
    std::string name;
    std::string owner;
    std::int32_t partitions = 4;
    log::TopicKind kind = log::TopicKind::events;
  };

  /// Declares a topic that the topology reads. Each topic that is written to must be declared.
  TortureInputs& topic(std::string name, std::string owner, std::int32_t partitions = 4,
                       log::TopicKind kind = log::TopicKind::events) {
    topics_.push_back({std::move(name), std::move(owner), partitions, kind});
    return *this;
  }
  /// Adds an event with any timestamp, in the partition of its key. Without a correlation it gets
  /// the correlation `input-<n>`, with n from 1. Messages of failures contain it.
  template <class K, class V>
  TortureInputs& write(const std::string& topic, const K& key, const V& value,
                       std::int64_t timestamp_ms, std::string correlation = {}) {
    if (correlation.empty()) correlation = "input-" + std::to_string(writes_.size() + 1);
    writes_.push_back(
        [=](EventWriter& writer) { writer.write(topic, key, value, timestamp_ms, correlation); });
    return *this;
  }
  /// Adds a record of any bytes. Records without a correlation are counted together.
  TortureInputs& write_raw(const std::string& topic, const RawRecord& record) {
    writes_.push_back([=](EventWriter& writer) { writer.write_raw(topic, record); });
    return *this;
  }

  [[nodiscard]] const std::vector<Topic>& topics() const { return topics_; }
  [[nodiscard]] const std::vector<std::function<void(EventWriter&)>>& writes() const {
    return writes_;
  }

 private:
  std::vector<Topic> topics_;
  std::vector<std::function<void(EventWriter&)>> writes_;
};

/// What must be equal in a topic or store after each run.
enum class Compare : std::uint8_t {
  everything,  ///< both of the next two; for a store, its content
  /// the number of records of each type and correlation; for values that depend on the order of
  /// records in different partitions
  records,
  last_values,  ///< the last value of each key; for records that a timer writes
  nothing       ///< for topics and stores that depend on time
};

struct TortureOptions {
  std::uint64_t seed = 1;
  /// How many calls of each operator throw an exception, in permille; half of them after their
  /// effects. The seed, the operator and the correlation of the record decide which calls throw, so
  /// it is the same in every run.
  std::uint32_t throwing = 15;
  /// True: all inputs are written before the topology runs; for a topology whose results depend on
  /// the order of records of several topics. False: they are written while it runs.
  bool all_at_once = false;
  /// By the name of the topic or store. The default is Compare::records for private topics and
  /// Compare::everything for all others.
  std::map<std::string, Compare> compare = {};
  /// Another version of the topology, with the same results in the topics and stores that both
  /// have. The run `edits` changes to it and back.
  TortureTopology edited = {};
  /// Opens handles of an empty log of any backend for the run `threads`. The destruction of a
  /// handle counts as the death of its process. Called in several threads. Empty: a log in memory.
  EventWriter::Connect threads_log = {};
  /// A test double between each instance and its log in all runs in simulated time except the run
  /// without faults; for tests that torture() detects a log that breaks a guarantee. Empty: none.
  LogDouble between = {};
};

/// What torture() did, so that a test can check it.
struct TortureReport {
  std::uint64_t records = 0;  ///< inputs of one run, including difficult records
  std::uint64_t letters = 0;  ///< dead letters of one run
  std::uint64_t deaths = 0;
  std::uint64_t hand_overs = 0;   ///< instances that closed while others ran
  std::uint64_t slow_calls = 0;   ///< calls that took longer than a session
  std::uint64_t stuck_calls = 0;  ///< calls that returned only when all other work was done
  std::uint64_t edits = 0;
};

/// Runs a topology without faults and then with many faults, on logs in memory (`threads` also on
/// another log):
/// - `rough`: two instances in simulated time (World). Handlers are slow, instances die at fault
///   points and hand over tasks, and commits are refused;
/// - `restarts`: one instance that dies after each commit;
/// - `edits`: as `rough`, but without deaths and exceptions; the topology changes to another
/// version
///   and back;
/// - `threads`: two instances in threads, which die and hand over tasks. One of them stays in a
///   handler until all other work is done. On a log in memory, some of their commits are refused
///   too.
/// In all runs except `edits`, some calls throw an exception. In all runs, difficult records follow
/// the inputs: deletions, records without a key, records of an unknown type, records that cannot be
/// read or are too large, and timestamps at both ends of the range.
///
/// Each run must process all inputs and end like the run without faults: each topic of the service
/// must have the same number of records of each type for each input (by its correlation) and the
/// same last value of each key. Dead letters and stores must be equal. The order and the
/// intermediate values of published records may differ.
///
/// Otherwise throws TestError. Its message has the run, the seed, the number of steps, the records
/// that are missing or doubled, and the call that repeats the run. Runs in simulated time can be
/// repeated exactly. `threads` repeats its faults, but the operating system schedules the threads.
/// All runs are limited by steps, not by time. Handlers are called in several threads, so data that
/// topologies share must be thread-safe.
///
///     torture(word_counts, TortureInputs().topic("lines", "reader").write("lines", ...), {.seed =
///     3});
TortureReport torture(const TortureTopology& topology, const TortureInputs& inputs,
                      const TortureOptions& options = {});

}  // namespace millrace::testkit
