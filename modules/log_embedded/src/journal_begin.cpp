// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "journal_begin.hpp"

#include <string>

#include "frame.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

/// Whether a frame of the log begins there that follows no other one.
Result<bool> first_frame_at(Journal& journal, std::uint64_t log_id, std::uint64_t position) {
  FrameHeader header;
  MILLRACE_ASSIGN(const std::size_t got,
                  journal.read(position, reinterpret_cast<char*>(&header), sizeof header));
  if (got != sizeof header || frame_header_fault(header, log_id, position) != nullptr ||
      header.previous != 0) {
    return false;
  }
  std::string table(table_bytes(header), '\0');
  MILLRACE_ASSIGN(const std::size_t read, journal.read(position, table.data(), table.size()));
  return read == table.size() && frame_table_fault(table) == nullptr;
}

}  // namespace

Result<std::uint64_t> find_begin(Journal& journal, std::uint64_t log_id,
                                 const std::optional<Checkpoint>& checkpoint) {
  const std::uint64_t begin = checkpoint ? checkpoint->begin : 0;
  // A crash may have come before all of them were removed.
  journal.forget_before(begin);
  const auto segments = journal.segments();
  if (segments.empty() || segments.front().start == begin) {
    return begin;
  }
  if (!checkpoint) {
    MILLRACE_ASSIGN(const bool first, first_frame_at(journal, log_id, segments.front().start));
    if (first) {
      return segments.front().start;
    }
  }
  return fail(errc::corrupt,
              "{}: the journal's first segment is missing, it begins at position {}{}",
              segments.front().path, segments.front().start,
              checkpoint ? ", but the log at " + std::to_string(begin) +
                               "; put the missing segments back from a backup"
                         : ", and the file `checkpoint`, which says where the log begins, is "
                           "missing or damaged; put both back from a backup");
}

}  // namespace millrace::log::embedded
