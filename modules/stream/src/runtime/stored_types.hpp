// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/codec/converter.hpp"
#include "millrace/log/record.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream::runtime {

/// Brings what a store's changelog holds to the type of this build.
class StoredTypes {
 public:
  /// The spec outlives it.
  explicit StoredTypes(const StoreSpec& spec) : spec_(&spec) {}

  /// Whether the value of the record is in the form of this build as it stands, which is quick to
  /// see for a type that never changed: a restore reads millions.
  [[nodiscard]] bool unchanged(const log::RecordView& record) const {
    return record.headers.size() == 0 && spec_->value_type == 1;
  }
  /// The value of a record of the changelog in the form of this build, none for a tombstone; valid
  /// until the next call and as long as the record. errc::incompatible, or codec's, for a record of
  /// a type or version that this build does not know.
  [[nodiscard]] Result<std::optional<std::string_view>> current(const log::RecordView& record);

 private:
  // How a failure begins.
  [[nodiscard]] std::string of(std::uint32_t number) const;
  [[nodiscard]] Result<codec::Converter*> converter_of(std::uint32_t number);

  const StoreSpec* spec_;
  std::map<std::uint32_t, codec::Converter> converters_;
};

}  // namespace millrace::stream::runtime
