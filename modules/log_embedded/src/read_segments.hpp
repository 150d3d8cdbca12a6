// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <type_traits>

#include "log_parts.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_reader.hpp"
#include "settled_path.hpp"

namespace millrace::log::embedded {

/// Calls `read` with a SegmentReader of the partition and returns its result. Calls it again when
/// segments were removed or replaced meanwhile, and, after segments of the journal were closed,
/// when the process had no free descriptor. errc::corrupt when all segments are gone.
template <class Read>
std::invoke_result_t<Read&, SegmentReader&> read_segments(LogParts& log, TopicPartition partition,
                                                          Read read) {
  using Outcome = std::invoke_result_t<Read&, SegmentReader&>;
  MILLRACE_ASSIGN(const CatalogTopic* topic, log.topics.topic(partition.topic));
  const std::string directory =
      settled_directory(log.directory.path(), topic->topic.spec.name, partition.partition.value);
  const auto once = [&]() -> Outcome {
    MILLRACE_TRY(log.directory.check_in_place());
    MILLRACE_ASSIGN(auto reader, SegmentReader::open(log.directory.files(), directory));
    return read(reader);
  };
  // Each time another change of the segments was completed.
  int changes_left = 16;
  const auto may_repeat = [&](const Error& error) {
    if (error.is(millrace::errc::too_many_files)) {
      return log.journal.close_some();
    }
    return error.is(errc::not_found) && changes_left-- > 0;
  };
  Outcome done = once();
  while (!done && may_repeat(done.error())) {
    done = once();
  }
  // The directory may be that of another topic with the name, when this one was deleted meanwhile.
  MILLRACE_TRY(log.topics.topic(partition.topic));
  if (!done && done.error().is(errc::not_found) && !log.directory.files().exists(directory)) {
    return fail(errc::corrupt,
                "{}: the settled segments of this partition are gone; restore them from a backup",
                directory);
  }
  return done;
}

}  // namespace millrace::log::embedded
