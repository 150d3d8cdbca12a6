// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/base/assert.hpp"
#include "millrace/log/record_batch.hpp"

using namespace millrace::log;

// Any bytes are decoded or refused; what is decoded can be walked, and encoding it again gives
// records that decode.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(batch_checksum_holds(bytes));
  std::vector<RecordView> records;
  if (!read_batch_header(bytes) || !decode_batch(bytes, records)) {
    MILLRACE_ASSERT(records.empty(), "a refused batch leaves no records");
    return 0;
  }
  RecordBatchBuilder builder;
  for (const RecordView& record : records) {
    std::string_view cursor = record.headers.encoded();
    HeaderView header;
    std::int32_t headers = 0;
    while (HeadersView::next(cursor, header)) {
      ++headers;
    }
    MILLRACE_ASSERT(headers == record.headers.size(),
                    "the count of headers is that of the encoded ones");
    builder.add(record);
  }
  std::vector<RecordView> again;
  const std::string_view batch = builder.finish();
  MILLRACE_ASSERT(batch_checksum_holds(batch) && decode_batch(batch, again),
                  "what was encoded decodes");
  MILLRACE_ASSERT(again.size() == records.size(), "as many as before");
  for (std::size_t i = 0; i < again.size(); ++i) {
    MILLRACE_ASSERT(again[i].key == records[i].key && again[i].value == records[i].value,
                    "the same records");
    MILLRACE_ASSERT(again[i].timestamp_ms == records[i].timestamp_ms, "the same times");
  }
  return 0;
}
