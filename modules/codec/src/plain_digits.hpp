// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

namespace millrace::codec {

/// A number of JSON with a fraction or an exponent as its digits alone: 10.0, 1e1 and 100e-1
/// are 10. Empty when it is not whole, or larger than any integer.
[[nodiscard]] std::string plain_digits(std::string_view token);

}  // namespace millrace::codec
