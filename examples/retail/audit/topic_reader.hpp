// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "millrace/codec/describe.hpp"
#include "millrace/codec/envelope.hpp"
#include "millrace/log/log.hpp"

namespace retail {

/// A public record as the audit sees it. Lives for the call.
struct AuditedRecord {
  std::string_view topic;
  std::int32_t partition = 0;
  const millrace::log::RecordView& record;
  millrace::codec::EventContext context;

  [[nodiscard]] std::string_view key() const { return record.key.value_or(""); }
  /// `stock.shelves-2@17`.
  [[nodiscard]] std::string name() const;
  template <class T>
  [[nodiscard]] millrace::Result<T> decode() const {
    return millrace::codec::from_json<T>(record.value.value_or(""), context.type);
  }
};

/// Hands over every record that the topic has now, partition by partition in order. A record
/// without a readable envelope comes with an empty one. False: there is no such topic. Failures as
/// Log::fetch.
[[nodiscard]] millrace::Result<bool> read_topic(
    millrace::log::Log& log, std::string_view topic,
    const std::function<void(const AuditedRecord&)>& visit);

}  // namespace retail
