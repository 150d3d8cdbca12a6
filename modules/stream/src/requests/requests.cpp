// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/requests.hpp"

#include <algorithm>
#include <stdexcept>

#include "millrace/base/hash.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/stream/request_ids.hpp"

namespace millrace::stream {

std::uint64_t body_hash(const RequestAsked& asked) {
  std::string text;
  for (const std::string& part : {asked.type, asked.key, asked.command})
    text.append(std::to_string(part.size())).append(":").append(part);
  return xxh64(text);
}

namespace detail {

namespace {

void check_asked(const Status& decoded, const char* what) {
  if (!decoded)
    throw std::invalid_argument(std::string("the ") + what +
                                " of the request: " + decoded.error().to_string());
}

// A letter of a private record has its context in another form.
codec::EventContext context_of(const RecordInHand& record) {
  if (!record.context.request.empty() || !record.headers.find("cx")) return record.context;
  const auto context = codec::read_private_context(record.headers.encoded(), record.headers.size());
  return context ? *context : record.context;
}

}  // namespace

std::int64_t RequestsPart::sweep_interval_ms() const {
  return std::clamp<std::int64_t>(keep_ms / 10, 1'000, 3'600'000);
}

void decode_asked(const std::string& id, const RequestAsked& asked, const codec::TypeInfo& key_type,
                  void* key, const codec::TypeInfo& command_type, void* command) {
  if (id.empty() || id.size() > request_id_bytes_max)
    throw std::invalid_argument("the id of the request has " + std::to_string(id.size()) +
                                " bytes, and 1 to " + std::to_string(request_id_bytes_max) +
                                " are allowed");
  if (command_type.kind != codec::Kind::variant && !codec::is_event_type(command_type, asked.type))
    throw std::invalid_argument("the request is of type " + asked.type + ", and type " +
                                std::string(codec::event_type(command_type)) + " is expected");
  check_asked(codec::decode_json(key_type, {}, asked.key, key), "key");
  check_asked(codec::decode_json(command_type, asked.type, asked.command, command), "command");
}

std::optional<std::pair<std::string, RequestEnded>> ended_by(
    const codec::EventContext& event, const RequestsPart& part,
    std::span<const std::string_view> types, const codec::TypeInfo& value_type, const void* value) {
  if (event.request.empty()) return std::nullopt;
  const std::string_view type = codec::event_type(value_type, value);
  if (std::find(types.begin(), types.end(), type) == types.end()) return std::nullopt;
  auto id = request_of(event.request, part.topic);
  if (!id) return std::nullopt;
  RequestEnded ended;
  ended.type = type;
  codec::encode_json(value_type, value, ended.outcome);
  return std::pair(*std::move(id), std::move(ended));
}

void LetterProcessor::process(const std::string&, const AnyValue&, ProcessorContext& context) {
  const RecordInHand& record = context.record();
  // Of a letter of this service that failed here: it would come back without end.
  if (record.headers.find("dl-topic") == record.topic) return;
  const auto id = request_of(context_of(record).request, part_.topic);
  if (!id) return;
  RequestEnded ended;
  ended.outcome = record.headers.find("dl-reason").value_or("");
  ended.letter = std::string(record.topic) + "-" + std::to_string(record.partition.value) + ":" +
                 std::to_string(record.offset.value);
  context.emit(ended_, *id, ended);
}

void EndProcessor::process(const std::string& id, const RequestEnded& ended,
                           ProcessorContext& context) {
  auto entries = context.store(entries_);
  auto entry = entries.get(id);
  const bool is_letter = !ended.letter.empty();
  if (!entry || entry->state == RequestState::ended ||
      (is_letter && entry->state == RequestState::dead_lettered)) {
    return;
  }
  entry->replaced = entry->state == RequestState::dead_lettered;
  entry->state = is_letter ? RequestState::dead_lettered : RequestState::ended;
  entry->ended_ms = context.wall_ms();
  entry->type = ended.type;
  entry->outcome = ended.outcome;
  entry->letter = ended.letter;
  entries.put(id, *entry);
}

}  // namespace detail
}  // namespace millrace::stream
