// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "support/measure.hpp"

namespace millrace::bench {

/// What the members of a crew share, in memory that all their processes see.
struct Board {
  static constexpr int max_members = 64;
  struct Outcome {
    Sample sample;
    std::int64_t ended_ns = 0;
  };
  std::atomic<int> ready;
  std::atomic<std::uint32_t> go;
  std::atomic<bool> stop;              ///< for members that continue until others are done
  std::atomic<std::uint32_t> word;     ///< for members that wake each other themselves
  std::atomic<std::int64_t> stamp_ns;  ///< goes with the word
  std::int64_t began_ns;
  Outcome outcomes[max_members];
};

/// A member's part in a measurement: between `start` and `finish` its time counts.
class Turn {
 public:
  Turn(int member, Board& board) : member_(member), board_(board) {}
  [[nodiscard]] int member() const { return member_; }
  [[nodiscard]] Board& board() const { return board_; }
  /// Returns when all members are ready.
  void start();
  /// Notes the time and completes the sample by what the process used since the start; call it
  /// before things are closed.
  [[nodiscard]] Sample finish(Sample sample = {});

 private:
  int member_;
  Board& board_;
  std::int64_t cpu_began_ns_ = 0;
};

/// Several workers that start together, each a thread or a process of its own.
class Crew {
 public:
  /// Called in each worker, in a fork of this process or in a thread of it: prepares, starts,
  /// works, and returns what `finish` made of its sample.
  using Work = std::function<Sample(Turn& turn)>;

  Crew();
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Returns when all members are done. Call it before the process has threads. A member that dies
  /// ends the program.
  void run_processes(int members, const Work& work);
  void run_threads(int members, const Work& work);

  [[nodiscard]] const Sample& sample(int member) const { return board_->outcomes[member].sample; }
  /// Records, CPU seconds and memory of all members together; seconds from the start until the last
  /// was done.
  [[nodiscard]] Sample sum(int members) const;

 private:
  void await_ready(int members);
  Board* board_;
  bool one_process_ = false;
};

}  // namespace millrace::bench
