// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/field.hpp"

#include "millrace/base/json_writer.hpp"

namespace millrace::telemetry {

void write_field(JsonWriter& out, const Field& field) {
  out.key(field.name);
  std::visit([&out](const auto& value) { out.value(value); }, field.value.get());
}

}  // namespace millrace::telemetry
