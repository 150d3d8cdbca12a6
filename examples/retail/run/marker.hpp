// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"

namespace retail {

/// The file that makes a directory one of a run. Without it nothing is written there or deleted.
inline constexpr const char* marker_file = "retail-run.json";
/// What builds before that file wrote instead: the line `stock=ample` or `stock=scarce`.
inline constexpr const char* old_marker_file = "estate";

/// What a directory was begun with: what may not change when the run is resumed.
struct Marker {
  /// Of the file; 0: it is of the old form.
  std::int64_t format = 0;
  std::string stock;
  /// Identity of the log that the run is kept in (Log::identity); empty while it is not known.
  std::string log;
};

/// The marker of a directory, or no value. errc::invalid_argument: it cannot be read, or a newer
/// version of ./run wrote it.
[[nodiscard]] millrace::Result<std::optional<Marker>> read_marker(millrace::FileSystem& files,
                                                                  const std::string& directory);

/// Writes it in the form of this version, in place of one of the old form.
[[nodiscard]] millrace::Status write_marker(millrace::FileSystem& files,
                                            const std::string& directory, Marker marker);

}  // namespace retail
