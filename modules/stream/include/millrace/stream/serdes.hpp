// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <utility>

#include "millrace/codec/envelope.hpp"
#include "millrace/codec/serde.hpp"

namespace millrace::stream {

/// What a source, a sink or a store uses in place of its defaults, which stand where nothing is
/// given. All that read and write a topic use the same.
///
/// | | keys | values | envelope |
/// |---|---|---|---|
/// | public topic | codec::key_serde() | codec::json_serde() | codec::Envelope::cloud_events |
/// | private topic | codec::key_serde() | codec::binary_serde() | codec::Envelope::context |
/// | store | always codec::key_serde(), in whose order it is | codec::binary_serde() | none |
///
///     builder.stream<OrderId, Order>("orders", serde(avro)).to("audit", serde(text_keys, avro));
struct Serdes {
  codec::SerdePtr key = nullptr;
  codec::SerdePtr value = nullptr;
  std::optional<codec::Envelope> envelope = std::nullopt;
};

[[nodiscard]] inline Serdes serde(codec::SerdePtr value,
                                  std::optional<codec::Envelope> envelope = std::nullopt) {
  return {nullptr, std::move(value), envelope};
}
[[nodiscard]] inline Serdes serde(codec::SerdePtr key, codec::SerdePtr value,
                                  std::optional<codec::Envelope> envelope = std::nullopt) {
  return {std::move(key), std::move(value), envelope};
}

/// How records of a topic are read and written.
struct RecordType {
  const codec::TypeInfo* key = nullptr;
  const codec::TypeInfo* value = nullptr;
  codec::SerdePtr key_serde = codec::key_serde();
  codec::SerdePtr serde = codec::json_serde();  ///< of values
  codec::Envelope envelope = codec::Envelope::cloud_events;
};

/// Of a public topic: events or commands.
[[nodiscard]] RecordType public_record(const codec::TypeInfo& key, const codec::TypeInfo& value,
                                       const Serdes& serdes = {});
/// Of a private topic.
[[nodiscard]] RecordType private_record(const codec::TypeInfo& key, const codec::TypeInfo& value,
                                        const Serdes& serdes = {});

}  // namespace millrace::stream
