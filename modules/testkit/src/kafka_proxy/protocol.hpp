// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/testkit/kafka_proxy.hpp"

// The messages of Kafka's protocol as far as the proxy looks into them. Their fields by version are
// those of Apache Kafka's clients/src/main/resources/common/message/*.json.
namespace millrace::testkit::kafka_proxy {

/// Whether this version has the flexible form. Only for requests that the proxy looks into.
bool is_flexible(KafkaApi api, std::int16_t version);

/// The highest version that clients may use; nothing when the request is withheld from them because
/// its response tells addresses that the proxy does not replace.
std::optional<std::int16_t> highest_version(
    std::int16_t api_key, KafkaTransactions transactions = KafkaTransactions::version_1);

/// What a rule can see of a request. `frame` begins with the size and outlives the result; nothing
/// when it is no request.
std::optional<KafkaRequest> decode_request(std::string_view frame);

/// False for a produce request that asks for no acknowledgement.
bool has_response(const KafkaRequest& request);

struct Address {
  std::string host;
  std::int32_t port = 0;
};

/// Tells the address that clients shall use for a broker; nothing when there can be none.
using Advertise = std::function<std::optional<Address>(std::int32_t node, const Address& broker)>;

/// The response with addresses replaced and versions lowered. `frame` begins with the size. Nothing
/// when it cannot be read or an address cannot be replaced: then it must not reach the client.
std::optional<std::string> rewrite_response(
    KafkaApi api, std::int16_t version, std::string frame, const Advertise& advertise,
    KafkaTransactions transactions = KafkaTransactions::version_1);

/// Whether fail_request() knows this request at all.
bool can_fail(KafkaApi api);
/// The response, with its size, that fails a request; nothing when this version has no such error.
std::optional<std::string> fail_request(const KafkaRequest& request, std::int16_t error);

}  // namespace millrace::testkit::kafka_proxy
