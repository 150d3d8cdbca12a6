// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log_embedded/embedded.hpp"
#include "settling_world.hpp"

namespace millrace::log {
namespace {

class RealFixture final : public LogFixture {
 public:
  std::unique_ptr<Log> connect(LogOptions options) override {
    register_embedded();
    auto log = open_log("file:" + directory_.path(), environment_, std::move(options));
    if (!log) {
      ADD_FAILURE() << log.error().to_string();
      return nullptr;
    }
    return *std::move(log);
  }
  void kill(Log& handle) override { abandon(handle); }
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }

 private:
  TemporaryDirectory directory_;
  SkewedClock clock_;
  SeededRandom random_{1};
  LogEnvironment environment_{clock_, real_file_system(), random_, real_processes()};
};

class SimulatedFixture final : public LogFixture {
 public:
  std::unique_ptr<Log> connect(LogOptions options) override {
    return machine_.open(std::move(options));
  }
  void kill(Log& handle) override { abandon(handle); }
  Clock& clock() override { return machine_.clock; }
  void advance_ms(std::int64_t ms) override { machine_.clock.advance_ms(ms); }
  bool blocks() const override { return false; }

 private:
  SimulatedMachine machine_;
};

/// A handle that settles after each of its commits.
class SettlingLog final : public Log {
 public:
  explicit SettlingLog(std::unique_ptr<Log> log) : log_(std::move(log)) {}
  [[nodiscard]] Log& inner() { return *log_; }

  Result<Topic> create_topic(const TopicSpec& spec, const TopicSettings& settings) override {
    return log_->create_topic(spec, settings);
  }
  Result<TopicSettings> topic_settings(TopicId topic) override {
    return log_->topic_settings(topic);
  }
  Result<TopicSettings> alter_topic(TopicId topic,
                                    std::span<const SettingChange> changes) override {
    return log_->alter_topic(topic, changes);
  }
  Result<Topic> add_partitions(TopicId topic, std::int32_t total) override {
    return log_->add_partitions(topic, total);
  }
  Status delete_topic(TopicId topic) override { return log_->delete_topic(topic); }
  Result<Topic> find_topic(std::string_view name) override { return log_->find_topic(name); }
  Result<std::vector<Topic>> topics() override { return log_->topics(); }
  Result<Committed> commit(Transaction& transaction) override {
    auto committed = log_->commit(transaction);
    static_cast<void>(maintain_all(*log_));
    return committed;
  }
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override {
    return log_->fetch(partition, from, max_bytes, buffer);
  }
  Result<Offset> start_offset(TopicPartition partition) override {
    return log_->start_offset(partition);
  }
  Result<Offset> end_offset(TopicPartition partition) override {
    return log_->end_offset(partition);
  }
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms) override {
    return log_->find_time(partition, time_ms);
  }
  Result<Offset> tombstones_complete_from(TopicPartition partition) override {
    return log_->tombstones_complete_from(partition);
  }
  std::unique_ptr<Waiter> waiter() override { return log_->waiter(); }
  LogPosition committed() override { return log_->committed(); }
  LogPosition durable() override { return log_->durable(); }
  Status wait_durable(LogPosition position) override { return log_->wait_durable(position); }
  Result<GroupId> group(std::string_view name) override { return log_->group(name); }
  Result<std::optional<Offset>> position(GroupId group, TopicPartition partition) override {
    return log_->position(group, partition);
  }
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> tasks) override {
    return log_->join(group, std::move(tasks));
  }
  Result<std::vector<GroupInfo>> groups() override { return log_->groups(); }
  Status maintain() override { return log_->maintain(); }
  Status maintain_storage() override { return log_->maintain_storage(); }
  int death_descriptor() override { return log_->death_descriptor(); }
  std::vector<LogCount> counts() const override { return log_->counts(); }
  const LogOptions& options() const override { return log_->options(); }
  std::string identity() override { return log_->identity(); }
  Lineage lineage() override { return log_->lineage(); }
  Status check_past(Lineage lineage, LogPosition position) override {
    return log_->check_past(lineage, position);
  }

 private:
  std::unique_ptr<Log> log_;
};

/// All that is committed is settled at once, and leaves the journal soon.
EmbeddedOptions settling(SharedRegionFactory* regions) {
  EmbeddedOptions options;
  options.segment_bytes = 4096;
  options.regions = regions;
  options.settle = settle_at_once();
  return options;
}

std::unique_ptr<Log> connect_settling(const std::string& directory, LogEnvironment& environment,
                                      LogOptions options, SharedRegionFactory* regions) {
  auto log = open_embedded(directory, environment, std::move(options), settling(regions));
  if (!log) {
    ADD_FAILURE() << log.error().to_string();
    return nullptr;
  }
  return std::make_unique<SettlingLog>(*std::move(log));
}

class SettlingFixture final : public LogFixture {
 public:
  std::unique_ptr<Log> connect(LogOptions options) override {
    return connect_settling(SimulatedMachine::directory, machine_.environment, std::move(options),
                            &machine_.regions);
  }
  void kill(Log& handle) override { abandon(static_cast<SettlingLog&>(handle).inner()); }
  Clock& clock() override { return machine_.clock; }
  void advance_ms(std::int64_t ms) override { machine_.clock.advance_ms(ms); }
  bool blocks() const override { return false; }
  bool removes_commands() const override { return true; }

 private:
  SimulatedMachine machine_;
};

class RealSettlingFixture final : public LogFixture {
 public:
  std::unique_ptr<Log> connect(LogOptions options) override {
    return connect_settling(directory_.path(), environment_, std::move(options), nullptr);
  }
  void kill(Log& handle) override { abandon(static_cast<SettlingLog&>(handle).inner()); }
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }
  bool removes_commands() const override { return true; }

 private:
  TemporaryDirectory directory_;
  SkewedClock clock_;
  SeededRandom random_{1};
  LogEnvironment environment_{clock_, real_file_system(), random_, real_processes()};
};

INSTANTIATE_TEST_SUITE_P(
    Embedded, LogContract,
    testing::Values(LogBackend{"real", [] { return std::make_unique<RealFixture>(); }},
                    LogBackend{"simulated", [] { return std::make_unique<SimulatedFixture>(); }},
                    LogBackend{"real_settling",
                               [] { return std::make_unique<RealSettlingFixture>(); }},
                    LogBackend{"settling", [] { return std::make_unique<SettlingFixture>(); }}),
    backend_name);

}  // namespace
}  // namespace millrace::log
