// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client_producer.hpp"
#include "groups.hpp"
#include "identity.hpp"
#include "millrace/base/mutex.hpp"
#include "producer.hpp"
#include "sequences.hpp"
#include "topics.hpp"
#include "visibility.hpp"

namespace millrace::log::kafka {

/// Brings transactions to Kafka: a single record by itself, everything else by a transaction of
/// Kafka's. One with claims goes under the identity that the claims belong to, one with a sequence
/// under an id of its producer name, any other under an id of this handle. Thread-safe.
class Commits {
 public:
  /// `unique` names the handle among all; everything else outlives it.
  Commits(const ClientConfig& config, const LogOptions& options, Reader& reader, Topics& topics,
          Groups& groups, Identity& identity, Visibility& visibility, std::string unique)
      : config_(config),
        options_(options),
        topics_(topics),
        groups_(groups),
        identity_(identity),
        visibility_(visibility),
        ids_(reader.ids()),
        unique_(std::move(unique)),
        sequences_(config, reader) {}

  /// Log::commit, without the notes of Positions.
  [[nodiscard]] Result<Committed> commit(Transaction& transaction);

 private:
  struct Outgoing {
    std::vector<OutgoingBatch> batches;
    std::vector<TopicPartition> partitions;  // of the batches
    std::vector<bool> are_state;             // whether the topics of the batches hold state
    std::vector<OutgoingPositions> positions;
    /// Why nothing of it can be written, unless it is the repeat of a commit.
    std::optional<Error> refused;
  };
  [[nodiscard]] Result<Outgoing> prepare(Transaction& transaction);
  [[nodiscard]] Result<Committed> send(Outgoing& out, const Transaction& transaction);
  /// Everything of it that can be read by the names of topics is in the topics that are meant.
  [[nodiscard]] Status check_topics(Producer& producer, const Outgoing& out);
  [[nodiscard]] Status commit_all(Producer& producer, Outgoing& out);
  [[nodiscard]] Status commit_single(Outgoing& out);
  [[nodiscard]] Status commit_free(Outgoing& out);
  [[nodiscard]] Result<Committed> commit_sequence(Outgoing& out, const Transaction& transaction);
  [[nodiscard]] Status see_earlier_sequences(Producer& producer, const Transaction& transaction)
      MILLRACE_REQUIRES(sequenced_mutex_);
  /// Readers may not see it yet. Under a claim before the claim can be released.
  void note_unseen(const Outgoing& out);
  [[nodiscard]] static Committed answer(const Outgoing& out);
  [[nodiscard]] Result<Committed> repeated(const Sequences::Last& last, const Outgoing& out);

  const ClientConfig& config_;
  const LogOptions& options_;
  Topics& topics_;
  Groups& groups_;
  Identity& identity_;
  Visibility& visibility_;
  TopicIds& ids_;
  const std::string unique_;  // part of the transactional id

  Mutex single_mutex_;
  std::unique_ptr<ClientProducer> single_ MILLRACE_GUARDED_BY(single_mutex_);
  Mutex free_mutex_;
  std::unique_ptr<Producer> free_ MILLRACE_GUARDED_BY(free_mutex_);
  Sequences sequences_;
  Mutex sequenced_mutex_;
  // By producer name.
  std::map<std::string, std::unique_ptr<Producer>> sequenced_ MILLRACE_GUARDED_BY(sequenced_mutex_);
  // By producer name: the claims under which what others committed by that name was seen.
  std::map<std::string, std::vector<Claim>> seen_under_ MILLRACE_GUARDED_BY(sequenced_mutex_);
};

}  // namespace millrace::log::kafka
