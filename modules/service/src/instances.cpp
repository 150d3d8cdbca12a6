// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/instances.hpp"

#include <algorithm>

#include "millrace/base/format_version.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::service {

namespace {

constexpr std::int64_t known_format = 1;
constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::size_t instances_fetch_bytes = 256U << 10U;

// The first member of all versions.
struct Format {
  std::int64_t format = 0;
};
BOOST_DESCRIBE_STRUCT(Format, (), (format))

Result<InstanceDescriptor> decode_descriptor(std::string_view json) {
  MILLRACE_ASSIGN(const Format found, codec::from_json<Format>(json));
  if (found.format > known_format) {
    return fail(log::errc::incompatible,
                newer_format({}, "its record", static_cast<std::uint64_t>(found.format),
                             static_cast<std::uint64_t>(known_format)));
  }
  return codec::from_json<InstanceDescriptor>(json);
}

}  // namespace

Instances::Instances(log::Log& log, Clock& clock)
    : log_(log),
      clock_(clock),
      reader_(std::make_shared<log::RecordReader>(log, std::vector<log::RecordReader::Range>{})) {}
Instances::~Instances() = default;

Status Instances::read() {
  if (!has_topic_) {
    const auto topic = log_.find_topic(instances_topic);
    if (!topic && topic.error().is(log::errc::unknown_topic)) return {};
    if (!topic) return fail(topic.error());
    auto reader = std::make_shared<log::RecordReader>(
        log_,
        std::vector<log::RecordReader::Range>{{.partition = {topic->id, log::partition(0)},
                                               .from = log::offset(0),
                                               .on_removed = log::RecordReader::OnRemoved::skip}},
        instances_fetch_bytes);
    const MutexLock lock(mutex_);
    reader_ = std::move(reader);
    has_topic_ = true;
  }
  std::shared_ptr<log::RecordReader> reader;
  {
    const MutexLock lock(mutex_);
    reader = reader_;
  }
  for (;;) {
    MILLRACE_ASSIGN(const log::ReadOutcome outcome, reader->next());
    if (outcome != log::ReadOutcome::record) break;
    take(reader->record());
  }
  is_caught_up_ = true;
  return {};
}

void Instances::take(const log::RecordView& record) {
  const std::string_view key = record.key.value_or("");
  const std::size_t slash = key.rfind('/');
  if (slash == std::string_view::npos) return;
  const MutexLock lock(mutex_);
  if (!record.value) {
    if (const auto found = entries_.find(key); found != entries_.end()) entries_.erase(found);
    return;
  }
  std::int64_t age_ms = 0;
  if (!is_caught_up_) {
    age_ms = std::clamp<std::int64_t>(clock_.wall_ms() - record.timestamp_ms, 0,
                                      instance_time_to_live_ms);
  }
  Entry entry;
  entry.arrived_ns = clock_.monotonic_ns() - age_ms * ns_per_ms;
  const std::string_view service = key.substr(0, slash);
  const std::string_view instance = key.substr(slash + 1);
  auto read = decode_descriptor(*record.value);
  if (!read) {
    entry.unreadable = read.error().message();
  } else if (read->service != service || read->instance != instance) {
    entry.unreadable = "its record names another instance than its key";
  } else {
    entry.descriptor = *std::move(read);
  }
  entry.descriptor.service = service;
  entry.descriptor.instance = instance;
  entries_.insert_or_assign(std::string(key), std::move(entry));
}

void Instances::wait(std::int64_t deadline_ns) {
  std::shared_ptr<log::RecordReader> reader;
  {
    const MutexLock lock(mutex_);
    reader = reader_;
  }
  static_cast<void>(reader->wait(deadline_ns));
}

void Instances::interrupt() {
  const MutexLock lock(mutex_);
  reader_->interrupt();
}

std::vector<LiveInstance> Instances::live() const {
  std::vector<LiveInstance> live;
  const MutexLock lock(mutex_);
  const std::int64_t now_ns = clock_.monotonic_ns();
  for (const auto& [key, entry] : entries_) {
    const std::int64_t age_ms = (now_ns - entry.arrived_ns) / ns_per_ms;
    if (age_ms < instance_time_to_live_ms)
      live.push_back({entry.descriptor, age_ms, entry.unreadable});
  }
  return live;
}

std::optional<InstanceDescriptor> Instances::owner(std::string_view service, std::string_view part,
                                                   std::int32_t partition,
                                                   std::string_view asking) const {
  const MutexLock lock(mutex_);
  const std::int64_t since_ns = clock_.monotonic_ns() - instance_time_to_live_ms * ns_per_ms;
  const Entry* last = nullptr;
  for (const auto& [key, entry] : entries_) {
    const InstanceDescriptor& one = entry.descriptor;
    if (one.service != service || one.instance == asking || entry.arrived_ns <= since_ns) continue;
    const bool has = std::any_of(one.owned.begin(), one.owned.end(), [&](const auto& owned) {
      return owned.part == part && std::find(owned.partitions.begin(), owned.partitions.end(),
                                             partition) != owned.partitions.end();
    });
    if (has && (last == nullptr || entry.arrived_ns > last->arrived_ns)) last = &entry;
  }
  if (last == nullptr) return std::nullopt;
  return last->descriptor;
}

std::vector<std::string> Instances::silent(std::string_view service, std::int64_t age_ms) const {
  std::vector<std::string> keys;
  const MutexLock lock(mutex_);
  const std::int64_t until_ns = clock_.monotonic_ns() - age_ms * ns_per_ms;
  for (const auto& [key, entry] : entries_) {
    if (entry.descriptor.service == service && entry.arrived_ns <= until_ns) keys.push_back(key);
  }
  return keys;
}

}  // namespace millrace::service
