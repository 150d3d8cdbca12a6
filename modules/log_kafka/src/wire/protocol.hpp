// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/varint.hpp"

// Kafka's protocol, as far as it is spoken here: https://kafka.apache.org/protocol. The lowest
// version of every request is one that brokers from 2.5 on understand, except of Metadata: brokers
// that do not take it have no ids of topics, for which it is asked.
namespace millrace::log::kafka::wire {

/// Requests by their api keys.
enum class Api : std::int16_t {
  produce = 0,
  fetch = 1,
  metadata = 3,
  offset_fetch = 9,
  find_coordinator = 10,
  sasl_handshake = 17,
  api_versions = 18,
  init_producer_id = 22,
  add_partitions_to_txn = 24,
  add_offsets_to_txn = 25,
  end_txn = 26,
  txn_offset_commit = 28,
  sasl_authenticate = 36,
  incremental_alter_configs = 44,
};

/// A range of versions of a request, both ends included.
struct Versions {
  std::int16_t lowest = 0;
  std::int16_t highest = 0;
};

/// The versions of a request that are spoken here.
[[nodiscard]] constexpr Versions spoken(Api api) {
  switch (api) {
    case Api::produce:
      return {8, 13};
    case Api::fetch:
      return {11, 13};
    case Api::metadata:
      return {10, 12};
    case Api::offset_fetch:
      return {7, 7};
    case Api::txn_offset_commit:
    case Api::end_txn:
      return {2, 5};
    case Api::find_coordinator:
    case Api::add_partitions_to_txn:
    case Api::add_offsets_to_txn:
      return {2, 2};
    case Api::init_producer_id:
      return {1, 5};
    case Api::sasl_handshake:
    case Api::sasl_authenticate:
      return {1, 1};
    case Api::api_versions:
      return {3, 3};
    case Api::incremental_alter_configs:
      return {0, 0};
  }
  return {0, 0};
}

/// The version of a request that belongs to transactions of version 2 (KIP-890).
[[nodiscard]] constexpr std::int16_t version_of_second(Api api) {
  // The one after it names topics by their ids.
  return api == Api::produce ? 12 : spoken(api).highest;
}

/// The first version of a request that has the flexible form: the sizes of strings and arrays are
/// varints, and every structure ends with tagged fields, the headers too.
[[nodiscard]] constexpr std::int16_t first_flexible(Api api) {
  switch (api) {
    case Api::produce:
      return 9;
    case Api::fetch:
      return 12;
    case Api::metadata:
      return 9;
    case Api::offset_fetch:
      return 6;
    case Api::find_coordinator:
    case Api::api_versions:
    case Api::add_partitions_to_txn:
    case Api::add_offsets_to_txn:
    case Api::end_txn:
    case Api::txn_offset_commit:
      return 3;
    case Api::init_producer_id:
    case Api::sasl_authenticate:
      return 2;
    case Api::incremental_alter_configs:
      return 1;
    case Api::sasl_handshake:
      break;
  }
  return std::numeric_limits<std::int16_t>::max();
}

[[nodiscard]] constexpr bool is_flexible(Api api, std::int16_t version) {
  return version >= first_flexible(api);
}

[[nodiscard]] constexpr std::string_view name_of(Api api) {
  switch (api) {
    case Api::produce:
      return "Produce";
    case Api::fetch:
      return "Fetch";
    case Api::metadata:
      return "Metadata";
    case Api::offset_fetch:
      return "OffsetFetch";
    case Api::find_coordinator:
      return "FindCoordinator";
    case Api::api_versions:
      return "ApiVersions";
    case Api::init_producer_id:
      return "InitProducerId";
    case Api::add_partitions_to_txn:
      return "AddPartitionsToTxn";
    case Api::add_offsets_to_txn:
      return "AddOffsetsToTxn";
    case Api::end_txn:
      return "EndTxn";
    case Api::txn_offset_commit:
      return "TxnOffsetCommit";
    case Api::sasl_handshake:
      return "SaslHandshake";
    case Api::sasl_authenticate:
      return "SaslAuthenticate";
    case Api::incremental_alter_configs:
      return "IncrementalAlterConfigs";
  }
  return "?";
}

/// Writes the body of a request, in the flexible form if asked for.
class Encoder {
 public:
  explicit Encoder(bool flexible = false) : flexible_(flexible) {}

  template <std::integral T>
  void number(T value) {
    char raw[sizeof(T)];
    store_big(raw, value);
    bytes_.append(raw, sizeof raw);
  }
  void flag(bool value) { bytes_.push_back(value ? '\1' : '\0'); }
  void string(std::string_view text) {
    size<std::int16_t>(text.size());
    bytes_.append(text);
  }
  void null_string() { null<std::int16_t>(); }
  void bytes(std::string_view value) {
    size<std::int32_t>(value.size());
    bytes_.append(value);
  }
  /// What `append` adds to the string it gets is the value.
  template <class Append>
  void bytes_by(Append append) {
    const std::size_t size_at = bytes_.size();
    if (flexible_) {
      append(bytes_);
      char raw[varint_bytes_max];
      const auto value = static_cast<std::uint32_t>(bytes_.size() - size_at);
      bytes_.insert(bytes_.begin() + static_cast<std::ptrdiff_t>(size_at), raw,
                    write_varint(raw, value + 1));
      return;
    }
    number<std::int32_t>(0);
    append(bytes_);
    store_big(bytes_.data() + size_at,
              static_cast<std::int32_t>(bytes_.size() - size_at - sizeof(std::int32_t)));
  }
  /// Stands before so many elements.
  void count(std::size_t elements) { size<std::int32_t>(elements); }
  /// Stands for an array that is null.
  void null_count() { null<std::int32_t>(); }
  /// Ends a structure, without tagged fields. Nothing but in the flexible form.
  void tags() {
    if (flexible_) varint(0);
  }
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }

  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  void varint(std::uint32_t value) {
    char raw[varint_bytes_max];
    bytes_.append(raw, write_varint(raw, value));
  }
  // In the flexible form a size is one more, and null is 0.
  template <std::integral T>
  void size(std::size_t value) {
    flexible_ ? varint(static_cast<std::uint32_t>(value) + 1) : number(static_cast<T>(value));
  }
  template <std::integral T>
  void null() {
    flexible_ ? varint(0) : number<T>(-1);
  }

  std::string bytes_;
  bool flexible_;
};

/// Reads the body of an answer, in the flexible form if asked for. What is missing reads as zero
/// and makes ok() false; safe on hostile input.
class Decoder {
 public:
  explicit Decoder(std::string_view body, bool flexible = false) : in_(body), flexible_(flexible) {}

  template <std::integral T>
  T number() {
    return in_.big<T>();
  }
  bool flag() { return in_.byte() != 0; }
  /// Null reads as empty.
  std::string_view string() { return run(size<std::int16_t>()); }
  std::string_view bytes() { return run(size<std::int32_t>()); }
  /// How many elements follow, of at least so many bytes each; null is none.
  std::size_t count(std::size_t element_bytes) {
    const std::int64_t elements = size<std::int32_t>();
    return elements <= 0 ? 0 : in_.count(elements, element_bytes);
  }
  /// Passes over the tagged fields at the end of a structure. Nothing but in the flexible form.
  void tags() {
    tags([](std::uint32_t, std::string_view) {});
  }
  /// The same; gives each tag and the bytes of its field to `take`.
  template <class Take>
  void tags(Take take) {
    if (!flexible_) return;
    for (auto left = in_.count(in_.varint<std::uint32_t>(), 2); left > 0 && ok(); --left) {
      const auto tag = in_.varint<std::uint32_t>();
      const std::string_view field = in_.bytes(in_.varint<std::uint32_t>());
      if (ok()) take(tag, field);
    }
  }

  [[nodiscard]] bool ok() const { return in_.ok(); }
  /// What was not read.
  [[nodiscard]] std::string_view rest() const { return in_.rest(); }

 private:
  // Below 0 for null.
  template <std::integral T>
  std::int64_t size() {
    return flexible_ ? std::int64_t{in_.varint<std::uint32_t>()} - 1 : number<T>();
  }
  std::string_view run(std::int64_t bytes) {
    return bytes <= 0 ? std::string_view() : in_.bytes(bytes);
  }

  ByteReader in_;
  bool flexible_;
};

}  // namespace millrace::log::kafka::wire
