// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "producer.hpp"
#include "wire/batch_cutter.hpp"
#include "wire/cluster.hpp"
#include "wire/compressor.hpp"
#include "wire/connection.hpp"
#include "wire/coordinator_link.hpp"
#include "wire/messages.hpp"

namespace millrace::log::kafka::wire {

/// Writes the batches of a transaction to the leaders of their partitions: at any time one batch of
/// each partition and one request to each broker is under way, and what got no answer is sent
/// again, which a broker recognizes by its sequence number. Never waits: turn() goes as far as it
/// can. One thread at a time.
class PartitionWriter {
 public:
  PartitionWriter(Cluster& cluster, std::string client_id, const RetryPolicy& retry_policy,
                  std::size_t batch_bytes_max, const Compression& compression);

  /// The batch and its bytes stay where they are until it is done or dropped; it
  /// receives the offsets of its records.
  void add(OutgoingBatch& batch);
  void turn(const Producing& producer, std::int64_t now_ns);
  [[nodiscard]] bool is_done() const { return pending_ == 0; }
  /// Done, or stopped with nothing under way.
  [[nodiscard]] bool is_at_rest() const { return is_done() || (stopped_ && !is_waiting()); }
  /// An error that no retry helps against.
  [[nodiscard]] const std::optional<PartitionError>& refused() const { return refused_; }
  /// Whether a batch may have been written for which no response came.
  [[nodiscard]] bool is_unsure() const;
  /// Whether a batch was sent to a topic by its name since clear_names(): it may have been written
  /// to another one of that name.
  [[nodiscard]] bool used_names() const { return used_names_; }
  void clear_names() { used_names_ = false; }
  /// Whether an answer is still to come.
  [[nodiscard]] bool is_waiting() const;
  /// Sends no more until resume(); what is under way is still answered.
  void stop() { stopped_ = true; }
  void resume() { stopped_ = false; }
  /// The producer has another epoch, in which brokers count its records from 0. Nothing is under
  /// way.
  void begin_epoch();
  /// Forgets what was not written.
  void drop();

  /// Appends what to wait for.
  void collect(std::vector<Connection*>& connections) const;
  [[nodiscard]] std::int64_t due_ns(std::int64_t now_ns) const;
  /// Why it is not done yet, as far as that is known.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Pending {
    BatchCutter cutter;
    CutPosition at;
    CutPosition end;  ///< of what is under way
    OutgoingBatch* batch;
  };
  struct Partition {
    std::int32_t sequence = 0;  ///< of the next record
    std::deque<Pending> pending;
    std::int64_t due_ns = 0;  ///< nothing is tried before
    bool under_way = false;
    bool unsure = false;                ///< the batch that is next was sent before
    unsigned refusals = 0;              ///< one after the other
    std::int64_t unknown_since_ns = 0;  ///< the leader does not know the id; 0: it does
  };
  using Entry = std::pair<const KafkaPartition, Partition>;
  struct Link {
    std::unique_ptr<Connection> connection;
    std::vector<Entry*> asked;  ///< whose batches are under way
    std::vector<Entry*> held;   ///< that wait until the leader says which versions it takes
    std::int16_t version = 0;   ///< of the request that is under way
  };

  void receive(std::int64_t now_ns);
  void take(Link& link, std::string_view body, std::int64_t now_ns);
  [[nodiscard]] bool can_send(Link& link, std::int16_t version, std::vector<Entry*> entries);
  void take(Entry& entry, const Produced& produced, std::int64_t now_ns);
  void lose(Link& link, std::int64_t now_ns);
  void try_later(Entry& entry, std::int64_t now_ns);
  void send(const Producing& producer, std::int64_t now_ns);
  void send(Link& link, const Producing& producer, std::vector<Entry*> entries);

  Cluster& cluster_;
  const std::string client_id_;
  const RetryPolicy retry_policy_;
  const std::size_t max_batch_bytes_;
  const Compression compression_;
  std::map<KafkaPartition, Partition> partitions_;
  std::map<net::Address, Link> links_;
  std::size_t pending_ = 0;
  bool stopped_ = false;
  bool used_names_ = false;
  std::optional<PartitionError> refused_;
  std::string trouble_;
};

}  // namespace millrace::log::kafka::wire
