// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/compare.hpp"

#include <algorithm>
#include <unordered_set>

#include "millrace/base/hash.hpp"
#include "millrace/base/message_text.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/connect/source_reader.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::connect {

namespace {

constexpr std::size_t buffer_bytes = 1U << 20U;
constexpr std::size_t missing_keys_max = 8'000'000;

// `value`, `translated`: of the copy.
std::string differs(const log::Record& a, const log::Record& b,
                    const std::optional<std::string_view>& value, log::HeadersView translated) {
  if (a.timestamp_ms != b.timestamp_ms) return "the time";
  if (a.key != b.key) return "the key";
  if (value != b.value) return "the value";
  const auto same = [&](log::HeadersView headers) {
    return headers.size() == b.headers.size() && headers.encoded() == b.headers.encoded();
  };
  return same(a.headers) || same(translated) ? "" : "the headers";
}

// Of compacted topics one side may have dropped what a later record of the key replaces.
class Compaction {
 public:
  /// False when compaction explains nothing here.
  [[nodiscard]] bool absent(const log::Record& record) {
    if (!record.key || keys_.size() >= missing_keys_max) return false;
    if (record.value) {
      keys_.insert(xxh64(*record.key));
    } else {
      keys_.erase(xxh64(*record.key));
    }
    return true;
  }
  void present(const log::Record& record) {
    if (!keys_.empty() && record.key) keys_.erase(xxh64(*record.key));
  }
  [[nodiscard]] std::size_t unexplained() const { return keys_.size(); }

 private:
  std::unordered_set<std::uint64_t> keys_;
};

// Walks along both sides at once.
class Walk {
 public:
  /// `kept_from`: the target may have removed what is before it.
  Walk(const PlannedPartition& partition, log::Offset kept_from, const PartitionMap& map,
       References& references, CopyProgress& progress, Comparison& comparison)
      : partition_(partition),
        kept_from_(kept_from),
        map_(map),
        references_(references),
        progress_(progress),
        comparison_(comparison),
        done_(partition.start) {}

  [[nodiscard]] Status run(log::Log& source, SourceReader& ours, log::Log& target,
                           SourceReader& copies) {
    MILLRACE_ASSIGN(SourceReader::Item a, ours.next());
    MILLRACE_ASSIGN(SourceReader::Item b, copies.next());
    for (std::size_t steps = 1; good_ && (a.record != nullptr || b.record != nullptr); ++steps) {
      const Side side = step(a.record, b.record);
      if (side != Side::target) {
        MILLRACE_ASSIGN(a, ours.next());
      }
      if (side != Side::source) {
        MILLRACE_ASSIGN(b, copies.next());
      }
      if (steps % maintain_every != 0) continue;
      MILLRACE_TRY(source.maintain());
      MILLRACE_TRY(target.maintain());
    }
    if (good_ && compaction_.unexplained() > 0) {
      report(counted(compaction_.unexplained(), "key") + " of one side is not in the other");
    }
    return {};
  }

 private:
  enum class Side : std::uint8_t { source, target, both };
  static constexpr std::size_t maintain_every = 4096;

  // Looks at the next records; returns which of them are done with.
  Side step(const log::RecordView* a, const log::RecordView* b) {
    if (a == nullptr) return only(Side::target, *b);
    const auto copy = map_.find(a->offset);
    if (!copy) {
      report(at(*a) + " is not copied yet");
      return Side::source;
    }
    if (*copy < kept_from_) return Side::source;
    if (b == nullptr || b->offset > *copy) return only(Side::source, *a);
    if (b->offset < *copy) return only(Side::target, *b);
    const log::HeadersView headers = references_.translate(partition_.name.first, a->headers);
    const std::string what =
        differs(*a, *b, references_.translate(partition_.phase, *a).value_or(a->value), headers);
    if (!what.empty()) {
      report(what + " of " + at(*a) + " differs from its copy at " +
             std::to_string(b->offset.value));
      return Side::both;
    }
    compaction_.present(*a);
    const std::size_t bytes = a->key.value_or("").size() + a->value.value_or("").size();
    ++comparison_.records;
    comparison_.bytes += bytes;
    progress_.add(a->offset.value + 1 - done_.value, bytes);
    done_ = a->offset.next();
    return Side::both;
  }

  Side only(Side side, const log::RecordView& record) {
    if (partition_.compacted && compaction_.absent(record)) {
      ++comparison_.compacted;
    } else if (side == Side::source) {
      report("the copy of " + at(record) + " is missing");
    } else {
      report("the target has a record more at " + std::to_string(record.offset.value));
    }
    return side;
  }

  [[nodiscard]] static std::string at(const log::RecordView& record) {
    return "the record at " + std::to_string(record.offset.value);
  }
  void report(const std::string& what) {
    good_ = false;
    comparison_.differences.push_back(to_string(partition_.name) + ": " + what);
  }

  const PlannedPartition& partition_;
  log::Offset kept_from_;
  const PartitionMap& map_;
  References& references_;
  CopyProgress& progress_;
  Comparison& comparison_;
  Compaction compaction_;
  log::Offset done_;
  bool good_ = true;
};

const PartitionMap& map_of(const OffsetMap& map, const PartitionName& name) {
  static const PartitionMap nothing;
  const auto found = map.find(name);
  return found == map.end() ? nothing : found->second;
}

}  // namespace

Status compare_partition(log::Log& source, log::Log& target, const PlannedPartition& partition,
                         const OffsetMap& map, References& references, CopyProgress& progress,
                         Comparison& comparison) {
  MILLRACE_ASSIGN(const log::TopicPartition copy, find_partition(target, partition.name));
  MILLRACE_ASSIGN(const log::Offset start, target.start_offset(copy));
  MILLRACE_ASSIGN(const log::Offset end, target.end_offset(copy));
  SourceReader ours(source, {{0, partition.source, partition.start, partition.end}}, buffer_bytes);
  SourceReader copies(target, {{0, copy, start, end}}, buffer_bytes);
  // What groups have read from a repartition may be removed.
  MILLRACE_ASSIGN(const log::Topic topic, target.find_topic(partition.name.first));
  const log::Offset kept_from = log::is_repartition(topic.spec) ? start : log::Offset{};
  Walk walk(partition, kept_from, map_of(map, partition.name), references, progress, comparison);
  return walk.run(source, ours, target, copies);
}

bool is_left_out(const log::Log& target, const CopyPlan::Position& position) {
  return position.next == log::reads_no_more && target.position_retention_ms().has_value();
}

Result<log::Offset> target_position(log::Log& target, const OffsetMap& map,
                                    const CopyPlan::Position& position) {
  if (position.next == log::reads_no_more) return position.next;
  if (const auto copy = map_of(map, position.partition).translate(position.next)) return *copy;
  MILLRACE_ASSIGN(const log::TopicPartition partition, find_partition(target, position.partition));
  return target.end_offset(partition);
}

Status compare_position(log::Log& target, const OffsetMap& map, const CopyPlan::Position& position,
                        Comparison& comparison) {
  if (is_left_out(target, position)) return {};
  MILLRACE_ASSIGN(const log::GroupId group, target.group(position.group));
  MILLRACE_ASSIGN(const log::TopicPartition partition, find_partition(target, position.partition));
  MILLRACE_ASSIGN(const std::optional<log::Offset> is, target.position(group, partition));
  MILLRACE_ASSIGN(const log::Offset latest, target_position(target, map, position));
  const PartitionMap& copied = map_of(map, position.partition);
  // At the end it may stand behind the last record or behind what a backend puts after it.
  const log::Offset earliest =
      copied.translate(position.next) ? latest : std::min(latest, copied.target_next());
  if (is && *is >= earliest && *is <= latest) return {};
  comparison.differences.push_back(
      "group " + escaped(position.group) + " stands " +
      (is ? "at " + std::to_string(is->value) : std::string("nowhere")) + " in " +
      to_string(position.partition) + ", not at " + std::to_string(latest.value));
  return {};
}

}  // namespace millrace::connect
