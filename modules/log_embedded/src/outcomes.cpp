// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "outcomes.hpp"

#include <string>

#include "catalog.hpp"
#include "frame_reader.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

Result<Checkpoint::Outcome> outcome_of(FrameReader& reader, std::uint64_t position) {
  MILLRACE_ASSIGN(const FrameView frame, reader.table(position));
  const FrameHeader header = frame.header();
  Checkpoint::Outcome outcome;
  outcome.incarnation = header.incarnation;
  outcome.end = position + header.bytes;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = frame.entry(i);
    if (entry.topic >= internal_topics) {
      outcome.partitions.push_back(
          {{{{entry.topic}}, partition(entry.partition)}, entry.base_offset});
    }
  }
  return outcome;
}

}  // namespace

Status add_outcomes(Checkpoint& made, const std::optional<Checkpoint>& before, Journal& journal) {
  FrameReader reader(journal, made.log_id);
  for (Checkpoint::Producer& producer : made.producers) {
    const std::uint64_t frame = producer.state.frame;
    if (frame >= made.begin) {
      continue;
    }
    const Checkpoint::Producer* const known =
        before && frame < before->begin ? before->find_producer(producer.name, frame) : nullptr;
    if (known != nullptr) {
      producer.outcome = known->outcome;
      continue;
    }
    auto read = outcome_of(reader, frame);
    const bool lost = !read && (read.error().is(errc::corrupt) || read.error().is(errc::not_found));
    if (!read && !lost) {
      return fail(read.error());
    }
    producer.outcome = lost ? Checkpoint::Outcome{} : *std::move(read);
  }
  return {};
}

}  // namespace millrace::log::embedded
