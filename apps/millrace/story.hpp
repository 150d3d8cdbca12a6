// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/log/types.hpp"

namespace millrace::cli {

/// One record of a business process, as its headers tell.
struct StoryRecord {
  std::string service;  ///< who wrote it
  std::string topic;
  log::TopicKind kind = log::TopicKind::events;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::uint64_t position = 0;  ///< of its commit; 0 where commits have no order
  std::int64_t timestamp_ms = 0;
  std::string type;   ///< empty on private records
  std::string id;     ///< of a private record: of the last public event behind it
  std::string cause;  ///< id of the event that led to it
  std::string correlation;
  std::string dead_letter;  ///< why it was given up; of dead letters only
  std::string
      replay_of;  ///< position of the dead letter that it repeats; only for replayed records
  [[nodiscard]] std::string name() const;
};

/// Records in commit order, each with the record that led to it. Where the log has no such order,
/// as on Kafka and in copies from there, causes come before what they led to and records of a
/// partition by offset; else time decides.
struct Story {
  bool in_commit_order = true;
  std::vector<StoryRecord> records;
  std::vector<std::optional<std::size_t>> parents;  ///< of each record, by number
  std::vector<std::vector<std::size_t>> children;   ///< of each record, in the story's order
  std::vector<std::size_t> roots;                   ///< records without a parent among them
};

/// Puts records, given in any order, into the story's order and finds who led to whom. A private
/// record hangs on the last public event behind it, a dead letter on the record it was, a replayed
/// record on its dead letter. Bad data may claim a circle of causes: it is cut open at its first
/// record.
[[nodiscard]] Story build_story(std::vector<StoryRecord> records);

}  // namespace millrace::cli
