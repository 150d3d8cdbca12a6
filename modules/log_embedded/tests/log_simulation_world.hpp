// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cleaning_world.hpp"
#include "failing_files.hpp"
#include "history.hpp"

namespace millrace::log {

/// Members on a machine whose disk fails and loses power, each with files of its own that can fail,
/// and a model of the contract: which commits there are, which may be lost, and which claims count.
class LogSimulationWorld : public Cleaning {
 protected:
  /// What happened, so that a simulation in which nothing happens is noticed.
  struct Seen {
    int commits = 0;
    int repeated = 0;
    int unknown_committed = 0;
    int unknown_lost = 0;
    int lost_commits = 0;
    int deaths = 0;
    int failed_calls = 0;
    int full_disks = 0;
    int repairs = 0;
    int grants = 0;
    int deletions = 0;
    int additions = 0;
    int fenced = 0;
    int removed = 0;
    int tombstones_removed = 0;
    int kept_histories = 0;
    int lost_histories = 0;
    int bulk_syncs = 0;
    int reads = 0;
  };

  struct SimulatedMember {
    explicit SimulatedMember(FileSystem& below) : files(below) {}
    FailingFiles files;
    std::unique_ptr<Log> log;
    std::unique_ptr<Membership> membership;
    std::vector<Claim> claims;
  };
  /// A commit whose outcome is not known.
  struct Pending {
    std::int64_t sequence = 0;
    Written command;
    Written row;
  };
  /// What a member had; `over` when it gave the claim back, or the log said that it is lost. A
  /// claim of a dead member holds until another member notices the death.
  struct FormerClaim {
    Claim claim;
    bool over;
  };
  /// A commit as the history of all clients has it: two values in a topic that keeps all.
  struct Noted {
    int client = 0;
    Outcome outcome = Outcome::unknown;
  };
  /// What a client read of that topic, and where it continues in both partitions.
  struct Reads {
    std::vector<HistoryRecord> records;
    Offset next[2];
  };
  /// What something outside of the log saw after a commit.
  struct KeptHistory {
    Lineage lineage;
    LogPosition position;
    std::size_t commits = 0;
    bool durable = false;
    bool lost = false;  ///< for ever, however many commits follow
  };
  static constexpr std::size_t members_max = 3;

  /// Another machine with a new log that one member has open.
  void begin(std::uint64_t seed);
  EmbeddedOptions options_for_simulation();
  Random& random() { return *random_; }
  [[nodiscard]] bool chance(std::uint64_t one_in) { return random().below(one_in) == 0; }
  SimulatedMember& any() { return members_[random().below(members_max)]; }
  void open_member(SimulatedMember& one);
  void close(SimulatedMember& one, bool dies);
  /// A failure without a reason is a fault of the log.
  void expect_allowed(const SimulatedMember& one, const Error& error);
  /// Whether the log takes no appends until it was repaired.
  [[nodiscard]] bool is_marked();
  void repair();
  /// Finds out, with a member whose disk is good, which commits are there.
  void resolve();
  Pending next_commit();
  /// Commits it, perhaps under a claim, perhaps twice, and perhaps durably.
  void commit_one(SimulatedMember& one, Pending pending);
  void record(const Pending& pending);
  /// Compares what the log says of all that was seen of it with the model.
  void look_back(Log& log);
  void lose_histories();
  /// What a reader of the log finds.
  void check(Log& log);
  /// Both values of a commit.
  [[nodiscard]] std::vector<HistoryRecord> kept_values(std::int64_t sequence) const;
  /// Reads on in the topic that keeps all.
  void read_on(int client, Log& log);
  /// Of commits that were lost, and of what was read of them, nothing is promised.
  void forget_lost();
  /// Jepsen's checks of what all clients did and read.
  void check_history(Log& log);
  void cut_power();

  Seen seen_;
  std::optional<SeededRandom> random_;
  std::vector<SimulatedMember> members_;
  std::unique_ptr<Log> reader_;
  std::optional<Pending> pending_;
  bool unsure_ = false;  ///< commits that were not durable may be lost
  bool full_ = false;
  bool failing_ = false;     ///< all syncs fail
  bool marked_ = false;      ///< a call said so
  bool lost_pages_ = false;  ///< the page cache has what the disk has not
  std::size_t durable_ = 0;  ///< so many commits are
  std::int64_t sequence_ = 0;
  std::vector<FormerClaim> former_;
  std::map<std::string, ClaimEpoch> latest_;  ///< that any member got
  std::vector<KeptHistory> histories_;
  TopicPartition kept_at_[2];
  std::map<std::int64_t, Noted> noted_;  ///< by sequence
  std::vector<std::int64_t> sequences_;  ///< of the commits that are there, in their order
  std::map<int, Reads> reads_;           ///< by client
};

}  // namespace millrace::log
