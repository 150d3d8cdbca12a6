// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "millrace/connect/copy.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/memory_log.hpp"

// Logs to copy from and to, of several kinds.
namespace millrace::connect {

/// A directory of its own that goes with the test.
class CopyDirectory {
 public:
  CopyDirectory();
  ~CopyDirectory();
  CopyDirectory(const CopyDirectory&) = delete;
  CopyDirectory& operator=(const CopyDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// One empty log of some kind. Outlives its handles.
class CopyLog {
 public:
  virtual ~CopyLog() = default;
  virtual std::unique_ptr<log::Log> open(log::LogOptions options) = 0;
  /// A handle of a service.
  log::Log& service(const std::string& name);
  /// A handle of a copier.
  std::unique_ptr<log::Log> tool();
  /// All handles of services go.
  void close() { services_.clear(); }

 private:
  std::vector<std::pair<std::string, std::unique_ptr<log::Log>>> services_;
};

/// By kind: `file`, `sparse` (see SparseLog), or a URL, in which `{}` stands for a new name each
/// time.
std::unique_ptr<CopyLog> make_copy_log(const std::string& kind);
/// A log in a directory that the test keeps.
std::unique_ptr<CopyLog> file_copy_log(const std::string& directory);

/// A log with gaps between its transactions, no order over partitions and a start that is not 0, as
/// Kafka has it. Returns no partitions of commits.
class SparseLog final : public log::Log {
 public:
  SparseLog(std::unique_ptr<log::Log> inner, std::string identity)
      : inner_(std::move(inner)), identity_(std::move(identity)) {}

  Result<log::Topic> create_topic(const log::TopicSpec& spec,
                                  const log::TopicSettings& settings) override {
    return inner_->create_topic(spec, settings);
  }
  Result<log::TopicSettings> topic_settings(log::TopicId topic) override {
    return inner_->topic_settings(topic);
  }
  Result<log::TopicSettings> alter_topic(log::TopicId topic,
                                         std::span<const log::SettingChange> changes) override {
    return inner_->alter_topic(topic, changes);
  }
  Result<log::Topic> add_partitions(log::TopicId topic, std::int32_t total) override {
    return inner_->add_partitions(topic, total);
  }
  Status delete_topic(log::TopicId topic) override { return inner_->delete_topic(topic); }
  Result<log::Topic> find_topic(std::string_view name) override { return inner_->find_topic(name); }
  Result<std::vector<log::Topic>> topics() override { return inner_->topics(); }
  Result<log::Committed> commit(log::Transaction& transaction) override;
  Status fetch(log::TopicPartition partition, log::Offset from, std::size_t max_bytes,
               log::FetchBuffer& buffer) override;
  Result<log::Offset> start_offset(log::TopicPartition partition) override;
  Result<log::Offset> end_offset(log::TopicPartition partition) override;
  Result<std::optional<log::Offset>> find_time(log::TopicPartition partition,
                                               std::int64_t time_ms) override;
  std::unique_ptr<log::Waiter> waiter() override { return inner_->waiter(); }
  log::LogPosition committed() override { return {}; }
  log::LogPosition durable() override { return {}; }
  Status wait_visible(const log::Committed& committed, std::int64_t deadline_ns) override;
  Status wait_durable(log::LogPosition) override { return {}; }
  Result<log::GroupId> group(std::string_view name) override { return inner_->group(name); }
  Result<std::optional<log::Offset>> position(log::GroupId group,
                                              log::TopicPartition partition) override {
    if (hides_positions && late > 0) return std::optional<log::Offset>();
    return inner_->position(group, partition);
  }
  Result<std::unique_ptr<log::Membership>> join(log::GroupId group,
                                                std::vector<std::string> tasks) override {
    return inner_->join(group, std::move(tasks));
  }
  Result<std::vector<log::GroupInfo>> groups() override { return inner_->groups(); }
  Status maintain() override;
  const log::LogOptions& options() const override { return inner_->options(); }
  std::string identity() override { return identity_; }
  std::optional<std::int64_t> position_retention_ms() const override { return position_retention; }

  /// So many commits take effect and return outcome_unknown.
  int unknown_outcomes = 0;
  /// Records that are not shown: compacted away.
  std::vector<std::pair<log::TopicPartition, log::Offset>> hidden;
  /// What a partition has before this offset is removed.
  std::map<log::TopicPartition, log::Offset> removed_before;
  bool hides_positions = false;
  /// In milliseconds; positions are never removed.
  std::optional<std::int64_t> position_retention;
  /// After each commit, so many waits for it end before it is seen; until then end_offset() fails.
  int waits_until_seen = 0;
  /// After so many calls of maintain() all is shown: transaction markers that came late. 0: never.
  int late = 0;

 private:
  std::unique_ptr<log::Log> inner_;
  std::string identity_;
  int unseen_ = 0;  // waits until the last commit is seen
};

/// A record with all that a copy has to keep, except its offset.
struct Content {
  std::int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  friend bool operator==(const Content&, const Content&) = default;
  friend void PrintTo(const Content& content, std::ostream* out);
};

/// All records of a partition from an offset on; from the beginning without one.
std::vector<Content> contents(log::Log& log, const std::string& topic, std::int32_t partition,
                              std::optional<log::Offset> from = {});
/// The offset of the record of that number in its partition, or the end.
log::Offset nth(log::Log& log, const std::string& topic, std::int32_t partition,
                std::size_t number);
/// Commits records to one partition as the topic's owner.
void write(CopyLog& log, const std::string& topic, std::int32_t partition,
           const std::vector<Content>& records);
void make_topic(CopyLog& log, const std::string& name, const std::string& owner,
                std::int32_t partitions = 2, log::TopicKind kind = log::TopicKind::events,
                const log::TopicSettings& settings = {});
void set_position(CopyLog& log, const std::string& group, const std::string& topic,
                  std::int32_t partition, log::Offset next);
std::optional<log::Offset> position_of(CopyLog& log, const std::string& group,
                                       const std::string& topic, std::int32_t partition);

/// A copy under test.
struct CopyRun {
  CopyRequest request;
  std::atomic<bool> stop{false};
  Result<CopySummary> copy(CopyLog& source, CopyLog& target);
  Result<CopySummary> copy(log::Log& source, log::Log& target);
  Result<CopySummary> compare(CopyLog& source, CopyLog& target);
  Result<CopySummary> compare(log::Log& source, log::Log& target);
};

}  // namespace millrace::connect
