// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "stream/counter.hpp"

#include <algorithm>

#include "millrace/log/partitioner.hpp"
#include "millrace/stream/record_encoder.hpp"
#include "millrace/stream/topology.hpp"
#include "support/arguments.hpp"
#include "support/measure.hpp"
#include "support/record_source.hpp"

namespace millrace::bench {
namespace {

constexpr std::int64_t input_batch = 500;
constexpr const char* changelog = "counter.counts.changelog";

stream::Topology topology() {
  stream::TopologyBuilder builder("counter", input_partitions);
  builder.stream<std::string, std::string>("events").group_by_key().count("counts");
  return must(builder.build());
}

/// Quotes around the text make it JSON.
std::string_view quoted(std::string& memory, std::string_view text) {
  memory.assign(text);
  memory.front() = '"';
  memory.back() = '"';
  return memory;
}

}  // namespace

void write_input(const std::string& directory, std::int64_t records, std::uint64_t keys,
                 bool envelope) {
  RealLog log(directory, "source", "os");
  const log::Topic topic = log.make_topic("events", input_partitions);
  RecordSource source(input_value_bytes, keys);
  log::Transaction transaction;
  stream::RecordEncoder encoder;
  std::string value;
  for (std::int64_t written = 0; written < records; ++written) {
    const RecordSource::Raw raw = source.next();
    log::HeadersView headers;
    if (envelope) {
      headers = encoder.event_headers(
          codec::type_info<std::string>(), &value,
          {std::to_string(written), "/source", {}, raw.timestamp_ms, raw.key, {}, {}});
    }
    const log::PartitionId partition =
        log::choose_partition(raw.key, input_partitions, log.random());
    transaction.append({topic.id, partition},
                       {raw.timestamp_ms, raw.key, quoted(value, raw.value), headers});
    if (static_cast<std::int64_t>(transaction.records()) == input_batch * input_partitions ||
        written + 1 == records) {
      must(log->commit(transaction));
      transaction.clear();
    }
  }
}

Counter::Counter(const std::string& directory, bool snapshots)
    : log_(directory + "/log", "counter", "os") {
  stream::InstanceOptions options;
  if (snapshots) {
    options.state_directory = directory + "/state";
    must(real_file_system().create_directories(options.state_directory));
    // Written by close() only.
    options.snapshot_interval_ms = 3'600'000;
  }
  instance_ = must(stream::Instance::open(*log_, topology(), options,
                                          {real_clock(), real_file_system(), log_.random(), {}}));
}

void Counter::run(std::int64_t records) {
  while (instance_->status().records < static_cast<std::uint64_t>(records)) {
    const stream::StepResult step = must(instance_->step());
    if (!step.worked) instance_->wait(step);
  }
}

void Counter::restore() {
  while (!instance_->status().ready) {
    const stream::StepResult step = must(instance_->step());
    if (!step.worked) instance_->wait(step);
  }
}

void Counter::close() {
  must(instance_->close());
  instance_.reset();
}

std::int64_t Counter::total() const {
  std::int64_t total = 0;
  for (const auto& [key, count] :
       must(instance_->view<std::string, std::int64_t>("counts").value().all(SIZE_MAX)).value)
    total += count;
  return total;
}

std::int64_t Counter::keys() const {
  return static_cast<std::int64_t>(
      must(instance_->view<std::string, std::int64_t>("counts").value().all(SIZE_MAX))
          .value.size());
}

std::int64_t Counter::changelog_records() {
  const log::Topic topic = must(log_->find_topic(changelog));
  std::int64_t records = 0;
  for (std::int32_t i = 0; i < topic.spec.partitions; ++i)
    records += must(log_->end_offset({topic.id, log::partition(i)})).value;
  return records;
}

}  // namespace millrace::bench
