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

/// Returns a test double that passes calls on to the log, which it owns, and breaks some of what a
/// log promises.
using LogDouble = std::function<std::unique_ptr<log::Log>(std::unique_ptr<log::Log>)>;

/// What may go wrong in a world, each in permille of its steps.
struct WorldOptions {
  std::uint32_t deaths = 0;  ///< of the instance that steps, at one of its next fault points
                             ///< (builds without them: after the step)
  std::uint32_t refused_commits = 0;  ///< fenced, disk full or of unknown outcome
  std::uint32_t clock_jumps = 0;      ///< of wall time by up to a minute either way
  stream::InstanceOptions instance;  ///< `state_directory` is set per instance when it is not empty
  LogDouble between = {};            ///< each instance and its log; none: nothing is between
};

/// A whole system in one thread under one seed: several services, each with several instances, over
/// a log in memory. Which instance steps when, which one dies where and how the clock moves is
/// drawn from the seed, so two worlds with the same seed and the same calls end with the same
/// topics, byte for byte. Topics are written and read with the serdes that the topologies have for
/// them. Failures throw TestError and name the seed; in tests of your own
/// expectations say `SCOPED_TRACE(world.name())`.
class World {
 public:
  using TopologyFactory = std::function<stream::Topology()>;

  explicit World(std::uint64_t seed, WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// `seed 42`, for failure messages.
  [[nodiscard]] std::string name() const { return "seed " + std::to_string(seed_); }
  /// Starts a service's instances.
  void add_service(const std::string& service, TopologyFactory topology, int instances = 1);
  /// Makes a topic that nobody in this world owns.
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

  /// That many steps of instances drawn from the seed; dead ones start again, time passes.
  void step_randomly(int steps);
  /// Time passes: the clock moves, and the housekeeping that each living process does beside its
  /// steps is done on the way. In a handler it makes the handler slow.
  void pass_ms(std::int64_t ms);
  /// One instance of the service, drawn from the seed, dies at once.
  void crash(const std::string& service);
  /// One instance of the service, drawn from the seed, closes cleanly: others take its tasks over.
  /// It starts again when it is drawn to step. Nothing happens when none lives.
  void hand_over(const std::string& service);
  /// All instances of the service close cleanly; they start again with another topology when they
  /// are drawn to step.
  void edit(const std::string& service, TopologyFactory topology);
  /// Starts the dead and runs all until nothing was left to do for a while. Nothing goes wrong
  /// meanwhile.
  void run_to_rest();

  /// All topics, record by record in the order of commits, as text.
  [[nodiscard]] std::string dump();
  /// Writes what write() does not: any bytes.
  [[nodiscard]] EventWriter& writer() { return writer_; }
  [[nodiscard]] TopicReader& reader() { return reader_; }
  [[nodiscard]] log::MemoryBroker& broker() { return broker_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }
  /// Instances of a service that live, for their views.
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
