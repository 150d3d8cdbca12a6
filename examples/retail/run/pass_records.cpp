// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "pass_records.hpp"

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/library_topics.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/passes.hpp"
#include "retail/contracts/payments.hpp"
#include "retail/contracts/prices.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/shipments.hpp"
#include "retail/contracts/stock.hpp"
#include "run_log.hpp"

namespace retail {

using millrace::Result;
using millrace::Status;
namespace codec = millrace::codec;
namespace log = millrace::log;

namespace {

constexpr const char* audit_group = "retail-audit";
constexpr std::array audited_topics{requests_topic,  orders_topic,  stock_topic,  payments_topic,
                                    shipments_topic, shelves_topic, revenue_topic};
constexpr std::array other_topics{asked_topic, prices_topic, products_topic, funnel_topic};
// Whole segments are removed or compacted, and the last one stays: of a year a partition has some
// MiB.
constexpr std::uint64_t segment_bytes = 1U << 20U;
constexpr std::int64_t visible_ns = 30'000'000'000;
// Far below what one transaction may hold.
constexpr std::size_t records_at_once = 1'000;

/// Writes events of the feed, many in one transaction.
class PassWriter {
 public:
  PassWriter(log::Log& log, log::TopicId topic, std::int64_t now_ms, std::int64_t pass)
      : log_(log),
        partition_{topic, log::partition(0)},
        now_ms_(now_ms),
        correlation_("pass-" + std::to_string(pass)) {}

  Status add(const std::string& key, const PassEvent& event) {
    const codec::TypeInfo& type = codec::type_info<PassEvent>();
    std::string value;
    codec::encode_json(type, &event, value);
    codec::EventHeaders headers;
    headers.type = codec::event_type(type, &event);
    const std::string id = correlation_ + "/" + std::string(headers.type) + "/" + key;
    headers.id = id;
    headers.source = "/feed";
    headers.time_ms = now_ms_;
    headers.correlation = correlation_;
    codec::EncodedHeaders encoded;
    codec::append_event_headers(encoded, headers);
    transaction_.append(partition_,
                        {now_ms_, key, value, log::HeadersView(encoded.bytes, encoded.count)});
    return transaction_.records() < records_at_once ? Status{} : commit();
  }

  // When it is durable, and others see it. What hides it for longer ends some time.
  Status finish(std::int64_t deadline_ns) {
    MILLRACE_TRY(commit());
    MILLRACE_TRY(log_.wait_durable(committed_.position));
    return passing(log_.wait_visible(committed_, deadline_ns));
  }

 private:
  Status commit() {
    if (transaction_.empty()) return {};
    MILLRACE_ASSIGN(committed_, log_.commit(transaction_));
    transaction_.clear();
    return {};
  }

  log::Log& log_;
  log::TopicPartition partition_;
  std::int64_t now_ms_;
  std::string correlation_;
  log::Transaction transaction_;
  log::Committed committed_;
};

// The audit reads these from there, and what a group has not read is not removed.
Status hold(log::Log& log, const TopicEnds& begin) {
  MILLRACE_ASSIGN(const log::GroupId group, log.group(audit_group));
  log::Transaction transaction;
  for (const char* name : audited_topics) {
    MILLRACE_ASSIGN(const log::Topic topic, log.find_topic(name));
    for (std::int32_t number = 0; number < topic.spec.partitions; ++number) {
      transaction.set_position(group, {topic.id, log::partition(number)},
                               log::offset(end_of(begin, name, number)));
    }
  }
  MILLRACE_ASSIGN(const log::Committed committed, log.commit(transaction));
  return log.wait_durable(committed.position);
}

Status alter(log::Log& log, log::TopicId topic, std::vector<log::SettingChange> changes) {
  MILLRACE_ASSIGN(const log::TopicSettings settings, log.topic_settings(topic));
  if (settings.segment_bytes > segment_bytes)
    changes.push_back({"segment.bytes", std::to_string(segment_bytes)});
  if (!changes.empty()) MILLRACE_TRY(log.alter_topic(topic, changes));
  return {};
}

}  // namespace

Status write_pass_begun(log::Log& log, millrace::Clock& clock, std::int64_t pass) {
  MILLRACE_ASSIGN(const log::Topic topic,
                  log.create_topic({passes_topic, 1, log::TopicKind::events, passes_owner}));
  PassWriter writer(log, topic.id, clock.wall_ms(), pass);
  MILLRACE_TRY(writer.add(std::to_string(pass), PassBegun{pass}));
  return writer.finish(clock.monotonic_ns() + visible_ns);
}

Status write_pass_end(log::Log& log, millrace::Clock& clock, std::int64_t pass,
                      const PassEnd& end) {
  MILLRACE_ASSIGN(const log::Topic topic,
                  log.create_topic({passes_topic, 1, log::TopicKind::events, passes_owner}));
  PassWriter writer(log, topic.id, clock.wall_ms(), pass);
  for (const auto& [product, level] : end.shelves)
    MILLRACE_TRY(writer.add(product, ShelfCounted{level, pass}));
  for (const auto& [country, revenue] : end.revenue)
    MILLRACE_TRY(writer.add(country, RevenueCounted{revenue, pass}));
  PassCompleted completed{pass, log.identity(), end.requests, {}};
  for (const auto& [name, ends] : end.topics)
    completed.topics.push_back({name, ends});
  MILLRACE_TRY(writer.add(std::to_string(pass), completed));
  return writer.finish(clock.monotonic_ns() + visible_ns);
}

Status set_retention(log::Log& log, std::int64_t retention_ms, const TopicEnds& begin) {
  MILLRACE_TRY(hold(log, begin));
  std::set<std::string_view> forgetting(audited_topics.begin(), audited_topics.end());
  forgetting.insert(other_topics.begin(), other_topics.end());
  MILLRACE_ASSIGN(const auto topics, log.topics());
  for (const log::Topic& topic : topics) {
    if (forgetting.contains(topic.spec.name)) {
      MILLRACE_TRY(
          alter(log, topic.id,
                {{"cleanup.policy", "delete"}, {"retention.ms", std::to_string(retention_ms)}}));
    } else if (log::is_state(topic.spec)) {
      MILLRACE_TRY(alter(log, topic.id, {}));
    }
  }
  return {};
}

}  // namespace retail
