// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/json_writer.hpp"

namespace millrace::codec {

struct TypeInfo;

/// Writes the value as part of a larger JSON text, as encode() does, for people: what encode()
/// refuses, an infinity or a NaN, is null.
void write_json(const TypeInfo& type, const void* value, JsonWriter& out);

}  // namespace millrace::codec
