// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>

namespace millrace {

/// The size of a terminal in characters; never 0.
struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// The present size of the terminal of a file descriptor; it may change between two calls. No value
/// if the descriptor is not a terminal. 80 by 24 if the terminal does not know its size.
[[nodiscard]] std::optional<TerminalSize> terminal_size(int descriptor);

}  // namespace millrace
