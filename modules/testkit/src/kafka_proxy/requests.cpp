// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <array>
#include <limits>

#include "kafka_proxy/protocol.hpp"
#include "kafka_proxy/wire.hpp"

namespace millrace::testkit::kafka_proxy {
namespace {

struct FirstFlexible {
  KafkaApi api;
  std::int16_t version;
};

constexpr std::array first_flexible{
    FirstFlexible{KafkaApi::produce, 9},
    FirstFlexible{KafkaApi::fetch, 12},
    FirstFlexible{KafkaApi::metadata, 9},
    FirstFlexible{KafkaApi::offset_commit, 8},
    FirstFlexible{KafkaApi::offset_fetch, 6},
    FirstFlexible{KafkaApi::find_coordinator, 3},
    FirstFlexible{KafkaApi::join_group, 6},
    FirstFlexible{KafkaApi::heartbeat, 4},
    FirstFlexible{KafkaApi::leave_group, 4},
    FirstFlexible{KafkaApi::sync_group, 4},
    FirstFlexible{KafkaApi::api_versions, 3},
    FirstFlexible{KafkaApi::init_producer_id, 2},
    FirstFlexible{KafkaApi::add_offsets_to_txn, 3},
    FirstFlexible{KafkaApi::end_txn, 3},
    FirstFlexible{KafkaApi::txn_offset_commit, 3},
    FirstFlexible{KafkaApi::add_partitions_to_txn, 3},
};

void decode_end_txn(WireReader& body, KafkaRequest& request) {
  request.transactional_id = body.string();
  body.i64();
  body.i16();
  request.commits = body.i8() != 0;
}

// Names of transactions and groups stand at or near the beginning of every body.
void decode_names(WireReader& body, KafkaRequest& request) {
  switch (request.api) {
    case KafkaApi::produce:
      if (request.version >= 3) request.transactional_id = body.string();
      break;
    case KafkaApi::init_producer_id:
      request.transactional_id = body.string();
      break;
    case KafkaApi::add_partitions_to_txn:
      if (request.version <= 3) request.transactional_id = body.string();
      break;
    case KafkaApi::end_txn:
      decode_end_txn(body, request);
      break;
    case KafkaApi::add_offsets_to_txn:
      request.transactional_id = body.string();
      body.i64();
      body.i16();
      request.group = body.string();
      break;
    case KafkaApi::txn_offset_commit:
      request.transactional_id = body.string();
      request.group = body.string();
      break;
    case KafkaApi::offset_fetch:
      if (request.version <= 7) request.group = body.string();
      break;
    case KafkaApi::offset_commit:
    case KafkaApi::join_group:
    case KafkaApi::heartbeat:
    case KafkaApi::leave_group:
    case KafkaApi::sync_group:
      request.group = body.string();
      break;
    default:
      break;
  }
}

}  // namespace

bool is_flexible(KafkaApi api, std::int16_t version) {
  for (const auto& first : first_flexible) {
    if (first.api == api) return version >= first.version;
  }
  return false;
}

std::optional<std::int16_t> highest_version(std::int16_t api_key, KafkaTransactions transactions) {
  const bool second = transactions == KafkaTransactions::version_2;
  // 60 describes the cluster; 78 and 79 fetch and acknowledge for share groups.
  if (api_key == 60 || api_key == 78 || api_key == 79) return std::nullopt;
  switch (static_cast<KafkaApi>(api_key)) {
    case KafkaApi::produce:
      // Later responses name new leaders by address, which is taken off; from 13 on topics have ids
      // alone.
      return second ? 12 : 9;
    case KafkaApi::fetch:
      return 12;  // later ones name topics by ids alone
    case KafkaApi::metadata:
      return 13;
    case KafkaApi::offset_fetch:
      return 7;
    case KafkaApi::find_coordinator:
      return 6;
    case KafkaApi::api_versions:
      return 4;
    case KafkaApi::init_producer_id:
      return 5;
    // Of brokers among each other.
    case KafkaApi::add_partitions_to_txn:
      return 3;
    case KafkaApi::add_offsets_to_txn:
      return 4;
    // Later ones belong to transactions of version 2.
    case KafkaApi::end_txn:
    case KafkaApi::txn_offset_commit:
      return second ? 5 : 4;
    default:
      return std::numeric_limits<std::int16_t>::max();
  }
}

std::optional<KafkaRequest> decode_request(std::string_view frame) {
  WireReader reader(frame);
  KafkaRequest request;
  reader.i32();
  request.api = static_cast<KafkaApi>(reader.i16());
  request.version = reader.i16();
  request.correlation_id = reader.i32();
  request.client_id = reader.fixed_string();
  reader.set_flexible(is_flexible(request.api, request.version));
  reader.tags();
  if (!reader.ok()) return std::nullopt;
  request.body = reader.rest();
  decode_names(reader, request);
  return request;
}

bool has_response(const KafkaRequest& request) {
  if (request.api != KafkaApi::produce) return true;
  WireReader body(request.body, is_flexible(request.api, request.version));
  if (request.version >= 3) body.string();
  return body.i16() != 0;
}

}  // namespace millrace::testkit::kafka_proxy
