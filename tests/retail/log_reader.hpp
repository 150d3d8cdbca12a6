// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/log/log.hpp"

namespace retail_test {

/// A record of a topic, owning its bytes.
struct Read {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::uint64_t position = 0;  ///< of its commit
  std::string key, value;
  std::vector<std::pair<std::string, std::string>> headers;
  [[nodiscard]] std::string header(std::string_view name) const;
};

/// Looks into the log of a system from outside, as a member of it that owns nothing. Failures
/// throw std::runtime_error. One thread.
class LogReader {
 public:
  /// `service`: whom it writes as.
  explicit LogReader(const std::string& log_name, const std::string& service = {});
  ~LogReader();

  /// Everything in a topic, partition by partition; nothing when there is no such topic.
  [[nodiscard]] std::vector<Read> all(const std::string& topic);
  /// Appends a record to the partition of its key.
  void append(const std::string& topic, const std::string& key, const std::string& value,
              const std::vector<std::pair<std::string, std::string>>& headers);
  [[nodiscard]] std::uint64_t committed();
  /// Requests that have reached a final event.
  [[nodiscard]] std::int64_t final_requests();
  /// Records that groups have not read yet.
  [[nodiscard]] std::int64_t lag();
  /// Tasks of the service's groups: name and the member that has it, empty when nobody does.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> owners(const std::string& service);
  [[nodiscard]] std::string describe_groups();
  [[nodiscard]] millrace::log::Log& log() { return *log_; }

 private:
  struct Outside;
  std::unique_ptr<Outside> outside_;
  std::unique_ptr<millrace::log::Log> log_;
};

}  // namespace retail_test
