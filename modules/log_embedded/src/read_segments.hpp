// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <type_traits>

#include "log_parts.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/file_errors.hpp"
#include "settled/segment_reader.hpp"
#include "settled_path.hpp"

namespace millrace::log::embedded {

/// Returns what `read`, called with a SegmentReader of the partition, returns. When the process is
/// short of descriptors, segments of the journal are closed and it is called again.
template <class Read>
std::invoke_result_t<Read&, SegmentReader&> read_segments(LogParts& log, TopicPartition place,
                                                          Read read) {
  using Outcome = std::invoke_result_t<Read&, SegmentReader&>;
  MILLRACE_ASSIGN(const CatalogTopic* topic, log.topics.topic(place.topic));
  const std::string directory =
      settled_directory(log.directory.path(), topic->topic.spec.name, place.partition.value);
  const auto once = [&]() -> Outcome {
    MILLRACE_TRY(log.directory.check_in_place());
    MILLRACE_ASSIGN(auto reader, SegmentReader::open(log.directory.files(), directory));
    return read(reader);
  };
  Outcome done = once();
  while (!done && done.error().is(millrace::errc::too_many_files) && log.journal.close_some()) {
    done = once();
  }
  return done;
}

}  // namespace millrace::log::embedded
