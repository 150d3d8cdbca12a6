// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/earlier_ranges.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/stored_topic_id.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::size_t read_bytes = 16U << 10U;

std::vector<log::TopicPartition> places_of(const std::vector<Input>& inputs) {
  std::vector<log::TopicPartition> partitions;
  for (const Input& input : inputs)
    partitions.push_back(input.partition());
  return partitions;
}

// No value: the group never had one there, or a cluster has forgotten it.
Result<std::optional<log::Offset>> position(log::Log& log, log::GroupId group,
                                            log::TopicPartition partition) {
  const auto found = log.positions(group, {&partition, 1});
  if (found) return found->front();
  if (found.error().is(log::errc::out_of_range)) return std::optional<log::Offset>{};
  return fail(found.error());
}

// Also one that a cluster has forgotten.
Result<bool> had_position(log::Log& log, log::GroupId group, log::TopicPartition partition) {
  const auto found = log.positions(group, {&partition, 1});
  if (found) return found->front().has_value();
  if (found.error().is(log::errc::out_of_range)) return true;
  return fail(found.error());
}

}  // namespace

EarlierRanges::EarlierRanges(Shared& shared, const ResolvedSubTopology& resolved,
                             log::PartitionId partition, const std::vector<Input>& inputs)
    : shared_(&shared), group_(resolved.group), partition_(partition), inputs_(&inputs) {
  if (resolved.ranges) own_ = {*resolved.ranges, partition};
}

Result<std::unique_ptr<EarlierRanges>> EarlierRanges::open(Shared& shared,
                                                           const ResolvedSubTopology& resolved,
                                                           log::PartitionId partition,
                                                           const std::vector<Input>& inputs) {
  if (resolved.earlier.empty()) return nullptr;
  std::unique_ptr<EarlierRanges> earlier(new EarlierRanges(shared, resolved, partition, inputs));
  MILLRACE_TRY(earlier->find_own(resolved.spec->name));
  if (earlier->own_kept_) return earlier;
  for (const EarlierPart& part : resolved.earlier) {
    MILLRACE_ASSIGN(const bool is_last, earlier->find(part));
    if (is_last) break;
  }
  auto& parts = earlier->parts_;
  // By time, as without parts before.
  if (std::none_of(parts.begin(), parts.end(), [](const Part& part) { return part.partition; }))
    parts.clear();
  earlier->skip_done();
  // From here on all records that the old parts took are waited for, also where a cluster would
  // show them later.
  if (!earlier->done()) {
    MILLRACE_ASSIGN(earlier->ends_, shared.log.end_offsets(places_of(inputs)));
  }
  return earlier;
}

Status EarlierRanges::find_own(const std::string& name) {
  if (!own_) return {};
  const auto is_over = had_position(shared_->log, group_, *own_);
  if (is_over) {
    own_kept_ = *is_over;
    return {};
  }
  own_.reset();
  return shared_->lost_ranges.lose(
      *shared_, input_ranges_topic(shared_->topology.service, name), partition_, is_over.error(),
      "the order in which part " + name +
          " takes its inputs is not kept, nor that its rebuild is over");
}

// True when no part before that one is of interest: it took all of theirs too.
Result<bool> EarlierRanges::find(const EarlierPart& earlier) {
  // It had fewer partitions.
  if (earlier.ranges && partition_.value >= earlier.ranges->spec.partitions) return false;
  Part part;
  part.name = earlier.name;
  part.topic = input_ranges_topic(shared_->topology.service, earlier.name);
  part.last.resize(inputs_->size());
  for (const Input& input : *inputs_) {
    const auto& sources = earlier.sources;
    const bool known =
        !input.topic().is_retry &&
        std::find(sources.begin(), sources.end(), input.topic().topic.spec.name) != sources.end();
    if (known) part.last[input.order()] = log::Offset{};
  }
  // It took its inputs by time, as far as it came.
  const bool was_by_time = !earlier.ranges && earlier.ranges.error().is(log::errc::unknown_topic);
  bool is_last = false;
  if (earlier.ranges && !shared_->lost_ranges.has(part.topic)) {
    part.partition = {earlier.ranges->id, partition_};
    const Result<bool> found = find_ranges(part, earlier.group);
    is_last = found.value_or(false);
    if (!found) {
      MILLRACE_TRY(leave_out(part, found.error()));
    }
  } else if (!earlier.ranges && !was_by_time) {
    MILLRACE_TRY(leave_out(part, earlier.ranges.error()));
  }
  if (was_by_time || (part.partition && part.position != part.end)) {
    MILLRACE_TRY(find_positions(part, earlier.group));
  }
  parts_.push_back(std::move(part));
  return is_last;
}

Result<bool> EarlierRanges::find_ranges(Part& part, log::GroupId group) const {
  log::Log& log = shared_->log;
  MILLRACE_ASSIGN(part.position, position(log, group_, *part.partition));
  MILLRACE_ASSIGN(const log::Offset start, log.start_offset(*part.partition));
  MILLRACE_ASSIGN(part.end, log.end_offset(*part.partition));
  part.record = part.position;
  // Ranges that are taken already are passed over, should a cluster have forgotten how far it was.
  part.next = std::max(start, part.position.value_or(start));
  MILLRACE_ASSIGN(const bool is_last, had_position(log, group, *part.partition));
  shared_->lost_ranges.answered(part.topic, partition_);
  return is_last;
}

Status EarlierRanges::find_positions(Part& part, log::GroupId group) {
  const auto positions = shared_->log.positions(group, places_of(*inputs_));
  if (positions) {
    // The parts that came after it had passed them: its ranges are followed as far as they go.
    if (std::find(positions->begin(), positions->end(), log::reads_no_more) != positions->end())
      return {};
    part.positions = part.last;
    for (std::size_t i = 0; i < positions->size(); ++i) {
      if (part.last[i]) (*part.positions)[i] = (*positions)[i].value_or(log::Offset{});
    }
    return {};
  }
  if (LostRanges::may_pass(positions.error())) return leave_out(part, positions.error());
  // A cluster keeps the positions of a group that nobody uses for some time only.
  shared_->report(Level::warn, "where a part was before its reset is not known any more",
                  "part " + part.name + ", partition " + std::to_string(partition_.value) +
                      ": behind its last range, all is taken in the order of time: " +
                      positions.error().to_string());
  return {};
}

// For good: what is behind it is taken as by the parts before, or by time.
Status EarlierRanges::leave_out(Part& part, const Error& error) {
  MILLRACE_TRY(shared_->lost_ranges.lose(
      *shared_, part.topic, partition_, error,
      "the order in which part " + part.name +
          " took its inputs is not repeated in the rebuild, which takes them by time"));
  part.partition.reset();
  part.next = part.end = {};
  part.position.reset();
  part.positions.reset();
  return {};
}

bool EarlierRanges::is_behind(const Part& part) const {
  if (!part.partition && !part.positions) return true;
  if (part.partition && part.position == part.end) return true;
  return part.positions && std::all_of(inputs_->begin(), inputs_->end(), [&](const Input& input) {
           const auto& limit = (*part.positions)[input.order()];
           return !limit || input.next() >= *limit;
         });
}

void EarlierRanges::skip_done() {
  while (part_ < parts_.size() && is_behind(parts_[part_]))
    ++part_;
}

Status EarlierRanges::fill() {
  ranges_.erase(ranges_.begin(), ranges_.begin() + static_cast<std::ptrdiff_t>(passed_));
  passed_ = 0;
  if (!ranges_.empty()) return {};
  skip_done();
  if (part_ == parts_.size()) return {};
  Part& part = parts_[part_];
  if (part.next < part.end) return read(part);
  if (part.positions) ranges_.push_back({*part.positions, part_, part.record});
  ++part_;
  return {};
}

Status EarlierRanges::read(Part& part) {
  const Status fetched = shared_->log.fetch(part.partition.value(), part.next, read_bytes, buffer_);
  if (!fetched) return leave_out(part, fetched.error());
  shared_->lost_ranges.answered(part.topic, partition_);
  for (const log::RecordView& record : buffer_.records) {
    if (record.offset >= part.end) break;
    part.record = record.offset;
    const auto ranges = decode_input_ranges(record.value.value_or(std::string_view()));
    if (ranges) {
      add(*ranges, part);
      continue;
    }
    const std::string where = "topic " + part.topic + ", partition " +
                              std::to_string(partition_.value) + ", offset " +
                              std::to_string(record.offset.value) + ": ";
    if (ranges.error().is(errc::incompatible)) {
      shared_->report(Level::error, "input ranges of a newer build",
                      where + ranges.error().message() + "; from there on, what part " + part.name +
                          " took is rebuilt in the order of time");
      part.next = part.end;
      return {};
    }
    shared_->report(Level::error, "input ranges ignored", where + ranges.error().message());
  }
  part.next = buffer_.records.empty() ? part.end : buffer_.next;
  return {};
}

// What the old part took of an input before that is a topic that was deleted. Ranges of earlier
// builds do not name it, but an end that the topic does not have says the same.
bool EarlierRanges::is_of_deleted(const InputRanges::Topic& topic, log::Offset end,
                                  const Input& input) const {
  if (topic.stored_id != 0) return log::is_another_topic(topic.stored_id, input.topic().stored_id);
  return end > ends_[input.order()];
}

// Ranges have nothing of an input that the part got later, and took nothing of a topic that has the
// name since.
void EarlierRanges::add(const InputRanges& ranges, Part& part) {
  for (const std::vector<std::int64_t>& offsets : ranges.ends) {
    for (const Input& input : *inputs_) {
      const auto found = std::find_if(
          ranges.topics.begin(), ranges.topics.end(),
          [&](const auto& topic) { return topic.name == input.topic().topic.spec.name; });
      if (found == ranges.topics.end() || input.topic().is_retry) continue;
      const log::Offset end =
          log::offset(offsets[static_cast<std::size_t>(found - ranges.topics.begin())]);
      part.last[input.order()] = is_of_deleted(*found, end, input) ? log::Offset{} : end;
    }
    ranges_.push_back({part.last, part_, part.record});
  }
}

// The end of its topic says that a part is done, and is not reached before.
std::optional<log::Offset> EarlierRanges::reached(std::size_t part) const {
  if (!parts_[part].partition) return std::nullopt;
  const bool under_way = end() != nullptr;
  const std::size_t current = under_way ? ranges_[passed_].part : part_;
  if (part < current) return parts_[part].end;
  if (part > current) return parts_[part].position;
  return under_way ? ranges_[passed_].record : parts_[part].record;
}

bool EarlierRanges::stages(bool all) const {
  if (done() && own_) return all || !own_kept_;
  if (!keeps_) return false;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const auto position = reached(i);
    if (position && (all || position != parts_[i].position)) return true;
  }
  return false;
}

void EarlierRanges::stage(log::Transaction& transaction, bool all) const {
  if (!stages(all)) return;
  if (done() && own_) {
    transaction.set_position(group_, *own_, log::Offset{});
    return;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const auto position = reached(i);
    if (position && (all || position != parts_[i].position))
      transaction.set_position(group_, parts_[i].partition.value(), *position);
  }
}

void EarlierRanges::committed() {
  if (done() && own_) own_kept_ = true;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (const auto position = reached(i)) parts_[i].position = position;
  }
}

void EarlierRanges::stop_keeping(const Error& error) {
  keeps_ = false;
  if (done()) own_.reset();
  shared_->report(Level::warn,
                  "how far a rebuild is in the input ranges of the part before is not kept",
                  "partition " + std::to_string(partition_.value) +
                      ": a task that moves looks for its place again: " + error.to_string());
}

void EarlierRanges::add_interests(std::vector<log::Interest>& interests) const {
  if (end() == nullptr && part_ < parts_.size() && parts_[part_].next < parts_[part_].end)
    interests.push_back({parts_[part_].partition.value(), parts_[part_].next});
}

}  // namespace millrace::stream::runtime
