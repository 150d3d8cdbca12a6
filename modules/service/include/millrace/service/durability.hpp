// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::service {

/// Reads `sync`, `os` or `interval=MS` into the options. errc::invalid_argument says what is
/// wanted.
[[nodiscard]] Status read_durability(std::string_view text, log::LogOptions& options);

}  // namespace millrace::service
