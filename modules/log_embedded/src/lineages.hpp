// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log::embedded {

class LogDirectory;

/// The histories that a log had, the file `lineages`: a new one begins whenever a process opens a
/// log that nobody has open. It continues the one before from the position at which the log ended
/// then, so what was seen of an earlier one is still there up to the lowest such position since.
/// A log that was put back from a backup continues as a lineage that nobody has seen; and what was
/// seen after the backup was made names a lineage, or a position, that this log never had.
/// docs/formats/lineages.md.
class Lineages {
 public:
  /// So many are kept: of the older half first those go in which nothing was committed, then the
  /// oldest. What names one that is gone counts as of another history.
  static constexpr std::size_t kept = 1'024;

  /// The next one, of an opening at which the log ends at `position`. Its id is `number`, or the
  /// next one above it that is free.
  void begin(std::uint64_t number, std::uint64_t position);
  /// For a list that lacks the current one, because it could not be read: forgets all others.
  void begin_without_others(Lineage current, std::uint64_t position);
  /// Forgets what began after that lineage, and all when it is not there: the log, as its
  /// checkpoint has it, never had them.
  void keep_up_to(Lineage lineage);
  /// The last one; 0 when there is none.
  [[nodiscard]] Lineage current() const { return ones_.empty() ? Lineage{} : ones_.back().id; }
  /// As Log::check_past(); `end` is where the log ends now.
  [[nodiscard]] Status check_past(Lineage lineage, LogPosition position, LogPosition end) const;

  [[nodiscard]] std::string encode(std::uint64_t log_id) const;
  /// None when the bytes are those of another log. errc::corrupt; incompatible when a newer build
  /// wrote them.
  [[nodiscard]] static Result<Lineages> decode(std::string_view bytes, std::uint64_t log_id);

 private:
  struct One {
    Lineage id;
    std::uint64_t begin = 0;
  };
  [[nodiscard]] std::vector<One>::const_iterator find(Lineage lineage) const;
  void drop_one();
  [[nodiscard]] Status check_unnamed(LogPosition position, LogPosition end) const;

  std::vector<One> ones_;
  /// The lowest position at which any lineage began: what was seen without one is still there up
  /// to it.
  std::optional<std::uint64_t> lowest_;
};

/// Those of the log up to the current one. None when that is 0, or the file is missing, damaged,
/// cannot be read, or is of another log: what is kept outside of the log counts as of another
/// history then. errc::incompatible when a newer build wrote the file.
[[nodiscard]] Result<Lineages> read_lineages(const LogDirectory& directory, Lineage current);
/// Those of a log that a member of it joined: the control file names the current one, which is
/// known also when the file of lineages cannot be read.
[[nodiscard]] Result<Lineages> read_joined_lineages(const LogDirectory& directory);
/// Those of a log that is only read: its checkpoint names the current one.
[[nodiscard]] Result<Lineages> read_running_lineages(const LogDirectory& directory);

}  // namespace millrace::log::embedded
