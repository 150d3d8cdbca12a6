// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log::embedded {

// The internal topics of the log. Each has one partition; they have the first rows.
inline constexpr TopicId catalog_topic{{0}};
inline constexpr TopicId positions_topic{{1}};
inline constexpr TopicId producers_topic{{2}};
inline constexpr std::int32_t internal_topics = 3;
[[nodiscard]] inline TopicPartition internal_partition(TopicId id) { return {id, partition(0)}; }

/// True if the index has the batches of the topic. For other topics the log keeps only the
/// resulting tables.
[[nodiscard]] inline bool is_indexed(std::int32_t topic) {
  return topic != positions_topic.value && topic != producers_topic.value;
}

/// Partitions of a topic that were added in one commit: from `first` on, in rows from `first_row`
/// on.
struct AddedPartitions {
  std::int32_t first = 0;
  std::uint32_t first_row = 0;
};

/// A topic and the rows of its partitions. The object never changes, even when the topic is
/// deleted. When partitions are added, another object gets its number.
struct CatalogTopic {
  Topic topic;                         ///< includes the partitions that were added
  std::uint32_t first_row = 0;         ///< of the partitions that it was created with
  bool compacts = false;               ///< at its creation; its settings may have changed since
  std::vector<AddedPartitions> added;  ///< in the order of their partitions

  /// The row of one of its partitions.
  [[nodiscard]] std::uint32_t row(std::int32_t partition) const {
    for (auto some = added.rbegin(); some != added.rend(); ++some) {
      if (partition >= some->first) {
        return some->first_row + static_cast<std::uint32_t>(partition - some->first);
      }
    }
    return first_row + static_cast<std::uint32_t>(partition);
  }
};

/// The content of a record of `__catalog` about partitions that were added to a topic.
struct CatalogAddition {
  TopicId topic;
  std::int32_t before = 0;  ///< the number of partitions before
  std::int32_t after = 0;   ///< the number of partitions afterwards
  std::uint32_t first_row = 0;
};

/// The content of a record of `__catalog` about the settings of a topic: all of its settings.
struct CatalogSettings {
  TopicId topic;
  /// Increases by one with each change, so that records may be applied again and in any order. 0:
  /// the topic has no such record, and its settings follow from the record of its creation:
  /// compaction as at its creation, commands of a service are deleted after 7 days, records of a
  /// repartition topic after they were read.
  std::uint32_t revision = 0;
  TopicSettings settings;
};

/// A member's copy of the names of topics and groups, built from the records of `__catalog`.
/// Thread-safe. Topic objects live as long as the catalog, including those from before partitions
/// were added.
class Catalog {
 public:
  Catalog();

  /// Applies the value of a catalog record. errc::corrupt for invalid bytes, incompatible for
  /// settings that this build does not know.
  [[nodiscard]] Status apply(std::string_view record);
  /// The records from which this catalog can be built.
  [[nodiscard]] std::vector<std::string> records() const;

  /// Null when it is not known (yet).
  [[nodiscard]] const CatalogTopic* find(TopicId id) const {
    return id.value >= 0 && static_cast<std::size_t>(id.value) < max_rows
               ? by_id_[static_cast<std::size_t>(id.value)].load(std::memory_order_acquire)
               : nullptr;
  }
  /// Null for a topic that was deleted.
  [[nodiscard]] const CatalogTopic* find(std::string_view name) const;
  [[nodiscard]] std::vector<Topic> topics() const;
  [[nodiscard]] bool is_deleted(TopicId id) const {
    return id.value >= 0 && static_cast<std::size_t>(id.value) < max_rows &&
           deleted_[static_cast<std::size_t>(id.value)].load(std::memory_order_acquire);
  }
  /// The number of deleted topics.
  [[nodiscard]] std::size_t deletions() const { return deletions_.load(std::memory_order_acquire); }
  /// For each name that no topic has any more, the last topic with this name.
  [[nodiscard]] std::vector<Topic> last_of_deleted_names() const;
  /// The topic with this name that was deleted last, even if another topic has the name now.
  [[nodiscard]] std::optional<Topic> last_deleted(std::string_view name) const;
  [[nodiscard]] CatalogSettings settings(const CatalogTopic& topic) const;
  [[nodiscard]] std::optional<GroupId> group(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> groups() const;
  [[nodiscard]] std::size_t group_count() const;
  [[nodiscard]] std::uint32_t rows_used() const;
  [[nodiscard]] std::size_t topic_count() const;

  static std::string topic_record(const CatalogTopic& topic);
  static std::string settings_record(const CatalogSettings& settings);
  static std::string group_record(GroupId id, std::string_view name);
  static std::string deletion_record(TopicId topic);
  static std::string addition_record(const CatalogAddition& addition);
  /// True for a record of settings, which builds before frame version 2 do not know.
  static bool is_settings(std::string_view record);
  /// True for a record of a deletion, which builds before frame version 3 do not know.
  static bool is_deletion(std::string_view record);
  /// True for a record of added partitions, which builds before frame version 4 do not know.
  static bool is_addition(std::string_view record);
  /// The topic that a record creates; no value for other records.
  static Result<std::optional<CatalogTopic>> read_topic(std::string_view record);
  /// The topic that a record creates or changes by adding partitions, as it is known; null for
  /// other records.
  [[nodiscard]] const CatalogTopic* topic_of(std::string_view record) const;

 private:
  void add(CatalogTopic topic) MILLRACE_REQUIRES(mutex_);
  /// True if partitions have some of these rows.
  [[nodiscard]] bool has_rows(std::uint32_t first, std::uint32_t count) const
      MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Status apply_addition(std::string_view record) MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Status apply_settings(std::string_view record) MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Status apply_deletion(std::string_view record) MILLRACE_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<CatalogTopic>> topics_ MILLRACE_GUARDED_BY(mutex_);  ///< by id
  /// Topic objects from before partitions were added: other code may still refer to them.
  std::vector<std::unique_ptr<CatalogTopic>> former_ MILLRACE_GUARDED_BY(mutex_);
  std::map<std::string, const CatalogTopic*, std::less<>> by_name_ MILLRACE_GUARDED_BY(mutex_);
  std::array<std::atomic<const CatalogTopic*>, max_rows> by_id_{};
  std::array<std::atomic<bool>, max_rows> deleted_{};  ///< by id
  std::atomic<std::size_t> deletions_ = 0;             ///< how many of them
  std::vector<std::string> groups_ MILLRACE_GUARDED_BY(mutex_);
  /// By topic, of those that have a record of settings.
  std::map<TopicId, CatalogSettings> settings_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::embedded
