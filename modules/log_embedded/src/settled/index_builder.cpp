// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/index_builder.hpp"

namespace millrace::log::embedded {

void IndexBuilder::resume(OffsetEntry last, const TimeEntry* last_time) {
  last_indexed_ = static_cast<std::uint64_t>(last.position);
  if (last_time != nullptr) {
    largest_ = *last_time;
    last_time_ms_ = last_time->time_ms;
  }
}

void IndexBuilder::add(const RecordBatchHeader& header, std::uint64_t position, std::string& index,
                       std::string& times) {
  const auto relative =
      static_cast<std::int32_t>(header.base_offset.value + header.last_offset_delta - base_.value);
  if (header.max_timestamp_ms > largest_.time_ms) {
    largest_ = {header.max_timestamp_ms, relative};
  }
  if (position - last_indexed_ > interval_bytes_) {
    OffsetEntry{relative, static_cast<std::int32_t>(position)}.append_to(index);
    last_indexed_ = position;
    close(times);
  }
}

void IndexBuilder::close(std::string& times) {
  if (largest_.time_ms > last_time_ms_) {
    largest_.append_to(times);
    last_time_ms_ = largest_.time_ms;
  }
}

}  // namespace millrace::log::embedded
