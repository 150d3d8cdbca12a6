// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace millrace {
class JsonWriter;
}

namespace millrace::telemetry {

/// The value of a field: a number, a text or a boolean. A text is a view: it must be valid until
/// the call to which the field is passed returns.
class FieldValue {
 public:
  using Variant = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  FieldValue(std::string_view text) : value_(text) {}
  FieldValue(const std::string& text) : value_(std::string_view(text)) {}
  FieldValue(const char* text) : value_(std::string_view(text)) {}
  FieldValue(bool truth) : value_(truth) {}
  template <std::signed_integral T>
  FieldValue(T number) : value_(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  FieldValue(T number) : value_(static_cast<std::uint64_t>(number)) {}
  FieldValue(double number) : value_(number) {}

  [[nodiscard]] const Variant& get() const { return value_; }

 private:
  Variant value_;
};

/// A name and a value in a log line or a problem body: `{"partition", 3}`. A view, see FieldValue.
struct Field {
  std::string_view name;
  FieldValue value;
};

/// The field with the correlation id of the request to which a log line belongs.
[[nodiscard]] inline Field correlation(std::string_view id) { return {"correlation_id", id}; }

/// Writes the field as a member of the present object of `out`.
void write_field(JsonWriter& out, const Field& field);

}  // namespace millrace::telemetry
