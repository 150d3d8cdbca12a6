// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// The message of every error about a format of a newer build: the format, the version that was
/// found, the highest version that is known, and what to do. `where` is the file, or topic,
/// partition and offset; empty when the caller adds it.
[[nodiscard]] inline std::string newer_format(std::string_view where, std::string_view format,
                                              std::uint64_t found, std::uint64_t highest) {
  std::string out(where);
  out.append(where.empty() ? "" : ": ").append(format);
  return out + " has version " + std::to_string(found) + ", this program reads up to version " +
         std::to_string(highest) + ": use a newer Millrace";
}

/// Reads the version in a header, in decimal digits. Returns it if it is above `highest`; no value
/// if it is known or the header is missing, which means version 1. Text that is not a number counts
/// as the largest version.
[[nodiscard]] inline std::optional<std::uint64_t> newer_version(
    std::optional<std::string_view> text, std::uint64_t highest) {
  if (!text) return std::nullopt;
  std::uint64_t version = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, version);
  if (read.ec != std::errc{} || read.ptr != end)
    version = std::numeric_limits<std::uint64_t>::max();
  return version > highest ? std::optional(version) : std::nullopt;
}

}  // namespace millrace
