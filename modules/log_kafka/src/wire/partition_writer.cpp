// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/partition_writer.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "millrace/log/errors.hpp"
#include "wire/by_topic.hpp"
#include "wire/compressed_batch.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr int leader_timeout_ms = 1'000;
// Shorter than a request is waited for, so that it is answered.
constexpr std::int32_t broker_timeout_ms = 10'000;
constexpr std::int16_t all_replicas = -1;
// Of one request, unless a batch is larger: a broker takes a hundred.
constexpr std::size_t max_request_bytes = 16U << 20U;

// A leader may not have heard yet of a topic that was just made.
constexpr std::int64_t unknown_id_ns = 5'000'000'000;

/// A leader says so before it appends anything. All else may come after that, or from another one.
bool is_surely_unwritten(Code code) {
  if (is_unknown_id(code)) return true;
  switch (code) {
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
      return true;
    default:
      return false;
  }
}

/// A broker that has not heard of a topic yet says so, and bytes can be damaged on the way.
bool passes(Code code) {
  return is_passing(code) || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         code == RD_KAFKA_RESP_ERR_INVALID_MSG || is_unknown_id(code);
}

/// The leader is the right one, and must wait for others: the markers of the transaction before,
/// the transaction's coordinator or its followers.
bool leaves_leader(Code code) {
  return code == RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS ||
         code == RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
}

}  // namespace

PartitionWriter::PartitionWriter(Cluster& cluster, std::string client_id,
                                 const RetryPolicy& retry_policy, std::size_t batch_bytes_max,
                                 const Compression& compression)
    : cluster_(cluster),
      client_id_(std::move(client_id)),
      retry_policy_(retry_policy),
      max_batch_bytes_(batch_bytes_max),
      compression_(compression) {}

void PartitionWriter::add(OutgoingBatch& batch) {
  if (batch.count == 0) return;
  const auto [entry, is_new] = partitions_.try_emplace(batch.at);
  if (!is_new && entry->first.id != batch.at.id && entry->second.pending.empty()) {
    // Of another topic that had the name: brokers count the records of this one from 0.
    auto node = partitions_.extract(entry);
    node.key().id = batch.at.id;
    node.mapped() = {};
    partitions_.insert(std::move(node));
  }
  partitions_.find(batch.at)->second.pending.push_back(
      {{batch.encoded, batch.count}, {}, {}, &batch});
  ++pending_;
}

bool PartitionWriter::is_unsure() const {
  return std::any_of(partitions_.begin(), partitions_.end(), [](const Entry& entry) {
    return entry.second.unsure || entry.second.under_way;
  });
}

bool PartitionWriter::is_waiting() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& link) { return !link.second.asked.empty(); });
}

void PartitionWriter::drop() {
  for (auto& [at, partition] : partitions_) {
    partition.unsure = partition.unsure || partition.under_way;
    partition.under_way = false;
    partition.pending.clear();
  }
  for (auto& [address, link] : links_)
    link.held.clear();
  // An answer that is still to come belongs to nothing any more.
  std::erase_if(links_, [&](const auto& link) {
    for (const Entry* const entry : link.second.asked)
      cluster_.forget(entry->first.topic);
    return !link.second.asked.empty();
  });
  pending_ = 0;
  stopped_ = false;
  refused_.reset();
}

void PartitionWriter::begin_epoch() {
  for (auto& [at, partition] : partitions_) {
    partition.sequence = 0;
    partition.unsure = false;
    partition.refusals = 0;
  }
}

void PartitionWriter::collect(std::vector<Connection*>& connections) const {
  for (const auto& [address, link] : links_)
    connections.push_back(link.connection.get());
}

std::int64_t PartitionWriter::due_ns(std::int64_t now_ns) const {
  std::int64_t due_ns = std::numeric_limits<std::int64_t>::max();
  if (is_done()) return due_ns;
  for (const auto& [at, partition] : partitions_) {
    if (!partition.pending.empty() && !partition.under_way && partition.due_ns > now_ns)
      due_ns = std::min(due_ns, partition.due_ns);
  }
  for (const auto& [address, link] : links_) {
    // Broken as soon as it was made, it would never wake anybody.
    if (link.connection->is_broken()) return now_ns;
    if (const auto since_ns = link.connection->waiting_since_ns())
      due_ns = std::min(due_ns, *since_ns + retry_policy_.answer_ns);
  }
  return due_ns;
}

void PartitionWriter::turn(const Producing& producer, std::int64_t now_ns) {
  receive(now_ns);
  if (!is_done() && !refused_ && !stopped_) send(producer, now_ns);
}

void PartitionWriter::receive(std::int64_t now_ns) {
  for (auto at = links_.begin(); at != links_.end();) {
    Link& link = at->second;
    link.connection->advance();
    while (const auto answer = link.connection->take())
      take(link, answer->body, now_ns);
    const auto since_ns = link.connection->waiting_since_ns();
    const bool silent = since_ns && now_ns - *since_ns >= retry_policy_.answer_ns;
    if (link.connection->is_broken() || silent) {
      trouble_ = link.connection->is_broken() ? link.connection->error().message()
                                              : at->first.text() + " does not answer";
      lose(link, now_ns);
      at = links_.erase(at);
    } else {
      ++at;
    }
  }
}

void PartitionWriter::lose(Link& link, std::int64_t now_ns) {
  for (Entry* const entry : link.asked) {
    entry->second.under_way = false;
    entry->second.unsure = true;
    try_later(*entry, now_ns + retry_policy_.loss_ns);
    cluster_.forget(entry->first.topic);
  }
  for (Entry* const entry : link.held) {
    try_later(*entry, now_ns + retry_policy_.loss_ns);
    cluster_.forget(entry->first.topic);
  }
}

void PartitionWriter::try_later(Entry& entry, std::int64_t now_ns) {
  Partition& partition = entry.second;
  partition.due_ns = now_ns + retry_policy_.pause_after(partition.refusals++);
}

void PartitionWriter::take(Link& link, std::string_view body, std::int64_t now_ns) {
  const auto answers = read_produced(body, link.version);
  const std::vector<Entry*> asked = std::exchange(link.asked, {});
  for (Entry* const entry : asked) {
    entry->second.under_way = false;
    Produced produced{entry->first, RD_KAFKA_RESP_ERR__BAD_MSG, -1, {}};
    if (answers) {
      const auto found = std::find_if(answers->begin(), answers->end(), [&](const auto& one) {
        return link.version == produce_by_id
                   ? one.at.id == entry->first.id && one.at.partition == entry->first.partition
                   : one.at == entry->first;
      });
      if (found != answers->end()) produced = *found;
    }
    take(*entry, produced, now_ns);
  }
}

void PartitionWriter::take(Entry& entry, const Produced& produced, std::int64_t now_ns) {
  auto& [at, partition] = entry;
  if (produced.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    Pending& batch = partition.pending.front();
    const std::int32_t records = batch.end.record - batch.at.record;
    if (batch.at.record == 0) batch.batch->first = offset(produced.first);
    batch.batch->end = offset(produced.first + records);
    partition.sequence = sequence_after(partition.sequence, records);
    batch.at = batch.end;
    partition.unsure = false;
    partition.refusals = 0;
    partition.unknown_since_ns = 0;
    if (!batch.cutter.is_end(batch.at)) return;
    partition.pending.pop_front();
    --pending_;
    return;
  }
  partition.unsure = partition.unsure || !is_surely_unwritten(produced.error);
  const bool is_unknown = is_unknown_id(produced.error);
  if (!is_unknown) partition.unknown_since_ns = 0;
  if (is_unknown && partition.unknown_since_ns == 0) partition.unknown_since_ns = now_ns;
  const bool is_gone = is_unknown && now_ns - partition.unknown_since_ns >= unknown_id_ns;
  if (passes(produced.error) && !is_gone) {
    trouble_ = error_of(produced.error, "writing to " + at.topic).message();
    try_later(entry, now_ns);
    if (!leaves_leader(produced.error)) cluster_.forget(at.topic);
    return;
  }
  if (!refused_) refused_ = PartitionError{produced.error, at, produced.message};
}

void PartitionWriter::send(const Producing& producer, std::int64_t now_ns) {
  std::map<net::Address, std::vector<Entry*>> ready;
  std::string_view leaderless;  // a topic, asked for in vain just now
  for (Entry& entry : partitions_) {
    auto& [at, partition] = entry;
    if (partition.pending.empty() || partition.under_way || now_ns < partition.due_ns) continue;
    if (at.topic == leaderless) {
      try_later(entry, now_ns);
      continue;
    }
    const Result<net::Address> leader = cluster_.leader(at, leader_timeout_ms);
    if (leader) {
      ready[*leader].push_back(&entry);
      continue;
    }
    leaderless = at.topic;
    trouble_ = leader.error().message();
    try_later(entry, now_ns);
    if (leader.error().is(errc::not_authorized))
      refused_ = PartitionError{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, at, {}};
  }
  for (const auto& [address, entries] : ready) {
    Link& link = links_[address];
    if (link.connection == nullptr)
      link.connection =
          std::make_unique<Connection>(address, client_id_, cluster_.clock(),
                                       cluster_.security().get(), cluster_.connect_timeout_ns());
    if (link.asked.empty() && can_send(link, producer.version(Api::produce), entries))
      send(link, producer, entries);
  }
}

/// Later, when the leader is yet to say what it takes.
bool PartitionWriter::can_send(Link& link, std::int16_t version, std::vector<Entry*> entries) {
  link.held.clear();
  if (version == spoken(Api::produce).lowest) return true;
  if (!link.connection->knows_versions()) {
    link.held = std::move(entries);
    return false;
  }
  if (link.connection->takes(Api::produce, version)) return true;
  refused_ = PartitionError{RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, entries.front()->first, {}};
  return false;
}

void PartitionWriter::send(Link& link, const Producing& producer, std::vector<Entry*> entries) {
  std::size_t taken = 0;
  for (std::size_t bytes = 0; taken < entries.size(); ++taken) {
    const Pending& batch = entries[taken]->second.pending.front();
    bytes += batch.cutter.next_bytes(batch.at, max_batch_bytes_);
    if (taken > 0 && bytes > max_request_bytes) break;
  }
  entries.resize(taken);
  link.version = producer.version(Api::produce);
  const bool by_id =
      producer.second && link.connection->takes(Api::produce, produce_by_id) &&
      std::ranges::none_of(entries, [](const Entry* one) { return one->first.id.is_none(); });
  if (by_id) link.version = produce_by_id;
  used_names_ = used_names_ || !by_id;
  std::string plain;  // one batch before it is compressed
  Encoder out(is_flexible(Api::produce, link.version));
  out.string(producer.transactional_id);
  out.number(all_replicas);
  out.number(broker_timeout_ms);
  by_topic<Entry*>(
      out, entries, [](const Entry* entry) -> const KafkaPartition& { return entry->first; },
      [&](Entry* entry) {
        auto& [at, partition] = *entry;
        Pending& batch = partition.pending.front();
        out.number(at.partition);
        out.bytes_by([&](std::string& bytes) {
          const bool compresses = compression_.codec != Codec::none;
          plain.clear();
          batch.end = batch.cutter.cut(batch.at, max_batch_bytes_, producer.producer,
                                       partition.sequence, compresses ? plain : bytes);
          if (compresses) {
            append_compressed_batch(compression_, plain, bytes);
          }
        });
        out.tags();
        partition.under_way = true;
      },
      by_id ? TopicNames::by_id : TopicNames::by_name);
  out.tags();
  link.asked = std::move(entries);
  link.connection->send(Api::produce, link.version, out.take());
}

}  // namespace millrace::log::kafka::wire
