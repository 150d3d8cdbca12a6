// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/codec.hpp"

#include <algorithm>

#include "transparent.hpp"

namespace millrace::codec {

std::string_view event_type(const TypeInfo& described, const void* value) {
  const TypeInfo& type = resolve(&described, value);
  return event_type(type.kind == Kind::variant ? type.alternatives[type.ops.active(value)]()
                                               : described);
}

std::string_view event_type(const TypeInfo& type) {
  return type.event_types.empty() ? type.name : type.event_types.front();
}

bool is_event_type(const TypeInfo& type, std::string_view name) {
  if (type.event_types.empty()) return name == type.name;
  return std::find(type.event_types.begin(), type.event_types.end(), name) !=
         type.event_types.end();
}

}  // namespace millrace::codec
