// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/http/message.hpp"
#include "millrace/service/forwarder.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/view.hpp"

namespace millrace::service {

using RangeEntries = stream::Answer<std::vector<std::pair<std::string, std::string>>>;

/// A range of a view, made of what several instances have of it. Not thread-safe.
class ViewRange {
 public:
  explicit ViewRange(const stream::StoreSpec& store) : store_(store) {}

  /// What this instance has. Its missing partitions are missing until add() brings them.
  [[nodiscard]] Status begin(const RangeEntries& local);
  /// No instance was asked for these yet.
  void begin(const std::vector<std::int32_t>& missing);
  /// What another instance has, or why not.
  void add(const Forwarder::Part& part);

  [[nodiscard]] bool is_whole() const { return missing_.empty(); }
  /// `1 (no instance has it), 3 (...)`
  [[nodiscard]] std::string missing() const;
  /// As a client gets it: up to `limit` entries in the order of keys.
  [[nodiscard]] Result<std::string> body(std::size_t limit) const;
  /// As another instance gets it, for its add().
  [[nodiscard]] Result<std::string> part() const;

 private:
  [[nodiscard]] Status add_entries(const std::string& json, const Forwarder::Part& part);

  const stream::StoreSpec& store_;
  std::map<std::string, std::string> entries_;   // the bytes of the key -> the value as JSON
  std::map<std::int32_t, std::string> missing_;  // -> why
};

}  // namespace millrace::service
