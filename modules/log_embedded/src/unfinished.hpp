// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

namespace millrace::log::embedded {

inline constexpr std::string_view prepared_suffix = ".prepared";
inline constexpr std::string_view unfinished_suffix = ".unfinished";

/// True if a file in the directory of the journal is a segment that was prepared or is being
/// created (`next`, perhaps with a dot and a number, and one of the two suffixes), or an incomplete
/// index file.
[[nodiscard]] inline bool is_unfinished(std::string_view name) {
  constexpr std::string_view all_digits = "0123456789";
  constexpr std::string_view index_suffix = ".batches.tmp";
  if (name.size() > index_suffix.size() && name.ends_with(index_suffix)) {
    return name.find_first_not_of(all_digits) == name.size() - index_suffix.size();
  }
  constexpr std::string_view prefix = "next";
  if (!name.starts_with(prefix)) {
    return false;
  }
  name.remove_prefix(prefix.size());
  const std::string_view ending =
      name.ends_with(prepared_suffix) ? prepared_suffix : unfinished_suffix;
  if (!name.ends_with(ending)) {
    return false;
  }
  name.remove_suffix(ending.size());
  return name.empty() || (name.size() > 1 && name.front() == '.' &&
                          name.find_first_not_of(all_digits, 1) == std::string_view::npos);
}

}  // namespace millrace::log::embedded
