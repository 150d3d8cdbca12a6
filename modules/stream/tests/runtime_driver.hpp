// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/stream/instance.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "millrace/testkit/topic_reader.hpp"
#include "runtime_world.hpp"

namespace millrace::stream::test {

/// Runs a topology's real tasks in a world of its own, as testkit::TopologyDriver does over the log
/// in memory. Nothing happens but in its steps. One thread. Failures throw testkit::TestError.
class Driver {
 public:
  Driver(std::unique_ptr<RuntimeWorld> world, Topology topology, InstanceOptions options = {});

  /// Makes an input topic, owned by another service.
  void declare_topic(const std::string& name, const std::string& owner, std::int32_t partitions = 4,
                     log::TopicKind kind = log::TopicKind::events);
  /// Appends an event as its service would and returns its `ce_id`.
  template <class K, class V>
  std::string pipe(const std::string& topic, const K& key, const V& value,
                   std::int64_t timestamp_ms, const std::string& correlation = {}) {
    return writer_.write(topic, key, value, timestamp_ms, correlation);
  }
  void pipe_raw(const std::string& topic, const testkit::RawRecord& record) {
    writer_.write_raw(topic, record);
  }

  /// Of a topic that is written and read here, where they are not the defaults of its kind.
  void set_serdes(const std::string& topic, const Serdes& serdes) {
    writer_.set_serdes(topic, serdes);
    reader_->set_serdes(topic, serdes);
  }

  /// Steps until every task of the topology is ours and there is nothing to do.
  void run_until_idle();
  /// One step, having heard of everything; an error of the instance is answered.
  [[nodiscard]] Result<StepResult> step();
  /// Steps until `done` says so; time passes meanwhile.
  void run_until(const std::function<bool()>& done);
  /// Moves the clock, then runs until idle: timers fire.
  void advance_ms(std::int64_t ms);

  /// What came to a topic since the last read() of it.
  template <class K, class V>
  [[nodiscard]] std::vector<testkit::Received<K, V>> read(const std::string& topic) {
    return reader_->decode_all<K, V>(topic, reader_->fresh(topic));
  }
  [[nodiscard]] std::vector<testkit::RawRecord> read_raw(const std::string& topic) {
    return reader_->fresh(topic);
  }
  /// Everything in a topic.
  [[nodiscard]] std::vector<testkit::RawRecord> all_raw(const std::string& topic) {
    return reader_->all(topic);
  }

  /// Committed content of a store.
  template <class K, class V>
  class StoreFace {
   public:
    StoreFace(const Instance& instance, std::string name) : view_(instance, std::move(name)) {}
    [[nodiscard]] std::optional<V> get(const K& key) const { return checked(view_.get(key)); }
    [[nodiscard]] std::vector<std::pair<K, V>> all() const { return checked(view_.all(1'000'000)); }

   private:
    template <class T>
    static T checked(Result<Answer<T>> answer) {
      if (!answer) throw testkit::TestError(answer.error().to_string());
      if (!answer->has_all_partitions())
        throw testkit::TestError("a task of the store is not restored yet");
      return std::move(answer->value);
    }
    View<K, V> view_;
  };
  template <class K, class V>
  [[nodiscard]] StoreFace<K, V> store(const std::string& name) const {
    return {*instance_, name};
  }

  /// The process dies, whatever it was doing, and is started again.
  void crash_and_restart();
  /// Starts again after the instance ended by itself.
  void restart_after_end();
  /// Closes cleanly and starts again.
  void restart();
  /// Closes cleanly and starts with another topology of the service; between the two comes
  /// `meanwhile`.
  void deploy(Topology topology, const std::function<void()>& meanwhile = [] {});
  /// Closes cleanly, and returns why that topology does not start. The one before is started again.
  [[nodiscard]] Error refused(Topology topology);

  [[nodiscard]] Instance& instance() { return *instance_; }
  [[nodiscard]] RuntimeWorld& world() { return *world_; }
  [[nodiscard]] log::Log& log() { return *log_; }
  /// A handle beside the instance's, see RuntimeWorld::connect_observer().
  [[nodiscard]] log::Log& tool() { return *tool_; }
  [[nodiscard]] FaultFileSystem& files() { return world_->files(); }
  /// What the runtime reported, `level: message: detail`.
  [[nodiscard]] const std::vector<std::string>& events() const { return events_; }

 private:
  void start();
  [[nodiscard]] Status try_start();
  void close();
  [[nodiscard]] bool has_all_tasks();

  std::unique_ptr<RuntimeWorld> world_;
  Topology topology_;
  InstanceOptions options_;
  testkit::EventWriter writer_;
  std::unique_ptr<log::Log> tool_;
  std::unique_ptr<testkit::TopicReader> reader_;
  std::vector<std::string> events_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Instance> instance_;
};

/// How many tasks the topology has, its inputs being there.
std::size_t tasks_of(log::Log& log, const Topology& topology);

}  // namespace millrace::stream::test
