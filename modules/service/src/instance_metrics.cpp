// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "instance_metrics.hpp"

#include <algorithm>
#include <utility>

namespace millrace::service {

namespace {

double lag(const stream::InstanceStatus& status) {
  std::int64_t total = 0;
  for (const auto& task : status.tasks)
    total += task.lag;
  return static_cast<double>(total);
}

// Event time may lie years back, as when history is read again: then the age says how far back the
// service is in it.
double oldest_age_seconds(const stream::InstanceStatus& status, std::int64_t now_ms) {
  std::int64_t oldest = now_ms;
  for (const auto& task : status.tasks) {
    if (task.oldest_unprocessed_ms >= 0) oldest = std::min(oldest, task.oldest_unprocessed_ms);
  }
  return static_cast<double>(now_ms - oldest) / 1000.0;
}

using TaskState = stream::InstanceStatus::TaskState;

double tasks_in(const stream::InstanceStatus& status, TaskState state) {
  return static_cast<double>(
      std::count_if(status.tasks.begin(), status.tasks.end(),
                    [state](const auto& task) { return task.state == state; }));
}

std::vector<telemetry::Sample> unknown_types(const stream::Instance& instance) {
  std::vector<telemetry::Sample> samples;
  for (stream::UnknownTypeCount& one : instance.unknown_types()) {
    samples.push_back({{{"topic", std::move(one.topic)}, {"type", std::move(one.type)}},
                       static_cast<double>(one.records)});
  }
  return samples;
}

}  // namespace

std::vector<telemetry::MetricCallback> add_instance_metrics(telemetry::MetricRegistry& metrics,
                                                            const stream::Instance& instance,
                                                            Clock& clock) {
  std::vector<telemetry::MetricCallback> handles;
  const auto counter = [&](std::string_view name, std::string_view help,
                           std::uint64_t stream::InstanceStatus::* member) {
    handles.push_back(metrics.callback_counter(name, help, {}, [&instance, member] {
      return static_cast<double>(instance.status().*member);
    }));
  };
  counter("millrace_stream_records_total", "Input records processed.",
          &stream::InstanceStatus::records);
  counter("millrace_stream_commits_total", "Commits made.", &stream::InstanceStatus::commits);
  counter("millrace_stream_refused_commits_total", "Commits refused, as by fencing or a full disk.",
          &stream::InstanceStatus::refused_commits);
  counter("millrace_stream_dead_letters_total", "Records sent to the dead letters.",
          &stream::InstanceStatus::dead_letters);
  counter("millrace_stream_skipped_total",
          "Records left out: of types that the topology does not read, or without a key or a value "
          "that an operator needs.",
          &stream::InstanceStatus::skipped);
  handles.push_back(metrics.callback_counters(
      "millrace_stream_unknown_type_records_total",
      "Records of types that their source does not read, skipped or failed.",
      [&instance] { return unknown_types(instance); }));
  counter("millrace_stream_late_total",
          "Messages left out by an operator because their window was closed.",
          &stream::InstanceStatus::late);
  counter("millrace_stream_failed_firings_total",
          "Firings of timers passed over: the handler threw or wrote more than a commit holds.",
          &stream::InstanceStatus::failed_firings);
  counter("millrace_stream_idle_waits_total",
          "Times that an input was empty for longer than max-task-idle-ms while others waited.",
          &stream::InstanceStatus::idle_waits);
  counter(
      "millrace_stream_catch_up_waits_total",
      "Times that max-catch-up-wait-ms passed, and later records were taken before earlier ones.",
      &stream::InstanceStatus::catch_up_waits);
  handles.push_back(metrics.callback_gauge("millrace_stream_lag_records",
                                           "Input records committed and not yet processed.", {},
                                           [&instance] { return lag(instance.status()); }));
  handles.push_back(metrics.callback_gauge(
      "millrace_stream_oldest_unprocessed_age_seconds",
      "Age, by its event time, of the oldest event not yet processed; 0 when there is none.", {},
      [&instance, &clock] { return oldest_age_seconds(instance.status(), clock.wall_ms()); }));
  handles.push_back(metrics.callback_gauge(
      "millrace_stream_seconds_since_progress",
      "Seconds since something was committed or restored, or there was nothing to do.", {},
      [&instance] { return static_cast<double>(instance.status().ms_since_progress) / 1000.0; }));
  handles.push_back(metrics.callback_gauge(
      "millrace_stream_missing_topics", "Topics that are to be read and do not exist yet.", {},
      [&instance] { return static_cast<double>(instance.status().waiting_for_topics.size()); }));
  for (const auto state : {TaskState::restoring, TaskState::running}) {
    handles.push_back(
        metrics.callback_gauge("millrace_stream_tasks", "Tasks of this instance by state.",
                               {{"state", std::string(to_string(state))}},
                               [&instance, state] { return tasks_in(instance.status(), state); }));
  }
  return handles;
}

}  // namespace millrace::service
