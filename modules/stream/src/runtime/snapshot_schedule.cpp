// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/snapshot_schedule.hpp"

#include "millrace/base/interval.hpp"

namespace millrace::stream::runtime {

SnapshotSchedule::SnapshotSchedule(const Shared& shared, std::string_view task)
    : shared_(&shared),
      task_(task),
      file_(shared.environment.files, shared.options.state_directory, task) {}

void SnapshotSchedule::start(bool changed, bool is_whole) {
  changed_ = changed;
  is_whole_ = is_whole;
  written_ns_ = shared_->environment.clock.monotonic_ns();
}

bool SnapshotSchedule::due(std::int64_t now_ns, bool now_or_never) const {
  if (!file_.enabled() || !changed_ || !is_whole_) return false;
  return now_or_never || now_ns - written_ns_ >= ns_of_ms(shared_->options.snapshot_interval_ms);
}

void SnapshotSchedule::write(const SnapshotHead& head, StoreSet& stores, std::int64_t now_ns) {
  std::string content;
  encode_snapshot(head, stores, content);
  const Status written = file_.write_aside(content, head.stamp);
  written_ns_ = now_ns;
  changed_ = !written;
  if (!written)
    shared_->report(Level::warn, "snapshot not written",
                    task_ + ": " + written.error().to_string());
}

void SnapshotSchedule::publish(log::LogPosition durable) {
  if (!file_.waiting() || durable.position < file_.waiting()->position) return;
  if (const Status published = file_.publish(); !published)
    shared_->report(Level::warn, "snapshot not published",
                    task_ + ": " + published.error().to_string());
}

}  // namespace millrace::stream::runtime
