// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/protocol.hpp"
#include "kafka_proxy/wire.hpp"

namespace millrace::testkit::kafka_proxy {
namespace {

constexpr std::int32_t no_throttle_ms = 0;
constexpr std::int16_t unstable_offset_commit = 88;

// Responds with the error for every partition of a request. `skip_partition` reads what follows the
// partition's number in the request, `write_partition` writes what follows it in the response.
template <class Skip, class Write>
void answer_partitions(WireReader& request, WireWriter& response, Skip skip_partition,
                       Write write_partition) {
  const auto topics = request.array();
  response.array(topics);
  for (std::int32_t topic = 0; topic < topics && request.ok(); ++topic) {
    response.string(request.string());
    const auto partitions = request.array();
    response.array(partitions);
    for (std::int32_t i = 0; i < partitions && request.ok(); ++i) {
      response.i32(request.i32());
      skip_partition();
      write_partition();
    }
    request.tags();
    response.tags();
  }
}

void fail_produce(WireReader& request, WireWriter& response, std::int16_t version,
                  std::int16_t error) {
  if (version >= 3) request.string();
  request.i16();
  request.i32();
  answer_partitions(
      request, response,
      [&] {
        request.bytes();
        request.tags();
      },
      [&] {
        response.i16(error).i64(-1);
        if (version >= 2) response.i64(-1);
        if (version >= 5) response.i64(-1);
        if (version >= 8) response.array(0).null_string();
        response.tags();
      });
  if (version >= 1) response.i32(no_throttle_ms);
}

void fail_add_partitions(WireReader& request, WireWriter& response, std::int16_t error) {
  request.string();
  request.i64();
  request.i16();
  response.i32(no_throttle_ms);
  answer_partitions(request, response, [] {}, [&] { response.i16(error).tags(); });
}

void fail_txn_offset_commit(WireReader& request, WireWriter& response, std::int16_t version,
                            std::int16_t error) {
  request.string();
  request.string();
  request.i64();
  request.i16();
  if (version >= 3) {
    request.i32();
    request.string();
    request.string();
  }
  response.i32(no_throttle_ms);
  answer_partitions(
      request, response,
      [&] {
        request.i64();
        if (version >= 2) request.i32();
        request.string();
        request.tags();
      },
      [&] { response.i16(error).tags(); });
}

// Brokers refuse a group as a whole; only the positions that an open transaction moves have errors
// of their own.
void fail_offset_fetch(WireReader& request, WireWriter& response, std::int16_t version,
                       std::int16_t error) {
  request.string();
  if (version >= 3) response.i32(no_throttle_ms);
  if (error != unstable_offset_commit) {
    response.array(0).i16(error);
    return;
  }
  answer_partitions(
      request, response, [] {},
      [&] {
        response.i64(-1);
        if (version >= 5) response.i32(-1);
        response.string("").i16(error).tags();
      });
  response.i16(0);
}

// Those whose error stands at the top. False when this version has none there.
bool fail_at_top(KafkaApi api, std::int16_t version, WireWriter& response, std::int16_t error) {
  switch (api) {
    case KafkaApi::fetch:
      response.i32(no_throttle_ms).i16(error).i32(0).array(0);
      return version >= 7;
    case KafkaApi::find_coordinator:
      if (version >= 1) response.i32(no_throttle_ms);
      response.i16(error);
      if (version >= 1) response.null_string();
      response.i32(-1).string("").i32(-1);
      return version <= 3;
    case KafkaApi::heartbeat:
      if (version >= 1) response.i32(no_throttle_ms);
      response.i16(error);
      return true;
    case KafkaApi::sync_group:
      if (version >= 1) response.i32(no_throttle_ms);
      response.i16(error);
      if (version >= 5) response.null_string().null_string();
      response.bytes("");
      return true;
    case KafkaApi::init_producer_id:
      response.i32(no_throttle_ms).i16(error).i64(-1).i16(-1);
      return version <= 5;
    case KafkaApi::add_offsets_to_txn:
      response.i32(no_throttle_ms).i16(error);
      return true;
    case KafkaApi::end_txn:
      response.i32(no_throttle_ms).i16(error);
      if (version >= 5) response.i64(-1).i16(-1);
      return true;
    default:
      return false;
  }
}

}  // namespace

bool can_fail(KafkaApi api) {
  switch (api) {
    case KafkaApi::produce:
    case KafkaApi::fetch:
    case KafkaApi::offset_fetch:
    case KafkaApi::find_coordinator:
    case KafkaApi::heartbeat:
    case KafkaApi::sync_group:
    case KafkaApi::init_producer_id:
    case KafkaApi::add_partitions_to_txn:
    case KafkaApi::add_offsets_to_txn:
    case KafkaApi::end_txn:
    case KafkaApi::txn_offset_commit:
      return true;
    default:
      return false;
  }
}

std::optional<std::string> fail_request(const KafkaRequest& request, std::int16_t error) {
  const bool flexible = is_flexible(request.api, request.version);
  WireReader body(request.body, flexible);
  WireWriter response(flexible);
  response.i32(request.correlation_id).tags();
  switch (request.api) {
    case KafkaApi::produce:
      fail_produce(body, response, request.version, error);
      break;
    case KafkaApi::offset_fetch:
      if (request.version < 2 || request.version > 7) return std::nullopt;
      fail_offset_fetch(body, response, request.version, error);
      break;
    case KafkaApi::add_partitions_to_txn:
      if (request.version > 3) return std::nullopt;
      fail_add_partitions(body, response, error);
      break;
    case KafkaApi::txn_offset_commit:
      fail_txn_offset_commit(body, response, request.version, error);
      break;
    default:
      if (!fail_at_top(request.api, request.version, response, error)) return std::nullopt;
  }
  if (!body.ok()) return std::nullopt;
  response.tags();
  return response.finish();
}

}  // namespace millrace::testkit::kafka_proxy
