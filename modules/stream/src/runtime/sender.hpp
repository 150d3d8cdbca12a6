// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/codec/envelope.hpp"
#include "millrace/stream/record_encoder.hpp"
#include "runtime/outbox.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// Encodes what the nodes of a task send, with its envelope, for the outbox of the work item in
/// hand.
class Sender {
 public:
  Sender(const Shared& shared, Outbox& out) : shared_(&shared), out_(&out) {}

  /// From now on outputs come of the record (or firing) whose events' ids begin with `id_prefix`
  /// and `number`. The context is kept by reference: it lives until the next call.
  void begin(std::string_view id_prefix, std::uint64_t number, const codec::EventContext& context);
  /// What begin() was given has another content now.
  void context_changed() { private_ready_ = false; }

  /// log's errc::too_large for a record above the limit, with topic, key, size and limit. Throws
  /// std::out_of_range when the sink's partitioner returns no partition of the topic.
  [[nodiscard]] Status send(const SinkSpec& sink, const Message& message);

 private:
  [[nodiscard]] std::int32_t partition_for(const ResolvedSink& sink, const Message& message,
                                           std::optional<std::string_view> key);
  [[nodiscard]] log::HeadersView public_headers(const ResolvedSink& sink, const Message& message);
  [[nodiscard]] log::HeadersView private_headers();

  const Shared* shared_;
  Outbox* out_;
  std::string_view id_prefix_;
  std::uint64_t number_ = 0;
  std::uint32_t outputs_ = 0;  // public ones of the record in hand
  std::uint32_t keyless_ = 0;  // those without a key
  std::string spread_;
  const codec::EventContext* context_ = nullptr;
  bool private_ready_ = false;  // private_ are those of context_
  log::HeadersView private_;
  std::string id_;
  RecordEncoder encoder_;
};

}  // namespace millrace::stream::runtime
