// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/serdes.hpp"

namespace millrace::stream {

namespace {

RecordType with(RecordType type, const Serdes& serdes) {
  if (serdes.key != nullptr) type.key_serde = serdes.key;
  if (serdes.value != nullptr) type.serde = serdes.value;
  if (serdes.envelope) type.envelope = *serdes.envelope;
  return type;
}

}  // namespace

RecordType public_record(const codec::TypeInfo& key, const codec::TypeInfo& value,
                         const Serdes& serdes) {
  return with(
      {&key, &value, codec::key_serde(), codec::json_serde(), codec::Envelope::cloud_events},
      serdes);
}

RecordType private_record(const codec::TypeInfo& key, const codec::TypeInfo& value,
                          const Serdes& serdes) {
  return with({&key, &value, codec::key_serde(), codec::binary_serde(), codec::Envelope::context},
              serdes);
}

}  // namespace millrace::stream
