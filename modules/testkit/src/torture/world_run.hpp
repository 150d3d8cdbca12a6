// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/testkit/world.hpp"
#include "torture/tally.hpp"
#include "torture/torment.hpp"

namespace millrace::testkit {

enum class WorldKind : std::uint8_t { undisturbed, rough, restarts, edits };
[[nodiscard]] std::string to_string(WorldKind kind);

/// One run of torture() in simulated time.
class WorldRun {
 public:
  /// All outlive it.
  WorldRun(WorldKind kind, const TortureTopology& topology, const TortureInputs& inputs,
           const TortureOptions& options);
  /// Runs all inputs and hostile records. Throws TestError when it does not come to rest.
  [[nodiscard]] Tally run();
  /// Adds what was done to it.
  void report(TortureReport& report) const;
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  /// Tasks of all instances, at rest.
  [[nodiscard]] std::size_t tasks();

 private:
  void feed();
  void feed_hostile();
  /// Lets instances step for a while, and does to them what this kind of run does.
  void live();
  void come_to_rest();
  void be_slow();
  [[nodiscard]] TortureTopology tormented(const TortureTopology& topology) const;
  [[nodiscard]] bool chance(std::uint64_t one_in) { return world_.random().below(one_in) == 0; }

  WorldKind kind_;
  const TortureTopology* topology_;
  const TortureInputs* inputs_;
  const TortureOptions* options_;
  stream::Topology plan_;
  Torment torment_;
  World world_;
  bool quiet_ = false;  // nothing is done to the instances any more
  std::uint64_t steps_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t letters_ = 0;
  std::uint64_t hand_overs_ = 0;
  std::uint64_t slow_calls_ = 0;
  std::uint64_t edits_ = 0;
};

}  // namespace millrace::testkit
