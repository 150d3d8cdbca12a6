// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/sender.hpp"

#include <charconv>
#include <stdexcept>

#include "millrace/base/assert.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/record_size.hpp"
#include "runtime/too_large.hpp"

namespace millrace::stream::runtime {

namespace {

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out.append(digits, end);
}

}  // namespace

void Sender::begin(std::string_view id_prefix, std::uint64_t number,
                   const codec::EventContext& context) {
  id_prefix_ = id_prefix;
  number_ = number;
  outputs_ = keyless_ = 0;
  context_ = &context;
  private_ready_ = false;
}

Status Sender::send(const SinkSpec& spec, const Message& message) {
  const ResolvedSink& sink = shared_->sinks[static_cast<std::size_t>(spec.node)];
  MILLRACE_ASSERT(sink.spec != nullptr, "a sink node sends to a sink of the topology");
  const RecordType& type = sink.spec->type;
  log::Record record = encoder_.encode(type, message.key, message.value, message.timestamp_ms);
  if (type.envelope == codec::Envelope::cloud_events)
    record.headers = public_headers(sink, message);
  if (type.envelope == codec::Envelope::context) record.headers = private_headers();
  const std::int32_t partition = partition_for(sink, message, record.key);
  if (partition < 0 || partition >= sink.partitions) {
    throw std::out_of_range("the partitioner of " + sink.spec->topic.name + " answered " +
                            std::to_string(partition) + " of " + std::to_string(sink.partitions) +
                            " partitions");
  }
  const std::size_t bytes = log::record_bytes(record);
  if (bytes > shared_->record_bytes_max())
    return fail(too_large("a record for topic " + sink.spec->topic.name, *type.key,
                          record.key.value_or(""), bytes, shared_->record_bytes_max()));
  out_->add({sink.topic, log::partition(partition)}, record, bytes);
  return {};
}

std::int32_t Sender::partition_for(const ResolvedSink& sink, const Message& message,
                                   std::optional<std::string_view> key) {
  if (sink.spec->partitioner)
    return sink.spec->partitioner(message.key, message.value, sink.partitions);
  // Records without a key are spread, each to the same partition again when it is repeated.
  if (!key) {
    spread_.assign(id_prefix_);
    append_number(spread_, number_);
    append_number(spread_, keyless_++);
    return static_cast<std::int32_t>(xxh64(spread_) % static_cast<std::uint64_t>(sink.partitions));
  }
  return partition_of(*key, sink.partitions);
}

// docs/formats/cloud_events.md. The id is a function of the input alone: the same after a crash,
// and in a simulation.
log::HeadersView Sender::public_headers(const ResolvedSink& sink, const Message& message) {
  id_.assign(id_prefix_);
  append_number(id_, number_);
  id_.push_back('.');
  append_number(id_, outputs_++);
  codec::EventHeaders event;
  event.id = id_;
  event.source = shared_->source;
  event.correlation = context_->correlation;
  event.causation = context_->id;
  event.request = context_->request;
  event.trace = context_->trace;
  event.time_ms = message.timestamp_ms;
  event.content_type = sink.spec->type.serde->content_type();
  if (event.trace.valid()) event.trace.span = xxh64(id_) | 1U;  // zero means no span
  return encoder_.event_headers(*sink.spec->type.value, message.value, event);
}

log::HeadersView Sender::private_headers() {
  if (!private_ready_) {
    private_ = encoder_.private_headers(*context_);
    private_ready_ = true;
  }
  return private_;
}

}  // namespace millrace::stream::runtime
