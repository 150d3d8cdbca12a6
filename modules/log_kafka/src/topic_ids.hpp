// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "wire/topic_ids.hpp"

namespace millrace::log::kafka {

/// Which topic of the cluster each number of a handle means: the one that had the name when the
/// number was used first. Notices when that topic was deleted, also when another one has the name
/// since. A broker may lag behind the others, so one answer proves nothing: a topic counts as
/// deleted when all brokers that the cluster names have denied it for some seconds. Where the
/// cluster gives no ids, before Kafka 2.8, a number means whatever topic has the name. Thread-safe.
/// docs/decisions/0033-topic-ids-on-kafka.md.
class TopicIds {
 public:
  /// The configuration outlives it, and so does what its cluster is served by.
  explicit TopicIds(const ClientConfig& config) : config_(config), reader_(config) {}

  /// A number of the handle, and the name in Kafka of the topic that it stands for.
  struct Number {
    std::int32_t value = 0;
    std::string name;
  };
  /// The id of the topic that the number means, from the first call on; none where there are no
  /// ids. errc::unknown_topic when all brokers say that there is no topic of that name,
  /// not_authorized, unavailable.
  [[nodiscard]] Result<TopicUuid> bind(const Number& number);
  /// The id of the topic that has the name now. Failures as bind().
  [[nodiscard]] Result<TopicUuid> find(const std::string& name);
  /// The same as bind() for many numbers by one request; those that do not succeed are left as they
  /// are.
  void bind_all(const std::vector<Number>& numbers);
  /// Waits until all brokers that respond name the same topic: one was just created.
  void await_agreement(const std::string& name);

  /// Waits until no broker that responds names that topic: it was just deleted. errc::unavailable.
  [[nodiscard]] Status await_absence(const std::string& name, const TopicUuid& id);

  /// Whether the topic that the number means is known to be deleted.
  [[nodiscard]] bool is_deleted(std::int32_t number) const;
  /// Looks whether topics were deleted, if that was not done for a second or is wanted now.
  /// errc::unavailable while it is not sure that this one is still there; true when it was deleted.
  [[nodiscard]] Result<bool> look(const Number& number, bool now = false);
  /// Whether the leaders of these partitions name the topics that are meant: records that were sent
  /// there by the names of the topics are in these then. errc::unavailable.
  [[nodiscard]] Status confirm_at_leaders(const std::vector<KafkaPartition>& partitions);
  void drop_idle() { reader_.drop_idle(); }

 private:
  struct Binding {
    std::string name;
    TopicUuid id;
    bool deleted = false;
    std::int64_t denied_since_ns = -1;  ///< -1: it is not denied
  };
  Result<std::vector<net::Address>> brokers(bool again);
  std::optional<std::vector<wire::NamedTopic>> ask_one(const std::vector<std::string>& names,
                                                       std::int64_t deadline_ns);
  Result<std::optional<TopicUuid>> ask_for(const std::string& name, std::int64_t deadline_ns);
  void look_at_all(std::int64_t now_ns);
  void conclude(const std::vector<std::string>& names, const std::set<std::string>& confirmed,
                bool is_sure, std::int64_t now_ns);
  TopicUuid keep(const Number& number, TopicUuid id);

  const ClientConfig& config_;
  wire::TopicIdReader reader_;
  mutable Mutex mutex_;
  std::map<std::int32_t, Binding> bindings_ MILLRACE_GUARDED_BY(mutex_);
  std::vector<net::Address> brokers_ MILLRACE_GUARDED_BY(mutex_);
  std::size_t turn_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::int64_t due_ns_ MILLRACE_GUARDED_BY(mutex_) = 0;  // of the next look
  bool is_looking_ MILLRACE_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::log::kafka
