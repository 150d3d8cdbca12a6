// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/lost_ranges.hpp"

#include "millrace/log/errors.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

namespace {

// A cluster that is away does not answer for the inputs either, which are asked first.
constexpr int tries_max = 5;

}  // namespace

bool LostRanges::may_pass(const Error& error) {
  return error.is(log::errc::unavailable) || error.is(log::errc::outcome_unknown) ||
         error.is(log::errc::disk_full) || error.is(millrace::errc::disk_full);
}

Status LostRanges::lose(const Shared& shared, const std::string& topic, log::PartitionId partition,
                        const Error& error, const std::string& without) {
  if (may_pass(error) && !has(topic) && ++tries_[{topic, partition.value}] < tries_max)
    return fail(error);
  give_up(shared, topic, error, without);
  return {};
}

void LostRanges::give_up(const Shared& shared, const std::string& topic, const Error& error,
                         const std::string& without) {
  if (!topics_.insert(topic).second) return;
  shared.report(Level::warn, "no input ranges",
                "topic " + topic + ": " + without + ": " + error.to_string());
}

}  // namespace millrace::stream::runtime
