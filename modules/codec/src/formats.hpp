// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_info.hpp"

/// The two formats behind encode() and decode(); what those promise holds here.
namespace millrace::codec {

void encode_json(const TypeInfo& type, const void* value, std::string& out);
[[nodiscard]] Status decode_json(const TypeInfo& type, std::string_view event_type,
                                 std::string_view bytes, void* out);

void encode_binary(const TypeInfo& type, const void* value, std::string& out);
[[nodiscard]] Status decode_binary(const TypeInfo& type, std::string_view bytes, void* out);

}  // namespace millrace::codec
