// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::bench {

/// Writes the inputs: to Kafka through librdkafka, to the embedded log through the log. One thread.
class InputWriter {
 public:
  virtual ~InputWriter() = default;
  /// The key chooses the partition as everywhere.
  virtual void write(std::int64_t timestamp_ms, std::string_view key, std::string_view value) = 0;
  /// Returns when all that was written is in the log.
  virtual void flush() = 0;
};

/// Opens a topic, made when missing, for writing. `prompt`: each record goes out at once; else in
/// large batches.
[[nodiscard]] std::unique_ptr<InputWriter> open_input(const std::string& url,
                                                      const std::string& topic,
                                                      std::int32_t partitions, bool prompt);

/// Reads what is committed to a topic, all partitions from the first record on. One thread.
class OutputReader {
 public:
  using Take = std::function<void(std::string_view key, std::string_view value)>;
  virtual ~OutputReader() = default;
  /// Hands over what is there, or waits for it up to the time given; how many records there were.
  virtual std::size_t read(std::int64_t wait_ms, const Take& take) = 0;
};

/// Opens a topic for reading; one that does not exist yet is waited for.
[[nodiscard]] std::unique_ptr<OutputReader> open_output(const std::string& url,
                                                        const std::string& topic);

}  // namespace millrace::bench
