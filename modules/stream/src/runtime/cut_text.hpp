// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <string_view>

namespace millrace::stream::runtime {

/// At most so many bytes of the text from its front. UTF-8 is cut between two characters, so that
/// what is left is UTF-8 too.
[[nodiscard]] constexpr std::string_view cut_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return text;
  }
  constexpr std::size_t continuation_bytes_max = 3;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < continuation_bytes_max && continues(end)) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace millrace::stream::runtime
