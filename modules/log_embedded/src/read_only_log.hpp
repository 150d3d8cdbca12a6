// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "follower.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/seen_log.hpp"

namespace millrace::log::embedded {

/// An embedded log that is read with a Follower. Only reading works, and it writes nothing; all
/// other calls fail with errc::read_only. Each call first applies the commits since the last call.
/// Members of groups and their claims are in shared memory and are not visible.
class ReadOnlyLog final : public Log {
 public:
  /// `reason` is what read_only_reason() returns. Failures as of Follower::open.
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(const std::string& directory,
                                                         LogEnvironment& environment,
                                                         LogOptions options,
                                                         const EmbeddedOptions& embedded,
                                                         std::string reason);

  Result<Topic> create_topic(const TopicSpec& spec, const TopicSettings& settings) override;
  Result<Topic> find_topic(std::string_view name) override;
  Result<std::vector<Topic>> topics() override;
  Result<TopicSettings> topic_settings(TopicId topic) override;
  Result<TopicSettings> alter_topic(TopicId topic, std::span<const SettingChange> changes) override;
  Result<Topic> add_partitions(TopicId topic, std::int32_t total) override;
  Status delete_topic(TopicId topic) override;
  Result<Committed> commit(Transaction& transaction) override;
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override;
  Result<Offset> start_offset(TopicPartition partition) override;
  Result<Offset> end_offset(TopicPartition partition) override;
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms) override;
  Result<Offset> tombstones_complete_from(TopicPartition partition) override;
  std::unique_ptr<Waiter> waiter() override;
  LogPosition committed() override;
  LogPosition durable() override;
  Status wait_durable(LogPosition position) override;
  Result<GroupId> group(std::string_view name) override;
  Result<std::optional<Offset>> position(GroupId group, TopicPartition partition) override;
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> tasks) override;
  Result<std::vector<GroupInfo>> groups() override;
  Status maintain() override { return first_->log().directory.check_open(); }
  const LogOptions& options() const override { return first_->log().directory.options(); }
  std::string identity() override {
    return "file/" + std::to_string(first_->log().directory.log_id());
  }
  Lineage lineage() override;
  Status check_past(Lineage lineage, LogPosition position) override;
  std::optional<std::string> read_only_reason() const override { return reason_; }

  /// True if one of the interests has records, or cannot be checked; then fetch() returns the
  /// reason.
  [[nodiscard]] bool has_news(std::span<const Interest> interests);
  /// The word on which its waiters sleep.
  [[nodiscard]] SharedRegion& region() { return first_->log().directory.region(); }
  [[nodiscard]] Clock& clock() { return first_->log().directory.clock(); }

 private:
  ReadOnlyLog(std::unique_ptr<Follower> follower, std::string reason)
      : first_(std::move(follower)), follower_(first_.get()), reason_(std::move(reason)) {}
  [[nodiscard]] Status refresh() MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Status follow_again() MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Status take_lineage() MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Status check_same_history(const Lineages& found, LogPosition end)
      MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] static LogPosition end_of(Follower& follower);
  [[nodiscard]] static Status follow(Follower& follower);
  [[nodiscard]] Status look_again() MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Status check_still_there(TopicId topic) MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] LogParts& log() MILLRACE_REQUIRES(mutex_) { return follower_->log(); }
  [[nodiscard]] Result<Lineages> lineages() const;
  [[nodiscard]] std::unexpected<Error> refused(const std::string& what) const;

  // Held by each call: the tables are brought up to date by the calls themselves.
  Mutex mutex_;
  // The first one stays: waiters and callers refer to what it has.
  std::unique_ptr<Follower> first_;
  std::unique_ptr<Follower> later_ MILLRACE_GUARDED_BY(mutex_);
  Follower* follower_ MILLRACE_GUARDED_BY(mutex_);  ///< the one in use
  /// All records that were read are before this position, which was in the past of the log when it
  /// was set.
  SeenLog seen_ MILLRACE_GUARDED_BY(mutex_);
  /// True if records that were read are not in the past of the log any more.
  std::optional<Error> replaced_ MILLRACE_GUARDED_BY(mutex_);
  std::string reason_;
};

}  // namespace millrace::log::embedded
