// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/log/record.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// Why a record goes to the dead letters.
struct DeadLetterReason {
  ErrorCode code;
  std::string_view text;
  std::int64_t attempts = 1;
};
/// Where a dead letter was to be processed, and will be when it is replayed.
struct DeadLetterPlace {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string_view sub_topology;
};

/// Encodes what a task sends into the cycle's transaction: outputs with their envelope, dead
/// letters.
class Sender {
 public:
  explicit Sender(Shared& shared) : shared_(&shared) {}

  /// From now on outputs come of the record (or firing) whose events' ids begin with `id_prefix`
  /// and `number`. The context is kept by reference: it lives until the next call.
  void begin(std::string_view id_prefix, std::uint64_t number, const codec::EventContext& context);
  /// What begin() was given has another content now.
  void context_changed() { private_ready_ = false; }

  void send(const SinkSpec& sink, const Message& message);
  /// The record as it came, with place and reason in headers `dl-*` (docs/formats/dead_letter.md),
  /// to the task's partition of the dead letters.
  void dead_letter(const log::Record& record, const DeadLetterPlace& place, log::PartitionId task,
                   const DeadLetterReason& reason);

 private:
  void public_headers(const ResolvedSink& sink, const Message& message);
  void private_headers();

  Shared* shared_;
  std::string_view id_prefix_;
  std::uint64_t number_ = 0;
  std::uint32_t outputs_ = 0;  // public ones of the record in hand
  const codec::EventContext* context_ = nullptr;
  bool private_ready_ = false;  // private_ holds the headers of context_
  std::string key_;
  std::string value_;
  std::string id_;
  codec::EncodedHeaders public_;
  codec::EncodedHeaders private_;
  log::HeadersBuilder dead_;
};

}  // namespace millrace::stream::runtime
