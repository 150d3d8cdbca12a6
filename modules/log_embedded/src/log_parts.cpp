// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_parts.hpp"

#include <utility>

namespace millrace::log::embedded {

LogParts::LogParts(const std::string& path, LogEnvironment& environment, LogOptions options,
                   const EmbeddedOptions& embedded)
    : directory(path, environment, std::move(options), embedded),
      journal(environment.files, path + names::journal,
              directory.options().access == LogAccess::read_only ? OpenMode::read
                                                                 : OpenMode::read_write,
              [this] { return directory.check_in_place(); }),
      index(directory),
      segments(directory, journal),
      topics(directory, journal, index, segments),
      publisher(directory, journal, index, segments, topics),
      group_commit(directory, journal, segments),
      members(directory),
      index_files(directory, journal, index, topics),
      checkpointer(directory, topics, publisher, group_commit, index_files, journal),
      settler(directory, journal, index, topics, group_commit, checkpointer),
      cleaner(directory, journal, topics, checkpointer),
      deletions(directory, journal, topics, checkpointer) {}

}  // namespace millrace::log::embedded
