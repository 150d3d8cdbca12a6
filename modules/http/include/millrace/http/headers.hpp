// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::http {

/// Header fields in the order in which they were added, all in one buffer. Names are compared
/// without regard to case. Not thread-safe.
///
/// Safe against header injection: control characters in a value become spaces, and a field whose
/// name is not an HTTP token is dropped.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

  /// Appends a field, even if there is a field with this name.
  void add(std::string_view name, std::string_view value);
  /// Replaces the first field of that name, or appends it.
  void set(std::string_view name, std::string_view value);
  /// The value of the first field of that name. The view holds until the next change.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// Name and value of field `i`. The views hold until the next change.
  [[nodiscard]] std::pair<std::string_view, std::string_view> at(std::size_t i) const;
  void clear();

 private:
  struct Entry {
    std::uint32_t name_at, name_size, value_at, value_size;
  };
  [[nodiscard]] std::string_view text(std::uint32_t at, std::uint32_t size) const {
    return std::string_view(text_).substr(at, size);
  }
  std::uint32_t append_value(std::string_view value);

  std::string text_;
  std::vector<Entry> entries_;
};

/// True if two header names, methods or tokens are equal without regard to the case of ASCII
/// letters.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace millrace::http
