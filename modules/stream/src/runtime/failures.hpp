// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/dead_letters.hpp"

namespace millrace::stream::runtime {

/// Why what is in hand failed, and what the policy says about failures of that kind.
struct Failure {
  ErrorAction action;
  ErrorCode code;
  std::string reason;
};

/// What is counted of units, when they are committed.
struct UnitCounts {
  std::uint64_t dead_letters = 0;
  std::uint64_t skipped = 0;
  std::uint64_t late = 0;
  std::uint64_t failed_firings = 0;
  UnitCounts& operator+=(const UnitCounts& more);
};

/// Decides what becomes of records and firings that failed, and remembers those that the log
/// refused until their place is committed. One thread.
class Failures {
 public:
  Failures(const Shared& shared, std::string_view sub_topology)
      : shared_(&shared), sub_topology_(sub_topology), letters_(shared) {}

  /// The log refused what this unit alone did: when it comes again it fails with that error,
  /// unprocessed. Each further refusal changes its dead letter: to the time of now, where it was
  /// not for its size, then to less of the record.
  void blame(const UnitId& unit, const Error& error);
  /// What a unit that was blamed fails with.
  [[nodiscard]] std::optional<Failure> verdict(const InHand& hand) const;

  /// The unit in hand is tried, for the first time or again.
  void begin() { reports_.clear(); }
  /// A record is skipped or goes to the dead letters, a firing is passed over; keep() reports it.
  /// The failure again, with its place, when the policy is to fail or when nothing smaller is left
  /// to try.
  [[nodiscard]] Status settle(const InHand& hand, const Failure& failure, Outbox& out,
                              UnitCounts& counts);
  /// A handler sends the record in hand to the dead letters.
  void dead_letter(const InHand& hand, ErrorCode code, std::string_view reason, Outbox& out,
                   UnitCounts& counts);

  /// What is in hand, or was made of it, came too late for the operator that keeps the store of
  /// that name; `before` so many that were not reported.
  void late(const InHand& hand, std::string_view store, std::int64_t timestamp_ms,
            std::uint64_t before);

  /// What became of the unit in hand goes into the commit: reports it.
  void keep(const InHand& hand);
  /// No further visit of this walk comes, also none of an entry that is gone.
  void walk_ended(std::string_view timer);
  /// The units kept since the last commit need not be remembered any more.
  void committed();
  /// They will come again.
  void drop();
  void clear() { verdicts_.clear(); }

 private:
  struct Verdict {
    ErrorCode code;
    std::string reason;
    LetterShape letter;
    bool exhausted = false;  // the smallest letter was refused
    bool kept = false;       // since the last commit
  };
  struct Report {
    std::string_view level;
    std::string_view message;
    std::string detail;
  };

  void settle_firing(const InHand& hand, const Failure& failure, UnitCounts& counts);

  const Shared* shared_;
  std::string sub_topology_;
  DeadLetters letters_;
  std::map<UnitId, Verdict> verdicts_;
  std::vector<Report> reports_;  // of the unit in hand
};

}  // namespace millrace::stream::runtime
