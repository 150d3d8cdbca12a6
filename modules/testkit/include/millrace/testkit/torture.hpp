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

/// Makes the topology under test. It is called once for each instance, from the thread of the
/// caller and from threads of torture(), one call at a time.
using TortureTopology = std::function<stream::Topology()>;

/// The records that a topology is given, in the order of the calls, and the topics they are in.
/// Owns everything that it was given. Not thread-safe.
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
  /// An event of any time, in the partition of its key. Without a correlation it gets one of its
  /// own, `input-<n>`, n from 1: failures name it.
  template <class K, class V>
  TortureInputs& write(const std::string& topic, const K& key, const V& value,
                       std::int64_t timestamp_ms, std::string correlation = {}) {
    if (correlation.empty()) correlation = "input-" + std::to_string(writes_.size() + 1);
    writes_.push_back(
        [=](EventWriter& writer) { writer.write(topic, key, value, timestamp_ms, correlation); });
    return *this;
  }
  /// Any bytes. Records without a correlation are counted together.
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

/// What must be the same in a topic after each run.
enum class Compare : std::uint8_t {
  everything,   ///< both of the next two; of a store its content
  records,      ///< the number of records of each type and correlation: for values that depend on
                ///< the order in which records of several partitions meet
  last_values,  ///< the last value of each key: for records that a timer writes
  nothing       ///< for what time decides; stores too
};

struct TortureOptions {
  std::uint64_t seed = 1;
  /// Of calls of each operator, permille that throw, half of them after their effects. Which ones
  /// follows from the seed, the operator and the record's correlation, so every run throws alike.
  std::uint32_t throwing = 15;
  /// All inputs are written before the topology runs, for a topology whose results depend on the
  /// order in which records of several topics meet. Otherwise they come while it runs.
  bool all_at_once = false;
  /// By topic or store. Otherwise: of private topics Compare::records, else Compare::everything.
  std::map<std::string, Compare> compare = {};
  /// Another version of the topology, with the same results in what both have. One run changes to
  /// it while it works, and back.
  TortureTopology edited = {};
  /// Opens handles of an empty log of any backend for the run `threads`; to destroy one is the
  /// death of its process. Called from several threads. None: a log in memory.
  EventWriter::Connect threads_log = {};
  /// Between each instance and its log in all runs in simulated time but `undisturbed`, to see what
  /// torture() says of an engine, or a log, that breaks a promise. None: nothing.
  LogDouble between = {};
};

/// What torture() did, so that a test can require it.
struct TortureReport {
  std::uint64_t records = 0;  ///< inputs of one run, hostile ones included
  std::uint64_t letters = 0;  ///< dead letters of one run
  std::uint64_t deaths = 0;
  std::uint64_t hand_overs = 0;   ///< instances that closed while others ran
  std::uint64_t slow_calls = 0;   ///< that took longer than a session
  std::uint64_t stuck_calls = 0;  ///< that returned only when nothing else was left to do
  std::uint64_t edits = 0;
};

/// Runs a topology undisturbed, and then as it is run in the worst of worlds, over logs in memory
/// (`threads` also over another one):
/// - `rough`: two instances in simulated time (World) whose handlers are slow, that die at fault
///   points, hand over, and whose commits are refused;
/// - `restarts`: one instance that dies after each commit;
/// - `edits`: as `rough` without deaths and throws, and the topology changes to another version and
///   back;
/// - `threads`: two instances in threads, which die and hand over, and one of which is stuck in a
///   handler until everything else is done. Over a log in memory, some of their commits are refused
///   too.
/// In all others some calls throw; in all hostile records follow the inputs: deletions, records
/// without a key, of an unknown type, unreadable and oversize ones, times at both ends of the
/// range.
///
/// Each run must come to rest, and end as the undisturbed run did: in each topic of the service
/// with as many records of each type for each input (by its correlation) and the same last value of
/// each key, with the same dead letters and the same content of stores. What is published may
/// differ in order and in intermediate values.
///
/// Throws TestError otherwise. It names the run, the seed, the number of steps done, what was lost,
/// what is there too often, and the call that repeats it. Runs in simulated time repeat exactly;
/// `threads` repeats its faults, but the system schedules the threads. All runs are bounded by
/// steps, none by time. Handlers are called from several threads; what topologies share must bear
/// that.
///
///     torture(word_counts, TortureInputs().topic("lines", "reader").write("lines", ...), {.seed =
///     3});
TortureReport torture(const TortureTopology& topology, const TortureInputs& inputs,
                      const TortureOptions& options = {});

}  // namespace millrace::testkit
