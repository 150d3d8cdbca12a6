// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/record_reader.hpp"

namespace millrace::service {

/// Where instances say that they live: a topic of kind `system`, docs/formats/instances.md.
inline constexpr std::string_view instances_topic = "__millrace.instances";
/// An instance whose last record came longer ago is not live.
inline constexpr std::int64_t instance_time_to_live_ms = 15'000;

/// Partitions of a part of a topology.
struct PartitionsOfPart {
  std::string part;  ///< the name of the sub-topology
  std::vector<std::int32_t> partitions;
  friend bool operator==(const PartitionsOfPart&, const PartitionsOfPart&) = default;
};
BOOST_DESCRIBE_STRUCT(PartitionsOfPart, (), (part, partitions))

/// What an instance says of itself.
struct InstanceDescriptor {
  std::int64_t format = 1;
  std::string service;
  std::string instance;  ///< `<host>:<port>`: one of the service, for as long as it runs
  std::string version;   ///< of the build
  std::string address;   ///< of its HTTP server, `http://host:port`
  bool ready = false;    ///< InstanceStatus::ready
  std::vector<PartitionsOfPart> owned;  ///< restored here
  friend bool operator==(const InstanceDescriptor&, const InstanceDescriptor&) = default;
};
BOOST_DESCRIBE_STRUCT(InstanceDescriptor, (),
                      (format, service, instance, version, address, ready, owned))

/// An instance that renewed its record a moment ago.
struct LiveInstance {
  InstanceDescriptor descriptor;  ///< names only, when `unreadable` says why
  std::int64_t age_ms = 0;        ///< of its last record
  std::string unreadable = {};    ///< a newer build wrote the record, or it makes no sense
};

/// The instances of all services of a log, as its topic of instances says. A record counts for
/// instance_time_to_live_ms from its arrival, by the monotonic clock of this process. Of records
/// that the topic had before the first read(), the wall clock says how old they were, so that those
/// of processes that died are passed over. Thread-safe, except that one thread calls read() and
/// wait(). It acts only inside its functions.
class Instances {
 public:
  /// Both outlive it.
  Instances(log::Log& log, Clock& clock);
  ~Instances();
  Instances(const Instances&) = delete;
  Instances& operator=(const Instances&) = delete;

  /// Reads what was committed. A log without the topic has no instances. Fails as
  /// Log::find_topic() and RecordReader::next(); another call tries again.
  [[nodiscard]] Status read();
  /// Sleeps until there may be something to read, interrupt(), or the deadline
  /// (Clock::monotonic_ns).
  void wait(std::int64_t deadline_ns);
  /// Makes wait() return. Any thread.
  void interrupt();

  /// By service, then by instance.
  [[nodiscard]] std::vector<LiveInstance> live() const;
  /// The live instance that says that it has the partition, other than `asking`; of several the one
  /// that said so last.
  [[nodiscard]] std::optional<InstanceDescriptor> owner(std::string_view service,
                                                        std::string_view part,
                                                        std::int32_t partition,
                                                        std::string_view asking) const;
  /// Keys of the service whose last record came at least so long ago.
  [[nodiscard]] std::vector<std::string> silent(std::string_view service,
                                                std::int64_t age_ms) const;

 private:
  struct Entry {
    InstanceDescriptor descriptor;
    std::string unreadable;
    std::int64_t arrived_ns = 0;
  };
  void take(const log::RecordView& record);

  log::Log& log_;
  Clock& clock_;
  bool has_topic_ = false;
  bool is_caught_up_ = false;
  mutable Mutex mutex_;
  std::shared_ptr<log::RecordReader> reader_ MILLRACE_GUARDED_BY(mutex_);
  std::map<std::string, Entry, std::less<>> entries_ MILLRACE_GUARDED_BY(mutex_);  // by key
};

}  // namespace millrace::service
