// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/mutex.hpp"
#include "millrace/stream/byte_store.hpp"

namespace millrace::testkit {

/// The simplest stream::ByteStore: an ordered map with a mutex. For tests, and as an example.
class MapStore final : public stream::ByteStore {
 public:
  [[nodiscard]] std::optional<Entry> get(std::string_view key) const override;
  void range(std::string_view from, std::string_view to, Visitor visit) const override;
  [[nodiscard]] std::optional<std::string> last_key(
      std::optional<std::string_view> before) const override;
  [[nodiscard]] std::size_t size() const override;
  [[nodiscard]] std::size_t bytes() const override;
  void write(std::span<const Change> changes) override;
  void clear() override;

 private:
  mutable SharedMutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace millrace::testkit
