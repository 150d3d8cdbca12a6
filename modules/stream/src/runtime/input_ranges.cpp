// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/input_ranges.hpp"

#include <algorithm>
#include <limits>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr std::uint8_t version = 2;
// Written where topics have no numbers, so that older builds read it.
constexpr std::uint8_t version_without_ids = 1;
constexpr std::uint64_t offset_max = std::numeric_limits<std::int64_t>::max();

Error malformed(const char* how) { return {millrace::errc::invalid_argument, how}; }
}  // namespace

std::string input_ranges_topic(std::string_view service, std::string_view part) {
  return std::string(service).append(".").append(part).append(".system.ranges");
}

Result<InputRanges> decode_input_ranges(std::string_view bytes) {
  ByteReader in(bytes);
  const auto found = in.little<std::uint8_t>();
  if (in.ok() && found > version)
    return fail(errc::incompatible, newer_format("", "the input ranges", found, version));
  const auto count = in.varint<std::uint32_t>();
  if (!in.ok() || found == 0 || count == 0 || count > input_ranges_topics_max)
    return fail(malformed("these are no input ranges"));
  InputRanges ranges;
  std::vector<std::int64_t> end(count);
  // Each is at most as far as offsets go.
  const auto add = [&](std::int64_t& offset) {
    const auto more = in.varint<std::uint64_t>();
    if (more > offset_max - static_cast<std::uint64_t>(offset)) return false;
    offset += static_cast<std::int64_t>(more);
    return true;
  };
  for (std::int64_t& offset : end) {
    InputRanges::Topic& topic = ranges.topics.emplace_back();
    topic.name = in.varint_text<std::uint32_t>();
    if (found > version_without_ids) topic.stored_id = in.varint<std::uint64_t>();
    if (!add(offset)) return fail(malformed("a range ends behind all offsets"));
  }
  if (!in.ok()) return fail(malformed("these are no input ranges"));
  ranges.ends.push_back(end);
  while (in.ok() && !in.at_end()) {
    for (std::int64_t& offset : end) {
      if (!add(offset)) return fail(malformed("a range ends behind all offsets"));
    }
    if (ranges.ends.size() == input_ranges_max)
      return fail(malformed("these are more ranges than a commit has"));
    ranges.ends.push_back(end);
  }
  if (!in.ok()) return fail(malformed("input ranges end early"));
  return ranges;
}

InputRangesWriter::InputRangesWriter(std::vector<InputRanges::Topic> topics)
    : topics_(std::move(topics)),
      has_ids_(std::any_of(topics_.begin(), topics_.end(),
                           [](const InputRanges::Topic& topic) { return topic.stored_id != 0; })) {}

void InputRangesWriter::add(const std::vector<std::int64_t>& end) {
  const bool first = bytes_.empty();
  ByteWriter out(bytes_);
  if (first)
    out.little(has_ids_ ? version : version_without_ids)
        .varint(static_cast<std::uint32_t>(topics_.size()));
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    if (first) out.varint_text<std::uint32_t>(topics_[i].name);
    if (first && has_ids_) out.varint(topics_[i].stored_id);
    out.varint(static_cast<std::uint64_t>(first ? end[i] : end[i] - last_[i]));
  }
  last_ = end;
}

std::size_t InputRangesWriter::range_bytes_max() const { return topics_.size() * varint_bytes_max; }

std::size_t InputRangesWriter::first_range_bytes_max() const {
  std::size_t bytes = 1 + varint_bytes_max + range_bytes_max();
  for (const InputRanges::Topic& topic : topics_)
    bytes += varint_bytes_max + topic.name.size() + (has_ids_ ? varint_bytes_max : 0);
  return bytes;
}

}  // namespace millrace::stream::runtime
