// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

#include "millrace/log/types.hpp"

namespace millrace::log {

/// Owns the topics of the library itself, `__millrace.NAME`. Those of kind `commands` any service
/// creates and writes.
inline constexpr std::string_view library_service = "__millrace";

/// Whether a service restores itself from the topic: the changelog of a store or of a part, or its
/// manifest. By kind and name, whatever the settings of the topic are.
[[nodiscard]] bool is_state(const TopicSpec& spec);

}  // namespace millrace::log
