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

/// What is counted of work items, when they are committed.
struct WorkItemCounts {
  std::uint64_t dead_letters = 0;
  std::uint64_t skipped = 0;
  std::uint64_t late = 0;
  std::uint64_t failed_firings = 0;
  WorkItemCounts& operator+=(const WorkItemCounts& more);
};

/// Decides what becomes of records and firings that failed, and remembers those that the log
/// refused until what is after them is committed. One thread.
class Failures {
 public:
  Failures(const Shared& shared, std::string_view sub_topology)
      : shared_(&shared), sub_topology_(sub_topology), letters_(shared) {}

  /// The log refused what this work item alone did: when it comes again it fails with that error,
  /// unprocessed. Each further refusal changes its dead letter: to the time of now, where it was
  /// not for its size, then to less of the record.
  void blame(const WorkItemId& work_item, const Error& error);
  /// What a work item that was blamed fails with.
  [[nodiscard]] std::optional<Failure> refusal(const InHand& hand) const;

  /// The work item in hand is tried, for the first time or again.
  void begin() { reports_.clear(); }
  /// A record is skipped or goes to the dead letters, a firing is passed over; keep() reports it.
  /// The failure again, with where it happened, when the policy is to fail or when nothing smaller
  /// is left to try.
  [[nodiscard]] Status settle(const InHand& hand, const Failure& failure, Outbox& out,
                              WorkItemCounts& counts);
  /// A handler sends the record in hand to the dead letters.
  void dead_letter(const InHand& hand, ErrorCode code, std::string_view reason, Outbox& out,
                   WorkItemCounts& counts);

  /// What is in hand, or was made of it, came too late for the operator that keeps the store of
  /// that name; `before` so many that were not reported.
  void late(const InHand& hand, std::string_view store, std::int64_t timestamp_ms,
            std::uint64_t before);

  /// What became of the work item in hand goes into the commit: reports it.
  void keep(const InHand& hand);
  /// No further visit of this walk comes, also none of an entry that is gone.
  void walk_ended(std::string_view timer);
  /// The work items kept since the last commit need not be remembered any more.
  void committed();
  /// They will come again.
  void drop();
  void clear() { refusals_.clear(); }

 private:
  struct Refusal {
    ErrorCode code;
    std::string reason;
    LetterShape letter;
    bool exhausted = false;  // the smallest letter was refused
    bool kept = false;       // since the last commit
  };
  struct Report {
    Level level{};
    std::string_view message;
    std::string detail;
  };

  void settle_firing(const InHand& hand, const Failure& failure, WorkItemCounts& counts);

  const Shared* shared_;
  std::string sub_topology_;
  DeadLetters letters_;
  std::map<WorkItemId, Refusal> refusals_;
  std::vector<Report> reports_;  // of the work item in hand
};

}  // namespace millrace::stream::runtime
