// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "groups.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/environment.hpp"
#include "positions.hpp"
#include "sequences.hpp"
#include "state_log.hpp"
#include "topics.hpp"

namespace millrace::log::kafka {

class KafkaMembership;
class Identity;

/// A log on an Apache Kafka cluster. docs/decisions/0008-tasks-on-kafka.md.
class KafkaLog final : public Log {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(std::string_view url,
                                                         LogEnvironment& environment,
                                                         LogOptions options, Settings settings);
  ~KafkaLog() override;

  Result<Topic> create_topic(const TopicSpec& spec) override;
  Result<Topic> find_topic(std::string_view name) override;
  std::vector<Topic> topics() override;
  Result<Committed> commit(Transaction& transaction) override;
  Status wait_visible(const Committed& committed, std::int64_t deadline_ns) override;
  Status fetch(TopicPartition place, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override;
  Result<Offset> start_offset(TopicPartition place) override;
  Result<Offset> end_offset(TopicPartition place) override;
  Result<std::vector<Offset>> start_offsets(std::span<const TopicPartition> places) override;
  Result<std::vector<Offset>> end_offsets(std::span<const TopicPartition> places) override;
  std::unique_ptr<Waiter> waiter() override;
  LogPosition committed() override { return {}; }
  LogPosition durable() override { return {}; }
  Status wait_durable(LogPosition position) override;
  Result<GroupId> group(std::string_view name) override;
  Result<std::optional<Offset>> position(GroupId group, TopicPartition place) override;
  Result<std::vector<std::optional<Offset>>> positions(
      GroupId group, std::span<const TopicPartition> places) override;
  std::optional<std::int64_t> position_retention_ms() const override;
  Result<std::optional<std::int64_t>> tombstone_retention_ms(TopicId topic) override;
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> units) override;
  std::vector<GroupInfo> groups() override;
  Status maintain() override;
  const LogOptions& options() const override { return options_; }
  std::string identity() override { return identity_text_; }

  // For the other parts of this backend.
  [[nodiscard]] Status check_open() const;
  [[nodiscard]] Result<KafkaPlace> place_in_kafka(TopicPartition place) {
    return topics_.place_in_kafka(place);
  }
  [[nodiscard]] Reader& reader() { return reader_; }
  [[nodiscard]] StateLog& state() { return state_; }
  [[nodiscard]] const ClientConfig& config() const { return config_; }
  [[nodiscard]] LogEnvironment& environment() { return environment_; }
  [[nodiscard]] Identity& identity_of_claims() { return *identity_; }

  /// Before units are given to others: true when all that this handle committed can be read.
  /// Otherwise its identity has ended, and with it all claims, which waits until it can.
  [[nodiscard]] bool hand_over();

  /// For tests: everything the others wrote is taken.
  void synchronize();
  [[nodiscard]] std::weak_ptr<void> life() const { return life_; }
  /// For tests: the process dies without a farewell.
  void abandon();

 private:
  KafkaLog(Url url, LogEnvironment& environment, LogOptions options);
  Status start();

  struct Outgoing {
    std::vector<OutgoingBatch> batches;
    std::vector<TopicPartition> places;  // of the batches
    std::vector<OutgoingPositions> positions;
  };
  Result<Outgoing> prepare(Transaction& transaction);
  Status commit_single(Outgoing& out);
  Status commit_free(Outgoing& out);
  Result<Committed> commit_sequence(Outgoing& out, const Transaction& transaction);
  Result<Committed> send(Outgoing& out, const Transaction& transaction);
  Result<Committed> answer(const Outgoing& out);
  Result<Committed> repeated(const Sequences::Last& last);
  bool see_own(const std::vector<KafkaPlace>& places, std::int64_t timeout_ns);
  void note_seen(const std::vector<KafkaPlace>& places, const std::vector<Offset>& ends);
  bool wait_until_visible(const std::vector<KafkaPlace>& places, const std::vector<Offset>& ends,
                          std::int64_t timeout_ns);
  void expel_silent();

  LogEnvironment& environment_;
  LogOptions options_;
  ClientConfig config_;
  Reader reader_;
  StateLog state_;
  Topics topics_;
  Groups groups_;
  Positions positions_;
  std::string identity_text_;
  std::string unique_;  ///< of this handle, part of its transactional ids
  std::atomic<bool> abandoned_{false};
  std::shared_ptr<void> life_ = std::make_shared<char>();
  std::unique_ptr<Identity> identity_;

  Mutex single_mutex_;
  std::unique_ptr<ClientProducer> single_ MILLRACE_GUARDED_BY(single_mutex_);
  Mutex free_mutex_;
  std::unique_ptr<Producer> free_ MILLRACE_GUARDED_BY(free_mutex_);
  Mutex unseen_mutex_;
  // Committed, and not seen to be readable up to this end.
  std::map<KafkaPlace, Offset> unseen_ MILLRACE_GUARDED_BY(unseen_mutex_);
  Sequences sequences_;
  Mutex sequenced_mutex_;
  // By producer name.
  std::map<std::string, std::unique_ptr<Producer>> sequenced_ MILLRACE_GUARDED_BY(sequenced_mutex_);
  std::int64_t looked_ns_ = 0;  // for silent members
};

/// Test hooks, for a Log that open() made. `life` expires with it.
[[nodiscard]] std::weak_ptr<void> life(Log& log);
void synchronize(Log& log);
void abandon(Log& log);

}  // namespace millrace::log::kafka
