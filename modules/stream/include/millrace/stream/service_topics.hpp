// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

// The topics that a service has beside those of its topology, by the ends of their names: for
// tools, which see nothing but the log.
namespace millrace::stream {

/// `<service>.dead-letters` (docs/formats/dead_letter.md).
inline constexpr std::string_view dead_letters_suffix = ".dead-letters";
/// `<service>.retry`: where dead letters are sent to be processed again.
inline constexpr std::string_view retry_suffix = ".retry";
/// `<service>.<part>.system.ranges`: private; says where ranges of inputs end.
inline constexpr std::string_view ranges_suffix = ".system.ranges";

[[nodiscard]] constexpr bool is_dead_letters(std::string_view topic) {
  return topic.ends_with(dead_letters_suffix);
}

}  // namespace millrace::stream
