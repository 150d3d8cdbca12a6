// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/input.hpp"
#include "runtime/input_ranges.hpp"

namespace millrace::stream::runtime {

/// The ranges in which a part that was reset took its inputs, for the part that is rebuilt in its
/// place: up to where the old one was it takes the same records in the same order. How far it came
/// in the topics of ranges is a position of its group, as of each topic that it reads. That all is
/// taken is a position in its own topic of ranges: a rebuild that is over reads and asks nothing of
/// the parts before any more, nor does a part that is rebuilt in its place.
///
/// Ranges that cannot be read are left out with a warning. One thread.
///
///     passed since the last commit    under way
///            v                           v
///     |..range|..range|..range|..range|..range|  not read yet  | where the old part was
///              ends_                                             Part::positions
class EarlierRanges {
 public:
  /// Where a range ends, by input; no value: of an input that the old part did not have, which is
  /// taken when its time comes.
  using End = std::vector<std::optional<log::Offset>>;

  /// `inputs` are at their positions, and outlive it. Null when no part was reset before. Failures
  /// of the log that may pass.
  [[nodiscard]] static Result<std::unique_ptr<EarlierRanges>> open(
      Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition,
      const std::vector<Input>& inputs);

  /// Reads when there is no end(): once, about 16 KiB. Nothing since the last commit was taken.
  /// Failures of the log that may pass.
  [[nodiscard]] Status fill();
  /// The end of the range under way; null: fill() comes first, or all is done.
  [[nodiscard]] const End* end() const {
    return passed_ < ranges_.size() ? &ranges_[passed_].end : nullptr;
  }
  /// All of the range under way was taken.
  void next() { ++passed_; }
  /// What the old parts took is taken.
  [[nodiscard]] bool done() const { return end() == nullptr && part_ == parts_.size(); }

  /// It is done, and the log does not have that yet.
  [[nodiscard]] bool to_be_committed() const { return done() && stages(false); }
  /// stage() adds something.
  [[nodiscard]] bool stages(bool all) const;
  /// Adds to the transaction how far it came, what did not change too when `all`.
  void stage(log::Transaction& transaction, bool all) const;
  void committed();
  /// The log does not take how far it is, for this reason: a task that moves begins again, and
  /// passes over what is taken.
  void stop_keeping(const Error& error);
  /// What was passed since the last commit is under way again.
  void rewind() { passed_ = 0; }

  /// Where to wait for more.
  void add_interests(std::vector<log::Interest>& interests) const;

 private:
  struct Part {
    std::string name;
    std::string topic;                             // of its ranges
    std::optional<log::TopicPartition> partition;  // no value: there are none, or they are left out
    log::Offset next;                              // to be read
    log::Offset end;
    std::optional<log::Offset> record;    // read last, by this task or by the one before
    std::optional<log::Offset> position;  // of the group, as it is in the log; `end`: it is done
    End last;                             // where the range before ends
    std::optional<End> positions;         // where the part was; no value: that is not known
  };
  struct Range {
    End end;
    std::size_t part = 0;
    std::optional<log::Offset> record;  // that has it, or is before it
  };

  EarlierRanges(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition,
                const std::vector<Input>& inputs);
  [[nodiscard]] Status find_own(const std::string& name);
  [[nodiscard]] Result<bool> find(const EarlierPart& earlier);
  [[nodiscard]] Result<bool> find_ranges(Part& part, log::GroupId group) const;
  [[nodiscard]] Status find_positions(Part& part, log::GroupId group);
  [[nodiscard]] bool is_behind(const Part& part) const;
  void skip_done();
  [[nodiscard]] Status read(Part& part);
  [[nodiscard]] Status leave_out(Part& part, const Error& error);
  void add(const InputRanges& ranges, Part& part);
  [[nodiscard]] bool is_of_deleted(const InputRanges::Topic& topic, log::Offset end,
                                   const Input& input) const;
  [[nodiscard]] std::optional<log::Offset> reached(std::size_t part) const;

  Shared* shared_;
  log::GroupId group_;
  log::PartitionId partition_;
  const std::vector<Input>* inputs_;
  std::optional<log::TopicPartition> own_;  // with a position of the group there, all is taken
  bool own_kept_ = false;                   // as it is in the log
  bool keeps_ = true;
  std::vector<log::Offset> ends_;  // of the inputs, when it was opened
  std::vector<Part> parts_;        // the latest first, as far as it came
  std::size_t part_ = 0;           // that is read
  std::deque<Range> ranges_;       // not committed
  std::size_t passed_ = 0;         // of them
  log::FetchBuffer buffer_;
};

}  // namespace millrace::stream::runtime
