// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

namespace millrace::service {

/// Version of Millrace, semantic versioning 2.0.
inline constexpr std::string_view version = "0.1.0";

}  // namespace millrace::service
