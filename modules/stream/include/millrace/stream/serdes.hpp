// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <utility>

#include "millrace/codec/envelope.hpp"
#include "millrace/codec/serde.hpp"

namespace millrace::stream {

/// The serdes and the envelope of a source, a sink or a store, if they are not the defaults. All
/// programs that read and write a topic must use the same.
///
/// | | keys | values | envelope |
/// |---|---|---|---|
/// | public topic | codec::key_serde() | codec::json_serde() | codec::Envelope::cloud_events |
/// | private topic | codec::key_serde() | codec::binary_serde() | codec::Envelope::context |
/// | store | always codec::key_serde(), in whose order it is | codec::binary_serde() | none |
///
/// Create it with serde(). Braces with a serde in them do not compile, because it would not be
/// clear whether the serde is for keys or for values.
///
///     builder.stream<OrderId, Order>("orders", serde(avro)).to("audit", serde(text_keys, avro));
struct Serdes {
  Serdes() = default;

  codec::SerdePtr key;
  codec::SerdePtr value;
  std::optional<codec::Envelope> envelope;
};

/// Of keys and values; nullptr: the default.
[[nodiscard]] inline Serdes serde(codec::SerdePtr key, codec::SerdePtr value,
                                  std::optional<codec::Envelope> envelope = std::nullopt) {
  Serdes serdes;
  serdes.key = std::move(key);
  serdes.value = std::move(value);
  serdes.envelope = envelope;
  return serdes;
}
/// Of values.
[[nodiscard]] inline Serdes serde(codec::SerdePtr value,
                                  std::optional<codec::Envelope> envelope = std::nullopt) {
  return serde(nullptr, std::move(value), envelope);
}
/// The envelope alone.
[[nodiscard]] inline Serdes serde(codec::Envelope envelope) {
  return serde(nullptr, nullptr, envelope);
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
