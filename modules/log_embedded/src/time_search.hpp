// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "index_entry.hpp"
#include "millrace/base/error.hpp"

// Times of records rise and fall, so the first batch that is late enough is not found by halving
// the batches. Therefore each index entry also stands for a range: entry i for the last 2^k
// entries up to itself, where 2^k is the largest power of two that divides i + 1. It says where in
// its range the latest batch is:
//
//     entry        0  1  2  3  4  5  6  7
//     its range   [0][ 1 ][2][   3    ][4][ 5 ][6][        7        ]
//                    0-1      0-3         4-5           0-7
//
// (a Fenwick tree of maxima). A range depends on no entry before it, so a search may begin at any
// entry, whatever became of those in front. `at(i)` returns the entry of that number as a Result.
namespace millrace::log::embedded {

/// How many entries entry `i` stands for.
[[nodiscard]] constexpr std::uint64_t range_size(std::uint64_t i) {
  return 1ULL << static_cast<unsigned>(std::countr_zero(i + 1));
}

/// IndexEntry::latest_back of entry `i`, which is about to be appended: how far back the latest
/// batch of its range is. Reads as many entries as the logarithm of its range, two on average.
template <class At>
[[nodiscard]] Result<std::uint32_t> latest_back(std::uint64_t i, std::int64_t time_ms, At at) {
  std::uint64_t latest = i;
  for (std::uint64_t back = 1; back < range_size(i); back *= 2) {
    MILLRACE_ASSIGN(const IndexEntry part, at(i - back));
    const std::uint64_t candidate = i - back - part.latest_back;
    MILLRACE_ASSIGN(const IndexEntry of_part, at(candidate));
    if (of_part.time_ms > time_ms) {
      time_ms = of_part.time_ms;
      latest = candidate;
    }
  }
  return static_cast<std::uint32_t>(i - latest);
}

/// The first entry of [from, count) whose batch is of the time or later; `count` without one. Reads
/// as many entries as the square of the logarithm of their number.
template <class At>
[[nodiscard]] Result<std::uint64_t> first_at_time(std::uint64_t from, std::uint64_t count,
                                                  std::int64_t time_ms, At at) {
  // Of the range of entry i.
  const auto is_late = [&](std::uint64_t i) -> Result<bool> {
    MILLRACE_ASSIGN(const IndexEntry entry, at(i));
    MILLRACE_ASSIGN(const IndexEntry latest, at(i - entry.latest_back));
    return latest.time_ms >= time_ms;
  };
  for (std::uint64_t i = from; i < count;) {
    // The largest range that begins at i and is whole; where there is none, the entry itself.
    const std::uint64_t widest = i == 0 ? count : std::min(range_size(i - 1) / 2, count - i);
    const std::uint64_t size = std::bit_floor(widest);
    if (size == 0) {
      MILLRACE_ASSIGN(const IndexEntry entry, at(i));
      if (entry.time_ms >= time_ms) {
        return i;
      }
      i += 1;
      continue;
    }
    MILLRACE_ASSIGN(const bool late, is_late(i + size - 1));
    if (!late) {
      i += size;
      continue;
    }
    for (std::uint64_t half = size / 2; half > 0; half /= 2) {
      MILLRACE_ASSIGN(const bool in_first, is_late(i + half - 1));
      i += in_first ? 0 : half;
    }
    return i;
  }
  return count;
}

}  // namespace millrace::log::embedded
