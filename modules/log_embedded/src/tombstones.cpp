// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "tombstones.hpp"

#include "settled/compaction_state.hpp"
#include "settled_path.hpp"

namespace millrace::log::embedded {

Result<Offset> tombstones_complete_from(LogParts& log, TopicPartition partition) {
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_TRY(log.topics.row(partition));
  MILLRACE_ASSIGN(const CatalogTopic* topic, log.topics.topic(partition.topic));
  MILLRACE_TRY(log.directory.check_in_place());
  const std::string path =
      settled_directory(log.directory.path(), topic->topic.spec.name, partition.partition.value);
  MILLRACE_ASSIGN(const CompactionState state, load_compaction_state(log.directory.files(), path));
  // The directory may be that of another topic with the name, when this one was deleted meanwhile.
  MILLRACE_TRY(log.topics.topic(partition.topic));
  return state.tombstones_complete_from;
}

}  // namespace millrace::log::embedded
