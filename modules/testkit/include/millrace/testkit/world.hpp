// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "millrace/testkit/topic_reader.hpp"

namespace millrace::testkit {

/// Wraps a log in a test double. The double owns the log, forwards calls to it, and breaks some
/// guarantees of a log.
using LogDouble = std::function<std::unique_ptr<log::Log>(std::unique_ptr<log::Log>)>;

/// The faults in a world, each in permille of its steps.
struct WorldOptions {
  /// deaths of the instance that steps, at one of its next fault points (in a build without fault
  /// points: after the step)
  std::uint32_t deaths = 0;
  std::uint32_t refused_commits = 0;  ///< commits that fail: fenced, disk full or unknown outcome
  std::uint32_t clock_jumps = 0;      ///< jumps of the wall time by up to a minute, forward or back
  stream::InstanceOptions instance;  ///< `state_directory` is set per instance when it is not empty
  /// a test double between each instance and its log; empty: none
  LogDouble between = {};
};

/// A whole system in one thread with one seed: several services, each with several instances, on a
/// log in memory. The seed decides which instance steps next, which instance dies at which point,
/// and how the clock moves. So two worlds with the same seed and the same calls end with the same
/// topics, byte for byte. Topics are written and read with the serdes that the topologies have for
/// them. Failures throw TestError with the seed in the message. For your own expectations, use
/// `SCOPED_TRACE(world.name())`. Not thread-safe.
class World {
 public:
  using TopologyFactory = std::function<stream::Topology()>;

  explicit World(std::uint64_t seed, WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// `seed 42`, for failure messages.
  [[nodiscard]] std::string name() const { return "seed " + std::to_string(seed_); }
  /// Starts the instances of a service.
  void add_service(const std::string& service, TopologyFactory topology, int instances = 1);
  /// Creates a topic of a service that is not in this world.
  void declare_topic(const std::string& name, const std::string& owner, std::int32_t partitions = 4,
                     log::TopicKind kind = log::TopicKind::events) {
    writer_.declare_topic(name, owner, partitions, kind);
  }
  /// Appends an event as its service would.
  template <class K, class V>
  std::string write(const std::string& topic, const K& key, const V& value,
                    std::int64_t timestamp_ms, const std::string& correlation = {}) {
    return writer_.write(topic, key, value, timestamp_ms, correlation);
  }

  /// Makes this many steps of instances that the seed chooses. Dead instances start again, and time
  /// passes.
  void step_randomly(int steps);
  /// Moves the clock by this time and does the housekeeping of each living process meanwhile. Call
  /// it in a handler to make the handler slow.
  void pass_ms(std::int64_t ms);
  /// One instance of the service, chosen by the seed, dies at once.
  void crash(const std::string& service);
  /// One instance of the service, chosen by the seed, closes cleanly, so that others take over its
  /// tasks. It starts again when the seed chooses it for a step. Does nothing when no instance
  /// lives.
  void hand_over(const std::string& service);
  /// All instances of the service close cleanly. They start again with another topology when the
  /// seed chooses them for a step.
  void edit(const std::string& service, TopologyFactory topology);
  /// Starts dead instances and runs all instances without faults until they have had no work for a
  /// while.
  void run_to_rest();

  /// All topics, record by record in the order of commits, as text.
  [[nodiscard]] std::string dump();
  /// For records that write() cannot write, such as any bytes.
  [[nodiscard]] EventWriter& writer() { return writer_; }
  [[nodiscard]] TopicReader& reader() { return reader_; }
  [[nodiscard]] log::MemoryBroker& broker() { return broker_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }
  /// The living instances of a service, for their views.
  [[nodiscard]] std::vector<stream::Instance*> instances(const std::string& service);

 private:
  struct Member;
  void start(Member& member);
  void kill(Member& member);
  void close(Member& member);
  /// Those of the service that live.
  [[nodiscard]] std::vector<Member*> living(const std::string& service);
  /// True when the instance had something to do.
  bool step(Member& member, bool disturbed);
  [[nodiscard]] bool chance(std::uint32_t permille) {
    return permille > 0 && random_.below(1'000) < permille;
  }

  std::uint64_t seed_;
  WorldOptions options_;
  SeededRandom random_;
  ManualClock clock_;
  FaultFileSystem files_;
  log::MemoryBroker broker_;
  EventWriter writer_;
  std::unique_ptr<log::Log> tool_log_;
  TopicReader reader_;
  std::vector<std::unique_ptr<Member>> members_;
  std::uint64_t deaths_ = 0;
};

}  // namespace millrace::testkit
