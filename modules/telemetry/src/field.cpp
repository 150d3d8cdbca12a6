// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/field.hpp"

#include "millrace/base/json_writer.hpp"

namespace millrace::telemetry {

void append_json_string(std::string& out, std::string_view text) { JsonWriter(out).value(text); }

void append_json_field(std::string& out, const Field& field) {
  JsonWriter writer(out);
  writer.key(field.name);
  std::visit([&writer](const auto& value) { writer.value(value); }, field.value.get());
}

}  // namespace millrace::telemetry
