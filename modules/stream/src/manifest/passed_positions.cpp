// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/passed_positions.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "manifest/part_links.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/transaction.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;

class PassedPositions {
 public:
  PassedPositions(log::Log& log, const std::string& service, const Manifest& manifest)
      : log_(log), service_(service), manifest_(manifest) {}

  // True when positions of the part are left.
  Result<bool> end(const Part& part) {
    MILLRACE_ASSIGN(const log::GroupInfo group, group_of(part));
    const log::GroupId id = group.id;
    std::vector<log::TopicPartition> ended;
    std::vector<std::string> sources = part.sources;
    if (part.former_sources)
      sources.insert(sources.end(), part.former_sources->begin(), part.former_sources->end());
    sources.push_back(retry());
    for (const std::string& source : sources) {
      if (is_repartition(source)) continue;
      MILLRACE_ASSIGN(const auto topic, find_topic(source));
      if (!topic) continue;
      for (const auto& [partition, next] : group.positions) {
        if (partition.topic != topic->id || next == log::reads_no_more) continue;
        // A rebuild needs all of them, or none.
        MILLRACE_ASSIGN(const bool passed, is_passed(*topic, partition, next));
        if (!passed) return true;
        ended.push_back(partition);
      }
    }
    for (const log::TopicPartition partition : ended)
      transaction_.set_position(id, partition, log::reads_no_more);
    return false;
  }

  Status commit() {
    if (!transaction_.positions().empty()) MILLRACE_TRY(log_.commit(transaction_));
    return {};
  }

 private:
  [[nodiscard]] std::string retry() const { return service_ + ".retry"; }

  // Without a name and positions when there is none.
  Result<log::GroupInfo> group_of(const Part& part) {
    MILLRACE_ASSIGN(auto groups, log::find_groups(log_, {.name = service_ + "/" + part.name}));
    return groups.empty() ? log::GroupInfo{} : std::move(groups.front());
  }

  // No value: there is no such topic.
  Result<std::optional<log::Topic>> find_topic(const std::string& name) {
    Result<log::Topic> topic = log_.find_topic(name);
    if (topic) return std::optional(*std::move(topic));
    if (topic.error().is(log::errc::unknown_topic)) return std::optional<log::Topic>{};
    return fail(std::move(topic).error());
  }

  // Letters come back in the partition of the task that they were lost from.
  Result<bool> reads(const Part& part, const log::Topic& topic, log::PartitionId partition) {
    if (topic.spec.name != retry()) return has(part.sources, topic.spec.name);
    for (const std::string& source : part.sources) {
      MILLRACE_ASSIGN(const auto input, find_topic(source));
      const std::int32_t tasks = input ? input->spec.partitions : 0;
      if (partition.value >= tasks || tasks > topic.spec.partitions) return false;
    }
    return !part.sources.empty();
  }

  // By all live parts that read the topic.
  Result<bool> is_passed(const log::Topic& topic, log::TopicPartition partition,
                         log::Offset position) {
    for (const Part& part : manifest_.parts) {
      if (part.state != "live") continue;
      MILLRACE_ASSIGN(const bool is_reader, reads(part, topic, partition.partition));
      if (!is_reader) continue;
      const auto known = readers_.find(part.number);
      if (known == readers_.end()) {
        MILLRACE_ASSIGN(log::GroupInfo group, group_of(part));
        readers_.emplace(part.number, std::move(group));
      }
      MILLRACE_ASSIGN(const bool passed, has_passed(readers_.at(part.number), partition, position));
      if (!passed) return false;
    }
    return true;
  }

  Result<bool> has_passed(const log::GroupInfo& group, log::TopicPartition partition,
                          log::Offset position) {
    for (const log::GroupInfo::Position& known : group.positions)
      if (known.partition == partition) return known.next >= position;
    // No position of it would hold what it has not taken yet.
    MILLRACE_ASSIGN(const log::Offset start, log_.start_offset(partition));
    MILLRACE_ASSIGN(const log::Offset end, log_.end_offset(partition));
    return start >= position && end <= position;
  }

  log::Log& log_;
  const std::string& service_;
  const Manifest& manifest_;
  std::map<std::int64_t, log::GroupInfo> readers_;  // of live parts, by their numbers
  log::Transaction transaction_;
};

}  // namespace

Result<bool> end_passed_positions(log::Log& log, const std::string& service) {
  if (log.position_retention_ms()) return false;
  MILLRACE_ASSIGN(const auto manifest, read_manifest(log, service));
  if (!manifest) return false;
  PassedPositions positions(log, service, *manifest);
  bool left = false;
  for (const Part& part : manifest->parts) {
    if (part.state != "reset") continue;
    MILLRACE_ASSIGN(const bool is_left, positions.end(part));
    left |= is_left;
  }
  MILLRACE_TRY(positions.commit());
  return left;
}

}  // namespace millrace::stream
