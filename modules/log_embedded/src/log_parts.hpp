// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "checkpointer.hpp"
#include "cleaner.hpp"
#include "group_commit.hpp"
#include "index.hpp"
#include "index_files.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "members.hpp"
#include "publisher.hpp"
#include "segment_maker.hpp"
#include "settler.hpp"
#include "topic_deletions.hpp"
#include "topics.hpp"

namespace millrace::log::embedded {

/// The parts of one handle on an embedded log: of a member, or of a reader that is no member.
struct LogParts {
  /// Over a directory that is not open yet.
  LogParts(const std::string& path, LogEnvironment& environment, LogOptions options,
           const EmbeddedOptions& embedded);
  LogParts(const LogParts&) = delete;
  LogParts& operator=(const LogParts&) = delete;

  // Each is handed those above it that it needs.
  LogDirectory directory;
  Journal journal;
  Index index;
  SegmentMaker segments;
  Topics topics;
  Publisher publisher;
  GroupCommit group_commit;
  Members members;
  IndexFiles index_files;
  Checkpointer checkpointer;
  Settler settler;
  Cleaner cleaner;
  TopicDeletions deletions;
};

}  // namespace millrace::log::embedded
