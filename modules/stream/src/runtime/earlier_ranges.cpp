// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/earlier_ranges.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::size_t read_bytes = 16U << 10U;

std::vector<log::TopicPartition> places_of(const std::vector<Input>& inputs) {
  std::vector<log::TopicPartition> places;
  for (const Input& input : inputs)
    places.push_back(input.place());
  return places;
}

}  // namespace

Result<std::unique_ptr<EarlierRanges>> EarlierRanges::open(Shared& shared,
                                                           const ResolvedSubTopology& resolved,
                                                           log::PartitionId partition,
                                                           const std::vector<Input>& inputs) {
  std::vector<const EarlierPart*> known;
  std::vector<log::TopicPartition> places;
  for (const EarlierPart& part : resolved.earlier) {
    if (partition.value >= part.ranges.spec.partitions) continue;
    known.push_back(&part);
    places.push_back({part.ranges.id, partition});
  }
  if (known.empty()) return nullptr;
  log::Log& log = shared.log;
  std::unique_ptr<EarlierRanges> earlier(new EarlierRanges(shared, resolved.group, inputs));
  auto found = log.positions(resolved.group, places);
  if (!found && !found.error().is(log::errc::out_of_range)) return fail(found.error());
  // Ranges that are taken already are passed over, should a cluster have forgotten how far it was.
  const auto positions =
      found ? *std::move(found) : std::vector<std::optional<log::Offset>>(places.size());
  MILLRACE_ASSIGN(const auto starts, log.start_offsets(places));
  MILLRACE_ASSIGN(const auto ends, log.end_offsets(places));
  for (std::size_t i = 0; i < known.size(); ++i) {
    const log::Offset next = std::max(starts[i], positions[i].value_or(starts[i]));
    Part part{known[i]->name, places[i], next, ends[i], positions[i], positions[i], {}};
    if (positions[i] != ends[i]) {
      MILLRACE_TRY(earlier->find_positions(part, *known[i]));
    }
    earlier->parts_.push_back(std::move(part));
  }
  earlier->skip_done();
  // From here on all records that the old parts took are waited for, also where a cluster would
  // have told of them later.
  if (!earlier->done()) {
    MILLRACE_TRY(log.end_offsets(places_of(inputs)));
  }
  return earlier;
}

Status EarlierRanges::find_positions(Part& part, const EarlierPart& earlier) {
  const auto positions = shared_->log.positions(earlier.group, places_of(*inputs_));
  if (!positions && positions.error().is(log::errc::out_of_range)) {
    // A cluster keeps the positions of a group that nobody uses for some time only.
    shared_->tell("warn", "where a part was before its reset is not known any more",
                  "part " + part.name + ", partition " +
                      std::to_string(part.place.partition.value) +
                      ": behind its last range, all is taken in the order of time");
    return {};
  }
  if (!positions) return fail(positions.error());
  End end(inputs_->size());
  for (const Input& input : *inputs_) {
    const auto& sources = earlier.sources;
    const bool known =
        !input.topic().is_retry &&
        std::find(sources.begin(), sources.end(), input.topic().topic.spec.name) != sources.end();
    if (known) end[input.order()] = (*positions)[input.order()].value_or(log::Offset{});
  }
  part.positions = std::move(end);
  return {};
}

bool EarlierRanges::is_behind(const Part& part) const {
  if (part.position == part.end) return true;
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
  MILLRACE_TRY(shared_->log.fetch(part.place, part.next, read_bytes, buffer_));
  for (const log::RecordView& record : buffer_.records) {
    if (record.offset >= part.end) break;
    part.record = record.offset;
    const auto ranges = decode_input_ranges(record.value.value_or(std::string_view()));
    const std::string where = "part " + part.name + ", partition " +
                              std::to_string(part.place.partition.value) + ", offset " +
                              std::to_string(record.offset.value);
    if (!ranges && ranges.error().is(errc::incompatible))
      return fail(ranges.error().at("input ranges of " + where));
    if (ranges) {
      add(*ranges, part);
    } else {
      shared_->tell("error", "input ranges ignored", where + ": " + ranges.error().message());
    }
  }
  part.next = buffer_.records.empty() ? part.end : buffer_.next;
  return {};
}

void EarlierRanges::add(const InputRanges& ranges, const Part& part) {
  for (const std::vector<std::int64_t>& offsets : ranges.ends) {
    End end(inputs_->size());
    for (const Input& input : *inputs_) {
      const auto found =
          std::find(ranges.topics.begin(), ranges.topics.end(), input.topic().topic.spec.name);
      if (found == ranges.topics.end() || input.topic().is_retry) continue;
      end[input.order()] =
          log::offset(offsets[static_cast<std::size_t>(found - ranges.topics.begin())]);
    }
    ranges_.push_back({std::move(end), part_, part.record});
  }
}

// The end of its topic says that a part is done, and is not reached before.
std::optional<log::Offset> EarlierRanges::reached(std::size_t part) const {
  const bool under_way = end() != nullptr;
  const std::size_t current = under_way ? ranges_[passed_].part : part_;
  if (part < current) return parts_[part].end;
  if (part > current) return parts_[part].position;
  return under_way ? ranges_[passed_].record : parts_[part].record;
}

bool EarlierRanges::to_be_committed() const {
  return done() && std::any_of(parts_.begin(), parts_.end(),
                               [](const Part& part) { return part.position != part.end; });
}

void EarlierRanges::stage(log::Transaction& transaction, bool all) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const auto position = reached(i);
    if (position && (all || position != parts_[i].position))
      transaction.set_position(group_, parts_[i].place, *position);
  }
}

void EarlierRanges::committed() {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (const auto position = reached(i)) parts_[i].position = position;
  }
}

void EarlierRanges::add_interests(std::vector<log::Interest>& interests) const {
  if (end() == nullptr && part_ < parts_.size() && parts_[part_].next < parts_[part_].end)
    interests.push_back({parts_[part_].place, parts_[part_].next});
}

}  // namespace millrace::stream::runtime
