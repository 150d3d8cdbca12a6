// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "millrace/testkit/topic_reader.hpp"

namespace millrace::testkit {

/// How a driver runs a topology.
struct DriverOptions {
  stream::InstanceOptions instance;
  std::int64_t wall_ms = 1'600'000'000'000;  ///< time of the clock at the start, ms since 1970
  std::uint64_t seed = 1;                    ///< the seed of the random numbers
};

/// Runs the real tasks of a topology in a test, over a log in memory and with a clock that only the
/// test moves. pipe() appends events, run_until_idle() processes them, and read() returns what was
/// written. No thread runs in the background: tasks work only in run_until_idle(), step() and
/// advance_ms(). Topics are written and read with the serdes that the topology has for them,
/// changelogs too. Use it on one thread. Failures throw TestError.
///
///     TopologyDriver driver(*revenue());
///     const auto orders = driver.input<std::string, OrderEvent>("orders", "orders");
///     orders.pipe("A1", OrderConfirmed{...}, time);
///     driver.run_until_idle();
///     EXPECT_EQ(driver.store<std::string, Money>("revenue").get("DE"), Money{42});
class TopologyDriver {
 public:
  explicit TopologyDriver(stream::Topology topology, DriverOptions options = {});
  ~TopologyDriver();
  TopologyDriver(const TopologyDriver&) = delete;
  TopologyDriver& operator=(const TopologyDriver&) = delete;

  /// Creates an input topic that another service owns, and moves the clock by a second, so that the
  /// instance finds the topic.
  void declare_topic(const std::string& name, const std::string& owner, std::int32_t partitions = 4,
                     log::TopicKind kind = log::TopicKind::events);

  /// An input topic with the types of its records. V is an event, or a std::variant of events. The
  /// driver must outlive it. Cheap to copy.
  template <class K, class V>
  class Input {
   public:
    Input(TopologyDriver& driver, std::string topic) : driver_(&driver), topic_(std::move(topic)) {}
    /// As TopologyDriver::pipe().
    std::string pipe(const K& key, const V& value, std::int64_t timestamp_ms,
                     const std::string& correlation = {}) const {
      return driver_->pipe(topic_, key, value, timestamp_ms, correlation);
    }

   private:
    TopologyDriver* driver_;
    std::string topic_;
  };
  /// A topic that the service declares itself.
  template <class K, class V>
  [[nodiscard]] Input<K, V> input(std::string topic) {
    return {*this, std::move(topic)};
  }
  /// A topic of another service, which this call creates like declare_topic().
  template <class K, class V>
  [[nodiscard]] Input<K, V> input(std::string topic, const std::string& owner,
                                  std::int32_t partitions = 4,
                                  log::TopicKind kind = log::TopicKind::events) {
    declare_topic(topic, owner, partitions, kind);
    return {*this, std::move(topic)};
  }

  /// Appends an event with the headers that its service would write. Returns its `ce_id`.
  template <class K, class V>
  std::string pipe(const std::string& topic, const K& key, const V& value,
                   std::int64_t timestamp_ms, const std::string& correlation = {}) {
    return writer_.write(topic, key, value, timestamp_ms, correlation);
  }
  /// Appends any bytes, such as a record that cannot be decoded, or a replayed dead letter.
  void pipe_raw(const std::string& topic, const RawRecord& record) {
    writer_.write_raw(topic, record);
  }

  /// Steps until there is nothing to do. Throws when there is still work after very many steps.
  void run_until_idle();
  /// One step; returns the error of the instance, if there is one.
  [[nodiscard]] Result<stream::StepResult> step() { return instance_->step(); }
  /// Moves the wall clock and the monotonic clock, then runs until idle, so that timers fire.
  void advance_ms(std::int64_t ms);

  /// The records that were written to a topic since its last read() or read_raw(), in the order of
  /// commits.
  template <class K, class V>
  [[nodiscard]] std::vector<Received<K, V>> read(const std::string& topic) {
    return reader_->decode_all<K, V>(topic, reader_->fresh(topic));
  }
  [[nodiscard]] std::vector<RawRecord> read_raw(const std::string& topic) {
    return reader_->fresh(topic);
  }
  /// All records of a topic, including those that were read before.
  [[nodiscard]] std::vector<RawRecord> all_raw(const std::string& topic) {
    return reader_->all(topic);
  }

  /// The committed content of a store. Do not use it after the next restart of the instance.
  template <class K, class V>
  class StoreFace {
   public:
    StoreFace(const stream::Instance& instance, std::string name)
        : view_(instance, std::move(name)) {}
    [[nodiscard]] std::optional<V> get(const K& key) const { return checked(view_.get(key)); }
    [[nodiscard]] std::vector<std::pair<K, V>> all() const { return checked(view_.all(1'000'000)); }

   private:
    template <class T>
    static T checked(Result<stream::Answer<T>> answer) {
      if (!answer) throw TestError(answer.error().to_string());
      if (!answer->has_all_partitions()) throw TestError("a task of the store is not restored yet");
      return std::move(answer->value);
    }
    stream::View<K, V> view_;
  };
  template <class K, class V>
  [[nodiscard]] StoreFace<K, V> store(const std::string& name) const {
    return {*instance_, name};
  }

  /// Simulates the death of the process and starts it again. Only committed data is left.
  void crash_and_restart();
  /// Closes the instance cleanly and starts it again.
  void restart();
  /// The same with another version of the topology.
  void restart_as(stream::Topology topology);

  [[nodiscard]] stream::Instance& instance() { return *instance_; }
  [[nodiscard]] log::MemoryBroker& broker() { return broker_; }
  [[nodiscard]] log::Log& log() { return *log_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] FaultFileSystem& files() { return files_; }
  /// The messages of the runtime, `level: message: detail`.
  [[nodiscard]] const std::vector<std::string>& events() const { return events_; }

 private:
  void start();

  stream::Topology topology_;
  DriverOptions options_;
  ManualClock clock_;
  SeededRandom random_;
  FaultFileSystem files_;
  log::MemoryBroker broker_;
  EventWriter writer_;
  std::unique_ptr<log::Log> tool_log_;
  std::unique_ptr<TopicReader> reader_;
  std::vector<std::string> events_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<stream::Instance> instance_;
};

}  // namespace millrace::testkit
