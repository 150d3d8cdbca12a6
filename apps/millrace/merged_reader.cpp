// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "merged_reader.hpp"

#include <utility>

namespace millrace::cli {

namespace {

constexpr std::size_t buffer_bytes = 64U << 20U;

std::vector<log::RecordReader::Range> ranges_of(const std::vector<MergedReader::Start>& starts) {
  std::vector<log::RecordReader::Range> ranges;
  for (const MergedReader::Start& start : starts) {
    // Retention may remove what was kept when the start was found.
    ranges.push_back({{start.topic->id, start.partition},
                      start.from,
                      start.end,
                      log::RecordReader::OnRemoved::skip_at_first});
  }
  return ranges;
}

}  // namespace

MergedReader::MergedReader(log::Log& log, std::vector<Start> starts)
    : starts_(std::move(starts)), reader_(log, ranges_of(starts_), buffer_bytes) {}

Status MergedReader::read(const Visitor& visit) {
  while (true) {
    MILLRACE_ASSIGN(const log::ReadOutcome outcome, reader_.next());
    if (outcome != log::ReadOutcome::record) return {};
    const Start& start = starts_[reader_.range()];
    if (!visit({*start.topic, start.partition, reader_.commit(), reader_.record()})) return {};
  }
}

}  // namespace millrace::cli
