// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

namespace millrace::log {

/// Owns the topics of the library itself, `__millrace.NAME`. Those of kind `commands` any service
/// creates and writes.
inline constexpr std::string_view library_service = "__millrace";

}  // namespace millrace::log
