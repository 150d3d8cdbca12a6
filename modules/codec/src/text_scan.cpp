// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "text_scan.hpp"

namespace millrace::codec {

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80U   ? 1
                             : lead < 0xc2U ? 0
                             : lead < 0xe0U ? 2
                             : lead < 0xf0U ? 3
                             : lead < 0xf5U ? 4
                                            : 0;
  if (length == 0 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) {
      return 0;
    }
  }
  const unsigned second = length > 2 ? byte(1) : 0;
  const bool outside = (lead == 0xe0U && second < 0xa0U) || (lead == 0xedU && second > 0x9fU) ||
                       (lead == 0xf0U && second < 0x90U) || (lead == 0xf4U && second > 0x8fU);
  return outside ? 0 : length;
}

}  // namespace millrace::codec
