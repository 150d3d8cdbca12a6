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
#include "retail/audit/pass_end.hpp"

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

/// Reads topics as they are now, or the part of them that one pass wrote. One thread.
class TopicReader {
 public:
  /// Reads behind `from` and up to `to`; null: from the beginning, to the end. Both and the log
  /// outlive the reader.
  explicit TopicReader(millrace::log::Log& log, const TopicEnds* from = nullptr,
                       const TopicEnds* to = nullptr)
      : log_(log), from_(from), to_(to) {}

  /// Hands over every record of the topic, partition by partition in order. A record without a
  /// readable envelope comes with an empty one. False: there is no such topic. errc::not_found:
  /// records that are to be read were removed. log::errc::corrupt: they end before they begin. Else
  /// failures as Log::fetch.
  [[nodiscard]] millrace::Result<bool> read(std::string_view topic,
                                            const std::function<void(const AuditedRecord&)>& visit);
  /// Where the topics ended that were read.
  [[nodiscard]] const TopicEnds& ends() const { return ends_; }

 private:
  [[nodiscard]] millrace::Status read_partition(
      std::string_view topic, millrace::log::TopicPartition partition,
      const std::function<void(const AuditedRecord&)>& visit);

  millrace::log::Log& log_;
  const TopicEnds* from_;
  const TopicEnds* to_;
  TopicEnds ends_;
};

}  // namespace retail
