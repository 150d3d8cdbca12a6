// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_info.hpp"

namespace millrace::stream::runtime {

/// log's errc::too_large for `what`, as in `an entry of store balances`, with its key, its size and
/// the limit.
[[nodiscard]] Error too_large(std::string_view what, const codec::TypeInfo& key_type,
                              std::string_view key, std::size_t bytes, std::size_t limit);

}  // namespace millrace::stream::runtime
